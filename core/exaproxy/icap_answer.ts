/**
 * Answers of ExaProxy 1's `icap://` protocol: ICAP responses (RFC 3507 4) on a child's standard output, as its programs write
 * them: lines may end in LF, and what follows the last chunk may be missing.
 *
 *     ICAP/1.0 200 OK
 *     Encapsulated: req-hdr=0, null-body=75
 *
 *     75 bytes
 */

import { CLASS, COLON, CR, DIGIT, equals, HEX, HEX_VALUE, latin1, LF, lowerCase, parseDecimal } from '../bytes/ascii.ts'
import { ByteWriter } from '../bytes/writer.ts'
import type { Answer, AnswerReader } from '../filter/dialect.ts'
import { Nonsense } from '../filter/dialect.ts'
import { HELPER_ANSWER_SIZE, ICAP_HEAD_SIZE } from '../limits.ts'

/** The same object each time. */
export interface IcapAnswer extends Answer {
  status: number
  /** What follows the status. */
  reason: string
  /** `Pragma: comment: TEXT` */
  comment: string
  /** `X-Intercept: active` */
  intercept: boolean
  /** There is an Encapsulated field. */
  encapsulates: boolean
  /** All that is encapsulated, heads and body, the body out of its chunks. Lent. */
  content: Uint8Array
}

const NONE: Uint8Array = new Uint8Array(0)
/** Digits of the size of a chunk, and what may follow it on its line. */
const CHUNK_LINE_SIZE = 256
/** "ICAP/1.", whatever follows: the status is what counts. */
const VERSION = 'ICAP/1.'

// Where in an answer the next byte is.
const HEAD = 0
const COUNTED = 1
const CHUNK_SIZE = 2
const CHUNK = 3
const CHUNK_END = 4

export class IcapAnswers implements AnswerReader<IcapAnswer> {
  readonly #answer: IcapAnswer = {
    channel: 0,
    status: 0,
    reason: '',
    comment: '',
    intercept: false,
    encapsulates: false,
    content: NONE,
  }
  #state = HEAD
  /** The current answer's head, then what it encapsulates. */
  #kept = new ByteWriter(1024)
  /** Where the line that is being read begins in `kept`, while it is a head. */
  #line = 0
  /** Of the counted bytes, or of a chunk: how many are to come. */
  #left = 0
  #chunked = false
  #chunkLine = ''
  #bytes = NONE
  #at = 0
  #broken: Nonsense | null = null

  feed(bytes: Uint8Array): void {
    this.#bytes = bytes
    this.#at = 0
  }

  next(): IcapAnswer | null {
    if (this.#broken !== null) throw this.#broken
    try {
      return this.#next() ? this.#answer : null
    } catch (error) {
      this.#bytes = NONE
      this.#at = 0
      this.#kept = new ByteWriter(0)
      if (error instanceof Nonsense) this.#broken = error
      throw error
    }
  }

  /** True: an answer is all there. */
  #next(): boolean {
    for (;;) {
      switch (this.#state) {
        case HEAD:
          if (!this.#readHead()) return this.#more()
          if (this.#left > 0) this.#state = COUNTED
          else if (this.#chunked) this.#state = CHUNK_SIZE
          else return this.#whole()
          break
        case COUNTED:
          if (!this.#take()) return this.#more()
          if (!this.#chunked) return this.#whole()
          this.#state = CHUNK_SIZE
          break
        case CHUNK_SIZE:
          if (!this.#readSize()) return this.#more()
          if (this.#left === 0) return this.#whole()
          this.#state = CHUNK
          break
        case CHUNK:
          if (!this.#take()) return this.#more()
          this.#state = CHUNK_END
          break
        case CHUNK_END:
          // Some leave the line end out that belongs here.
          if (this.#at === this.#bytes.length) return this.#more()
          if (this.#bytes[this.#at] === CR) {
            this.#at++
            break
          }
          if (this.#bytes[this.#at] === LF) this.#at++
          this.#state = CHUNK_SIZE
          break
      }
    }
  }

  #more(): false {
    this.#bytes = NONE
    this.#at = 0
    return false
  }

  #whole(): true {
    this.#answer.content = this.#kept.view()
    this.#state = HEAD
    this.#line = -1
    return true
  }

  /** Of what is counted, what is here. True: that was the last of it. */
  #take(): boolean {
    const count = Math.min(this.#left, this.#bytes.length - this.#at)
    this.#kept.put(this.#bytes, this.#at, this.#at + count)
    this.#at += count
    this.#left -= count
    return this.#left === 0
  }

  /** Line by line. True: the empty line that ends the head has come. */
  #readHead(): boolean {
    const kept = this.#kept
    if (this.#line < 0) {
      // What was lent last time is not looked at any more.
      kept.clear()
      if (kept.bytes.length > 4 * ICAP_HEAD_SIZE) this.#kept = new ByteWriter(1024)
      this.#line = 0
    }
    for (;;) {
      const end = this.#bytes.indexOf(LF, this.#at)
      const to = end < 0 ? this.#bytes.length : end + 1
      if (this.#kept.length + to - this.#at > ICAP_HEAD_SIZE) {
        throw new Nonsense(`a head of more than ${ICAP_HEAD_SIZE} bytes`)
      }
      this.#kept.put(this.#bytes, this.#at, to)
      this.#at = to
      if (end < 0) return false
      if (this.#headLine()) return true
    }
  }

  /** The line in `kept` is whole. True: it was the last one of the head. */
  #headLine(): boolean {
    const kept = this.#kept
    const { bytes } = kept
    const start = this.#line
    let end = kept.length - 1
    if (end > start && bytes[end - 1] === CR) end--
    this.#line = kept.length
    if (start === 0) {
      if (end === start) {
        // What ends the chunks of the last answer, where it was not left out.
        kept.clear()
        this.#line = 0
        return false
      }
      this.#statusLine(bytes, end)
      return false
    }
    if (end > start) {
      this.#field(bytes, start, end)
      return false
    }
    kept.clear()
    this.#line = 0
    return true
  }

  #statusLine(bytes: Uint8Array, end: number): void {
    // ICAP/1.0 SP 3DIGIT [SP reason]
    const version = VERSION.length + 1
    let at = version + 1
    while (at < end && (CLASS[bytes[at]] & DIGIT) !== 0) at++
    const fine = end > version && equals(bytes, 0, VERSION.length, VERSION) && bytes[version] === SP &&
      at - version - 1 === 3 && (at === end || bytes[at] === SP)
    if (!fine) throw new Nonsense('a line that is no status line of ICAP')
    const answer = this.#answer
    answer.status = parseDecimal(bytes, version + 1, at)
    answer.reason = latin1(bytes, Math.min(at + 1, end), end)
    answer.comment = ''
    answer.intercept = false
    answer.encapsulates = false
    this.#left = 0
    this.#chunked = false
  }

  #field(bytes: Uint8Array, start: number, end: number): void {
    const colon = bytes.subarray(0, end).indexOf(COLON, start)
    if (colon <= start) throw new Nonsense('a line that is no field of ICAP')
    const value = latin1(bytes, colon + 1, end).replace(/^[ \t]+|[ \t]+$/g, '')
    const answer = this.#answer
    switch (lowerCase(bytes, start, colon)) {
      case 'encapsulated':
        if (answer.encapsulates) throw new Nonsense('two Encapsulated fields')
        answer.encapsulates = true
        this.#encapsulated(value)
        return
      case 'x-intercept':
        answer.intercept = value.toLowerCase() === 'active'
        return
      case 'pragma':
        if (/^comment:/i.test(value)) answer.comment = value.slice('comment:'.length).replace(/^[ \t]+/, '')
        return
    }
  }

  /** `req-hdr=0, null-body=75`: all before the last offset is counted; chunks follow where the last is a body. */
  #encapsulated(value: string): void {
    let last = 0
    let name = ''
    for (const part of value.split(',')) {
      const section = /^[ \t]*([A-Za-z-]+)[ \t]*=[ \t]*([0-9]{1,9})[ \t]*$/.exec(part)
      if (section === null) throw new Nonsense(`an Encapsulated field with ${JSON.stringify(part)}`)
      const offset = Number(section[2])
      if (offset < last || isBody(name)) throw new Nonsense('an Encapsulated field that is out of order')
      last = offset
      name = section[1].toLowerCase()
    }
    if (last > HELPER_ANSWER_SIZE) throw tooLong()
    this.#left = last
    this.#chunked = isBody(name) && name !== 'null-body'
  }

  /** The line before a chunk. True: `left` has its size. */
  #readSize(): boolean {
    while (this.#at < this.#bytes.length) {
      const byte = this.#bytes[this.#at++]
      if (byte !== LF) {
        if (this.#chunkLine.length === CHUNK_LINE_SIZE) throw new Nonsense('a chunk without a size')
        this.#chunkLine += String.fromCharCode(byte)
        continue
      }
      this.#left = sizeOf(this.#chunkLine)
      this.#chunkLine = ''
      if (this.#left > HELPER_ANSWER_SIZE - this.#kept.length) throw tooLong()
      return true
    }
    return false
  }
}

const SP = 0x20

const isBody = (name: string): boolean => name.endsWith('-body')

/** Hexadecimal digits, then nothing of interest (RFC 9112 7.1.1). */
function sizeOf(line: string): number {
  let size = 0
  let at = 0
  while (at < line.length && (CLASS[line.charCodeAt(at)] & HEX) !== 0) {
    size = size * 16 + HEX_VALUE[line.charCodeAt(at++)]
  }
  if (at === 0 || at > 8 || !/^[ \t]*(?:;.*)?\r?$/.test(line.slice(at))) throw new Nonsense('a chunk without a size')
  return size
}

const tooLong = (): Nonsense => new Nonsense(`an answer of more than ${HELPER_ANSWER_SIZE} bytes`)
