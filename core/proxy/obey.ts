/** Decisions that end an exchange: answered here, and never sent to an origin. */

import { escapeHtml } from './template.ts'
import { Failure } from '../failure.ts'
import type { Close, Deny, Redirect, Respond } from '../filter/decision.ts'
import { type Reply, writeReply } from '../http/reply.ts'
import type { Client } from './client.ts'
import type { ExchangeRecord } from './record.ts'

/** What a chain may say that ends an exchange. */
export type Ending = Redirect | Deny | Respond | Close

const encoder = new TextEncoder()

/** The failure that a refusal is: it has a page. */
export function failureOfDeny(deny: Deny): Failure {
  return new Failure(deny.broken && deny.status === 503 ? 'filter-unavailable' : 'denied', deny.reason, deny.status)
}

/** Put the answer into the client's outbox, or close. @throws Failure denied, filter-unavailable */
export function obey(client: Client, ending: Ending): void {
  if (ending.kind === 'deny') throw failureOfDeny(ending)
  // Who speaks no HTTP can be sent nowhere, and shown nothing.
  if (client.answers !== null && ending.kind !== 'close') throw new Failure('denied', ending.reason)
  const { record, proxy } = client
  const head = record.request!
  // A body is in the way of the next request, and after CONNECT nobody knows what the client takes the answer for.
  if (head.framing !== 'none' || head.isMethod('CONNECT') || client.messages.ended) client.reusable = false
  if (ending.kind === 'close') {
    client.reusable = false
    client.socket.close()
    return
  }
  client.answered = true
  writeReply(client.outbox.writer, {
    ...answerOf(record, ending),
    bodiless: head.isMethod('HEAD'),
    close: !client.reusable,
    date: proxy.date(),
  })
}

/** The answer that was decided on, noted in the record. */
export function answerOf(
  record: ExchangeRecord,
  ending: Redirect | Respond,
): Pick<Reply, 'status' | 'fields' | 'body'> {
  const fields: [string, string][] = []
  let body: Uint8Array
  if (ending.kind === 'redirect') {
    record.type = 'text/html'
    fields.push(['Location', ending.location], ['Content-Type', 'text/html; charset=utf-8'])
    body = encoder.encode(hypertextNote(ending.location))
  } else {
    record.type = ending.type
    if (ending.type !== '') fields.push(['Content-Type', ending.type])
    for (const [name, value] of ending.fields ?? []) fields.push([name, value])
    body = ending.body
  }
  fields.push(['Cache-Control', 'no-store'])
  record.status = ending.status
  return { status: ending.status, fields, body }
}

/** RFC 9110 15.4.3: a short note with a link, for those who do not follow by themselves. */
function hypertextNote(location: string): string {
  const link = escapeHtml(location)
  return `<!DOCTYPE html>\n<html lang="en"><title>Found elsewhere</title><p>Go to <a href="${link}">${link}</a></p></html>\n`
}
