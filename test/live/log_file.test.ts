/** Log files on a real machine: rotation while lines are written, a full disk, a reader that goes away. */

import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { LogFile } from '../../core/flow/log_file.ts'
import type { Child, Runtime } from '../../core/runtime.ts'

const name = 'Bun' in globalThis ? 'bun' : 'Deno' in globalThis ? 'deno' : 'node'
const adapter = new URL(`../../adapters/${name}/runtime.ts`, import.meta.url)
const logFile = new URL('../../core/flow/log_file.ts', import.meta.url)

let runtime: Runtime
let folder: string
beforeAll(async () => {
  runtime = (await import(adapter.href)).runtime
  folder = mkdtempSync(join(tmpdir(), 'exaproxy-log-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const line = (n: number): string => `${`${n}`.padStart(8, '0')}${' '.padEnd(91, 'x')}\n`

/** The numbers of the lines of a file, which must all be whole. */
function numbers(path: string): number[] {
  const found: number[] = []
  for (const row of readFileSync(path, 'latin1').split('\n').slice(0, -1)) {
    if (`${row}\n` !== line(+row.slice(0, 8))) throw new Error(`a torn line in ${path}: ${JSON.stringify(row)}`)
    found.push(+row.slice(0, 8))
  }
  return found
}

describe(`log files on ${name}`, () => {
  test('renamed and reopened again and again while lines are written: each line is in one file, whole, in order', async () => {
    const path = join(folder, 'rotated')
    const file = await LogFile.open(runtime, path)
    let written = 0
    for (let turn = 1; turn <= 20; turn++) {
      for (let i = 0; i < 3000; i++) file.put(toBytes(line(written++)))
      renameSync(path, `${path}.${turn}`)
      const reopened = file.reopen()
      for (let i = 0; i < 3000; i++) file.put(toBytes(line(written++)))
      await reopened
      expect(existsSync(path)).toBe(true)
    }
    await file.close()
    const all: number[] = []
    for (let turn = 1; turn <= 20; turn++) all.push(...numbers(`${path}.${turn}`))
    all.push(...numbers(path))
    expect(all.length).toBe(written)
    expect(all.every((number, index) => number === index)).toBe(true)
    expect(file.lost).toBe(0)
  })

  test('a full disk is told as such, once, and costs lines', async () => {
    const told: string[] = []
    const file = await LogFile.open(runtime, '/dev/full', { failed: ({ code }) => told.push(code) })
    file.put(toBytes(line(0)))
    await file.flush()
    file.put(toBytes(line(1)))
    await file.flush()
    await file.flush()
    expect(told).toEqual(['full'])
    expect(file.lost).toBe(1)
    await file.close()
    expect(file.lost).toBe(2)
  })

  test('a folder that is not there, and one that may not be a file', async () => {
    await expect(LogFile.open(runtime, join(folder, 'no', 'log'))).rejects.toMatchObject({ code: 'missing' })
    await expect(LogFile.open(runtime, folder)).rejects.toMatchObject({ name: 'SystemFailure' })
  })
})

/** A program that logs numbered lines without end, as fast as it can, and reopens its log when it is told to. */
const PROGRAM = `
import { runtime } from ${JSON.stringify(adapter.href)}
import { LogFile } from ${JSON.stringify(logFile.href)}
const bytes = (text) => new TextEncoder().encode(text)
const [destination, report] = runtime.arguments
const says = []
const file = await LogFile.open(runtime, destination, { failed: ({ code }) => says.push(code) })
let n = 0
let going = true
const line = () => file.put(bytes(String(n++).padStart(8, '0') + ' '.padEnd(91, 'x') + '\\n'))
const work = () => {
  if (!going) return
  for (let i = 0; i < 500; i++) line()
  setTimeout(work, 1)
}
let turn = 0
runtime.signal('SIGHUP', async () => {
  await file.reopen()
  await runtime.errors.write(bytes('reopened ' + ++turn + '\\n'))
})
runtime.signal('SIGTERM', async () => {
  going = false
  await file.close()
  await runtime.files.write(report, bytes(JSON.stringify({ n, lost: file.lost, says })))
  runtime.exit(0)
})
work()
await runtime.errors.write(bytes('ready\\n'))
setInterval(() => file.flush(), 1000)
`

describe(`a program that logs, on ${name}`, () => {
  let running: Child | null = null
  afterEach(async () => {
    running?.kill('SIGKILL')
    await running?.exited
    running = null
  })

  const start = (destination: string): { child: Child; said: () => Promise<string>; report: () => unknown } => {
    const script = join(folder, 'program.mjs')
    const report = join(folder, 'report')
    writeFileSync(script, PROGRAM)
    const flags = name === 'deno' ? ['run', '-A', '--unstable-net'] : []
    const child = runtime.spawn([process.execPath, ...flags, script, destination, report])
    running = child
    const said = async (): Promise<string> => {
      const pulled = await child.errors.next()
      return pulled.done === true ? 'nothing more' : new TextDecoder().decode(pulled.value)
    }
    return { child, said, report: () => JSON.parse(readFileSync(report, 'utf8')) }
  }

  test('rename and signal, as logrotate does: no line is lost or torn', async () => {
    const path = join(folder, 'signalled')
    const { child, said, report } = start(path)
    expect(await said()).toBe('ready\n')
    for (let turn = 1; turn <= 5; turn++) {
      renameSync(path, `${path}.${turn}`)
      child.kill('SIGHUP')
      expect(await said()).toBe(`reopened ${turn}\n`)
    }
    child.kill('SIGTERM')
    expect(await child.exited).toBe(0)
    const all: number[] = []
    for (let turn = 1; turn <= 5; turn++) all.push(...numbers(`${path}.${turn}`))
    all.push(...numbers(path))
    expect(report()).toEqual({ n: all.length, lost: 0, says: [] })
    expect(all.every((number, index) => number === index)).toBe(true)
  })

  test('a reader of standard output that goes away costs lines, not the program', async () => {
    const { child, said, report } = start('stdout')
    expect(await said()).toBe('ready\n')
    const first = await child.output.next()
    expect(new TextDecoder().decode(first.value!).slice(0, 100)).toBe(line(0))
    child.output.close()
    child.kill('SIGHUP') // nothing to reopen, but a sign that it lives
    expect(await said()).toBe('reopened 1\n')
    child.kill('SIGTERM')
    expect(await child.exited).toBe(0)
    const { lost, says } = report() as { lost: number; says: string[] }
    expect(lost).toBeGreaterThan(0)
    expect(says).toHaveLength(1)
  })
})
