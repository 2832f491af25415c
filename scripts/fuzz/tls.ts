/** The fuzz target of core/tls. */

import { hostName } from '../../core/bytes/host.ts'
import { TLS_HELLO_SIZE } from '../../core/limits.ts'
import { type HelloFacts, HelloReader } from '../../core/tls/client_hello.ts'
import { CHROMIUM, CURL, DENO, NAMELESS } from '../../test/tls/captures.ts'
import { alpn, bytesOf, extension, hello, record, records, serverName, vector } from '../../test/tls/hello.ts'
import type { FuzzTarget } from './main.ts'
import { cut, type Random } from './random.ts'

/** Records that a ClientHello may begin with: a warning, and its own. */
const BEGUN: ReadonlySet<number> = new Set([21, 22])
const NOTHING = JSON.stringify(new HelloReader().facts)

interface Reading {
  readonly facts: HelloFacts
  readonly unreadable: string
  readonly done: boolean
  readonly size: number
}

function read(pieces: readonly Uint8Array[]): Reading {
  const reader = new HelloReader()
  let done = false
  for (const piece of pieces) {
    // In a place of its own, with what would be read past its ends, and gone afterwards.
    const lent = new Uint8Array(piece.length + 8).fill(22)
    lent.set(piece, 4)
    done = reader.feed(lent.subarray(4, 4 + piece.length)) === 'done'
    lent.fill(0xaa)
  }
  return { facts: reader.facts, unreadable: reader.unreadable, done, size: reader.size }
}

function check(input: Uint8Array, random: Random): void {
  const whole = read([input])
  for (const pieces of [cut(random, input), Array.from(input, (byte) => Uint8Array.of(byte))]) {
    const other = read(pieces)
    // What is none is given up within the piece that shows it.
    const none = !whole.facts.tls && whole.done && !other.facts.tls && other.done
    if (none && whole.unreadable === other.unreadable) continue
    if (JSON.stringify(other) !== JSON.stringify(whole)) {
      throw new Error(`${JSON.stringify(other)} in pieces, ${JSON.stringify(whole)} in one`)
    }
  }
  const { facts, unreadable, done, size } = whole
  if (size > input.length || size > TLS_HELLO_SIZE) throw new Error(`read ${size} of ${input.length} bytes`)
  if (!done && size !== input.length) throw new Error('wants more, and has not read all')
  if (!facts.tls) {
    if (JSON.stringify(facts) !== NOTHING) throw new Error('facts of what is no TLS')
    if (unreadable !== '' && !BEGUN.has(input[0])) throw new Error('unreadable, and no TLS')
    return
  }
  if (!done || unreadable !== '') throw new Error('known before its end, or not')
  // What follows it, or stands in its place after it, changes nothing; and nothing less than all of it is enough.
  if (JSON.stringify(read([input.subarray(0, size)]).facts) !== JSON.stringify(facts)) {
    throw new Error('the rest matters')
  }
  if (read([input.subarray(0, size - 1)]).facts.tls) throw new Error('known without its last byte')
  if ((facts.sni !== '') !== (facts.named === 'name')) throw new Error('a name that is none')
  if (facts.sni !== '') {
    const host = hostName(facts.sni)
    if (!('name' in host) || host.name !== facts.sni) throw new Error(`not in policy form: ${facts.sni}`)
  }
}

const versions = extension(43, vector('\x03\x04\x03\x03', 1))
const parts = [serverName('a.example'), alpn('h2', 'http/1.1'), versions, extension(0xfe0d, '\0\x01')]

const target: FuzzTarget = {
  invariant:
    'any bytes in any pieces are the same ClientHello or none, read no further than its end; a name is in policy form',
  seeds: [
    hello(...parts),
    hello(serverName('192.0.2.1')),
    bytesOf(records(String.fromCharCode(...hello(...parts).subarray(5)), 20)),
    bytesOf(record('') + record('\x01\x70', 21) + String.fromCharCode(...hello(parts[0]))),
    CURL,
    DENO,
    NAMELESS,
    CHROMIUM,
  ],
  words: [
    ...parts,
    ...[
      record(''),
      record('\x01\x70', 21),
      record('x'),
      '\x16\x03\x01',
      '\x15\x03\x01',
      '\x01\0',
      '\0\0',
      '\xff\xff',
      '\xfe\x0d',
    ],
    ...['\0\0\0\x0e\0\x0c\0\0\x09', 'a.example', '.', '\0\x05', '\x0a\x0a', '127.0.0.1', '::1', 'xn--', '_'],
  ].map(bytesOf),
  check,
}

export default target
