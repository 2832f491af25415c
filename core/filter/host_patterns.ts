/**
 * Patterns of host names, as a person writes them, and sets of them that cost the same however many they are.
 *
 *   example.com      the name and all below it, at a label's boundary
 *   =example.com     the name alone
 *   *.example.com    what is below it
 *   ads*.example.com "*" is any characters, dots too
 *   ~regex           anywhere in the name
 *
 * Both sides are in the form of policy (core/bytes/host.ts): a pattern may be written as an IDN, in capitals, with a dot at
 * its end or as an IPv4 address in an odd notation.
 */

import { lowerAscii, policyHost } from '../bytes/host.ts'
import { family } from '../bytes/address.ts'
import { type Expression, parseGlob, parseRegex } from './expression.ts'

export type HostPattern =
  /** `below`: it and what is below it; `under`: only what is below; `exact`: it alone. */
  | { readonly kind: 'below' | 'under' | 'exact'; readonly name: string }
  /** `tail`: what all that match are, or are below of; empty: nothing is known. */
  | { readonly kind: 'expression'; readonly expression: Expression; readonly tail: string }

export type ParsedHost = { readonly pattern: HostPattern } | { readonly error: string }

/** A name with stars in it: IDN labels without a star are written as they are looked up. */
function globName(text: string): string | null {
  const labels = text.split('.').map((label) => label.includes('*') ? lowerAscii(label) : policyHost(`${label}.x`))
  if (labels.some((label) => label === null)) return null
  const name = labels.map((label) => label!.endsWith('.x') ? label!.slice(0, -2) : label!).join('.')
  return /^[a-z0-9_.*-]+$/.test(name) ? name : null
}

/** The labels after the last star, where a label begins: `example.com` of `ads*.example.com`, nothing of `*ads.com`. */
function tailOf(glob: string): string {
  const after = glob.slice(glob.lastIndexOf('*') + 1)
  const dot = after.indexOf('.')
  return dot < 0 ? '' : after.slice(dot + 1)
}

/** Read a pattern, or say what is wrong with it. */
export function parseHost(text: string): ParsedHost {
  if (text.startsWith('~')) {
    const read = parseRegex(text, true)
    if ('error' in read) return read
    return { pattern: { kind: 'expression', expression: read.expression, tail: '' } }
  }
  const exact = text.startsWith('=')
  const under = !exact && (text.startsWith('*.') || text.startsWith('.'))
  const bare = exact ? text.slice(1) : under ? text.slice(text.indexOf('.') + 1) : text
  if (bare.includes('*')) {
    if (exact) return { error: 'has "*" after "="' }
    const name = globName(lowerAscii(text.endsWith('.') ? text.slice(0, -1) : text))
    if (name === null) return { error: 'holds a character that no name has' }
    return { pattern: { kind: 'expression', expression: parseGlob(name), tail: tailOf(name) } }
  }
  const name = policyHost(bare)
  if (name === null) return { error: 'is no name of a host' }
  // Nothing is below an address.
  if (family(name) !== null) {
    return under ? { error: 'is below an address' } : { pattern: { kind: 'exact', name } }
  }
  return { pattern: { kind: exact ? 'exact' : under ? 'under' : 'below', name } }
}

/** Whether `host` is `name`, or below it. Allocates nothing. */
export function isBelow(host: string, name: string): boolean {
  const more = host.length - name.length
  return more === 0 ? host === name : more > 0 && host.charCodeAt(more - 1) === DOT && host.endsWith(name)
}

const DOT = 0x2e

export function matchesHost(pattern: HostPattern, host: string): boolean {
  switch (pattern.kind) {
    case 'below':
      return isBelow(host, pattern.name)
    case 'under':
      return host.length > pattern.name.length && isBelow(host, pattern.name)
    case 'exact':
      return host === pattern.name
    case 'expression':
      return pattern.expression(host)
  }
}

/** The start of a hash, and its next state: of characters from the end of a name to its front. */
export const HASH_START = 0x811c9dc5 | 0
export function hashNext(hash: number, code: number): number {
  return Math.imul(hash ^ code, 0x01000193)
}

/** Names -> values, asked by all the names that a host is below of, from the top down. */
export class NameTable<T> {
  #names: string[] = []
  #values: T[] = []
  /** Slots: the place of a name, plus one; 0: free. */
  #slots = new Uint32Array(16)

  get size(): number {
    return this.#names.length
  }

  get(name: string): T | undefined {
    const place = this.#place(name, hashOf(name))
    return place < 0 ? undefined : this.#values[place]
  }

  set(name: string, value: T): void {
    const place = this.#place(name, hashOf(name))
    if (place >= 0) {
      this.#values[place] = value
      return
    }
    this.#names.push(name)
    this.#values.push(value)
    if (this.#names.length * 2 <= this.#slots.length) this.#seat(this.#names.length - 1)
    else {
      this.#slots = new Uint32Array(this.#slots.length * 2)
      for (let i = 0; i < this.#names.length; i++) this.#seat(i)
    }
  }

  /**
   * Put the values of all names that `host` is or is below of into `into`, from `at` on; gives where they end. Allocates
   * nothing.
   */
  collect(host: string, into: T[], at: number): number {
    if (this.#names.length === 0) return at
    let hash = HASH_START
    for (let i = host.length - 1; i >= 0; i--) {
      hash = hashNext(hash, host.charCodeAt(i))
      if (i > 0 && host.charCodeAt(i - 1) !== DOT) continue
      const place = this.#place(host, hash, i)
      if (place >= 0) into[at++] = this.#values[place]
    }
    return at
  }

  #seat(place: number): void {
    const mask = this.#slots.length - 1
    let slot = spread(hashOf(this.#names[place])) & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = place + 1
  }

  /** Where the name is that `host` from `from` on is; -1: it is not here. */
  #place(host: string, hash: number, from = 0): number {
    const mask = this.#slots.length - 1
    for (let slot = spread(hash) & mask;; slot = (slot + 1) & mask) {
      const place = this.#slots[slot] - 1
      if (place < 0) return -1
      const name = this.#names[place]
      if (name.length === host.length - from && host.endsWith(name)) return place
    }
  }
}

function hashOf(name: string): number {
  let hash = HASH_START
  for (let i = name.length - 1; i >= 0; i--) hash = hashNext(hash, name.charCodeAt(i))
  return hash
}

/** FNV's low bits alone are poor for a table of powers of two. */
function spread(hash: number): number {
  return hash ^ (hash >>> 15)
}

/** As many patterns are asked one by one as cost less than a look-up. */
const FEW = 4
const BELOW = 1
const UNDER = 2
const EXACT = 4

/** A set of host patterns. */
export class HostSet {
  readonly patterns: readonly HostPattern[]
  readonly #table: NameTable<number> | null = null
  readonly #expressions: readonly HostPattern[] = []
  readonly #found: number[] = []

  constructor(patterns: readonly HostPattern[]) {
    this.patterns = patterns
    const named = patterns.filter(({ kind }) => kind !== 'expression')
    if (named.length <= FEW) return
    const table = new NameTable<number>()
    for (const pattern of patterns) {
      if (pattern.kind === 'expression') continue
      const bit = pattern.kind === 'below' ? BELOW : pattern.kind === 'under' ? UNDER : EXACT
      table.set(pattern.name, (table.get(pattern.name) ?? 0) | bit)
    }
    this.#table = table
    this.#expressions = patterns.filter(({ kind }) => kind === 'expression')
  }

  /** `host` in the form of policy. */
  matches(host: string): boolean {
    if (host === '') return false
    const table = this.#table
    if (table === null) return this.#any(this.patterns, host)
    const found = this.#found
    const end = table.collect(host, found, 0)
    if (end > 0) {
      // Only the last may be the whole name.
      for (let i = 0; i < end - 1; i++) if ((found[i] & (BELOW | UNDER)) !== 0) return true
      const whole = table.get(host)
      if ((found[end - 1] & (whole === undefined ? BELOW | UNDER : BELOW | EXACT)) !== 0) return true
    }
    return this.#any(this.#expressions, host)
  }

  #any(patterns: readonly HostPattern[], host: string): boolean {
    for (let i = 0; i < patterns.length; i++) if (matchesHost(patterns[i], host)) return true
    return false
  }
}
