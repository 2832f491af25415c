/** Durations, counted by how long they were. */

import type { Durations } from './snapshot.ts'

/**
 * Upper ends of the buckets, milliseconds, inclusive. From an answer of the same rack to one that came just before the
 * default response_timeout (two minutes); the defaults of the others (dns 2 s, connect 10 s) lie between. Three to a decade,
 * as Prometheus has them: a median is known to within a factor of 2.5.
 */
export const BUCKETS: readonly number[] = [
  1,
  2.5,
  5,
  10,
  25,
  50,
  100,
  250,
  500,
  1000,
  2500,
  5000,
  10_000,
  30_000,
  60_000,
  120_000,
]

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS.length + 1)
  #sum = 0

  /** `ms`: how long it took; below 0: it did not take place. */
  add(ms: number): void {
    if (ms < 0) return
    let bucket = 0
    // Nearly all end at the first few.
    while (bucket < BUCKETS.length && ms > BUCKETS[bucket]) bucket++
    this.#counts[bucket]++
    this.#sum += ms
  }

  durations(): Durations {
    return { counts: [...this.#counts], sum: this.#sum / 1000 }
  }
}
