/** Random inputs that can be had again: everything follows from a seed. */

export interface Random {
  /** A whole number from 0 to `below - 1`. */
  below(below: number): number
  pick<T>(items: readonly T[]): T
}

/** Mulberry32: small, quick, and good enough to choose mutations by. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
  const below = (limit: number): number => next() % limit
  return { below, pick: (items) => items[below(items.length)] }
}

/** Bytes that parsers have stumbled over. */
const SHARP = [
  0,
  1,
  9,
  10,
  11,
  12,
  13,
  31,
  32,
  33,
  34,
  35,
  44,
  45,
  47,
  48,
  49,
  58,
  59,
  61,
  64,
  91,
  95,
  127,
  128,
  133,
  160,
  255,
]

function splice(bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length - removed + added.length)
  out.set(bytes.subarray(0, at))
  out.set(added, at)
  out.set(bytes.subarray(at + removed), at + added.length)
  return out
}

/** Where the lines of `bytes` start, and its end. */
function lines(bytes: Uint8Array): number[] {
  const starts = [0]
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === 10) starts.push(i + 1)
  if (starts[starts.length - 1] !== bytes.length) starts.push(bytes.length)
  return starts
}

/** One to four changes to one of the seeds; `words` are what the language in question is made of. */
export function mutate(random: Random, seeds: readonly Uint8Array[], words: readonly Uint8Array[]): Uint8Array {
  let bytes: Uint8Array = random.pick(seeds).slice()
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const at = random.below(bytes.length + 1)
    const left = bytes.length - at
    switch (random.below(9)) {
      case 0: // another byte
        if (left > 0) bytes[at] = random.pick(SHARP)
        break
      case 1: // any byte
        if (left > 0) bytes[at] = random.below(256)
        break
      case 2: // a byte more
        bytes = splice(bytes, at, 0, Uint8Array.of(random.pick(SHARP)))
        break
      case 3: // some bytes less
        bytes = splice(bytes, at, Math.min(left, 1 + random.below(4)), new Uint8Array(0))
        break
      case 4: // a word more
        bytes = splice(bytes, at, 0, random.pick(words))
        break
      case 5: // a word instead
        bytes = splice(bytes, at, Math.min(left, 1 + random.below(8)), random.pick(words))
        break
      case 6: { // a line twice, or somewhere else
        const starts = lines(bytes)
        const line = random.below(starts.length - 1)
        const copy = bytes.slice(starts[line], starts[line + 1])
        bytes = splice(bytes, random.pick(starts), 0, copy)
        break
      }
      case 7: { // a line less
        const starts = lines(bytes)
        const line = random.below(starts.length - 1)
        bytes = splice(bytes, starts[line], starts[line + 1] - starts[line], new Uint8Array(0))
        break
      }
      default: { // the end of another seed
        const other = random.pick(seeds)
        bytes = splice(bytes, at, left, other.subarray(random.below(other.length + 1)))
      }
    }
  }
  return bytes
}

/** `bytes` in up to five pieces. */
export function cut(random: Random, bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let from = 0
  for (let i = random.below(5); i > 0; i--) {
    const to = from + random.below(bytes.length - from + 1)
    if (to > from) pieces.push(bytes.subarray(from, to))
    from = to
  }
  if (from < bytes.length) pieces.push(bytes.subarray(from))
  return pieces
}
