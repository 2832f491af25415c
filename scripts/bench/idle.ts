/** Connections that have had one request answered each and wait for the next: what they cost, and what the load costs beside. */
import { setTimeout as wait } from 'node:timers/promises'
import { hostOf, type Running, target } from './check.ts'
import { Line } from './line.ts'
import { residentMemory } from './machine.ts'
import type { Outcome } from './measure.ts'
import type { Origin } from './origin.ts'

const OPENING_AT_ONCE = 64
/** Connections opened, used and closed before the memory is looked at, so that one-time costs are not counted. */
const IDLE_WARMUP = 500
const SETTLE_MILLISECONDS = 2000
/** Of the idle connections, how many are asked again at the end. */
const ASKED_AGAIN = 100

export async function measureIdle(proxy: Running, origin: Origin, count: number): Promise<Outcome> {
  const warm = await openIdle(proxy, origin, IDLE_WARMUP)
  for (const line of warm) line.reset()
  await wait(SETTLE_MILLISECONDS)
  const before = residentMemory(proxy.pid)
  const lines = await openIdle(proxy, origin, count)
  try {
    await wait(SETTLE_MILLISECONDS)
    const resident = residentMemory(proxy.pid)
    await askAgain(lines, proxy, origin)
    return {
      logged: IDLE_WARMUP + count + ASKED_AGAIN,
      measures: { bytes_per_idle_connection: (resident - before) / count, resident_megabytes_idle: resident / 1e6 },
    }
  } finally {
    for (const line of lines) line.reset()
  }
}

/** Works beside `count` idle connections, which are opened before and must be well after; `logged` are their requests. */
export async function beside<Result>(
  count: number,
  proxy: Running,
  origin: Origin,
  work: () => Promise<Result>,
): Promise<{ result: Result; logged: number }> {
  const lines = await openIdle(proxy, origin, count)
  try {
    const result = await work()
    await askAgain(lines, proxy, origin)
    return { result, logged: count + ASKED_AGAIN }
  } finally {
    for (const line of lines) line.reset()
  }
}

async function openIdle(proxy: Running, origin: Origin, count: number): Promise<Line[]> {
  const lines: Line[] = []
  let left = count
  const open = async () => {
    while (left-- > 0) {
      const line = await Line.open(proxy.port)
      lines.push(line)
      await useOnce(line, proxy, origin)
    }
  }
  try {
    await Promise.all(Array.from({ length: OPENING_AT_ONCE }, open))
  } catch (error) {
    left = 0
    for (const line of lines) line.reset()
    throw error
  }
  return lines
}

async function askAgain(lines: readonly Line[], proxy: Running, origin: Origin): Promise<void> {
  const lost = lines.filter((line) => !line.open).length
  if (lost > 0) throw new Error(`${lost} of ${lines.length} idle connections were closed`)
  for (let i = 0; i < ASKED_AGAIN; i++) {
    await useOnce(lines[Math.floor(i * lines.length / ASKED_AGAIN)], proxy, origin)
  }
}

/** One request for the small answer; rejects when the answer is not that. */
async function useOnce(line: Line, proxy: Running, origin: Origin): Promise<void> {
  line.send(`GET ${target(proxy.mode, origin, '/small')} HTTP/1.1\r\nHost: ${hostOf(proxy.mode, origin)}\r\n\r\n`)
  await line.answer(200, origin.bodies['/small'])
}
