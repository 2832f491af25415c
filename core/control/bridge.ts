/** Between our own HTTP code and an application that speaks in Request and Response. */

import { family } from '../bytes/address.ts'
import { latin1 } from '../bytes/ascii.ts'
import { Failure } from '../failure.ts'
import type { Head } from '../http/head.ts'
import { parseTarget } from '../http/target.ts'
import type { App } from './app.ts'

/** What is sent: the body is whole, its framing is for whoever sends it. */
export interface Answer {
  readonly status: number
  readonly fields: readonly (readonly [string, string])[]
  readonly body: Uint8Array
}

/** Where a request goes. */
export interface Asked {
  readonly url: string
  /** In policy form; empty when an HTTP/1.0 client has not said. */
  readonly host: string
}

/** What a Request can carry; of the others (TRACE, CONNECT, what nobody knows) no page has need. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * On each answer, where the application does not say it otherwise. What is shown is of the moment, is for the operator
 * alone, and is never a part of another page.
 */
const ALWAYS: ReadonlyArray<readonly [string, string]> = [
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
  ['content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"],
  ['cross-origin-resource-policy', 'same-origin'],
  ['referrer-policy', 'no-referrer'],
]

/** Fields of a Response that are not its to say: how the message is framed, and when it was made. */
const NOT_ITS_OWN: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'transfer-encoding',
])

const encoder = new TextEncoder()

/** An answer of a sentence. */
export function plain(status: number, words: string, ...fields: readonly (readonly [string, string])[]): Answer {
  const all = [['content-type', 'text/plain; charset=utf-8'] as const, ...fields, ...ALWAYS]
  return { status, fields: all, body: encoder.encode(`${status}: ${words}\n`) }
}

/** Where the request that `head` begins goes, or what to answer because it goes nowhere. */
export function asked(head: Head): Asked | Answer {
  if (!METHODS.has(head.method())) return plain(501, 'this method is not known here')
  try {
    const { form, host, port, pathStart, pathEnd } = parseTarget(head)
    if (form === 'asterisk') return plain(405, 'pages are asked for with GET', ['allow', 'GET, HEAD'])
    const path = latin1(head.bytes, pathStart, pathEnd)
    const name = host === '' ? 'localhost' : family(host) === 6 ? `[${host}]` : host
    return { host, url: `http://${name}:${port}${path.startsWith('/') ? path : `/${path}`}` }
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure
    return plain(failure.status, failure.words)
  }
}

/** Have the application answer. HEAD is answered as GET is, since its answer has the same fields (RFC 9110 9.3.2). */
export async function ask(app: App, head: Head, url: string, body: Uint8Array<ArrayBuffer>): Promise<Answer> {
  const headers: [string, string][] = []
  for (let i = 0; i < head.count; i++) {
    if (head.cut[i] === 0) headers.push([head.name(i), head.value(i)])
  }
  const method = head.method() === 'HEAD' ? 'GET' : head.method()
  let request: Request
  try {
    request = body.length === 0 || method === 'GET'
      ? new Request(url, { method, headers })
      : new Request(url, { method, headers, body })
  } catch (error) {
    // What is fine for us and not for it: a host such as "a_b", a field value of some byte.
    if (!(error instanceof TypeError)) throw error
    return plain(400, 'this request is not understood here')
  }
  const response = await app(request)
  const fields: [string, string][] = []
  response.headers.forEach((value, name) => void (NOT_ITS_OWN.has(name) || fields.push([name, value])))
  for (const [name, value] of ALWAYS) if (response.headers.get(name) === null) fields.push([name, value])
  return { status: response.status, fields, body: new Uint8Array(await response.arrayBuffer()) }
}
