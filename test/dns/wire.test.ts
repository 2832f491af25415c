import { Buffer } from 'node:buffer'
import * as packets from 'dns-packet'
import type { PacketRecord } from 'dns-packet'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonical } from '../../core/bytes/address.ts'
import type { Message, Resource } from '../../core/dns/message.ts'
import { CLASS_IN, rcodeName, TYPE } from '../../core/dns/message.ts'
import { decode, decodeOpening, encode, encodeQuery, Malformed } from '../../core/dns/wire.ts'
import { messages } from './messages.ts'

const RUNS = { numRuns: 300 }

/** A message from bytes and texts: labels are written by the test itself. */
function bytesOf(...parts: (number | string | number[])[]): Uint8Array {
  const bytes: number[] = []
  for (const part of parts) {
    if (typeof part === 'number') bytes.push(part)
    else if (typeof part === 'string') { for (const c of part) bytes.push(c.charCodeAt(0)) }
    else bytes.push(...part)
  }
  return new Uint8Array(bytes)
}

const header = (questions: number, answers: number, additionals = 0): number[] => [
  ...[0x12, 0x34, 0x81, 0x80],
  ...[0, questions, 0, answers, 0, 0, 0, additionals],
]
const QUESTION = [3, 0x77, 0x77, 0x77, 1, 0x78, 0, 0, 1, 0, 1] // www.x A IN, at 12
const FIXED_A = [0, 1, 0, 1, 0, 0, 0, 60]

describe('encode() and decode()', () => {
  test('whatever is written is read back the same', () => {
    fc.assert(
      fc.property(messages(false), (message) => {
        expect(decode(encode(message))).toEqual(message)
      }),
      RUNS,
    )
  })

  test('with EDNS the code has 12 bits', () => {
    const message = decode(encodeQuery(1, 'x.test', TYPE.A, 1232))
    const answer = decode(encode({ ...message, response: true, rcode: 0xabc }))
    expect(answer.rcode).toBe(0xabc)
    expect(rcodeName(answer.rcode)).toBe('RCODE 2748')
    expect(rcodeName(16)).toBe('BADVERS')
  })

  test('a query is as RFC 1035 and RFC 6891 draw it', () => {
    expect([...encodeQuery(0x1234, 'wWw.x', TYPE.A, 1232)]).toEqual([
      ...bytesOf(0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 3, 'wWw', 1, 'x', 0, 0, 1, 0, 1),
      ...bytesOf(0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0),
    ])
    expect([...encodeQuery(1, 'x', TYPE.AAAA, 0)]).toEqual([
      0,
      1,
      1,
      0,
      0,
      1,
      0,
      0,
      0,
      0,
      0,
      0,
      1,
      0x78,
      0,
      0,
      28,
      0,
      1,
    ])
  })

  test('names are compressed, wherever the tail was seen before', () => {
    const query = decode(encodeQuery(1, 'a.x.test', TYPE.A, 0))
    const data = { kind: 'name', name: 'b.x.test' } as const
    const answers = [{ name: 'a.x.test', type: TYPE.CNAME, class: 1, ttl: 1, data }]
    const bytes = encode({ ...query, response: true, answers })
    expect([...bytes.subarray(26)]).toEqual([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 1, 0, 4, 1, 0x62, 0xc0, 14])
  })

  test('names past what a pointer can reach are written whole', () => {
    const query = decode(encodeQuery(1, 'x.test', TYPE.A, 0))
    const data = { kind: 'address', address: '192.0.2.1' } as const
    const answers = Array.from({ length: 1500 }, (_, i) => {
      return { name: `host-${i % 1000}.of.zone-${i >> 1}.test`, type: TYPE.A, class: CLASS_IN, ttl: 1, data }
    })
    const message = { ...query, response: true, answers }
    const bytes = encode(message)
    expect(bytes.length).toBeGreaterThan(0x4000)
    expect(decode(bytes)).toEqual(message)
  })

  test('labels with dots, backslashes and bytes of any kind keep apart', () => {
    const bytes = bytesOf(header(1, 0), 3, 'a.b', 2, '\\c', 3, 0, 0xff, ' ', 0, [0, 1, 0, 1])
    const message = decode(bytes)
    expect(message.questions[0].name).toBe('a\\.b.\\\\c.\\000\\255\\032')
    expect([...encode(message)]).toEqual([...bytes])
  })
})

describe('beside dns-packet', () => {
  const flagsOf = (message: Message): number =>
    message.opcode << 11 | (message.authoritative ? 0x400 : 0) | (message.truncated ? 0x200 : 0) |
    (message.recursionDesired ? 0x100 : 0) | (message.recursionAvailable ? 0x80 : 0) |
    (message.authentic ? 0x20 : 0) | (message.unchecked ? 0x10 : 0) | message.rcode

  // It does not know HTTPS.
  const typeName = (type: number): string =>
    type === TYPE.HTTPS ? 'UNKNOWN_65' : Object.entries(TYPE).find(([, value]) => value === type)![0]

  function theirs({ name, type, ttl, data }: Resource): PacketRecord {
    const record = { name: name === '' ? '.' : name, type: typeName(type), class: 'IN', ttl }
    switch (data.kind) {
      case 'address':
        return { ...record, data: data.address }
      case 'name':
        return { ...record, data: data.name === '' ? '.' : data.name }
      case 'mx':
        return { ...record, data: { preference: data.preference, exchange: data.exchange } }
      case 'txt':
        return { ...record, data: data.strings.map((string) => [...string]) }
      case 'srv': {
        const { priority, weight, port, target } = data
        return { ...record, data: { priority, weight, port, target } }
      }
      case 'soa':
        return { ...record, data: { mname: data.primary, rname: data.mailbox, ...data.times } }
      case 'opaque':
        throw new Error('only for what dns-packet knows')
    }
  }

  /** Theirs, in one way of writing: no classes we do not set, bytes as numbers, addresses canonical, the root as ''. */
  function plain(record: PacketRecord): unknown {
    const { name, type, ttl, data } = record
    let shown = data
    if (type === 'A' || type === 'AAAA') shown = canonical(data as string)
    if (type === 'TXT') shown = ([data].flat() as Uint8Array[]).map((string) => [...string])
    return JSON.parse(JSON.stringify({ name, type, ttl, data: shown }).replaceAll('"."', '""'))
  }

  const known = messages(true)

  test('what we write, they read', () => {
    fc.assert(
      fc.property(known, (message) => {
        const packet = packets.decode(Buffer.from(encode(message)))
        expect(packet.id).toBe(message.id)
        expect(packet.type).toBe(message.response ? 'response' : 'query')
        expect(packet.flags! & 0x7fff).toBe(flagsOf(message))
        expect(packet.questions!.map(({ name, type }) => [name === '.' ? '' : name, type]))
          .toEqual(message.questions.map(({ name, type }) => [name, typeName(type)]))
        expect(packet.answers!.map(plain)).toEqual(message.answers.map(theirs).map(plain))
        expect(packet.authorities!.map(plain)).toEqual(message.authorities.map(theirs).map(plain))
        const opt = packet.additionals!.find((record) => record.type === 'OPT')
        expect(packet.additionals!.filter((record) => record !== opt).map(plain))
          .toEqual(message.additionals.map(theirs).map(plain))
        expect(opt?.udpPayloadSize).toBe(message.edns?.size)
        expect(opt?.ednsVersion).toBe(message.edns?.version)
      }),
      RUNS,
    )
  })

  test('what they write, we read', () => {
    fc.assert(
      fc.property(known, (message) => {
        const additionals = message.additionals.map(theirs)
        if (message.edns !== null) {
          const { size, version, dnssec, options } = message.edns
          additionals.push({
            name: '.',
            type: 'OPT',
            udpPayloadSize: size,
            extendedRcode: 0,
            ednsVersion: version,
            flags: dnssec ? 0x8000 : 0,
            options: options.map(({ code, bytes }) => ({ code, data: Buffer.from(bytes) })),
          })
        }
        const bytes = packets.encode({
          id: message.id,
          type: message.response ? 'response' : 'query',
          flags: flagsOf(message),
          questions: message.questions.map(({ name, type }) => ({ name, type: typeName(type), class: 'IN' })),
          answers: message.answers.map(theirs).map(forWriting),
          authorities: message.authorities.map(theirs).map(forWriting),
          additionals: additionals.map(forWriting),
        })
        expect(decode(bytes)).toEqual(message)
      }),
      RUNS,
    )
  })

  function forWriting(record: PacketRecord): PacketRecord {
    if (record.type !== 'TXT') return record
    return { ...record, data: (record.data as number[][]).map((string) => Buffer.from(string)) }
  }
})

describe('what is not valid is Malformed', () => {
  const long = (count: number): number[] => Array.from({ length: count }, () => [1, 0x61]).flat()
  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['a short header', bytesOf(header(0, 0)).slice(0, 11)],
    ['a question that is not there', bytesOf(header(1, 0))],
    ['a record that is not there', bytesOf(header(1, 1), QUESTION)],
    ['a name without an end', bytesOf(header(1, 0), 3, 'www')],
    ['a label past the end', bytesOf(header(1, 0), 5, 'www', 0, 0, 1, 0, 1)],
    ['a name of 256 bytes', bytesOf(header(1, 0), long(126), 2, 'ab', 0, [0, 1, 0, 1])],
    ['a label of kind 01', bytesOf(header(1, 0), 0x41, 'a', 0, [0, 1, 0, 1])],
    ['a label of kind 10', bytesOf(header(1, 0), 0x81, 'a', 0, [0, 1, 0, 1])],
    ['half a pointer', bytesOf(header(1, 0), 0xc0)],
    ['a pointer to itself', bytesOf(header(1, 0), 0xc0, 12, 0, 1, 0, 1)],
    ['a pointer ahead', bytesOf(header(1, 0), 0xc0, 14, 1, 'a', 0, 0, 1, 0, 1)],
    ['a pointer past the end', bytesOf(header(1, 0), 0xff, 0xff, 0, 1, 0, 1)],
    ['a pointer into the header', bytesOf(header(1, 0), 0xc0, 4, 0, 1, 0, 1)],
    ['a loop of two', bytesOf(header(2, 0), 1, 'a', 0xc0, 18, 0, 1, 0, 1, 1, 'b', 0xc0, 12, 0, 1, 0, 1)],
    ['a label, then a pointer to it', bytesOf(header(1, 0), 1, 'a', 0xc0, 12, 0, 1, 0, 1)],
    [
      'a pointer into the middle of its own piece',
      bytesOf(header(1, 0), 1, 'a', 1, 'b', 0xc0, 14, 0, 1, 0, 1),
    ],
    ['data past the end', bytesOf(header(1, 1), QUESTION, 0xc0, 12, FIXED_A, 0, 5, 1, 2, 3, 4)],
    ['an A of 3 bytes', bytesOf(header(1, 1), QUESTION, 0xc0, 12, FIXED_A, 0, 3, 1, 2, 3)],
    ['an A of 5 bytes', bytesOf(header(1, 1), QUESTION, 0xc0, 12, FIXED_A, 0, 5, 1, 2, 3, 4, 5)],
    ['a name past its data', bytesOf(header(1, 1), QUESTION, 0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 1, 'a', 0)],
    ['a name short of its data', bytesOf(header(1, 1), QUESTION, 0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 3, 0xc0, 12, 0)],
    ['a text past its data', bytesOf(header(1, 1), QUESTION, 0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 3, 4, 'abcd')],
    ['OPT as an answer', bytesOf(header(1, 1), QUESTION, 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0)],
    [
      'two OPT',
      bytesOf(header(1, 0, 2), QUESTION, 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0, 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0),
    ],
    ['OPT with a name', bytesOf(header(1, 0, 1), QUESTION, 0xc0, 12, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0)],
    ['half an option', bytesOf(header(1, 0, 1), QUESTION, 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 3, 0, 10, 0)],
    ['too many records', bytesOf(0, 1, 0x81, 0x80, 0, 0, 0x10, 1, 0, 0, 0, 0, long(200))],
    ['65,536 bytes', new Uint8Array(65_536)],
  ])('%s', (_, bytes) => {
    expect(() => decode(bytes)).toThrow(Malformed)
  })

  test('the longest name and label are valid', () => {
    expect(decode(bytesOf(header(1, 0), long(127), 0, [0, 1, 0, 1])).questions[0].name).toHaveLength(253)
    const label = 'a'.repeat(63)
    expect(decode(bytesOf(header(1, 0), 63, label, 0, [0, 1, 0, 1])).questions[0].name).toBe(label)
  })

  test('pointers to pointers are followed, 127 of them, and no further', () => {
    // Each question is a pointer to the one before; the first is a name.
    const build = (count: number): Uint8Array => {
      const bytes = [...header(0, 0), 1, 0x61, 0, 0, 1, 0, 1]
      for (let i = 0, at = 12; i < count; i++) {
        const here = bytes.length
        bytes.push(0xc0 | at >> 8, at & 0xff, 0, 1, 0, 1)
        at = here
      }
      bytes[4] = count + 1 >> 8
      bytes[5] = count + 1 & 0xff
      return new Uint8Array(bytes)
    }
    expect(decode(build(127)).questions.at(-1)!.name).toBe('a')
    expect(() => decode(build(128))).toThrow(Malformed)
  })

  test('cut anywhere', () => {
    fc.assert(
      fc.property(messages(false), (message) => {
        const bytes = encode(message)
        const step = Math.max(1, bytes.length >> 6)
        for (let size = 0; size < bytes.length; size += step) {
          expect(() => decode(bytes.subarray(0, size))).toThrow(Malformed)
        }
      }),
      { numRuns: 50 },
    )
  })

  test('changed anywhere, it is a message or Malformed', () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(messages(false), fc.array(change, { minLength: 1, maxLength: 8 }), (message, changes) => {
        const bytes = encode(message)
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        try {
          encode(decode(bytes))
        } catch (error) {
          // Pointers may have made a short message mean a long one, which cannot be written again.
          if (error instanceof TypeError && error.message.includes('Cannot write a message')) return
          expect(error).toBeInstanceOf(Malformed)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

test('what is read is not the bytes that were lent', () => {
  // A Buffer, as Node lends them: its `slice` does not copy.
  const bytes = Buffer.from(bytesOf(header(1, 1), QUESTION, 0xc0, 12, 0, 65, 0, 1, 0, 0, 0, 60, 0, 3, 'abc'))
  const message = decode(bytes)
  bytes.fill(0xdd)
  expect(message.answers[0].data).toEqual({ kind: 'opaque', bytes: bytesOf('abc') })
})

test('decodeOpening() reads what comes before a broken record', () => {
  const question = { name: 'www.x', type: 1, class: 1 }
  expect(decodeOpening(bytesOf(header(1, 9), QUESTION, 0xff))).toEqual({
    id: 0x1234,
    response: true,
    opcode: 0,
    rcode: 0,
    question,
  })
  expect(decodeOpening(bytesOf(header(0, 0)))?.question).toBeNull()
  expect(decodeOpening(bytesOf(header(2, 0), QUESTION, QUESTION))?.question).toBeNull()
  expect(decodeOpening(bytesOf(header(1, 0), QUESTION).slice(0, -1))).toBeNull()
  expect(decodeOpening(new Uint8Array(11))).toBeNull()
})

test.each([
  ['a..b'],
  ['.a'],
  ['a.'],
  ['a'.repeat(64)],
  [`${'a.'.repeat(127)}b`],
  ['ü\u0100'],
  ['a\\'],
  ['a\\1'],
])(
  'encodeQuery() refuses the name %j',
  (name) => expect(() => encodeQuery(1, name, TYPE.A, 0)).toThrow(TypeError),
)
