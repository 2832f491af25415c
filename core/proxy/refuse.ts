/** Answers of our own: a failure turned into a reply, or into the end of the connection where no reply may follow. */

import { latin1 } from '../bytes/ascii.ts'
import { Failure } from '../failure.ts'
import { FIELD } from '../http/fields.ts'
import type { Head } from '../http/head.ts'
import { writeReply } from '../http/reply.ts'
import type { Client } from './client.ts'
import type { Proxy } from './proxy.ts'
import { proxyStatus } from './proxy_status.ts'
import type { ExchangeRecord } from './record.ts'

/** Seconds after which a client that found the proxy full may try again. */
const RETRY_AFTER = '5'
/** How to log in (RFC 7617 2.1): the realm is what browsers show. */
const CHALLENGE = 'Basic realm="proxy", charset="UTF-8"'
/** Methods a listener of each mode answers to OPTIONS and 405 with, where the configuration names none. */
const METHODS = 'GET, HEAD, POST, PUT, DELETE, OPTIONS, TRACE, PATCH'

/** Failures after which the bytes that follow on the connection cannot be trusted to be a request. */
function ends(failure: Failure, head: Head | null): boolean {
  if (head === null) return true
  // A body that was announced and not read is in the way, and a client that waits for 100 may send it or not.
  if (head.framing !== 'none' || !head.persistent) return true
  return failure.when === 'request' || failure.who === 'client' || head.isMethod('CONNECT')
}

/** What became of the exchange, for its line and the counters. */
export function blame(record: ExchangeRecord, failure: Failure): void {
  record.failure = failure.code
  if (record.reason === '') record.reason = failure.detail
  if (
    failure.when === 'decide' && record.decision !== 'deny' && failure.code !== 'loop' && failure.code !== 'no-upstream'
  ) record.decision = 'deny'
}

/**
 * Answer `failure`, or cut the connection when an answer has begun. Never throws a failure.
 * @throws what is no Failure never comes here: {@link perform} makes a `bug` of it.
 */
export async function refuse(client: Client, failure: Failure): Promise<void> {
  const { record } = client
  blame(record, failure)
  if (client.late !== null && client.waits === 'end') return // answered when it expired
  if (client.begun || failure.status === 0) {
    client.outbox.discard()
    client.reusable = false
    // What was half sent must not look whole: a body that ends with the connection needs a reset to tell.
    if (client.begun && client.endsWithConnection) client.socket.abort()
    else client.socket.close()
    return
  }
  // An answer that broke before any of it went out is as good as none.
  record.response = null
  try {
    writeRefusal(client, failure)
    client.wait('reader', client.listener.settings.idle_timeout)
    await client.outbox.flush()
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    client.reusable = false
  }
}

/** The same where nobody can wait: for a deadline that was missed while the client's coroutine waits for bytes. */
export function refuseNow(client: Client, failure: Failure): void {
  try {
    writeRefusal(client, failure)
    const taken = client.outbox.flush()
    client.reusable = false
    // A client that is slow to send and does not read either is not waited for.
    if (taken !== undefined) taken.catch(() => undefined)
    client.socket.end()
  } catch {
    client.socket.close()
  }
}

function writeRefusal(client: Client, failure: Failure): void {
  if (client.answers !== null) {
    client.reusable = false
    client.record.status = failure.status
    client.answered = true
    client.outbox.discard()
    client.outbox.writer.put(client.answers.refused(failure))
    return
  }
  const { proxy, record, outbox } = client
  const head = record.request
  const close = ends(failure, head) || !client.reusable || client.messages.ended
  if (close) client.reusable = false
  const { status, fields, body } = explain(proxy, record, failure, client.listener.settings.mode !== 'forward')
  client.answered = true
  outbox.discard()
  if (failure.code === 'login-needed') fields.push(['Proxy-Authenticate', CHALLENGE])
  if (failure.code === 'method-refused') fields.push(['Allow', allowed(client)])
  writeReply(outbox.writer, {
    status,
    fields,
    body,
    bodiless: head === null ? client.messages.parser.isMethod('HEAD') : head.isMethod('HEAD'),
    close,
    date: proxy.date(),
  })
}

interface Explained {
  readonly status: number
  readonly fields: (readonly [name: string, value: string])[]
  readonly body: Uint8Array
}

/** The page about a failure, noted in the record. `gateway`: whoever asked knows of no proxy. */
export function explain(proxy: Proxy, record: ExchangeRecord, failure: Failure, gateway: boolean): Explained {
  const head = record.request
  record.id = proxy.reference()
  const { status, type, body, fields: about } = proxy.pages.page(failure, {
    url: head === null ? '' : latin1(head.bytes, head.targetStart, head.targetEnd),
    client: record.client,
    accept: head?.get(FIELD.accept) ?? '',
    language: head?.get(FIELD['accept-language']) ?? '',
    connect: head !== null && head.isMethod('CONNECT'),
    gateway,
    category: record.category,
    rule: record.rule,
    by: record.by,
    date: proxy.clock.date(),
    id: record.id,
  })
  record.type = type
  record.status = status
  const fields = [...about]
  if (!proxy.settings.http.transparent) fields.push(['Proxy-Status', proxyStatus(failure, proxy.name)])
  if (status === 503) fields.push(['Retry-After', RETRY_AFTER])
  return { status, fields, body }
}

/** The methods this client may use, as a field value. */
export function allowed(client: Client): string {
  const { methods } = client.proxy.settings.http
  if (methods.length > 0) return methods.join(', ')
  return client.listener.settings.mode === 'forward' ? `${METHODS}, CONNECT` : METHODS
}
