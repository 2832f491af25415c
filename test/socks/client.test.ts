import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { SocksClient, type SocksClientStep, type SocksLogin } from '../../core/socks/client.ts'
import { socksEstablished, socksRefused, SocksServer } from '../../core/socks/server.ts'

const bytes = (...parts: (number | string)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => typeof part === 'number' ? [part] : [...toBytes(part)]))

/** What the client sends and comes to, when the server answers so; and what is left over. */
function steps(client: SocksClient, pieces: readonly Uint8Array[]): [SocksClientStep[], string] {
  const all: SocksClientStep[] = []
  const turn = (): boolean => {
    for (let step = client.next(); step.kind !== 'more'; step = client.next()) {
      all.push(step)
      if (step.kind === 'failed' || step.kind === 'open') return true
    }
    return false
  }
  let over = turn()
  for (const piece of pieces) {
    client.feed(piece)
    over = over || turn()
  }
  return [all, String.fromCharCode(...client.rest())]
}

const send = (...parts: (number | string)[]): SocksClientStep => ({ kind: 'send', bytes: bytes(...parts) })
const OPEN: SocksClientStep = { kind: 'open' }
const JOE: SocksLogin = { user: 'joe', password: 'pw' }
const GRANTED = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]

interface Vector {
  readonly name: string
  readonly version: 4 | 5
  readonly host: string
  readonly login?: SocksLogin
  readonly heard: Uint8Array
  readonly expected: readonly SocksClientStep[]
}

const GOOD: readonly Vector[] = [
  {
    name: '4, an address',
    version: 4,
    host: '192.0.2.1',
    heard: bytes(0, 0x5a, 0, 0, 0, 0, 0, 0),
    expected: [send(4, 1, 0x1f, 0x90, 192, 0, 2, 1, 0), OPEN],
  },
  {
    name: '4a, with a user',
    version: 4,
    host: 'example.com',
    login: JOE,
    heard: bytes(0, 0x5a, 0x1f, 0x90, 10, 0, 0, 1),
    expected: [send(4, 1, 0x1f, 0x90, 0, 0, 0, 1, 'joe', 0, 'example.com', 0), OPEN],
  },
  {
    name: '5, a name',
    version: 5,
    host: 'a.bc',
    heard: bytes(5, 0, ...GRANTED),
    expected: [send(5, 1, 0), send(5, 1, 0, 3, 4, 'a.bc', 0x1f, 0x90), OPEN],
  },
  {
    name: '5, IPv4, answered with a name',
    version: 5,
    host: '192.0.2.1',
    heard: bytes(5, 0, 5, 0, 0, 3, 3, 'abc', 0, 1),
    expected: [send(5, 1, 0), send(5, 1, 0, 1, 192, 0, 2, 1, 0x1f, 0x90), OPEN],
  },
  {
    name: '5, IPv6, answered with IPv6',
    version: 5,
    host: '2001:db8::1',
    heard: bytes(5, 0, 5, 0, 0, 4, ...Array(16).fill(1), 0, 1),
    expected: [send(5, 1, 0), send(5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1, 0x1f, 0x90), OPEN],
  },
  {
    name: '5, a login that is asked for',
    version: 5,
    host: 'a',
    login: JOE,
    heard: bytes(5, 2, 1, 0, ...GRANTED),
    expected: [
      send(5, 2, 0, 2),
      send(1, 3, 'joe', 2, 'pw'),
      send(5, 1, 0, 3, 1, 'a', 0x1f, 0x90),
      OPEN,
    ],
  },
  {
    name: '5, a login that is not asked for',
    version: 5,
    host: 'a',
    login: JOE,
    heard: bytes(5, 0, ...GRANTED),
    expected: [send(5, 2, 0, 2), send(5, 1, 0, 3, 1, 'a', 0x1f, 0x90), OPEN],
  },
]

test.each(GOOD)('$name, cut anywhere, and what follows is kept', ({ version, host, login = null, heard, expected }) => {
  const all = bytes(...heard, 'SSH-2')
  for (let cut = 0; cut <= all.length; cut++) {
    const client = new SocksClient(version, host, 8080, login)
    expect(steps(client, [all.subarray(0, cut), all.subarray(cut)])).toEqual([expected, 'SSH-2'])
  }
  const client = new SocksClient(version, host, 8080, login)
  expect(steps(client, [...all].map((byte) => Uint8Array.of(byte)))).toEqual([expected, 'SSH-2'])
})

type Bad = [string, 4 | 5, SocksLogin | null, number[], string, boolean]

test.each<Bad>([
  ['5: HTTP', 5, null, [...toBytes('HTTP/1.1')], 'bad-response', false],
  ['4: HTTP', 4, null, [...toBytes('HTTP/1.1')], 'bad-response', false],
  ['5: no method', 5, null, [5, 0xff], 'parent-login', false],
  ['5: no method, with a login', 5, JOE, [5, 0xff], 'parent-login', false],
  ['5: a login that was not offered', 5, null, [5, 2], 'parent-login', false],
  ['5: GSSAPI, which was not offered', 5, JOE, [5, 1], 'bad-response', false],
  ['5: a login that is wrong', 5, JOE, [5, 2, 1, 1], 'parent-login', false],
  ['5: a failure', 5, null, [5, 0, 5, 1], 'parent-refused', false],
  ['5: not allowed', 5, null, [5, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0], 'parent-refused', true],
  ['5: network', 5, null, [5, 0, 5, 3], 'connect-unreachable', true],
  ['5: host', 5, null, [5, 0, 5, 4], 'connect-unreachable', true],
  ['5: refused', 5, null, [5, 0, 5, 5], 'connect-refused', true],
  ['5: too far', 5, null, [5, 0, 5, 6], 'connect-timeout', true],
  ['5: a code of nobody', 5, null, [5, 0, 5, 200], 'parent-refused', false],
  ['5: a type of address of nobody', 5, null, [5, 0, 5, 0, 0, 2, 0], 'bad-response', false],
  ['5: a reply of another version', 5, null, [5, 0, 4], 'bad-response', false],
  ['4: refused', 4, null, [0, 0x5b, 0, 0, 0, 0, 0, 0], 'parent-refused', false],
  ['4: no identd', 4, JOE, [0, 0x5c, 0, 0, 0, 0, 0, 0], 'parent-login', false],
  ['4: another user', 4, JOE, [0, 0x5d, 0, 0, 0, 0, 0, 0], 'parent-login', false],
])('bad: %s', (_, version, login, heard, code, final) => {
  const failed = { kind: 'failed', code, why: expect.stringMatching(/./), final }
  const whole = Uint8Array.from(heard)
  expect(steps(new SocksClient(version, 'a', 80, login), [whole])[0].at(-1)).toEqual(failed)
  const single = heard.map((byte) => Uint8Array.of(byte))
  expect(steps(new SocksClient(version, 'a', 80, login), single)[0].at(-1)).toEqual(failed)
})

test('a name that is too long is not sent', () => {
  const [all] = steps(new SocksClient(5, 'a'.repeat(256), 80, null), [])
  expect(all).toEqual([{ kind: 'failed', code: 'bad-target', why: expect.any(String), final: true }])
})

describe('client and server understand each other', () => {
  const HOSTS = ['example.com', '192.0.2.7', '2001:db8::7', 'a'.repeat(255)]
  test.each(
    HOSTS.flatMap((host) => [[5, host, null], [5, host, JOE], [4, host, null]] as const),
  )('version %s to %s', (version, host, login) => {
    const client = new SocksClient(version, host, 8443, login)
    const server = new SocksServer(login !== null)
    let asked = ''
    for (let rounds = 0; rounds < 10 && asked === ''; rounds++) {
      const said = client.next()
      if (said.kind === 'send') server.feed(said.bytes)
      const heard = server.next()
      if (heard.kind === 'reply') client.feed(heard.bytes)
      if (heard.kind === 'login') {
        expect([heard.user, heard.password]).toEqual(['joe', 'pw'])
        client.feed(server.admit(true))
      }
      if (heard.kind === 'request') asked = `${heard.request.command} ${heard.request.host} ${heard.request.port}`
    }
    expect(asked).toBe(`connect ${host} 8443`)
    client.feed(socksEstablished(version))
    expect(client.next()).toEqual(OPEN)
  })

  test('a refusal, too', () => {
    const client = new SocksClient(4, 'a', 80, null)
    client.next()
    client.feed(socksRefused(4, 'failed'))
    expect(client.next().kind).toBe('failed')
  })
})

test('whatever comes, cut anywhere: the same steps, and an end', () => {
  const start = fc.constantFrom(bytes(5, 0), bytes(5, 2, 1, 0), bytes(0, 0x5a), new Uint8Array(0))
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 300 }), fc.boolean(), fc.nat(300), (head, tail, fifth, cut) => {
      const all = bytes(...head, ...tail)
      const client = () => new SocksClient(fifth ? 5 : 4, 'a.test', 80, JOE)
      expect(steps(client(), [all.subarray(0, cut), all.subarray(cut)])).toEqual(steps(client(), [all]))
    }),
    { numRuns: 2000 },
  )
})
