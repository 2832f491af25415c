/** One proxy, from its start to its end: set up in a folder of its own, checked, measured, stopped, its log counted. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { check, checkLog, type Running } from './check.ts'
import { type Cores, fileLimit, start, type Started } from './machine.ts'
import type { Origin } from './origin.ts'
import { freePort, untilListening } from './ports.ts'
import { configure, type Mode, nginxUser, type Program } from './programs.ts'

export interface Session {
  readonly proxy: Running
  /** Requests the check has made. */
  readonly requests: number
  /** Rejects when it would not end by itself, or has logged fewer than `requests`. */
  finish(requests: number): Promise<void>
  /** Ends it, whatever it says. */
  stop(): Promise<void>
}

/** Files a proxy opens besides two for each connection: HAProxy's pipes for splice are the most. */
export const SPARE_FILES = 1500

/** `settings` are the environment variables and `folder` the place for what it writes. */
export async function begin(
  program: Program,
  mode: Mode,
  origin: Origin,
  folder: string,
  cores: Cores,
  settings: Readonly<Record<string, string>> = {},
): Promise<Session> {
  const log = join(folder, `${program.name}.access.log`)
  const configuration = join(folder, program.template)
  const files = fileLimit()
  const [forward, reverse] = [await freePort(), await freePort()]
  const port = mode === 'forward' ? forward : reverse
  configure(program.template, {
    ...{ folder, log, port, forward, reverse, files, origin: origin.port, user: nginxUser() },
    // HAProxy wants two descriptors a connection, and some; nginx counts both sides as connections.
    ...{ connections: (files - SPARE_FILES) >> 1, descriptors: files - 100 },
  }, configuration)
  rmSync(log, { force: true })
  const started = start(
    program.command(configuration),
    cores.proxy,
    { ...program.environment, ...settings },
    program.logsToOutput === true ? log : undefined,
  )
  try {
    await untilListening(started, port)
    const proxy: Running = { pid: started.pid, mode, port, log, claims: program.claims }
    const requests = await check(proxy, origin)
    return { proxy, requests, finish: (requests) => finish(started, log, requests), stop: () => stop(started) }
  } catch (error) {
    await stop(started)
    const words = error instanceof Error ? error.message : String(error)
    const said = started.said().trim().slice(-500)
    throw new Error(words.includes(said) ? words : `${words}; it said: ${said}`, { cause: error })
  }
}

async function finish(started: Started, log: string, requests: number): Promise<void> {
  if (!started.running()) throw new Error(`it ended (${await started.ended}): ${started.said().slice(-500)}`)
  const willingly = await started.stop()
  await checkLog(log, requests)
  rmSync(log, { force: true })
  if (!willingly) throw new Error('it had to be killed')
}

async function stop(started: Started): Promise<void> {
  await started.stop()
}
