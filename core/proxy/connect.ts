/** Tunnels: CONNECT (RFC 9110 9.3.6), and the upgrade of a connection (RFC 9110 7.8). */

import { toBytes } from '../bytes/ascii.ts'
import { Failure } from '../failure.ts'
import type { OriginConnection } from '../flow/origins.ts'
import { tunnel } from '../flow/tunnel.ts'
import { isUpgradeAnswer, writeResponseHead } from '../http/forward.ts'
import type { Head } from '../http/head.ts'
import type { Target } from '../http/target.ts'
import { HALF_CLOSED_TIME } from '../limits.ts'
import type { Client } from './client.ts'
import { type Ending, failureOfDeny } from './obey.ts'
import { OTHER_HELLO, Peek, REFUSED_NAME } from './peek.ts'
import { reachOne } from './reach.ts'
import { blame } from './refuse.ts'
import { type Review, review } from './review.ts'
import { routeConnect } from './route.ts'

/** No field follows: whatever framing one suggested, it would be of no message (RFC 9110 9.3.6). */
const ESTABLISHED = toBytes('HTTP/1.1 200 Connection established\r\n\r\n')

interface Refusal {
  readonly why: Ending | Failure
  readonly alert: Uint8Array
}

/** RFC 8446 4.1.2: it must be as the first one was, by which it was judged. */
const SECOND: Refusal = {
  why: new Failure('denied', 'the second ClientHello is not for the name of the first'),
  alert: OTHER_HELLO,
}

/** @returns false: nothing of a tunnel can be kept. @throws Failure of the phases decide, resolve and connect. */
export async function connect(client: Client, target: Target): Promise<boolean> {
  const { record, outbox, proxy } = client
  client.reusable = false
  const origin = routeConnect(client, target)
  let connection = await reachOne(client, origin, target)
  record.firstByte = proxy.clock.now() - client.began
  outbox.writer.put(client.answers === null ? ESTABLISHED : client.answers.established)
  await opened(client, 200)
  let peek = client.hello
  if (peek === null && client.petition !== null && client.listener.settings.peek) {
    peek = new Peek(client)
    await peek.look()
    client.wait('decide', 0)
    const said = await judge(client, peek)
    if (client.late !== null) throw client.late
    if (said instanceof Failure || said.kind !== 'forward') {
      await refuseTunnel(client, said, peek.speaksTls ? REFUSED_NAME : null)
      return false
    }
    if (said.dial !== null) {
      client.release(false)
      connection = await reachOne(client, routeConnect(client, target), target)
    }
  }
  await carry(client, connection, 200, peek)
  return false
}

/** The origin answered 101: pass it on, and from there the bytes. @throws Failure bad-response when nobody asked for it. */
export async function openTunnel(
  client: Client,
  connection: OriginConnection,
  head: Head,
  response: Head,
): Promise<boolean> {
  const { proxy, record, outbox } = client
  if (!isUpgradeAnswer(response, head, proxy.settings.http.upgrades)) {
    throw new Failure('bad-response', 'an upgrade that was not asked for')
  }
  if (client.upload !== null && !client.upload.done) throw new Failure('bad-response', 'an upgrade inside the request')
  client.reusable = false
  record.response = response
  writeResponseHead(outbox.writer, response, proxy.interim(true))
  while (connection.messages.next().kind !== 'end');
  await opened(client, 101)
  await carry(client, connection, 101, null)
  return false
}

/** Send what opens the tunnel. */
async function opened(client: Client, status: number): Promise<void> {
  const { proxy, record, outbox } = client
  record.tunnel = true
  record.status = status
  client.answered = true
  client.wait('tunnel', proxy.settings.outgoing.tunnel_timeout)
  await outbox.flush()
}

/** What comes of what was said first. A failure: nothing of it may go on. */
async function judge(client: Client, peek: Peek): Promise<Review | Failure> {
  if (peek.unreadable !== '') return new Failure('denied', peek.unreadable)
  try {
    return await review(client, peek.facts)
  } catch (error) {
    if (error instanceof Failure) return error
    throw error
  }
}

/** As before the tunnel began, but that it cannot lead elsewhere any more. `null`: it goes on. */
async function tooLate(client: Client, peek: Peek): Promise<Ending | Failure | null> {
  const said = await judge(client, peek)
  if (said instanceof Failure || said.kind !== 'forward') return said
  return said.dial === null ? null : new Failure('denied', 'the tunnel cannot lead elsewhere any more')
}

/** A tunnel that was opened is not to be: said in an alert, where TLS is what the client speaks. */
async function refuseTunnel(client: Client, why: Ending | Failure, alert: Uint8Array | null): Promise<void> {
  const { record, outbox, listener } = client
  record.tunnel = false
  if (why instanceof Failure) blame(record, why)
  else if (why.kind === 'deny') record.failure = failureOfDeny(why).code
  else if (why.kind === 'close') return
  if (alert === null) return
  outbox.writer.put(alert)
  client.wait('reader', listener.settings.idle_timeout)
  try {
    await outbox.flush()
  } catch (error) {
    // It is gone, or was told already that the server has ended: nobody is left to be told why.
    if (!(error instanceof Failure)) throw error
  }
}

/** Carry bytes until both sides have ended. `peek`: what was looked at before. */
async function carry(
  client: Client,
  connection: OriginConnection,
  status: number,
  peek: Peek | null,
): Promise<void> {
  const { proxy, record, messages } = client
  const { tunnel_timeout } = proxy.settings.outgoing
  client.wait('tunnel', tunnel_timeout)
  const totals = { up: 0, down: 0, ended: false }
  client.tunnel = totals
  connection.tunnel = totals
  proxy.statistics.tunnel(status)
  // Who the client is comes before what it says.
  await connection.outbox.flush()
  // Where nobody has judged by what is said inside, it is not looked at.
  const guard = peek === null || client.petition === null ? null : peek.guard()
  let refusal = SECOND
  const late = peek === null || !peek.silent ? null : peek.later(async () => {
    const why = await tooLate(client, peek)
    if (why === null) return
    refusal = { why, alert: REFUSED_NAME }
    guard!.refused = true
  })
  const kept = peek?.handOver()
  const here = messages.detach()
  const there = connection.messages.detach()
  let patience = tunnel_timeout
  const broken = await tunnel(
    { socket: client.socket, rest: kept ?? here.rest, pull: late ?? here.pull },
    { socket: connection.socket, rest: there.rest, pull: there.pull },
    totals,
    (ended) => {
      if (ended) patience = Math.min(tunnel_timeout, HALF_CLOSED_TIME)
      client.wait('tunnel', patience)
    },
    guard,
  )
  record.bytesIn += totals.up
  record.bytesOut += totals.down
  if (client.late !== null) record.failure = client.late.code
  else if (guard !== null && guard.refused) {
    await refuseTunnel(client, refusal.why, refusal.alert)
  } else if (broken !== '' && record.failure === '') record.reason = broken
}
