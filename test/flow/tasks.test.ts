import { expect, test } from 'vitest'
import { Tasks } from '../../core/flow/tasks.ts'
import { settle } from '../memory/machine.ts'

async function* counting(to: number, until: Promise<void>): AsyncGenerator<number, void> {
  for (let i = 1; i <= to; i++) yield i
  await until
  yield to + 1
}

test('coroutines run beside each other, and what they yield is handed on', async () => {
  const tasks = new Tasks((error) => {
    throw error
  })
  const seen: number[] = []
  let go!: () => void
  const gate = new Promise<void>((resolve) => go = resolve)
  tasks.run(counting(2, gate), (value) => seen.push(value))
  tasks.run(counting(1, gate), (value) => seen.push(value * 10))
  let finished = 0
  void tasks.finished().then(() => finished++)
  void tasks.finished().then(() => finished++)
  await settle()
  expect([seen.toSorted((a, b) => a - b), tasks.running, finished]).toEqual([[1, 2, 10], 2, 0])
  go()
  await settle()
  expect([seen.toSorted((a, b) => a - b), tasks.running, finished]).toEqual([[1, 2, 3, 10, 20], 0, 2])
  await tasks.finished()
})

test.each(['the coroutine', 'who takes what it yields'])(
  '%s throws: told once, cleaned up, and the others go on',
  async (who) => {
    const told: unknown[] = []
    const tasks = new Tasks((error) => told.push(error))
    let cleaned = 0
    async function* faulty(): AsyncGenerator<number, void> {
      try {
        yield await Promise.resolve(1)
        if (who === 'the coroutine') throw new TypeError('broken on purpose')
        yield 2
      } finally {
        cleaned++
      }
    }
    let others = 0
    tasks.run(faulty(), () => {
      if (who !== 'the coroutine') throw new TypeError('broken on purpose')
    })
    tasks.run(counting(3, Promise.resolve()), () => others++)
    await tasks.finished()
    expect(told).toMatchObject([{ message: 'broken on purpose' }])
    expect([cleaned, others, tasks.running]).toEqual([1, 4, 0])
  },
)
