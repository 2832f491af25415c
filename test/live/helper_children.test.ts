import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import process from 'node:process'
import { describe, expect, test } from 'vitest'
import { attackable, get, helpers, missing, program, start } from './attack.ts'
import { isRunning } from './processes.ts'
import { RawClient } from './raw.ts'
import { until } from './waiting.ts'

attackable()

describe.skipIf(missing !== '')(`children${missing}`, () => {
  test('hold nothing of the program’s: no socket that listens, none of a client', async () => {
    await start('is good', { minimum: 3 })
    using client = await RawClient.connect(program.port())
    expect(await get('/', 'http', client)).toBe('200')
    const pids = helpers()
    expect(pids.length).toBeGreaterThanOrEqual(3)
    const listening = new Set(
      ['tcp', 'tcp6'].flatMap((name) =>
        readFileSync(`/proc/net/${name}`, 'latin1').split('\n').slice(1).map((line) => line.trim().split(/\s+/)[9])
      ),
    )
    for (const pid of pids) {
      const held = readdirSync(`/proc/${pid}/fd`).map((name) => readlinkSync(`/proc/${pid}/fd/${name}`))
      const inodes = held.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]).filter((inode) => inode !== undefined)
      expect(inodes.filter((inode) => listening.has(inode))).toEqual([])
    }
  })

  test('end with the program', async () => {
    await start('is good', { minimum: 3 })
    const pids = helpers()
    expect((await program.stop()).code).toBe(0)
    await until(() => !pids.some(isRunning), 'the end of all helpers')
  })

  test('end with the program though they ignore signals', async () => {
    await start('ignores signals', { minimum: 3 })
    const pids = helpers()
    expect(pids.length).toBeGreaterThanOrEqual(3)
    expect((await program.stop()).code).toBe(0)
    await until(() => !pids.some(isRunning), 'the end of all helpers')
  })

  test('end with a worker that is killed, and the next one has its own', async () => {
    await start('is good', { minimum: 3 })
    const pids = helpers()
    const [worker] = program.workers.filter((pid) => !pids.includes(pid))
    if (worker !== undefined) process.kill(worker, 'SIGKILL')
    else program.signal('SIGKILL')
    await until(() => !pids.some(isRunning), 'the end of all helpers')
    if (worker !== undefined) {
      await until(async () => (await get().catch(() => '')) === '200', 'an answer of the next worker')
    }
  })

  test('that are killed are replaced, and leave no zombies', async () => {
    await start('is good', { minimum: 3 })
    for (let round = 0; round < 3; round++) {
      const before = helpers()
      for (const pid of before) process.kill(pid, 'SIGKILL')
      await until(
        () => helpers().filter((pid) => !before.includes(pid) && isRunning(pid)).length >= 1,
        'another helper',
      )
      await until(async () => (await get()) === '200', 'an answer')
    }
    await until(() => helpers().every(isRunning), 'no zombies')
  })
})
