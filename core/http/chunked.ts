/** Taking the chunked coding off (RFC 9112 7.1), strictly: what does not fit the grammar is refused, not guessed at. */

import { BACKSLASH, CLASS, CR, HEX_VALUE, HTAB, LF, QUOTE, SEMICOLON, SP, TOKEN, VALUE } from '../bytes/ascii.ts'
import { Failure, type FailureCode } from '../failure.ts'
import { CHUNK_EXTENSIONS_SIZE, CHUNK_SIZE_DIGITS } from '../limits.ts'

const EQUALS = 0x3d

// Where in `size [; name [= value]]* CR LF data CR LF` the next byte is.
const SIZE = 0
const NAME_START = 1 // after ";", white space allowed
const IN_NAME = 2
const AFTER_NAME = 3 // white space after a name: "=" or ";" must come
const VALUE_START = 4 // after "=", white space allowed
const IN_VALUE = 5
const QUOTED = 6
const ESCAPED = 7
const AFTER_QUOTED = 8
const AFTER_VALUE = 9 // white space after a value: ";" must come
const SIZE_LF = 10
const DATA = 11
const DATA_CR = 12
const DATA_LF = 13

/** `data`: a piece is at [from, to); `more`: all bytes are used up; `last`: the last chunk's line has been read. */
export type ChunkStep = 'data' | 'more' | 'last'

export class ChunkedReader {
  /** The piece of data found. */
  from = 0
  to = 0
  /** Up to where the bytes are used up. */
  at = 0
  /** Where they are kept: the extensions of the chunk read last, from behind the first ";" to the end of the line. */
  kept = ''
  #state = SIZE
  #left = 0
  #digits = 0
  #extensions = 0
  readonly #bad: FailureCode
  readonly #keeps: boolean

  /** `keeps`: the extensions mean something to the reader. */
  constructor(bad: FailureCode, keeps = false) {
    this.#bad = bad
    this.#keeps = keeps
  }

  /** Ready for the first chunk of a message. */
  start(): void {
    this.#state = SIZE
    this.#left = 0
    this.#digits = 0
    this.#extensions = 0
    this.kept = ''
  }

  /** What is to come of the chunk at hand. */
  get owed(): number {
    return this.#state === DATA ? this.#left : 0
  }

  /** So many of the bytes {@link owed} went by unread. */
  skip(count: number): void {
    this.#left -= count
    if (this.#left === 0) this.#state = DATA_CR
  }

  /** Read on in `bytes[at..to)`. */
  read(bytes: Uint8Array, at: number, to: number): ChunkStep {
    let p = at
    while (p < to) {
      const state = this.#state
      if (state === DATA) {
        const end = Math.min(to, p + this.#left)
        this.from = p
        this.to = end
        this.#left -= end - p
        if (this.#left === 0) this.#state = DATA_CR
        this.at = end
        return 'data'
      }
      const c = bytes[p++]
      switch (state) {
        case SIZE: {
          const digit = HEX_VALUE[c]
          if (digit >= 0) {
            // 16 digits may go past 2^53, but never so far that a rounded number is below it.
            if (++this.#digits > CHUNK_SIZE_DIGITS) throw this.#failure('a chunk size has too many digits')
            this.#left = this.#left * 16 + digit
            if (this.#left > Number.MAX_SAFE_INTEGER) throw this.#failure('a chunk is too large')
          } else if (this.#digits === 0) throw this.#failure('a chunk has no size')
          else if (c === CR) this.#state = SIZE_LF
          else if (c === SEMICOLON) this.#extension(NAME_START)
          else throw this.#failure(`a byte ${c} in a chunk size`)
          continue
        }
        case SIZE_LF: {
          if (c !== LF) throw this.#failure('a CR without LF after a chunk size')
          this.#digits = 0
          if (this.#left === 0) {
            this.#state = SIZE
            this.at = p
            return 'last'
          }
          this.#state = DATA
          if (this.#keeps) this.kept = ''
          continue
        }
        case DATA_CR:
          if (c !== CR) throw this.#failure('a chunk is longer than its size')
          this.#state = DATA_LF
          continue
        case DATA_LF:
          if (c !== LF) throw this.#failure('a chunk is longer than its size')
          this.#state = SIZE
          continue
        default:
          this.#extension(this.#next(state, c))
          if (this.#keeps && c !== CR) this.kept += String.fromCharCode(c)
      }
    }
    this.at = p
    return 'more'
  }

  /** One byte of the extensions, which are read to be sure of their end and then forgotten. */
  #extension(state: number): void {
    if (state < 0) throw this.#failure('a chunk extension is not valid')
    if (++this.#extensions > CHUNK_EXTENSIONS_SIZE) throw this.#failure('chunk extensions without end')
    this.#state = state
  }

  /**
   * The state after byte `c` of an extension; -1: it has no place there. White space has its place before and after ";" and
   * "=" (RFC 9112 7.1.1), and none before the end of the line, as after a size.
   */
  #next(state: number, c: number): number {
    const blank = c === SP || c === HTAB
    const token = (CLASS[c] & TOKEN) !== 0
    switch (state) {
      case NAME_START:
        return blank ? NAME_START : token ? IN_NAME : -1
      case IN_NAME:
        if (token) return IN_NAME
        return c === CR ? SIZE_LF : blank ? AFTER_NAME : c === EQUALS ? VALUE_START : c === SEMICOLON ? NAME_START : -1
      case AFTER_NAME:
        return blank ? AFTER_NAME : c === EQUALS ? VALUE_START : c === SEMICOLON ? NAME_START : -1
      case VALUE_START:
        return blank ? VALUE_START : c === QUOTE ? QUOTED : token ? IN_VALUE : -1
      case QUOTED:
        return c === QUOTE ? AFTER_QUOTED : c === BACKSLASH ? ESCAPED : (CLASS[c] & VALUE) !== 0 ? QUOTED : -1
      case ESCAPED:
        return (CLASS[c] & VALUE) !== 0 ? QUOTED : -1
      case AFTER_VALUE:
        return blank ? AFTER_VALUE : c === SEMICOLON ? NAME_START : -1
      default: // IN_VALUE, AFTER_QUOTED
        if (token) return state === IN_VALUE ? IN_VALUE : -1
        return c === CR ? SIZE_LF : blank ? AFTER_VALUE : c === SEMICOLON ? NAME_START : -1
    }
  }

  #failure(detail: string): Failure {
    return new Failure(this.#bad, detail)
  }
}
