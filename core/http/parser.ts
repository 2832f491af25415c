/**
 * HTTP/1.1 without input or output: bytes are fed, events are asked for, and nothing waits (RFC 9112).
 *
 *     parser.feed(chunk)
 *     for (let event = parser.next(); event.kind !== 'need-data'; event = parser.next()) ...
 *
 * No byte of a body is copied. The bytes of a head are copied once, into the Head, which is the reader's until `restart`.
 */

import { CR, equals, LF } from '../bytes/ascii.ts'
import { Failure } from '../failure.ts'
import { LEADING_LINES } from '../limits.ts'
import { ChunkedReader } from './chunked.ts'
import { type Answering, judgeRequest, judgeResponse, judgeTrailers } from './framing.ts'
import { giveHead, type Head, NO_HEAD, takeHead } from './head.ts'
import {
  type Grammar,
  HEAD_LIMITS,
  type HeadLimits,
  parseHead,
  REQUEST,
  REQUEST_TRAILERS,
  RESPONSE,
  RESPONSE_TRAILERS,
  sizeLimit,
} from './parse_head.ts'

export type { HeadLimits } from './parse_head.ts'

/**
 * One reused object per parser, good until the next call of `next`.
 *
 * - `head`: `head` is all there and judged; it stays until `restart`.
 * - `data`: a piece of the body is `chunk[from..to)`, lent as the fed chunk is.
 * - `end`: the message is complete; `trailers` are those of a chunked body that has any, else null.
 * - `need-data`: nothing more can be said without `feed` or `finish`.
 * - `paused`: the message is over and the next one waits for `restart`.
 */
export interface MessageEvent {
  kind: 'head' | 'data' | 'end' | 'need-data' | 'paused'
  head: Head
  chunk: Uint8Array
  from: number
  to: number
  trailers: Head | null
}

const NOTHING: Uint8Array = new Uint8Array(0)
const ORDINARY: Answering = {}
/** How much of a chunk is copied at a time to complete a split head: what is past its end is copied for nothing. */
const PIECE = 2048

// Where in a message the next byte is.
const START = 0 // nothing of it has come, but perhaps empty lines
const HEAD = 1 // a part of the head is in its own storage
const LENGTH = 2
const CHUNKED = 3
const TRAILERS = 4
const CLOSE = 5
const DONE = 6 // 'end' is to be said
const PAUSED = 7

export class HttpParser {
  readonly #kind: 'request' | 'response'
  readonly #grammar: Grammar
  readonly #limits: HeadLimits
  readonly #event: MessageEvent = { kind: 'need-data', head: NO_HEAD, chunk: NOTHING, from: 0, to: 0, trailers: null }
  #state = START
  #chunk: Uint8Array = NOTHING
  #at = 0
  #to = 0
  #ended = false
  #failure: Failure | null = null
  /** Empty lines before a request, and whether the CR of another one has come. */
  #lines = 0
  #lineCr = false
  #head: Head = NO_HEAD
  #trailers: Head | null = null
  /** Of a body with a length: bytes still to come. */
  #left = 0
  #chunked: ChunkedReader | null = null
  #answering: Answering = ORDINARY

  constructor(kind: 'request' | 'response', limits: HeadLimits = HEAD_LIMITS) {
    this.#kind = kind
    this.#grammar = kind === 'request' ? REQUEST : RESPONSE
    this.#limits = limits
  }

  /** Some byte of the current message has come: what is waited for is the rest of it, not another one. */
  get started(): boolean {
    return this.#state !== START
  }

  /** All of the current message has been given, but perhaps for its `end`. */
  get over(): boolean {
    return this.#state === DONE || this.#state === PAUSED
  }

  /** Bytes are at hand that were not used up, so that `next` may say more without `feed`. */
  get buffered(): boolean {
    return this.#at < this.#to
  }

  /** How many bytes are at hand that were not used up. */
  get left(): number {
    return this.#to - this.#at
  }

  /** After a failure in the head of a request: whether its method, as far as the head was understood, is this one. */
  isMethod(method: string): boolean {
    const head = this.#head
    // A head that was all in one chunk and was refused has not been copied.
    return head.filled > 0 ? head.isMethod(method) : equals(this.#chunk, this.#at, this.#at + head.methodEnd, method)
  }

  /** The bytes fed and not used up: what follows the message. Lent, as the chunk is. */
  rest(): Uint8Array {
    return this.#chunk.subarray(this.#at, this.#to)
  }

  /**
   * After `need-data`: bytes of the body that are to come before anything else, so that nobody need read them; 0 where that
   * is not known. Of a body with a length what is left of it, of a chunked one what is left of the chunk.
   */
  get owed(): number {
    if (this.#at < this.#to) return 0
    return this.#state === LENGTH ? this.#left : this.#state === CHUNKED ? this.#chunked!.owed : 0
  }

  /** So many of the bytes {@link owed} went by without being fed. */
  skip(count: number): void {
    if (count > this.owed) throw new Error('HttpParser: more was skipped than is owed')
    if (this.#state === CHUNKED) this.#chunked!.skip(count)
    else if ((this.#left -= count) === 0) this.#state = DONE
  }

  /** More bytes, after `need-data` (or while paused with none at hand). Lent until `need-data` is said again. */
  feed(chunk: Uint8Array): void {
    if (this.#at < this.#to) throw new Error('HttpParser: fed before the last chunk was used up')
    this.#chunk = chunk
    this.#at = 0
    this.#to = chunk.length
  }

  /** Own what was not used up, and `more` behind it, for as long as it takes: what was fed was only lent. */
  keep(more: Uint8Array): void {
    const kept = new Uint8Array(this.left + more.length)
    kept.set(this.rest())
    kept.set(more, this.left)
    this.#chunk = kept
    this.#at = 0
    this.#to = kept.length
  }

  /** No more bytes will come. Whether that was the right moment, `next` says. */
  finish(): void {
    this.#ended = true
  }

  /**
   * Ready for the next message, after `paused` (or before the first one). The Head of the last one goes back to the pool.
   * For responses `answering` says what the next one answers: nothing else tells whether it has a body.
   */
  restart(answering: Answering = ORDINARY): void {
    if (this.#state !== PAUSED && this.#state !== DONE && this.#state !== START) {
      throw new Error('HttpParser: restarted inside a message')
    }
    this.#answering = answering
    this.#state = START
    this.#lines = 0
    this.#lineCr = false
    // Used up: not to be held on to while the next message is waited for.
    if (this.#at === this.#to) this.#chunk = this.#event.chunk = NOTHING
    this.#dropHeads()
  }

  /** The connection is over, wherever in a message: the heads go back to the pool. Nothing may be asked after that. */
  release(): void {
    this.#chunk = NOTHING
    this.#at = this.#to = 0
    this.#failure ??= new Failure(this.#kind === 'request' ? 'client-left' : 'origin-left')
    this.#dropHeads()
  }

  #dropHeads(): void {
    const event = this.#event
    if (this.#head !== NO_HEAD) {
      giveHead(this.#head)
      this.#head = NO_HEAD
      event.head = NO_HEAD
    }
    if (this.#trailers !== null) {
      giveHead(this.#trailers)
      this.#trailers = null
      event.trailers = null
    }
  }

  /** What comes next. Throws a Failure, and the same one again when asked again. */
  next(): MessageEvent {
    if (this.#failure !== null) throw this.#failure
    try {
      return this.#next()
    } catch (failure) {
      if (failure instanceof Failure) this.#failure = failure
      throw failure
    }
  }

  #next(): MessageEvent {
    switch (this.#state) {
      case START:
        return this.#startHead()
      case HEAD:
        return this.#goOnWithHead()
      case LENGTH:
        return this.#lengthData()
      case CHUNKED:
        return this.#chunkedData()
      case TRAILERS:
        return this.#goOnWithTrailers()
      case CLOSE:
        if (this.#at < this.#to) return this.#data(this.#at, this.#to)
        if (!this.#ended) return this.#say('need-data')
        return this.#end()
      case DONE:
        return this.#end()
      default:
        return this.#say('paused')
    }
  }

  #say(kind: 'end' | 'need-data' | 'paused'): MessageEvent {
    const event = this.#event
    event.kind = kind
    if (kind === 'need-data') {
      this.#chunk = NOTHING
      this.#at = this.#to = 0
    }
    event.chunk = NOTHING
    event.from = event.to = 0
    return event
  }

  #data(from: number, to: number): MessageEvent {
    const event = this.#event
    event.kind = 'data'
    event.chunk = this.#chunk
    event.from = from
    event.to = to
    this.#at = to
    return event
  }

  #end(): MessageEvent {
    this.#state = PAUSED
    this.#event.trailers = this.#trailers
    return this.#say('end')
  }

  /** More bytes are needed inside a message: which is a failure when there will be none. */
  #needMore(): MessageEvent {
    if (this.#ended) throw new Failure(this.#kind === 'request' ? 'client-left' : 'origin-left')
    return this.#say('need-data')
  }

  #startHead(): MessageEvent {
    if (this.#kind === 'request') this.#skipLines()
    if (this.#at >= this.#to) return this.#say('need-data')
    const head = takeHead()
    this.#head = head
    const base = this.#at
    const progress = parseHead(head, this.#chunk, base, this.#to, this.#grammar, this.#limits, false)
    if (progress === 'whole') {
      this.#at = base + head.end
      head.store(this.#chunk, base, this.#at)
      return this.#headIs(head)
    }
    this.#state = HEAD
    if (progress === 'copy') return this.#goOnWithHead()
    head.store(this.#chunk, base, this.#to)
    this.#at = this.#to
    return this.#goOnWithHead()
  }

  /** Empty lines before a request line are what some clients put after a body (RFC 9112 2.2). */
  #skipLines(): void {
    const chunk = this.#chunk
    while (this.#at < this.#to) {
      if (this.#lineCr) {
        if (chunk[this.#at] !== LF) throw new Failure('bad-request', 'a CR without LF')
        this.#lineCr = false
        if (++this.#lines > LEADING_LINES) throw new Failure('bad-request', 'too many empty lines before a request')
      } else if (chunk[this.#at] === CR) this.#lineCr = true
      else return
      this.#at++
    }
  }

  #goOnWithHead(): MessageEvent {
    const head = this.#head
    return this.#gather(head, this.#grammar) ? this.#headIs(head) : this.#needMore()
  }

  /**
   * Append what has come to a head that is in its own storage, and read its lines when they are whole. True when it is all
   * there. A line is read only when its end has come, so a slow sender costs no more than a quick one.
   */
  #gather(head: Head, grammar: Grammar): boolean {
    const size = sizeLimit(grammar, this.#limits)
    while (this.#at < this.#to) {
      const before = head.filled
      const end = Math.min(this.#to, this.#at + PIECE, this.#at + size - before)
      const line = hasLine(this.#chunk, this.#at, end)
      head.store(this.#chunk, this.#at, end)
      this.#at = end
      if (!line && head.filled < size) continue
      if (parseHead(head, head.bytes, 0, head.filled, grammar, this.#limits, true) === 'whole') {
        this.#at -= head.filled - head.end
        return true
      }
    }
    // What is wrong with a line that never ends is more to the point than that it did not end.
    if (this.#ended) parseHead(head, head.bytes, 0, head.filled, grammar, this.#limits, true)
    return false
  }

  #headIs(head: Head): MessageEvent {
    if (this.#kind === 'request') judgeRequest(head, this.#limits.repeatedLength === true)
    else judgeResponse(head, this.#answering)
    switch (head.framing) {
      case 'length':
        this.#left = head.length
        this.#state = head.length === 0 ? DONE : LENGTH
        break
      case 'chunked':
        this.#chunked ??= new ChunkedReader(this.#kind === 'request' ? 'bad-body' : 'bad-response')
        this.#chunked.start()
        this.#state = CHUNKED
        break
      case 'close':
        this.#state = CLOSE
        break
      default:
        this.#state = DONE
    }
    const event = this.#event
    event.kind = 'head'
    event.head = head
    event.chunk = NOTHING
    event.from = event.to = 0
    return event
  }

  #lengthData(): MessageEvent {
    if (this.#at >= this.#to) return this.#needMore()
    const end = Math.min(this.#to, this.#at + this.#left)
    this.#left -= end - this.#at
    if (this.#left === 0) this.#state = DONE
    return this.#data(this.#at, end)
  }

  #chunkedData(): MessageEvent {
    const chunked = this.#chunked!
    const step = chunked.read(this.#chunk, this.#at, this.#to)
    this.#at = chunked.at
    if (step === 'data') return this.#data(chunked.from, chunked.to)
    if (step === 'more') return this.#needMore()
    // Nearly no message has trailers.
    if (this.#to - this.#at >= 2 && this.#chunk[this.#at] === CR && this.#chunk[this.#at + 1] === LF) {
      this.#at += 2
      return this.#end()
    }
    this.#state = TRAILERS
    this.#trailers = takeHead()
    return this.#goOnWithTrailers()
  }

  #goOnWithTrailers(): MessageEvent {
    const trailers = this.#trailers!
    const grammar = this.#kind === 'request' ? REQUEST_TRAILERS : RESPONSE_TRAILERS
    if (!this.#gather(trailers, grammar)) return this.#needMore()
    if (trailers.count === 0) {
      giveHead(trailers)
      this.#trailers = null
    } else judgeTrailers(trailers, this.#head)
    return this.#end()
  }
}

function hasLine(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    if (bytes[i] === LF) return true
  }
  return false
}
