/**
 * Names: what may be asked for, and how it is written on the wire (RFC 1035 2.3.1, 3.1; RFC 5890).
 *
 * A name is text of labels with dots between and none at the end; the root is ''. On the wire a label may hold any byte:
 * dots and backslashes in it are written `\.` and `\\`, bytes that are not printable `\DDD` (RFC 1035 5.1).
 */

import { DNS_LABEL_SIZE, DNS_NAME_SIZE, DNS_TEXT_SIZE } from '../limits.ts'
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

/** The letters of a name in a case of their own, by the bits of `random`: what someone who guesses has to guess, too. */
export function mixCase(name: string, random: Uint8Array): string {
  let mixed = ''
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i)
    const letter = c >= 0x61 && c <= 0x7a
    const upper = letter && (random[i >> 3 & 31] >> (i & 7) & 1) === 1
    mixed += upper ? String.fromCharCode(c - 0x20) : name[i]
  }
  return mixed
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

/** `localhost` and what is below it always mean this machine (RFC 6761 6.3). */
export function isLocalhost(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost')
}

/** Bytes of one label as text. */
export function labelText(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let i = start; i < end; i++) {
    const c = bytes[i]
    if (c === 0x2e || c === 0x5c) text += '\\' + String.fromCharCode(c)
    else if (c > 0x20 && c < 0x7f) text += String.fromCharCode(c)
    else text += '\\' + String(c).padStart(3, '0')
  }
  return text
}

/**
 * Labels of a name in text, as bytes. Throws a TypeError for what is no name: an empty label, one over 63 bytes, more than
 * 255 in all, a character past ASCII: the caller was to ask {@link hostName} first.
 */
export function labelsOf(name: string): Uint8Array[] {
  const labels: Uint8Array[] = []
  if (name === '') return labels
  let label: number[] = []
  let total = 1
  const finish = (): void => {
    if (label.length === 0) throw new TypeError(`Cannot write the name ${JSON.stringify(name)}: it has an empty label`)
    if (label.length > DNS_LABEL_SIZE) {
      throw new TypeError(`Cannot write the name ${JSON.stringify(name)}: a label has ${label.length} bytes`)
    }
    total += label.length + 1
    labels.push(new Uint8Array(label))
    label = []
  }
  for (let i = 0; i < name.length; i++) {
    let c = name.charCodeAt(i)
    if (c === 0x2e) {
      finish()
      continue
    }
    if (c === 0x5c) {
      const escape = /^(?:[0-9]{3}|[^0-9])/.exec(name.slice(i + 1, i + 4))
      if (escape === null) throw new TypeError(`Cannot write the name ${JSON.stringify(name)}: a lone backslash`)
      c = escape[0].length === 3 ? Number(escape[0]) : escape[0].charCodeAt(0)
      i += escape[0].length
    }
    if (c > 0xff) throw new TypeError(`Cannot write the name ${JSON.stringify(name)}: it is not ASCII`)
    label.push(c)
  }
  finish()
  if (total > DNS_NAME_SIZE) throw new TypeError(`Cannot write the name ${JSON.stringify(name)}: it has ${total} bytes`)
  return labels
}
