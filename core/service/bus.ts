/** The way between the supervisor and one worker: messages both ways over a socket. */

import { ByteWriter } from '../bytes/writer.ts'
import { BUFFER_SIZE } from '../limits.ts'
import { type Appender, type Socket, SystemFailure } from '../runtime.ts'
import { BusDecoder, writeMessage } from './bus_codec.ts'
import type { LogName, Message } from './message.ts'

export class Bus {
  readonly #socket: Socket
  /** What is to be written, and what is being written: they change places. */
  #waiting = new ByteWriter()
  #writing = new ByteWriter()
  #pumping = false
  #pumped: Promise<void> = Promise.resolve()
  #broken: SystemFailure | null = null

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Never waits, never fails: that the other side is gone is told by {@link messages}, which ends. */
  send(message: Message): void {
    this.write(message).catch(() => {})
  }

  /** Settles when the machine has taken the message. Rejects with a SystemFailure when the other side is gone. */
  write(message: Message): Promise<void> {
    if (this.#broken !== null) return Promise.reject(this.#broken)
    writeMessage(this.#waiting, message)
    if (!this.#pumping) this.#pumped = this.#pump()
    return this.#pumped
  }

  /** What the other side says, until it ends or breaks off. What a message refers to is lent until the next. */
  async *messages(): AsyncGenerator<Message, void> {
    const decoder = new BusDecoder()
    try {
      for await (const chunk of this.#socket) {
        decoder.feed(chunk)
        for (let message = decoder.next(); message !== null; message = decoder.next()) yield message
      }
    } catch (error) {
      // A process that was killed resets its connection: it has ended, however.
      if (!(error instanceof SystemFailure)) throw error
    }
  }

  /** Nothing more will be said: what was is written, and the other side hears that it was all. It may go on. */
  async end(): Promise<void> {
    await this.#pumped.catch(() => {})
    this.#broken ??= new SystemFailure('closed', '')
    this.#socket.end()
  }

  close(): void {
    this.#broken ??= new SystemFailure('closed', '')
    this.#socket.close()
  }

  async #pump(): Promise<void> {
    this.#pumping = true
    try {
      while (this.#waiting.length > 0) {
        const out = this.#waiting
        this.#waiting = this.#writing
        this.#writing = out
        const taken = this.#socket.write(out.view())
        if (taken !== undefined) await taken
        // After a jam it is large.
        if (out.bytes.length > 16 * BUFFER_SIZE) out.bytes = new Uint8Array(BUFFER_SIZE)
        out.clear()
      }
    } catch (error) {
      this.#broken = error instanceof SystemFailure ? error : new SystemFailure('other', String(error))
      throw this.#broken
    } finally {
      this.#pumping = false
    }
  }
}

/** The end of a log that is written elsewhere: whole lines over the bus. */
export class BusAppender implements Appender {
  readonly #bus: Bus
  readonly #kind: LogName

  constructor(bus: Bus, kind: LogName) {
    this.#bus = bus
    this.#kind = kind
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#bus.write({ kind: this.#kind, bytes })
  }

  async close(): Promise<void> {}
}
