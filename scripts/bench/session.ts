/** One proxy, from its start to its end: set up in a folder of its own, checked, measured, stopped, its log counted. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { check, checkLog, type Running } from './check.ts'
import { fileLimit, start, type Started } from './machine.ts'
import { type Origin, TLS_NAME } from './origin.ts'
import { freePort, untilListening } from './ports.ts'
import { configure, type Mode, nginxUser, type Program } from './program.ts'

/** Who is started, and how. */
export interface Setting {
  readonly program: Program
  readonly mode: Mode
  readonly workers: number
  /** The cores it may use, as taskset writes them. */
  readonly cores: string
  /** Environment variables. */
  readonly variables?: Readonly<Record<string, string>>
}

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

/** `folder` is the place for what it writes. */
export async function begin(setting: Setting, origin: Origin, folder: string): Promise<Session> {
  const { program, mode, workers } = setting
  const log = join(folder, `${program.name}.access.log`)
  const files = fileLimit()
  const ports = { forward: await freePort(), reverse: await freePort(), tcp: await freePort(), tls: await freePort() }
  const port = ports[mode]
  const values = {
    ...{ folder, log, files, workers, program: program.name, user: nginxUser() },
    ...{ ...ports, origin: origin.port, echo: origin.echo, secure: origin.secure, name: TLS_NAME },
    // HAProxy wants two descriptors a connection, and some; nginx counts both sides as connections.
    ...{ connections: (files - SPARE_FILES) >> 1, descriptors: files - 100 },
    ...program.values?.(workers),
  }
  const [configuration] = program.templates.map((template) => configure(template, values, folder))
  rmSync(log, { force: true })
  const started = start(
    program.command(configuration, workers),
    setting.cores,
    { ...program.environment, ...setting.variables },
    program.logsToOutput === true ? log : undefined,
  )
  // A tunnel that reads nothing can add nothing.
  const claims = mode === 'tcp' || mode === 'tls'
    ? { via: false, forwardedFor: false, keepsAlive: true }
    : program.claims
  try {
    await untilListening(started, port)
    const proxy: Running = { pid: started.pid, mode, port, log, claims }
    const requests = await check(proxy, origin)
    return { proxy, requests, finish: (requests) => finish(setting, started, log, requests), stop: () => stop(started) }
  } catch (error) {
    await stop(started)
    const words = error instanceof Error ? error.message : String(error)
    const said = started.said().trim().slice(-500)
    throw new Error(words.includes(said) ? words : `${words}; it said: ${said}`, { cause: error })
  }
}

async function finish(
  { program, workers }: Setting,
  started: Started,
  log: string,
  requests: number,
): Promise<void> {
  if (!started.running()) throw new Error(`it ended (${await started.ended}): ${started.said().slice(-500)}`)
  if (program.logMilliseconds !== undefined) await wait(program.logMilliseconds)
  const willingly = await started.stop()
  await checkLog(log, Math.floor(requests * (1 - (program.linesLost?.(workers) ?? 0))))
  rmSync(log, { force: true })
  if (!willingly) throw new Error('it had to be killed')
}

async function stop(started: Started): Promise<void> {
  await started.stop()
}
