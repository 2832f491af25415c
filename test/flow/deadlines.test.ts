import { describe, expect, test } from 'vitest'
import { Deadlines } from '../../core/flow/deadlines.ts'
import type { Timed } from '../../core/flow/deadlines.ts'
import type { Clock } from '../../core/runtime.ts'

class HandClock implements Clock {
  time = 1000
  period = 0
  tick: (() => void) | null = null

  now(): number {
    return this.time
  }

  zone(): number {
    return 0
  }

  date(): number {
    return this.time
  }

  every(ms: number, tick: () => void): () => void {
    this.period = ms
    this.tick = tick
    return () => {
      this.tick = null
    }
  }

  after(): () => void {
    throw new Error('deadlines are numbers, not timers')
  }

  /** Let time pass, ticking as a real clock would. */
  pass(ms: number): void {
    const end = this.time + ms
    while (this.time + this.period <= end) {
      this.time += this.period
      this.tick?.()
    }
    this.time = end
  }
}

class Thing implements Timed {
  deadline = 0
  slot = -1
  missed = 0
  sweeps = 0
  onExpired: () => void = () => {}

  expired(): void {
    this.missed++
    this.onExpired()
  }

  swept(): void {
    this.sweeps++
  }
}

describe('deadlines', () => {
  test('one that is set is missed once, never too early', () => {
    const clock = new HandClock()
    const deadlines = new Deadlines(clock, 60_000)
    const thing = new Thing()
    deadlines.add(thing)
    thing.deadline = deadlines.after(2000)
    clock.pass(1999)
    expect(thing.missed).toBe(0)
    clock.pass(2 * clock.period + 1)
    expect(thing.missed).toBe(1)
    expect(thing.deadline).toBe(0)
    clock.pass(60_000)
    expect(thing.missed).toBe(1)
  })

  test('one that is moved is not missed', () => {
    const clock = new HandClock()
    const deadlines = new Deadlines(clock, 60_000)
    const thing = new Thing()
    deadlines.add(thing)
    for (let i = 0; i < 10; i++) {
      thing.deadline = deadlines.after(2000)
      clock.pass(1500)
    }
    expect(thing.missed).toBe(0)
  })

  test('0 means none, and what is no longer kept is neither swept nor missed', () => {
    const clock = new HandClock()
    const deadlines = new Deadlines(clock, 60_000)
    const without = new Thing()
    const gone = new Thing()
    deadlines.add(without)
    deadlines.add(gone)
    gone.deadline = deadlines.after(100)
    deadlines.remove(gone)
    deadlines.remove(gone)
    clock.pass(10_000)
    expect(without.missed).toBe(0)
    expect(without.sweeps).toBeGreaterThan(0)
    expect([gone.missed, gone.sweeps, gone.slot]).toEqual([0, 0, -1])
    expect(deadlines.size).toBe(1)
  })

  test('each is seen once a sweep, whoever removes itself or others meanwhile', () => {
    const clock = new HandClock()
    const deadlines = new Deadlines(clock, 60_000)
    const things = Array.from({ length: 10 }, () => new Thing())
    for (const thing of things) {
      deadlines.add(thing)
      thing.onExpired = () => deadlines.remove(thing)
      thing.deadline = deadlines.after(1)
    }
    clock.pass(2000)
    expect(things.map((thing) => thing.missed)).toEqual(things.map(() => 1))
    expect(deadlines.size).toBe(0)
  })

  test('a short time limit makes the sweeps more frequent, within bounds', () => {
    const periods = [300, 60_000, 10].map((shortest) => {
      const clock = new HandClock()
      new Deadlines(clock, shortest).add(new Thing())
      return clock.period
    })
    expect(periods).toEqual([75, 500, 25])
  })

  test('closing stops the sweeps', () => {
    const clock = new HandClock()
    const deadlines = new Deadlines(clock, 1000)
    let heard = 0
    deadlines.listen(() => heard++)
    clock.pass(1000)
    const before = heard
    expect(before).toBeGreaterThan(0)
    deadlines.close()
    clock.pass(1000)
    expect(heard).toBe(before)
  })
})
