/** The resolver on the machine it runs on: real sockets, real name servers with zones of the test's own, and liars. */

import { Buffer } from 'node:buffer'
import type { RemoteInfo, Socket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canonical } from '../../core/bytes/address.ts'
import type { DnsSettings } from '../../core/config/settings.ts'
import type { Message, Resource } from '../../core/dns/message.ts'
import { CLASS_IN, RCODE, TYPE } from '../../core/dns/message.ts'
import { decode, encode } from '../../core/dns/wire.ts'
import { Failure } from '../../core/failure.ts'
import { Resolver } from '../../core/flow/resolver.ts'
import type { Runtime } from '../../core/runtime.ts'
import { freePort, lacking, newFolder, Peer } from './peers.ts'
import { until } from './waiting.ts'

// Only its own runtime can load an adapter, and vitest does not know which that is.
const runtime: Runtime = 'Deno' in globalThis
  ? (await import('../../adapters/deno/runtime.ts')).runtime
  : 'Bun' in globalThis
  ? (await import('../../adapters/bun/runtime.ts')).runtime
  : (await import('../../adapters/node/runtime.ts')).runtime

const SETTINGS: DnsSettings = {
  servers: [],
  timeout: 2000,
  retries: 3,
  ttl_min: 0,
  ttl_max: 86_400_000,
  negative_ttl_max: 3_600_000,
  stale: 0,
  cache_size: 10_000,
  fqdn_only: true,
  hosts: false,
  hosts_file: '/etc/hosts',
  resolv_conf: '/etc/resolv.conf',
}

const open = new Set<{ close(): void }>()
afterAll(() => {
  for (const each of open) each.close()
})

function resolverFor(servers: readonly string[], settings: Partial<DnsSettings> = {}): Resolver {
  const resolver = new Resolver(runtime, { ...SETTINGS, servers, ...settings })
  open.add(resolver)
  return resolver
}

async function failure(promise: Promise<unknown>): Promise<Failure> {
  const error = await promise.then((value) => new Error(`It gave ${JSON.stringify(value)}`), (error) => error)
  if (!(error instanceof Failure)) throw error
  return error
}

const asked = (resolver: Resolver): number => resolver.statistics.servers[0].queries

const LONG_LABEL = 'l'.repeat(63)
const LONG_NAME = `${'m'.repeat(63)}.${'n'.repeat(63)}.${'o'.repeat(63)}.${'p'.repeat(54)}.x.test`
const MANY = Array.from({ length: 200 }, (_, i) => `192.0.2.${i}`)
const MANY_6 = Array.from({ length: 200 }, (_, i) => canonical(`2001:db8::${i.toString(16)}`))

const zone = (name: string, ...lines: string[]): string =>
  [
    `${name}. 60 IN SOA ns.${name}. hostmaster.${name}. 1 3600 600 86400 2`,
    `${name}. 60 IN NS ns.${name}.`,
    `ns.${name}. 60 IN A 127.0.0.1`,
    ...lines,
    '',
  ].join('\n')

const X_TEST = zone(
  'x.test',
  'www.x.test. 60 IN A 192.0.2.1',
  'www.x.test. 60 IN AAAA 2001:db8::1',
  'v6.x.test. 60 IN AAAA 2001:db8::6',
  'short.x.test. 1 IN A 192.0.2.5',
  'a1.x.test. 60 IN CNAME A2.x.test.',
  'a2.x.test. 60 IN CNAME a3.X.test.',
  'a3.x.test. 60 IN CNAME www.x.test.',
  'away.x.test. 60 IN CNAME here.y.test.',
  'lost.x.test. 60 IN CNAME gone.x.test.',
  'none.x.test. 60 IN CNAME v6.x.test.',
  'ring1.x.test. 60 IN CNAME ring2.x.test.',
  'ring2.x.test. 60 IN CNAME ring1.x.test.',
  'xn--bcher-kva.x.test. 60 IN A 192.0.2.7',
  `${LONG_LABEL}.x.test. 60 IN A 192.0.2.63`,
  `${LONG_NAME}. 60 IN A 192.0.2.253`,
  '*.wild.x.test. 60 IN A 192.0.2.42',
  ...MANY.map((address) => `many.x.test. 60 IN A ${address}`),
  ...MANY_6.map((address) => `many.x.test. 60 IN AAAA ${address}`),
)
const Y_TEST = zone('y.test', 'here.y.test. 60 IN A 192.0.2.9')

/** `downstream`: it answers for the zones itself, as an authority; else it resolves names in them, as a recursor. */
async function startUnbound(downstream: boolean): Promise<[Peer, number]> {
  const folder = newFolder()
  const [port, dead] = [await freePort(), await freePort()]
  writeFileSync(join(folder, 'x.zone'), X_TEST)
  writeFileSync(join(folder, 'y.zone'), Y_TEST)
  const zones = ['x', 'y'].map((name) =>
    `auth-zone:
  name: "${name}.test"
  zonefile: "${folder}/${name}.zone"
  for-downstream: ${downstream ? 'yes' : 'no'}
  for-upstream: yes
  fallback-enabled: no`
  )
  writeFileSync(
    join(folder, 'conf'),
    `server:
  interface: 127.0.0.1
  interface: ::1
  port: ${port}
  directory: "${folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  module-config: "iterator"
  do-not-query-localhost: no
  local-zone: "test." nodefault
  local-zone: "refused.test." always_refuse
  access-control: ::1/128 allow
${zones.join('\n')}
auth-zone:
  name: "broken.test"
  primary: 127.0.0.1@${dead}
  for-upstream: yes
  fallback-enabled: no
`,
  )
  const peer = new Peer(folder, 'unbound', ['-d', '-p', '-c', join(folder, 'conf')])
  await ready(peer, `127.0.0.1:${port}`, 'unbound')
  return [peer, port]
}

async function startDnsmasq(): Promise<[Peer, number]> {
  const folder = newFolder()
  const port = await freePort()
  writeFileSync(
    join(folder, 'hosts'),
    [...MANY, ...MANY_6].map((address) => `${address} many.x.test\n`).join('') +
      '192.0.2.1 www.x.test\n2001:db8::1 www.x.test\n2001:db8::6 v6.x.test\n192.0.2.7 xn--bcher-kva.x.test\n',
  )
  writeFileSync(
    join(folder, 'conf'),
    ['no-resolv', 'no-hosts', 'no-poll', 'bind-interfaces', 'listen-address=127.0.0.1', `port=${port}`]
      .concat(['user=', 'pid-file=', 'local=/x.test/', `addn-hosts=${folder}/hosts`, 'cname=a1.x.test,www.x.test'])
      .concat(['']).join('\n'),
  )
  const peer = new Peer(folder, 'dnsmasq', ['--keep-in-foreground', `--conf-file=${join(folder, 'conf')}`])
  await ready(peer, `127.0.0.1:${port}`, 'dnsmasq')
  return [peer, port]
}

async function ready(peer: Peer, server: string, what: string): Promise<void> {
  await peer.ready(async () => {
    const resolver = resolverFor([server], { timeout: 200, retries: 0 })
    const found = await resolver.lookup('www.x.test', 4).then(() => true, () => false)
    resolver.close()
    open.delete(resolver)
    return found
  }, what)
}

const withoutUnbound = lacking('unbound')
const withoutDnsmasq = lacking('dnsmasq')

describe.skipIf(withoutUnbound !== '')(`beside unbound${withoutUnbound}`, () => {
  let recursor: Peer
  let authority: Peer
  let server: string
  let server6: string
  let authorityServer: string

  beforeAll(async () => {
    const [first, port] = await startUnbound(false)
    const [second, otherPort] = await startUnbound(true)
    recursor = first
    authority = second
    server = `127.0.0.1:${port}`
    server6 = `[::1]:${port}`
    authorityServer = `127.0.0.1:${otherPort}`
  })
  afterAll(() => {
    recursor?.[Symbol.dispose]()
    authority?.[Symbol.dispose]()
  })

  test('addresses of both families', async () => {
    const resolver = resolverFor([server])
    const both = await Promise.all([resolver.lookup('www.x.test', 4), resolver.lookup('WWW.x.TEST.', 6)])
    expect(both).toEqual([['192.0.2.1'], ['2001:db8::1']])
    expect(resolver.cached('www.x.test', 4)).toEqual(['192.0.2.1'])
    expect(resolver.cached('www.x.test', 6)).toEqual(['2001:db8::1'])
    expect(asked(resolver)).toBe(2)
  })

  test('asked over IPv6', async () => {
    const resolver = resolverFor([server6])
    expect(await resolver.lookup('www.x.test', 4)).toEqual(['192.0.2.1'])
    expect(await resolver.lookup('many.x.test', 4)).toHaveLength(200)
  })

  test('chains of aliases', async () => {
    const resolver = resolverFor([server])
    expect(await resolver.lookup('a1.x.test', 4)).toEqual(['192.0.2.1'])
    expect(await resolver.lookup('a1.x.test', 6)).toEqual(['2001:db8::1'])
    expect(await resolver.lookup('away.x.test', 4)).toEqual(['192.0.2.9'])
    expect(await resolver.lookup('none.x.test', 4)).toEqual([])
    expect(asked(resolver)).toBe(4)
    const lost = await failure(resolver.lookup('lost.x.test', 4))
    expect(lost.code).toBe('name-not-found')
    expect(lost.detail).toContain('"gone.x.test", which "lost.x.test" is an alias of, does not exist')
    const ring = await failure(resolver.lookup('ring1.x.test', 4))
    expect(ring.code).toBe('name-failed')
  })

  test('an alias that leads out of what an authority knows is asked for anew', async () => {
    const resolver = resolverFor([authorityServer])
    expect(await resolver.lookup('away.x.test', 4)).toEqual(['192.0.2.9'])
    expect(asked(resolver)).toBe(2)
    expect((await failure(resolver.lookup('ring1.x.test', 4))).code).toBe('name-failed')
  })

  test('no such name and no such data, for as long as the SOA says', async () => {
    for (const where of [server, authorityServer]) {
      const resolver = resolverFor([where])
      const gone = await failure(resolver.lookup('gone.x.test', 4))
      expect([gone.code, gone.status]).toEqual(['name-not-found', 502])
      expect(gone.detail).toBe(`"gone.x.test" does not exist (said ${where})`)
      expect(await resolver.lookup('v6.x.test', 4)).toEqual([])
      expect(resolver.cached('v6.x.test', 4)).toEqual([])
      await failure(resolver.lookup('gone.x.test', 4))
      expect(asked(resolver)).toBe(2)
      // Two seconds, says the zone; of one, a server that has cached it may have none left to give.
      await until(async () => {
        await failure(resolver.lookup('gone.x.test', 4))
        return asked(resolver) > 2
      }, 'the end of a negative answer')
      expect(await resolver.lookup('v6.x.test', 4)).toEqual([])
    }
  })

  test('an answer lives for as long as its TTL says', async () => {
    const resolver = resolverFor([authorityServer])
    expect(await resolver.lookup('short.x.test', 4)).toEqual(['192.0.2.5'])
    expect(resolver.cached('short.x.test', 4)).toEqual(['192.0.2.5'])
    await until(() => resolver.cached('short.x.test', 4) === null, 'the end of a second')
    expect(await resolver.lookup('short.x.test', 4)).toEqual(['192.0.2.5'])
    expect(asked(resolver)).toBe(2)
  })

  test('200 addresses: cut short over UDP, whole over TCP', async () => {
    const resolver = resolverFor([server])
    expect([...await resolver.lookup('many.x.test', 4)].sort()).toEqual([...MANY].sort())
    expect(asked(resolver)).toBe(2)
    expect([...await resolver.lookup('many.x.test', 6)].sort()).toEqual([...MANY_6].sort())
    expect(asked(resolver)).toBe(4)
  })

  test('IDN, and names as long as they may be', async () => {
    const resolver = resolverFor([server])
    expect(await resolver.lookup('Bücher.x.test', 4)).toEqual(['192.0.2.7'])
    expect(await resolver.lookup(`${LONG_LABEL}.x.test`, 4)).toEqual(['192.0.2.63'])
    expect(LONG_NAME).toHaveLength(253)
    expect(await resolver.lookup(LONG_NAME, 4)).toEqual(['192.0.2.253'])
    expect((await failure(resolver.lookup(`q${LONG_NAME}`, 4))).code).toBe('name-not-found')
    expect(asked(resolver)).toBe(3)
  })

  test('SERVFAIL and REFUSED, in words', async () => {
    const resolver = resolverFor([server])
    const broken = await failure(resolver.lookup('www.broken.test', 4))
    expect([broken.code, broken.status]).toEqual(['name-failed', 502])
    expect(broken.detail).toBe(`"www.broken.test" could not be resolved: ${server} said SERVFAIL`)
    const refused = await failure(resolver.lookup('www.refused.test', 4))
    expect(refused.detail).toBe(`"www.refused.test" could not be resolved: ${server} said REFUSED`)
  })

  test('SERVFAIL from one, good from the next', async () => {
    const resolver = resolverFor([await liar(says({ rcode: RCODE.SERVFAIL })), server])
    expect(await resolver.lookup('www.x.test', 4)).toEqual(['192.0.2.1'])
  })

  test('a silent server beside this one costs one short wait, and later none', async () => {
    const resolver = resolverFor([await liar(() => {}), server])
    expect(await resolver.lookup('n0.wild.x.test', 4)).toEqual(['192.0.2.42'])
    for (let i = 1; i <= 20; i++) expect(await resolver.lookup(`n${i}.wild.x.test`, 4)).toEqual(['192.0.2.42'])
    const [silent, live] = resolver.statistics.servers
    expect(silent).toMatchObject({ answers: 0, down: true })
    expect(silent.queries).toBeLessThan(5)
    expect(live.answers).toBe(21)
  })

  test('a server that is not there, too', async () => {
    const resolver = resolverFor([`127.0.0.1:${await freePort()}`, server])
    for (let i = 0; i < 20; i++) expect(await resolver.lookup(`r${i}.wild.x.test`, 4)).toEqual(['192.0.2.42'])
    expect(resolver.statistics.servers[0]).toMatchObject({ answers: 0, down: true })
  })

  test('a thousand names at once, and no socket is left behind', async () => {
    const sockets = (): number => readdirSync('/proc/self/fd').length
    const before = sockets()
    const resolver = resolverFor([server], { timeout: 5000 })
    const names = Array.from({ length: 1000 }, (_, i) => `t${i}.wild.x.test`)
    const found = await Promise.all(names.map((name) => resolver.lookup(name, 4)))
    expect(found.every(([address]) => address === '192.0.2.42')).toBe(true)
    expect(resolver.statistics).toMatchObject({ open: 0, waiting: 0, entries: 1000 })
    await until(() => sockets() <= before, 'the closing of all sockets')
  })
})

describe.skipIf(withoutDnsmasq !== '')(`beside dnsmasq${withoutDnsmasq}`, () => {
  let peer: Peer
  let server: string

  beforeAll(async () => {
    const [started, port] = await startDnsmasq()
    peer = started
    server = `127.0.0.1:${port}`
  })
  afterAll(() => peer?.[Symbol.dispose]())

  test('addresses, aliases, none', async () => {
    const resolver = resolverFor([server])
    expect(await resolver.lookup('www.x.test', 4)).toEqual(['192.0.2.1'])
    expect(await resolver.lookup('www.x.test', 6)).toEqual(['2001:db8::1'])
    expect(await resolver.lookup('a1.x.test', 4)).toEqual(['192.0.2.1'])
    expect(await resolver.lookup('bücher.x.test', 4)).toEqual(['192.0.2.7'])
    expect(await resolver.lookup('v6.x.test', 4)).toEqual([])
    expect((await failure(resolver.lookup('gone.x.test', 4))).code).toBe('name-not-found')
    // It keeps the case of letters: nothing had to be asked twice.
    expect(asked(resolver)).toBe(6)
  })

  test('200 addresses: cut short over UDP, whole over TCP', async () => {
    const resolver = resolverFor([server])
    expect([...await resolver.lookup('many.x.test', 4)].sort()).toEqual([...MANY].sort())
    expect([...await resolver.lookup('many.x.test', 6)].sort()).toEqual([...MANY_6].sort())
    expect(asked(resolver)).toBe(4)
  })

  test('a name of somewhere else, which it does not forward, is refused in words', async () => {
    const resolver = resolverFor([server])
    const { code, detail } = await failure(resolver.lookup('www.example.test', 4))
    expect(code).toBe('name-failed')
    expect(detail).toBe(`"www.example.test" could not be resolved: ${server} said REFUSED`)
  })
})

/** A packet that came in, and ways to answer it. */
interface Query {
  readonly message: Message
  /** To whom it says `bytes`, from the port that was asked. */
  reply(bytes: Uint8Array): void
  /** The same from another port of this machine. */
  replyFromElsewhere(bytes: Uint8Array): void
}

/** A server (UDP only) that does what it is told. */
async function liar(script: (query: Query) => void): Promise<string> {
  const [socket, other] = [await bound(), await bound()]
  socket.on('message', (packet: Buffer, from: RemoteInfo) => {
    const send = (by: Socket) => (bytes: Uint8Array) => by.send(bytes, from.port, from.address)
    script({ message: decode(packet), reply: send(socket), replyFromElsewhere: send(other) })
  })
  return `127.0.0.1:${socket.address().port}`
}

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  open.add(socket)
  return socket
}

function answer(message: Message, parts: Partial<Message>): Uint8Array {
  return encode({ ...message, response: true, recursionAvailable: true, edns: null, ...parts })
}

const says = (parts: Partial<Message>) => ({ message, reply }: Query): void => reply(answer(message, parts))

function address(message: Message, text: string): Resource {
  const data = { kind: 'address', address: text } as const
  return { name: message.questions[0].name, type: TYPE.A, class: CLASS_IN, ttl: 60, data }
}

describe('liars', () => {
  const forged = ({ message }: Query, parts: Partial<Message> = {}): Uint8Array =>
    answer(message, { answers: [address(message, '192.0.2.66')], ...parts })
  const lies: [string, (query: Query) => void][] = [
    ['the wrong port', (query) => query.replyFromElsewhere(forged(query))],
    ['the wrong id', (query) => query.reply(forged(query, { id: query.message.id ^ 0x100 }))],
    ['another name', (query) => {
      query.reply(forged(query, { questions: [{ ...query.message.questions[0], name: 'www.y.test' }] }))
    }],
    ['another type', (query) => {
      query.reply(forged(query, { questions: [{ ...query.message.questions[0], type: TYPE.AAAA }] }))
    }],
    ['no answer but a question', (query) => query.reply(forged(query, { response: false }))],
    ['no DNS', (query) => query.reply(Buffer.from('HTTP/1.1 200 OK\r\n\r\n'))],
    ['an empty packet', (query) => query.reply(new Uint8Array(0))],
  ]
  const truth = (query: Query): void =>
    query.reply(answer(query.message, { answers: [address(query.message, '192.0.2.1')] }))

  test.each(lies)('%s: dropped, and the true answer taken', async (_, lie) => {
    const resolver = resolverFor([
      await liar((query) => {
        lie(query)
        truth(query)
      }),
    ])
    expect(await resolver.lookup('www.x.test', 4)).toEqual(['192.0.2.1'])
  })

  test('lies alone are silence: 504', async () => {
    const server = await liar((query) => lies.forEach(([, lie]) => lie(query)))
    const resolver = resolverFor([server], { timeout: 300, retries: 1 })
    const { code, status, detail } = await failure(resolver.lookup('www.x.test', 4))
    expect([code, status]).toEqual(['name-timeout', 504])
    expect(detail).toBe(`"www.x.test" could not be resolved: ${server} did not answer`)
  })

  test('every query comes from a port of its own', async () => {
    const ports = new Set<number>()
    const socket = await bound()
    socket.on('message', (packet: Buffer, from: RemoteInfo) => {
      ports.add(from.port)
      const message = decode(packet)
      socket.send(answer(message, { answers: [address(message, '192.0.2.1')] }), from.port, from.address)
    })
    const resolver = resolverFor([`127.0.0.1:${socket.address().port}`])
    await Promise.all(Array.from({ length: 50 }, (_, i) => resolver.lookup(`n${i}.x.test`, 4)))
    expect(ports.size).toBe(50)
  })

  test('nobody there, in words; at once where the machine tells of ICMP errors (Deno does not)', async () => {
    // A port below those that queries come from, of which many are about.
    const server = '127.0.0.1:1'
    const resolver = resolverFor([server], { timeout: 500, retries: 0 })
    const { code, detail } = await failure(resolver.lookup('www.x.test', 4))
    const [expected, words] = runtime.name === 'deno'
      ? ['name-timeout', 'did not answer']
      : ['name-failed', 'is not there (connection refused)']
    expect(code).toBe(expected)
    expect(detail).toBe(`"www.x.test" could not be resolved: ${server} ${words}`)
  })
})

describe('files', () => {
  let folder: string
  beforeAll(() => void (folder = newFolder()))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('the hosts file is read, and followed', async () => {
    const hosts_file = join(folder, 'hosts')
    const resolver = resolverFor(['127.0.0.1:1'], { hosts: true, hosts_file })
    writeFileSync(hosts_file, '192.0.2.1 www.x.test\n::1 www.x.test\n')
    expect(await resolver.lookup('www.x.test', 4)).toEqual(['192.0.2.1'])
    expect(await resolver.lookup('www.x.test', 6)).toEqual(['::1'])
    writeFileSync(hosts_file, '192.0.2.22 www.x.test\n')
    await until(async () => (await resolver.lookup('www.x.test', 4))[0] === '192.0.2.22', 'the new hosts file')
    expect(asked(resolver)).toBe(0)
  })

  test('resolv.conf is read: without a port it is 53, where nobody of the test can listen', async () => {
    const resolv_conf = join(folder, 'resolv.conf')
    writeFileSync(resolv_conf, 'nameserver 127.0.0.99\n')
    const resolver = resolverFor([], { resolv_conf, timeout: 200, retries: 0 })
    const { detail } = await failure(resolver.lookup('www.x.test', 4))
    expect(detail).toContain('127.0.0.99:53')
  })
})
