/**
 * Bytes from strangers, written so that they can do no harm to whoever reads the line: what is not printable ASCII, and
 * what would end the field it stands in, is escaped. One call, one kind of field.
 */

import { BACKSLASH, DASH, QUOTE, ZERO } from './ascii.ts'
import type { ByteWriter } from './writer.ts'

/** Writes `bytes[start..end)` in its own kind of escapes. */
export type Escape = (out: ByteWriter, bytes: Uint8Array, start: number, end: number) => void

const DIGITS = new Uint8Array([48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102])
const UPPER_DIGITS = new Uint8Array([48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 65, 66, 67, 68, 69, 70])

const PERCENT = 0x25

const BARE = new Uint8Array(256)
const INSIDE_QUOTES = new Uint8Array(256)
for (let byte = 0x21; byte < 0x7f; byte++) BARE[byte] = INSIDE_QUOTES[byte] = 1
INSIDE_QUOTES[0x20] = 1
INSIDE_QUOTES[QUOTE] = INSIDE_QUOTES[BACKSLASH] = 0

/** Between spaces: others than 0x21 to 0x7e become `%XX`, as in a URL. */
export function token(out: ByteWriter, bytes: Uint8Array, start: number, end: number): void {
  out.room(3 * (end - start))
  const to = out.bytes
  let at = out.length
  for (let i = start; i < end; i++) {
    const byte = bytes[i]
    if (BARE[byte] === 1) {
      to[at++] = byte
    } else {
      to[at++] = PERCENT
      to[at++] = UPPER_DIGITS[byte >> 4]
      to[at++] = UPPER_DIGITS[byte & 15]
    }
  }
  out.length = at
}

/** Between quotes, as Apache has it: `\"`, `\\`, and `\xHH` for others than 0x20 to 0x7e. */
export function quoted(out: ByteWriter, bytes: Uint8Array, start: number, end: number): void {
  out.room(4 * (end - start))
  const to = out.bytes
  let at = out.length
  for (let i = start; i < end; i++) {
    const byte = bytes[i]
    if (INSIDE_QUOTES[byte] === 1) {
      to[at++] = byte
      continue
    }
    to[at++] = BACKSLASH
    if (byte === QUOTE || byte === BACKSLASH) {
      to[at++] = byte
    } else {
      to[at++] = 0x78
      to[at++] = DIGITS[byte >> 4]
      to[at++] = DIGITS[byte & 15]
    }
  }
  out.length = at
}

/** Inside a JSON string: `\"`, `\\`, and `\u00HH` for others than 0x20 to 0x7e: one byte is one character. */
export function json(out: ByteWriter, bytes: Uint8Array, start: number, end: number): void {
  out.room(6 * (end - start))
  const to = out.bytes
  let at = out.length
  for (let i = start; i < end; i++) {
    const byte = bytes[i]
    if (INSIDE_QUOTES[byte] === 1) to[at++] = byte
    else at = jsonEscape(to, at, byte)
  }
  out.length = at
}

/** A JSON string with its quotes; `null` when it is empty. */
export function jsonText(out: ByteWriter, text: string): void {
  const length = text.length
  out.room(6 * length + 4)
  const to = out.bytes
  let at = out.length
  if (length === 0) {
    to[at] = 0x6e
    to[at + 1] = 0x75
    to[at + 2] = to[at + 3] = 0x6c
    out.length = at + 4
    return
  }
  to[at++] = QUOTE
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80 && INSIDE_QUOTES[unit] === 1) to[at++] = unit
    else at = jsonEscape(to, at, unit)
  }
  to[at++] = QUOTE
  out.length = at
}

/** Write a UTF-16 unit as an escape at `to[at]`; gives where it ends, six bytes later at most. */
function jsonEscape(to: Uint8Array, at: number, unit: number): number {
  to[at++] = BACKSLASH
  if (unit === QUOTE || unit === BACKSLASH) {
    to[at++] = unit
    return at
  }
  to[at++] = 0x75
  for (let shift = 12; shift >= 0; shift -= 4) to[at++] = DIGITS[(unit >> shift) & 15]
  return at
}

const encoder = new TextEncoder()

/** Text between spaces; `-` when it is empty. Escaped like {@link token}, what is not ASCII as the bytes of its UTF-8. */
export function tokenText(out: ByteWriter, text: string): void {
  const length = text.length
  if (length === 0) {
    out.byte(DASH)
    return
  }
  out.room(length)
  const to = out.bytes
  const at = out.length
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0x80 || BARE[unit] === 0) {
      const bytes = encoder.encode(text)
      token(out, bytes, 0, bytes.length)
      return
    }
    to[at + i] = unit
  }
  out.length = at + length
}

/** `n`, 0 to 999, in three digits. */
export function threeDigits(out: ByteWriter, n: number): void {
  out.room(3)
  const to = out.bytes
  const at = out.length
  to[at] = ZERO + ((n / 100) | 0) % 10
  to[at + 1] = ZERO + ((n / 10) | 0) % 10
  to[at + 2] = ZERO + n % 10
  out.length = at + 3
}
