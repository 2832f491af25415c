/** Comma-separated lists in field values (RFC 9110 5.6.1), member by member, without allocating. */

import { COMMA, HTAB, SP } from '../bytes/ascii.ts'

/**
 * One place in a list: `open` it, then `while (list.next())` look at `bytes[list.start..list.end)`. Empty members are
 * passed over. Quoted strings are not known: for lists of tokens.
 */
export class List {
  start = 0
  end = 0
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #to = 0

  open(bytes: Uint8Array, from: number, to: number): this {
    this.#bytes = bytes
    this.#at = from
    this.#to = to
    return this
  }

  next(): boolean {
    const bytes = this.#bytes
    const to = this.#to
    let at = this.#at
    for (;;) {
      while (at < to && (bytes[at] === COMMA || bytes[at] === SP || bytes[at] === HTAB)) at++
      if (at >= to) {
        this.#at = to
        return false
      }
      const start = at
      while (at < to && bytes[at] !== COMMA) at++
      let end = at
      while (end > start && (bytes[end - 1] === SP || bytes[end - 1] === HTAB)) end--
      this.start = start
      this.end = end
      this.#at = at
      return true
    }
  }
}
