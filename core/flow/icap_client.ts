/** An ICAP service (RFC 3507) at one address or several: what it is shown, it passes, changes or answers itself. */

import { ByteWriter } from '../bytes/writer.ts'
import type { IcapSettings } from '../config/settings.ts'
import { Failure } from '../failure.ts'
import type { OwnHead } from '../http/change.ts'
import type { Head } from '../http/head.ts'
import type { BodyPart } from '../icap/encapsulated.ts'
import { reframe, writeRequestHead, writeResponseHead } from '../icap/encapsulated_head.ts'
import { type ServiceOptions, transferOf } from '../icap/options.ts'
import type { IcapMessage } from '../icap/parser.ts'
import type { IcapFields, Parts } from '../icap/write.ts'
import { ICAP_KEPT_SIZE } from '../limits.ts'
import type { BodySource } from './body_source.ts'
import type { IcapConnection } from './icap_connection.ts'
import { IcapExchange, type Question } from './icap_exchange.ts'
import { type IcapMachine, IcapPool, type IcapReport, Trouble, troubleOf, type Turn } from './icap_pool.ts'
import { KeptBody } from './kept_body.ts'

function nothing(): void {}

/** What a service is shown. */
export interface Shown {
  readonly request: Head
  /** The URL asked for: absolute, or `host:port` of CONNECT. */
  readonly url: string
  /** `null`: it is shown the request. */
  readonly response: Head | null
  /** Of the request, or of the response; `null`: it has none, or it is not shown. */
  readonly body: BodySource | null
  /** X-Client-IP and the like. Values are latin1 without line ends. */
  readonly fields: IcapFields
  /** Before each wait: for more of the body, or for the service, which has a time limit of its own. */
  waits(on: 'body' | 'service'): void
}

/**
 * What it makes of it. A body has to be read to its end, or the adaptation be abandoned.
 *
 * - `unchanged`: as it was. `body` is to be read in the place of the one shown, of which some has been read.
 * - `request`, `response`: in the place of what was shown, or of any answer. The framing of `own.head` is true.
 * - `failed`: it cannot say, and why. `whole`: all can go on as if it had not been asked, with `body`.
 */
export type Adapted =
  | { readonly kind: 'unchanged'; readonly body: BodySource | null }
  | { readonly kind: 'request'; readonly own: OwnHead; readonly body: BodySource | null }
  | { readonly kind: 'response'; readonly own: OwnHead; readonly body: BodySource | null }
  | { readonly kind: 'failed'; readonly detail: string; readonly whole: boolean; readonly body: BodySource | null }

/** What came of what was shown. */
export interface IcapStatistics {
  asked: number
  unchanged: number
  changed: number
  /** Requests that the service answered itself. */
  answered: number
  failed: number
}

export class IcapService {
  readonly settings: IcapSettings
  readonly machine: IcapMachine
  readonly pools: readonly IcapPool[]

  readonly statistics: IcapStatistics = { asked: 0, unchanged: 0, changed: 0, answered: 0, failed: 0 }

  constructor(machine: IcapMachine, settings: IcapSettings, report: IcapReport) {
    this.settings = settings
    this.machine = machine
    this.pools = settings.url.map((url) => new IcapPool(machine, settings, url, report))
  }

  get name(): string {
    return this.settings.name
  }

  /** Show it something: {@link Adaptation.run}. */
  adaptation(shown: Shown): Adaptation {
    return new Adaptation(this, shown)
  }

  close(): void {
    for (const pool of this.pools) pool.close()
  }
}

/** One message shown to a service, at one of its addresses after the other until one can say. */
export class Adaptation {
  readonly #service: IcapService
  readonly #shown: Shown
  readonly #body: KeptBody | null
  #exchange: IcapExchange | null = null
  #turn: Turn | null = null
  #abandoned = false
  #giveUp: (() => void) | null = null

  constructor(service: IcapService, shown: Shown) {
    this.#service = service
    this.#shown = shown
    this.#body = shown.body === null ? null : new KeptBody(shown.body, ICAP_KEPT_SIZE)
  }

  /** Give it up, or let go of what is left of it. Safe to call twice, and when it is over. */
  abandon(): void {
    this.#abandoned = true
    this.#turn?.cancel()
    this.#exchange?.abandon()
    this.#giveUp?.()
  }

  /** @throws Failure where it is not the service's doing: as the source of the body does, client-left when abandoned. */
  async run(): Promise<Adapted> {
    const { pools, statistics } = this.#service
    statistics.asked++
    let detail = ''
    for (const pool of pools) {
      if (!pool.well()) {
        if (detail === '') detail = `${pool.url}: it is left alone for a while: ${pool.words}`
        continue
      }
      try {
        const adapted = await this.#ask(pool)
        if (adapted.kind === 'unchanged') statistics.unchanged++
        else if (adapted.kind === 'response' && this.#shown.response === null) statistics.answered++
        else statistics.changed++
        return adapted
      } catch (error) {
        if (this.#abandoned) throw new Failure('client-left')
        if (!(error instanceof Trouble)) throw error
        detail = `${pool.url}: ${error.message}`
        if (this.#body?.lost === true) break
      }
    }
    statistics.failed++
    return this.#failed(detail)
  }

  #failed(detail: string): Adapted {
    const whole = this.#body?.lost !== true
    return { kind: 'failed', detail, whole, body: whole ? this.#unchanged() : null }
  }

  /** The body once more, from its start. */
  #unchanged(): BodySource | null {
    this.#body?.rewind()
    this.#body?.forget()
    return this.#body
  }

  /** @throws Trouble when this address cannot say */
  async #ask(pool: IcapPool): Promise<Adapted> {
    this.#shown.waits('service')
    const options = await this.#unless(pool.options())
    const transfer = transferOf(options, this.#shown.url)
    if (transfer === 'ignore') return { kind: 'unchanged', body: this.#unchanged() }
    const question = await this.#question(pool, options, transfer === 'preview')
    for (let fresh = false;; fresh = true) {
      const connection = await this.#connection(pool, fresh)
      const { reused } = connection
      const { deadlines } = this.#service.machine
      this.#body?.rewind()
      const exchange = new IcapExchange(pool, connection, question, deadlines, this.#service.settings.timeout)
      this.#exchange = exchange
      if (this.#abandoned) exchange.abandon()
      try {
        const adapted = this.#adapted(exchange, await exchange.run())
        pool.recovered()
        return adapted
      } catch (error) {
        exchange.abandon()
        if (this.#abandoned || !(error instanceof Trouble)) throw error
        // It closed a connection that was idle: nobody's fault, and known only by asking.
        const stale = reused && !fresh && !exchange.answered && !connection.late
        if (stale && this.#body?.lost !== true) continue
        if (!error.busy) pool.failed(false, error.message)
        throw error
      }
    }
  }

  /** @throws Trouble */
  async #connection(pool: IcapPool, fresh: boolean): Promise<IcapConnection> {
    const turn = pool.turn(fresh)
    this.#turn = turn
    try {
      return await this.#unless(turn.connection)
    } catch (error) {
      // It was given up while a connection was being made: somebody else will want it.
      if (this.#abandoned) turn.connection.then((connection) => pool.give(connection), nothing)
      throw error
    } finally {
      this.#turn = null
    }
  }

  /** Rejects when it is given up before. */
  async #unless<T>(work: T | Promise<T>): Promise<T> {
    if (!(work instanceof Promise)) return work
    if (this.#abandoned) throw new Failure('client-left')
    const given = new Promise<never>((_, reject) => {
      this.#giveUp = () => reject(new Failure('client-left'))
    })
    try {
      return await Promise.race([work, given])
    } finally {
      this.#giveUp = null
    }
  }

  async #question(pool: IcapPool, options: ServiceOptions, previews: boolean): Promise<Question> {
    const { settings } = this.#service
    const { request, url, response, waits } = this.#shown
    const body = this.#body
    const preview = body === null || !previews || settings.preview === 0
      ? -1
      : Math.min(options.preview, settings.preview)
    if (body !== null && preview >= 0) {
      while (!body.gather(preview)) {
        waits('body')
        await this.#unless(body.refill())
      }
      waits('service')
    }
    const fields: (readonly [name: string, value: string])[] = [['Host', pool.authority], ...this.#shown.fields]
    if (preview >= 0) fields.push(['Preview', String(preview)])
    if (this.#keepable()) fields.push(['Allow', options.partial ? '204, 206' : '204'])
    return {
      method: response === null ? 'REQMOD' : 'RESPMOD',
      fields,
      parts: partsOf(request, url, response, body !== null),
      body,
      preview,
      bodiless: request.isMethod('HEAD'),
      waits: () => waits('body'),
    }
  }

  /** Whether all of the body will be kept, so that it may come back unchanged even after all of it was sent. */
  #keepable(): boolean {
    const body = this.#body
    if (body === null || (body.ended && !body.lost)) return true
    const head = this.#shown.response ?? this.#shown.request
    return head.framing === 'length' && head.length <= ICAP_KEPT_SIZE
  }

  /** @throws Trouble when it makes no sense */
  #adapted(exchange: IcapExchange, message: IcapMessage): Adapted {
    const { head, encapsulated, request, response } = message
    if (head.status === 204) {
      if (this.#body?.lost === true) throw new Trouble('it answered 204 where that was not allowed')
      return { kind: 'unchanged', body: this.#unchanged() }
    }
    const hasBody = encapsulated.body !== 'null-body'
    try {
      if (response !== null) {
        request?.release()
        return this.#answer(exchange, response, hasBody)
      }
      if (request === null || this.#shown.response !== null) throw new Trouble('its answer has no head')
      if (hasBody && request.head.isMethod('CONNECT')) throw new Trouble('it gave CONNECT a body')
      return { kind: 'request', own: reframe(request, hasBody ? 'body' : 'none'), body: hasBody ? exchange : null }
    } catch (error) {
      throw troubleOf(error)
    }
  }

  #answer(exchange: IcapExchange, own: OwnHead, hasBody: boolean): Adapted {
    const { status } = own.head
    if (status < 200) throw new Trouble(`it gave an answer of status ${status}`)
    const told = status === 304 || this.#shown.request.isMethod('HEAD')
    if (hasBody && !told && status !== 204) return { kind: 'response', own: reframe(own, 'body'), body: exchange }
    // What must not have a body does not get one, whatever it was given.
    if (hasBody) exchange.abandon()
    return { kind: 'response', own: reframe(own, told ? 'told' : 'none'), body: null }
  }
}

function partsOf(request: Head, url: string, response: Head | null, hasBody: boolean): Parts {
  const asked = new ByteWriter(request.end + 256)
  writeRequestHead(asked, request, url)
  let answer: ByteWriter | null = null
  if (response !== null) {
    answer = new ByteWriter(response.end + 64)
    writeResponseHead(answer, response)
  }
  const part: BodyPart = response === null ? 'req-body' : 'res-body'
  return { request: asked, response: answer, body: hasBody ? part : 'null-body' }
}
