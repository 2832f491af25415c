/** Requests that are for the proxy itself: those that have come as far as they may (RFC 9110 7.6.2), and `OPTIONS *`. */

import { maxForwards } from '../http/forward.ts'
import type { Head } from '../http/head.ts'
import { writeReply, writeTrace } from '../http/reply.ts'
import type { Target } from '../http/target.ts'
import type { Client } from './client.ts'
import { allowed } from './refuse.ts'

/**
 * Write the answer to a request that goes no further into the client's outbox. @returns false when it goes further.
 * @throws Failure bad-request for a Max-Forwards that is no number.
 */
export function answerItself(client: Client, head: Head, target: Target): boolean {
  const options = head.isMethod('OPTIONS')
  if (!options && !head.isMethod('TRACE')) return false
  const hops = maxForwards(head)
  const ours = hops === 0 || (target.form === 'asterisk' && client.listener.settings.mode === 'forward')
  if (!ours) {
    if (hops > 0) client.maxForwards = hops - 1
    return false
  }
  const { record, outbox, proxy } = client
  // A body is in the way of the next request, and nobody asked for it.
  if (head.framing !== 'none') client.reusable = false
  record.decision = 'respond'
  record.reason = hops === 0 ? 'Max-Forwards' : 'OPTIONS *'
  record.status = 200
  client.answered = true
  const close = !client.reusable
  if (options) {
    const fields: [string, string][] = [['Allow', allowed(client)]]
    writeReply(outbox.writer, { status: 200, fields, body: NOTHING, bodiless: false, close, date: proxy.date() })
  } else {
    record.type = 'message/http'
    writeTrace(outbox.writer, head, { close, date: proxy.date() })
  }
  return true
}

const NOTHING: Uint8Array = new Uint8Array(0)
