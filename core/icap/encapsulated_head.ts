/**
 * Heads of HTTP messages inside ICAP messages: read with the parser for those on the wire, and framed anew, because what they
 * say of their body's length was true before somebody changed it.
 */

import { COLON, SP, toBytes } from '../bytes/ascii.ts'
import { ByteWriter } from '../bytes/writer.ts'
import { Failure } from '../failure.ts'
import type { OwnHead } from '../http/change.ts'
import { FIELD } from '../http/fields.ts'
import type { Head } from '../http/head.ts'
import { HEAD_LIMITS } from '../http/parse_head.ts'
import { HttpParser } from '../http/parser.ts'

/** What was let in through a listener is let through here, too. c-icap's client says Content-Length twice. */
const LIMITS = { ...HEAD_LIMITS, looseTargets: true, repeatedLength: true }
const LINE_END = toBytes('\r\n')

/** @throws Failure as the parser does, and bad-request for what goes on after the head. */
export function readRequestHead(bytes: Uint8Array): OwnHead {
  return readHead('request', bytes, false)
}

/** `bodiless`: it answers HEAD. @throws Failure bad-response, response-head-too-large */
export function readResponseHead(bytes: Uint8Array, bodiless: boolean): OwnHead {
  return readHead('response', bytes, bodiless)
}

function readHead(kind: 'request' | 'response', bytes: Uint8Array, bodiless: boolean): OwnHead {
  const parser = new HttpParser(kind, LIMITS)
  parser.restart({ head: bodiless })
  parser.feed(bytes)
  const event = parser.next()
  if (event.kind !== 'head' || event.head.end !== bytes.length) {
    throw new Failure(kind === 'request' ? 'bad-request' : 'bad-response', 'what is encapsulated is not one whole head')
  }
  return { head: event.head, release: () => parser.release() }
}

/** How a body that came encapsulated is told to the next hop. */
export type Reframing =
  /** It is all that is to come: chunked, whatever length the fields say. */
  | 'body'
  /** There is none. */
  | 'none'
  /** There is none, and what the fields say of its length is about what a GET would have got: HEAD, 304. */
  | 'told'

/**
 * The head of a message with its framing made true. `own` is given back, or is what is returned. @throws Failure as the parser
 * does
 */
export function reframe(own: OwnHead, how: Reframing): OwnHead {
  const { head } = own
  if (how === 'told') {
    head.framing = 'none'
    return own
  }
  if (how === 'body') {
    for (let i = head.find(FIELD['content-length']); i >= 0; i = head.find(FIELD['content-length'], i + 1)) {
      head.cut[i] = 1
    }
    head.framing = 'chunked'
    return own
  }
  const length = tellsLength(head)
  if (head.framing === 'none' && !length) return own
  const out = new ByteWriter(head.end + 64)
  out.put(head.bytes, 0, head.fieldsStart)
  writeFields(out, head, FIELD['content-length'])
  if (length) out.text('Content-Length: 0\r\n')
  out.put(LINE_END)
  const bytes = out.view().slice()
  const request = head.status === 0
  own.release()
  return request ? readRequestHead(bytes) : readResponseHead(bytes, false)
}

/** Whether a message without a body must say so: else a response lasts until the connection ends (RFC 9112 6.3). */
function tellsLength(head: Head): boolean {
  if (head.status === 0) return head.framing !== 'none' || head.isMethod('POST') || head.isMethod('PUT')
  return head.status >= 200 && head.status !== 204 && head.status !== 304
}

/** Write the fields that may be encapsulated: those that are for the next hop alone may not (RFC 3507 4.4.1). */
export function writeFields(out: ByteWriter, head: Head, left = 0): void {
  const { bytes, at, ids, cut, count } = head
  for (let i = 0; i < count; i++) {
    if (cut[i] !== 0 || (left !== 0 && ids[i] === left) || ids[i] === FIELD.trailer) continue
    out.put(bytes, at[i * 4], at[i * 4 + 1])
    out.byte(COLON)
    out.byte(SP)
    out.put(bytes, at[i * 4 + 2], at[i * 4 + 3])
    out.put(LINE_END)
  }
}

/** The head of a request, to be encapsulated: its target is `url`, absolute or as CONNECT has it. */
export function writeRequestHead(out: ByteWriter, head: Head, url: string): void {
  out.put(head.bytes, 0, head.methodEnd)
  out.byte(SP)
  out.text(url)
  out.text(head.minor === 0 ? ' HTTP/1.0\r\n' : ' HTTP/1.1\r\n')
  writeFields(out, head)
  out.put(LINE_END)
}

/** The head of a response, to be encapsulated. */
export function writeResponseHead(out: ByteWriter, head: Head): void {
  out.put(head.bytes, 0, head.fieldsStart)
  writeFields(out, head)
  out.put(LINE_END)
}
