/** The fuzz target of core/haproxy: headers of the PROXY protocol, both versions. */

import { formatAddress, parseAddress } from '../../core/bytes/address.ts'
import { toBytes } from '../../core/bytes/ascii.ts'
import { ByteWriter } from '../../core/bytes/writer.ts'
import { crc32c } from '../../core/haproxy/crc32c.ts'
import { parseProxyHeader, type ProxyHeader, type ProxyHeaderStep } from '../../core/haproxy/header.ts'
import { writeProxyHeader } from '../../core/haproxy/write.ts'
import { PROXY_AUTHORITY_SIZE, PROXY_HEADER_SIZE } from '../../core/limits.ts'
import type { Endpoint } from '../../core/runtime.ts'
import type { FuzzTarget } from './main.ts'
import type { Random } from './random.ts'

const LINE_SIZE = 107

/** In a place of its own, with what would be read past its ends, and gone afterwards. */
function parse(bytes: Uint8Array): ProxyHeaderStep {
  const lent = new Uint8Array(bytes.length + 8).fill(0x20)
  lent.set(bytes, 4)
  const step = parseProxyHeader(lent.subarray(4, 4 + bytes.length))
  lent.fill(0xaa)
  return step
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

function check(input: Uint8Array, random: Random): void {
  const whole = parse(input)
  // As it comes in pieces, something is known once, and stays so.
  const step = Math.max(1, Math.floor(input.length / 64))
  for (let size = 0; size <= input.length; size += 1 + random.below(step)) {
    const early = parse(input.subarray(0, size))
    if (early.kind !== 'more' && !same(early, whole)) throw new Error(`another at ${size}: ${JSON.stringify(early)}`)
  }
  if (whole.kind === 'more' && input.length > PROXY_HEADER_SIZE) throw new Error('it never comes to an end')
  if (whole.kind !== 'header') return
  const { header } = whole
  const { size } = header
  if (size > input.length || size > PROXY_HEADER_SIZE) throw new Error(`read ${size} of ${input.length} bytes`)
  if (header.version === 1 && size > LINE_SIZE) throw new Error(`a line of ${size} bytes`)
  if (parse(input.subarray(0, size - 1)).kind !== 'more') throw new Error('known without its last byte')
  const other = input.slice()
  other.fill(random.below(256), size)
  if (!same(parse(other), whole)) throw new Error('what follows it matters')
  for (const at of [header.source, header.destination]) place(at)
  if (header.version === 1 && (header.tls ?? header.authority + header.uniqueId) !== '') {
    throw new Error('more than version 1 can say')
  }
  again(header)
}

function place(at: Endpoint | null): void {
  if (at === null || at.family === 'unix') return
  const address = parseAddress(at.address)
  if (address === null || address.zone !== '' || formatAddress(address) !== at.address) {
    throw new Error(`not in canonical form: ${at.address}`)
  }
  if (address.family !== at.family) throw new Error('an address of another family than said')
  if (!(at.port >= 0 && at.port <= 65_535)) throw new Error(`port ${at.port}`)
}

/** What is written of it is read as the same. */
function again({ source, destination, authority, uniqueId }: ProxyHeader): void {
  if (source === null || destination === null || source.family === 'unix' || source.family !== destination.family) {
    return
  }
  const name = new TextEncoder().encode(authority).length > PROXY_AUTHORITY_SIZE ? '' : authority
  for (const version of [1, 2] as const) {
    const out = new ByteWriter(1)
    writeProxyHeader(out, version, source, destination, { authority, uniqueId })
    const step = parse(out.bytes.subarray(0, out.length))
    if (step.kind !== 'header' || step.header.size !== out.length) throw new Error(`written as ${JSON.stringify(step)}`)
    const { header } = step
    const told = version === 1 ? ['', ''] : [name, uniqueId]
    if (!same([header.source, header.destination, header.authority, header.uniqueId], [source, destination, ...told])) {
      throw new Error(`read again as ${JSON.stringify(header)}`)
    }
  }
}

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n'
const V4 = '\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb'
const V6 = `${'\x20\x01\x0d\xb8'.padEnd(15, '\0')}\x01${'\x20\x01\x0d\xb8'.padEnd(15, '\0')}\x02\xdc\x04\x01\xbb`
const size = (text: string): string => String.fromCharCode(text.length >> 8, text.length & 0xff)
const tlv = (type: number, value: string): string => String.fromCharCode(type) + size(value) + value
const second = (kind: string, rest: string): Uint8Array => toBytes(SIGNATURE + kind + size(rest) + rest)
const TLS = tlv(0x20, `\x07\0\0\0\0${tlv(0x21, 'TLSv1.3')}${tlv(0x22, 'joe')}${tlv(0x23, 'TLS_AES')}`)

/** With its checksum, which mutation seldom leaves right. */
function summed(): Uint8Array {
  const bytes = second('\x21\x11', V4 + tlv(3, '\0\0\0\0'))
  const sum = crc32c(bytes, bytes.length - 4)
  for (let i = 0; i < 4; i++) bytes[bytes.length - 4 + i] = sum >>> (24 - 8 * i)
  return bytes
}

const target: FuzzTarget = {
  invariant:
    'any bytes in any pieces are the same PROXY header or none, read no further than its end; what is written of it says so again',
  seeds: [
    ...[
      'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n',
      'PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 0 65535\r\n',
      'PROXY UNKNOWN ffff::1 x\r\n',
    ].map((line) => toBytes(`${line}GET /`)),
    second('\x21\x11', V4),
    second('\x21\x21', V6),
    second('\x21\x31', '/run/a'.padEnd(108, '\0') + '/run/b'.padEnd(108, '\0')),
    second('\x20\0', ''),
    second('\x21\0', tlv(4, '\0')),
    second('\x21\x11', V4 + tlv(2, 'a.example') + tlv(5, 'x1') + TLS),
    second('\x21\x21', V6 + TLS + tlv(2, 'm\xc3\xbc.example')),
    summed(),
  ],
  words: [
    ...['PROXY ', 'TCP4', 'TCP6', 'UNKNOWN', ' ', '\r\n', '\n', '0', '00', '65536', '127.0.0.1', '::', '::1', '%lo'],
    ...['1.2.3', '0x7f.1', SIGNATURE, '\x20', '\x21', '\x11', '\x12', '\x31', '\0\x0c', '\0\x24', '\xff\xff', V4, V6],
    ...[TLS, tlv(2, 'a'), tlv(5, 'u'.repeat(128)), tlv(3, '\0\0\0\0'), tlv(0xea, ''), tlv(0x20, '\x01\0\0\0\x01')],
  ].map(toBytes),
  check,
}

export default target
