/** Who waits for a server of a group, and when they are looked at again. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../core/failure.ts'
import { type Balance, Group, type GroupOptions, Server } from '../../core/flow/group.ts'
import { GroupQueue, type Turn } from '../../core/flow/group_queue.ts'
import { EJECTION } from '../../core/limits.ts'
import { MemoryClock, settle } from '../memory/clock.ts'

const PATIENCE = 60_000

/** Servers a, b, ... of which each has room for one; `served` names the server that each waiter was given, in order. */
function world(count: number, options: Partial<GroupOptions> = {}) {
  const clock = new MemoryClock()
  const servers = Array.from({ length: count }, (_, i) => new Server('abc'[i], 80))
  const group = new Group(
    'g',
    servers,
    { balance: 'first', fall: 1, rise: 1, slow_start: 0, most: 1, ...options },
    clock,
  )
  const queue = new GroupQueue(group, clock, 10, PATIENCE)
  const served: string[] = []
  const wait = (who: string, choose = () => group.choose('')) => {
    const turn = queue.wait(choose)
    turn.server.then(({ host }) => served.push(who + host), ({ code }: Failure) => served.push(`${who} ${code}`))
    return turn
  }
  return { clock, group, queue, servers, served, wait }
}

const actives = (servers: readonly Server[]): number[] => servers.map(({ active }) => active)

describe('whoever waits is looked at again', () => {
  test('when a request ends: the first in the queue has its place, and nobody else', async () => {
    const { group, queue, servers: [a], served, wait } = world(1)
    group.begin(a)
    for (const who of '123') wait(who)
    group.end(a)
    await settle()
    expect([served, a.active, queue.waiting]).toEqual([['1a'], 1, 2])
  })

  test('when a server comes up: as many as it has room for', async () => {
    const { group, queue, servers, served, wait } = world(2, { most: 2 })
    const [a, b] = servers
    group.judged(b, false)
    for (let i = 0; i < 2; i++) group.begin(a)
    for (const who of '123') wait(who)
    group.judged(b, true)
    await settle()
    expect([served, actives(servers), queue.waiting]).toEqual([['1b', '2b'], [2, 2], 1])
  })

  test('when the time ends for which one was left alone', async () => {
    const { clock, group, servers, served, wait } = world(2)
    const [a, b] = servers
    group.failed(b)
    group.begin(a)
    wait('1')
    wait('2')
    await clock.advance(EJECTION - 1)
    expect(served).toEqual([])
    await clock.advance(1)
    expect([served, actives(servers)]).toEqual([['1b'], [1, 1]])
    group.end(b)
    await settle()
    expect(served).toEqual(['1b', '2b'])
    expect(clock.pending).toBe(0)
  })

  test('when that time begins while they wait', async () => {
    const { clock, group, servers: [a, b], served, wait } = world(2)
    group.begin(a)
    group.begin(b)
    wait('1')
    group.failed(b)
    group.end(b)
    await settle()
    expect(served).toEqual([])
    await clock.advance(EJECTION)
    expect(served).toEqual(['1b'])
    expect(clock.pending).toBe(0)
  })

  test('when the server that one waits for is left alone, or down', async () => {
    for (const harm of ['failed', 'down']) {
      const { group, servers: [a, b], served, wait } = world(2)
      group.begin(a)
      // It had that one before.
      wait('1', () => group.well(a) ? null : group.choose(''))
      await settle()
      expect(served).toEqual([])
      if (harm === 'failed') group.failed(a)
      else group.judged(a, false)
      await settle()
      expect([served, b.active]).toEqual([['1b'], 1])
    }
  })

  test('when no other is left but one that is suspect', async () => {
    const { group, servers: [a, b], served, wait } = world(2)
    group.failed(b)
    group.begin(a)
    wait('1')
    group.judged(a, false)
    await settle()
    expect(served).toEqual(['1b'])
  })

  test('before a newcomer that notices it first', async () => {
    const { clock, group, servers, served, wait } = world(2)
    const [a, b] = servers
    group.failed(b)
    group.begin(a)
    wait('1')
    // The clock has gone on, and the timer was not heard yet.
    clock.now = () => 1000 + EJECTION
    expect(group.choose('')).toBe(null)
    await settle()
    expect([served, actives(servers)]).toEqual([['1b'], [1, 1]])
  })

  test('and no one is given two places, who notices it while being asked', async () => {
    const { clock, group, queue, servers, served, wait } = world(3)
    const [a, b, c] = servers
    group.begin(a)
    group.begin(c)
    group.failed(b)
    // Has no use for what there is, and is asked first.
    wait('1', () => null)
    wait('2')
    wait('3')
    clock.now = () => 1000 + EJECTION
    group.end(a)
    await settle()
    expect(served.sort()).toEqual(['2a', '3b'])
    expect([actives(servers), queue.waiting]).toEqual([[1, 1, 1], 1])
  })
})

test('a timer runs only while somebody waits for what time changes', async () => {
  const { clock, group, servers: [a, b], served, wait } = world(2)
  group.begin(a)
  group.failed(b)
  expect(clock.pending).toBe(0)
  const turns = [wait('1'), wait('2')]
  // The patience of each, and one that is for all.
  expect(clock.pending).toBe(3)
  for (const turn of turns) turn.cancel(new Failure('client-left'))
  expect(clock.pending).toBe(0)
  await settle()
  expect(served).toEqual(['1 client-left', '2 client-left'])
  await clock.advance(EJECTION)
  group.review()
  wait('3', () => null)
  expect(clock.pending).toBe(1)
  await clock.advance(PATIENCE)
  expect(served.at(-1)).toBe('3 servers-busy')
  expect(clock.pending).toBe(0)
})

type Event = readonly [what: 'ask' | 'end' | 'fail' | 'well' | 'ill' | 'pass' | 'leave', which: number]

const EVENT: fc.Arbitrary<Event> = fc.tuple(
  fc.constantFrom('ask', 'ask', 'ask', 'end', 'end', 'fail', 'well', 'ill', 'pass', 'leave'),
  fc.nat(9),
)

test.each<Balance>(['round_robin', 'least', 'hash_url', 'first'])(
  '%s: whatever happens, nobody waits for what a newcomer would be given',
  async (balance) => {
    await fc.assert(
      fc.asyncProperty(fc.array(EVENT, { maxLength: 40 }), fc.integer({ min: 1, max: 2 }), async (events, most) => {
        const { clock, group, queue, servers } = world(3, { balance, most, slow_start: 5000 })
        const open: Server[] = []
        const turns: Turn[] = []
        for (const [what, which] of events) {
          const server = servers[which % servers.length]
          if (what === 'fail') group.failed(server)
          else if (what === 'well' || what === 'ill') group.judged(server, what === 'well')
          else if (what === 'pass') await clock.advance(which * 500)
          else if (what === 'leave') turns.shift()?.cancel(new Failure('client-left'))
          else if (what === 'end') {
            if (open.length > 0) group.end(open.splice(which % open.length, 1)[0])
          } else {
            const found = group.choose('')
            if (found !== null) {
              group.begin(found)
              open.push(found)
            } else if (group.full()) {
              const turn = queue.wait(() => group.choose(''))
              turn.server.then((given) => open.push(given), () => {})
              turns.push(turn)
            }
          }
          await Promise.resolve()
          await Promise.resolve()
          if (queue.waiting > 0) expect(group.choose('')).toBe(null)
          expect(actives(servers)).toEqual(servers.map((one) => open.filter((each) => each === one).length))
        }
        for (const turn of turns) turn.cancel(new Failure('client-left'))
        expect(clock.pending).toBe(0)
      }),
      { numRuns: 60 },
    )
  },
)
