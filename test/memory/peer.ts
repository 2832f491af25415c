/** The other end of a socket of the memory machine, for tests: it reads by itself, and says what it has seen. */
import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { type Socket, SystemFailure } from '../../core/runtime.ts'
import { settle } from './clock.ts'

export class Peer {
  readonly socket: Socket
  /** All that has come, one character a byte. */
  text = ''
  /** How the other side's sending ended: in order, by a reset, by our own close; `open` when it has not. */
  state: 'open' | 'ended' | 'reset' | 'closed' = 'open'
  #reading = true
  #wake: (() => void) | null = null
  #seen = 0

  /** `reading`: false for one that does not read until {@link resume}. */
  constructor(socket: Socket, reading = true) {
    this.socket = socket
    this.#reading = reading
    void this.#read()
  }

  /** Send, and let everything happen that needs no time. */
  async send(...texts: string[]): Promise<void> {
    for (const text of texts) await this.socket.write(toBytes(text))
    await settle()
  }

  /** Let everything happen that needs no time; then what has come since the last call. */
  async news(): Promise<string> {
    await settle()
    const news = this.text.slice(this.#seen)
    this.#seen = this.text.length
    return news
  }

  /** No more will be read: what comes fills the pipe. One chunk may be read still. */
  pause(): void {
    this.#reading = false
  }

  async resume(): Promise<void> {
    this.#reading = true
    this.#wake?.()
    this.#wake = null
    await settle()
  }

  async end(): Promise<void> {
    this.socket.end()
    await settle()
  }

  async close(): Promise<void> {
    this.state = 'closed'
    this.socket.close()
    await settle()
  }

  async reset(): Promise<void> {
    this.state = 'closed'
    this.socket.abort()
    await settle()
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        while (!this.#reading) await new Promise<void>((resolve) => this.#wake = resolve)
        const pulled = await this.socket.next()
        if (pulled.done === true) break
        this.text += latin1(pulled.value, 0, pulled.value.length)
      }
      if (this.state === 'open') this.state = 'ended'
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error
      if (this.state === 'open') this.state = 'reset'
    }
  }
}
