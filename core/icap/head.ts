/** The head of an ICAP message (RFC 3507 4.3): a start line and fields. None of the encapsulated ones. */

import {
  all,
  CLASS,
  COLON,
  CR,
  HTAB,
  latin1,
  LF,
  parseDecimal,
  SP,
  TARGET,
  toBytes,
  TOKEN,
  VALUE,
} from '../bytes/ascii.ts'
import { Failure } from '../failure.ts'
import { FIELD_COUNT, METHOD_SIZE, TARGET_SIZE } from '../limits.ts'

/** Which half of a connection is read: what clients send, or what servers do. */
export type IcapSide = 'request' | 'response'

const VERSION = 'ICAP/1.0'
const FAMILY = 'ICAP/'

/** RFC 3507 4.3.3. */
const VERSION_NOT_SUPPORTED = 505

/** Of these a message has one at most: what two readers could take differently is refused. */
const SINGLE = new Set(['encapsulated', 'preview', 'host', 'max-connections', 'options-ttl'])

export class IcapHead {
  /** Requests: as written, and the target as written (`icap://host:1344/service?x`). */
  method = ''
  uri = ''
  /** Responses. */
  status = 0
  reason = ''
  /** Names in lower case, values without white space around them, in the order they came. */
  readonly fields: (readonly [name: string, value: string])[] = []

  /** The values of a field, joined by ", "; `null`: there is none. `name` in lower case. */
  get(name: string): string | null {
    let value: string | null = null
    for (const [own, text] of this.fields) {
      if (own === name) value = value === null ? text : `${value}, ${text}`
    }
    return value
  }

  /** Whether the list in a field has this member, given in lower case. */
  has(name: string, member: string): boolean {
    const value = this.get(name)
    return value !== null && members(value).some((each) => each.toLowerCase() === member)
  }

  /** A field that is a whole number; -1: there is none, or it is no number. */
  number(name: string): number {
    const value = this.get(name)
    if (value === null) return -1
    const bytes = toBytes(value)
    return parseDecimal(bytes, 0, bytes.length)
  }

  /** The sender lets the connection live after this message. */
  get persistent(): boolean {
    return !this.has('connection', 'close')
  }
}

/** The members of a comma-separated list, without white space around them and without the empty ones. */
export function members(value: string): string[] {
  return value.split(',').map(bare).filter((member) => member !== '')
}

/** Without spaces and tabs around it. */
export function bare(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '')
}

/**
 * Read a head that is all in `bytes[0..end)`, its empty line included. @throws Failure bad-request (with the status to answer
 * with) or bad-response
 */
export function readIcapHead(side: IcapSide, bytes: Uint8Array, end: number): IcapHead {
  const head = new IcapHead()
  const bad = (detail: string, status?: number): Failure =>
    new Failure(side === 'request' ? 'bad-request' : 'bad-response', detail, status)
  let at = side === 'request' ? requestLine(head, bytes, end, bad) : statusLine(head, bytes, end, bad)
  while (bytes[at] !== CR) at = field(head, bytes, at, end, bad)
  if (bytes[at + 1] !== LF || at + 2 !== end) throw bad('a CR without LF in an ICAP head')
  for (const name of SINGLE) {
    if (head.fields.filter(([own]) => own === name).length > 1) throw bad(`more than one ICAP field ${name}`)
  }
  return head
}

type Bad = (detail: string, status?: number) => Failure

function requestLine(head: IcapHead, bytes: Uint8Array, end: number, bad: Bad): number {
  let at = 0
  while (at < end && (CLASS[bytes[at]] & TOKEN) !== 0) at++
  if (at === 0 || at > METHOD_SIZE || bytes[at] !== SP) throw bad('the ICAP request line does not start with a method')
  head.method = latin1(bytes, 0, at)
  const start = ++at
  while (at < end && (CLASS[bytes[at]] & TARGET) !== 0) at++
  if (at === start || bytes[at] !== SP) throw bad('the URI of the ICAP request is not valid')
  if (at - start > TARGET_SIZE) throw bad('the URI of the ICAP request is too long')
  head.uri = latin1(bytes, start, at)
  const version = latin1(bytes, at + 1, Math.min(end, at + 1 + VERSION.length))
  if (version !== VERSION) throw bad('not ICAP/1.0', version.startsWith(FAMILY) ? VERSION_NOT_SUPPORTED : undefined)
  return lineEnd(bytes, at + 1 + VERSION.length, bad)
}

function statusLine(head: IcapHead, bytes: Uint8Array, end: number, bad: Bad): number {
  if (latin1(bytes, 0, Math.min(end, VERSION.length)) !== VERSION) throw bad('the answer is not ICAP/1.0')
  let at = VERSION.length
  const status = bytes[at] === SP ? parseDecimal(bytes, at + 1, at + 4) : -1
  if (status < 100) throw bad('the status of the ICAP answer has not three digits')
  head.status = status
  at += 4
  if (bytes[at] === SP) at++
  else if (bytes[at] !== CR) throw bad('no space after the status of the ICAP answer')
  const start = at
  while (at < end && (CLASS[bytes[at]] & VALUE) !== 0) at++
  head.reason = latin1(bytes, start, at)
  return lineEnd(bytes, at, bad)
}

function lineEnd(bytes: Uint8Array, at: number, bad: Bad): number {
  if (bytes[at] !== CR || bytes[at + 1] !== LF) throw bad('a line of the ICAP head does not end in CR LF')
  return at + 2
}

/** @returns where the next line starts. */
function field(head: IcapHead, bytes: Uint8Array, line: number, end: number, bad: Bad): number {
  let at = line
  while (at < end && bytes[at] !== COLON && bytes[at] !== CR && bytes[at] !== LF) at++
  if (bytes[at] !== COLON || !all(bytes, line, at, TOKEN)) throw bad('a line of the ICAP head is no field')
  if (head.fields.length === FIELD_COUNT) throw bad(`more than ${FIELD_COUNT} ICAP fields`)
  const name = latin1(bytes, line, at).toLowerCase()
  at++
  while (bytes[at] === SP || bytes[at] === HTAB) at++
  const start = at
  while (at < end && (CLASS[bytes[at]] & VALUE) !== 0) at++
  let stop = at
  while (stop > start && (bytes[stop - 1] === SP || bytes[stop - 1] === HTAB)) stop--
  head.fields.push([name, latin1(bytes, start, stop)])
  return lineEnd(bytes, at, bad)
}
