/** Servers that do anything at all, at random: what must hold all the same. */

import { expect, test } from 'vitest'
import { RCODE, TYPE } from '../../core/dns/message.ts'
import { Failure } from '../../core/failure.ts'
import { Resolver } from '../../core/flow/resolver.ts'
import type { Random } from '../../scripts/fuzz/random.ts'
import { randomOf } from '../../scripts/fuzz/random.ts'
import { answer, type Asked, Machine, record, soa } from './machine.ts'

const TRUE = '192.0.2.1'
const FORGED = '192.0.2.66'
const TIMEOUT = 1000

const says = (address: string) => (asked: Asked): Uint8Array =>
  answer(asked, { answers: [record(asked.message.questions[0].name, 'A', address, 5)] })

/** Ways to answer: those a server may have, and those of someone who guesses. None of the latter has id and letters right. */
const DEEDS: ((asked: Asked, machine: Machine, random: Random) => void)[] = [
  (asked) => asked.reply(says(TRUE)(asked)),
  (asked) => asked.reply(says(TRUE)(asked)),
  () => {},
  (asked) => asked.reply(answer(asked, { rcode: RCODE.SERVFAIL })),
  (asked) => asked.reply(answer(asked, { rcode: RCODE.REFUSED })),
  (asked) => asked.reply(answer(asked, { rcode: RCODE.FORMERR, questions: [] })),
  (asked) => asked.reply(answer(asked, { rcode: RCODE.NXDOMAIN, authorities: [soa('x.test', 5)] })),
  (asked) => asked.reply(answer(asked, { authorities: [soa('x.test', 5)] })),
  (asked) => asked.reply(answer(asked, { truncated: true })),
  (asked, _, random) => asked.reply(says(TRUE)(asked).slice(0, random.below(60))),
  (asked, machine, random) => void machine.clock.after(random.below(3000), () => asked.reply(says(TRUE)(asked))),
  (asked) => {
    const [{ name }] = asked.message.questions
    asked.reply(answer(asked, { answers: [record(name, 'CNAME', `x${name}`)] }))
  },
  (asked) => {
    const { message } = asked
    const questions = [{ ...message.questions[0], name: message.questions[0].name.toLowerCase() }]
    asked.reply(says(TRUE)({ ...asked, message: { ...message, questions } }))
  },
  (asked) => asked.reply(answer(asked, { id: asked.message.id ^ 1, answers: [record('www.x.test', 'A', FORGED)] })),
  (asked) => {
    const questions = [{ name: 'www.y.test', type: TYPE.A, class: 1 }]
    asked.reply(says(FORGED)({ ...asked, message: { ...asked.message, questions } }))
  },
  (asked) => asked.close(),
  (asked) => asked.raw(new Uint8Array([0])),
  (asked) => asked.raw(new Uint8Array(70_000)),
]

test('a look-up ends in time, with the truth or a failure, and leaves nothing behind', async () => {
  const ends = new Map<string, number>()
  for (let seed = 1; seed <= 100; seed++) {
    const random = randomOf(seed)
    const machine = new Machine()
    const servers = Array.from({ length: 1 + random.below(3) }, (_, i) => `127.0.0.${i + 1}:53`)
    for (const server of servers) {
      if (random.below(6) === 0) machine.servers.set(server, 'refused')
      else machine.servers.set(server, (asked) => random.pick(DEEDS)(asked, machine, random))
    }
    const retries = random.below(4)
    const resolver = new Resolver(machine.runtime, {
      servers,
      timeout: TIMEOUT,
      retries,
      ttl_min: 0,
      ttl_max: 60_000,
      negative_ttl_max: 60_000,
      stale: random.below(2) * 60_000,
      cache_size: 4,
      fqdn_only: true,
      hosts: false,
      hosts_file: '',
      resolv_conf: '',
    })
    for (let i = 0; i < 8; i++) {
      const { value, error, ms } = await machine.outcome(resolver.lookup(`w${random.below(6)}.x.test`, 4))
      expect(ms, `seed ${seed}`).toBeLessThanOrEqual(TIMEOUT * (1 + retries) + 50)
      if (value === undefined) expect(error, `seed ${seed}`).toBeInstanceOf(Failure)
      else expect([[TRUE], []], `seed ${seed}`).toContainEqual(value)
      const end = value === undefined ? (error as Failure).code : value.length === 0 ? 'none' : 'found'
      ends.set(end, (ends.get(end) ?? 0) + 1)
      await machine.advance(random.below(20) * 100)
    }
    // Questions asked aside, and those whose answer came from an old one, have their own time.
    await machine.advance(TIMEOUT * (1 + retries) + 100)
    expect([machine.open.size, resolver.statistics.open], `seed ${seed}`).toEqual([0, 0])
    expect(resolver.statistics.entries, `seed ${seed}`).toBeLessThanOrEqual(4)
    resolver.close()
  }
  // The weather was mixed.
  expect([...ends.keys()].sort()).toEqual(['found', 'name-failed', 'name-not-found', 'name-timeout', 'none'])
})
