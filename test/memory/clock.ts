/** Time that moves by hand. */
import { setImmediate } from 'node:timers'
import type { Clock } from '../../core/runtime.ts'

/** Let everything that needs no time happen: a turn of the host's loop runs all promises to their end. */
export async function settle(turns = 3): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

interface Timer {
  due: number
  readonly every: number | null
  readonly ring: () => void
}

export class MemoryClock implements Clock {
  private time = 1000
  private readonly start: number
  private readonly timers = new Set<Timer>()

  constructor(start = Date.UTC(2025, 0, 1)) {
    this.start = start
  }

  now(): number {
    return this.time
  }

  date(): number {
    return this.start + this.time
  }

  /** Set by a test. */
  ahead = 0

  zone(): number {
    return this.ahead
  }

  every(ms: number, tick: () => void): () => void {
    return this.set({ due: this.time + ms, every: Math.max(ms, 1), ring: tick })
  }

  after(ms: number, ring: () => void): () => void {
    return this.set({ due: this.time + ms, every: null, ring })
  }

  /** Timers set and not stopped: none should be left when all is done. */
  get pending(): number {
    return this.timers.size
  }

  /** Move on by `ms`, timer by timer in their order, letting everything happen in between. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms
    await settle()
    for (;;) {
      const timer = this.earliest()
      if (timer === null || timer.due > end) break
      this.time = Math.max(this.time, timer.due)
      if (timer.every === null) this.timers.delete(timer)
      else timer.due += timer.every
      timer.ring()
      await settle()
    }
    this.time = end
  }

  private set(timer: Timer): () => void {
    this.timers.add(timer)
    return () => void this.timers.delete(timer)
  }

  private earliest(): Timer | null {
    let first: Timer | null = null
    for (const timer of this.timers) if (first === null || timer.due < first.due) first = timer
    return first
  }
}
