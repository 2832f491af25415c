/** The fuzz target of core/socks/server.ts: what clients send. */

import { formatAddress, parseAddress } from '../../core/bytes/address.ts'
import { toBytes } from '../../core/bytes/ascii.ts'
import { LOGIN_TEXT_SIZE, SOCKS_TEXT_SIZE } from '../../core/limits.ts'
import { type SocksRequest, SocksServer, type SocksStep } from '../../core/socks/server.ts'
import type { FuzzTarget } from './main.ts'
import { cut, type Random } from './random.ts'

/** Steps a server can take at most: the method, the login, what is said to it, and the end. */
const STEPS = 4
/** Of all that is read: a greeting of 257 bytes, a login of 513, a request of 262; or one of version 4, of 520. */
const LONGEST = 257 + 513 + 262

interface Reading {
  readonly steps: readonly unknown[]
  /** Bytes that follow the request. */
  readonly rest: number
  readonly request: SocksRequest | null
  readonly bad: boolean
}

/** `open`: no login is needed; else one is, and is let in or not. */
function read(kind: 'open' | 'good' | 'bad', pieces: readonly Uint8Array[]): Reading {
  const server = new SocksServer(kind !== 'open')
  const steps: unknown[] = []
  let request: SocksRequest | null = null
  let bad = false
  let left: Uint8Array = new Uint8Array(0)
  for (const piece of pieces) {
    const lent = piece.slice()
    server.feed(lent)
    lent.fill(0xaa)
    for (let step: SocksStep = server.next(); step.kind !== 'more' && !bad; step = server.next()) {
      steps.push(step.kind === 'reply' ? [...step.bytes] : step)
      if (step.kind === 'login') {
        if (step.user.length > LOGIN_TEXT_SIZE || step.password.length > LOGIN_TEXT_SIZE) throw new Error('too long')
        steps.push([...server.admit(kind === 'good')])
        bad = kind === 'bad'
      }
      if (step.kind === 'request') request = step.request
      if (step.kind === 'bad') bad = true
      if (steps.length > STEPS) throw new Error('it does not come to an end')
    }
    if (bad) break
    left = server.rest()
  }
  return { steps, rest: left.length, request, bad }
}

const same = (a: Reading, b: Reading): boolean => JSON.stringify(a) === JSON.stringify(b)

function check(input: Uint8Array, random: Random): void {
  for (const kind of ['open', 'good', 'bad'] as const) {
    const whole = read(kind, [input])
    for (const pieces of [cut(random, input), Array.from(input, (byte) => Uint8Array.of(byte))]) {
      const other = read(kind, pieces)
      // What is none is given up within the piece that shows it.
      if (whole.bad ? !other.bad || !sameSteps(whole, other) : !same(whole, other)) {
        throw new Error(`${kind}: ${JSON.stringify(other)} in pieces, ${JSON.stringify(whole)} in one`)
      }
    }
    if (whole.request === null) {
      if (!whole.bad && input.length > LONGEST) throw new Error('it never comes to an end')
      continue
    }
    if (kind === 'bad') throw new Error('a request of who was not let in')
    const size = input.length - whole.rest
    if (read(kind, [input.subarray(0, size - 1)]).request !== null) throw new Error('known without its last byte')
    if (!sameSteps(read(kind, [input.subarray(0, size)]), whole)) throw new Error('what follows it matters')
    place(whole.request)
    if (kind === 'good' && whole.request.version === 4) throw new Error('version 4 in spite of the login')
  }
}

const sameSteps = (a: Reading, b: Reading): boolean => JSON.stringify(a.steps) === JSON.stringify(b.steps)

function place({ host, port, user }: SocksRequest): void {
  if (host === '' || host.length > SOCKS_TEXT_SIZE) throw new Error(`a name of ${host.length} bytes`)
  if (user.length > SOCKS_TEXT_SIZE) throw new Error(`a user of ${user.length} bytes`)
  if (!(port >= 0 && port <= 65_535)) throw new Error(`port ${port}`)
  // A name is as it was written; what is no name that looks like an address is canonical.
  const address = parseAddress(host)
  if (address !== null && formatAddress(address) === '') throw new Error(`an address that is none: ${host}`)
}

const bytes = (...parts: readonly (string | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => typeof part === 'string' ? [...toBytes(part)] : part))

const LOGIN = bytes([5, 2, 0, 2, 1, 3], 'joe', [2], 'pw')
const NAMED = bytes([5, 1, 0, 3, 11], 'example.com', [1, 0xbb])

const target: FuzzTarget = {
  invariant: 'a SOCKS server takes the same few steps however what is sent is cut, and keeps what follows the request',
  seeds: [
    bytes([4, 1, 1, 0xbb, 192, 0, 2, 1], 'joe', [0], 'GET /'),
    bytes([4, 1, 0, 80, 0, 0, 0, 1, 0], 'example.com', [0], 'GET /'),
    bytes([4, 1, 0, 80, 0, 0, 0, 1], 'u'.repeat(255), [0], 'n'.repeat(255), [0]),
    bytes([5, 1, 0], [...NAMED], 'GET /'),
    bytes([5, 1, 0, 5, 1, 0, 1, 192, 0, 2, 1, 0, 80]),
    bytes([5, 1, 0, 5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80]),
    bytes([...LOGIN], [...NAMED], 'GET /'),
    bytes([5, 1, 2, 1, 255], 'u'.repeat(255), [255], 'p'.repeat(255), [...NAMED]),
    bytes([5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0]),
  ],
  words: [
    LOGIN,
    NAMED,
    ...[[4, 1], [5, 1, 0], [5, 1, 2], [5, 2, 0, 2], [5, 0], [1, 0, 0], [1, 1], [0, 0, 0, 1], [0, 0, 0, 0], [0], [255]]
      .map(
        (numbers) => bytes(numbers),
      ),
    ...['joe', 'a.b', 'n'.repeat(256), '127.0.0.1', '::1', '[::1]', '%00', '\r\n', 'GET / HTTP/1.1\r\n'].map(toBytes),
  ],
  check,
}

export default target
