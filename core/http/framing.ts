/**
 * What a head says about its message and its connection: the one place where framing is decided (RFC 9112 6 and 9).
 *
 * Whatever two parties could read differently is refused, for that is what request smuggling lives on.
 */

import { all, COMMA, equalsIgnoreCase, parseDecimal, sameIgnoreCase, TOKEN } from '../bytes/ascii.ts'
import { Failure, type FailureCode } from '../failure.ts'
import { CONNECTION_OPTIONS } from '../limits.ts'
import { END_TO_END, FIELD, HOP_BY_HOP } from './fields.ts'
import type { Head } from './head.ts'
import { List } from './list.ts'

/** What a response answers: without it, the end of a response cannot be known. */
export interface Answering {
  readonly head?: boolean
  readonly connect?: boolean
}

const list = new List()

// What the fields of the head at hand say; the head is read and judged in one go, so one set of these is enough.
let hosts = 0
let lengths = 0
let codings = 0
let firstLength = -1
let firstCoding = -1
let expects = false
let upgrades = false
let via = false
let closes = false
let keeps = false
let asksUpgrade = false

/** Mark the hop-by-hop fields and note what framing needs. */
function collect(head: Head, failure: 'bad-request' | 'bad-response'): void {
  hosts = lengths = codings = 0
  firstLength = firstCoding = -1
  expects =
    upgrades =
    via =
    closes =
    keeps =
    asksUpgrade =
      false
  let connection = -1
  const { ids, cut } = head
  for (let i = 0; i < head.count; i++) {
    const id = ids[i]
    cut[i] = HOP_BY_HOP[id]
    if (id === 0) continue
    switch (id) {
      case FIELD.host:
        hosts++
        break
      case FIELD['content-length']:
        if (lengths++ === 0) firstLength = i
        break
      case FIELD['transfer-encoding']:
        if (codings++ === 0) firstCoding = i
        break
      case FIELD.connection:
        if (connection < 0) connection = i
        break
      case FIELD.expect:
        expects = true
        break
      case FIELD.upgrade:
        upgrades = true
        break
      case FIELD.via:
        via = true
        break
      case FIELD.te:
        if (has(head, i, 'trailers')) head.trailersWelcome = true
        break
    }
  }
  let options = 0
  for (let i = connection; i >= 0; i = head.find(FIELD.connection, i + 1)) {
    list.open(head.bytes, head.at[i * 4 + 2], head.at[i * 4 + 3])
    while (list.next()) {
      if (++options > CONNECTION_OPTIONS) throw new Failure(failure, 'too many options in Connection')
      const { start, end } = list
      if (equalsIgnoreCase(head.bytes, start, end, 'close')) closes = true
      else if (equalsIgnoreCase(head.bytes, start, end, 'keep-alive')) keeps = true
      else if (equalsIgnoreCase(head.bytes, start, end, 'upgrade')) asksUpgrade = true
      else nominate(head, head.bytes, start, end)
    }
  }
}

/** Cut the fields that have the name `from[start..end)`, an option of Connection (RFC 9110 7.6.1). */
function nominate(head: Head, from: Uint8Array, start: number, end: number): void {
  const { bytes, at, ids, cut } = head
  for (let i = 0; i < head.count; i++) {
    if (at[i * 4 + 1] - at[i * 4] !== end - start || END_TO_END[ids[i]] === 1) continue
    if (sameIgnoreCase(bytes, at[i * 4], at[i * 4 + 1], from, start, end)) cut[i] = 1
  }
}

/**
 * Cut the trailer fields that are not to be sent on: those Trailer did not announce, which whoever merges trailers would not
 * expect, and those Connection names (RFC 9110 6.5, 7.6.1). What may never be a trailer is cut when they are written.
 */
export function judgeTrailers(trailers: Head, head: Head): void {
  trailers.cut.fill(1, 0, trailers.count)
  for (let i = head.find(FIELD.trailer); i >= 0; i = head.find(FIELD.trailer, i + 1)) {
    list.open(head.bytes, head.at[i * 4 + 2], head.at[i * 4 + 3])
    while (list.next()) announce(trailers, head.bytes, list.start, list.end)
  }
  for (let i = head.find(FIELD.connection); i >= 0; i = head.find(FIELD.connection, i + 1)) {
    list.open(head.bytes, head.at[i * 4 + 2], head.at[i * 4 + 3])
    while (list.next()) nominate(trailers, head.bytes, list.start, list.end)
  }
}

function announce(trailers: Head, from: Uint8Array, start: number, end: number): void {
  const { bytes, at, cut } = trailers
  for (let i = 0; i < trailers.count; i++) {
    if (sameIgnoreCase(bytes, at[i * 4], at[i * 4 + 1], from, start, end)) cut[i] = 0
  }
}

/** Of a value in the detail of a failure, which ends up in logs and pages. */
const SHOWN = 80

function shown(head: Head, index: number): string {
  const value = head.value(index)
  return `${head.name(index)}: ${value.length > SHOWN ? `${value.slice(0, SHOWN)}...` : value}`
}

/** Whether the list in a field has this member, given in lower case. */
function has(head: Head, index: number, member: string): boolean {
  list.open(head.bytes, head.at[index * 4 + 2], head.at[index * 4 + 3])
  while (list.next()) {
    if (equalsIgnoreCase(head.bytes, list.start, list.end, member)) return true
  }
  return false
}

/**
 * Judge the head of a request; throws bad-host, bad-framing, coding-unknown, expectation-failed, bad-request. `repeats`:
 * Content-Length may be there several times over, saying the same: see HeadLimits.
 */
export function judgeRequest(head: Head, repeats = false): void {
  collect(head, 'bad-request')
  // RFC 9112 3.2: one Host line, which only HTTP/1.0 may leave out. Its value is parseTarget's matter.
  if (hosts > 1) throw new Failure('bad-host', 'more than one Host field')
  if (hosts === 0 && head.minor === 1) throw new Failure('bad-host', 'no Host field')
  frameRequest(head, repeats)

  // A 1.0 client may have put keep-alive there for a proxy that passed it on unread: not when there was one (9112 C.2.2).
  head.persistent = !closes && (head.minor === 1 || (keeps && !via))
  head.upgrade = asksUpgrade && upgrades && head.minor === 1
  // RFC 9110 10.1.1: not known in 1.0, and nothing to wait for without a body.
  if (!expects || head.minor === 0) return
  for (let i = head.find(FIELD.expect); i >= 0; i = head.find(FIELD.expect, i + 1)) {
    list.open(head.bytes, head.at[i * 4 + 2], head.at[i * 4 + 3])
    while (list.next()) {
      if (equalsIgnoreCase(head.bytes, list.start, list.end, '100-continue')) head.expectContinue = true
      else throw new Failure('expectation-failed', shown(head, i))
    }
  }
  if (head.framing === 'none' || (head.framing === 'length' && head.length === 0)) head.expectContinue = false
}

function frameRequest(head: Head, repeats: boolean): void {
  const connect = head.isMethod('CONNECT')
  if (codings > 0) {
    if (connect) throw new Failure('bad-framing', 'CONNECT with Transfer-Encoding')
    if (head.minor === 0) throw new Failure('bad-framing', 'Transfer-Encoding in HTTP/1.0')
    if (lengths > 0) throw new Failure('bad-framing', 'both Transfer-Encoding and Content-Length')
    head.framing = 'chunked'
    requireChunked(head)
    return
  }
  if (lengths === 0) return
  if (lengths > 1 && !repeats) throw new Failure('bad-framing', 'more than one Content-Length')
  const length = lengthAt(head, firstLength)
  if (length < 0) throw new Failure('bad-framing', shown(head, firstLength))
  if (lengths > 1) {
    requireSame(head, length, 'bad-framing')
    cutLengths(head, firstLength + 1)
  }
  if (connect) {
    // RFC 9110 9.3.6: content of CONNECT has no meaning; a length of nothing says the same as none.
    if (length > 0) throw new Failure('bad-framing', 'CONNECT with a body')
    head.cut[firstLength] = 1
    return
  }
  head.framing = 'length'
  head.length = length
}

function requireSame(head: Head, length: number, bad: FailureCode): void {
  for (let i = head.find(FIELD['content-length'], firstLength + 1); i >= 0;) {
    if (lengthAt(head, i) !== length) throw new Failure(bad, 'Content-Length fields that differ')
    i = head.find(FIELD['content-length'], i + 1)
  }
}

const lengthAt = (head: Head, index: number): number =>
  parseDecimal(head.bytes, head.at[index * 4 + 2], head.at[index * 4 + 3])

/**
 * The one coding a request may have is chunked, alone, and written just so. Another one before it is not implemented (501);
 * all else is no way to end a request: chunked not last, or twice, or adorned (RFC 9112 6.1, 6.3).
 */
function requireChunked(head: Head): void {
  const { bytes, at } = head
  const place = firstCoding * 4
  if (codings === 1 && equalsIgnoreCase(bytes, at[place + 2], at[place + 3], 'chunked')) return
  let last = false
  let valid = true
  for (let i = firstCoding; i >= 0; i = head.find(FIELD['transfer-encoding'], i + 1)) {
    let members = 1
    for (let p = at[i * 4 + 2]; p < at[i * 4 + 3]; p++) if (bytes[p] === COMMA) members++
    list.open(bytes, at[i * 4 + 2], at[i * 4 + 3])
    while (list.next()) {
      members--
      valid &&= !last && all(bytes, list.start, list.end, TOKEN)
      last = equalsIgnoreCase(bytes, list.start, list.end, 'chunked')
    }
    // Empty members are allowed in lists, but some take `,chunked` for chunked and some do not.
    valid &&= members === 0
  }
  throw new Failure(valid && last ? 'coding-unknown' : 'bad-framing', shown(head, firstCoding))
}

/** Judge the head of a response; throws bad-response. */
export function judgeResponse(head: Head, answering: Answering): void {
  collect(head, 'bad-response')
  head.persistent = !closes && (head.minor === 1 || keeps)
  head.upgrade = asksUpgrade && upgrades && head.minor === 1
  head.length = -1
  const { status } = head
  // RFC 9112 6.3, rules 1 and 2: whatever the fields say, there is no body.
  if (status < 200 || status === 204 || (answering.connect === true && status < 300)) {
    cutLengths(head, 0)
    return
  }
  const bodiless = answering.head === true || status === 304
  if (codings > 0) {
    // Rule 3, and 6.1: Transfer-Encoding wins over Content-Length, after which the connection is not trusted.
    if (lengths > 0) head.persistent = false
    cutLengths(head, 0)
    if (bodiless) return
    const framing = codingOfResponse(head)
    head.framing = framing
    if (framing === 'close') head.persistent = false
    return
  }
  if (lengths > 0) {
    head.length = lengthAt(head, firstLength)
    if (head.length < 0) throw new Failure('bad-response', shown(head, firstLength))
    requireSame(head, head.length, 'bad-response')
    cutLengths(head, firstLength + 1)
    if (!bodiless) head.framing = 'length'
    return
  }
  if (bodiless) return
  head.framing = 'close'
  head.persistent = false
}

function cutLengths(head: Head, from: number): void {
  if (lengths === 0) return
  for (let i = head.find(FIELD['content-length'], from); i >= 0; i = head.find(FIELD['content-length'], i + 1)) {
    head.cut[i] = 1
  }
}

/**
 * Chunked, or the long gone "identity", which means to read until the origin closes. The other codings are for hops that
 * asked for them in TE, as we never do.
 */
function codingOfResponse(head: Head): 'chunked' | 'close' {
  if (codings > 1) throw new Failure('bad-response', 'more than one Transfer-Encoding')
  const start = head.at[firstCoding * 4 + 2]
  const end = head.at[firstCoding * 4 + 3]
  if (equalsIgnoreCase(head.bytes, start, end, 'chunked')) {
    if (head.minor === 0) throw new Failure('bad-response', 'Transfer-Encoding in HTTP/1.0')
    return 'chunked'
  }
  if (equalsIgnoreCase(head.bytes, start, end, 'identity')) return 'close'
  throw new Failure('bad-response', shown(head, firstCoding))
}
