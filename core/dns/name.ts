/**
 * Names: what may be asked for, and how it is written on the wire (RFC 1035 2.3.1, 3.1; RFC 5890).
 *
 * A name is text of labels with dots between and none at the end; the root is ''. On the wire a label may hold any byte:
 * dots and backslashes in it are written `\.` and `\\`, bytes that are not printable `\DDD` (RFC 1035 5.1).
 */

import { DNS_LABEL_SIZE, DNS_NAME_SIZE } from '../limits.ts'

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
 * 255 in all, a character past ASCII: the caller was to ask hostName first.
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
