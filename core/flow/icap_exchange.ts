/**
 * One message shown to a service over one connection: the preview, the rest of the body beside the answer that may come at
 * any time, and the answer's own body as a source.
 */

import { Failure } from '../failure.ts'
import { NO_HEAD } from '../http/head.ts'
import type { MessageEvent } from '../http/parser.ts'
import type { IcapEvent, IcapMessage } from '../icap/parser.ts'
import { type IcapFields, type Parts, PREVIEW_WAS_ALL, writeIcapRequest } from '../icap/write.ts'
import type { BodySource } from './body_source.ts'
import type { Deadlines } from './deadlines.ts'
import type { IcapConnection } from './icap_connection.ts'
import { type IcapPool, Trouble, troubleOf } from './icap_pool.ts'
import type { KeptBody } from './kept_body.ts'

/** What is asked, and how. */
export interface Question {
  readonly method: 'REQMOD' | 'RESPMOD'
  readonly fields: IcapFields
  readonly parts: Parts
  readonly body: KeptBody | null
  /** Bytes of the body to show first; -1: all of it is sent at once. */
  readonly preview: number
  /** What is encapsulated in the answer answers HEAD. */
  readonly bodiless: boolean
  /** Before a wait for more of the body: the moment to move a deadline. */
  waits(): void
}

const NOTHING: Uint8Array = new Uint8Array(0)
const CONTINUE = 100

export class IcapExchange implements BodySource {
  /** Some of an answer has come, so that the question may not be asked again. */
  answered = false
  readonly #pool: IcapPool
  readonly #connection: IcapConnection
  readonly #question: Question
  readonly #deadlines: Deadlines
  readonly #timeout: number
  readonly #event: MessageEvent = { kind: 'need-data', head: NO_HEAD, chunk: NOTHING, from: 0, to: 0, trailers: null }
  /** The answer is waited for: what the deadline is about, unless {@link #starved}. */
  #waiting = true
  /** More of the body is waited for: nobody can blame the service. */
  #starved = false
  /** The upload goes on no further. */
  #stopped = false
  /** All of the body was sent, or as much of it as was wanted. */
  #sent = false
  /** Why the body did not come to its end: not the service's doing. */
  #broken: unknown = null
  /** The service broke off its connection while it was sent something: it may have answered before that. */
  #unread: Failure | null = null
  #persistent = false
  #ended = false
  /** Where an answer goes on with the original. */
  #rest: BodySource | null = null

  constructor(
    pool: IcapPool,
    connection: IcapConnection,
    question: Question,
    deadlines: Deadlines,
    timeout: number,
  ) {
    this.#pool = pool
    this.#connection = connection
    this.#question = question
    this.#deadlines = deadlines
    this.#timeout = timeout
  }

  /**
   * Ask, and give the answer: 200, 204 or 206 with what it encapsulates. Where that has a body, this is its source from then
   * on; else the exchange is over. @throws Trouble, and what the body's own source throws
   */
  async run(): Promise<IcapMessage> {
    try {
      return await this.#run()
    } catch (error) {
      throw this.#lost(error)
    }
  }

  async #run(): Promise<IcapMessage> {
    const { method, fields, parts, body, preview, bodiless } = this.#question
    const { outbox, parser } = this.#connection
    parser.restart(bodiless)
    this.#arm()
    writeIcapRequest(outbox.writer, method, this.#pool.url, fields, parts)
    let message: IcapMessage
    if (body !== null && preview >= 0) {
      const whole = await this.#preview(body, preview)
      message = await this.#message()
      if (message.head.status === CONTINUE) {
        if (whole) throw new Trouble('it asks for more of a body that it has all of')
        this.#afterContinue(message, bodiless)
        this.#upload(body)
        message = await this.#message()
      } else this.#sent = true
    } else {
      if (body === null) {
        await this.#flush()
        this.#sent = true
      } else this.#upload(body)
      message = await this.#message()
    }
    this.#waiting = false
    this.#arm()
    return this.#judge(message)
  }

  #afterContinue(message: IcapMessage, bodiless: boolean): void {
    const { parser } = this.#connection
    if (message.encapsulated.body !== 'null-body') throw new Trouble('100 (Continue) has a body')
    this.#drain()
    parser.restart(bodiless)
  }

  /** @throws Trouble */
  #judge(message: IcapMessage): IcapMessage {
    const { head, encapsulated } = message
    this.#persistent = head.persistent
    if (head.status === 204) {
      if (encapsulated.body !== 'null-body') throw new Trouble('its 204 has a body')
      this.#drain()
      this.#finish()
      return message
    }
    if (head.status !== 200 && head.status !== 206) {
      throw new Trouble(`it answered ${head.status}${head.reason === '' ? '' : ` ${head.reason}`}`, head.status === 503)
    }
    if (encapsulated.body === 'null-body') {
      this.#drain()
      this.#finish()
    }
    return message
  }

  /** The end of an answer without a body is there with its head. */
  #drain(): void {
    while (this.#connection.parser.next().kind !== 'paused');
  }

  /** Send the heads and the preview. @returns whether that was all of the body. */
  async #preview(body: KeptBody, size: number): Promise<boolean> {
    const { outbox } = this.#connection
    outbox.chunked = true
    for (let left = size; left > 0;) {
      const event = body.next(left)
      if (event.kind !== 'data') break
      left -= event.to - event.from
      const taken = this.#put(event)
      if (taken !== undefined) await this.#settled(taken)
    }
    const whole = body.ended && body.kept <= size
    if (whole) {
      outbox.chunked = false
      outbox.writer.put(PREVIEW_WAS_ALL)
    } else outbox.finish(null)
    await this.#flush()
    return whole
  }

  /** Some of the body goes out. A machine may say at once that nobody reads it. */
  #put({ chunk, from, to }: MessageEvent): Promise<void> | void {
    try {
      return this.#connection.outbox.data(chunk, from, to)
    } catch (error) {
      this.#noteUnread(error)
    }
  }

  /** A service that does not read any more may have answered: that is seen when the answer is read. */
  async #settled(taken: Promise<void>): Promise<void> {
    try {
      await taken
      this.#arm()
    } catch (error) {
      this.#noteUnread(error)
    }
  }

  async #flush(): Promise<void> {
    try {
      const taken = this.#connection.outbox.flush()
      if (taken !== undefined) await taken
      this.#arm()
    } catch (error) {
      this.#noteUnread(error)
    }
  }

  #noteUnread(error: unknown): void {
    if (!(error instanceof Failure)) throw error
    this.#unread = error
    this.#stopped = true
  }

  #upload(body: KeptBody): void {
    // What is thrown there ends the answer too.
    this.#pump(body).catch((error: unknown) => {
      this.#broken = error
      this.#connection.socket.abort()
    })
  }

  /** Send the body, or the rest of it, until it has ended or there is no use in it. */
  async #pump(body: KeptBody): Promise<void> {
    const { outbox } = this.#connection
    outbox.chunked = true
    while (!this.#stopped) {
      const event = body.next()
      if (event.kind === 'data') {
        const taken = this.#put(event)
        if (taken !== undefined) await this.#settled(taken)
      } else if (event.kind === 'need-data') {
        await this.#flush()
        if (this.#stopped) return
        this.#starved = true
        this.#arm()
        this.#question.waits()
        await body.refill()
        this.#starved = false
        this.#arm()
      } else {
        outbox.finish(null)
        await this.#flush()
        this.#sent = !this.#stopped
        return
      }
    }
  }

  #arm(): void {
    const silent = this.#waiting && !this.#starved
    this.#connection.deadline = silent ? this.#deadlines.after(this.#timeout) : 0
  }

  /** The next message of the service. */
  async #message(): Promise<IcapMessage> {
    const { parser } = this.#connection
    for (;;) {
      const event = parser.next()
      if (event.kind === 'message') return event.message!
      await this.#more()
    }
  }

  async #more(): Promise<void> {
    await this.#connection.refill()
    this.answered = true
    this.#arm()
  }

  /** What is to be said of a failure, whoever's it is; the connection is closed. */
  #lost(error: unknown): unknown {
    const { late } = this.#connection
    this.#stop()
    this.#pool.discard(this.#connection)
    if (this.#broken !== null) return this.#broken
    // It ended: that nothing would be read was the first sign of it.
    const cause = this.#unread !== null && error instanceof Failure && error.code === 'origin-left'
      ? this.#unread
      : error
    return troubleOf(cause, late)
  }

  #stop(): void {
    this.#stopped = true
    this.#ended = true
  }

  /** The answer is complete. */
  #finish(): void {
    const whole = this.#sent && this.#unread === null
    this.#stop()
    if (whole && this.#persistent && !this.#connection.parser.buffered) this.#pool.give(this.#connection)
    else this.#pool.discard(this.#connection)
  }

  /** Give it up, wherever it is. Safe to call twice, and when it is over. */
  abandon(): void {
    this.#rest = null
    if (this.#ended) return
    this.#stop()
    this.#pool.discard(this.#connection)
  }

  // The body of the answer.

  next(): MessageEvent {
    if (this.#rest !== null) return this.#rest.next()
    const event = this.#event
    if (this.#ended) return this.#say('end')
    let own: IcapEvent
    try {
      own = this.#connection.parser.next()
      if (own.kind === 'end') return this.#end(own.original)
    } catch (error) {
      throw this.#cut(error)
    }
    if (own.kind === 'data') {
      event.kind = 'data'
      event.chunk = own.chunk
      event.from = own.from
      event.to = own.to
      return event
    }
    return this.#say('need-data')
  }

  async refill(): Promise<void> {
    if (this.#rest !== null) return this.#rest.refill()
    if (this.#ended) throw new Failure('filter-unavailable', 'it was given up')
    this.#waiting = true
    this.#arm()
    try {
      await this.#more()
    } catch (error) {
      throw this.#cut(error)
    } finally {
      this.#waiting = false
      this.#arm()
    }
  }

  /** @throws Trouble */
  #end(original: number): MessageEvent {
    const { body } = this.#question
    if (original < 0) {
      this.#finish()
      return this.#say('end')
    }
    if (body === null || body.lost) throw new Trouble('it wants the original body, which is not here any more')
    this.#finish()
    body.rewind(original)
    body.forget()
    this.#rest = body
    return body.next()
  }

  #say(kind: 'end' | 'need-data'): MessageEvent {
    const event = this.#event
    event.kind = kind
    event.chunk = NOTHING
    event.from = event.to = 0
    return event
  }

  /** In the middle of a body: there is no other answer to be had. */
  #cut(error: unknown): unknown {
    const lost = this.#lost(error)
    if (!(lost instanceof Trouble)) return lost
    this.#pool.failed(false, lost.message)
    return new Failure('filter-unavailable', `${this.#pool.url}: ${lost.message}`)
  }
}
