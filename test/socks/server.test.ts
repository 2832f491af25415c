import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { socksEstablished, socksRefused, SocksServer, type SocksStep } from '../../core/socks/server.ts'

/** All steps but `more`, with a login admitted or not; and what is left over. */
function steps(pieces: readonly Uint8Array[], login = false, good = true): [SocksStep[], string] {
  const server = new SocksServer(login)
  const all: SocksStep[] = []
  for (const piece of pieces) {
    server.feed(piece)
    for (let step = server.next(); step.kind !== 'more'; step = server.next()) {
      all.push(step)
      if (step.kind === 'login') all.push({ kind: 'reply', bytes: server.admit(good) })
      if (step.kind === 'bad') return [all, '']
    }
  }
  return [all, String.fromCharCode(...server.rest())]
}

const bytes = (...parts: (number | string)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => typeof part === 'number' ? [part] : [...toBytes(part)]))

const connect = (version: 4 | 5, host: string, port: number, user = ''): SocksStep => ({
  kind: 'request',
  request: { version, command: 'connect', host, port, user },
})
const OPEN: SocksStep = { kind: 'reply', bytes: Uint8Array.of(5, 0) }
const HELLO = [5, 1, 0]

const GOOD: readonly [string, Uint8Array, SocksStep[]][] = [
  ['4', bytes(4, 1, 1, 0xbb, 192, 0, 2, 1, 'joe', 0), [connect(4, '192.0.2.1', 443, 'joe')]],
  ['4 without a user', bytes(4, 1, 0, 80, 192, 0, 2, 1, 0), [connect(4, '192.0.2.1', 80)]],
  ['4a', bytes(4, 1, 0, 80, 0, 0, 0, 1, 0, 'example.com', 0), [connect(4, 'example.com', 80)]],
  ['4 to 0.0.0.0 is no 4a', bytes(4, 1, 0, 80, 0, 0, 0, 0, 0), [connect(4, '0.0.0.0', 80)]],
  ['5, IPv4', bytes(...HELLO, 5, 1, 0, 1, 192, 0, 2, 1, 0, 80), [OPEN, connect(5, '192.0.2.1', 80)]],
  ['5, a name', bytes(...HELLO, 5, 1, 0, 3, 4, 'a.bc', 0, 80), [OPEN, connect(5, 'a.bc', 80)]],
  [
    '5, IPv6',
    bytes(...HELLO, 5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80),
    [OPEN, connect(5, '2001:db8::1', 80)],
  ],
  ['5 with several methods', bytes(5, 3, 1, 2, 0, 5, 1, 0, 3, 1, 'a', 0, 1), [OPEN, connect(5, 'a', 1)]],
  [
    '5, UDP ASSOCIATE',
    bytes(...HELLO, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0),
    [OPEN, { kind: 'request', request: { version: 5, command: 'other', host: '0.0.0.0', port: 0, user: '' } }],
  ],
]

test.each(GOOD)('%s, cut anywhere, and what follows is kept', (_, sent, expected) => {
  expect(steps([sent])).toEqual([expected, ''])
  const more = bytes(...sent, 'GET /')
  for (let cut = 0; cut <= more.length; cut++) {
    expect(steps([more.subarray(0, cut), more.subarray(cut)])).toEqual([expected, 'GET /'])
  }
  expect(steps([...more].map((byte) => Uint8Array.of(byte)))).toEqual([expected, 'GET /'])
})

test.each([[true, 0], [false, 1]])('5 with a login that is good: %s', (good, code) => {
  const sent = bytes(5, 2, 0, 2, 1, 3, 'joe', 2, 'pw', 5, 1, 0, 3, 1, 'a', 0, 80)
  const [all] = steps([sent], true, good)
  expect(all.slice(0, 3)).toEqual([
    { kind: 'reply', bytes: Uint8Array.of(5, 2) },
    { kind: 'login', user: 'joe', password: 'pw' },
    { kind: 'reply', bytes: Uint8Array.of(1, code) },
  ])
  expect(all.length).toBe(good ? 4 : 3)
})

test.each<[string, Uint8Array, boolean, number[]]>([
  ['HTTP', bytes('GET / HTTP/1.1'), false, []],
  ['5 that insists on a login', bytes(5, 1, 2), false, [5, 0xff]],
  ['5 without methods', bytes(5, 0), false, [5, 0xff]],
  ['5 that offers no login where one is needed', bytes(5, 1, 0), true, [5, 0xff]],
  ['4 where a login is needed', bytes(4, 1, 0, 80, 1, 2, 3, 4, 0), true, [0, 0x5d, 0, 0, 0, 0, 0, 0]],
  ['a request of another version', bytes(...HELLO, 4, 1, 0, 1, 1), false, []],
  ['a type of address that is none', bytes(...HELLO, 5, 1, 0, 2, 1), false, [5, 8, 0, 1, 0, 0, 0, 0, 0, 0]],
  ['an empty name', bytes(...HELLO, 5, 1, 0, 3, 0, 0, 80), false, [5, 4, 0, 1, 0, 0, 0, 0, 0, 0]],
  ['an empty name of 4a', bytes(4, 1, 0, 80, 0, 0, 0, 1, 0, 0), false, [0, 0x5b, 0, 0, 0, 0, 0, 0]],
  ['a user without an end', bytes(4, 1, 0, 80, 1, 2, 3, 4, 'u'.repeat(300)), false, [0, 0x5b, 0, 0, 0, 0, 0, 0]],
  ['a login of another version', bytes(5, 1, 2, 5), true, [1, 1]],
])('bad: %s', (_, sent, login, reply) => {
  const [all] = steps([sent], login)
  expect(all.at(-1)).toMatchObject({ kind: 'bad', why: expect.stringMatching(/./), reply: Uint8Array.from(reply) })
})

test('a client that cannot log in, or will not, is told from one that speaks no SOCKS', () => {
  const login = (...sent: number[]): boolean => {
    const [[step]] = steps([Uint8Array.from(sent)], true)
    if (step.kind !== 'bad') throw new Error(step.kind)
    return step.login
  }
  expect([login(4, 1), login(5, 1, 0), login(71)]).toEqual([true, true, false])
})

test('a login, cut anywhere, of any size, and what follows is kept', () => {
  for (const [name, password] of [['joe', 'pw'], ['\xff\0', ':'], ['n'.repeat(255), 'p'.repeat(255)]]) {
    const login = [1, name.length, name, password.length, password]
    const sent = bytes(5, 2, 0, 2, ...login, 5, 1, 0, 3, 1, 'a', 0, 80, 'GET /')
    const whole = steps([sent], true)
    expect(whole).toEqual([
      [
        { kind: 'reply', bytes: Uint8Array.of(5, 2) },
        { kind: 'login', user: name, password },
        { kind: 'reply', bytes: Uint8Array.of(1, 0) },
        connect(5, 'a', 80),
      ],
      'GET /',
    ])
    for (let cut = 0; cut <= sent.length; cut++) {
      expect(steps([sent.subarray(0, cut), sent.subarray(cut)], true)).toEqual(whole)
    }
    expect(steps([...sent].map((byte) => Uint8Array.of(byte)), true)).toEqual(whole)
  }
})

test('after a login that is none, nothing is heard any more', () => {
  const [all] = steps([bytes(5, 1, 2, 1, 1, 'a', 1, 'b', 5, 1, 0, 3, 1, 'a', 0, 80)], true, false)
  expect(all.at(-1)).toEqual({ kind: 'reply', bytes: Uint8Array.of(1, 1) })
})

test('answers', () => {
  expect([...socksEstablished(4)]).toEqual([0, 0x5a, 0, 0, 0, 0, 0, 0])
  expect([...socksEstablished(5)]).toEqual([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  expect([...socksRefused(4, 'refused')]).toEqual([0, 0x5b, 0, 0, 0, 0, 0, 0])
  expect([...socksRefused(5, 'not-allowed')]).toEqual([5, 2, 0, 1, 0, 0, 0, 0, 0, 0])
})

test('whatever comes, cut anywhere: the same steps, and an end', () => {
  const start = fc.constantFrom(bytes(...HELLO), bytes(4), bytes(5, 1, 2), new Uint8Array(0))
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 600 }), fc.boolean(), fc.nat(600), (head, tail, login, cut) => {
      const sent = bytes(...head, ...tail)
      expect(steps([sent.subarray(0, cut), sent.subarray(cut)], login)).toEqual(steps([sent], login))
    }),
    { numRuns: 2000 },
  )
})
