/** What the formats of the access log have in common: the time, the URL, the type. */

import type { Escape } from '../bytes/escape.ts'
import { threeDigits } from '../bytes/escape.ts'
import { DOT, HTAB, QUESTION, SEMICOLON, SLASH, SP, toBytes } from '../bytes/ascii.ts'
import type { ByteWriter } from '../bytes/writer.ts'
import { FIELD } from '../http/fields.ts'
import type { Head } from '../http/head.ts'
import type { ExchangeRecord } from './record.ts'

const HTTP_SCHEME = toBytes('http://')
const HTTPS_SCHEME = toBytes('https://')
const HIDDEN = toBytes('***@')
const AT = 0x40

const encoder = new TextEncoder()

/** Some text of the time that changes once a second, so it is made once a second. */
export class EachSecond {
  readonly #render: (second: number) => string
  #second = NaN
  #bytes: Uint8Array = new Uint8Array(0)

  constructor(render: (second: number) => string) {
    this.#render = render
  }

  at(second: number): Uint8Array {
    if (second !== this.#second) {
      this.#second = second
      this.#bytes = toBytes(this.#render(second))
    }
    return this.#bytes
  }
}

/**
 * The URL: what was asked of the origin when it was rewritten; else the target of a request, made whole with its Host when
 * it is in origin form. `false`, and nothing written, where there is no request.
 */
export function writeUrl(out: ByteWriter, record: ExchangeRecord, strip: boolean, escape: Escape): boolean {
  if (record.url !== '') {
    const url = encoder.encode(record.url)
    escape(out, url, 0, strip ? queryEnd(url, 0, url.length) : url.length)
    return true
  }
  const request = record.request
  if (request === null) return false
  if (request.bytes[request.targetStart] === SLASH) {
    const host = request.find(FIELD.host)
    if (host >= 0) {
      out.put(record.secure ? HTTPS_SCHEME : HTTP_SCHEME)
      escape(out, request.bytes, request.at[host * 4 + 2], request.at[host * 4 + 3])
    }
  }
  writeTarget(out, record, request, strip, escape)
  return true
}

/** The target as it was sent, but for a name and password in it: those do not go into a log. */
export function writeTarget(
  out: ByteWriter,
  record: ExchangeRecord,
  request: Head,
  strip: boolean,
  escape: Escape,
): void {
  const { bytes, targetStart, targetEnd } = request
  const end = strip ? queryEnd(bytes, targetStart, targetEnd) : targetEnd
  // A request with user information is refused, so that no other need be searched for it.
  const secret = record.failure === '' ? -1 : userInformation(bytes, targetStart, targetEnd)
  if (secret < 0) {
    escape(out, bytes, targetStart, end)
    return
  }
  let host = targetStart
  while (bytes[host] !== SLASH && host < secret) host++
  const authority = host === secret ? targetStart : host + 2
  escape(out, bytes, targetStart, authority)
  out.put(HIDDEN)
  escape(out, bytes, secret + 1, Math.max(end, secret + 1))
}

/** Where the query ends when only its `?` is kept; `end` when there is none. */
export function queryEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) if (bytes[i] === QUESTION) return i + 1
  return end
}

/** The `@` that ends the user information of an authority or of an absolute URI; -1: there is none. */
function userInformation(bytes: Uint8Array, start: number, end: number): number {
  let found = -1
  let slashes = bytes[start] === SLASH ? 3 : 0
  for (let i = start; i < end && slashes < 3; i++) {
    if (bytes[i] === SLASH) slashes += 1
    if (bytes[i] === AT) found = i
  }
  return found
}

/** The Content-Type sent, without its parameters: from `bytes[start..end)`, as Squid cuts it. */
function typeEnd(bytes: Uint8Array, start: number, end: number): number {
  let i = start
  while (i < end && bytes[i] !== SEMICOLON && bytes[i] !== SP && bytes[i] !== HTAB) i++
  return i
}

/** The media type of the answer; `false`, and nothing written, when it had none. */
export function writeType(out: ByteWriter, record: ExchangeRecord, escape: Escape): boolean {
  const { response, type } = record
  if (type !== '') {
    const end = type.indexOf(';')
    out.text(end < 0 ? type : type.slice(0, end))
    return true
  }
  if (response === null) return false
  const field = response.find(FIELD['content-type'])
  if (field < 0) return false
  const start = response.at[field * 4 + 2]
  const end = typeEnd(response.bytes, start, response.at[field * 4 + 3])
  escape(out, response.bytes, start, end)
  return end > start
}

/** Milliseconds with three decimals; `null` for a step not taken. */
export function milliseconds(out: ByteWriter, ms: number): void {
  if (!(ms >= 0)) {
    out.text('null')
    return
  }
  const micro = Math.round(ms * 1000)
  const whole = Math.floor(micro / 1000)
  out.decimal(whole)
  out.byte(DOT)
  threeDigits(out, micro - whole * 1000)
}
