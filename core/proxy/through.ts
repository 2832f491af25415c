/** Through a parent: which of its servers, and from there to the origin. */

import { family } from '../bytes/address.ts'
import { latin1 } from '../bytes/ascii.ts'
import { Failure, type FailureCode } from '../failure.ts'
import type { Server } from '../flow/group.ts'
import type { Origin, OriginConnection } from '../flow/origins.ts'
import { connectThrough, type Parent, ParentAnswer } from '../flow/parent.ts'
import { NoSource } from '../flow/sources.ts'
import type { Head } from '../http/head.ts'
import { NOT_HTTP } from '../http/parse_head.ts'
import type { Target } from '../http/target.ts'
import { captured } from './capture.ts'
import type { Client } from './client.ts'
import { keyOf } from './groups.ts'
import type { Way } from './parents.ts'
import { dialPort } from './petition.ts'
import { reach, reachInstead } from './reach.ts'

/** A server of a parent was reached and has not done what it was asked for: that never leads to a direct connection. */
class Unheard extends Failure {
  /** Nothing else can be to blame, so that it counts as one that is not well. */
  readonly guilty: boolean

  constructor(code: FailureCode, detail: string, guilty: boolean) {
    super(code, detail)
    this.guilty = guilty
  }
}

/**
 * Whether a server of a parent did this by itself. Who asks for places that are dead must not be able to have servers left
 * alone, so that silence does not count, nor an error that is answered, nor what may have come from an origin.
 */
function byItself({ code }: Failure, { messages }: OriginConnection): boolean {
  return code === 'parent-login' || (code === 'origin-left' && messages.received === 0)
}

/** How a request goes; `null`: directly. */
export function wayOf(client: Client): Way | null {
  const { parents } = client.proxy
  return parents === null ? null : parents.wayOf(client)
}

/**
 * What a request is for, when it goes through a parent: a server of that, where it can be asked as a proxy, or else its origin.
 * What is refused without a look-up is refused here, for the parent does the look-ups. `judged` false: the operator has
 * written where it goes.
 * @throws Failure of the phase decide
 */
export function routeThrough(client: Client, { parent, orDirect }: Way, target: Target, judged = true): Origin {
  const { origins, destinations, settings } = client.proxy
  const dial = client.petition?.dial ?? null
  const host = dial === null ? target.host : dial.host
  const port = dial === null || dial.port === 0 ? target.port : dial.port
  if (judged) {
    if (family(host) !== null) {
      const refusal = destinations.refuses(host, port)
      if (refusal !== null) throw new Failure(refusal, host)
    } else if (settings.dns.fqdn_only && !host.includes('.')) {
      throw new Failure('name-refused', `"${host}" has no dot`)
    }
  }
  if (parent.type === 'http' && target.form !== 'authority' && dial === null) {
    const { loggedIn } = client
    if (loggedIn?.via === parent && loggedIn.proxy !== null && parent.group.well(loggedIn.proxy)) return loggedIn
    const server = parent.group.choose(keyOf(client, parent.group), null)
    if (server !== null) return origins.findProxy(parent, server)
    if (!orDirect) throw nobody(parent)
  }
  return origins.findThrough(host, port, judged, parent)
}

/**
 * A new connection through the parent of `origin`: to the server chosen already, else to one of the others, one after
 * another, within connect_timeout. Where none can be reached, and the way says so, a direct one.
 * @throws Failure as {@link reach}, parent-refused, parent-login
 */
export function reachThrough(client: Client, origin: Origin, target: Target): Promise<OriginConnection> {
  return reachAny(client, origin, target, new Set(), null)
}

/**
 * The same, to a server that was not `tried`, after the one that `failed` was asked for a page as a proxy and has not
 * answered. @throws what became of that where none is left
 */
export function reachNext(
  client: Client,
  failed: Origin,
  target: Target,
  tried: Set<Server>,
  failure: Failure,
): Promise<OriginConnection> {
  tried.add(failed.proxy!)
  return reachAny(client, failed, target, tried, failure)
}

/** `before`: what became of those that were `tried`, which were reached. */
async function reachAny(
  client: Client,
  origin: Origin,
  target: Target,
  tried: Set<Server>,
  before: Failure | null,
): Promise<OriginConnection> {
  const { proxy } = client
  const parent = origin.via!
  const { group } = parent
  const until = proxy.clock.now() + proxy.settings.outgoing.connect_timeout
  const key = keyOf(client, parent.group)
  let server = before === null && origin.proxy !== null ? origin.proxy : group.choose(key, tried)
  let last = before ?? nobody(parent)
  let reached = before !== null
  while (server !== null) {
    tried.add(server)
    const left = until - proxy.clock.now()
    // One that does not answer leaves time for the next.
    const share = left / Math.max(1, group.servers.length - tried.size + 1)
    try {
      const to = origin.proxy === null ? origin : proxy.origins.findProxy(parent, server)
      const connection = await reachBy(client, parent, server, to, target.form === 'authority', Math.max(1, share))
      // One that is asked for a page has still to answer.
      if (to.proxy === null) group.succeeded(server)
      return connection
    } catch (error) {
      if (client.late !== null) throw client.late
      if (!(error instanceof Failure)) throw error
      if (error instanceof ParentAnswer) {
        group.succeeded(server)
        throw named(error, parent, server)
      }
      if (error instanceof Unheard) {
        reached = true
        if (error.guilty) blame(client, parent, server, error)
      } else if (!(error instanceof NoSource)) {
        if (error.who !== 'origin') throw error
        proxy.parents!.failed(parent, server, error.detail)
      }
      last = named(error, parent, server)
    }
    if (proxy.clock.now() >= until) break
    server = group.choose(key, tried)
  }
  const way = wayOf(client)
  if (way !== null && way.orDirect && !reached) return reachDirectly(client, origin, target)
  throw last
}

/** The same failure, saying whose it is. */
function named({ code, detail, words }: Failure, parent: Parent, server: Server): Failure {
  return new Failure(code, `parent ${parent.name} (${server.key}): ${detail === '' ? words : detail}`)
}

function blame({ proxy }: Client, parent: Parent, server: Server, { code, detail }: Failure): void {
  if (code === 'parent-login') proxy.parents!.refusedLogin(parent, server, detail)
  proxy.parents!.failed(parent, server, detail)
}

/** A server of a parent that was asked for a page has answered. @throws Failure parent-login: that is not for the client */
export function answeredThrough({ origin: { via, proxy } }: OriginConnection, head: Head): void {
  if (head.status === 407) {
    throw new Failure('parent-login', `it answers 407 ${latin1(head.bytes, head.reasonStart, head.reasonEnd)}`)
  }
  via!.group.succeeded(proxy!)
}

/** One has not, or not all of it. Counts that where it should; gives the failure with its name. */
export function failedThrough(client: Client, connection: OriginConnection, failure: Failure): Failure {
  if (failure.who !== 'origin') return failure
  const { via, proxy } = connection.origin
  const guilty = byItself(failure, connection) || failure.detail === NOT_HTTP
  if (guilty) blame(client, via!, proxy!, failure)
  return named(failure, via!, proxy!)
}

/** One server of the parent, and through it the origin, within `ms`. */
async function reachBy(
  client: Client,
  parent: Parent,
  server: Server,
  origin: Origin,
  tunnel: boolean,
  ms: number,
): Promise<OriginConnection> {
  const { proxy } = client
  let late = false
  const undo = proxy.clock.after(ms, () => {
    late = true
    if (client.race !== null) client.race.cancel(new Failure('connect-timeout', 'no connection in time'))
    else client.connection?.socket.abort()
  })
  try {
    const connection = await reach(client, origin, parent.placeOf(server), server)
    if (origin.proxy !== null) return connection
    client.wait('connect', 0)
    // Proxies that lead to each other by SOCKS do not notice that. When the client leaves each has to let go at once: others
    // go on making connections faster than a look now and then would end them.
    client.swept()
    const head = client.petition?.head ?? client.record.request!
    await connectThrough(connection, parent, origin.host, origin.port, { head, how: proxy.requests })
    // Never to be taken for an answer (RFC 9112 9.2).
    if (!tunnel && connection.messages.parser.buffered) throw new ParentAnswer('bad-response', 'bytes before a request')
    return connection
  } catch (error) {
    const { connection } = client
    client.release(false)
    if (connection === null || client.late !== null) throw error
    if (error instanceof ParentAnswer || !(error instanceof Failure)) throw error
    if (late) throw new Unheard('connect-timeout', 'no answer in time', false)
    // What is said here the parent says itself: no origin has a word in it yet.
    throw new Unheard(error.code, error.detail, byItself(error, connection) || error.code === 'bad-response')
  } finally {
    undo()
  }
}

function reachDirectly(client: Client, through: Origin, target: Target): Promise<OriginConnection> {
  const { origins } = client.proxy
  const dial = client.petition?.dial ?? null
  // A server of the parent was chosen in the place of an origin, which is judged; another origin knows whether it is.
  const guarded = through.proxy !== null || through.guarded
  if (dial === null) {
    const to = captured(client, target)
    return reach(
      client,
      origins.find(to === null ? target.host : to.address, to === null ? target.port : to.port, guarded),
    )
  }
  return reachInstead(client, origins.find(dial.host, dialPort(dial, target, client.secure), guarded), dial, target)
}

function nobody({ name }: Parent): Failure {
  return new Failure('connect-failed', `parent ${name}: none of its servers can be reached`)
}
