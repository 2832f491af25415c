import { expect, test } from 'vitest'
import { within } from '../../core/flow/within.ts'
import { MemoryClock } from '../memory/clock.ts'

test('what comes in time is waited for, and the clock is let go of', async () => {
  const clock = new MemoryClock()
  let done!: () => void
  const waiting = within(clock, 100, new Promise<void>((resolve) => done = resolve)).then(() => 'over')
  await clock.advance(99)
  expect(await Promise.race([waiting, Promise.resolve('waiting')])).toBe('waiting')
  done()
  expect(await waiting).toBe('over')
  expect(clock.pending).toBe(0)
})

test('what is late is not waited for', async () => {
  const clock = new MemoryClock()
  const waiting = within(clock, 100, new Promise<void>(() => {}))
  await clock.advance(100)
  await waiting
})

test('what fails in time is told, and the clock is let go of', async () => {
  const clock = new MemoryClock()
  await expect(within(clock, 100, Promise.reject(new TypeError('broken on purpose')))).rejects.toThrow('on purpose')
  expect(clock.pending).toBe(0)
})
