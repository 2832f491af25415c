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
import { reachOne } from './reach.ts'
import { routeConnect } from './route.ts'

/** No field follows: whatever framing one suggested, it would be of no message (RFC 9110 9.3.6). */
const ESTABLISHED = toBytes('HTTP/1.1 200 Connection established\r\n\r\n')

/** @returns false: nothing of a tunnel can be kept. @throws Failure of the phases decide, resolve and connect. */
export async function connect(client: Client, target: Target): Promise<boolean> {
  const { record, outbox, proxy } = client
  client.reusable = false
  const origin = routeConnect(client, target)
  const connection = await reachOne(client, origin, target)
  record.firstByte = proxy.clock.now() - client.began
  outbox.writer.put(ESTABLISHED)
  await established(client, connection, 200)
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
  await established(client, connection, 101)
  return false
}

/** Send what opens the tunnel, and carry bytes until both sides have ended. */
async function established(client: Client, connection: OriginConnection, status: number): Promise<void> {
  const { proxy, record, outbox, messages } = client
  const { tunnel_timeout } = proxy.settings.outgoing
  record.tunnel = true
  record.status = status
  client.answered = true
  client.wait('tunnel', tunnel_timeout)
  await outbox.flush()
  const totals = { up: 0, down: 0 }
  client.tunnel = totals
  connection.tunnel = totals
  proxy.statistics.tunnel(status)
  const here = messages.detach()
  const there = connection.messages.detach()
  let patience = tunnel_timeout
  const broken = await tunnel(
    { socket: client.socket, rest: here.rest, pull: here.pull },
    { socket: connection.socket, rest: there.rest, pull: there.pull },
    totals,
    (ended) => {
      if (ended) patience = Math.min(tunnel_timeout, HALF_CLOSED_TIME)
      client.wait('tunnel', patience)
    },
  )
  record.bytesIn += totals.up
  record.bytesOut += totals.down
  if (client.late !== null) record.failure = client.late.code
  else if (broken !== '') record.reason = broken
}
