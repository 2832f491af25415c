/**
 * `npm run fuzz -- TARGET [--seconds N] [--seed S]`: feed mutated inputs to a target until it breaks or the time is over.
 *
 * A target states what must hold for any input and throws when it does not. What broke is printed, and its seed, with which
 * the run can be had again.
 */

import { mutate, type Random, randomOf } from './random.ts'

export interface FuzzTarget {
  /** What must hold, in a sentence. */
  readonly invariant: string
  readonly seeds: readonly Uint8Array[]
  /** What inputs of this kind are made of. */
  readonly words: readonly Uint8Array[]
  /** Throws when the invariant does not hold for `input`. */
  check(input: Uint8Array, random: Random): void
}

/** Add a target by a line here; its module has the target as its default export. */
const TARGETS: Readonly<Record<string, () => Promise<{ default: FuzzTarget }>>> = {
  dns: () => import('./dns.ts'),
  helpers: () => import('./helpers.ts'),
  http: () => import('./http.ts'),
  icap: () => import('./icap.ts'),
  llhttp: () => import('./llhttp.ts'),
  proxy: () => import('./proxy.ts'),
  socks: () => import('./socks.ts'),
  socks_client: () => import('./socks_client.ts'),
  tls: () => import('./tls.ts'),
}

/** Inputs are numbered, and each has a seed of its own: seed + number. */
const BATCH = 256

function option(words: readonly string[], name: string, fallback: number): number {
  const at = words.indexOf(`--${name}`)
  if (at < 0) return fallback
  const value = Number(words[at + 1])
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a whole number`)
  return value
}

/** Gives how many inputs were tried. Throws what the target threw, with the input and its seed. */
export function fuzz(target: FuzzTarget, seed: number, enough: (tried: number) => boolean): number {
  let tried = 0
  while (!enough(tried)) {
    for (let i = 0; i < BATCH; i++) {
      const own = (seed + tried) >>> 0
      const random = randomOf(own)
      const input = mutate(random, target.seeds, target.words)
      try {
        target.check(input, random)
      } catch (cause) {
        const text = Array.from(input, (byte) => String.fromCharCode(byte)).join('')
        throw new Error(`seed ${own}: ${JSON.stringify(text)}`, { cause })
      }
      tried++
    }
  }
  return tried
}

async function main(words: readonly string[]): Promise<number> {
  const load = TARGETS[words[0] ?? '']
  if (load === undefined) {
    console.error(`usage: npm run fuzz -- ${Object.keys(TARGETS).join('|')} [--seconds N] [--seed S]`)
    return 2
  }
  const seconds = option(words, 'seconds', 10)
  const seed = option(words, 'seed', Math.floor(Math.random() * 2 ** 32))
  const { default: target } = await load()
  console.log(`${words[0]}: ${target.invariant}\nseed ${seed}, ${seconds} s`)
  const until = performance.now() + seconds * 1000
  try {
    const tried = fuzz(target, seed, (done) => done > 0 && performance.now() >= until)
    console.log(`${tried} inputs, nothing found`)
    return 0
  } catch (failure) {
    console.error(failure)
    return 1
  }
}

if (import.meta.main) {
  process.exitCode = await main(process.argv.slice(2))
}
