/**
 * Names of hosts: how they are asked for, and how policy sees them (RFC 1035 2.3.1, RFC 5890).
 */

import { DNS_LABEL_SIZE, DNS_NAME_SIZE, DNS_TEXT_SIZE } from '../limits.ts'
import { canonical, family } from './address.ts'
import { encodePunycode } from './punycode.ts'

/** Letters, digits, hyphens (RFC 1123 2.1), and the underscore, which names of real sites have. */
const HOST_LABEL = /^[a-z0-9_-]+$/
const ASCII = /^[\x21-\x7e]*$/
/** The full stops of East Asian keyboards, that IDNA takes for dots (RFC 3490 3.1). */
const DOTS = /[\u3002\uff0e\uff61]/g
/** Control and format characters, separators, unassigned and private ones: never part of a name. */
const FORBIDDEN = /[\p{C}\p{Z}]/u
const NUMBER = /^(?:[0-9]+|0x[0-9a-f]*)$/

/** What is wrong with a name, for a person: `{ error }`; or the name as it is asked for. */
export type HostName = { readonly name: string } | { readonly error: string }

/** Case by case, not as a whole: the whole would make a final sigma of a sigma, and another name of it. */
function lower(text: string): string {
  let out = ''
  for (const character of text) out += character.toLowerCase()
  return out
}

/** ASCII letters alone, which is what DNS compares without case (RFC 4343). */
export function lowerAscii(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c >= 0x41 && c <= 0x5a) return text.replace(/[A-Z]+/g, (run) => run.toLowerCase())
  }
  return text
}

function aLabel(label: string): string {
  return ASCII.test(label) ? label : `xn--${encodePunycode(label)}`
}

/**
 * The name to ask for: lower case, IDN as A-labels (mapped as UTS 46 does, non-transitional: `ß` stays), one dot at the end
 * taken off. A name whose last label is a number is refused: it is meant for an address by some, and no such domain exists.
 */
export function hostName(text: string): HostName {
  let name = text
  if (ASCII.test(name)) {
    name = lowerAscii(name)
  } else {
    // Four bytes of UTF-8 at most make one label character: anything longer is no name, and not worth the work.
    if (name.length > DNS_NAME_SIZE) return { error: `is longer than ${DNS_NAME_SIZE} characters` }
    if (FORBIDDEN.test(name.replace(DOTS, '.'))) return { error: 'holds a character that no name has' }
    name = lower(name.normalize('NFKC')).normalize('NFKC').replace(DOTS, '.')
    name = name.split('.').map((label) => label.length > DNS_LABEL_SIZE ? label : aLabel(label)).join('.')
  }
  if (name.endsWith('.')) name = name.slice(0, -1)
  if (name === '') return { error: 'is empty' }
  // On the wire: a length byte before each label and the root after them, so two more than the text.
  if (name.length > DNS_TEXT_SIZE) return { error: `is longer than ${DNS_TEXT_SIZE} characters` }
  const labels = name.split('.')
  for (const label of labels) {
    if (label === '') return { error: 'has an empty label' }
    if (label.length > DNS_LABEL_SIZE) return { error: `has a label longer than ${DNS_LABEL_SIZE} characters` }
    if (!HOST_LABEL.test(label)) return { error: 'holds a character that no name has' }
  }
  if (NUMBER.test(labels[labels.length - 1])) return { error: 'ends in a number, as no name does' }
  return { name }
}

/** `127.0.0.1` of `0x7f.1`, `2130706433`, `0177.0.0.1`, `127.1`; empty when it is none of the sort. */
export function oddAddress(host: string): string {
  const parts = host.split('.')
  if (parts.length > 4) return ''
  let value = 0
  for (let i = 0; i < parts.length; i++) {
    const number = oddNumber(parts[i])
    const last = i === parts.length - 1
    // All but the last are one byte each; the last fills what is left.
    if (number < 0 || number > (last ? 256 ** (4 - i) - 1 : 255)) return ''
    value += last ? number : number * 256 ** (3 - i)
  }
  return `${Math.floor(value / 16_777_216)}.${Math.floor(value / 65_536) % 256}.${Math.floor(value / 256) % 256}.${
    value % 256
  }`
}

/** Decimal, `0x` hexadecimal or `0` octal; -1 when it is no number. */
function oddNumber(text: string): number {
  const base = text.startsWith('0x') ? 16 : text.length > 1 && text.startsWith('0') ? 8 : 10
  const digits = base === 16 ? text.slice(2) : text
  if (digits === '') return -1
  let number = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = '0123456789abcdef'.indexOf(digits[i])
    if (digit < 0 || digit >= base) return -1
    number = number * base + digit
    if (number > 0xffff_ffff) return -1
  }
  return number
}

/**
 * A host as policy sees it, of what a person writes: a name as {@link hostName} gives it, an IPv4 address in any of its
 * notations, an IPv6 one with or without brackets; `null` when it is none of these.
 */
export function policyHost(text: string): string | null {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
  if (bare.includes(':')) return family(bare) === 6 || family(bare) === 4 ? canonical(bare) : null
  if (bare !== text) return null
  const found = hostName(text)
  if ('name' in found) return found.name
  const lowered = lowerAscii(text.endsWith('.') ? text.slice(0, -1) : text)
  const address = oddAddress(lowered)
  return address === '' ? null : address
}
