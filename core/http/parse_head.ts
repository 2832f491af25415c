/**
 * Reading heads and trailers: every byte is looked at once, and either it is what RFC 9112 allows at that place or the
 * message is refused.
 *
 * A head is read line by line, from wherever it lies: from the chunk it came in when it is there to its end, which is nearly
 * always, else from the head's own storage. Only whole lines are kept in the index, so what is refused, and as what, does
 * not depend on how the bytes were cut.
 */

import { CLASS, COLON, CR, DIGIT, DOT, HTAB, LF, LOOSE, SP, TARGET, TOKEN, VALUE, ZERO } from '../bytes/ascii.ts'
import { Failure, type FailureCode } from '../failure.ts'
import * as limits from '../limits.ts'
import { fieldId } from './fields.ts'
import type { Head } from './head.ts'

/** What one kind of head allows and how its failures are called. */
export interface Grammar {
  readonly start: 'request' | 'response' | 'none'
  readonly bad: FailureCode
  readonly large: FailureCode
  /** White space before the colon is taken away, as RFC 9112 5.1 has a proxy do in responses; else it is refused. */
  readonly repairs: boolean
}

export const REQUEST: Grammar = { start: 'request', bad: 'bad-request', large: 'head-too-large', repairs: false }
export const RESPONSE: Grammar = {
  start: 'response',
  bad: 'bad-response',
  large: 'response-head-too-large',
  repairs: true,
}
export const REQUEST_TRAILERS: Grammar = { start: 'none', bad: 'bad-body', large: 'bad-body', repairs: false }
export const RESPONSE_TRAILERS: Grammar = { start: 'none', bad: 'bad-response', large: 'bad-response', repairs: false }

/** How large a head may be. */
export interface HeadLimits {
  /** Bytes of a head; at most 65,535. */
  readonly size: number
  /** Bytes of a request target. */
  readonly target: number
  /** Fields of a head. */
  readonly fields: number
  /** Bytes of all trailer fields of a message. */
  readonly trailers?: number
  /** Let through what browsers leave raw in targets although RFC 3986 forbids it: ^ ` { | } and bytes above 0x7f. */
  readonly looseTargets?: boolean
  /**
   * A request may say its Content-Length more than once, if it is the same (RFC 9110 8.6): where that is no framing, and
   * only the first is sent on.
   */
  readonly repeatedLength?: boolean
}

export const HEAD_LIMITS: HeadLimits = {
  size: limits.HEAD_SIZE,
  target: limits.TARGET_SIZE,
  fields: limits.FIELD_COUNT,
  trailers: limits.TRAILERS_SIZE,
}

/** Bytes a head or a trailer section may have. Offsets into a head have 16 bits, whatever was configured. */
export function sizeLimit(grammar: Grammar, how: HeadLimits): number {
  if (grammar.start === 'none') return how.trailers ?? limits.TRAILERS_SIZE
  return Math.min(how.size, limits.HEAD_SIZE)
}

/** `more`: the end is not here; `whole`: it is, at head.end; `copy`: go on from the head's own storage, for a repair. */
export type Progress = 'more' | 'whole' | 'copy'

const HASH = 0x23
const ONE = 0x31

/** "HTTP/", the only way to write it (RFC 9112 2.3). */
const HTTP = Uint8Array.of(0x48, 0x54, 0x54, 0x50, 0x2f)

/**
 * Index what `bytes[base..to)` holds of a head, from `base + head.end` on. Offsets in the index count from `base`.
 * `owned` says that the bytes are the head's own and may be repaired. Throws a Failure: `bad` or `large` of the grammar,
 * and for a request line method-unknown, bad-target, target-too-long, version-unknown.
 */
export function parseHead(
  head: Head,
  bytes: Uint8Array,
  base: number,
  to: number,
  grammar: Grammar,
  how: HeadLimits,
  owned: boolean,
): Progress {
  const size = sizeLimit(grammar, how)
  const full = to - base >= size
  const stop = full ? base + size : to
  if (head.end === 0 && grammar.start !== 'none') {
    const lineEnd = grammar.start === 'request'
      ? parseRequestLine(head, bytes, base, stop, how)
      : parseStatusLine(head, bytes, base, stop)
    if (lineEnd < 0) {
      if (full) throw new Failure(grammar.start === 'request' ? 'target-too-long' : grammar.large)
      return 'more'
    }
    head.end = lineEnd - base
    head.fieldsStart = head.end
  }
  const progress = parseFields(head, bytes, base, stop, grammar, how.fields, owned)
  if (progress === 'more' && full) throw new Failure(grammar.large, `more than ${size} bytes`)
  return progress
}

/** Gives where the next line starts; -1 when the line is not all here. */
function parseRequestLine(head: Head, bytes: Uint8Array, base: number, to: number, how: HeadLimits): number {
  const methodStop = Math.min(to, base + limits.METHOD_SIZE + 1)
  let p = base
  while (p < methodStop && (CLASS[bytes[p]] & TOKEN) !== 0) p++
  if (p - base > limits.METHOD_SIZE) throw new Failure('method-unknown', 'the method is too long')
  if (p >= to) return -1
  if (bytes[p] !== SP || p === base) throw new Failure('bad-request', 'the request line does not start with a method')
  head.methodEnd = p - base
  const start = ++p

  const allowed = how.looseTargets === true ? TARGET | LOOSE : TARGET
  const targetStop = Math.min(to, start + how.target + 1)
  while (p < targetStop && (CLASS[bytes[p]] & allowed) !== 0) p++
  if (p - start > how.target) throw new Failure('target-too-long', `more than ${how.target} bytes`)
  if (p >= to) return -1
  const c = bytes[p]
  if (c !== SP) {
    if (c === CR || c === LF) throw new Failure('bad-request', 'the request line has no version')
    if (c === HTAB) throw new Failure('bad-request', 'the request line has a tab')
    throw new Failure('bad-target', c === HASH ? 'the target has a fragment' : `the target has a byte ${c}`)
  }
  if (p === start) throw new Failure('bad-request', 'two spaces in the request line')
  head.targetStart = start - base
  head.targetEnd = p - base

  const end = parseVersion(bytes, p + 1, to, 'bad-request')
  if (end < 0 || end >= to) return -1
  if (bytes[end] !== CR) throw new Failure('bad-request', 'the request line does not end after the version')
  if (end + 1 >= to) return -1
  if (bytes[end + 1] !== LF) throw new Failure('bad-request', 'a CR without LF')
  if (bytes[end - 3] !== ONE) throw new Failure('version-unknown')
  head.minor = bytes[end - 1] === ZERO ? 0 : 1
  return end + 2
}

/** Gives where the next line starts; -1 when the line is not all here. */
function parseStatusLine(head: Head, bytes: Uint8Array, base: number, to: number): number {
  let p = parseVersion(bytes, base, to, 'bad-response')
  if (p < 0 || p >= to) return -1
  if (bytes[p - 3] !== ONE) throw new Failure('bad-response', 'an unknown version of HTTP')
  head.minor = bytes[p - 1] === ZERO ? 0 : 1
  if (bytes[p] !== SP) throw new Failure('bad-response', 'no space after the version')
  p++
  let status = 0
  for (let i = 0; i < 3; i++, p++) {
    if (p >= to) return -1
    if ((CLASS[bytes[p]] & DIGIT) === 0) throw new Failure('bad-response', 'the status has not three digits')
    status = status * 10 + bytes[p] - ZERO
  }
  if (status < 100) throw new Failure('bad-response', `the status is ${status}`)
  head.status = status
  if (p >= to) return -1
  // The space must be there even when no reason follows (RFC 9112 4), but many leave it out and nothing else can be meant.
  if (bytes[p] === SP) p++
  else if (bytes[p] !== CR) throw new Failure('bad-response', 'no space after the status')
  head.reasonStart = p - base
  while (p < to && (CLASS[bytes[p]] & VALUE) !== 0) p++
  head.reasonEnd = p - base
  if (p >= to) return -1
  if (bytes[p] !== CR) throw new Failure('bad-response', `the reason has a byte ${bytes[p]}`)
  if (p + 1 >= to) return -1
  if (bytes[p + 1] !== LF) throw new Failure('bad-response', 'a CR without LF')
  return p + 2
}

/** The detail of a failure: whoever is there speaks something else. */
export const NOT_HTTP = 'the version is not written HTTP/1.1'

/** `HTTP/x.y` with one digit each: gives where it ends, -1 when it is not all here. Whether x is 1 is for the caller. */
function parseVersion(bytes: Uint8Array, start: number, to: number, bad: FailureCode): number {
  for (let i = 0; i < 8; i++) {
    if (start + i >= to) return -1
    const c = bytes[start + i]
    const right = i < 5 ? c === HTTP[i] : i === 6 ? c === DOT : (CLASS[c] & DIGIT) !== 0
    if (!right) throw new Failure(bad, NOT_HTTP)
  }
  return start + 8
}

function parseFields(
  head: Head,
  bytes: Uint8Array,
  base: number,
  to: number,
  grammar: Grammar,
  most: number,
  owned: boolean,
): Progress {
  const classes = CLASS
  const fours = to - 3
  let { at, ids, count, present } = head
  let line = base + head.end
  let progress: Progress = 'more'
  for (;;) {
    let p = line
    while (p < to && (classes[bytes[p]] & TOKEN) !== 0) p++
    if (p >= to) break
    const nameEnd = p
    if (bytes[p] !== COLON || p === line) {
      if (bytes[p] === CR && p === line) {
        if (p + 1 >= to) break
        if (bytes[p + 1] !== LF) throw new Failure(grammar.bad, 'a CR without LF')
        line = p + 2
        progress = 'whole'
        break
      }
      const space = bytes[p] === SP || bytes[p] === HTAB
      if (!space || p === line || !grammar.repairs) throw new Failure(grammar.bad, whyNoName(bytes[p], p === line))
      if (!owned) {
        progress = 'copy'
        break
      }
      while (p < to && (bytes[p] === SP || bytes[p] === HTAB)) p++
      if (p >= to) break
      if (bytes[p] !== COLON) throw new Failure(grammar.bad, 'a field name has a space')
      // The colon moves to the name; what was before it is now white space before the value, which is allowed.
      bytes[p] = SP
      bytes[nameEnd] = COLON
      p = nameEnd
    }
    p++
    while (p < to && (bytes[p] === SP || bytes[p] === HTAB)) p++
    const valueStart = p
    // Nearly all bytes of a head are in values: four at a time take half the time.
    while (
      p < fours &&
      (classes[bytes[p]] & classes[bytes[p + 1]] & classes[bytes[p + 2]] & classes[bytes[p + 3]] & VALUE) !== 0
    ) p += 4
    while (p < to && (classes[bytes[p]] & VALUE) !== 0) p++
    if (p >= to) break
    if (bytes[p] !== CR) throw new Failure(grammar.bad, `a field value has a byte ${bytes[p]}`)
    if (p + 1 >= to) break
    if (bytes[p + 1] !== LF) throw new Failure(grammar.bad, 'a CR without LF')
    let valueEnd = p
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--

    if (count >= most) throw new Failure(grammar.large, `more than ${most} fields`)
    if (count === ids.length) {
      head.growIndex()
      at = head.at
      ids = head.ids
    }
    const place = count * 4
    at[place] = line - base
    at[place + 1] = nameEnd - base
    at[place + 2] = valueStart - base
    at[place + 3] = valueEnd - base
    const id = fieldId(bytes, line, nameEnd)
    ids[count++] = id
    present |= 1 << id
    line = p + 2
  }
  head.count = count
  head.present = present
  head.end = line - base
  return progress
}

function whyNoName(byte: number, first: boolean): string {
  if (byte === CR || byte === LF) return 'a field line has no colon, or does not end in CR LF'
  if (first && (byte === SP || byte === HTAB)) return 'a field line starts with white space'
  if (byte === SP || byte === HTAB) return 'white space before the colon of a field'
  if (byte === COLON && first) return 'a field has no name'
  return `a field name has a byte ${byte}`
}
