/**
 * The diagnostics log: what the operator should know about the proxy itself, through LogTape.
 *
 * A part of the proxy asks for the logger of its area once, `const log = logger('dns')`, and uses it at all levels. Until
 * {@link Diagnostics.open}, and below the level that was set, logging does nothing, but costs some 70 ns all the same: on a
 * hot path ask `log.isEnabledFor('debug')` first. Nothing ever waits for the log.
 */

import type { Logger, LogRecord } from '@logtape/logtape'
import { configureSync, getLogger, resetSync } from '@logtape/logtape'
import { isoTime } from '../bytes/calendar.ts'
import type { LogSettings } from '../config/settings.ts'
import type { LogFileOptions } from '../flow/log_file.ts'
import { LogFile } from '../flow/log_file.ts'
import type { Appender, Runtime, SystemFailure } from '../runtime.ts'
import { escapeText } from './template.ts'

export type { Logger }

const ROOT = 'exaproxy'

/** The logger of a part of the proxy: `server`, `dns`, ... */
export function logger(area: string): Logger {
  return getLogger([ROOT, area])
}

const encoder = new TextEncoder()

/** There is one for the process: opening another takes its place. */
export class Diagnostics {
  readonly #file: LogFile | null

  private constructor(file: LogFile | null) {
    this.#file = file
  }

  /**
   * `appender`: who writes the lines, where another process owns the destination. Rejects with a SystemFailure (`denied`,
   * `missing`, ...) when the destination cannot be opened.
   */
  static async open(runtime: Runtime, settings: LogSettings, appender?: Appender): Promise<Diagnostics> {
    resetSync()
    if (settings.level === 'off') return new Diagnostics(null)
    const own = logger('log')
    const file = await LogFile.open(runtime, settings.destination, {
      // An operator who looks at it wants to see what happens, not what happened a second ago.
      eager: true,
      failed: (failure) => {
        if (appender === undefined) lastWords(runtime, settings.destination, failure)
      },
      recovered: (lost) => own.warning('{lost} log lines were lost', { lost, destination: settings.destination }),
      ...(appender === undefined ? null : { appender }),
    })
    configureSync({
      sinks: { file: (record) => file.put(encoder.encode(formatRecord(record, runtime.clock.date()))) },
      loggers: [
        { category: ROOT, lowestLevel: settings.level, sinks: ['file'] },
        { category: ['logtape', 'meta'], lowestLevel: 'warning', sinks: ['file'] },
      ],
    })
    return new Diagnostics(file)
  }

  /** Lines that another process has made. */
  put(lines: Uint8Array): void {
    this.#file?.put(lines)
  }

  /** Lines that could not be written. */
  get lost(): number {
    return this.#file === null ? 0 : this.#file.lost
  }

  /** At the sweep: after a failed write it is tried again only here. */
  flush(): void {
    if (this.#file !== null) void this.#file.flush()
  }

  /** Go on in a new file (logrotate). Rejects with a SystemFailure, and keeps the old file, when there can be none. */
  async reopen(): Promise<void> {
    await this.#file?.reopen()
  }

  /** Write what waits, as far as that goes within LOG_CLOSE_WAIT. Logging after that goes nowhere. */
  async close(): Promise<void> {
    await this.#file?.close()
    resetSync()
  }
}

/** How another log (the access log) tells the diagnostics log that it is in trouble. `what` names it. */
export function tellTrouble(what: string, destination: string): LogFileOptions {
  const log = logger('log')
  return {
    failed: (failure, during) => {
      const facts = { destination, why: failure.message }
      if (during === 'write') log.error(`${what} cannot be written, lines are being lost`, facts)
      else log.error(`${what} cannot be reopened and goes on in the old file`, facts)
    },
    recovered: (lost) => log.warning(`{lost} lines of ${what} were lost`, { lost, destination }),
  }
}

/** The diagnostics log is in trouble itself: standard error is all that is left. */
function lastWords(runtime: Runtime, destination: string, failure: SystemFailure): void {
  if (destination === 'stderr') return
  const words = `exaproxy: the log cannot be written: ${destination}: ${failure.message}\n`
  runtime.errors.write(encoder.encode(words)).catch(() => {})
}

/**
 * One record as a line: `time level area message name=value ...`. The stack of an error follows it, indented, so that no
 * text from elsewhere can look like a line of its own.
 */
export function formatRecord(record: LogRecord, date: number): string {
  const area = record.category[0] === ROOT ? record.category.slice(1).join('.') : record.category.join('.')
  let line = `${isoTime(date)} ${record.level.padEnd(7)} ${escapeText(area)}: `
  for (let i = 0; i < record.message.length; i++) {
    const part = record.message[i]
    line += escapeText(typeof part === 'string' ? part : textOf(part))
  }
  let stacks = ''
  for (const [name, value] of Object.entries(record.properties)) {
    if (value instanceof Error && value.stack !== undefined) stacks += stackOf(value)
    if (typeof record.rawMessage === 'string' && record.rawMessage.includes(`{${name}}`)) continue
    line += ` ${name}=${wordOf(value)}`
  }
  return `${line}\n${stacks}`
}

function textOf(value: unknown): string {
  if (value instanceof Error) return value.message === '' ? value.name : value.message
  if (typeof value === 'object' && value !== null) {
    try {
      return JSON.stringify(value)
    } catch {
      return String(value)
    }
  }
  return String(value)
}

/** A value that ends where a space does, or in quotes. */
function wordOf(value: unknown): string {
  const text = textOf(value)
  return /^[A-Za-z0-9._:/@%+,[\]{}<>-]+$/.test(text) ? text : `"${escapeText(text).replaceAll(/["\\]/g, '\\$&')}"`
}

function stackOf(error: Error): string {
  let text = ''
  for (const line of (error.stack ?? '').split('\n')) if (line !== '') text += `    ${escapeText(line)}\n`
  return text
}
