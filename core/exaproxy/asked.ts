/** What is remembered of a request until its answer comes. */

import type { Question } from '../filter/dialect.ts'
import type { Subject } from '../filter/subject.ts'

export interface Asked extends Question {
  /** All that is written to the helper. */
  readonly message: Uint8Array
  readonly method: string
  /** In policy form, without brackets. */
  readonly host: string
  readonly port: number
  /** As it was sent: an absolute URI, or `host:port`. */
  readonly url: string
  /** The address of the client; empty on a unix-domain socket. */
  readonly client: string
}

export function askedOf({ method, host, port, url, client }: Subject, message: Uint8Array): Asked {
  return { kind: 'question', known: null, message, method, host, port, url, client }
}

/** The path and the query as they were sent; "/" for CONNECT, as the original had it. */
export function sentPath({ url }: Pick<Subject, 'url'>): string {
  const scheme = url.indexOf('://')
  if (scheme < 0) return '/'
  const authority = scheme + 3
  const start = url.slice(authority).search(/[/?#]/)
  if (start < 0) return '/'
  const rest = url.slice(authority + start)
  return rest.startsWith('/') ? rest : `/${rest}`
}
