/**
 * Outgoing heads: what came, copied in runs, without the fields that end here and with those a proxy adds (RFC 9110 7.6).
 */

import { canonical, withoutZone } from '../bytes/address.ts'
import {
  BACKSLASH,
  COMMA,
  equalsIgnoreCase,
  HTAB,
  latin1,
  lowerCase,
  parseDecimal,
  SLASH,
  SP,
  toBytes,
  ZERO,
} from '../bytes/ascii.ts'
import type { ByteWriter } from '../bytes/writer.ts'
import { Failure } from '../failure.ts'
import { withoutCookie } from './cookie.ts'
import { FIELD } from './fields.ts'
import type { Head } from './head.ts'
import { List } from './list.ts'
import type { Target } from './target.ts'

export interface RequestForwarding {
  /** `origin` to an origin, `absolute` to a parent. */
  form: 'origin' | 'absolute'
  /** Our pseudonym in Via; empty: no Via is added. */
  via: string
  forwardedFor: 'append' | 'off' | 'delete'
  /** Add Forwarded (RFC 7239). */
  forwarded: boolean
  /** Reveal nothing of what is behind us: no Via, X-Forwarded-For, Forwarded and the like, ours or others'. */
  transparent: boolean
  /** The client's address, canonical text; empty when it is a unix socket. */
  client: string
  /** It came by TLS: X-Forwarded-Proto says so. */
  secure?: boolean
  /** Our address that it came to, for `by=` of Forwarded. */
  listener?: string
  /** Send Expect on; false: we answer it. */
  expect: boolean
  /** The Upgrade tokens let through, lower case. */
  upgrades: readonly string[]
  /** False: ask the origin to close after its response. */
  keepAlive: boolean
  /** The body goes out in chunks. */
  chunked: boolean
  /** Trailers are wanted (TE) and sent on (Trailer). */
  trailers: boolean
  /** What to make of Max-Forwards; -1: leave it as it is. */
  maxForwards: number
  /** Make Host out of the target instead of sending the received one on (RFC 9112 3.2.2). */
  hostFromTarget: boolean
  /** Proxy-Authorization, for a parent; empty: none is sent. */
  authorization?: string
  /** The name of a cookie that is not for the origin; empty: all are. */
  withoutCookie?: string
}

export interface ResponseForwarding {
  /** Our pseudonym in Via; empty: no Via is added. */
  via: string
  /** Say `Connection: close`. */
  close: boolean
  /** Say `Connection: keep-alive`, to a client of HTTP/1.0 that asked for it. */
  keepAlive: boolean
  /** `chunked`: in chunks; `close`: to the end of the connection; `as-is`: with the length it came with, if any. */
  framing: 'as-is' | 'chunked' | 'close'
  /** A 101 to pass on, with its Upgrade. */
  upgrade: boolean
  /** Date, when the origin gave none (RFC 9110 6.6.1); empty: none is added. */
  date: string
  /** Send Trailer on. */
  trailers: boolean
  /** The value of a Set-Cookie of ours; empty: there is none. */
  setCookie?: string
}

const HTTP11 = toBytes(' HTTP/1.1\r\n')
const STATUS = toBytes('HTTP/1.1 ')
const STAR = 0x2a
const OPEN = 0x28
const CLOSE = 0x29

// What a field needs beyond being kept or cut.
const ORDINARY = 0
const LENGTH = 1
const HOST = 2
const EXPECT = 3
const TRAILER = 4
const REVEALING = 5 // X-Forwarded-For and its like
const VIA = 6
const MAX_FORWARDS = 7
const COOKIE = 8

const treatments = (rows: readonly (readonly [number, number])[]): Uint8Array => {
  const table = new Uint8Array(256)
  for (const [id, treatment] of rows) table[id] = treatment
  return table
}

const IN_REQUEST = treatments([
  [FIELD['content-length'], LENGTH],
  [FIELD.host, HOST],
  [FIELD.expect, EXPECT],
  [FIELD.trailer, TRAILER],
  [FIELD['x-forwarded-for'], REVEALING],
  [FIELD.forwarded, REVEALING],
  [FIELD['x-real-ip'], REVEALING],
  [FIELD['x-forwarded-host'], REVEALING],
  [FIELD['x-forwarded-proto'], REVEALING],
  [FIELD.via, VIA],
  [FIELD['max-forwards'], MAX_FORWARDS],
  [FIELD.cookie, COOKIE],
])
const IN_RESPONSE = treatments([
  [FIELD['content-length'], LENGTH],
  [FIELD.trailer, TRAILER],
])

const list = new List()

/** What an HTTP/1.0 client left out, where it is known from elsewhere. */
function authorityOf({ host, port }: Target): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === 80 || host === '' ? name : `${name}:${port}`
}

/** Write the request line, the fields and the empty line. */
export function writeRequestHead(out: ByteWriter, head: Head, target: Target, how: RequestForwarding): void {
  const { bytes, at, ids, cut, count } = head
  // Such a request would be read by the origin as one without a body, and its body as another request.
  if (head.framing === 'chunked' && !how.chunked) throw new Error('a chunked request must go out chunked')
  out.put(bytes, 0, head.methodEnd)
  out.byte(SP)
  writeTarget(out, head, target, how)
  out.put(HTTP11)
  if (how.hostFromTarget || head.find(FIELD.host) < 0) {
    out.text('Host: ')
    if (target.authorityStart === target.authorityEnd) out.text(authorityOf(target))
    // Without a port that was written empty: `h:` is `h`.
    out.put(bytes, target.authorityStart, target.portStart === target.portEnd ? target.hostEnd : target.authorityEnd)
    out.text('\r\n')
  }

  const append = how.forwardedFor === 'append' && !how.transparent && how.client !== ''
  let run = head.fieldsStart
  for (let i = 0; i < count; i++) {
    const treatment = IN_REQUEST[ids[i]]
    if (cut[i] === 0 && (treatment === ORDINARY || keepsInRequest(head, i, treatment, how, append))) continue
    const place = i * 4
    out.put(bytes, run, at[place])
    run = i + 1 < count ? at[place + 4] : head.end - 2
    if (cut[i] === 0) rewrite(out, head, i, treatment, how)
  }
  out.put(bytes, run, head.end - 2)

  if (how.chunked) out.text('Transfer-Encoding: chunked\r\n')
  if (how.authorization !== undefined && how.authorization !== '') {
    out.text(`Proxy-Authorization: ${how.authorization}\r\n`)
  }
  writeConnection(out, head, how)
  if (how.transparent) {
    out.text('\r\n')
    return
  }
  if (append) writeForwardedFor(out, head, how.client)
  if (how.secure === true && how.forwardedFor === 'append') out.text('X-Forwarded-Proto: https\r\n')
  if (how.forwarded && how.client !== '') writeForwarded(out, head, target, how)
  if (how.via !== '') writeVia(out, head, how.via)
  out.text('\r\n')
}

function writeTarget(out: ByteWriter, head: Head, target: Target, how: RequestForwarding): void {
  const { bytes } = head
  if (how.form === 'absolute' && target.form !== 'authority') {
    if (target.form === 'absolute') {
      out.put(bytes, head.targetStart, head.targetEnd)
      return
    }
    if (target.host === '') throw new Failure('bad-host', 'no host for a parent')
    out.text('http://')
    // A captured client need not write the host, nor the port that it goes to.
    const written = target.portStart < target.portEnd || target.port === 80
    if (written && target.authorityStart < target.authorityEnd) {
      out.put(bytes, target.authorityStart, target.authorityEnd)
    } else out.text(authorityOf(target))
    // RFC 9112 3.2.4: the asterisk of OPTIONS is an empty path in absolute form.
    if (target.form === 'origin') out.put(bytes, target.pathStart, target.pathEnd)
    return
  }
  if (target.form === 'authority') {
    out.put(bytes, target.authorityStart, target.authorityEnd)
    return
  }
  if (target.pathStart === target.pathEnd) {
    // RFC 9110 7.7: an empty path is sent as "/", but for OPTIONS it means the server as a whole.
    out.byte(head.isMethod('OPTIONS') ? STAR : SLASH)
    return
  }
  if (target.form === 'absolute' && bytes[target.pathStart] !== SLASH) out.byte(SLASH)
  out.put(bytes, target.pathStart, target.pathEnd)
}

/** Whether a field goes out as it came. */
function keepsInRequest(
  head: Head,
  index: number,
  treatment: number,
  how: RequestForwarding,
  append: boolean,
): boolean {
  switch (treatment) {
    case LENGTH:
      return !how.chunked && isCanonical(head, index)
    case HOST:
      return !how.hostFromTarget
    case EXPECT:
      return how.expect && head.minor === 1
    case TRAILER:
      return how.trailers && how.chunked
    case REVEALING: {
      if (how.transparent) return false
      const id = head.ids[index]
      if (id === FIELD['x-forwarded-for']) {
        return how.forwardedFor === 'off' || (how.forwardedFor === 'append' && !append)
      }
      if (id === FIELD['x-forwarded-proto'] && how.secure === true) return how.forwardedFor === 'off'
      return how.forwardedFor !== 'delete'
    }
    case VIA:
      return !how.transparent
    case COOKIE:
      return how.withoutCookie === undefined || how.withoutCookie === ''
    default:
      return how.maxForwards < 0
  }
}

/** What takes the place of a field that is not kept as it is; often nothing. */
function rewrite(out: ByteWriter, head: Head, index: number, treatment: number, how: RequestForwarding): void {
  if (treatment === COOKIE) {
    const kept = withoutCookie(head.value(index), how.withoutCookie ?? '')
    if (kept !== '') out.text(`${head.name(index)}: ${kept}\r\n`)
  }
  if (treatment === LENGTH && !how.chunked) writeLength(out, head.length)
  if (treatment === MAX_FORWARDS && how.maxForwards >= 0) {
    out.put(head.bytes, head.at[index * 4], head.at[index * 4 + 1])
    out.text(': ')
    out.decimal(how.maxForwards)
    out.text('\r\n')
  }
}

function writeLength(out: ByteWriter, length: number): void {
  out.text('Content-Length: ')
  out.decimal(length)
  out.text('\r\n')
}

/** Whether a length is written as we would write it: 3, not 003. */
function isCanonical(head: Head, index: number): boolean {
  const start = head.at[index * 4 + 2]
  return head.at[index * 4 + 3] - start === 1 || head.bytes[start] !== ZERO
}

/** Connection and what it names: our own, for this hop (RFC 9110 7.6.1, 7.8, 10.1.4). */
function writeConnection(out: ByteWriter, head: Head, how: RequestForwarding): void {
  const upgrade = head.upgrade && how.upgrades.length > 0 ? allowedUpgrades(head, how.upgrades) : ''
  const te = how.trailers && head.trailersWelcome
  if (!te && upgrade === '' && how.keepAlive) return
  if (te) out.text('TE: trailers\r\n')
  if (upgrade !== '') out.text(`Upgrade: ${upgrade}\r\n`)
  const options: string[] = []
  if (!how.keepAlive && upgrade === '') options.push('close')
  if (te) options.push('TE')
  if (upgrade !== '') options.push('upgrade')
  if (options.length > 0) out.text(`Connection: ${options.join(', ')}\r\n`)
}

/** Of the protocols a client would change to, those let through, as it wrote them. Never h2c: it smuggles requests. */
function allowedUpgrades(head: Head, upgrades: readonly string[]): string {
  let allowed = ''
  for (let i = head.find(FIELD.upgrade); i >= 0; i = head.find(FIELD.upgrade, i + 1)) {
    list.open(head.bytes, head.at[i * 4 + 2], head.at[i * 4 + 3])
    while (list.next()) {
      const token = lowerCase(head.bytes, list.start, list.end)
      if (token === 'h2c' || !upgrades.includes(token)) continue
      allowed += `${allowed === '' ? '' : ', '}${latin1(head.bytes, list.start, list.end)}`
    }
  }
  return allowed
}

/** One line with all that came and the client: many origins read one line only. */
function writeForwardedFor(out: ByteWriter, head: Head, client: string): void {
  out.text('X-Forwarded-For: ')
  for (let i = head.find(FIELD['x-forwarded-for']); i >= 0; i = head.find(FIELD['x-forwarded-for'], i + 1)) {
    const start = head.at[i * 4 + 2]
    const end = head.at[i * 4 + 3]
    if (start === end) continue
    out.put(head.bytes, start, end)
    out.text(', ')
  }
  out.text(withoutZone(client))
  out.text('\r\n')
}

/** RFC 7239 6: an IPv6 address is in brackets and quotes, and has no zone. */
const node = (address: string): string => address.includes(':') ? `"[${withoutZone(address)}]"` : address

function writeForwarded(out: ByteWriter, head: Head, target: Target, how: RequestForwarding): void {
  out.text(`Forwarded: for=${node(how.client)}`)
  if (how.listener !== undefined && how.listener !== '') out.text(`;by=${node(canonical(how.listener))}`)
  if (target.authorityStart < target.authorityEnd) {
    out.text(';host="')
    out.put(head.bytes, target.authorityStart, target.authorityEnd)
    out.text('"')
  }
  out.text(how.secure === true ? ';proto=https\r\n' : ';proto=http\r\n')
}

/** The version is that in which we received the message (RFC 9110 7.6.3). */
function writeVia(out: ByteWriter, head: Head, pseudonym: string): void {
  out.text(head.minor === 0 ? 'Via: 1.0 ' : 'Via: 1.1 ')
  out.text(pseudonym)
  out.text('\r\n')
}

/** Via alone, for a head that is not made of this one: what came, and our own. */
export function writeVias(out: ByteWriter, head: Head, how: Pick<RequestForwarding, 'via' | 'transparent'>): void {
  if (how.transparent) return
  for (let i = head.find(FIELD.via); i >= 0; i = head.find(FIELD.via, i + 1)) {
    if (head.cut[i] !== 0) continue
    out.text('Via: ')
    out.put(head.bytes, head.at[i * 4 + 2], head.at[i * 4 + 3])
    out.text('\r\n')
  }
  if (how.via !== '') writeVia(out, head, how.via)
}

/** Write the status line, the fields and the empty line. */
export function writeResponseHead(out: ByteWriter, head: Head, how: ResponseForwarding): void {
  const { bytes, at, ids, cut, count } = head
  out.put(STATUS)
  out.decimal(head.status)
  out.byte(SP)
  out.put(bytes, head.reasonStart, head.reasonEnd)
  out.text('\r\n')

  const asIs = how.framing === 'as-is'
  // RFC 9112 6.1: never on what has no body, whatever was asked for.
  const chunked = head.framing !== 'none' && (how.framing === 'chunked' || (asIs && head.framing === 'chunked'))
  let run = head.fieldsStart
  for (let i = 0; i < count; i++) {
    const treatment = IN_RESPONSE[ids[i]]
    if (cut[i] === 0) {
      if (treatment === ORDINARY) continue
      if (treatment === LENGTH && asIs && isCanonical(head, i)) continue
      if (treatment === TRAILER && how.trailers && chunked) continue
    }
    const place = i * 4
    out.put(bytes, run, at[place])
    run = i + 1 < count ? at[place + 4] : head.end - 2
    if (cut[i] === 0 && treatment === LENGTH && asIs) writeLength(out, head.length)
  }
  out.put(bytes, run, head.end - 2)

  if (chunked) out.text('Transfer-Encoding: chunked\r\n')
  if (how.upgrade) {
    writeUpgrade(out, head)
    out.text('Connection: upgrade\r\n')
  } else if (how.close) out.text('Connection: close\r\n')
  else if (how.keepAlive) out.text('Connection: keep-alive\r\n')
  if (how.date !== '' && head.status >= 200 && head.find(FIELD.date) < 0) out.text(`Date: ${how.date}\r\n`)
  if (how.setCookie !== undefined && how.setCookie !== '') out.text(`Set-Cookie: ${how.setCookie}\r\n`)
  if (how.via !== '') writeVia(out, head, how.via)
  out.text('\r\n')
}

function writeUpgrade(out: ByteWriter, head: Head): void {
  for (let i = head.find(FIELD.upgrade); i >= 0; i = head.find(FIELD.upgrade, i + 1)) {
    out.text('Upgrade: ')
    out.put(head.bytes, head.at[i * 4 + 2], head.at[i * 4 + 3])
    out.text('\r\n')
  }
}

/**
 * Whether a 101 changes to a protocol that the request asked for and that is let through (RFC 9110 15.2.2). Any other 101
 * is an answer nobody asked for.
 */
export function isUpgradeAnswer(response: Head, request: Head, upgrades: readonly string[]): boolean {
  if (response.status !== 101 || !response.upgrade || !request.upgrade) return false
  const asked = allowedUpgrades(request, upgrades).toLowerCase().split(', ')
  const answer = new List()
  let found = false
  for (let i = response.find(FIELD.upgrade); i >= 0; i = response.find(FIELD.upgrade, i + 1)) {
    answer.open(response.bytes, response.at[i * 4 + 2], response.at[i * 4 + 3])
    while (answer.next()) {
      if (!asked.includes(lowerCase(response.bytes, answer.start, answer.end))) return false
      found = true
    }
  }
  return found
}

/**
 * Max-Forwards of a TRACE or OPTIONS request; -1 when there is none, or the method is another (RFC 9110 7.6.2). Throws
 * bad-request when it is no number.
 */
export function maxForwards(head: Head): number {
  const index = head.find(FIELD['max-forwards'])
  if (index < 0 || !(head.isMethod('TRACE') || head.isMethod('OPTIONS'))) return -1
  const number = parseDecimal(head.bytes, head.at[index * 4 + 2], head.at[index * 4 + 3])
  if (number < 0 || head.find(FIELD['max-forwards'], index + 1) >= 0) {
    throw new Failure('bad-request', 'Max-Forwards is not one number')
  }
  return number
}

/** Whether `pseudonym` is among the received-by of Via: the message was here before (RFC 9110 7.6.3). */
export function hasVia(head: Head, pseudonym: string): boolean {
  let i = head.find(FIELD.via)
  if (i < 0) return false
  const lower = pseudonym.toLowerCase()
  for (; i >= 0; i = head.find(FIELD.via, i + 1)) {
    if (viaHas(head.bytes, head.at[i * 4 + 2], head.at[i * 4 + 3], lower)) return true
  }
  return false
}

/** `[protocol/]version received-by [(comment)]`, comma-separated; a comment may hold commas and other comments. */
function viaHas(bytes: Uint8Array, from: number, to: number, lower: string): boolean {
  let depth = 0
  let word = 0
  for (let p = from; p < to;) {
    const c = bytes[p]
    if (depth > 0) {
      if (c === BACKSLASH) p++
      else if (c === OPEN) depth++
      else if (c === CLOSE) depth--
      p++
    } else if (c === OPEN) {
      depth = 1
      p++
    } else if (c === COMMA) {
      word = 0
      p++
    } else if (c === SP || c === HTAB) p++
    else {
      const start = p
      while (p < to && bytes[p] !== SP && bytes[p] !== HTAB && bytes[p] !== COMMA && bytes[p] !== OPEN) p++
      if (++word === 2 && equalsIgnoreCase(bytes, start, p, lower)) return true
    }
  }
  return false
}
