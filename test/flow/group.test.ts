import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Balance, Group, type GroupOptions, hashOf, Server } from '../../core/flow/group.ts'
import { EJECTION, EJECTION_MAX } from '../../core/limits.ts'

function world(count: number, options: Partial<GroupOptions> = {}) {
  const clock = {
    time: 1_000_000,
    now: () => clock.time,
    advance: (ms: number) => void (clock.time += ms),
  }
  const servers = Array.from({ length: count }, (_, i) => new Server(`10.0.0.${i + 1}`, 80))
  const group = new Group('g', servers, { balance: 'round_robin', fall: 3, rise: 2, slow_start: 0, ...options }, clock)
  return { clock, group, servers }
}

/** The last numbers of the addresses of those that are chosen, one after the other. */
function chosen(group: Group, count: number, key: (i: number) => string = () => ''): string {
  return Array.from({ length: count }, (_, i) => group.choose(key(i))?.host.slice(-1) ?? '-').join('')
}

function eject(group: Group, server: Server): void {
  while (!group.failed(server));
}

function counts(group: Group, count: number): Record<string, number> {
  const found: Record<string, number> = {}
  for (let i = 0; i < count; i++) {
    const host = group.choose(`key ${i}`)!.host.slice(-1)
    found[host] = (found[host] ?? 0) + 1
  }
  return found
}

const ALL: readonly Balance[] = ['round_robin', 'least', 'hash_client', 'hash_url', 'first']

describe('a server', () => {
  test.each([
    ['example.com', 80, 'example.com:80'],
    ['::1', 81, '[::1]:81'],
  ])('%s port %i is called %s', (host, port, key) => {
    expect(new Server(host, port).key).toBe(key)
  })
})

describe('choosing', () => {
  test('round robin goes in turn', () => {
    expect(chosen(world(3).group, 7)).toBe('1231231')
  })

  test('first takes the first that is well', () => {
    const { group, servers } = world(3, { balance: 'first' })
    expect(chosen(group, 3)).toBe('111')
    eject(group, servers[0])
    expect(chosen(group, 3)).toBe('222')
  })

  test('least takes the one with the fewest requests, and those that have equally many in turn', () => {
    const { group, servers } = world(3, { balance: 'least' })
    expect(chosen(group, 4)).toBe('1231')
    group.begin(servers[0])
    group.begin(servers[1])
    group.begin(servers[1])
    expect(chosen(group, 3)).toBe('333')
    group.begin(servers[2])
    group.end(servers[0])
    expect(chosen(group, 3)).toBe('111')
    expect(servers.map(({ active, chosen }) => [active, chosen])).toEqual([[0, 1], [2, 2], [1, 1]])
  })

  test.each(['hash_client', 'hash_url'] as const)(
    '%s gives a key to one server, and keys to all of them',
    (balance) => {
      const { group } = world(4, { balance })
      expect(new Set(chosen(group, 20, () => '192.0.2.7')).size).toBe(1)
      const found = counts(group, 4000)
      for (const name of ['1', '2', '3', '4']) {
        expect(found[name]).toBeGreaterThan(850)
        expect(found[name]).toBeLessThan(1150)
      }
    },
  )

  test('a server that leaves moves its own keys, and no other', () => {
    const { group, servers } = world(5, { balance: 'hash_client' })
    const key = (i: number) => `192.0.2.${i}`
    const before = chosen(group, 250, key)
    eject(group, servers[2])
    const after = chosen(group, 250, key)
    expect(after).not.toContain('3')
    for (const [i, name] of [...before].entries()) {
      if (name !== '3') expect(after[i]).toBe(name)
    }
    expect(new Set([...after].filter((_, i) => before[i] === '3')).size).toBe(4)
  })

  test('the order in which servers are written down does not matter to a hash', () => {
    const { group, servers, clock } = world(4, { balance: 'hash_client' })
    const other = new Group('other', [...servers].reverse(), group.options, clock)
    const key = (i: number) => `192.0.2.${i}`
    expect(chosen(other, 100, key)).toBe(chosen(group, 100, key))
  })

  test.each(ALL)('%s chooses nobody twice for one request', (balance) => {
    const { group, servers } = world(4, { balance })
    const tried = new Set<Server>()
    for (let i = 0; i < 4; i++) tried.add(group.choose('key', tried)!)
    expect(tried.size).toBe(servers.length)
    expect(group.choose('key', tried)).toBe(null)
  })

  test('hashes are of 32 bits, and differ', () => {
    const hashes = Array.from({ length: 1000 }, (_, i) => hashOf(`10.0.0.${i}`))
    expect(new Set(hashes).size).toBe(1000)
    for (const hash of hashes) expect(hash).toBe(hash >>> 0)
  })
})

describe('failures of requests', () => {
  test.each(ALL)('%s leaves a server alone after three in a row', (balance) => {
    const { group, servers } = world(2, { balance })
    expect(group.failed(servers[0])).toBe(false)
    expect(group.failed(servers[0])).toBe(false)
    expect(servers[0].state).toBe('up')
    expect(group.failed(servers[0])).toBe(true)
    expect(chosen(group, 20, (i) => `key ${i}`)).toBe('2'.repeat(20))
    expect([servers[0].failures, servers[0].state]).toEqual([3, 'ejected'])
  })

  test('one that goes well begins the row anew', () => {
    const { group, servers } = world(2)
    group.failed(servers[0])
    group.failed(servers[0])
    group.succeeded(servers[0])
    expect(group.failed(servers[0])).toBe(false)
    expect(chosen(group, 2)).toBe('12')
  })

  test('the time alone grows, and ends', () => {
    const { clock, group, servers } = world(2)
    for (let time = EJECTION;; time *= 2) {
      eject(group, servers[0])
      clock.advance(Math.min(time, EJECTION_MAX) - 1)
      expect(chosen(group, 4)).toBe('2222')
      clock.advance(1)
      expect([...chosen(group, 2)].sort().join('')).toBe('12')
      // One more failure is enough, as long as nothing has gone well.
      expect(servers[0].row).toBeGreaterThanOrEqual(group.options.fall)
      if (time > 4 * EJECTION_MAX) break
    }
    group.succeeded(servers[0])
    clock.advance(EJECTION_MAX + 1)
    eject(group, servers[0])
    clock.advance(EJECTION)
    expect([...chosen(group, 2)].sort().join('')).toBe('12')
  })

  test.each(ALL)('%s: when all are suspect, all are tried', (balance) => {
    const { group, servers } = world(3, { balance })
    for (const server of servers) eject(group, server)
    const tried = new Set<Server>()
    for (let i = 0; i < 3; i++) tried.add(group.choose('key', tried)!)
    expect(tried).toEqual(new Set(servers))
  })

  test('one that is alone is not left alone', () => {
    const { group, servers } = world(1)
    for (let i = 0; i < 10; i++) expect(group.failed(servers[0])).toBe(false)
    expect([servers[0].state, servers[0].failures]).toEqual(['up', 10])
  })

  test('a suspect is the last to be tried', () => {
    const { group, servers } = world(2)
    eject(group, servers[0])
    expect(group.choose('', null)).toBe(servers[1])
    expect(group.choose('', new Set([servers[1]]))).toBe(servers[0])
  })
})

describe('checks', () => {
  test('the first decides alone', () => {
    const { group, servers } = world(2)
    expect(group.judged(servers[0], false)).toBe(true)
    expect(group.judged(servers[1], true)).toBe(false)
    expect(chosen(group, 3)).toBe('222')
  })

  test('later ones decide in a row', () => {
    const { group, servers: [server] } = world(1)
    const said = (...results: boolean[]) => results.map((well) => group.judged(server, well))
    expect(said(true, false, false, true, false, false, false)).toEqual([
      false,
      false,
      false,
      false,
      false,
      false,
      true,
    ])
    expect(said(false, true, false, true, true, true)).toEqual([false, false, false, false, true, false])
  })

  test.each(ALL)('%s: who is down stays down, even when nobody else is left', (balance) => {
    const { group, servers } = world(2, { balance })
    group.judged(servers[0], false)
    eject(group, servers[1])
    expect(chosen(group, 10, (i) => `key ${i}`)).toBe('2'.repeat(10))
    group.judged(servers[1], false)
    expect(group.choose('key')).toBe(null)
    expect(group.full()).toBe(false)
  })

  test('time does not raise who is down', () => {
    const { clock, group, servers } = world(2)
    eject(group, servers[0])
    group.judged(servers[0], false)
    clock.advance(10 * EJECTION_MAX)
    expect(chosen(group, 3)).toBe('222')
  })
})

describe('slow start', () => {
  test.each(['round_robin', 'least', 'hash_client', 'first'] as const)(
    '%s: the share grows to the whole',
    (balance) => {
      const { clock, group, servers } = world(2, { balance, slow_start: 10_000 })
      eject(group, servers[0])
      clock.advance(EJECTION)
      const shares: number[] = []
      for (let i = 0; i <= 4; i++) {
        let count = 0
        const busy: Server[] = []
        for (let n = 0; n < 400; n++) {
          const server = group.choose(`key ${n}`)!
          group.begin(server)
          busy.push(server)
          if (server === servers[0]) count++
        }
        for (const server of busy) group.end(server)
        shares.push(count)
        clock.advance(2500)
      }
      for (let i = 1; i <= 4; i++) expect(shares[i]).toBeGreaterThan(shares[i - 1])
      expect(shares[0]).toBeLessThan(20)
      expect(servers[0].state).toBe('up')
      expect(shares[4]).toBeGreaterThan(balance === 'first' ? 399 : 150)
    },
  )

  test.each(ALL)('%s: alone it has all', (balance) => {
    const { clock, group, servers } = world(2, { balance, slow_start: 10_000 })
    eject(group, servers[0])
    group.judged(servers[1], false)
    clock.advance(EJECTION)
    expect(chosen(group, 10, (i) => `key ${i}`)).toBe('1'.repeat(10))
    expect(servers[0].state).toBe('slow')
  })
})

describe('a limit of requests', () => {
  test.each(ALL)('%s passes over a server that is full', (balance) => {
    const { group, servers } = world(2, { balance, most: 2 })
    for (let i = 0; i < 4; i++) group.begin(group.choose('key')!)
    expect(servers.map(({ active }) => active)).toEqual([2, 2])
    expect(group.choose('key')).toBe(null)
    expect(group.full()).toBe(true)
    expect(group.full(new Set(servers))).toBe(false)
    group.end(servers[1])
    expect(group.choose('key')).toBe(servers[1])
  })

  test('a suspect is not tried because the others are busy', () => {
    const { group, servers } = world(2, { most: 1 })
    eject(group, servers[0])
    group.begin(servers[1])
    expect(group.choose('')).toBe(null)
    expect(group.full()).toBe(true)
  })

  test('it is told when there is room', () => {
    const { group, servers } = world(2, { most: 1 })
    const told: number[] = []
    group.freed = (count) => void told.push(count)
    group.begin(servers[0])
    expect(told).toEqual([])
    group.end(servers[0])
    expect(told).toEqual([1])
  })

  test('it is told when a server goes, comes back, or is alone with suspicion', () => {
    const { clock, group, servers } = world(2, { most: 1 })
    let told = 0
    group.freed = (count) => {
      expect(count).toBe(Infinity)
      told++
    }
    const events: readonly (readonly [() => unknown, number])[] = [
      [() => group.judged(servers[0], false), 1],
      [() => group.judged(servers[0], false), 1],
      [() => group.judged(servers[0], true), 1],
      [() => group.judged(servers[0], true), 2],
      [() => group.failed(servers[1]), 2],
      [() => eject(group, servers[1]), 3],
      [() => clock.advance(EJECTION - 1), 3],
      [() => group.review(), 3],
      [() => clock.advance(1), 3],
      [() => group.choose(''), 4],
      [() => group.choose(''), 4],
      [() => group.failed(servers[0]), 4],
      [() => group.succeeded(servers[0]), 5],
      [() => group.succeeded(servers[0]), 5],
    ]
    for (const [event, count] of events) {
      event()
      expect(told).toBe(count)
    }
  })

  test('the time of the next return is known', () => {
    const { clock, group, servers } = world(3, { slow_start: 1000 })
    expect(group.changes).toBe(Infinity)
    eject(group, servers[0])
    const first = clock.now() + EJECTION
    clock.advance(10)
    eject(group, servers[1])
    expect(group.changes).toBe(first)
    clock.advance(EJECTION - 10)
    group.review()
    expect(group.changes).toBe(first + 10)
    group.judged(servers[1], false)
    // Whose share grows is given to who has no other choice: no time is waited for.
    expect([servers[0].state, group.changes]).toEqual(['slow', Infinity])
  })
})

/** What may happen to a group, by the number of a server. */
type Event = readonly [what: 'ask' | 'end' | 'fail' | 'well' | 'ill' | 'wait', which: number]

const EVENT: fc.Arbitrary<Event> = fc.tuple(
  fc.constantFrom('ask', 'ask', 'ask', 'end', 'fail', 'well', 'ill', 'wait'),
  fc.nat(9),
)

test.each(ALL)('%s: whatever happens, whoever may be asked is found, and nobody else', (balance) => {
  fc.assert(
    fc.property(fc.array(EVENT, { maxLength: 60 }), fc.integer({ min: 0, max: 3 }), (events, most) => {
      const { clock, group, servers } = world(3, { balance, most, slow_start: 5000 })
      const open: Server[] = []
      let freed = 0
      group.freed = () => void freed++
      for (const [what, which] of events) {
        const server = servers[which % servers.length]
        if (what === 'fail') group.failed(server)
        else if (what === 'well' || what === 'ill') group.judged(server, what === 'well')
        else if (what === 'wait') clock.advance(which * 1000)
        else if (what === 'end') {
          const last = open.pop()
          if (last === undefined) continue
          const before = freed
          group.end(last)
          expect(freed).toBe(before + 1)
        } else {
          const tried = new Set(servers.slice(0, which % 3))
          const found = group.choose(`key ${which}`, tried)
          const up = servers.filter((one) => one.state !== 'down' && !tried.has(one))
          const room = up.filter((one) => most === 0 || one.active < most)
          if (found !== null) {
            expect(room).toContain(found)
            if (found.state === 'ejected') expect(up.every(({ state }) => state === 'ejected')).toBe(true)
            group.begin(found)
            open.push(found)
          } else if (up.length === 0) expect(group.full(tried)).toBe(false)
          else {
            expect(group.full(tried)).toBe(true)
            expect(room.every(({ state }) => state === 'ejected')).toBe(true)
          }
        }
        for (const one of servers) expect(one.active).toBe(open.filter((each) => each === one).length)
      }
    }),
    { numRuns: 300 },
  )
})
