/** A request body on its way to the origin, beside the response that may come at any time. */

import { Failure } from '../failure.ts'
import type { BodySource } from './body_source.ts'
import type { Outbox } from './outbox.ts'
import { relay, relayable } from './relay.ts'

/** What the upload waits for, so that a missed deadline blames the right side. */
export type Awaited = 'client' | 'origin'

export class Upload {
  /** The whole body has been read, and sent unless it was discarded. */
  done = false
  /** What ended it too early: the client's doing (client-left, bad-body), or the origin's (origin-left). */
  failure: Failure | null = null
  /** Body bytes read from the client. */
  size = 0
  readonly #from: BodySource
  readonly #to: Outbox
  readonly #waits: (on: Awaited) => void
  readonly #relays = (on: 'source' | 'sink'): void => this.#waits(on === 'source' ? 'client' : 'origin')
  #discarding = false

  /** `waits` is called before each wait: the moment to move a deadline. */
  constructor(from: BodySource, to: Outbox, waits: (on: Awaited) => void) {
    this.#from = from
    this.#to = to
    this.#waits = waits
  }

  /** From now on what is read is thrown away: the answer is settled, and the client may still be sending. */
  discard(): void {
    this.#discarding = true
  }

  /** Runs until the body has ended or cannot go on; what is there already goes out before this returns. Never rejects. */
  async run(): Promise<void> {
    try {
      for (;;) {
        const event = this.#from.next()
        if (event.kind === 'data') {
          this.size += event.to - event.from
          if (this.#discarding) continue
          const taken = this.#to.data(event.chunk, event.from, event.to)
          if (taken !== undefined) await this.#settled(taken)
        } else if (event.kind === 'need-data') {
          const from = this.#discarding ? null : relayable(this.#from)
          if (from !== null) {
            const before = from.received
            await relay(from, this.#to, this.#relays)
            this.size += from.received - before
            continue
          }
          if (!this.#discarding) {
            const taken = this.#to.flush()
            if (taken !== undefined) await this.#settled(taken)
          }
          this.#waits('client')
          await this.#from.refill()
        } else {
          if (!this.#discarding) {
            this.#to.finish(event.trailers)
            const taken = this.#to.flush()
            if (taken !== undefined) await this.#settled(taken)
          }
          this.done = true
          return
        }
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      this.failure ??= error
      // An origin that stopped reading may have answered: the response decides, and the client is read to the end of it.
      if (error.code === 'origin-left' && !this.#discarding) {
        this.#discarding = true
        await this.run()
      }
    }
  }

  async #settled(taken: Promise<void>): Promise<void> {
    this.#waits('origin')
    await taken
  }
}
