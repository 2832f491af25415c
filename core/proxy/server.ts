/** The traffic of one worker: its listeners, its connections, and how it comes to an end. */

import type { Settings } from '../config/settings.ts'
import { formatEndpoint } from '../bytes/address.ts'
import { Tasks } from '../flow/tasks.ts'
import { within } from '../flow/within.ts'
import { EXIT } from '../exit_codes.ts'
import { CUT_WAIT, HELPER_GRACE } from '../limits.ts'
import type { Endpoint, Listener, Runtime, Socket } from '../runtime.ts'
import type { AccessLog } from './access_log.ts'
import { Client } from './client.ts'
import { type Arrival, arrived, Newcomer } from './arrival.ts'
import { Capture, captures } from './capture.ts'
import { converse, turnAway } from './connection.ts'
import { logger } from './diagnostics.ts'
import { conversePassthrough, converseSocks, converseTls, SILENT } from './entrance.ts'
import { Filters } from './filters.ts'
import { IcapPeer } from './icap_peer.ts'
import { serveIcap, turnAwayIcap } from './icap_server.ts'
import { IcapTag } from './icap_tag.ts'
import { ListenerContext } from './listener.ts'
import { Inherited, listenAt, type Place } from './listening.ts'
import { strangers, tryOutgoing } from './outgoing_trial.ts'
import { loadPages } from './pages.ts'
import { Proxy } from './proxy.ts'
import type { ExchangeRecord } from './record.ts'
import type { Snapshot } from './snapshot.ts'
import { TlsDoor } from './tls_door.ts'
import { Users } from './users.ts'
import { StartFailure } from './start_failure.ts'

export interface ServerOptions {
  /** Places of this service that are not for clients. */
  readonly reserved?: readonly Endpoint[]
  /** Listen so that others may listen at the same places, too. */
  readonly shares?: boolean
  /** One of several says what all of them would say alike. */
  readonly speaks?: boolean
}

export class Server {
  /** Settles when nothing is in flight any more after {@link drain}, or when that took too long. */
  readonly stopped: Promise<void>
  readonly #runtime: Runtime
  readonly #settings: Settings
  readonly #log = logger('service')
  readonly #tasks = new Tasks((error) => void this.#proxy?.bug(error))
  readonly #contexts = new Map<string, ListenerContext>()
  readonly #listeners: Listener[] = []
  readonly #accessLog: AccessLog
  #proxy: Proxy | null = null
  #filters: Filters | null = null
  #undo = (): void => {}
  #stop!: () => void
  #draining = false
  readonly #record = (record: ExchangeRecord): void => this.#accessLog.write(record)

  /** Both logs stay their opener's. */
  constructor(runtime: Runtime, settings: Settings, accessLog: AccessLog) {
    this.#runtime = runtime
    this.#settings = settings
    this.#accessLog = accessLog
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve
    })
  }

  /** Gives where it listens now, with the ports the system has chosen. @throws StartFailure */
  async start(places: readonly Place[], options: ServerOptions = {}): Promise<Place[]> {
    const { shares = false, speaks = true, reserved = [] } = options
    const settings = this.#settings
    const pages = await loadPages(this.#runtime, settings.http)
    for (const problem of speaks ? pages.problems : []) this.#log.warning('a page is not used: {problem}', { problem })
    await tryOutgoing(this.#runtime, settings.outgoing, (why) => {
      if (speaks) this.#log.warning('outgoing: whether its options work could not be tried: {why}', { why })
    })
    for (const stranger of speaks ? strangers(settings, this.#runtime.addresses()) : []) {
      this.#log.warning('{option}: this machine has no address {address} to come from', { ...stranger })
    }
    const proxy = new Proxy(this.#runtime, settings, pages, (error) => this.#bug(error))
    proxy.statistics.linesLost = () => this.#accessLog.lost
    this.#proxy = proxy
    await proxy.parents?.open(speaks)
    await proxy.upstreams.open()
    for (const at of reserved) reserve(proxy, at)
    const filters = await Filters.open(proxy, settings)
    this.#filters = filters
    for (const one of settings.listener) {
      const context = new ListenerContext(one, settings.http.loose_targets)
      context.chain = filters.chainOf(one)
      if (captures(one)) context.capture = new Capture(one.capture, (at, port) => proxy.destinations.listens(at, port))
      context.respmod = filters.respmodOf(one)
      if (one.users_file !== '') context.users = await Users.open(this.#runtime, one.name, one.users_file, speaks)
      context.door = await TlsDoor.open(this.#runtime, one)
      if (one.mode === 'icap') context.tag = new IcapTag(settings, one, filters.lists)
      this.#contexts.set(one.name, context)
    }
    this.#checkCapture(speaks)
    const found: Place[] = []
    const inherited = new Inherited(this.#runtime)
    for (const { listener: name, at, ...kind } of places) {
      const context = this.#contexts.get(name)
      // Told to stop meanwhile.
      if (context === undefined || this.#draining) continue
      const reusePort = shares && at.family !== 'unix'
      const { backlog, capture } = context.settings
      const who = `listener ${name}`
      const listener = kind.inherited === true
        ? await inherited.take(who, at, { backlog })
        : await listenAt(this.#runtime, who, at, { backlog, reusePort, transparent: capture === 'tproxy' })
      if (this.#draining) {
        listener.close()
        break
      }
      this.#listeners.push(listener)
      reserve(proxy, listener.at)
      found.push({ listener: name, at: listener.at, ...kind })
      this.#tasks.run(listener, (socket) => this.#welcome(proxy, context, socket))
    }
    for (const at of inherited.release()) {
      if (speaks) {
        this.#log.warning('nothing listens on {address}, which was left to it', { address: formatEndpoint(at) })
      }
    }
    if (!this.#draining) proxy.upstreams.watch(this.#runtime, proxy.dialler, (error) => void proxy.bug(error))
    if (!this.#draining) proxy.parents?.watch(proxy.dialler, (error) => void proxy.bug(error))
    return found
  }

  /**
   * Stop listening, and wait for what is in flight: `limit` milliseconds at most, 0 for as long as it takes.
   * @returns how many connections may finish.
   */
  drain(limit: number): number {
    if (this.#draining) return 0
    this.#draining = true
    for (const listener of this.#listeners) listener.close()
    let busy = 0
    for (const context of this.#contexts.values()) {
      for (const newcomer of context.newcomers) newcomer.close()
      for (const client of context.clients) {
        if (client.waits !== 'request') busy++
        client.drain()
      }
    }
    void this.#tasks.finished().then(this.#stop)
    if (limit === 0) return busy
    this.#undo = this.#runtime.clock.after(limit, () => {
      this.#log.warning('{count} connections did not finish in time and are cut', { count: this.#tasks.running })
      this.#stop()
    })
    return busy
  }

  /** Wait no longer. */
  stop(): void {
    this.drain(0)
    this.#stop()
  }

  /** What is left is let go of. */
  async close(): Promise<void> {
    this.stop()
    this.#undo()
    for (const context of this.#contexts.values()) {
      for (const client of context.clients) client.close('stopped')
    }
    this.#filters?.close()
    this.#proxy?.close()
    // What was cut ends now, and is logged; a coroutine that should not end must not keep the process.
    await within(this.#runtime.clock, CUT_WAIT, this.#tasks.finished())
    if (this.#filters !== null) await within(this.#runtime.clock, 3 * HELPER_GRACE, this.#filters.finished())
  }

  /** Read again the files of the filter and of the users, while traffic goes on. */
  reload(): void {
    this.#filters?.reload()
    const parents = this.#proxy?.parents ?? null
    if (parents !== null) this.#tasks.add(parents.reload())
    if (this.#proxy !== null) this.#tasks.add(this.#proxy.upstreams.reload(this.#proxy.origins))
    for (const { door } of this.#contexts.values()) if (door !== null) this.#tasks.add(door.reload())
    for (const { users } of this.#contexts.values()) if (users !== null) this.#tasks.add(users.reload())
  }

  snapshot(): Snapshot {
    const proxy = this.#proxy
    return proxy === null ? {} : proxy.statistics.snapshot(proxy, [...this.#contexts.values()])
  }

  /** What this machine cannot do of what is asked for. @throws StartFailure */
  #checkCapture(speaks: boolean): void {
    const { engine } = this.#runtime
    if (engine === 'epoll') return
    const { outgoing, listener } = this.#settings
    if (outgoing.spoof) {
      const words =
        'outgoing.spoof: the addresses of clients can be taken by the epoll engine alone (Deno, Bun or the ' +
        'executable, on Linux)'
      throw new StartFailure(EXIT.unavailable, words)
    }
    for (const { name, capture } of speaks ? listener : []) {
      if (capture !== 'redirect') continue
      const words =
        'listener {name}: where clients were going is not known without the epoll engine; they go where the name ' +
        'leads that they ask for'
      this.#log.warning(words, { name })
    }
  }

  #welcome(proxy: Proxy, context: ListenerContext, socket: Socket): void {
    if (context.settings.proxy_protocol === 'off' && context.door === null) {
      this.#letIn(proxy, context, arrived(socket, context.capture))
    } else if (context.door !== null && context.crowded) {
      // Nobody can be told anything before a handshake, and a handshake costs more than a connection.
      context.refused++
      socket.abort()
    } else this.#tasks.add(this.#introduce(proxy, context, new Newcomer(proxy, context, socket)))
  }

  async #introduce(proxy: Proxy, context: ListenerContext, newcomer: Newcomer): Promise<void> {
    const arrival = await newcomer.introduction()
    if (typeof arrival !== 'string') {
      this.#letIn(proxy, context, arrival)
      return
    }
    context.failed++
    this.#log.info('listener {listener}: a connection from {peer} is closed: {why}', {
      listener: context.settings.name,
      peer: formatEndpoint(newcomer.socket.peer),
      why: arrival,
    })
  }

  #letIn(proxy: Proxy, context: ListenerContext, arrival: Arrival): void {
    const { socket } = arrival
    if (context.settings.mode === 'icap') {
      const peer = new IcapPeer(proxy, context, socket, arrival)
      const full = context.admit(peer)
      this.#tasks.add(full === '' ? serveIcap(peer, this.#record) : turnAwayIcap(peer, full, this.#record))
      return
    }
    const client = new Client(proxy, context, socket, arrival)
    const full = context.admit(client)
    const { mode } = context.settings
    const serve = SERVING[mode]
    if (serve !== converse) client.answers = SILENT
    this.#tasks.add(full === '' ? serve(client, this.#record) : turnAway(client, full, this.#record))
  }

  #bug(error: unknown): void {
    this.#log.error('a bug, please report it: {error}', { error })
  }
}

/** Who serves the clients of each mode; ICAP's are no clients of ours. */
const SERVING = {
  forward: converse,
  reverse: converse,
  transparent: converse,
  tls: converseTls,
  socks: converseSocks,
  passthrough: conversePassthrough,
  icap: converse,
}

/** A place of this service: a request for it would come round, or reach what is not for clients. */
function reserve({ destinations }: Proxy, at: Endpoint): void {
  if (at.family !== 'unix') destinations.listensOn(at.address, at.port)
}
