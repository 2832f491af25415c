/** Waiting for something, but no longer than a given time. */

import type { Clock } from '../runtime.ts'

/** Settles when `work` does, or after `ms` milliseconds; rejects when `work` does so in time. What is late goes on. */
export async function within(clock: Clock, ms: number, work: Promise<void>): Promise<void> {
  let stop = (): void => {}
  const late = new Promise<void>((resolve) => {
    stop = clock.after(ms, resolve)
  })
  try {
    await Promise.race([work, late])
  } finally {
    stop()
  }
}
