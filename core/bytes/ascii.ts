/**
 * Bytes of protocols as text, and text as bytes. One byte is one character (latin1): never UTF-8, and never
 * `TextDecoder('latin1')`, which is windows-1252 and turns 0x80-0x9f into something else.
 */

export const HTAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SP = 0x20
export const QUOTE = 0x22
export const COMMA = 0x2c
export const DASH = 0x2d
export const DOT = 0x2e
export const SLASH = 0x2f
export const ZERO = 0x30
export const COLON = 0x3a
export const SEMICOLON = 0x3b
export const QUESTION = 0x3f
export const BACKSLASH = 0x5c

/** Classes of bytes, as bits of {@link CLASS}. */
export const TOKEN = 1 // tchar, RFC 9110 5.6.2
export const VALUE = 2 // field-vchar, SP, HTAB: RFC 9110 5.5
export const TARGET = 4 // what RFC 3986 lets stand in a URI, without "#" and with "[" and "]"
export const LOOSE = 8 // what browsers leave raw in a target besides (WHATWG URL): ^ ` { | } and 0x80-0xff
export const DIGIT = 16
export const HEX = 32
export const ALPHA = 64
export const NAME = 128 // what host names are made of: letters, digits, "-", ".", "_"

/** The classes of each byte. */
export const CLASS: Uint8Array = new Uint8Array(256)

const mark = (bit: number, text: string): void => {
  for (let i = 0; i < text.length; i++) CLASS[text.charCodeAt(i)] |= bit
}
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
const digits = '0123456789'
mark(TOKEN, letters + digits + "!#$%&'*+-.^_`|~")
mark(TARGET, letters + digits + "-._~:/?[]@!$&'()*+,;=%")
mark(LOOSE, '^`{|}')
mark(DIGIT, digits)
mark(HEX, digits + 'abcdefABCDEF')
mark(ALPHA, letters)
mark(NAME, letters + digits + '-._')
CLASS[HTAB] |= VALUE
for (let byte = 0x20; byte < 0x7f; byte++) CLASS[byte] |= VALUE
for (let byte = 0x80; byte < 0x100; byte++) CLASS[byte] |= VALUE | LOOSE

/** A to Z as a to z, all else as it is. */
const LOWER: Uint8Array = new Uint8Array(256)
for (let byte = 0; byte < 256; byte++) LOWER[byte] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte

/** Longer pieces are made in steps, for arguments live on the stack. */
const PIECE = 4096

/** `bytes[start..end)` as text, one character a byte. */
export function latin1(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (end - start <= 32) {
    let text = ''
    for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i])
    return text
  }
  let text = ''
  for (let i = start; i < end; i += PIECE) {
    text += String.fromCharCode.apply(null, bytes.subarray(i, Math.min(end, i + PIECE)) as unknown as number[])
  }
  return text
}

/** As {@link latin1}, with A to Z made a to z. */
export function lowerCase(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let i = start; i < end; i++) text += String.fromCharCode(LOWER[bytes[i]])
  return text
}

/** Text as bytes, one byte a character. Throws a RangeError above 0xff: such text has no place in a protocol. */
export function toBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0xff) throw new RangeError(`not latin1: ${text}`)
    bytes[i] = code
  }
  return bytes
}

/** Whether `bytes[start..end)` is `text`, byte for byte. */
export function equals(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false
  for (let i = 0; i < text.length; i++) {
    if (bytes[start + i] !== text.charCodeAt(i)) return false
  }
  return true
}

/** Whether `bytes[start..end)` is `lower`, which is in lower case already. Only A to Z and a to z are alike. */
export function equalsIgnoreCase(bytes: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false
  for (let i = 0; i < lower.length; i++) {
    if (LOWER[bytes[start + i]] !== lower.charCodeAt(i)) return false
  }
  return true
}

/** Whether two pieces are the same but for the case of A to Z. */
export function sameIgnoreCase(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): boolean {
  const length = aEnd - aStart
  if (bEnd - bStart !== length) return false
  for (let i = 0; i < length; i++) {
    if (LOWER[a[aStart + i]] !== LOWER[b[bStart + i]]) return false
  }
  return true
}

/** Digits and nothing else, as a number; -1 for anything else, for nothing, and above 2^53 - 1. */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return -1
  let number = 0
  for (let i = start; i < end; i++) {
    const digit = bytes[i] - ZERO
    if (digit < 0 || digit > 9) return -1
    number = number * 10 + digit
    // Once past it, no rounding can bring it back: the check is exact although the sum is not.
    if (number > Number.MAX_SAFE_INTEGER) return -1
  }
  return number
}

/** The value of a hexadecimal digit, -1 for any other byte. */
export const HEX_VALUE: Int8Array = new Int8Array(256).fill(-1)
for (let value = 0; value < 16; value++) {
  HEX_VALUE['0123456789abcdef'.charCodeAt(value)] = value
  HEX_VALUE['0123456789ABCDEF'.charCodeAt(value)] = value
}

/** Whether all of `bytes[start..end)`, at least one, are of a class of {@link CLASS}. */
export function all(bytes: Uint8Array, start: number, end: number, bits: number): boolean {
  if (start >= end) return false
  for (let i = start; i < end; i++) {
    if ((CLASS[bytes[i]] & bits) === 0) return false
  }
  return true
}
