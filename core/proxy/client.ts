/** A client's connection: what belongs to it from its accept to its close, and its one deadline. */

import { Failure, type FailureCode } from '../failure.ts'
import type { Timed } from '../flow/deadlines.ts'
import type { Found } from '../flow/found.ts'
import type { Server } from '../flow/group.ts'
import { Messages } from '../flow/messages.ts'
import type { Origin, OriginConnection } from '../flow/origins.ts'
import { Outbox } from '../flow/outbox.ts'
import { UNBOUND } from '../flow/sources.ts'
import { standstill } from '../flow/standstill.ts'
import type { TunnelTotals } from '../flow/tunnel.ts'
import type { Awaited, Upload } from '../flow/upload.ts'
import type { Head } from '../http/head.ts'
import { HttpParser } from '../http/parser.ts'
import { newTarget, type Target } from '../http/target.ts'
import { AHEAD_SIZE, LINGER_TIME } from '../limits.ts'
import type { Endpoint, Socket } from '../runtime.ts'
import { type Arrival, arrived } from './arrival.ts'
import type { TunnelAnswers } from './entrance.ts'
import { addressOf, type Connected, type ListenerContext } from './listener.ts'
import type { Peek } from './peek.ts'
import type { Petition, Petitioner } from './petition.ts'
import type { Proxy } from './proxy.ts'
import { ExchangeRecord } from './record.ts'
import { refuseNow } from './refuse.ts'
import type { Upstream } from './upstream.ts'

/**
 * What the connection waits for, which is what its deadline is about:
 *
 * | waits for | missed means |
 * | --- | --- |
 * | `request` | nothing was asked for: closed without a word |
 * | `head` | 408 |
 * | `body` | the client stopped sending: 408 |
 * | `decide` | nothing here: classifiers have their own time limits |
 * | `connect` | nothing here: connecting has its own time limits |
 * | `response` | 504 |
 * | `origin` | the origin stopped in the middle of a body, or stopped reading: 504, or the connection is cut |
 * | `reader` | the client stopped reading: the connection is cut |
 * | `hello` | the client has said nothing inside its tunnel: the server may speak; or half a ClientHello: closed |
 * | `tunnel` | nothing passed either way: closed |
 * | `end` | what the client still sends is thrown away until it ends, but no longer: closed |
 */
export type Waits = typeof WAITS[number]
export const WAITS = [
  'request',
  'head',
  'body',
  'decide',
  'connect',
  'response',
  'origin',
  'reader',
  'hello',
  'tunnel',
  'end',
] as const

/** What is a server's own doing, once it was connected to. */
const SERVER_FAULTS: ReadonlySet<string> = new Set<FailureCode>(['origin-left', 'response-timeout', 'bad-response'])

function nothing(): void {}

/** Where connections to origins come from in the place of a client that we stand in the way of. */
function spoofed({ peer }: Arrival, { settings }: ListenerContext, { settings: { outgoing } }: Proxy): Endpoint | null {
  if (!outgoing.spoof || peer.family === 'unix') return null
  const known = settings.capture !== 'none' || settings.proxy_protocol === 'require'
  return known ? { family: peer.family, address: peer.address, port: 0 } : null
}

export class Client implements Timed, Connected {
  readonly proxy: Proxy
  readonly listener: ListenerContext
  readonly arrival: Arrival
  readonly socket: Socket
  readonly messages: Messages
  readonly outbox: Outbox
  readonly record = new ExchangeRecord()
  readonly target: Target = newTarget()
  /** Whose connection it is; empty: nobody has said. */
  user: string
  /** What it asks for without a scheme is asked for by https. */
  readonly secure: boolean
  deadline = 0
  slot = -1
  waits: Waits = 'request'
  /** The exchange is over because of this, whatever else ends by it. */
  late: Failure | null = null
  /** The connection may serve another request. */
  reusable = true
  /** A final status line has been written for this exchange. */
  answered = false
  /** What had been sent to the client before it. */
  sentBefore = 0
  /** The body of this answer ends with the connection: only a reset can tell that it is not whole. */
  endsWithConnection = false
  /** The trailers of the answer are passed on. */
  trailers = false
  /** What Max-Forwards becomes on the way (RFC 9110 7.6.2); -1: untouched. */
  maxForwards = -1
  /** The origin of the last exchange, which is usually that of the next. */
  origin: Origin | null = null
  connection: OriginConnection | null = null
  /** A connection for this client alone, with its login (RFC 4559 6) or that speaks for it. It waits for its next request. */
  bound: OriginConnection | null = null
  /** A connection that is being made, or a place in a queue. */
  race: { cancel(failure: Failure): void } | null = null
  /** The group of servers that the exchange is for, in reverse mode, and the one of them that has it. */
  upstream: Upstream | null = null
  server: Server | null = null
  /** How it is answered where it does not speak HTTP; `null`: it does. */
  answers: TunnelAnswers | null = null
  /** The request as the chain of classifiers has it; `null`: nobody is asked. */
  petition: Petition | null = null
  /** What is looked at of its first bytes inside a tunnel, while it is. */
  peek: Peek | null = null
  /** The ClientHello it began with, of mode "tls". */
  hello: Peek | null = null
  /** The address it was going to when it was captured, as rules about addresses see it; `null`: it was not. */
  readonly goes: readonly string[] | null
  /** The address its connections to origins come from: its own; `null`: one of this machine. */
  readonly spoofs: Endpoint | null
  upload: Upload | null = null
  /** Settles when the upload has come to its end, good or bad. */
  uploading: Promise<void> | null = null
  /** What passed through the tunnel that this connection has become. */
  tunnel: TunnelTotals | null = null
  /** Clock time at which the request head was complete. */
  began = 0
  /** How long is waited, milliseconds. */
  #patience = 0
  #bytesIn = 0
  #bytesOut = 0
  #countedIn = 0
  #countedOut = 0
  readonly #left = (): void => this.giveUp(new Failure('client-left'))

  constructor(proxy: Proxy, listener: ListenerContext, socket: Socket, arrival = arrived(socket)) {
    this.proxy = proxy
    this.listener = listener
    this.arrival = arrival
    this.socket = socket
    this.messages = new Messages(socket, new HttpParser('request', listener.limits), 'client-left')
    this.outbox = new Outbox(socket, 'client-left')
    this.user = arrival.user
    this.secure = arrival.secure && listener.settings.mode === 'reverse'
    const { destination } = arrival
    this.goes = destination === null ? null : proxy.destinations.meanings(destination.address)
    this.spoofs = spoofed(arrival, listener, proxy)
    this.record.client = addressOf(arrival)
    this.record.destination = arrival.destination
    this.record.uniqueId = arrival.uniqueId
    this.record.tls = arrival.tls
    this.record.secure = this.secure
    this.record.listener = listener.settings.name
    proxy.deadlines.add(this)
    // Whoever serves it pulls that first, in whichever protocol.
    if (arrival.rest.length > 0) this.messages.putBack(Promise.resolve({ done: false, value: arrival.rest }))
  }

  /** Wait for this from now on, and for `ms` at most; 0: without limit. */
  wait(on: Waits, ms: number): void {
    this.waits = on
    this.#patience = ms
    this.deadline = ms === 0 ? 0 : this.proxy.deadlines.after(ms)
  }

  /** The client has not taken yet what was written: wait for it, as long as an idle connection may last. */
  taking(taken: Promise<void>): Promise<void> {
    this.wait('reader', this.listener.settings.idle_timeout)
    return taken
  }

  /** For an {@link Upload}: progress was made, and this is waited for next. */
  readonly uploads = (on: Awaited): void => {
    if (this.waits === 'end') return
    if (on === 'client') this.wait('body', this.listener.settings.idle_timeout)
    else this.wait('origin', this.proxy.settings.outgoing.idle_timeout)
  }

  /** For a body that is relayed to this client unseen: what is waited for next. */
  readonly relays = (on: 'source' | 'sink'): void => {
    if (on === 'sink') this.wait('reader', this.listener.settings.idle_timeout)
    else this.wait('origin', this.proxy.settings.outgoing.idle_timeout)
  }

  /** An exchange begins with this head. */
  begin(head: Head | null): void {
    const { proxy, record } = this
    this.began = proxy.clock.now()
    record.reset(this.began + proxy.epoch)
    record.user = this.user
    record.request = head
    this.late = null
    this.answered = false
    this.sentBefore = this.outbox.sent
    this.endsWithConnection = false
    this.maxForwards = -1
  }

  /** The answer has begun to go out, so that no other may. */
  get begun(): boolean {
    return this.answered && this.outbox.sent > this.sentBefore
  }

  /** The exchange is over: the record is complete, and may be written. */
  finish(): void {
    const { record, messages, outbox } = this
    record.total = this.proxy.clock.now() - this.began
    // What is here of a next request already is not of this one.
    const received = this.reusable ? messages.received - messages.parser.left : messages.received
    record.bytesIn += received - this.#bytesIn
    record.bytesOut += outbox.sent - this.#bytesOut
    this.#bytesIn = received
    this.#bytesOut = outbox.sent
    if (this.upstream !== null) this.#parted()
    this.proxy.statistics.record(record)
    this.listener.exchanges++
    this.count()
  }

  /** This server has the exchange from now on. */
  serve(server: Server): void {
    this.upstream!.group.begin(server)
    this.server = server
  }

  /** It has it no more. */
  leave(): void {
    if (this.server === null) return
    const { server } = this
    this.server = null
    this.upstream!.group.end(server)
  }

  /** The exchange with a server is over: what it was like counts for the next ones. */
  #parted(): void {
    const { server, record, upstream } = this
    if (server !== null && upstream !== null) {
      if (record.failure === '') upstream.group.succeeded(server)
      else if (SERVER_FAULTS.has(record.failure)) upstream.failed(server, record.reason)
      this.leave()
    }
    this.upstream = null
  }

  /** Count what has passed since it was counted last. */
  count(): void {
    const { listener, messages, outbox, tunnel } = this
    const received = messages.received + (tunnel === null ? 0 : tunnel.up)
    const sent = outbox.sent + (tunnel === null ? 0 : tunnel.down)
    listener.received += received - this.#countedIn
    listener.sent += sent - this.#countedOut
    this.#countedIn = received
    this.#countedOut = sent
    if (this.connection !== null) this.connection.count()
  }

  /** Give up what is under way because of `failure`: whoever waits for the origin hears of it, and the client stays. */
  giveUp(failure: Failure): void {
    // Whoever waits for the client to read would hear of nothing else.
    if (this.outbox.writing) this.socket.abort()
    if (this.late !== null) return
    this.late = failure
    this.race?.cancel(failure)
    this.petition?.abandon()
    // A reset, because an ordered end would make a whole message of half a one.
    this.connection?.socket.abort()
  }

  /** How long nothing has gone on of what was written to whom we wait for, milliseconds. Infinity: nobody knows. */
  #standstill(): number {
    switch (this.waits) {
      case 'reader':
        return standstill(this.socket)
      case 'origin':
      case 'response':
        return standstill(this.connection?.socket)
      case 'tunnel':
        return Math.min(standstill(this.socket), standstill(this.connection?.socket))
      default:
        return Infinity
    }
  }

  expired(): void {
    const left = this.#patience - this.#standstill()
    if (left > 0) {
      this.deadline = this.proxy.deadlines.after(left)
      return
    }
    this.proxy.statistics.missed(this.waits)
    switch (this.waits) {
      case 'request':
      case 'end':
        this.socket.close()
        return
      case 'head':
        this.begin(null)
        this.late = new Failure('head-timeout')
        refuseNow(this, this.late)
        this.wait('end', LINGER_TIME)
        return
      case 'body':
        this.giveUp(new Failure('body-timeout'))
        return
      case 'response':
        this.giveUp(new Failure('response-timeout'))
        return
      case 'origin':
        this.giveUp(new Failure('origin-idle'))
        return
      case 'reader':
        this.giveUp(new Failure('client-left', 'it stopped reading'))
        this.socket.abort()
        return
      case 'hello':
        this.peek?.expired()
        return
      case 'tunnel':
        this.giveUp(new Failure('tunnel-idle'))
        this.#cut()
        return
      case 'decide':
      case 'connect':
        return
    }
  }

  /** While the origin takes its time, hear of a client that breaks off: nobody else reads from it then. */
  swept(): void {
    if (this.waits !== 'response' && this.waits !== 'connect' && this.waits !== 'decide' && this.waits !== 'origin') {
      return
    }
    const { messages } = this
    if (this.upload !== null && !this.upload.done) return
    // Nothing was sent yet of a body that is here; behind it there may be a reset. A service may be reading it still.
    if (this.waits === 'connect' && !this.petition?.carrier) {
      if (!messages.keep(AHEAD_SIZE)) return
    } else if (messages.watched || messages.ended || messages.parser.buffered) return
    messages.watch(nothing, this.#left)
  }

  /** The service is stopping: an idle connection goes at once, a busy one after its exchange. */
  drain(): void {
    if (this.waits === 'request') this.socket.close()
    this.reusable = false
  }

  /** Ready for the next request; false when there may be none on this connection. */
  again(): boolean {
    if (!this.reusable) return false
    this.#forget()
    this.uploading = null
    this.late = null
    this.messages.parser.restart()
    return true
  }

  #forget(): void {
    this.upload = null
    if (this.petition === null) return
    this.petition.release()
    this.petition = null
  }

  /** Who asks, for the classifiers. */
  petitioner(): Petitioner {
    const { listener, client, user, started: date } = this.record
    const { family, address, port } = this.arrival.local
    const local = family === 'unix' ? '' : address
    const { secure } = this
    return {
      listener,
      client,
      user,
      local,
      localPort: port,
      date,
      zone: this.proxy.clock.zone(date),
      secure,
      https: secure,
    }
  }

  /** The exchange goes on over this connection, new or kept. */
  use(connection: OriginConnection): void {
    this.connection = connection
    const { via } = connection.origin
    this.record.reached(connection.socket.peer, via)
    if (via !== null && connection.server !== null) via.group.begin(connection.server)
  }

  /** Let go of the origin: kept for the next request when `keep`, else closed. */
  release(keep: boolean): void {
    const connection = this.connection
    if (connection === null) return
    this.connection = null
    if (connection.server !== null) connection.origin.via!.group.end(connection.server)
    if (!keep) this.proxy.origins.discard(connection)
    else if (connection.login || connection.personal) this.#bind(connection)
    else this.proxy.origins.give(connection)
  }

  /** The local addresses that a rule has this exchange come from; none: those of everyone. */
  get bind(): readonly string[] {
    return this.petition === null ? UNBOUND : this.petition.bind
  }

  /** Where the connection leads that this client has logged in on, whoever's turn it is; `null`: there is none. */
  get loggedIn(): Origin | null {
    const { bound } = this
    return bound !== null && bound.login && bound.slot !== -1 && bound.bind === this.bind ? bound.origin : null
  }

  /** What `origin` was when rules judged where it is, so that it is nothing else now; `null`: none has asked. */
  judged(origin: Origin): Found | null {
    const found = this.petition === null ? null : this.petition.found
    // A parent looks up for itself, and the servers of a site are others than its name.
    if (found === null || this.upstream !== null || origin.via !== null) return null
    return origin.host === found.host ? found : null
  }

  /** A kept connection to `origin`: this client's own, or anybody's. */
  take(origin: Origin): OriginConnection | null {
    const { bound } = this
    const { bind } = this
    const { origins } = this.proxy
    const found = this.judged(origin)
    if (
      bound !== null && bound.origin === origin && bound.bind === bind &&
      (found === null || origins.leads(bound, found))
    ) {
      this.bound = null
      if (origins.unbind(bound)) return bound
    }
    return this.spoofs === null && bind.length === 0 ? origins.take(origin, found) : null
  }

  #bind(connection: OriginConnection): void {
    if (this.bound !== null) this.proxy.origins.discard(this.bound)
    this.bound = connection
    this.proxy.origins.bind(connection)
  }

  get #underWay(): boolean {
    return this.race !== null || this.connection !== null || this.waits === 'decide'
  }

  /** Close in the midst of an exchange: an end in order would make a whole stream, or answer, of half a one. */
  #cut(): void {
    if (this.tunnel?.ended) this.socket.close()
    else this.socket.abort()
  }

  /** All of it, at once. Safe to call twice. */
  close(why: FailureCode = 'client-left'): void {
    if (this.slot === -1) return
    this.count()
    this.listener.dismiss(this)
    this.proxy.deadlines.remove(this)
    // One that is in the middle of an exchange must not think that it may try again.
    if (this.#underWay) {
      this.giveUp(new Failure(why))
      this.#cut()
    }
    this.release(false)
    this.leave()
    if (this.bound !== null) this.proxy.origins.discard(this.bound)
    this.outbox.discard()
    this.socket.close()
    this.petition?.release()
    this.petition = null
  }
}
