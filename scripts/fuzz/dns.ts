/** The fuzz target of core/dns. */

import { latin1 } from '../../core/bytes/ascii.ts'
import { hostName } from '../../core/bytes/host.ts'
import { encodePunycode } from '../../core/bytes/punycode.ts'
import type { Message } from '../../core/dns/message.ts'
import { CLASS_IN, TYPE } from '../../core/dns/message.ts'
import { labelsOf } from '../../core/dns/name.ts'
import { Resolution } from '../../core/dns/resolution.ts'
import { Servers } from '../../core/dns/servers.ts'
import { parseHosts, parseResolvConf } from '../../core/dns/settings.ts'
import { decode, decodeOpening, encode, encodeQuery, Malformed } from '../../core/dns/wire.ts'
import type { FuzzTarget } from './main.ts'
import type { Random } from './random.ts'

const NAME = 'www.x.test'
/** What surrounds an input in memory, and must not be read. */
const MARGIN = 16

function same(got: unknown, wanted: unknown, what: string): void {
  const a = JSON.stringify(got)
  const b = JSON.stringify(wanted)
  if (a !== b) throw new Error(`${what}: ${a}, not ${b}`)
}

function read(bytes: Uint8Array): Message | null {
  try {
    return decode(bytes)
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}

/** `input` inside other bytes. */
function within(input: Uint8Array, filling: number): Uint8Array {
  const around = new Uint8Array(input.length + 2 * MARGIN).fill(filling)
  around.set(input, MARGIN)
  return around.subarray(MARGIN, MARGIN + input.length)
}

function checkMessage(input: Uint8Array): void {
  const message = read(input)
  same(read(within(input, 0)), message, 'with zeros around it')
  same(read(within(input, 0xc0)), message, 'with pointers around it')
  if (message === null) return
  const opening = decodeOpening(input)
  same(opening?.id, message.id, 'the id of the opening')
  if (message.questions.length === 1) same(opening?.question, message.questions[0], 'the question of the opening')
  let again: Uint8Array
  try {
    again = encode(message)
  } catch (error) {
    // Pointers may say in a short message what would be a long one without.
    if (error instanceof TypeError && error.message.startsWith('Cannot write a message of')) return
    throw error
  }
  same(read(again), message, 'written and read again')
}

/** The input as an answer to a question: whatever it is, the question comes to an end, with addresses that are some. */
function checkAnswer(input: Uint8Array, random: Random): void {
  const servers = new Servers([{ family: 4, address: '192.0.2.53', port: 53 }])
  const settings = {
    timeout: 1000,
    retries: 2,
    random: (bytes: Uint8Array) => bytes.forEach((_, i) => bytes[i] = random.below(256)),
  }
  const resolution = new Resolution(NAME, random.pick([4, 6] as const), servers, settings, 0)
  let now = 0
  for (let steps = 0; steps < 200; steps++) {
    const step = resolution.next(now)
    if (step.kind === 'wait') {
      if (step.until <= now) throw new Error('waits for what is over')
      now = step.until
    } else if (step.kind === 'ask') {
      const { attempt } = step
      const bytes = input.slice()
      // The id and the question as they should be, so that what follows is looked at.
      if (random.below(4) > 0) bytes.set(attempt.message.subarray(0, 2).slice(0, bytes.length))
      if (random.below(4) > 0 && bytes.length > 40) bytes.set(attempt.message.subarray(12, 28), 12)
      resolution.heard(attempt, bytes, now)
    } else {
      if (step.outcome.kind === 'found' && step.outcome.addresses.length === 0) throw new Error('found nothing')
      return
    }
  }
  throw new Error('a question without an end')
}

/** A name is refused, or is one that can be asked for and means itself. */
function checkName(text: string): void {
  const host = hostName(text)
  if ('error' in host) return
  same(hostName(host.name), host, 'the name of a name')
  if (!/^[a-z0-9._-]{1,253}$/.test(host.name)) throw new Error(`not a name: ${host.name}`)
  same(decode(encodeQuery(1, host.name, TYPE.A, 0)).questions[0].name, host.name, 'written and read again')
  labelsOf(host.name)
}

const message = (parts: Partial<Message>): Uint8Array =>
  encode({ ...decode(encodeQuery(1, NAME, TYPE.A, 1232)), response: true, recursionAvailable: true, ...parts })

const record = (name: string, type: number, data: Message['answers'][number]['data']) => {
  return { name, type, class: CLASS_IN, ttl: 60, data }
}
const times = { serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 }
const soa = record('x.test', TYPE.SOA, { kind: 'soa', primary: 'ns.x.test', mailbox: 'root.x.test', times })
const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

const target: FuzzTarget = {
  invariant: 'any bytes are a message or Malformed, read within their bounds and written the same; any answer ends a ' +
    'question; any text is a name that means itself, or none',
  seeds: [
    encodeQuery(1, NAME, TYPE.AAAA, 0),
    message({
      answers: [
        record(NAME, TYPE.CNAME, { kind: 'name', name: 'a.x.test' }),
        record('a.x.test', TYPE.A, { kind: 'address', address: '192.0.2.1' }),
        record('a.x.test', TYPE.AAAA, { kind: 'address', address: '2001:db8::1' }),
      ],
    }),
    message({ rcode: 3, authorities: [soa] }),
    message({ truncated: true }),
    message({
      additionals: [
        record('x.test', TYPE.MX, { kind: 'mx', preference: 1, exchange: 'mail.x.test' }),
        record('x.test', TYPE.TXT, { kind: 'txt', strings: [bytesOf('abc'), bytesOf('')] }),
        record('_a._b.x.test', TYPE.SRV, { kind: 'srv', priority: 1, weight: 2, port: 3, target: 'a.x.test' }),
        record('x.test', TYPE.HTTPS, { kind: 'opaque', bytes: bytesOf('\x00\x01\x00') }),
      ],
    }),
    bytesOf('b\xfccher.x.test'),
    bytesOf('127.0.0.1 localhost a.x.test # b\n::1 localhost\nnameserver ::1\nsearch x.test y.test\n'),
  ],
  words: [
    ...[
      '\xc0\x0c',
      '\xc0\x10',
      '\xc0\xff',
      '\xff\xff',
      '\x00',
      '\x01a',
      '\x3f',
      '\x00\x05\x00\x01\x00\x00\x00\x01',
      '\x00\x1c\x00\x01',
      '\x00\x29',
    ],
    ...[
      '\x03www\x01x\x04test\x00',
      '\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04',
      '\x81\x80',
      '\x83\x80',
      '\x00\x01',
      '\x00\x00',
      '.',
      '..',
      'xn--',
      '\xfc',
    ],
    ...['nameserver ', ' ', '#', '1.2.3.4', '::1', '\t', '-', '_', '\\', '%'],
  ].map(bytesOf),
  check(input, random) {
    checkMessage(input)
    checkAnswer(input, random)
    const text = latin1(input)
    checkName(text.slice(random.below(text.length + 1)))
    // Any two bytes as a character of their own.
    checkName(Array.from({ length: 4 }, () => String.fromCharCode(random.below(0x10000))).join(''))
    encodePunycode(text.slice(0, 63))
    parseHosts(text)
    parseResolvConf(text)
  },
}

export default target
