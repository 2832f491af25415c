/** Logins of the scheme Basic (RFC 7617). */

import { toBytes } from '../bytes/ascii.ts'

/** Bytes, one character each. */
export interface BasicLogin {
  readonly name: string
  readonly password: string
}

const CREDENTIALS = /^basic +([A-Za-z0-9+/]+)(={0,2})$/i
const LETTERS = toBytes('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const VALUES = new Uint8Array(128)
for (const [value, letter] of LETTERS.entries()) VALUES[letter] = value

/** What the value of Authorization or Proxy-Authorization says; `null`: it is of another scheme, or none. */
export function parseBasic(value: string): BasicLogin | null {
  const found = CREDENTIALS.exec(value)
  if (found === null) return null
  const text = decode(found[1], found[2].length)
  const colon = text === null ? -1 : text.indexOf(':')
  return text === null || colon < 0 ? null : { name: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** RFC 4648 4, padding as it has to be; `null` where it is not, or where bits are set that say nothing (3.5). */
function decode(letters: string, padding: number): string | null {
  if ((letters.length + padding) % 4 !== 0 || letters.length % 4 === 1) return null
  let text = ''
  let bits = 0
  let held = 0
  for (let i = 0; i < letters.length; i++) {
    bits = (bits << 6 | VALUES[letters.charCodeAt(i)]) & 0xfff
    held += 6
    if (held < 8) continue
    held -= 8
    text += String.fromCharCode(bits >> held & 0xff)
  }
  return (bits & ((1 << held) - 1)) === 0 ? text : null
}
