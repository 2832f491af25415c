/** Deadlines as numbers: setting one is an assignment, and one sweep enforces them all. */

import type { Clock } from '../runtime.ts'

/** Something that has to make progress. `deadline` is on the clock of {@link Deadlines.now}; 0 means none. */
export interface Timed {
  deadline: number
  /** Where {@link Deadlines} keeps it; -1 when it does not. Not for others to touch. */
  slot: number
  /** The deadline was missed; it has been set to 0. Must not throw. */
  expired(): void
  /** Called at each sweep, for what is too dear to do at each event. */
  swept?(): void
}

/** A sweep this often at least, milliseconds; so that a deadline of minutes is missed by half a second at most. */
const LONGEST_PERIOD = 500
/** And no more often than this, however short the shortest time limit is. */
const SHORTEST_PERIOD = 25
/** Sweeps within the shortest time limit, so that it is kept to a quarter of itself. */
const SWEEPS = 4

export class Deadlines {
  /** The time of the last sweep, which is what a deadline is counted from: reading a clock for each chunk would cost more. */
  now: number
  /** Between two sweeps, milliseconds. */
  readonly period: number
  readonly #clock: Clock
  readonly #all: Timed[] = []
  readonly #listeners: (() => void)[] = []
  #stop: (() => void) | null = null

  /** `shortest`: the shortest time limit that will be asked for, milliseconds. */
  constructor(clock: Clock, shortest: number) {
    this.#clock = clock
    this.now = clock.now()
    this.period = Math.max(SHORTEST_PERIOD, Math.min(LONGEST_PERIOD, Math.floor(shortest / SWEEPS)))
  }

  /** `ms` from now, never too early and less than two periods late. */
  after(ms: number): number {
    return this.now + this.period + ms
  }

  add(timed: Timed): void {
    if (this.#all.length === 0) this.now = this.#clock.now()
    timed.slot = this.#all.push(timed) - 1
    this.#stop ??= this.#clock.every(this.period, () => this.sweep())
  }

  remove(timed: Timed): void {
    const slot = timed.slot
    if (slot === -1) return
    const last = this.#all.pop()!
    if (last !== timed) {
      this.#all[slot] = last
      last.slot = slot
    }
    timed.slot = -1
  }

  /** Call `listener` at each sweep, from now on. */
  listen(listener: () => void): void {
    this.#listeners.push(listener)
    this.#stop ??= this.#clock.every(this.period, () => this.sweep())
  }

  sweep(): void {
    const now = this.#clock.now()
    this.now = now
    // From the end: an expired one usually removes itself, and what takes its slot has been seen already.
    for (let slot = this.#all.length - 1; slot >= 0; slot--) {
      const timed = this.#all[slot]
      if (timed === undefined) continue
      if (timed.deadline !== 0 && timed.deadline <= now) {
        timed.deadline = 0
        timed.expired()
      } else {
        timed.swept?.()
      }
    }
    for (const listener of this.#listeners) listener()
  }

  /** Look at all of them; the one looked at may be removed. */
  each(look: (timed: Timed) => void): void {
    for (let slot = this.#all.length - 1; slot >= 0; slot--) look(this.#all[slot]!)
  }

  get size(): number {
    return this.#all.length
  }

  close(): void {
    this.#stop?.()
    this.#stop = null
  }
}
