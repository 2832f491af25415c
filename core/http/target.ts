/**
 * Where a request wants to go: the request target and the Host field, read once, for policy, for the dial and for the
 * outgoing head alike (RFC 9112 3.2, RFC 9110 7.1).
 */

import { formatAddress, parseAddress } from '../bytes/address.ts'
import {
  ALPHA,
  CLASS,
  COLON,
  DIGIT,
  DOT,
  equalsIgnoreCase,
  latin1,
  lowerCase,
  NAME,
  parseDecimal,
  QUESTION,
  sameIgnoreCase,
  SLASH,
} from '../bytes/ascii.ts'
import { oddAddress } from '../bytes/host.ts'
import { Failure, type FailureCode } from '../failure.ts'
import { DNS_LABEL_SIZE, DNS_TEXT_SIZE } from '../limits.ts'
import { FIELD } from './fields.ts'
import type { Head } from './head.ts'

export interface Target {
  form: 'origin' | 'absolute' | 'authority' | 'asterisk'
  /** Lower case; `http` for origin form and asterisk (but see {@link asHttps}), empty for CONNECT. */
  scheme: string
  /**
   * The host as policy sees it and as it is dialled: lower case, without a trailing dot; an address in its canonical form
   * (RFC 5952, IPv4-mapped as IPv4) without brackets, however it was written. Empty only when there is no Host to be had.
   */
  host: string
  /** 1 to 65535, filled in by the scheme when there is none. */
  port: number
  // Offsets into head.bytes, of what was written. For origin form and asterisk host, port and authority lie in Host.
  /** With the brackets of an IPv6 address. */
  hostStart: number
  hostEnd: number
  /** Empty when no port was written. */
  portStart: number
  portEnd: number
  authorityStart: number
  authorityEnd: number
  /** Path and query; may be empty or start with "?" in absolute form; the asterisk itself in asterisk form. */
  pathStart: number
  pathEnd: number
  /** The name that `host` was made of, as it was written: a client that asks the same host again costs no second look. */
  known: Uint8Array
}

const NOTHING: Uint8Array = new Uint8Array(0)

export function newTarget(): Target {
  return {
    form: 'origin',
    scheme: '',
    host: '',
    port: 0,
    hostStart: 0,
    hostEnd: 0,
    portStart: 0,
    portEnd: 0,
    authorityStart: 0,
    authorityEnd: 0,
    pathStart: 0,
    pathEnd: 0,
    known: NOTHING,
  }
}

/** What a Host that only has to be valid is read into. */
const unused = newTarget()

const STAR = 0x2a
const OPEN = 0x5b
const CLOSE = 0x5d

/**
 * Read the target and Host of a request the parser gave. Throws bad-target, wrong-scheme, and bad-host when Host is not
 * valid (RFC 9112 3.2), even where the target makes it of no use. `secure`: an https URI is no wrong scheme.
 */
export function parseTarget(head: Head, into: Target = newTarget(), secure = false): Target {
  const { bytes, targetStart: start, targetEnd: end } = head
  if (head.isMethod('CONNECT')) {
    into.form = 'authority'
    into.scheme = ''
    authority(bytes, start, end, into, 'bad-target')
    checkHost(head, into)
    if (into.portStart === into.portEnd) throw new Failure('bad-target', 'CONNECT without a port')
    into.pathStart = into.pathEnd = end
    return into
  }
  if (bytes[start] === SLASH) return fromHost(head, into, 'origin')
  if (bytes[start] === STAR && end - start === 1) {
    if (!head.isMethod('OPTIONS')) throw new Failure('bad-target', 'only OPTIONS may have *')
    return fromHost(head, into, 'asterisk')
  }

  into.form = 'absolute'
  const colon = scheme(bytes, start, end, into, secure)
  if (colon + 2 >= end || bytes[colon + 1] !== SLASH || bytes[colon + 2] !== SLASH) {
    throw new Failure('bad-target', 'the scheme is not followed by //')
  }
  const from = colon + 3
  let path = from
  while (path < end && bytes[path] !== SLASH && bytes[path] !== QUESTION) path++
  authority(bytes, from, path, into, 'bad-target')
  checkHost(head, into)
  if (into.portStart === into.portEnd) into.port = into.scheme === 'https' ? 443 : 80
  into.pathStart = path
  into.pathEnd = end
  return into
}

/** The request of `target` came by TLS: where it says no scheme itself, that is https (RFC 9110 7.1). */
export function asHttps(target: Target): void {
  if (target.form !== 'origin' && target.form !== 'asterisk') return
  target.scheme = 'https'
  if (target.portStart === target.portEnd) target.port = 443
}

/** `http:` (`https:`), in any case of letters: gives where its colon is. Schemes that are not ours are wrong-scheme. */
function scheme(bytes: Uint8Array, start: number, end: number, into: Target, secure: boolean): number {
  if (end - start > 5 && bytes[start + 4] === COLON && equalsIgnoreCase(bytes, start, start + 4, 'http')) {
    into.scheme = 'http'
    return start + 4
  }
  if (secure && end - start > 6 && bytes[start + 5] === COLON && equalsIgnoreCase(bytes, start, start + 5, 'https')) {
    into.scheme = 'https'
    return start + 5
  }
  let colon = start
  // RFC 3986 3.1: a letter, then letters, digits, "+", "-", ".".
  while (colon < end && /[A-Za-z0-9+.-]/.test(String.fromCharCode(bytes[colon]))) colon++
  const lone = colon === start || colon >= end || bytes[colon] !== COLON || (CLASS[bytes[start]] & DIGIT) !== 0
  // `example.com:80` reads as a scheme too; without "//" it is an authority where none belongs.
  if (lone || bytes[colon + 1] !== SLASH) {
    throw new Failure('bad-target', 'the target is neither a path nor an absolute URI')
  }
  throw new Failure('wrong-scheme', latin1(bytes, start, colon))
}

function fromHost(head: Head, into: Target, form: 'origin' | 'asterisk'): Target {
  into.form = form
  into.scheme = 'http'
  const index = head.find(FIELD.host)
  const from = index < 0 ? 0 : head.at[index * 4 + 2]
  const to = index < 0 ? 0 : head.at[index * 4 + 3]
  // No http URI is without a host (RFC 9110 4.2.1); only HTTP/1.0 may leave it to us to know which one is meant.
  if (index < 0) {
    into.host = ''
    into.known = NOTHING
    into.port = 80
    into.hostStart =
      into.hostEnd =
      into.portStart =
      into.portEnd =
        from
    into.authorityStart = into.authorityEnd = from
  } else {
    authority(head.bytes, from, to, into, 'bad-host')
    if (into.portStart === into.portEnd) into.port = 80
  }
  into.pathStart = head.targetStart
  into.pathEnd = head.targetEnd
  return into
}

/** Host must be valid even where it is not used; and not empty, since the target has an authority (RFC 9110 7.2). */
function checkHost(head: Head, target: Target): void {
  const index = head.find(FIELD.host)
  if (index < 0) return
  const { bytes, at } = head
  const start = at[index * 4 + 2]
  const end = at[index * 4 + 3]
  if (sameIgnoreCase(bytes, start, end, bytes, target.authorityStart, target.authorityEnd)) return
  authority(bytes, start, end, unused, 'bad-host')
}

/** `host[:port]` at `bytes[from..to)`, all of it. A port that is not written, or written empty, is left as 0. */
function authority(bytes: Uint8Array, from: number, to: number, into: Target, bad: FailureCode): void {
  let hostEnd = from
  if (bytes[from] === OPEN) {
    while (hostEnd < to && bytes[hostEnd] !== CLOSE) hostEnd++
    if (hostEnd >= to) throw new Failure(bad, 'a bracket without its other one')
    into.host = sixth(bytes, from + 1, hostEnd, bad)
    into.known = NOTHING
    hostEnd++
  } else {
    while (hostEnd < to && (CLASS[bytes[hostEnd]] & NAME) !== 0) hostEnd++
    if (hostEnd < to && bytes[hostEnd] !== COLON) {
      throw new Failure(bad, `the host has a byte ${bytes[hostEnd]}`)
    }
    if (!isKnown(bytes, from, hostEnd, into.known)) {
      into.known = NOTHING
      into.host = hostName(bytes, from, hostEnd, bad)
      into.known = bytes.slice(from, hostEnd)
    }
  }
  into.authorityStart = from
  into.authorityEnd = to
  into.hostStart = from
  into.hostEnd = hostEnd
  into.portStart = into.portEnd = hostEnd
  into.port = 0
  if (hostEnd === to) return
  if (bytes[hostEnd] !== COLON) throw new Failure(bad, 'something follows the host that is not a port')
  into.portStart = hostEnd + 1
  into.portEnd = to
  if (into.portStart === to) return
  const port = to - into.portStart > 5 ? -1 : parseDecimal(bytes, into.portStart, to)
  if (port < 1 || port > 65_535) throw new Failure(bad, 'the port is not a number from 1 to 65535')
  into.port = port
}

function isKnown(bytes: Uint8Array, from: number, to: number, known: Uint8Array): boolean {
  const size = to - from
  if (size === 0 || known.length !== size) return false
  for (let i = 0; i < size; i++) {
    if (bytes[from + i] !== known[i]) return false
  }
  return true
}

/** The inside of brackets: an IPv6 address. Zones mean something on this machine only, and IPvFuture means nothing yet. */
function sixth(bytes: Uint8Array, from: number, to: number, bad: FailureCode): string {
  const text = latin1(bytes, from, to)
  const address = text.includes(':') ? parseAddress(text) : null
  if (address === null) throw new Failure(bad, 'what is in brackets is no IPv6 address')
  if (address.zone !== '') throw new Failure(bad, 'an address with a zone (RFC 6874) means nothing to another machine')
  return formatAddress(address)
}

/** A name, or an IPv4 address in any of the ways that `inet_aton` and browsers know. */
function hostName(bytes: Uint8Array, from: number, to: number, bad: FailureCode): string {
  let end = to
  if (end > from && bytes[end - 1] === DOT) end--
  if (end === from) throw new Failure(bad, 'the host is empty')
  if (end - from > DNS_TEXT_SIZE) throw new Failure(bad, 'the host is too long')
  let label = from
  let letters = 0
  for (let i = from; i <= end; i++) {
    if (i < end && bytes[i] !== DOT) {
      if ((CLASS[bytes[i]] & (ALPHA | DIGIT)) !== 0) letters++
      continue
    }
    if (letters === 0) throw new Failure(bad, 'the host has a label without a letter or digit')
    if (i - label > DNS_LABEL_SIZE) throw new Failure(bad, 'the host has a label that is too long')
    if (i === end) break
    label = i + 1
    letters = 0
  }
  const host = lowerCase(bytes, from, end)
  // WHATWG URL: what ends in a number is an IPv4 address or nothing. Names of the DNS end in a letter.
  if ((CLASS[bytes[label]] & DIGIT) === 0 || !/^([0-9]+|0x[0-9a-f]*)$/.test(host.slice(label - from))) return host
  const address = oddAddress(host)
  if (address === '') throw new Failure(bad, 'the host ends in a number and is no IPv4 address')
  return address
}
