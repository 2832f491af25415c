/** The HTTP inside answers of ExaProxy 1's `icap://` protocol: requests as changes of the one that was asked about, responses as answers. */

import { CR, HTAB, latin1, LF, SP, toBytes } from '../bytes/ascii.ts'
import { ByteWriter } from '../bytes/writer.ts'
import { Failure } from '../failure.ts'
import { type Cause, type Changes, type Decision, NO_CHANGES, REDIRECTS } from '../filter/decision.ts'
import { readHead } from '../http/change.ts'
import { FIELD } from '../http/fields.ts'
import type { Head } from '../http/head.ts'
import { HttpParser } from '../http/parser.ts'
import { parseTarget } from '../http/target.ts'
import { readLocation } from './destination.ts'

/** A head and what follows it. */
export interface Split {
  /** Lines end in CR LF, the last one is empty. */
  readonly head: Uint8Array
  readonly rest: Uint8Array
}

/**
 * Take the first head off. Programs end lines with LF alone, the head with a line of spaces, or with nothing: it can mean
 * but one thing here, where nobody else reads the same bytes.
 */
export function splitHead(content: Uint8Array): Split {
  const head = new ByteWriter(Math.min(content.length, 4096) + 64)
  let start = 0
  while (start < content.length) {
    const lf = content.indexOf(LF, start)
    const next = lf < 0 ? content.length : lf + 1
    let end = lf < 0 ? next : lf
    if (end > start && content[end - 1] === CR) end--
    const empty = isBlank(content, start, end)
    if (!empty) {
      head.put(content, start, end)
      head.text('\r\n')
    }
    start = next
    // Empty lines before a head mean nothing (RFC 9112 2.2).
    if (empty && head.length > 0) break
  }
  head.text('\r\n')
  return { head: head.view(), rest: content.subarray(start) }
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== SP && bytes[i] !== HTAB) return false
  return true
}

/** What frames the body, which stays as it is, and what is between two hops: not for a helper to change. */
const FIXED: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** A request of another method cannot be made of the one that came, whose body goes on as it is. */
export interface OtherMethod {
  readonly method: string
  readonly url: string
}

/**
 * What makes a request out of the one that came; `null`: nothing. Both are whole heads.
 * @throws Failure when the other is none
 */
export function changesOf(came: Uint8Array, url: string, wanted: Uint8Array): Changes | OtherMethod | null {
  const before = readHead(came)
  try {
    const after = readHead(withHost(wanted))
    try {
      const [old, now] = [before.head.method(), after.head.method()]
      // HEAD asks for what GET would bring.
      if (old !== now && !(old === 'HEAD' && now === 'GET')) return { method: now, url: urlOf(after.head) }
      return difference(before.head, url, after.head)
    } finally {
      after.release()
    }
  } finally {
    before.release()
  }
}

/** Who writes an absolute URI may leave Host out: it says the same. */
function withHost(head: Uint8Array): Uint8Array {
  const text = latin1(head)
  const authority = /^[^ ]+ http:\/\/([^/?# ]+)/i.exec(text)?.[1]
  if (authority === undefined || /\r\nhost[ \t]*:/i.test(text)) return head
  return toBytes(text.replace('\r\n', () => `\r\nHost: ${authority}\r\n`))
}

function difference(before: Head, url: string, after: Head): Changes | null {
  const to = urlOf(after)
  const [old, now] = [fieldsOf(before), fieldsOf(after)]
  const set: [string, string][] = []
  const remove: string[] = []
  for (const [key, values] of now) {
    const had = old.get(key)
    const same = had !== undefined && had.length === values.length &&
      values.every(([, value], i) => value === had[i][1])
    if (!same && key !== 'host') set.push(...values)
  }
  for (const key of old.keys()) if (!now.has(key) && key !== 'host') remove.push(key)
  const host = after.get(FIELD.host)
  const ownHost = host !== undefined && host.toLowerCase() !== authorityOf(after).toLowerCase()
  const hostChanged = host !== before.get(FIELD.host)
  if (ownHost && hostChanged) set.push(['Host', host])
  if (to === url && set.length === 0 && remove.length === 0) return null
  return { ...NO_CHANGES, url: to !== url || (ownHost && hostChanged) ? to : '', keepHost: ownHost, set, remove }
}

/** By lower-case name, in order: name and value of each. */
function fieldsOf(head: Head): Map<string, [string, string][]> {
  const fields = new Map<string, [string, string][]>()
  for (let i = 0; i < head.count; i++) {
    const name = head.name(i)
    const key = name.toLowerCase()
    if (FIXED.has(key)) continue
    const values = fields.get(key)
    if (values === undefined) fields.set(key, [[name, head.value(i)]])
    else values.push([name, head.value(i)])
  }
  return fields
}

function authorityOf(head: Head): string {
  const target = parseTarget(head)
  return latin1(head.bytes, target.authorityStart, target.authorityEnd)
}

/** As a Subject has it. */
function urlOf(head: Head): string {
  const { form } = parseTarget(head)
  if (form === 'absolute' || form === 'authority') return head.target()
  return `http://${authorityOf(head)}${form === 'asterisk' ? '' : head.target()}`
}

/** Made anew for each client, or told in another way. */
const DROPPED: ReadonlySet<string> = new Set([...FIXED, 'cache-control', 'content-type', 'date'])

/**
 * The answer to the client that a response is. `tunnel`: it is for CONNECT, where 2xx would open one.
 * @throws Failure when it is none
 */
export function responseOf({ head: bytes, rest }: Split, tunnel: boolean, cause: Cause): Decision {
  const parser = new HttpParser('response')
  try {
    parser.feed(bytes)
    const event = parser.next()
    if (event.kind !== 'head') throw new Failure('bad-response', 'not one whole head')
    const { head } = event
    const { status } = head
    if (status < 200 || status > 599) throw new Failure('bad-response', `a response of status ${status}`)
    const fields: [string, string][] = []
    let special = false
    for (let i = 0; i < head.count; i++) {
      const key = head.name(i).toLowerCase()
      if (DROPPED.has(key)) continue
      if (key === 'set-cookie' || key.endsWith('-authenticate')) special = true
      fields.push([head.name(i), head.value(i)])
    }
    const location = readLocation(head.get(FIELD.location) ?? '')
    if (!special && location !== null && REDIRECTS.includes(status)) {
      return { ...cause, kind: 'redirect', status, location }
    }
    const body = head.framing === 'chunked' ? unchunked(bytes, rest) : rest.slice()
    if (!special && body.length === 0 && status >= 400) return { ...cause, kind: 'deny', status, broken: false }
    const told = tunnel && status < 300 ? 403 : status
    return { ...cause, kind: 'respond', status: told, type: head.get(FIELD['content-type']) ?? '', fields, body }
  } finally {
    parser.release()
  }
}

/** The body, where it is in chunks as its head says; as it is where it is not: ICAP has taken it out of its own. */
function unchunked(head: Uint8Array, rest: Uint8Array): Uint8Array {
  const parser = new HttpParser('response')
  const body = new ByteWriter(rest.length)
  try {
    parser.feed(head)
    parser.next()
    // The head was fed alone: this says that it is used up.
    parser.next()
    parser.feed(rest)
    for (let event = parser.next(); event.kind !== 'end'; event = parser.next()) {
      if (event.kind !== 'data') return rest.slice()
      body.put(event.chunk, event.from, event.to)
    }
    return body.view()
  } catch (failure) {
    if (failure instanceof Failure) return rest.slice()
    throw failure
  } finally {
    parser.release()
  }
}
