import { describe, expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { ByteWriter } from '../../core/bytes/writer.ts'
import { BUS_MESSAGE_SIZE } from '../../core/limits.ts'
import { BusDecoder, writeMessage } from '../../core/service/bus_codec.ts'
import type { Message } from '../../core/service/message.ts'
import { settingsOf } from '../proxy/world.ts'

const AT = { family: 4, address: '127.0.0.1', port: 3128 } as const

const MESSAGES: readonly Message[] = [
  { kind: 'hello', runtime: 'node 24.21.0' },
  {
    kind: 'task',
    id: 2,
    settings: settingsOf('listener.http.connections=5', 'outgoing.connect_ports=443,8000-8999'),
    places: [{ listener: 'http', at: AT }, { listener: 'http', at: { family: 'unix', address: '/run/é', port: 0 } }],
    reserved: [AT],
    shares: true,
    speaks: false,
  },
  { kind: 'ready', engine: 'epoll', places: [], snapshot: {} },
  { kind: 'leaving' },
  { kind: 'failed', exit: 69, words: 'the address is in use; “stop” what uses it\n' },
  { kind: 'drain', limit: 0 },
  { kind: 'stop' },
  { kind: 'reload' },
  { kind: 'ask', id: 1 },
  {
    kind: 'answer',
    id: 1,
    snapshot: { tunnels_open: 3, requests_total: { GET: 1 }, dns_seconds: { counts: [0, 1], sum: 0.5 } },
  },
  { kind: 'access', bytes: toBytes('one\ntwo\n') },
  { kind: 'diagnostics', bytes: new Uint8Array([0xff, 0, 10]) },
  { kind: 'access', bytes: new Uint8Array(0) },
  { kind: 'access', bytes: new Uint8Array(200_000).fill(0x61) },
]

function encoded(messages: readonly Message[]): Uint8Array {
  const out = new ByteWriter()
  for (const message of messages) writeMessage(out, message)
  return out.view().slice()
}

/** A message as a test may keep it: what is lent is copied. */
function kept(message: Message): Message {
  return 'bytes' in message ? { ...message, bytes: message.bytes.slice() } : message
}

function decoded(...chunks: readonly Uint8Array[]): Message[] {
  const decoder = new BusDecoder()
  const found: Message[] = []
  for (const chunk of chunks) {
    const lent = chunk.slice()
    decoder.feed(lent)
    lent.fill(0xdd)
    for (let message = decoder.next(); message !== null; message = decoder.next()) found.push(kept(message))
  }
  expect(decoder.rest).toBe(0)
  return found
}

test('a length, a kind, and JSON', () => {
  expect(encoded([{ kind: 'drain', limit: 5 }])).toEqual(toBytes('\x00\x00\x00\x0c\x05{"limit":5}'))
  expect(encoded([{ kind: 'access', bytes: toBytes('a\n') }])).toEqual(toBytes('\x00\x00\x00\x03\x09a\n'))
})

describe('goes there and back', () => {
  test.each(MESSAGES.map((message) => [message.kind, message] as const))('%s', (_, message) => {
    expect(decoded(encoded([message]))).toEqual([message])
  })

  test('all of them at once', () => {
    expect(decoded(encoded(MESSAGES))).toEqual(MESSAGES)
  })

  test('cut at every place', () => {
    const some = MESSAGES.filter((message) =>
      message.kind !== 'task' && !('bytes' in message && message.bytes.length > 9)
    )
    const bytes = encoded(some)
    for (let cut = 1; cut < bytes.length; cut++) {
      expect(decoded(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual(some)
    }
  })

  test('byte by byte', () => {
    const bytes = encoded(MESSAGES.slice(0, -1))
    expect(decoded(...Array.from(bytes, (byte) => new Uint8Array([byte])))).toEqual(MESSAGES.slice(0, -1))
  })
})

describe('what is no message', () => {
  test.each([
    ['of no size', [0, 0, 0, 0], /a message of 0 bytes/],
    ['too large', [0x7f, 0xff, 0xff, 0xff], /a message of 2147483647 bytes/],
    ['larger than 2^31', [0xff, 0xff, 0xff, 0xff], /a message of 4294967295 bytes/],
    ['a byte too large', [...large(BUS_MESSAGE_SIZE + 1)], /a message of 16777217 bytes/],
    ['of an unknown kind', [0, 0, 0, 1, 200], /a message of kind 200/],
    ['that is no JSON', [0, 0, 0, 2, 0, 0x7b], /JSON|Expected/],
    ['that is no text', [0, 0, 0, 2, 0, 0xff], /./],
  ])('%s', (_, bytes, words) => {
    const decoder = new BusDecoder()
    decoder.feed(new Uint8Array(bytes))
    expect(() => decoder.next()).toThrow(words)
  })

  test('one as large as may be is waited for', () => {
    const decoder = new BusDecoder()
    decoder.feed(large(BUS_MESSAGE_SIZE))
    expect(decoder.next()).toBeNull()
  })

  test('is told, or waited for, whatever comes', () => {
    let seed = 1
    const random = (below: number) => {
      seed = Math.imul(seed ^ (seed >>> 15), 2_246_822_519) + 374_761_393 | 0
      return (seed >>> 8) % below
    }
    const good = encoded(MESSAGES.slice(2, 12))
    for (let round = 0; round < 2000; round++) {
      const bytes = good.slice()
      for (let change = 0; change <= round % 4; change++) bytes[random(bytes.length)] = random(256)
      const decoder = new BusDecoder()
      try {
        for (let at = 0; at < bytes.length;) {
          const to = Math.min(bytes.length, at + 1 + random(40))
          decoder.feed(bytes.subarray(at, to))
          at = to
          while (decoder.next() !== null) continue
        }
      } catch (error) {
        expect(error).toBeInstanceOf(Error)
        expect(error).not.toBeInstanceOf(RangeError)
      }
    }
  })
})

function large(size: number): Uint8Array {
  return new Uint8Array([size >>> 24, size >>> 16 & 0xff, size >>> 8 & 0xff, size & 0xff])
}
