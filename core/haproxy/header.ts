/**
 * The header of the PROXY protocol, versions 1 and 2: what a proxy in front of us says of the connection it passes on
 * (https://www.haproxy.org/download/3.3/doc/proxy-protocol.txt). Strict where others are not: what is not well-formed is no
 * header, since whoever may send one may say who the client is.
 */

import { addressOf, formatAddress, parseAddress } from '../bytes/address.ts'
import { CR, latin1, LF } from '../bytes/ascii.ts'
import { PROXY_HEADER_SIZE } from '../limits.ts'
import type { Endpoint } from '../runtime.ts'
import { crc32c } from './crc32c.ts'

/** What the proxy in front knows of TLS on the client's side. */
export interface ProxyTls {
  /** As `TLSv1.3`; empty: not told. */
  readonly version: string
  /** As `TLS_AES_256_GCM_SHA384`; empty: not told. */
  readonly cipher: string
  /** The common name of the client's certificate; empty: not told. */
  readonly name: string
  /** There was a client certificate in this connection or its session, and it was found good. */
  readonly verified: boolean
}

export interface ProxyHeader {
  readonly version: 1 | 2
  /** Its size: what follows is the client's own. */
  readonly size: number
  /** `null`: the addresses of the socket itself count (LOCAL, UNKNOWN, UNSPEC). */
  readonly source: Endpoint | null
  readonly destination: Endpoint | null
  /** The host name the client asked for (SNI), UTF-8; empty: not told. */
  readonly authority: string
  /** What names the connection in logs, latin1; empty: not told. */
  readonly uniqueId: string
  /** `null`: no TLS, or nothing told of it. */
  readonly tls: ProxyTls | null
}

/** `more`: not all of it is here. */
export type ProxyHeaderStep =
  | { readonly kind: 'more' }
  | { readonly kind: 'header'; readonly header: ProxyHeader }
  | { readonly kind: 'bad'; readonly why: string }

const MORE: ProxyHeaderStep = { kind: 'more' }
const bad = (why: string): ProxyHeaderStep => ({ kind: 'bad', why })

const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a)
const WORD = Uint8Array.of(0x50, 0x52, 0x4f, 0x58, 0x59, 0x20)
/** The longest line of version 1, CR LF included. */
const LINE_SIZE = 107
const HEAD_SIZE = 16

const LOCAL = 0x20
const PROXY = 0x21
const INET = 1
const INET6 = 2
const UNIX = 3
const UNIX_PATH = 108

/** Types of TLV (proxy-protocol.txt 2.2). */
export const TLV = {
  authority: 0x02,
  crc32c: 0x03,
  uniqueId: 0x05,
  ssl: 0x20,
  sslVersion: 0x21,
  sslName: 0x22,
  sslCipher: 0x23,
} as const
const SSL = 1
const CERTIFICATE = 2 | 4
/** The longest unique id (proxy-protocol.txt 2.2.4). */
const UNIQUE_ID_SIZE = 128

/** Read the header that `bytes` begin with: all that has come of the connection so far. Nothing is lent. */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeaderStep {
  if (bytes.length === 0) return MORE
  if (begins(bytes, SIGNATURE)) return bytes.length < HEAD_SIZE ? MORE : parseSecond(bytes)
  if (begins(bytes, WORD)) return bytes.length < WORD.length ? MORE : parseFirst(bytes)
  return bad('the connection does not begin with a PROXY header')
}

/** As much of both as there is agrees. */
function begins(bytes: Uint8Array, start: Uint8Array): boolean {
  const size = Math.min(bytes.length, start.length)
  for (let i = 0; i < size; i++) if (bytes[i] !== start[i]) return false
  return true
}

function parseFirst(bytes: Uint8Array): ProxyHeaderStep {
  const most = Math.min(bytes.length, LINE_SIZE)
  let end = 0
  while (end < most && bytes[end] !== LF) end++
  if (end === most) return most === LINE_SIZE ? bad(`a line of more than ${LINE_SIZE} bytes`) : MORE
  if (bytes[end - 1] !== CR) return bad('a line that does not end in CR LF')
  const text = latin1(bytes, 0, end - 1)
  if (text.includes('\r')) return bad('a CR inside the line')
  const nothing = { version: 1, size: end + 1, authority: '', uniqueId: '', tls: null } as const
  const words = text.split(' ')
  const [, family, source, destination, sourcePort, destinationPort] = words
  if (family === 'UNKNOWN') return { kind: 'header', header: { ...nothing, source: null, destination: null } }
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : 0
  if (version === 0) return bad(`the family is none of TCP4, TCP6 and UNKNOWN`)
  if (words.length !== 6) return bad('the line has not six words')
  const from = endpoint(version, source, sourcePort)
  const to = endpoint(version, destination, destinationPort)
  if (from === null || to === null) return bad('an address or a port that is none')
  return { kind: 'header', header: { ...nothing, source: from, destination: to } }
}

function endpoint(version: 4 | 6, text: string, digits: string): Endpoint | null {
  // Dotted quads and RFC 4291 text alone; what else may stand for an address elsewhere has a letter, a zone or a bracket.
  const address = /^[0-9A-Fa-f:.]+$/.test(text) ? parseAddress(text) : null
  if (address === null || (text.includes(':') ? 6 : 4) !== version) return null
  if (!/^(0|[1-9][0-9]{0,4})$/.test(digits)) return null
  let port = 0
  for (let i = 0; i < digits.length; i++) port = port * 10 + digits.charCodeAt(i) - 0x30
  return port > 65_535 ? null : { family: address.bytes.length === 4 ? 4 : 6, address: formatAddress(address), port }
}

function parseSecond(bytes: Uint8Array): ProxyHeaderStep {
  const command = bytes[12]
  if (command !== LOCAL && command !== PROXY) return bad('a version or command that is none')
  const family = bytes[13] >>> 4
  const protocol = bytes[13] & 0xf
  // Of LOCAL all is discarded, "including the family which is ignored" (proxy-protocol.txt 2.2).
  if (command === PROXY && (family > UNIX || protocol > 2)) return bad('a family or protocol that is none')
  const size = HEAD_SIZE + uint16(bytes, 14)
  if (size > PROXY_HEADER_SIZE) return bad(`a header of ${size} bytes`)
  if (bytes.length < size) return MORE
  if (command === LOCAL) return { kind: 'header', header: { ...localHeader, size } }
  const whole = bytes.subarray(0, size)
  const room = [0, 12, 36, 2 * UNIX_PATH][family]
  if (size - HEAD_SIZE < room) return bad('the addresses are cut short')
  const told = new Told(whole)
  const why = told.read(HEAD_SIZE + room, size)
  if (why !== '') return bad(why)
  const { authority, uniqueId, tls } = told
  const [source, destination] = addresses(whole, family)
  return { kind: 'header', header: { version: 2, size, source, destination, authority, uniqueId, tls } }
}

const localHeader = {
  version: 2,
  source: null,
  destination: null,
  authority: '',
  uniqueId: '',
  tls: null,
} as const

function addresses(bytes: Uint8Array, family: number): [Endpoint | null, Endpoint | null] {
  if (family === INET) return [ip(bytes, 16, 4, 24), ip(bytes, 20, 4, 26)]
  if (family === INET6) return [ip(bytes, 16, 16, 48), ip(bytes, 32, 16, 50)]
  if (family === UNIX) return [path(bytes, HEAD_SIZE), path(bytes, HEAD_SIZE + UNIX_PATH)]
  return [null, null]
}

function ip(bytes: Uint8Array, at: number, size: number, port: number): Endpoint {
  const address = addressOf(bytes.slice(at, at + size))
  return { family: address.bytes.length === 4 ? 4 : 6, address: formatAddress(address), port: uint16(bytes, port) }
}

function path(bytes: Uint8Array, at: number): Endpoint {
  let end = at
  while (end < at + UNIX_PATH && bytes[end] !== 0) end++
  return { family: 'unix', address: latin1(bytes, at, end), port: 0 }
}

const uint16 = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1]
const uint32 = (bytes: Uint8Array, at: number): number => uint16(bytes, at) * 0x1_0000 + uint16(bytes, at + 2)

/** What the TLVs of a header tell (proxy-protocol.txt 2.2). Types that are not known are passed over. */
class Told {
  authority = ''
  uniqueId = ''
  tls: ProxyTls | null = null
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** @returns what is wrong with them, or ''. */
  read(from: number, to: number): string {
    for (const { type, start, end } of tlvs(this.#bytes, from, to)) {
      if (type < 0) return 'a TLV that goes past the end'
      const size = end - start
      switch (type) {
        case TLV.authority:
          this.authority = utf8(this.#bytes, start, end)
          break
        case TLV.uniqueId:
          if (size > UNIQUE_ID_SIZE) return 'a unique id that is too long'
          this.uniqueId = latin1(this.#bytes, start, end)
          break
        case TLV.crc32c:
          if (size !== 4 || crc32c(this.#bytes, start) !== uint32(this.#bytes, start)) return 'the checksum is wrong'
          break
        case TLV.ssl:
          if (!this.#readTls(start, end)) return 'what it says of TLS is cut short'
          break
      }
    }
    return ''
  }

  #readTls(start: number, end: number): boolean {
    if (end - start < 5) return false
    const bits = this.#bytes[start]
    let version = ''
    let name = ''
    let cipher = ''
    for (const tlv of tlvs(this.#bytes, start + 5, end)) {
      if (tlv.type < 0) return false
      if (tlv.type === TLV.sslVersion) version = latin1(this.#bytes, tlv.start, tlv.end)
      if (tlv.type === TLV.sslName) name = utf8(this.#bytes, tlv.start, tlv.end)
      if (tlv.type === TLV.sslCipher) cipher = latin1(this.#bytes, tlv.start, tlv.end)
    }
    const verified = (bits & CERTIFICATE) !== 0 && uint32(this.#bytes, start + 1) === 0
    if ((bits & SSL) !== 0) this.tls = { version, cipher, name, verified }
    return true
  }
}

/** `type` -1: the rest is no TLV. */
function* tlvs(bytes: Uint8Array, from: number, to: number): Generator<{ type: number; start: number; end: number }> {
  for (let at = from; at < to;) {
    const start = at + 3
    const end = start > to ? to + 1 : start + uint16(bytes, at + 1)
    if (end > to) {
      yield { type: -1, start: at, end: to }
      return
    }
    yield { type: bytes[at], start, end }
    at = end
  }
}

const decoder = new TextDecoder()

const utf8 = (bytes: Uint8Array, start: number, end: number): string => decoder.decode(bytes.subarray(start, end))
