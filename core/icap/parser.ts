/**
 * ICAP without input or output (RFC 3507): bytes are fed, events are asked for, and nothing waits. For both sides: servers
 * read requests with it, clients read answers.
 *
 *     parser.feed(chunk)
 *     for (let event = parser.next(); event.kind !== 'need-data'; event = parser.next()) ...
 *
 * No byte of a body is copied.
 */

import { CR, LF } from '../bytes/ascii.ts'
import { ByteWriter } from '../bytes/writer.ts'
import { Failure } from '../failure.ts'
import { ChunkedReader } from '../http/chunked.ts'
import type { OwnHead } from '../http/change.ts'
import { ICAP_HEAD_SIZE, LEADING_LINES, TRAILERS_SIZE } from '../limits.ts'
import { type Encapsulated, NOTHING_ENCAPSULATED, readEncapsulated } from './encapsulated.ts'
import { readRequestHead, readResponseHead } from './encapsulated_head.ts'
import { bare, IcapHead, type IcapSide, readIcapHead } from './head.ts'

/** An ICAP message without its body. */
export interface IcapMessage {
  readonly head: IcapHead
  readonly encapsulated: Encapsulated
  /** The HTTP heads in it; `null`: not there. Whoever keeps none of them releases them. */
  readonly request: OwnHead | null
  readonly response: OwnHead | null
  /** Of requests: what is wrong with the HTTP heads, which are then not there. Where the message ends is known all the same. */
  readonly problem: Failure | null
}

/**
 * One reused object per parser, good until the next call of `next`.
 *
 * - `message`: the heads are all here.
 * - `data`: a piece of the body is `chunk[from..to)`, lent as the fed chunk is.
 * - `preview`: requests only: the preview is over and the body is not. Answer, and either {@link IcapParser.resume} (after
 *   100) or {@link IcapParser.restart}.
 * - `end`: the message is complete. `original`, of answers: the body goes on with the original's from this byte on (206);
 *   -1: it does not.
 * - `need-data`: nothing more can be said without `feed` or `finish`.
 * - `paused`: the message is over and the next one waits for `restart`.
 */
export interface IcapEvent {
  kind: 'message' | 'data' | 'preview' | 'end' | 'need-data' | 'paused'
  message: IcapMessage | null
  chunk: Uint8Array
  from: number
  to: number
  original: number
}

const NOTHING: Uint8Array = new Uint8Array(0)
/** What the head of a message is gathered in at first. */
const GATHERED = 1024
/** RFC 3507 4.10.2: partial content, of the extension for it. */
const PARTIAL_CONTENT = 206

// Where in a message the next byte is.
const START = 0
const HEAD = 1
const SECTIONS = 2
const BODY = 3
const TRAILERS = 4
const DONE = 5
const PREVIEWED = 6
const PAUSED = 7

export class IcapParser {
  readonly #side: IcapSide
  readonly #event: IcapEvent = { kind: 'need-data', message: null, chunk: NOTHING, from: 0, to: 0, original: -1 }
  readonly #gathered = new ByteWriter(GATHERED)
  readonly #chunked: ChunkedReader
  #state = START
  #chunk: Uint8Array = NOTHING
  #at = 0
  #to = 0
  #ended = false
  #failure: Failure | null = null
  #lines = 0
  /** Where the current line of what is gathered starts. */
  #line = 0
  #head: IcapHead | null = null
  #encapsulated: Encapsulated = NOTHING_ENCAPSULATED
  /** Bytes that a preview may still have; -1: this is no preview. */
  #preview = -1
  #bodiless = false

  constructor(side: IcapSide) {
    this.#side = side
    this.#chunked = new ChunkedReader(side === 'request' ? 'bad-body' : 'bad-response', true)
  }

  /** Some byte of the current message has come. */
  get started(): boolean {
    return this.#state !== START || this.#lines > 0
  }

  /** All of the current message has been given, but perhaps for its `end`. */
  get over(): boolean {
    return this.#state === DONE || this.#state === PAUSED
  }

  /** Bytes are at hand that were not used up. */
  get buffered(): boolean {
    return this.#at < this.#to
  }

  /** How many bytes that is. */
  get left(): number {
    return this.#to - this.#at
  }

  /** More bytes, after `need-data` (or while paused with none at hand). Lent until `need-data` is said again. */
  feed(chunk: Uint8Array): void {
    if (this.#at < this.#to) throw new Error('IcapParser: fed before the last chunk was used up')
    this.#chunk = chunk
    this.#at = 0
    this.#to = chunk.length
  }

  /** No more bytes will come. Whether that was the right moment, `next` says. */
  finish(): void {
    this.#ended = true
  }

  /** After `preview`, when 100 (Continue) has been sent: the rest of the body comes. */
  resume(): void {
    if (this.#state !== PREVIEWED) throw new Error('IcapParser: resumed where no preview has ended')
    this.#preview = -1
    this.#chunked.start()
    this.#state = BODY
  }

  /**
   * Ready for the next message, after `paused` or `preview` (or before the first one). `bodiless`: what is encapsulated answers
   * HEAD, so that its Content-Length is no framing.
   */
  restart(bodiless = false): void {
    if (!this.over && this.#state !== PREVIEWED && this.#state !== START) {
      throw new Error('IcapParser: restarted inside a message')
    }
    this.#bodiless = bodiless
    this.#state = START
    this.#lines = 0
    this.#head = null
    this.#event.message = null
  }

  /** What comes next. @throws Failure, and the same one when asked again */
  next(): IcapEvent {
    if (this.#failure !== null) throw this.#failure
    try {
      return this.#next()
    } catch (failure) {
      if (failure instanceof Failure) this.#failure = failure
      throw failure
    }
  }

  #next(): IcapEvent {
    switch (this.#state) {
      case START:
        return this.#start()
      case HEAD:
        return this.#goOnWithHead()
      case SECTIONS:
        return this.#goOnWithSections()
      case BODY:
        return this.#body()
      case TRAILERS:
        return this.#goOnWithTrailers()
      case DONE:
        this.#state = PAUSED
        return this.#say('end')
      default:
        return this.#say('paused')
    }
  }

  #say(kind: IcapEvent['kind']): IcapEvent {
    const event = this.#event
    event.kind = kind
    event.chunk = NOTHING
    event.from = event.to = 0
    if (kind === 'need-data') {
      this.#chunk = NOTHING
      this.#at = this.#to = 0
    }
    return event
  }

  #needMore(): IcapEvent {
    if (this.#ended) throw new Failure(this.#side === 'request' ? 'client-left' : 'origin-left')
    return this.#say('need-data')
  }

  #bad(detail: string): Failure {
    return new Failure(this.#side === 'request' ? 'bad-request' : 'bad-response', detail)
  }

  #start(): IcapEvent {
    // An empty line after a body is one too many, and harmless (as RFC 9112 2.2 has it for HTTP).
    while (this.#side === 'request' && this.#at < this.#to) {
      const byte = this.#chunk[this.#at]
      if (byte !== (this.#lines % 2 === 0 ? CR : LF)) break
      if (++this.#lines > 2 * LEADING_LINES) throw this.#bad('too many empty lines before an ICAP request')
      this.#at++
    }
    if (this.#at >= this.#to) return this.#say('need-data')
    if (this.#lines % 2 !== 0) throw this.#bad('a CR without LF')
    this.#gathered.clear()
    this.#line = 0
    this.#event.original = -1
    this.#state = HEAD
    return this.#goOnWithHead()
  }

  /** Move what has come to what is gathered, up to an empty line; true when that is here. Lines end in LF: no bare one passes. */
  #gatherLines(limit: number): boolean {
    const gathered = this.#gathered
    while (this.#at < this.#to) {
      let end = this.#at
      while (end < this.#to && this.#chunk[end] !== LF) end++
      const whole = end < this.#to
      if (whole) end++
      if (gathered.length + end - this.#at > limit) throw this.#bad(`more than ${limit} bytes`)
      gathered.put(this.#chunk, this.#at, end)
      this.#at = end
      if (!whole) return false
      const size = gathered.length - this.#line
      if (size === 1 || gathered.bytes[gathered.length - 2] !== CR) throw this.#bad('a LF without CR')
      this.#line = gathered.length
      if (size === 2) return true
    }
    return false
  }

  #goOnWithHead(): IcapEvent {
    if (!this.#gatherLines(ICAP_HEAD_SIZE)) return this.#needMore()
    const head = readIcapHead(this.#side, this.#gathered.bytes, this.#gathered.length)
    this.#head = head
    const value = head.get('encapsulated')
    const encapsulated = value === null ? NOTHING_ENCAPSULATED : readEncapsulated(value)
    if (typeof encapsulated === 'string') throw this.#bad(encapsulated)
    this.#encapsulated = encapsulated
    this.#preview = -1
    if (this.#side === 'request' && head.get('preview') !== null) {
      this.#preview = head.number('preview')
      if (this.#preview < 0) throw this.#bad('Preview is no number')
    }
    this.#gathered.clear()
    this.#state = SECTIONS
    return this.#goOnWithSections()
  }

  #goOnWithSections(): IcapEvent {
    const { request, response, body } = this.#encapsulated
    const gathered = this.#gathered
    const end = Math.min(this.#to, this.#at + request + response - gathered.length)
    gathered.put(this.#chunk, this.#at, end)
    this.#at = end
    if (gathered.length < request + response) return this.#needMore()
    let asked: OwnHead | null = null
    let answer: OwnHead | null = null
    let problem: Failure | null = null
    try {
      if (request > 0) asked = readRequestHead(gathered.bytes.subarray(0, request))
      const bodiless = this.#bodiless || (asked !== null && asked.head.isMethod('HEAD'))
      if (response > 0) answer = readResponseHead(gathered.bytes.subarray(request, request + response), bodiless)
    } catch (error) {
      if (this.#side === 'response' || !(error instanceof Failure)) throw error
      asked?.release()
      asked = null
      problem = error
    }
    const event = this.#say('message')
    event.message = { head: this.#head!, encapsulated: this.#encapsulated, request: asked, response: answer, problem }
    if (body === 'null-body') this.#state = DONE
    else {
      this.#chunked.start()
      this.#state = BODY
    }
    return event
  }

  #body(): IcapEvent {
    if (this.#at >= this.#to) return this.#needMore()
    const chunked = this.#chunked
    const step = chunked.read(this.#chunk, this.#at, this.#to)
    this.#at = chunked.at
    if (step === 'more') return this.#needMore()
    if (step === 'data') {
      const size = chunked.to - chunked.from
      if (this.#preview >= 0) {
        // Of the whole chunk, so that it does not depend on how the bytes were cut what is given before that.
        if (size + chunked.owed > this.#preview) throw this.#bad('the preview is longer than announced')
        this.#preview -= size
      }
      const event = this.#say('data')
      event.chunk = this.#chunk
      event.from = chunked.from
      event.to = chunked.to
      return event
    }
    this.#state = TRAILERS
    this.#gathered.clear()
    this.#line = 0
    return this.#goOnWithTrailers()
  }

  /** Trailers are read to their end and dropped: nobody said that they are welcome. */
  #goOnWithTrailers(): IcapEvent {
    if (!this.#gatherLines(TRAILERS_SIZE)) return this.#needMore()
    const extensions = this.#chunked.kept.split(';').map((each) => bare(each).toLowerCase())
    if (this.#preview >= 0 && !extensions.includes('ieof')) {
      this.#state = PREVIEWED
      return this.#say('preview')
    }
    this.#state = PAUSED
    const event = this.#say('end')
    if (this.#head!.status === PARTIAL_CONTENT) event.original = this.#original(extensions)
    return event
  }

  /** `use-original-body=N` of the last chunk (draft-icap-ext-partial-content 3.2). */
  #original(extensions: readonly string[]): number {
    for (const extension of extensions) {
      const [name, value] = extension.split('=')
      if (bare(name) !== 'use-original-body') continue
      const digits = bare(value ?? '')
      if (!/^[0-9]{1,15}$/.test(digits)) throw this.#bad('use-original-body has no number')
      return Number(digits)
    }
    return -1
  }
}
