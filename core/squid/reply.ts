/** What Squid's helpers answer: `[OK|ERR|BH] [key=value ...]`, or something older (Squid 7, src/helper/Reply.cc). */

import { HEX_VALUE } from '../bytes/ascii.ts'

/** `none`: it is not of this kind; `rest` is all of it. */
export type SquidResult = 'OK' | 'ERR' | 'BH' | 'none'

export interface SquidReply {
  readonly result: SquidResult
  /** By key, in order; a key may come more than once. */
  readonly pairs: readonly (readonly [key: string, value: string])[]
  /** What follows the last pair. */
  readonly rest: string
}

const RESULTS: readonly SquidResult[] = ['OK', 'ERR', 'BH']
const UNCHANGED: SquidReply = { result: 'OK', pairs: [], rest: '' }

/** An answer without its channel. */
export function parseReply(text: string): SquidReply {
  // The most frequent ones.
  if (text === 'OK' || text === '') return UNCHANGED
  for (const result of RESULTS) {
    if (!text.startsWith(result)) continue
    if (text.length === result.length) return { result, pairs: [], rest: '' }
    if (isSpace(text.charCodeAt(result.length))) return parsePairs(result, text, skipSpace(text, result.length))
  }
  return { result: 'none', pairs: [], rest: text }
}

/** The value of the last pair of that key, as Squid takes it; `null`: there is none. */
export function valueOf(reply: SquidReply, key: string): string | null {
  const { pairs } = reply
  for (let i = pairs.length - 1; i >= 0; i--) if (pairs[i][0] === key) return pairs[i][1]
  return null
}

function parsePairs(result: SquidResult, text: string, start: number): SquidReply {
  const pairs: [string, string][] = []
  let at = start
  for (;;) {
    let equals = at
    while (isKey(text.charCodeAt(equals))) equals++
    // No space may stand around the "=".
    if (equals === at || text[equals] !== '=' || isSpace(text.charCodeAt(equals + 1))) break
    const [value, end] = parseValue(text, equals + 1)
    pairs.push([text.slice(at, equals), value])
    at = skipSpace(text, end)
  }
  return { result, pairs, rest: text.slice(at) }
}

/** Up to the next space outside quotes. What begins with a quote is not percent-decoded, all else once. */
function parseValue(text: string, start: number): [value: string, end: number] {
  let value = ''
  let inside = false
  let at = start
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      inside = !inside
    } else if (code === BACKSLASH && inside && at + 1 < text.length) {
      const escaped = text[++at]
      value += escaped === 'n' ? '\n' : escaped === 'r' ? '\r' : escaped
    } else if (!inside && isSpace(code)) {
      break
    } else {
      value += text[at]
    }
  }
  return [text.charCodeAt(start) === QUOTE ? value : percentDecode(value), at]
}

/** `%XX` as the byte it stands for, all else as it is. */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text
  let out = ''
  for (let i = 0; i < text.length; i++) {
    const high = text[i] === '%' ? HEX_VALUE[text.charCodeAt(i + 1)] ?? -1 : -1
    const low = high === -1 ? -1 : HEX_VALUE[text.charCodeAt(i + 2)] ?? -1
    if (low === -1) {
      out += text[i]
    } else {
      out += String.fromCharCode(high * 16 + low)
      i += 2
    }
  }
  return out
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d)
}

function isKey(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39) ||
    code === 0x5f || code === 0x2d
}

function skipSpace(text: string, start: number): number {
  let at = start
  while (isSpace(text.charCodeAt(at))) at++
  return at
}
