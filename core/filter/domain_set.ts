/**
 * A set of millions of domains. A name is packed from its end, three characters in two bytes, so that what is below a domain
 * begins with that domain, and all the domains above a name are looked for in one walk over it.
 */

import { DNS_LABEL_SIZE, DNS_TEXT_SIZE } from '../limits.ts'
import { ByteSet, ByteSetPlan, HASH_PRIME, HASH_START, mixHash } from './byte_set.ts'

const DOT = 0x2e
/** Characters that names are made of are 1 to 39; 0: it is none. Three of them are less than 40 * 40 * 40 < 2 ** 16. */
const SYMBOL: Uint8Array = new Uint8Array(256)
const SYMBOLS = 'abcdefghijklmnopqrstuvwxyz0123456789-_.'
for (let i = 0; i < SYMBOLS.length; i++) SYMBOL[SYMBOLS.charCodeAt(i)] = i + 1
for (let i = 0; i < 26; i++) SYMBOL[0x41 + i] = i + 1
const DOT_SYMBOL = SYMBOL[DOT]
/** Labels of a name, at most: one character each, with dots between them. */
const DEPTHS = (DNS_TEXT_SIZE + 1) / 2 + 1

/** The domain being packed; valid until the next. */
const packed = new Uint8Array(2 * Math.ceil(DNS_TEXT_SIZE / 3))
/** Of the last domain packed. */
let hash = 0
let labels = 0

/** The symbol `place` places from the left in its word. */
function power(place: number): number {
  return place === 0 ? 1600 : place === 1 ? 40 : 1
}

/**
 * Packs the name in `bytes[start..end)`, in any case of letters, without a dot at the end. Gives the size of `packed`; 0:
 * it is no name, or longer than one may be.
 */
function pack(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > DNS_TEXT_SIZE || end <= start) return 0
  let h = HASH_START
  let word = 0
  let place = 0
  let size = 0
  let label = 0
  labels = 1
  for (let i = end - 1; i >= start; i--) {
    const symbol = SYMBOL[bytes[i]]
    if (symbol === 0) return 0
    if (symbol === DOT_SYMBOL) {
      if (label === 0) return 0
      label = 0
      labels++
    } else if (++label > DNS_LABEL_SIZE) return 0
    h = Math.imul(h ^ symbol, HASH_PRIME)
    word += symbol * power(place)
    if (++place === 3) {
      packed[size++] = word >> 8
      packed[size++] = word & 0xff
      word = place = 0
    }
  }
  if (label === 0) return 0
  if (place > 0) {
    packed[size++] = word >> 8
    packed[size++] = word & 0xff
  }
  hash = mixHash(h)
  return size
}

/** The first pass over the domains of a set. */
export class DomainPlan {
  readonly #plan: ByteSetPlan
  #count = 0

  /** `expected`: bytes of all names, about. `numbered`: each comes with a number, 0 to 255. */
  constructor(expected: number, numbered: boolean) {
    this.#plan = new ByteSetPlan(expected, numbered)
  }

  get count(): number {
    return this.#count
  }

  /** The name in `bytes[start..end)`; false: it is none. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    const size = pack(bytes, start, end)
    if (size === 0) return false
    this.#plan.count(hash, size)
    this.#count++
    return true
  }

  /** `below`: a domain stands for all that is below it too. */
  make(below: boolean): DomainSet {
    return new DomainSet(this.#plan.make(), below)
  }
}

export class DomainSet {
  readonly #set: ByteSet
  readonly #below: boolean
  /** Whether there are domains of so many labels: those of other numbers need not be looked for. */
  readonly #depths = new Uint8Array(DEPTHS)
  #deepest = 0
  /** Where in the last host that was found its domain begins. */
  at = 0

  constructor(set: ByteSet, below: boolean) {
    this.#set = set
    this.#below = below
  }

  get count(): number {
    return this.#set.count
  }

  get memory(): number {
    return this.#set.memory
  }

  /** The second pass: as in {@link DomainPlan.add}. @throws Uncounted for what was not there in the first. */
  add(bytes: Uint8Array, start: number, end: number, number: number): void {
    const size = pack(bytes, start, end)
    if (size === 0) return
    this.#depths[labels] = 1
    if (labels > this.#deepest) this.#deepest = labels
    this.#set.put(hash, packed, size, number)
  }

  /** The number of the shortest domain of the set that `host` is, or (where `below`) is below; -1: there is none. */
  find(host: string): number {
    if (host.length > DNS_TEXT_SIZE || this.#deepest === 0) return -1
    let h = HASH_START
    let word = 0
    let place = 0
    let size = 0
    let depth = 1
    for (let i = host.length - 1; i >= 0; i--) {
      const code = host.charCodeAt(i)
      const symbol = code < 256 ? SYMBOL[code] : 0
      if (symbol === 0) return -1
      if (symbol === DOT_SYMBOL) {
        if (this.#below && this.#depths[depth] === 1) {
          const found = this.#ask(h, size, word, place)
          if (found >= 0) {
            this.at = i + 1
            return found
          }
        }
        if (++depth > this.#deepest) return -1
      }
      h = Math.imul(h ^ symbol, HASH_PRIME)
      word += symbol * power(place)
      if (++place === 3) {
        packed[size++] = word >> 8
        packed[size++] = word & 0xff
        word = place = 0
      }
    }
    this.at = 0
    return this.#depths[depth] === 1 ? this.#ask(h, size, word, place) : -1
  }

  release(): void {
    this.#set.release()
    this.#depths.fill(0)
    this.#deepest = 0
  }

  /** Whether what is packed so far, with a last word that is not full yet, is in the set. */
  #ask(h: number, size: number, word: number, place: number): number {
    if (place === 0) return this.#set.find(mixHash(h), packed, size)
    packed[size] = word >> 8
    packed[size + 1] = word & 0xff
    return this.#set.find(mixHash(h), packed, size + 2)
  }
}
