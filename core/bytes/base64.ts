/** Base64 (RFC 4648 4). */

import { toBytes } from './ascii.ts'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const VALUES = new Uint8Array(128)
for (const [value, letter] of toBytes(LETTERS).entries()) VALUES[letter] = value
const TEXT = /^([A-Za-z0-9+/]*)(={0,2})$/

export function toBase64(bytes: Uint8Array): string {
  let out = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const three = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    out += LETTERS[three >> 18] + LETTERS[(three >> 12) & 63] + LETTERS[(three >> 6) & 63] + LETTERS[three & 63]
  }
  const spare = (3 - bytes.length % 3) % 3
  return out.slice(0, out.length - spare) + '='.repeat(spare)
}

/** Bytes, one character each; `null` where the padding is not as it has to be, or bits are set that say nothing (3.5). */
export function fromBase64(text: string): string | null {
  const found = TEXT.exec(text)
  if (found === null || text.length % 4 !== 0) return null
  let out = ''
  let bits = 0
  let held = 0
  for (let i = 0; i < found[1].length; i++) {
    bits = (bits << 6 | VALUES[text.charCodeAt(i)]) & 0xfff
    held += 6
    if (held < 8) continue
    held -= 8
    out += String.fromCharCode(bits >> held & 0xff)
  }
  return (bits & ((1 << held) - 1)) === 0 ? out : null
}
