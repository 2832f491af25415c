/** One side of a connection as HTTP messages: a parser, and the socket that feeds it. */

import { Failure } from '../failure.ts'
import type { Socket } from '../runtime.ts'
import { machineWords } from './machine_words.ts'
import type { HttpParser, MessageEvent } from '../http/parser.ts'

type Pulled = IteratorResult<Uint8Array, void>

function nothing(): void {}

const NOTHING = new Uint8Array(0)

export class Messages {
  readonly socket: Socket
  readonly parser: HttpParser
  /** Bytes that have come, heads included. */
  received = 0
  /** The sender has ended: what is here is all there will be. */
  ended = false
  /** What it is when the connection breaks. */
  readonly blame: 'client-left' | 'origin-left'
  #pull: Promise<Pulled> | null = null
  /** What a pull that nobody has taken yet has brought. */
  #came: Uint8Array | null = null
  /** A refill under way, which who waits for it may have forgotten. */
  #filling: Promise<void> | null = null

  constructor(socket: Socket, parser: HttpParser, blame: 'client-left' | 'origin-left') {
    this.socket = socket
    this.parser = parser
    this.blame = blame
  }

  /** The next event from what is here; never waits. Throws what {@link HttpParser.next} throws. */
  next(): MessageEvent {
    return this.parser.next()
  }

  /**
   * The next bytes, on their way. Hand what it gives to {@link fed}: two steps, because that saves a promise for each
   * exchange. A rejection is the socket's own; {@link refill} says it in our words.
   */
  pull(): Promise<Pulled> {
    const pull = this.#pull
    if (pull === null) return this.#filling === null ? this.socket.next() : this.#afterFilling(this.#filling)
    this.#pull = this.#came = null
    return pull
  }

  async #afterFilling(filling: Promise<void>): Promise<Pulled> {
    await filling
    return this.socket.next()
  }

  /** Give back a pull that is under way, or that somebody else has to hear of, too. */
  putBack(pull: Promise<Pulled>): void {
    this.#pull = pull
  }

  fed(pulled: Pulled): void {
    if (pulled.done === true) this.end()
    else {
      this.received += pulled.value.length
      this.parser.feed(pulled.value)
    }
  }

  /** The sender has ended. */
  end(): void {
    this.ended = true
    this.parser.finish()
  }

  /** So many bytes of the body went by unseen. */
  passed(count: number): void {
    this.received += count
    this.parser.skip(count)
  }

  /** Wait for more bytes after `need-data`. @throws Failure client-left or origin-left when the connection broke. */
  refill(): Promise<void> {
    return this.#filling = this.#fill()
  }

  async #fill(): Promise<void> {
    let pulled: Pulled
    try {
      pulled = await this.pull()
    } catch (error) {
      throw new Failure(this.blame, machineWords(error))
    } finally {
      this.#filling = null
    }
    this.fed(pulled)
  }

  /**
   * Begin the next pull now, to hear of what happens while nobody waits for it: `came` when bytes or the end have come,
   * `broke` when the connection broke. What came waits for the next {@link pull}.
   */
  watch(came: () => void, broke: () => void): void {
    if (this.watched) return
    const pull = this.#pull = this.socket.next()
    pull.then((pulled) => {
      if (this.#pull === pull && pulled.done !== true) this.#came = pulled.value
      came()
    }, broke)
  }

  /**
   * Own what is here, and what a {@link watch} has brought, `limit` bytes at most: what was lent is gone with the next pull. For
   * when nobody reads for a while. @returns whether a watch can begin
   */
  keep(limit: number): boolean {
    const { parser } = this
    const came = this.#came
    if (this.ended || (this.watched && came === null)) return false
    const count = came === null ? 0 : came.length
    if (parser.left + count > limit) return false
    if (parser.left + count > 0) parser.keep(came ?? NOTHING)
    this.received += count
    this.#pull = this.#came = null
    return true
  }

  /** The same while all that was received is used up, and whatever stirs is one and the same. */
  rest(stirred: () => void): void {
    if (this.socket.watch !== undefined) {
      if (this.#pull === null) this.socket.watch(stirred)
    } else if (!this.watched) {
      this.#pull = this.socket.next()
      this.#pull.then(stirred, stirred)
    }
  }

  get watched(): boolean {
    return this.#pull !== null || this.#filling !== null
  }

  /** The socket for other use (a tunnel): what was received and not consumed, and the pull that is under way. */
  detach(): { rest: Uint8Array; pull: Promise<Pulled> | null } {
    const pull = this.#pull
    this.#pull = this.#came = null
    pull?.catch(nothing)
    const rest = this.parser.rest()
    // Whoever takes it counts it.
    this.received -= rest.length
    return { rest, pull }
  }
}
