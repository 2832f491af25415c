/** A request head made anew with changes, and read again: what goes out is as well-formed as what came in. */

import { COLON, SP, toBytes } from '../bytes/ascii.ts'
import { ByteWriter } from '../bytes/writer.ts'
import { Failure } from '../failure.ts'
import { FIELD } from './fields.ts'
import type { Head } from './head.ts'
import { HEAD_LIMITS } from './parse_head.ts'
import { HttpParser } from './parser.ts'

/** What is to be different. Values are latin1 without CR, LF and NUL. */
export interface HeadChanges {
  /** The absolute URI to ask for, or `host:port` for CONNECT; empty: the target stays. */
  readonly url: string
  /** Host stays as it came, although the URL is another. */
  readonly keepHost: boolean
  /** In the place of all fields of that name. */
  readonly set: readonly (readonly [name: string, value: string])[]
  readonly append: readonly (readonly [name: string, value: string])[]
  /** Names, in any case of letters. */
  readonly remove: readonly string[]
  /** Cookies by name; `null` takes one out. */
  readonly cookie: readonly (readonly [name: string, value: string | null])[]
}

const VERSION = toBytes(' HTTP/1.')
const LINE_END = toBytes('\r\n')

/** Larger than the head that came may be: rules add to heads that are at their limit. */
const LIMITS = { ...HEAD_LIMITS, size: 2 * HEAD_LIMITS.size, looseTargets: true, repeatedLength: true }

/** A head that belongs to nobody's connection. */
export interface OwnHead {
  readonly head: Head
  /** Give the head back. Nobody may look at it after that. */
  release(): void
}

/**
 * The head with the changes. What says how the body is framed stays as it is: the body does, too.
 * @throws Failure as the parser does, when what was made is no request head.
 */
export function changeHead(head: Head, changes: HeadChanges): OwnHead {
  const out = new ByteWriter(head.end + 512)
  writeChanged(out, head, changes)
  return readHead(out.bytes.subarray(0, out.length))
}

/**
 * Read a whole request head, from its request line to its empty line. @throws Failure as the parser does, and bad-request for
 * what goes on after it.
 */
export function readHead(bytes: Uint8Array): OwnHead {
  const parser = new HttpParser('request', LIMITS)
  parser.feed(bytes)
  const event = parser.next()
  if (event.kind !== 'head' || event.head.end !== bytes.length) throw new Failure('bad-request', 'not one whole head')
  return { head: event.head, release: () => parser.release() }
}

function writeChanged(out: ByteWriter, head: Head, changes: HeadChanges): void {
  const { bytes, at, count } = head
  const { url, keepHost, set, append, cookie } = changes
  const authority = url === '' || keepHost ? '' : authorityOf(url)
  const gone = new Set<string>()
  for (const name of changes.remove) gone.add(name.toLowerCase())
  for (const [name] of set) gone.add(name.toLowerCase())

  out.put(bytes, 0, head.methodEnd)
  out.byte(SP)
  if (url === '') out.put(bytes, head.targetStart, head.targetEnd)
  else out.text(url)
  out.put(VERSION)
  out.decimal(head.minor)
  out.put(LINE_END)
  const cookies: string[] | null = cookie.length === 0 ? null : []
  for (let i = 0; i < count; i++) {
    const id = head.ids[i]
    if (gone.size > 0 && gone.has(head.name(i).toLowerCase())) continue
    if (id === FIELD.host && authority !== '') {
      writeField(out, head.name(i), authority)
      continue
    }
    if (cookies !== null && id === FIELD.cookie) {
      cookies.push(head.value(i))
      continue
    }
    out.put(bytes, at[i * 4], at[i * 4 + 1])
    out.byte(COLON)
    out.byte(SP)
    out.put(bytes, at[i * 4 + 2], at[i * 4 + 3])
    out.put(LINE_END)
  }
  for (const [name, value] of set) writeField(out, name, value)
  for (const [name, value] of append) writeField(out, name, value)
  if (cookies !== null) {
    const value = changeCookies(cookies.join('; '), cookie)
    if (value !== '') writeField(out, 'Cookie', value)
  }
  out.put(LINE_END)
}

function writeField(out: ByteWriter, name: string, value: string): void {
  // Whatever checked it before: here one field would become two.
  if (/[\r\n\0]/.test(name + value)) throw new Failure('bad-request', `a field with a line end: ${name}`)
  out.text(name)
  out.byte(COLON)
  out.byte(SP)
  out.text(value)
  out.put(LINE_END)
}

/** `cookie-string` (RFC 6265 4.2.1) with these set in their place or at its end, or taken out. */
export function changeCookies(line: string, changes: HeadChanges['cookie']): string {
  const pairs = line.split(';').map((pair) => pair.replace(/^[ \t]+|[ \t]+$/g, '')).filter((pair) => pair !== '')
  const nameOf = (pair: string): string => /^[^=]*/.exec(pair)![0].replace(/[ \t]+$/, '')
  for (const [name, value] of changes) {
    const place = pairs.findIndex((pair) => nameOf(pair) === name)
    const kept = pairs.filter((pair) => nameOf(pair) !== name)
    if (value !== null) kept.splice(place < 0 ? kept.length : place, 0, `${name}=${value}`)
    pairs.splice(0, pairs.length, ...kept)
  }
  return pairs.join('; ')
}

/** `host:port` of an absolute URI without its user information, or of a CONNECT target, as it is written. */
function authorityOf(url: string): string {
  const start = url.indexOf('://')
  const authority = /^[^/?#]*/.exec(start < 0 ? url : url.slice(start + 3))![0]
  return authority.slice(authority.lastIndexOf('@') + 1)
}
