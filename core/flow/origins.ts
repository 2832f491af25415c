/** Connections to origins: made, kept while they may be of use, and given to one exchange at a time. */

import { withoutZone } from '../bytes/address.ts'
import { HttpParser } from '../http/parser.ts'
import type { Endpoint, Socket } from '../runtime.ts'
import type { Deadlines, Timed } from './deadlines.ts'
import type { Destination, Dialler, DialTimings } from './dial.ts'
import type { Found } from './found.ts'
import { Messages } from './messages.ts'
import type { Server } from './group.ts'
import { Outbox } from './outbox.ts'
import { UNBOUND } from './sources.ts'
import type { Parent } from './parent.ts'
import type { Race } from './race.ts'
import type { TunnelTotals } from './tunnel.ts'

/** A connection to an origin, with what reads from it and what writes to it. */
export class OriginConnection implements Timed {
  readonly socket: Socket
  readonly messages: Messages
  readonly outbox: Outbox
  readonly origin: Origin
  deadline = 0
  slot = -1
  /** Requests sent on it. */
  requests = 0
  kept = false
  /** The server of the parent that it goes through; `null`: it goes through none. */
  server: Server | null = null
  /** It carries somebody's login (RFC 4559 6): it is never given to another client, and that client uses no other. */
  login = false
  /** It speaks for one client, so that it is never given to another: from its address, or with its PROXY header. */
  personal = false
  /** The local addresses that a rule had it come from; none: those of everyone. */
  bind: readonly string[] = UNBOUND
  /** It waits, like one that is kept, but for the client it belongs to. */
  bound = false
  /** What passed through the tunnel that it has become. */
  tunnel: TunnelTotals | null = null
  #countedIn = 0
  #countedOut = 0
  readonly #origins: Origins
  readonly #stirred = (): void => {
    // Bytes nobody asked for, the end, or a reset: of no use any more, and never to be taken for an answer (RFC 9112 9.2).
    if (this.kept || this.bound) this.#origins.discard(this)
  }

  constructor(socket: Socket, origin: Origin, origins: Origins) {
    this.socket = socket
    this.origin = origin
    this.#origins = origins
    this.messages = new Messages(socket, new HttpParser('response'), 'origin-left')
    this.outbox = new Outbox(socket, 'origin-left')
  }

  /** An origin that closes, or says what nobody asked for, is noticed while nobody waits. */
  watch(): void {
    this.messages.rest(this.#stirred)
  }

  /** Count what has passed since it was counted last. */
  count(): void {
    const { messages, outbox, tunnel } = this
    const received = messages.received + (tunnel === null ? 0 : tunnel.down)
    const sent = outbox.sent + (tunnel === null ? 0 : tunnel.up)
    this.#origins.received += received - this.#countedIn
    this.#origins.sent += sent - this.#countedOut
    this.#countedIn = received
    this.#countedOut = sent
  }

  expired(): void {
    if (this.kept || this.bound) this.#origins.discard(this)
  }
}

/** TLS that begins where a connection does. */
export interface Securing {
  /** What tells its connections from those of others to the same place. */
  readonly key: string
  /** Shake hands with the server called `host`. @throws SystemFailure */
  secure(socket: Socket, host: string): Promise<Socket>
}

/**
 * One host and port, reached directly or through a parent; or a server of a parent itself, where it is asked for what is
 * elsewhere. And the connections kept to it: the last one used is the first to be used again.
 */
export class Origin implements Destination {
  readonly key: string
  readonly host: string
  readonly port: number
  readonly guarded: boolean
  /** The parent it is reached through; `null`: directly. */
  readonly via: Parent | null
  /** It is this server of the parent, which is asked as a proxy (absolute form); `null`: it is an origin. */
  readonly proxy: Server | null
  /** Reached by TLS; `null`: not so. */
  readonly securing: Securing | null
  family: 4 | 6 | 0 = 0
  readonly kept: OriginConnection[] = []
  /** Connections in use. */
  active = 0
  /** It can be found by its key; one that cannot serves those who hold it, and no others. */
  listed = true

  constructor(
    key: string,
    host: string,
    port: number,
    guarded: boolean,
    via: Parent | null = null,
    proxy: Server | null = null,
    securing: Securing | null = null,
  ) {
    this.key = key
    this.host = host
    this.port = port
    this.guarded = guarded
    this.via = via
    this.proxy = proxy
    this.securing = securing
  }
}

export interface PoolLimits {
  readonly idle_timeout: number
  readonly idle_per_origin: number
  readonly idle_total: number
}

export class Origins {
  readonly #dialler: Dialler
  readonly #deadlines: Deadlines
  readonly #limits: PoolLimits
  readonly #byKey = new Map<string, Origin>()
  #kept = 0
  #closed = false
  /** Connections made, and connections given out again. */
  made = 0
  reused = 0
  /** Connections in use and kept. */
  open = 0
  /** Bytes from origins and to them. */
  received = 0
  sent = 0

  constructor(dialler: Dialler, deadlines: Deadlines, limits: PoolLimits) {
    this.#dialler = dialler
    this.#deadlines = deadlines
    this.#limits = limits
  }

  /** Connections that wait for their next request. */
  get kept(): number {
    return this.#kept
  }

  /** `host` in policy form. What the operator chose (`guarded` false) never shares a connection with what clients chose. */
  find(host: string, port: number, guarded: boolean, securing: Securing | null = null): Origin {
    const plain = guarded ? `${host} ${port}` : `${host} ${port} operator`
    const key = securing === null ? plain : `${plain} ${securing.key}`
    let origin = this.#byKey.get(key)
    if (origin === undefined) {
      origin = new Origin(key, host, port, guarded, null, null, securing)
      this.#byKey.set(key, origin)
    }
    return origin
  }

  /** The same, reached through a parent: a connection that was made directly never serves it, nor the other way round. */
  findThrough(host: string, port: number, guarded: boolean, via: Parent): Origin {
    const key = `${host} ${port}${guarded ? '' : ' operator'} via ${via.name}`
    let origin = this.#byKey.get(key)
    if (origin === undefined) {
      origin = new Origin(key, host, port, guarded, via)
      this.#byKey.set(key, origin)
    }
    return origin
  }

  /** A server of a parent, to be asked for what is elsewhere. */
  findProxy(via: Parent, server: Server): Origin {
    const known = server.origin
    if (known !== null && known.listed) return known
    const { host, port } = server
    const key = `${host} ${port} proxy ${via.name}`
    let origin = this.#byKey.get(key)
    if (origin === undefined) {
      origin = new Origin(key, host, port, false, via, server)
      this.#byKey.set(key, origin)
    }
    return server.origin = origin
  }

  /**
   * A kept connection, or null. It must be given back with {@link give} or {@link discard}. `found`: it has to lead to what
   * was judged; `null`: nobody has asked where it leads.
   */
  take(origin: Origin, found: Found | null = null): OriginConnection | null {
    const connection = found === null ? origin.kept.pop() : this.#takeJudged(origin, found)
    if (connection === undefined) return null
    connection.kept = false
    connection.deadline = 0
    this.#kept--
    this.reused++
    origin.active++
    return connection
  }

  #takeJudged({ kept }: Origin, found: Found): OriginConnection | undefined {
    const at = kept.findLastIndex((connection) => this.leads(connection, found))
    return at < 0 ? undefined : kept.splice(at, 1)[0]
  }

  /** Whether it is connected to what was found. */
  leads({ socket }: OriginConnection, found: Found): boolean {
    return this.#dialler.leads(found, socket.peer.address)
  }

  /** Begin to connect. Hand the socket to {@link connection}. @see Dialler.reach for the failures. */
  reach(
    origin: Destination,
    timings: DialTimings,
    spoof: Endpoint | null = null,
    bind: readonly string[] = UNBOUND,
    found: Found | null = null,
  ): Race {
    return this.#dialler.reach(origin, timings, spoof, bind, found)
  }

  /** It was looked for and not connected to: nothing remembers it when nothing uses it. */
  forget(origin: Origin): void {
    if (origin.active > 0 || origin.kept.length > 0) return
    origin.listed = false
    if (this.#byKey.get(origin.key) === origin) this.#byKey.delete(origin.key)
  }

  connection(socket: Socket, origin: Origin): OriginConnection {
    const connection = new OriginConnection(socket, origin, this)
    this.#deadlines.add(connection)
    this.made++
    this.open++
    origin.active++
    return connection
  }

  /** Keep it for the next request: its last response was complete, and it may live (RFC 9112 9.3). */
  give(connection: OriginConnection): void {
    const { origin } = connection
    const full = origin.kept.length >= this.#limits.idle_per_origin || this.#kept >= this.#limits.idle_total
    if (this.#closed || full || !origin.listed) {
      this.discard(connection)
      return
    }
    connection.count()
    origin.active--
    connection.kept = true
    origin.kept.push(connection)
    this.#kept++
    this.#rest(connection)
  }

  /** Keep it for the client it belongs to, who takes it again with {@link unbind}. */
  bind(connection: OriginConnection): void {
    if (this.#closed) {
      this.discard(connection)
      return
    }
    connection.count()
    connection.bound = true
    this.#rest(connection)
  }

  /** Take it for its next request; false when it has gone meanwhile. */
  unbind(connection: OriginConnection): boolean {
    if (connection.slot === -1) return false
    connection.bound = false
    connection.deadline = 0
    this.reused++
    return true
  }

  #rest(connection: OriginConnection): void {
    connection.deadline = this.#deadlines.after(this.#limits.idle_timeout)
    // Its last head goes back to where the heads are kept.
    connection.messages.parser.restart()
    connection.watch()
  }

  /** Close it, in use or kept. Safe to call twice. */
  discard(connection: OriginConnection): void {
    connection.socket.close()
    this.release(connection)
  }

  /** Let go of it without closing its socket, which somebody else (a tunnel) has taken over. Safe to call twice. */
  release(connection: OriginConnection): void {
    if (connection.slot === -1) return
    this.#deadlines.remove(connection)
    this.open--
    connection.count()
    connection.outbox.discard()
    const { origin } = connection
    if (connection.kept) {
      connection.kept = false
      origin.kept.splice(origin.kept.indexOf(connection), 1)
      this.#kept--
    } else {
      origin.active--
    }
    this.forget(origin)
  }

  /**
   * These addresses (canonical, without zones) have come to this machine or are gone from it: what waits at one of them gets
   * no answer any more, or leads to this machine itself. One that was never an interface's (outgoing.spoof) is not among them.
   */
  moved(addresses: ReadonlySet<string>): void {
    const { destinations } = this.#dialler
    this.#deadlines.each((timed) => {
      if (!(timed instanceof OriginConnection) || !(timed.kept || timed.bound)) return
      const { local, peer } = timed.socket
      const from = withoutZone(local.address)
      const to = destinations.meanings(withoutZone(peer.address))
      if (addresses.has(from) || to.some((one) => addresses.has(one))) this.discard(timed)
    })
  }

  /** What TLS was agreed on by this holds no more: what was connected serves the exchange it is in, and no other. */
  renew(securing: Securing): void {
    for (const origin of [...this.#byKey.values()]) {
      if (origin.securing !== securing) continue
      origin.listed = false
      this.#byKey.delete(origin.key)
      for (const connection of [...origin.kept]) this.discard(connection)
    }
  }

  /** Close what is kept, and keep nothing from now on. */
  close(): void {
    this.#closed = true
    for (const origin of [...this.#byKey.values()]) {
      for (const connection of [...origin.kept]) this.discard(connection)
    }
  }
}
