/**
 * A set of millions of short byte strings, each perhaps with a number, built once and then only asked. It is exact: what is
 * found was put in, byte by byte.
 *
 * All strings of one bucket lie one after another in a single array, and `starts` says where each bucket begins: half a byte
 * an entry is all there is beside the strings. For that they come twice: first to be counted ({@link ByteSetPlan}), then to
 * be put where there is room for them. Nothing grows, so nothing is copied and nothing left behind for the collector.
 *
 *     entry = size (1 byte, or 2 with the top bit set in the first), number (1 byte, where the set has numbers), bytes
 */

/** Bytes of entries in a bucket, about: two lines of a processor's cache. */
const BUCKET = 128
/** What the two bytes of a size can say. */
export const ENTRY_SIZE_MAX = 0x7fff

/** The last step of a hash (MurmurHash3's finaliser): each bit of `hash` moves half of the others. */
export function mixHash(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** FNV-1a, to be finished by {@link mixHash}. */
export const HASH_START = 0x811c9dc5 | 0
export const HASH_PRIME = 0x01000193

/** The hash of the first `size` of `bytes`. */
export function hashBytes(bytes: Uint8Array, size: number): number {
  let hash = HASH_START
  for (let i = 0; i < size; i++) hash = Math.imul(hash ^ bytes[i], HASH_PRIME)
  return mixHash(hash)
}

/** What comes to be put was not there to be counted. */
export class Uncounted extends Error {}

/** How much room each bucket takes. */
export class ByteSetPlan {
  readonly #numbered: boolean
  readonly #starts: Uint32Array
  readonly #scale: number

  /** `expected`: bytes of all entries, about. `numbered`: they have numbers. */
  constructor(expected: number, numbered: boolean) {
    const buckets = Math.max(1, Math.ceil(expected / BUCKET))
    this.#numbered = numbered
    this.#starts = new Uint32Array(buckets + 1)
    this.#scale = buckets / 2 ** 32
  }

  /** There will be an entry of this hash and so many bytes: one to ENTRY_SIZE_MAX. */
  count(hash: number, size: number): void {
    this.#starts[Math.floor(hash * this.#scale) + 1] += size + (size < 0x80 ? 1 : 2) + (this.#numbered ? 1 : 0)
  }

  /** The set, still empty. The plan has given its memory to it. */
  make(): ByteSet {
    const starts = this.#starts
    for (let i = 1; i < starts.length; i++) starts[i] += starts[i - 1]
    return new ByteSet(starts, this.#numbered)
  }
}

export class ByteSet {
  readonly #starts: Uint32Array
  readonly #bytes: Uint8Array
  readonly #scale: number
  readonly #numbered: boolean
  #count = 0

  constructor(starts: Uint32Array, numbered: boolean) {
    this.#starts = starts
    this.#bytes = new Uint8Array(starts[starts.length - 1])
    this.#scale = (starts.length - 1) / 2 ** 32
    this.#numbered = numbered
  }

  get count(): number {
    return this.#count
  }

  /** Bytes of memory. */
  get memory(): number {
    return this.#bytes.byteLength + this.#starts.byteLength
  }

  /**
   * The first `size` of `entry`, copied. What is there already stays as it is.
   * @throws Uncounted when there is no room for it.
   */
  put(hash: number, entry: Uint8Array, size: number, number: number): void {
    const place = this.#seek(hash, entry, size)
    if (place >= 0) return
    const bytes = this.#bytes
    const end = this.#starts[Math.floor(hash * this.#scale) + 1]
    let at = -1 - place
    if (at + size + (size < 0x80 ? 1 : 2) + (this.#numbered ? 1 : 0) > end) {
      throw new Uncounted('Cannot put what was not counted')
    }
    if (size >= 0x80) bytes[at++] = 0x80 | size >> 8
    bytes[at++] = size & 0xff
    if (this.#numbered) bytes[at++] = number
    for (let i = 0; i < size; i++) bytes[at + i] = entry[i]
    this.#count++
  }

  /** The number of the first `size` of `entry` (0 where there are none), or -1 when it is not in the set. */
  find(hash: number, entry: Uint8Array, size: number): number {
    const at = this.#seek(hash, entry, size)
    return at < 0 ? -1 : this.#numbered ? this.#bytes[at - 1] : 0
  }

  /** Where the bytes of `entry` are; or -1 less where their length would begin (no complement: that has but 32 bits). */
  #seek(hash: number, entry: Uint8Array, size: number): number {
    const bytes = this.#bytes
    const bucket = Math.floor(hash * this.#scale)
    const end = this.#starts[bucket + 1]
    const extra = this.#numbered ? 1 : 0
    let at = this.#starts[bucket]
    while (at < end && bytes[at] !== 0) {
      let length = bytes[at++]
      if (length >= 0x80) length = (length & 0x7f) << 8 | bytes[at++]
      at += extra
      if (length === size && same(bytes, at, entry, size)) return at
      at += length
    }
    return -1 - at
  }

  /** Empty from now on, and its memory is free at once, not when the collector comes round. */
  release(): void {
    // Node has it since 21: before that, the collector has to do.
    for (const { buffer } of [this.#bytes, this.#starts]) (buffer as Partial<ArrayBuffer>).transfer?.(0)
    this.#count = 0
  }
}

/** From the end, where strings that share a bucket differ soonest. */
function same(bytes: Uint8Array, at: number, entry: Uint8Array, size: number): boolean {
  for (let i = size - 1; i >= 0; i--) if (bytes[at + i] !== entry[i]) return false
  return true
}
