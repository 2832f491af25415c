/** Answers that are lines: what most helper programs write. */

import { CLASS, CR, DIGIT, latin1, LF, parseDecimal, SP, toBytes } from '../bytes/ascii.ts'
import { ByteWriter } from '../bytes/writer.ts'
import { HELPER_ANSWER_SIZE } from '../limits.ts'
import type { Answer, AnswerReader } from './dialect.ts'
import { Nonsense } from './dialect.ts'

/** A line without its end (LF or CR LF) and without its channel. The same object each time. */
export interface AnswerLine extends Answer {
  channel: number
  text: string
}

const NONE: Uint8Array = new Uint8Array(0)

export class AnswerLines implements AnswerReader<AnswerLine> {
  readonly #channels: boolean
  readonly #line: AnswerLine = { channel: 0, text: '' }
  /** The beginning of a line whose end has not come. */
  #part: ByteWriter | null = null
  #bytes = NONE
  #at = 0
  #broken = false

  /** `channels`: a line begins with a number and a space. One that does not has channel 0. */
  constructor(channels: boolean) {
    this.#channels = channels
  }

  feed(bytes: Uint8Array): void {
    this.#bytes = bytes
    this.#at = 0
  }

  next(): AnswerLine | null {
    if (this.#broken) throw tooLong()
    const bytes = this.#bytes
    const start = this.#at
    const end = bytes.indexOf(LF, start)
    if (end === -1) {
      this.#keep(bytes, start, bytes.length)
      this.#bytes = NONE
      this.#at = 0
      return null
    }
    this.#at = end + 1
    const part = this.#part
    if (part === null) return this.#read(bytes, start, end)
    this.#keep(bytes, start, end)
    this.#part = null
    return this.#read(part.bytes, 0, part.length)
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    if (start === end) return
    const part = this.#part ??= new ByteWriter(end - start)
    if (part.length + end - start > HELPER_ANSWER_SIZE) {
      this.#broken = true
      this.#part = null
      this.#bytes = NONE
      throw tooLong()
    }
    part.put(bytes, start, end)
  }

  #read(bytes: Uint8Array, start: number, lineEnd: number): AnswerLine {
    const line = this.#line
    const end = lineEnd > start && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd
    if (!this.#channels) {
      line.text = latin1(bytes, start, end)
      return line
    }
    let at = start
    while (at < end && (CLASS[bytes[at]] & DIGIT) !== 0) at++
    const channel = at === end || bytes[at] === SP ? parseDecimal(bytes, start, at) : -1
    line.channel = channel === -1 ? 0 : channel
    while (at < end && bytes[at] === SP) at++
    line.text = latin1(bytes, channel === -1 ? start : at, end)
    return line
  }
}

const tooLong = (): Nonsense => new Nonsense(`a line of more than ${HELPER_ANSWER_SIZE} bytes`)

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Characters of an answer that people are shown. */
const WORDS_SIZE = 500

/** Words of an answer, one byte a character, as people may read them: as UTF-8 where it is, without control characters. */
export function answerWords(text: string): string {
  if (text === '') return text
  let words = text
  // Most are ASCII.
  if (/[^ -~]/.test(text)) {
    try {
      words = decoder.decode(toBytes(text))
    } catch {
      // It is something else, latin1 perhaps.
    }
    words = words.replace(/\p{Cc}/gu, ' ')
  }
  return words.length > WORDS_SIZE ? words.slice(0, WORDS_SIZE) : words
}
