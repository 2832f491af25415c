/** The lines of a file that comes in pieces. */

import { CR, HTAB, LF, SP } from '../bytes/ascii.ts'
import { LIST_LINE_SIZE } from '../limits.ts'

/** `bytes[start..end)` is a line without blanks around it, never empty, lent for the call. `number` counts from 1. */
export type TakeLine = (bytes: Uint8Array, start: number, end: number, number: number) => void

/** A file that is no text. */
export class NoText extends Error {}

export class Lines {
  readonly #take: TakeLine
  readonly #tooLong: (number: number) => void
  readonly #carried = new Uint8Array(LIST_LINE_SIZE)
  #size = 0
  #number = 0
  /** What is carried has not all of its line: that is too long. */
  #cut = false

  constructor(take: TakeLine, tooLong: (number: number) => void) {
    this.#take = take
    this.#tooLong = tooLong
  }

  /** The next bytes of the file. @throws NoText */
  piece(bytes: Uint8Array): void {
    if (bytes.includes(0)) throw new NoText('it holds a NUL, as no text does')
    if (this.#number === 0 && this.#size === 0 && bytes[0] === 0x1f && bytes[1] === 0x8b) {
      throw new NoText('it is compressed by gzip')
    }
    let start = 0
    if (this.#size > 0 || this.#cut) {
      const end = bytes.indexOf(LF)
      this.#carry(bytes, 0, end < 0 ? bytes.length : end)
      if (end < 0) return
      this.#finish()
      start = end + 1
    }
    for (let end = bytes.indexOf(LF, start); end >= 0; end = bytes.indexOf(LF, start)) {
      this.#line(bytes, start, end)
      start = end + 1
    }
    this.#carry(bytes, start, bytes.length)
  }

  /** There are no more. The next piece is of another file. */
  end(): void {
    if (this.#size > 0 || this.#cut) this.#finish()
    this.#number = 0
  }

  #carry(bytes: Uint8Array, start: number, end: number): void {
    if (this.#cut || start === end) return
    if (this.#size + end - start > this.#carried.length) {
      this.#cut = true
      return
    }
    this.#carried.set(bytes.subarray(start, end), this.#size)
    this.#size += end - start
  }

  #finish(): void {
    if (this.#cut) this.#tooLong(++this.#number)
    else this.#line(this.#carried, 0, this.#size)
    this.#size = 0
    this.#cut = false
  }

  #line(bytes: Uint8Array, from: number, to: number): void {
    this.#number++
    let start = from
    let end = to
    // The mark that some editors write in front of UTF-8.
    if (
      this.#number === 1 && end - start >= 3 && bytes[start] === 0xef && bytes[start + 1] === 0xbb &&
      bytes[start + 2] === 0xbf
    ) start += 3
    while (start < end && isBlank(bytes[start])) start++
    while (end > start && isBlank(bytes[end - 1])) end--
    if (end - start > LIST_LINE_SIZE) this.#tooLong(this.#number)
    else if (end > start) this.#take(bytes, start, end, this.#number)
  }
}

export function isBlank(byte: number): boolean {
  return byte === SP || byte === HTAB || byte === CR
}
