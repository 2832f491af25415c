/** Times of many answers, and the ones that matter: half, 99 and 99.9 of a hundred were faster. */

export interface Percentiles {
  /** Microseconds. */
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

export class Latencies {
  readonly #times: number[] = []

  /** `time` in microseconds. */
  add(time: number): void {
    this.#times.push(time)
  }

  get count(): number {
    return this.#times.length
  }

  percentiles(): Percentiles {
    const sorted = Float64Array.from(this.#times).sort()
    return { p50: percentile(sorted, 50), p99: percentile(sorted, 99), p999: percentile(sorted, 99.9) }
  }
}

/** The least of `sorted` that `part` of a hundred do not exceed (the nearest rank); NaN of nothing. */
export function percentile(sorted: ArrayLike<number>, part: number): number {
  // 99.9 is not a number of the machine's: without the rounding, 0.999 * 1000 can be just above 999.
  const rank = Math.ceil(Number((sorted.length * part / 100).toFixed(6)))
  return sorted[Math.max(0, rank - 1)] ?? NaN
}
