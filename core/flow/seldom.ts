/** Something that may be said only so often. */

import type { Clock } from '../runtime.ts'

export class Seldom {
  readonly #clock: Clock
  readonly #count: number
  readonly #period: number
  #since = -Infinity
  #said = 0
  #unsaid = 0

  /** `count` times within `period` milliseconds. */
  constructor(clock: Clock, count: number, period: number) {
    this.#clock = clock
    this.#count = count
    this.#period = period
  }

  /** Whether it may be said now; where not, it counts as not said. */
  may(): boolean {
    const now = this.#clock.now()
    if (now - this.#since >= this.#period) {
      this.#since = now
      this.#said = 0
    }
    if (this.#said < this.#count) {
      this.#said++
      return true
    }
    this.#unsaid++
    return false
  }

  /** Whether it may not be said now. */
  get full(): boolean {
    return this.#said >= this.#count && this.#clock.now() - this.#since < this.#period
  }

  /** How many were not said since this was asked last. */
  unsaid(): number {
    const count = this.#unsaid
    this.#unsaid = 0
    return count
  }
}
