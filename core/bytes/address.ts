/**
 * IP addresses, networks and endpoints: text to bytes and back, strictly (RFC 4291, RFC 5952).
 *
 * An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is read as the IPv4 address that it is: no rule, list or cache can be
 * got round by writing it the other way.
 */

import { COLON, DOT, HEX_VALUE, ZERO } from './ascii.ts'
import type { Endpoint } from '../runtime.ts'

export type Family = 4 | 6

/** `bytes` are 4 or 16, in network order. `zone` is what followed `%`, or empty. */
export interface Address {
  readonly family: Family
  readonly bytes: Uint8Array
  readonly zone: string
}

/** A CIDR: the first `length` bits of `bytes` count, the others are zero. */
export interface Network {
  readonly family: Family
  readonly bytes: Uint8Array
  readonly length: number
}

/** A host (a name or an address, without brackets) and a port. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Linux's interface names have at most 15 characters; numbers are shorter. */
const ZONE_SIZE = 15
const ZONE = /^[A-Za-z0-9._~-]+$/

/** Four decimal numbers without leading zeros (`010.0.0.1` is octal to some, decimal to others: refused). */
function readFour(text: string, start: number, into: Uint8Array, at: number): boolean {
  let group = 0
  let value = 0
  let digits = 0
  for (let i = start; i <= text.length; i++) {
    const c = i === text.length ? DOT : text.charCodeAt(i)
    if (c === DOT) {
      if (digits === 0 || group === 4) return false
      into[at + group++] = value
      value = 0
      digits = 0
      continue
    }
    if (c < ZERO || c > 0x39) return false
    if (digits > 0 && value === 0) return false
    value = value * 10 + c - ZERO
    digits++
    if (value > 255) return false
  }
  return group === 4
}

/** Eight groups, one `::` at most, the last two groups perhaps as dotted quad (RFC 4291 2.2). `text` has no zone. */
function readSix(text: string, into: Uint8Array): boolean {
  let at = 0
  let gap = -1
  let i = 0
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return false
    gap = 0
    i = 2
  }
  while (i < text.length) {
    if (at === 16) return false
    const start = i
    let value = 0
    for (; i < text.length; i++) {
      // Past 0xff there is no entry.
      const digit = HEX_VALUE[text.charCodeAt(i)] ?? -1
      if (digit === -1) break
      value = value * 16 + digit
    }
    const size = i - start
    if (text.charCodeAt(i) === DOT) {
      if (at > 12 || !readFour(text, start, into, at)) return false
      at += 4
      break
    }
    if (size === 0 || size > 4) return false
    into[at++] = value >> 8
    into[at++] = value & 0xff
    if (i === text.length) break
    if (text.charCodeAt(i) !== COLON) return false
    i++
    if (i === text.length) return false
    if (text.charCodeAt(i) === COLON) {
      if (gap !== -1) return false
      gap = at
      i++
    }
  }
  if (gap === -1) return at === 16
  if (at === 16) return false // RFC 4291: `::` stands for one group at least
  into.copyWithin(16 - (at - gap), gap, at)
  into.fill(0, gap, 16 - (at - gap))
  return true
}

function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false
  return bytes[10] === 0xff && bytes[11] === 0xff
}

/** The bytes of `text` as written: mapped addresses are not unmapped here. */
function readBytes(text: string): Uint8Array | null {
  if (text.includes(':')) {
    if (text.length > 45) return null
    const bytes = new Uint8Array(16)
    return readSix(text, bytes) ? bytes : null
  }
  if (text.length > 15) return null
  const bytes = new Uint8Array(4)
  return readFour(text, 0, bytes, 0) ? bytes : null
}

/**
 * The bytes of an address into the first 4 or 16 of `into`, as parseAddress reads it; the zone is left out. Gives how many
 * there are, 0 when it is no address. Allocates nothing where there is no zone.
 */
export function readAddress(text: string, into: Uint8Array): 0 | 4 | 16 {
  if (!text.includes(':')) return text.length <= 15 && readFour(text, 0, into, 0) ? 4 : 0
  const bare = withoutZone(text)
  if (bare.length > 45) return 0
  into.fill(0)
  if (!readSix(bare, into)) return 0
  if (!isMapped(into)) return 16
  into.copyWithin(0, 12, 16)
  return 4
}

/** An address of these 4 or 16 bytes (kept, not copied, unless it is IPv4-mapped). */
export function addressOf(bytes: Uint8Array, zone = ''): Address {
  if (bytes.length === 4) return { family: 4, bytes, zone: '' }
  if (isMapped(bytes)) return { family: 4, bytes: bytes.slice(12), zone: '' }
  return { family: 6, bytes, zone }
}

/** Strict: dotted quad without leading zeros, or RFC 4291 text without brackets, perhaps with a zone. */
export function parseAddress(text: string): Address | null {
  const percent = text.indexOf('%')
  if (percent === -1) {
    const bytes = readBytes(text)
    return bytes === null ? null : addressOf(bytes)
  }
  const zone = text.slice(percent + 1)
  if (zone.length > ZONE_SIZE || !ZONE.test(zone)) return null
  const bytes = readBytes(text.slice(0, percent))
  return bytes === null || bytes.length === 4 || isMapped(bytes) ? null : addressOf(bytes, zone)
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as `::`; then the zone. */
export function formatAddress(address: Address): string {
  const bytes = address.bytes
  if (address.family === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`
  let longest = 1
  let from = -1
  for (let i = 0; i < 8;) {
    let end = i
    while (end < 8 && bytes[end * 2] === 0 && bytes[end * 2 + 1] === 0) end++
    if (end - i > longest) {
      longest = end - i
      from = i
    }
    i = end + 1
  }
  let text = ''
  for (let i = 0; i < 8; i++) {
    if (i === from) {
      text += '::'
      i += longest - 1
      continue
    }
    if (i > 0 && i !== from + longest) text += ':'
    text += ((bytes[i * 2] << 8) | bytes[i * 2 + 1]).toString(16)
  }
  return address.zone === '' ? text : `${text}%${address.zone}`
}

/** The one way to write this address (RFC 5952, mapped ones as IPv4). Text that is no address comes back as it was. */
export function canonical(text: string): string {
  const address = parseAddress(text)
  if (address === null) return text
  // A valid dotted quad has only one way to be written.
  return address.family === 4 && !text.includes(':') ? text : formatAddress(address)
}

/** Of one link alone (RFC 4291 2.5.6): the same may be on another, so that it needs a zone. */
export function isLinkLocal({ family, bytes }: Address): boolean {
  return family === 6 && bytes[0] === 0xfe && (bytes[1] & 0xc0) === 0x80
}

/** The same address on no link in particular: a zone means nothing to another machine (RFC 4007 11.2). */
export function withoutZone(text: string): string {
  const percent = text.indexOf('%')
  return percent < 0 ? text : text.slice(0, percent)
}

/** Of an address as text; `null` when it is none. */
export function family(text: string): Family | null {
  return parseAddress(text)?.family ?? null
}

/** One to five digits without leading zeros, at most 65535; else -1. */
export function parsePort(text: string): number {
  if (text.length === 0 || text.length > 5) return -1
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - ZERO
    if (digit < 0 || digit > 9 || (value === 0 && i > 0)) return -1
    value = value * 10 + digit
  }
  return value <= 65_535 ? value : -1
}

/**
 * `name:80`, `192.0.2.1:80`, `[::1]:80`. The host is not looked at, save that it is not empty and that a colon in it takes
 * brackets. Without a port: `fallback`, or `null` where there is none.
 */
export function splitHostPort(text: string, fallback = -1): HostPort | null {
  let host: string
  let rest: string
  if (text.startsWith('[')) {
    const close = text.indexOf(']')
    if (close === -1) return null
    host = text.slice(1, close)
    rest = text.slice(close + 1)
    if (!host.includes(':')) return null
  } else {
    const colon = text.indexOf(':')
    host = colon === -1 ? text : text.slice(0, colon)
    rest = colon === -1 ? '' : text.slice(colon)
  }
  if (host === '' || (rest !== '' && !rest.startsWith(':'))) return null
  const port = rest === '' ? fallback : parsePort(rest.slice(1))
  return port === -1 ? null : { host, port }
}

/** `192.0.2.1:80`, `[::1]:80` or `unix:/path`; an address without a port takes `fallback`, where there is one. */
export function parseEndpoint(text: string, fallback = -1): Endpoint | null {
  if (text.startsWith('unix:')) {
    const path = text.slice(5)
    return path.startsWith('/') && !path.includes('\0') ? { family: 'unix', address: path, port: 0 } : null
  }
  const split = splitHostPort(text, fallback)
  const address = split === null ? null : parseAddress(split.host)
  if (split === null || address === null) return null
  return { family: address.family, address: formatAddress(address), port: split.port }
}

/** An endpoint of an address (any way of writing it) and a port; `null` when the text is no address. */
export function endpointOf(text: string, port: number): Endpoint | null {
  const address = parseAddress(text)
  return address === null ? null : { family: address.family, address: formatAddress(address), port }
}

/** What parseEndpoint reads. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.family === 'unix') return `unix:${endpoint.address}`
  return endpoint.family === 6 ? `[${endpoint.address}]:${endpoint.port}` : `${endpoint.address}:${endpoint.port}`
}

/** `10.0.0.0/8`, `2001:db8::/32`, or an address alone. Bits past the length are cleared: `10.1.2.3/8` is `10.0.0.0/8`. */
export function parseNetwork(text: string): Network | null {
  const slash = text.indexOf('/')
  let bytes = readBytes(slash === -1 ? text : text.slice(0, slash))
  if (bytes === null) return null
  let length = slash === -1 ? bytes.length * 8 : parsePort(text.slice(slash + 1))
  if (length === -1 || length > bytes.length * 8) return null
  if (bytes.length === 16 && length >= 96 && isMapped(bytes)) {
    bytes = bytes.slice(12)
    length -= 96
  }
  for (let bit = length; bit < bytes.length * 8; bit++) bytes[bit >> 3] &= ~(0x80 >> (bit & 7))
  return { family: bytes.length === 4 ? 4 : 6, bytes, length }
}

/** `10.0.0.0/8`. */
export function formatNetwork(network: Network): string {
  return `${formatAddress({ family: network.family, bytes: network.bytes, zone: '' })}/${network.length}`
}

/** Whether the address is in the network; the zone does not count. Allocates nothing. */
export function contains(network: Network, address: Address): boolean {
  if (network.family !== address.family) return false
  const whole = network.length >> 3
  for (let i = 0; i < whole; i++) if (network.bytes[i] !== address.bytes[i]) return false
  const rest = network.length & 7
  if (rest === 0) return true
  return ((network.bytes[whole] ^ address.bytes[whole]) >> (8 - rest)) === 0
}
