/** A client's body, for services that are shown it before anything is sent to an origin. */

import type { BodySource } from '../flow/body_source.ts'
import { FIELD } from '../http/fields.ts'
import type { Head } from '../http/head.ts'
import type { MessageEvent } from '../http/parser.ts'
import { CONTINUE } from '../http/reply.ts'
import type { Client } from './client.ts'

/** Who carries a body to where it is judged, and says when somebody has to wait. */
export interface Carrier extends BodySource {
  /** The body is about to be read, and the request to be shown to others. */
  begin(): void
  /** Before a wait for more of the body, or for who judges it, who has a time limit of his own. */
  waits(on: 'body' | 'service'): void
}

/** The body on a client's own connection. */
export class ClientCarrier implements Carrier {
  readonly #client: Client
  readonly #head: Head
  /** The client waits to be told that it may go on. */
  #expected = false

  /** `head`: of the client's request. */
  constructor(client: Client, head: Head) {
    this.#client = client
    this.#head = head
  }

  /** From here on it is for us to answer Expect (RFC 9110 10.1.1). */
  begin(): void {
    const head = this.#head
    this.#expected = head.expectContinue
    head.expectContinue = false
    for (let i = head.find(FIELD.expect); i >= 0; i = head.find(FIELD.expect, i + 1)) head.cut[i] = 1
  }

  next(): MessageEvent {
    return this.#client.messages.next()
  }

  get onward(): BodySource | null {
    return this.#expected ? null : this.#client.messages
  }

  refill(): Promise<void> {
    if (this.#expected) return this.#bid()
    return this.#client.messages.refill()
  }

  waits(on: 'body' | 'service'): void {
    const client = this.#client
    // Once an origin or the client has to do something, their time limit goes before.
    if (client.late !== null || (client.waits !== 'decide' && client.waits !== 'body')) return
    if (on === 'body') client.wait('body', client.listener.settings.idle_timeout)
    else client.wait('decide', 0)
  }

  async #bid(): Promise<void> {
    this.#expected = false
    const { outbox, messages, answered } = this.#client
    // In the midst of an answer nothing else may be said.
    if (!answered && !outbox.writing) {
      outbox.writer.put(CONTINUE)
      await outbox.flush()
    }
    await messages.refill()
  }
}
