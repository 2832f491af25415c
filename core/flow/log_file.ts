/**
 * Lines on their way to a file, to standard output or to standard error.
 *
 * Nobody waits for a log: a line is put into memory and the machine takes it from there, one write at a time. When the
 * machine is slow lines gather, up to LOG_BACKLOG; when it fails (a full disk, a closed pipe) what it was handed is lost.
 * Both cost lines, which are counted, and never an exchange. A line that was cut short by a failure is ended before another
 * is written: that is the probe too, and while it fails nothing is lost.
 */

import { ByteWriter } from '../bytes/writer.ts'
import { BUFFER_SIZE, LOG_BACKLOG, LOG_CLOSE_WAIT, LOG_PIECE } from '../limits.ts'
import type { Appender, Runtime } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import { within } from './within.ts'

/** The callbacks may log, to this very file too; they may not throw. */
export interface LogFileOptions {
  /** Write each line as soon as the machine is free, and not when LOG_PIECE has gathered or at `flush`. */
  readonly eager?: boolean
  /**
   * Writing went wrong after it went well (told once, not for each write that goes on failing), or a new file could not be
   * opened (the old one goes on).
   */
  readonly failed?: (failure: SystemFailure, what: 'write' | 'reopen') => void
  /** Lines were lost, and lines are written again: how many since this was said last. */
  readonly recovered?: (lost: number) => void
  /** Where lines go instead: another process owns the destination. */
  readonly appender?: Appender
}

const LINE_FEED = 10

/**
 * One destination for lines: `stdout`, `stderr` or a path.
 *
 *     const out = log.line()      // put one line there, its line feed included
 *     log.commit()                // and say that it is whole
 *
 * A line that is never committed is forgotten, so that a bug in the middle of one does not spoil the next.
 */
export class LogFile {
  /** Lines that were not written and never will be. */
  lost = 0
  readonly destination: string
  readonly #runtime: Runtime
  readonly #options: LogFileOptions
  readonly #out = new ByteWriter(BUFFER_SIZE)
  /** Where the machine is to go on from, and where the last whole line ends. Between them: what waits. */
  #written = 0
  #committed = 0
  /** What is being written, when something is: it always starts at #written. */
  #pumping: Promise<void> | null = null
  #appender: Appender | null = null
  #told = 0
  #failing = false
  /** The last write failed and may have left half a line behind. */
  #torn = false
  #flushing = false
  #closed = false

  constructor(runtime: Runtime, destination: string, options: LogFileOptions = {}) {
    this.#runtime = runtime
    this.#options = options
    this.destination = destination
    if (destination === 'stdout') this.#appender = runtime.output
    if (destination === 'stderr') this.#appender = runtime.errors
  }

  /** A log file that is open. Rejects with a SystemFailure (`denied`, `missing` folder, ...) when it cannot be. */
  static async open(runtime: Runtime, destination: string, options: LogFileOptions = {}): Promise<LogFile> {
    const file = new LogFile(runtime, destination, options)
    if (options.appender !== undefined) file.#appender = options.appender
    if (file.#appender === null) file.#appender = await runtime.files.append(destination)
    return file
  }

  /** Where to put the next line. */
  line(): ByteWriter {
    this.#out.length = this.#committed
    return this.#out
  }

  /** The line is whole (it ends with a line feed). Never waits and never fails. */
  commit(): void {
    const out = this.#out
    if (out.length - this.#written > LOG_BACKLOG || this.#closed) {
      this.lost += countLines(out.bytes.subarray(this.#committed, out.length))
      out.length = this.#committed
      return
    }
    this.#committed = out.length
    if (this.#pumping !== null || this.#failing) return
    if (this.#options.eager === true || this.#committed - this.#written >= LOG_PIECE) this.#pump()
  }

  /** A line at once, or several, line feeds included. The same promises as `line` and `commit`. */
  put(bytes: Uint8Array): void {
    this.line().put(bytes)
    this.commit()
  }

  /** Write what waits: at the sweep, each second. Settles when it is written or lost; never rejects. */
  flush(): Promise<void> {
    this.#flushing = true
    if (this.#pumping === null) this.#pump()
    return this.#pumping ?? Promise.resolve()
  }

  /**
   * Go on in a new file of the same name, as after logrotate renamed the old one. Lines that were handed to the machine
   * are in the old file, all others in the new one. When the new one cannot be opened the old one stays, `failed` is told
   * and it rejects with the SystemFailure.
   */
  async reopen(): Promise<void> {
    if (this.destination === 'stdout' || this.destination === 'stderr' || this.#closed) return
    let next: Appender
    try {
      next = await this.#runtime.files.append(this.destination)
    } catch (error) {
      const failure = asSystemFailure(error)
      this.#options.failed?.(failure, 'reopen')
      throw failure
    }
    const last = this.#appender
    this.#appender = next
    this.#torn = false
    const pumping = this.#pumping
    // The write under way belongs to the last file, which may not be closed under it.
    if (pumping !== null) await pumping
    await last?.close().catch(() => {})
    if (this.#failing) await this.flush()
  }

  /** Write what waits and close, within LOG_CLOSE_WAIT milliseconds: a destination that hangs does not keep us. */
  async close(): Promise<void> {
    if (this.#closed) return
    const flushed = this.flush()
    this.#closed = true
    await within(this.#runtime.clock, LOG_CLOSE_WAIT, flushed)
    this.lost += countLines(this.#out.bytes.subarray(this.#written, this.#committed))
    if (this.#pumping === null && this.destination !== 'stdout' && this.destination !== 'stderr') {
      await this.#appender?.close().catch(() => {})
    }
  }

  #pump(): void {
    if (this.#appender === null || this.#written === this.#committed) {
      this.#flushing = false
      return
    }
    this.#pumping = this.#drain()
  }

  /** Piece after piece, until too little waits to be worth a write, or one fails. */
  async #drain(): Promise<void> {
    do {
      // What is lost with a piece: nothing of it while the end of a torn line is all that was tried.
      let piece = NOTHING
      try {
        if (this.#torn) await writeInTurn(this.#appender!, NEW_LINE)
        this.#torn = false
        piece = this.#piece()
        // `#appender` is read anew for each piece: `reopen` changes it between two lines.
        await writeInTurn(this.#appender!, piece)
        this.#settle(piece.length)
        this.#recover()
      } catch (error) {
        this.lost += countLines(piece)
        this.#settle(piece.length)
        this.#fail(asSystemFailure(error))
        break
      }
    } while (this.#wanted())
    this.#pumping = null
    this.#flushing = false
  }

  #wanted(): boolean {
    const waiting = this.#committed - this.#written
    return waiting > 0 && (this.#flushing || this.#options.eager === true || waiting >= LOG_PIECE)
  }

  /** The next whole lines: about LOG_PIECE bytes, so that a write that fails costs no more than these. */
  #piece(): Uint8Array {
    const bytes = this.#out.bytes
    const from = this.#written
    let to = this.#committed
    if (to - from > LOG_PIECE) {
      to = bytes.lastIndexOf(LINE_FEED, from + LOG_PIECE - 1) + 1
      if (to <= from) to = bytes.indexOf(LINE_FEED, from) + 1
    }
    return bytes.subarray(from, to)
  }

  /** The machine is done with `size` bytes: make room for others. */
  #settle(size: number): void {
    const out = this.#out
    // Nobody is in the middle of a line: from `line` to `commit` there is no await.
    out.length = this.#committed
    this.#written += size
    if (this.#written === this.#committed) {
      // After a jam the buffer is large: it is not kept, for the next jam may be days away.
      if (out.bytes.length > 16 * BUFFER_SIZE) out.bytes = new Uint8Array(BUFFER_SIZE)
      this.#written = this.#committed = out.length = 0
    } else if (this.#written >= out.length / 2) {
      // Moved when at most half is left, so that a byte moves once on average.
      out.bytes.copyWithin(0, this.#written, out.length)
      this.#committed = out.length -= this.#written
      this.#written = 0
    }
  }

  #fail(failure: SystemFailure): void {
    this.#torn = true
    if (this.#failing) return
    this.#failing = true
    this.#options.failed?.(failure, 'write')
  }

  #recover(): void {
    this.#failing = false
    if (this.lost === this.#told) return
    const lost = this.lost - this.#told
    this.#told = this.lost
    this.#options.recovered?.(lost)
  }
}

const NEW_LINE: Uint8Array = new Uint8Array([LINE_FEED])
const NOTHING: Uint8Array = new Uint8Array(0)

/** The last write to each appender: standard output may serve several logs, and takes one write at a time. */
const turns = new WeakMap<Appender, Promise<void>>()

function writeInTurn(appender: Appender, bytes: Uint8Array): Promise<void> {
  const before = turns.get(appender)
  const written = before === undefined ? appender.write(bytes) : before.then(() => appender.write(bytes))
  const over = written.then(nothing, nothing).then(() => {
    if (turns.get(appender) === over) turns.delete(appender)
  })
  turns.set(appender, over)
  return written
}

function nothing(): void {}

function countLines(bytes: Uint8Array): number {
  let lines = 0
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === LINE_FEED) lines += 1
  return lines
}

function asSystemFailure(error: unknown): SystemFailure {
  return error instanceof SystemFailure ? error : new SystemFailure('other', String(error))
}
