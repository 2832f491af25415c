import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../core/bytes/writer.ts'
import { crc32c } from '../../core/haproxy/crc32c.ts'
import { parseProxyHeader, type ProxyHeader } from '../../core/haproxy/header.ts'
import { writeProxyHeader } from '../../core/haproxy/write.ts'
import type { Endpoint } from '../../core/runtime.ts'
import { toBytes } from '../../core/bytes/ascii.ts'

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const hex = (text: string): Uint8Array => {
  const digits = text.replaceAll(' ', '')
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number(`0x${digits.slice(2 * i, 2 * i + 2)}`))
}
const second = (rest: string): Uint8Array => hex(SIGNATURE + rest)

const A: Endpoint = { family: 4, address: '192.0.2.1', port: 56324 }
const B: Endpoint = { family: 4, address: '198.51.100.2', port: 443 }
const A6: Endpoint = { family: 6, address: '2001:db8::1', port: 56324 }
const B6: Endpoint = { family: 6, address: '2001:db8::2', port: 443 }
const V4 = 'c0000201 c6336402 dc04 01bb'
const V6 = '20010db8000000000000000000000001 20010db8000000000000000000000002 dc04 01bb'
const NONE = { authority: '', uniqueId: '', tls: null }
const unix = (path: string): string => [...path].map((c) => c.charCodeAt(0).toString(16)).join('').padEnd(216, '0')

const GOOD: readonly [string, Uint8Array, Omit<ProxyHeader, 'size'>][] = [
  ['v1 TCP4', toBytes('PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n'), {
    ...NONE,
    version: 1,
    source: A,
    destination: B,
  }],
  [
    'v1 TCP6',
    toBytes('PROXY TCP6 2001:db8::1 2001:DB8:0::2 56324 443\r\n'),
    { ...NONE, version: 1, source: A6, destination: B6 },
  ],
  ['v1 port 0', toBytes('PROXY TCP4 192.0.2.1 198.51.100.2 0 443\r\n'), {
    ...NONE,
    version: 1,
    source: { ...A, port: 0 },
    destination: B,
  }],
  ['v1 UNKNOWN', toBytes('PROXY UNKNOWN\r\n'), { ...NONE, version: 1, source: null, destination: null }],
  [
    'v1 UNKNOWN with whatever follows',
    toBytes('PROXY UNKNOWN ffff::1 x y z\r\n'),
    { ...NONE, version: 1, source: null, destination: null },
  ],
  ['v2 TCP4', second(`21 11 000c ${V4}`), { ...NONE, version: 2, source: A, destination: B }],
  ['v2 UDP4', second(`21 12 000c ${V4}`), { ...NONE, version: 2, source: A, destination: B }],
  ['v2 TCP6', second(`21 21 0024 ${V6}`), { ...NONE, version: 2, source: A6, destination: B6 }],
  [
    'v2 UNIX',
    second(`21 31 00d8 ${unix('/run/a')} ${unix('/run/b')}`),
    {
      ...NONE,
      version: 2,
      source: { family: 'unix', address: '/run/a', port: 0 },
      destination: { family: 'unix', address: '/run/b', port: 0 },
    },
  ],
  ['v2 UNSPEC', second('21 00 0000'), { ...NONE, version: 2, source: null, destination: null }],
  ['v2 UNSPEC with a TLV', second('21 00 0004 04 0001 00'), { ...NONE, version: 2, source: null, destination: null }],
  ['v2 LOCAL', second('20 00 0000'), { ...NONE, version: 2, source: null, destination: null }],
  ['v2 LOCAL of no family', second('20 41 0000'), { ...NONE, version: 2, source: null, destination: null }],
  ['v2 LOCAL of no protocol', second('20 1f 0003 ffffff'), { ...NONE, version: 2, source: null, destination: null }],
  ['v2 LOCAL with addresses', second(`20 11 000c ${V4}`), { ...NONE, version: 2, source: null, destination: null }],
  ['v2 with a checksum', second(`21 11 0013 ${V4} 03 0004 20ec9549`), {
    ...NONE,
    version: 2,
    source: A,
    destination: B,
  }],
  [
    'v2 with AUTHORITY and UNIQUE_ID, and one unknown',
    second(`21 11 001d ${V4} 02 0004 612e6263 05 0002 7831 ea 0002 ffff`),
    { ...NONE, version: 2, source: A, destination: B, authority: 'a.bc', uniqueId: 'x1' },
  ],
  [
    'v2 with TLS and a certificate',
    second(`21 11 0025 ${V4} 20 0016 07 00000000 21 0003 312e33 23 0002 4145 22 0003 6a6f65`),
    {
      ...NONE,
      version: 2,
      source: A,
      destination: B,
      tls: { version: '1.3', cipher: 'AE', name: 'joe', verified: true },
    },
  ],
  [
    'v2 with a client that did not speak TLS',
    second(`21 11 0014 ${V4} 20 0005 00 00000001`),
    { ...NONE, version: 2, source: A, destination: B },
  ],
  [
    'v2 with TLS, and no certificate: nothing was verified',
    second(`21 11 0014 ${V4} 20 0005 01 00000000`),
    { ...NONE, version: 2, source: A, destination: B, tls: { version: '', cipher: '', name: '', verified: false } },
  ],
  [
    'v2 with a certificate of the session before',
    second(`21 11 001a ${V4} 20 000b 05 00000000 22 0003 6a6f65`),
    { ...NONE, version: 2, source: A, destination: B, tls: { version: '', cipher: '', name: 'joe', verified: true } },
  ],
  [
    'v2 with TLS and a certificate that is not good',
    second(`21 11 001a ${V4} 20 000b 07 00000001 22 0003 6a6f65`),
    { ...NONE, version: 2, source: A, destination: B, tls: { version: '', cipher: '', name: 'joe', verified: false } },
  ],
]

test.each(GOOD)('%s, cut anywhere, and with more behind it', (_, bytes, expected) => {
  for (let size = 0; size < bytes.length; size++) {
    expect(parseProxyHeader(bytes.subarray(0, size))).toEqual({ kind: 'more' })
  }
  const header = { ...expected, size: bytes.length }
  expect(parseProxyHeader(bytes)).toEqual({ kind: 'header', header })
  const more = new Uint8Array(bytes.length + 300).fill(0x41)
  more.set(bytes)
  expect(parseProxyHeader(more)).toEqual({ kind: 'header', header })
})

test.each<[string, Uint8Array]>([
  ['no header', toBytes('GET / HTTP/1.1\r\n')],
  ['half the word, and another', toBytes('PROX ')],
  ['lower case', toBytes('proxy TCP4 192.0.2.1 198.51.100.2 56324 443\r\n')],
  ['two spaces', toBytes('PROXY  TCP4 192.0.2.1 198.51.100.2 56324 443\r\n')],
  ['a space at the end', toBytes('PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 \r\n')],
  ['LF alone', toBytes('PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n')],
  ['a CR inside', toBytes('PROXY TCP4 192.0.2.1\r 198.51.100.2 56324 443\r\n')],
  ['a port with a leading zero', toBytes('PROXY TCP4 192.0.2.1 198.51.100.2 056324 443\r\n')],
  ['a port too large', toBytes('PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n')],
  ['no port', toBytes('PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n')],
  ['an odd IPv4 address', toBytes('PROXY TCP4 192.0.513 198.51.100.2 1 443\r\n')],
  ['an IPv4 address with a leading zero', toBytes('PROXY TCP4 192.0.2.01 198.51.100.2 1 443\r\n')],
  ['another family than said', toBytes('PROXY TCP4 2001:db8::1 2001:db8::2 1 443\r\n')],
  ['a zone', toBytes('PROXY TCP6 fe80::1%lo fe80::2 1 443\r\n')],
  ['an unknown family', toBytes('PROXY UDP4 192.0.2.1 198.51.100.2 1 443\r\n')],
  ['a line without an end', toBytes(`PROXY UNKNOWN ${'x'.repeat(100)}`)],
  ['version 1 in a head of version 2', second('11 11 000c' + V4)],
  ['a command that is none', second('22 11 000c' + V4)],
  ['a family that is none', second('21 41 000c' + V4)],
  ['a protocol that is none', second('21 13 000c' + V4)],
  ['addresses cut short', second('21 11 000b c0000201 c6336402 dc04 01')],
  ['a wrong checksum', second(`21 11 0013 ${V4} 03 0004 20ec9548`)],
  ['a checksum of three bytes', second(`21 11 0012 ${V4} 03 0003 20ec95`)],
  ['a TLV past the end', second(`21 11 0010 ${V4} 02 0002 61`)],
  ['half the head of a TLV', second(`21 11 000e ${V4} 02 00`)],
  ['TLS cut short', second(`21 11 0013 ${V4} 20 0004 07000000`)],
  ['a TLV inside TLS past its end', second(`21 11 0017 ${V4} 20 0008 07 00000000 22 0003`)],
  ['a unique id that is too long', second(`21 11 0090 ${V4} 05 0081 ${'61'.repeat(129)}`)],
  ['too large', second('21 11 ffff')],
])('bad: %s', (_, bytes) => {
  expect(parseProxyHeader(bytes)).toMatchObject({ kind: 'bad', why: expect.stringMatching(/./) })
})

test('the checksum of RFC 3720 B.4', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e)
})

describe('what is written is read', () => {
  const written = (version: 1 | 2, from: Endpoint, to: Endpoint): unknown => {
    const out = new ByteWriter()
    writeProxyHeader(out, version, from, to)
    const step = parseProxyHeader(out.bytes.subarray(0, out.length))
    return step.kind === 'header'
      ? [step.header.source, step.header.destination, step.header.size === out.length]
      : step
  }
  test.each([1, 2] as const)('version %d', (version) => {
    expect(written(version, A, B)).toEqual([A, B, true])
    expect(written(version, A6, B6)).toEqual([A6, B6, true])
    expect(written(version, A, B6)).toEqual([null, null, true])
    expect(written(version, { family: 'unix', address: '/a', port: 0 }, B)).toEqual([null, null, true])
    expect(written(version, { ...A6, address: 'fe80::1%lo' }, B6)).toEqual([{ ...A6, address: 'fe80::1' }, B6, true])
  })
})

describe('what else is written is read', () => {
  const told = (version: 1 | 2, to: Endpoint, said: { authority: string; uniqueId: string }): unknown => {
    const out = new ByteWriter(1)
    writeProxyHeader(out, version, A, to, said)
    const step = parseProxyHeader(out.bytes.subarray(0, out.length))
    if (step.kind !== 'header' || step.header.size !== out.length) return step
    return { authority: step.header.authority, uniqueId: step.header.uniqueId }
  }
  const nothing = { authority: '', uniqueId: '' }
  test.each([
    { authority: 'a.example', uniqueId: 'x1' },
    { authority: '', uniqueId: '\xff\0'.repeat(64) },
    { authority: 'm\u00fcller.example', uniqueId: '' },
    nothing,
  ])('%j', (said) => {
    expect(told(2, B, said)).toEqual(said)
  })
  test('version 1 cannot say it, and who does not tell the addresses tells nothing', () => {
    const said = { authority: 'a.example', uniqueId: 'x1' }
    expect(told(1, B, said)).toEqual(nothing)
    expect(told(2, B6, said)).toEqual(nothing)
  })
})

test('whatever comes is more, a header inside it, or bad; and what is bad stays bad', () => {
  const start = fc.constantFrom(toBytes('PROXY '), second(''), second('21 11 0013'), new Uint8Array(0))
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 300 }), fc.nat(300), (head, tail, at) => {
      const bytes = new Uint8Array([...head, ...tail])
      const early = parseProxyHeader(bytes.subarray(0, at))
      const late = parseProxyHeader(bytes)
      if (late.kind === 'header') expect(late.header.size).toBeLessThanOrEqual(bytes.length)
      if (early.kind !== 'more') expect(late).toEqual(early)
    }),
    { numRuns: 2000 },
  )
})
