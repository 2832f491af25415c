/** The body that an ICAP client encapsulates: shown first as a preview, and bid for when somebody wants the rest. */

import { ByteWriter } from '../bytes/writer.ts'
import { Failure } from '../failure.ts'
import { NO_HEAD } from '../http/head.ts'
import type { MessageEvent } from '../http/parser.ts'
import { CONTINUE } from '../icap/write.ts'
import { ICAP_PREVIEW_KEPT } from '../limits.ts'
import type { Carrier } from './carrier.ts'
import type { IcapPeer } from './icap_peer.ts'

const NOTHING: Uint8Array = new Uint8Array(0)

export class IcapBody implements Carrier {
  /** Somebody has read of it. */
  touched = false
  /** What comes is a preview, and the rest has not been bid for. */
  preview: boolean
  readonly #peer: IcapPeer
  readonly #event: MessageEvent = { kind: 'need-data', head: NO_HEAD, chunk: NOTHING, from: 0, to: 0, trailers: null }
  /** What was read of it and has still to be given. */
  #kept: ByteWriter | null = null
  /** The preview is over: the client waits for 100 (Continue), or for an answer. */
  #waited = false

  /** `preview`: its client waits for an answer after the first bytes. */
  constructor(peer: IcapPeer, preview: boolean) {
    this.#peer = peer
    this.preview = preview
  }

  begin(): void {}

  waits(on: 'body' | 'service'): void {
    const peer = this.#peer
    if (on === 'service' && (peer.waits === 'body' || peer.waits === 'decide')) peer.wait('decide', 0)
  }

  next(): MessageEvent {
    this.touched = true
    const kept = this.#kept
    if (kept !== null) {
      this.#kept = null
      return this.#data(kept.bytes, 0, kept.length)
    }
    if (this.#waited) return this.#say('need-data')
    const event = this.#peer.next()
    switch (event.kind) {
      case 'data':
        return this.#data(event.chunk, event.from, event.to)
      case 'preview':
        this.#waited = true
        return this.#say('need-data')
      case 'need-data':
        return this.#say('need-data')
      default:
        return this.#say('end')
    }
  }

  async refill(): Promise<void> {
    if (this.#waited) await this.#bid()
    else await this.#more()
  }

  /** Read a preview to its end and bid for the rest, which can be done before the answer begins, and not after. */
  async settle(): Promise<void> {
    while (this.preview) {
      const event = this.#peer.next()
      if (event.kind === 'data') this.#keep(event)
      else if (event.kind === 'need-data') await this.#more()
      else if (event.kind === 'preview') await this.#bid()
      else this.preview = false
    }
  }

  /** Read what is still to come of it, for nobody. */
  async discard(): Promise<void> {
    this.#kept = null
    if (this.#waited) return
    for (;;) {
      const { kind } = this.#peer.next()
      if (kind === 'need-data') await this.#more()
      else if (kind !== 'data') return
    }
  }

  #keep({ chunk, from, to }: { chunk: Uint8Array; from: number; to: number }): void {
    const kept = this.#kept ??= new ByteWriter(to - from)
    if (kept.length + to - from > ICAP_PREVIEW_KEPT) {
      this.#peer.distrust()
      throw new Failure('bad-request', 'the preview is much longer than was asked for')
    }
    kept.put(chunk, from, to)
  }

  async #bid(): Promise<void> {
    const peer = this.#peer
    const { waits } = peer
    peer.outbox.writer.put(CONTINUE)
    await peer.flush()
    if (waits === 'decide') peer.wait('decide', 0)
    this.#waited = false
    this.preview = false
    peer.parser.resume()
  }

  async #more(): Promise<void> {
    const peer = this.#peer
    const { waits } = peer
    peer.wait('body', peer.listener.settings.idle_timeout)
    await peer.refill()
    // Who decides has his own time limit.
    if (waits === 'decide') peer.wait('decide', 0)
  }

  #data(chunk: Uint8Array, from: number, to: number): MessageEvent {
    const event = this.#event
    event.kind = 'data'
    event.chunk = chunk
    event.from = from
    event.to = to
    return event
  }

  #say(kind: 'end' | 'need-data'): MessageEvent {
    const event = this.#event
    event.kind = kind
    event.chunk = NOTHING
    event.from = event.to = 0
    return event
  }
}
