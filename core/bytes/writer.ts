/** A growing piece of memory to write a head into: made once, used again and again. */

import { copy } from './copy.ts'

/** Below this many bytes a loop is quicker than `set` and the view it needs. */
const SHORT = 48

export class ByteWriter {
  /** What was written is `bytes[0..length)`; the array is another one after it has grown. */
  bytes: Uint8Array
  length = 0

  constructor(size = 1024) {
    this.bytes = new Uint8Array(size)
  }

  /** Make sure that `count` more bytes fit. */
  room(count: number): void {
    if (this.length + count > this.bytes.length) this.#grow(count)
  }

  #grow(count: number): void {
    let size = Math.max(64, this.bytes.length * 2)
    while (size < this.length + count) size *= 2
    const bytes = new Uint8Array(size)
    bytes.set(this.bytes.subarray(0, this.length))
    this.bytes = bytes
  }

  /** Copy `from[start..end)`. */
  put(from: Uint8Array, start = 0, end = from.length): void {
    const count = end - start
    if (count <= 0) return
    this.room(count)
    const bytes = this.bytes
    const at = this.length
    this.length = at + count
    if (count > SHORT) {
      copy(bytes, at, from, start, end)
      return
    }
    // Counted from 0: where `i` starts at an optional argument, the loop takes seven times as long on Bun.
    for (let i = 0; i < count; i++) bytes[at + i] = from[start + i]
  }

  /** Write text of one byte a character; what is above 0xff must not come here, and is written as "?". */
  text(text: string): void {
    const count = text.length
    this.room(count)
    const bytes = this.bytes
    const at = this.length
    for (let i = 0; i < count; i++) {
      const code = text.charCodeAt(i)
      bytes[at + i] = code > 0xff ? 0x3f : code
    }
    this.length = at + count
  }

  byte(byte: number): void {
    this.room(1)
    this.bytes[this.length++] = byte
  }

  /** A whole number from 0 to 2^53 - 1 in decimal digits. */
  decimal(number: number): void {
    this.#number(number, 10)
  }

  /** A whole number from 0 to 2^53 - 1 in lower-case hexadecimal digits. */
  hex(number: number): void {
    this.#number(number, 16)
  }

  #number(number: number, base: number): void {
    // Of ints the machine divides ints, which takes a third of the time.
    const int = number <= 0x7fff_ffff
    let count = 1
    for (let left = number; left >= base; left = int ? (left / base) | 0 : Math.floor(left / base)) count++
    this.room(count)
    let left = number
    for (let at = this.length + count - 1; at >= this.length; at--) {
      const rest = int ? (left / base) | 0 : Math.floor(left / base)
      const digit = left - rest * base
      this.bytes[at] = digit < 10 ? 0x30 + digit : 0x57 + digit
      left = rest
    }
    this.length += count
  }

  clear(): void {
    this.length = 0
  }

  /** What was written, not copied: good until the next write. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }
}
