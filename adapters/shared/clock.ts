/** Time. The timers are those of node:timers everywhere: Deno's own give numbers, which cannot be unref'ed alone. */
import { clearInterval, clearTimeout, setInterval, setTimeout } from 'node:timers'
import type { Clock } from '../../core/runtime.ts'

/** The longest timer there is (2^31 - 1 ms, 24.8 days); a longer one would ring at once. */
const LONGEST = 2_147_483_647

/** A timer that nobody waits for, but that is waited for. */
export function stay(): () => void {
  const timer = setInterval(() => {}, LONGEST)
  return () => clearInterval(timer)
}

/** Clocks are set forward and back at quarters of an hour, UTC. */
const QUARTER = 900_000
let quarter = NaN
let ahead = 0

/** Asked for each request: the last answer is kept. */
export function zone(date: number): number {
  const now = Math.floor(date / QUARTER)
  if (now !== quarter) {
    quarter = now
    // From 0, for -0 would be another number to some.
    ahead = 0 - Math.round(new Date(date).getTimezoneOffset())
  }
  return ahead
}

export const clock: Clock = {
  now: () => performance.now(),

  date: () => Date.now(),
  zone,

  every(ms, tick) {
    const timer = setInterval(tick, Math.min(ms, LONGEST))
    timer.unref()
    return () => clearInterval(timer)
  },

  after(ms, ring) {
    const timer = setTimeout(ring, Math.min(ms, LONGEST))
    timer.unref()
    return () => clearTimeout(timer)
  },
}
