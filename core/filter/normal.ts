/**
 * URLs in the form that is judged (RFC 3986 6.2.2): what two servers would take for the same is the same here, so that no way
 * of writing gets round a rule.
 */

import { HEX_VALUE } from '../bytes/ascii.ts'

const PERCENT = 0x25
const DASH = 0x2d
const DOT = 0x2e
const SLASH = 0x2f
const UNDERSCORE = 0x5f
const TILDE = 0x7e

/** RFC 3986 2.3: what needs no percent-encoding, and so is the same with and without. */
function isUnreserved(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39) ||
    code === DASH || code === DOT || code === UNDERSCORE || code === TILDE
}

/** What stands raw in a path, and in a query (RFC 3986 3.3, 3.4). All else is percent-encoded. */
const RAW_PATH = rawBytes("!$&'()*+,;=:@/")
const RAW_QUERY = rawBytes("!$&'()*+,;=:@/?")

function rawBytes(more: string): Uint8Array {
  const raw = new Uint8Array(256)
  for (let code = 0; code < 256; code++) if (isUnreserved(code)) raw[code] = 1
  for (const character of more) raw[character.charCodeAt(0)] = 1
  return raw
}

const encoded = (code: number): string => `%${code < 16 ? '0' : ''}${code.toString(16).toUpperCase()}`

/** The byte that `%XX` at `at` stands for; -1 where it is not that. */
function triplet(text: string, at: number): number {
  const high = HEX_VALUE[text.charCodeAt(at + 1)] ?? -1
  const low = HEX_VALUE[text.charCodeAt(at + 2)] ?? -1
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

/** Whether a path is in normal form as it stands, which nearly all are: then nothing is made. */
function isNormal(path: string): boolean {
  if (path.charCodeAt(0) !== SLASH) return false
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i)
    if (code > 0xff || RAW_PATH[code] === 0) return false
    // "//" is another path than "/" (RFC 3986), but "/." may be a dot segment.
    if (code === SLASH && path.charCodeAt(i + 1) === DOT) return false
  }
  return true
}

function decodeUnreserved(text: string, raw: Uint8Array): string {
  let out = ''
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === PERCENT) {
      const byte = triplet(text, i)
      if (byte < 0) {
        out += '%25'
        continue
      }
      out += isUnreserved(byte) ? String.fromCharCode(byte) : encoded(byte)
      i += 2
    } else out += code > 0xff || raw[code] === 1 ? text[i] : encoded(code)
  }
  return out
}

/** RFC 3986 5.2.4, for a path that begins with "/". */
function removeDots(path: string): string {
  const kept: string[] = []
  const segments = path.split('/')
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i]
    const last = i === segments.length - 1
    if (segment === '..') kept.pop()
    if (segment !== '.' && segment !== '..') kept.push(segment)
    else if (last) kept.push('')
  }
  return `/${kept.join('/')}`
}

/**
 * A path (one character a byte, without the query) in normal form: what is unreserved is not percent-encoded, what is not
 * allowed raw is, hexadecimal digits are upper case, dot segments are removed, it is never empty. A lone "%" is written
 * "%25". What is in normal form comes back as it is.
 */
export function normalPath(path: string): string {
  if (isNormal(path)) return path
  return removeDots(decodeUnreserved(path.charCodeAt(0) === SLASH ? path : `/${path}`, RAW_PATH))
}

/** A query, or any part of a URI, in normal form: as a path, but for its segments. */
export function normalText(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0xff || RAW_QUERY[code] === 0) return decodeUnreserved(text, RAW_QUERY)
  }
  return text
}
