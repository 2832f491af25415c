/**
 * The access log: one exchange, one line, in Squid's native format, the combined format of Apache, or JSON.
 *
 * Whatever a client sends, a line stays one line and its fields stay apart: what is not printable ASCII, and what would end
 * a field, is escaped. No string is made of what comes from the network.
 */

import type { ByteWriter } from '../bytes/writer.ts'
import type { AccessLogSettings } from '../config/settings.ts'
import type { LogFileOptions } from '../flow/log_file.ts'
import { LogFile } from '../flow/log_file.ts'
import type { Runtime } from '../runtime.ts'
import { writeCombined } from './log_combined.ts'
import { writeJson } from './log_json.ts'
import { writeSquid } from './log_squid.ts'
import type { ExchangeRecord } from './record.ts'

/** Writes the line of a record, its line feed included. `strip`: cut the query off URLs, leaving the `?`. */
export type RecordWriter = (out: ByteWriter, record: ExchangeRecord, strip: boolean) => void

const RECORD_WRITERS: Readonly<Record<AccessLogSettings['format'], RecordWriter>> = {
  squid: writeSquid,
  combined: writeCombined,
  json: writeJson,
}

export class AccessLog {
  readonly #file: LogFile | null
  readonly #write: RecordWriter
  readonly #strip: boolean

  private constructor(file: LogFile | null, settings: AccessLogSettings) {
    this.#file = file
    this.#write = RECORD_WRITERS[settings.format]
    this.#strip = settings.strip_query
  }

  /** Rejects with a SystemFailure (`denied`, `missing`, ...) when the file cannot be opened. */
  static async open(runtime: Runtime, settings: AccessLogSettings, options: LogFileOptions = {}): Promise<AccessLog> {
    const { destination } = settings
    const file = destination === 'off' ? null : await LogFile.open(runtime, destination, options)
    return new AccessLog(file, settings)
  }

  /** Never waits, never fails; neither the record nor the heads it refers to are kept. */
  write(record: ExchangeRecord): void {
    const file = this.#file
    if (file === null) return
    this.#write(file.line(), record, this.#strip)
    file.commit()
  }

  /** Lines that could not be written. */
  get lost(): number {
    return this.#file === null ? 0 : this.#file.lost
  }

  /** At the sweep, each second: no line waits longer than that. */
  flush(): void {
    if (this.#file !== null) void this.#file.flush()
  }

  /** Go on in a new file (logrotate). Rejects with a SystemFailure, and keeps the old file, when there can be none. */
  async reopen(): Promise<void> {
    await this.#file?.reopen()
  }

  /** Write what waits, as far as that goes within LOG_CLOSE_WAIT. */
  async close(): Promise<void> {
    await this.#file?.close()
  }
}
