/** The logs of the service: the supervisor alone writes them, so that lines of several workers are never torn. */

import type { Settings } from '../config/settings.ts'
import { LogFile } from '../flow/log_file.ts'
import { Diagnostics, logger, tellTrouble } from '../proxy/diagnostics.ts'
import { opened } from '../proxy/start_failure.ts'
import type { Runtime } from '../runtime.ts'
import type { LogName } from './message.ts'

export class Logs {
  readonly #diagnostics: Diagnostics
  readonly #access: LogFile | null

  private constructor(diagnostics: Diagnostics, access: LogFile | null) {
    this.#diagnostics = diagnostics
    this.#access = access
  }

  /** @throws StartFailure when one cannot be opened. */
  static async open(runtime: Runtime, { log, access_log }: Settings): Promise<Logs> {
    const diagnostics = await opened(log.destination, 'log.destination', () => Diagnostics.open(runtime, log))
    const { destination } = access_log
    if (destination === 'off') return new Logs(diagnostics, null)
    // What comes has been gathered by the worker already.
    const options = { ...tellTrouble('the access log', destination), eager: true }
    const open = () => LogFile.open(runtime, destination, options)
    try {
      return new Logs(diagnostics, await opened(destination, 'access_log.destination', open))
    } catch (error) {
      await diagnostics.close()
      throw error
    }
  }

  /** Whole lines of a worker; they are copied. Never waits, never fails. */
  put(log: LogName, lines: Uint8Array): void {
    if (log === 'diagnostics') this.#diagnostics.put(lines)
    else this.#access?.put(lines)
  }

  /** Lines that could not be written. */
  get lost(): number {
    return this.#diagnostics.lost + (this.#access?.lost ?? 0)
  }

  /** After a failed write it is tried again only here. */
  flush(): void {
    void this.#access?.flush()
    this.#diagnostics.flush()
  }

  /** Go on in new files (logrotate). One that cannot be reopened goes on in its old file, and says so itself. */
  async reopen(): Promise<void> {
    logger('service').info('reopening the logs')
    await Promise.allSettled([this.#access?.reopen(), this.#diagnostics.reopen()])
  }

  async close(): Promise<void> {
    await this.#access?.close()
    await this.#diagnostics.close()
  }
}
