import { describe, expect, test } from 'vitest'
import type { DnsSettings } from '../../core/config/settings.ts'
import type { Message, Resource } from '../../core/dns/wire.ts'
import { encode, RCODE, TYPE } from '../../core/dns/wire.ts'
import { Failure } from '../../core/failure.ts'
import { Resolver } from '../../core/flow/resolver.ts'
import { answer, type Asked, Machine, record, type Script, settle, soa } from './machine.ts'

const A = '127.0.0.1:53'
const B = '127.0.0.2:53'

const SETTINGS: DnsSettings = {
  servers: [A],
  timeout: 2000,
  retries: 2,
  ttl_min: 0,
  ttl_max: 86_400_000,
  negative_ttl_max: 3_600_000,
  stale: 0,
  cache_size: 1000,
  fqdn_only: true,
  hosts: false,
  hosts_file: '/etc/hosts',
  resolv_conf: '/etc/resolv.conf',
}

function setUp(scripts: Record<string, Script>, settings: Partial<DnsSettings> = {}): [Machine, Resolver] {
  const machine = new Machine()
  for (const [label, script] of Object.entries(scripts)) machine.servers.set(label, script)
  return [machine, new Resolver(machine.runtime, { ...SETTINGS, servers: Object.keys(scripts), ...settings })]
}

/** Answers each question with these records of its type, or with none. */
function serve(...records: Resource[]): (asked: Asked) => void {
  return (asked) => {
    const { type } = asked.message.questions[0]
    asked.reply(answer(asked, { answers: records.filter((each) => each.type === type || each.type === TYPE.CNAME) }))
  }
}

const says = (parts: Partial<Message>) => (asked: Asked) => asked.reply(answer(asked, parts))
const good = serve(record('www.x.test', 'A', '192.0.2.1'), record('www.x.test', 'AAAA', '2001:db8::1'))
const silent: Script = () => {}

async function failure(machine: Machine, promise: Promise<unknown>): Promise<Failure & { ms: number }> {
  const { error, ms, value } = await machine.outcome(promise)
  expect(value).toBeUndefined()
  expect(error).toBeInstanceOf(Failure)
  return Object.assign(error as Failure, { ms })
}

/** Nothing is left behind: no socket, and no timer once it has noticed. */
async function expectClean(machine: Machine): Promise<void> {
  await machine.advance(60)
  expect(machine.open.size).toBe(0)
  expect(machine.timers.size).toBe(0)
}

describe('a name with addresses', () => {
  test('is asked for once, then known', async () => {
    const [machine, resolver] = setUp({ [A]: good })
    expect(resolver.cached('www.x.test', 4)).toBeNull()
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    expect((await machine.outcome(resolver.lookup('WWW.X.test.', 6))).value).toEqual(['2001:db8::1'])
    expect(resolver.cached('www.x.test', 4)).toEqual(['192.0.2.1'])
    expect(resolver.cached('WWW.x.test', 6)).toEqual(['2001:db8::1'])
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    expect(machine.log).toEqual([`${A} udp www.x.test A`, `${A} udp www.x.test AAAA`])
    await expectClean(machine)
  })

  test('is asked for once by many at a time', async () => {
    const [machine, resolver] = setUp({ [A]: good })
    const all = await machine.outcome(Promise.all(Array.from({ length: 50 }, () => resolver.lookup('www.x.test', 4))))
    expect(all.value).toHaveLength(50)
    expect(machine.log).toHaveLength(1)
  })
})
