/** From an origin to a connection to it. */

import { ByteWriter } from '../bytes/writer.ts'
import { Failure } from '../failure.ts'
import type { Destination } from '../flow/dial.ts'
import type { Origin, OriginConnection } from '../flow/origins.ts'
import { writeProxyHeader } from '../haproxy/write.ts'
import type { Target } from '../http/target.ts'
import { NoSource } from '../flow/sources.ts'
import type { Socket } from '../runtime.ts'
import type { Client } from './client.ts'
import { type Dial, dialPort } from './petition.ts'
import type { Server } from '../flow/group.ts'
import { waitForServer } from './route.ts'
import { secure } from './secure.ts'
import { reachThrough } from './through.ts'
import { originOf, type Upstream } from './upstream.ts'

/**
 * A new connection for `origin`, to `place`: a server of its parent (`through`), or what it is itself. Noted on the client and
 * in the record. @throws Failure as {@link Dialler.reach} does.
 */
export async function reach(
  client: Client,
  origin: Origin,
  place: Destination = origin,
  through: Server | null = null,
): Promise<OriginConnection> {
  const { proxy, record } = client
  client.wait('connect', 0)
  const timings = proxy.timings()
  const { bind } = client
  const race = proxy.origins.reach(place, timings, client.spoofs, bind, client.judged(origin))
  client.race = race
  let socket: Socket
  try {
    socket = await race.socket
  } catch (error) {
    proxy.origins.forget(origin)
    if (error instanceof NoSource) proxy.lacksSource(error)
    throw error
  } finally {
    client.race = null
    if (race.tried !== null) record.reached(race.tried, origin.via)
    record.dns = timings.dns
    record.connect = timings.connect
  }
  if (client.late !== null) {
    socket.close()
    proxy.origins.forget(origin)
    throw client.late
  }
  const { proxy_protocol } = proxy.settings.outgoing
  const { securing } = origin
  if (securing !== null) {
    // Who the client is stands before TLS.
    const first = new ByteWriter(64)
    if (proxy_protocol !== 'off') introduce(client, first)
    socket = await secure(client, origin, securing, socket, first.view())
  }
  const connection = proxy.origins.connection(socket, origin)
  connection.server = through
  if (proxy_protocol !== 'off') {
    if (securing === null) introduce(client, connection.outbox.writer)
    connection.personal = true
  }
  // It comes from this client's address, or from where a rule has it come from.
  if (client.spoofs !== null || bind.length > 0) connection.personal = true
  connection.bind = bind
  client.use(connection)
  return connection
}

/** A header of the PROXY protocol. */
function introduce({ proxy, arrival }: Client, out: ByteWriter): void {
  const { peer, local, tls, uniqueId } = arrival
  const told = { authority: tls === null ? '' : tls.serverName, uniqueId }
  writeProxyHeader(out, proxy.settings.outgoing.proxy_protocol === 'v1' ? 1 : 2, peer, local, told)
}

/** The same; in reverse mode a server that cannot be reached is followed by the next one of its site, each tried once. */
export function reachOne(client: Client, origin: Origin, target: Target): Promise<OriginConnection> {
  if (origin.via !== null) return reachThrough(client, origin, target)
  const dial = client.petition?.dial ?? null
  if (dial !== null) return reachInstead(client, origin, dial, target)
  return client.upstream === null ? reach(client, origin) : reachServer(client, client.upstream, origin)
}

async function reachServer(client: Client, upstream: Upstream, origin: Origin): Promise<OriginConnection> {
  const tried = new Set<Server>()
  for (;;) {
    try {
      return await reach(client, origin)
    } catch (error) {
      const server = client.server
      if (server === null || client.late !== null) throw error
      if (!(error instanceof Failure)) throw error
      // What we cannot connect from says nothing of the server; another one may be reached all the same.
      if (!(error instanceof NoSource)) {
        if (error.who !== 'origin') throw error
        upstream.failed(server, error.detail)
      }
      client.leave()
      tried.add(server)
      const next = upstream.choose(client, tried)
      if (next !== null) {
        client.serve(next)
        origin = originOf(next, client.proxy.origins)
      } else if (upstream.group.full(tried)) origin = await waitForServer(client, tried)
      else throw error
    }
  }
}

/** Where a decision leads, and its known addresses when its name cannot be looked up. */
export async function reachInstead(
  client: Client,
  origin: Origin,
  dial: Dial,
  target: Target,
): Promise<OriginConnection> {
  const { origins } = client.proxy
  const port = dialPort(dial, target, client.secure)
  for (let tried = 0, next = origin;; tried++) {
    try {
      return await reach(client, next)
    } catch (error) {
      if (tried === dial.fallback.length || client.late !== null) throw error
      // An address of a family that is switched off is as good as a name that cannot be looked up.
      if (!(error instanceof Failure) || (tried === 0 ? error.when !== 'resolve' : error.who !== 'origin')) throw error
      next = origins.find(dial.fallback[tried], port, !dial.trusted)
    }
  }
}
