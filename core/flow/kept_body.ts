/** A body of which the beginning is kept, so that it can be had once more when it comes back unchanged. */

import { ByteWriter } from '../bytes/writer.ts'
import { NO_HEAD } from '../http/head.ts'
import type { MessageEvent } from '../http/parser.ts'
import type { BodySource } from './body_source.ts'

const NOTHING: Uint8Array = new Uint8Array(0)

export class KeptBody implements BodySource {
  /** More has been read than is kept: there is no way back. */
  lost = false
  readonly #source: BodySource
  readonly #limit: number
  readonly #event: MessageEvent = { kind: 'need-data', head: NO_HEAD, chunk: NOTHING, from: 0, to: 0, trailers: null }
  #kept = new ByteWriter(0)
  #at = 0
  #keeping = true
  #skip = 0
  #ended = false
  #filling: Promise<void> | null = null

  /** `limit`: bytes kept at most, but for what {@link gather} is asked for. */
  constructor(source: BodySource, limit: number) {
    this.#source = source
    this.#limit = limit
  }

  /** All of it has been read from where it comes from. */
  get ended(): boolean {
    return this.#ended
  }

  get onward(): BodySource | null {
    const between = this.#keeping || this.#skip > 0 || this.#at < this.#kept.length || this.#ended
    return between ? null : this.#source
  }

  /** How much is kept, bytes. */
  get kept(): number {
    return this.#kept.length
  }

  /** Read ahead and keep until more than `most` bytes or the end is known; false: {@link refill}, and ask again. */
  gather(most: number): boolean {
    while (!this.#ended && this.#kept.length <= most) {
      const event = this.#source.next()
      if (event.kind === 'data') this.#kept.put(event.chunk, event.from, event.to)
      else if (event.kind === 'need-data') return this.#kept.length >= most
      else this.#end(event)
    }
    return true
  }

  /** `most`: bytes at most, of what is kept. */
  next(most = Infinity): MessageEvent {
    for (;;) {
      const kept = this.#kept
      if (this.#at < kept.length) {
        const from = this.#at
        this.#at = Math.min(kept.length, from + most)
        const { bytes } = kept
        if (!this.#keeping && this.#at === kept.length) {
          this.#kept = new ByteWriter(0)
          this.#at = 0
        }
        const to = this.#at === 0 ? kept.length : this.#at
        if (this.#data(bytes, from, to)) return this.#event
        continue
      }
      if (this.#ended) return this.#say('end')
      const event = this.#source.next()
      if (event.kind === 'need-data') return this.#say('need-data')
      if (event.kind !== 'data') {
        this.#end(event)
        continue
      }
      if (this.#keeping && kept.length + event.to - event.from <= this.#limit) {
        kept.put(event.chunk, event.from, event.to)
        continue
      }
      if (this.#keeping) {
        this.lost = true
        this.forget()
      }
      if (this.#data(event.chunk, event.from, event.to)) return this.#event
    }
  }

  /** Two may wait for it at once: who has begun to, and who goes on in his place. */
  refill(): Promise<void> {
    return this.#filling ??= this.#fill()
  }

  /** Once more from the start, or from byte `skip` on. What is kept must be all that was read. */
  rewind(skip = 0): void {
    if (this.lost) throw new Error('KeptBody: rewound after its beginning was lost')
    this.#at = 0
    this.#skip = skip
  }

  /** Keep no more than what is to be read again. */
  forget(): void {
    this.#keeping = false
    if (this.#at < this.#kept.length) return
    this.#kept = new ByteWriter(0)
    this.#at = 0
  }

  async #fill(): Promise<void> {
    try {
      await this.#source.refill()
    } finally {
      this.#filling = null
    }
  }

  #end(event: MessageEvent): void {
    this.#ended = true
    this.#event.trailers = event.trailers
  }

  #say(kind: 'end' | 'need-data'): MessageEvent {
    const event = this.#event
    event.kind = kind
    event.chunk = NOTHING
    event.from = event.to = 0
    return event
  }

  /** @returns false: all of it was to be skipped. */
  #data(chunk: Uint8Array, from: number, to: number): boolean {
    const skipped = Math.min(this.#skip, to - from)
    this.#skip -= skipped
    const event = this.#event
    event.kind = 'data'
    event.chunk = chunk
    event.from = from + skipped
    event.to = to
    return event.from < to
  }
}
