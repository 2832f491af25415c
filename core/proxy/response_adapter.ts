/** Who may change an answer on its way to the client (RFC 3507 RESPMOD). */

import type { BodySource } from '../flow/body_source.ts'
import type { Head } from '../http/head.ts'
import type { Client } from './client.ts'

/**
 * What goes to the client. Where it is not the origin's own, the framing of `head` is `chunked` if there is a body, whatever
 * length its fields tell: that of the body is known at its end.
 */
export interface AdaptedResponse {
  readonly head: Head
  /** `null`: it has none. */
  readonly body: BodySource | null
}

export interface ResponseAdapter {
  /**
   * Show an answer to the services of the chain, one after the other. `request` is what was sent to the origin; `body` is the
   * origin's, `null` when it has none. What it holds is let go of when the exchange is over: it is among the errands of the
   * client's petition. @throws Failure filter-unavailable, denied
   */
  adapt(client: Client, request: Head, response: Head, body: BodySource | null): Promise<AdaptedResponse>
}
