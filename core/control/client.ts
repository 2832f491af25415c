/** A connection to the control application, as a coroutine: requests one after the other, each read, answered and yielded. */

import { httpDate } from '../bytes/calendar.ts'
import { Failure } from '../failure.ts'
import type { Deadlines, Timed } from '../flow/deadlines.ts'
import { Messages } from '../flow/messages.ts'
import { Outbox } from '../flow/outbox.ts'
import type { Head } from '../http/head.ts'
import { HEAD_LIMITS, type HeadLimits } from '../http/parse_head.ts'
import { HttpParser } from '../http/parser.ts'
import { writeReply } from '../http/reply.ts'
import { CONTROL_BODY_SIZE, CONTROL_HEAD_SIZE, CONTROL_IDLE_TIME, CONTROL_TIME, LINGER_TIME } from '../limits.ts'
import type { Clock, Socket } from '../runtime.ts'
import type { App } from './app.ts'
import { type Answer, ask, asked, plain } from './bridge.ts'

/** What all connections share. */
export interface ControlContext {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly app: App
  /** Those that are open. */
  readonly clients: Set<ControlClient>
  /** Whether a request for this host (policy form) is one for us. */
  serves(host: string): boolean
}

/** One request that was answered. */
export interface Answered {
  readonly method: string
  readonly target: string
  readonly status: number
}

const LIMITS: HeadLimits = { ...HEAD_LIMITS, size: CONTROL_HEAD_SIZE }
const NOTHING = new Uint8Array(0)
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

export class ControlClient implements Timed {
  deadline = 0
  slot = -1
  readonly #context: ControlContext
  readonly #socket: Socket
  readonly #messages: Messages
  readonly #outbox: Outbox
  /** A request has begun and is waited for: when that takes too long it is answered 408. */
  #begun = false
  /** It was, or the rest of what the client sends is being thrown away: no more is answered. */
  #over = false
  #reusable = true

  constructor(context: ControlContext, socket: Socket) {
    this.#context = context
    this.#socket = socket
    this.#messages = new Messages(socket, new HttpParser('request', LIMITS), 'client-left')
    this.#outbox = new Outbox(socket, 'client-left')
    context.deadlines.add(this)
    context.clients.add(this)
  }

  async *converse(): AsyncGenerator<Answered, void> {
    try {
      do {
        const head = await this.#head()
        if (head === null) return
        yield await this.#perform(head)
      } while (this.#again())
      await this.#linger()
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure
      await this.#refuse(failure)
    } finally {
      this.close()
      this.#messages.parser.release()
    }
  }

  /** One connection too many: told so, and closed. */
  async *turnAway(): AsyncGenerator<Answered, void> {
    try {
      await this.#reply(plain(503, 'there are too many connections here', ['retry-after', '5']), false, true)
      yield { method: '', target: '', status: 503 }
      await this.#linger()
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure
    } finally {
      this.close()
    }
  }

  /** Both directions, at once. Safe to call twice. */
  close(): void {
    if (this.slot === -1) return
    this.#context.deadlines.remove(this)
    this.#context.clients.delete(this)
    this.#outbox.discard()
    this.#socket.close()
  }

  expired(): void {
    // One that does not even read "100 Continue" is not told more.
    if (!this.#begun || this.#over || this.#outbox.writing) {
      this.#socket.close()
      return
    }
    this.#over = true
    this.#wait(LINGER_TIME)
    try {
      // Its coroutine waits for bytes, so nobody else writes; and a client that does not read is not waited for.
      this.#write(plain(408, 'the request did not come in time'), false, true)
      const taken = this.#outbox.flush()
      if (taken !== undefined) taken.catch(() => undefined)
      this.#socket.end()
    } catch {
      this.#socket.close()
    }
  }

  #wait(ms: number): void {
    this.deadline = this.#context.deadlines.after(ms)
  }

  /** The next head; null when there is no other. @throws Failure for what is none, and client-left. */
  async #head(): Promise<Head | null> {
    const messages = this.#messages
    this.#begun = false
    this.#wait(CONTROL_IDLE_TIME)
    for (;;) {
      const event = messages.next()
      if (event.kind === 'head') return event.head
      if (messages.ended) return null
      if (!this.#begun && messages.parser.started) {
        this.#begun = true
        this.#wait(CONTROL_TIME)
      }
      await this.#refill()
    }
  }

  /** @throws Failure client-left, also when the time was up */
  async #refill(): Promise<void> {
    await this.#messages.refill()
    if (this.#over) throw new Failure('client-left')
  }

  async #perform(head: Head): Promise<Answered> {
    const method = head.method()
    const target = head.target()
    // Until its body is read it is in the way of the next request.
    this.#reusable = false
    this.#begun = true
    this.#wait(CONTROL_TIME)
    const answer = await this.#answer(head)
    // HTTP/1.0 would have to be told that the connection goes on.
    const close = !this.#reusable || !head.persistent || head.minor === 0 || this.#messages.ended
    this.#reusable = !close
    await this.#reply(answer, method === 'HEAD', close)
    return { method, target, status: answer.status }
  }

  /** @throws Failure bad-body, client-left */
  async #answer(head: Head): Promise<Answer> {
    const where = asked(head)
    if ('status' in where) return where
    // The page of somebody whose name was made to lead here (DNS rebinding) has that name.
    if (!this.#context.serves(where.host)) return plain(421, 'this is not served under that name: use its address')
    const body = await this.#body(head)
    if (body === null) return plain(413, `a body may have ${CONTROL_BODY_SIZE} bytes here`)
    this.#reusable = true
    // How long the application takes is its own affair.
    this.#begun = false
    this.deadline = 0
    return await ask(this.#context.app, head, where.url, body)
  }

  /** The whole body; null when it is too large. @throws Failure bad-body, client-left */
  async #body(head: Head): Promise<Uint8Array<ArrayBuffer> | null> {
    if (head.framing === 'none') return NOTHING
    if (head.length > CONTROL_BODY_SIZE) return null
    if (head.expectContinue && !this.#messages.parser.buffered) {
      this.#outbox.writer.text(CONTINUE)
      await this.#outbox.flush()
    }
    const whole = new Uint8Array(CONTROL_BODY_SIZE)
    let length = 0
    for (;;) {
      const { kind, chunk, from, to } = this.#messages.next()
      if (kind === 'end') return whole.subarray(0, length)
      if (kind === 'need-data') await this.#refill()
      if (kind !== 'data') continue
      if (length + to - from > CONTROL_BODY_SIZE) return null
      whole.set(chunk.subarray(from, to), length)
      length += to - from
    }
  }

  #again(): boolean {
    if (!this.#reusable) return false
    this.#messages.parser.restart()
    return true
  }

  async #refuse(failure: Failure): Promise<void> {
    if (this.#over) return await this.#linger()
    if (failure.status === 0) return
    try {
      const bodiless = this.#messages.parser.isMethod('HEAD')
      await this.#reply(plain(failure.status, failure.words), bodiless, true)
      await this.#linger()
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure
    }
  }

  /** @throws Failure client-left */
  async #reply(answer: Answer, bodiless: boolean, close: boolean): Promise<void> {
    this.#begun = false
    this.#wait(CONTROL_TIME)
    this.#write(answer, bodiless, close)
    await this.#outbox.flush()
  }

  #write({ status, fields, body }: Answer, bodiless: boolean, close: boolean): void {
    const date = httpDate(this.#context.clock.date())
    writeReply(this.#outbox.writer, { status, fields, body, bodiless, close, date })
  }

  /** Half-close, and read until the client ends, so that it gets to read what was sent last (RFC 9112 9.6). */
  async #linger(): Promise<void> {
    try {
      if (!this.#over) {
        this.#over = true
        this.#wait(LINGER_TIME)
        this.#socket.end()
      }
      while (!this.#messages.ended) {
        const pulled = await this.#messages.pull()
        if (pulled.done === true) return
      }
    } catch {
      // It broke: there is nobody left to be polite to.
    }
  }
}
