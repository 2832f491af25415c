/** Reverse mode's groups of servers: which server an exchange goes to, and what is learnt of it. */

import type { UpstreamSettings } from '../config/settings.ts'
import { Failure } from '../failure.ts'
import { Checks } from '../flow/checks.ts'
import type { Dialler } from '../flow/dial.ts'
import { Group, type Server, type Tried } from '../flow/group.ts'
import { GroupQueue } from '../flow/group_queue.ts'
import type { Origin, Origins } from '../flow/origins.ts'
import { cookieOf } from '../http/cookie.ts'
import { SERVER_FALL, SERVER_RISE, SERVER_SLOW_START } from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import type { Client } from './client.ts'
import type { Logger } from './diagnostics.ts'
import { blame, changesTo, keyOf, prefaceOf, serverOf } from './groups.ts'
import { UpstreamTls } from './tls_upstream.ts'

/** HTTP's own port, where `[upstream] servers` names none. */
const HTTP_PORT = 80

export class Upstream {
  readonly name: string
  readonly group: Group
  readonly queue: GroupQueue
  /** TLS to its servers; `null`: there is none. */
  readonly tls: UpstreamTls | null
  /** The name of the cookie that says which server was there before; '': there is none. */
  readonly cookie: string
  readonly #settings: UpstreamSettings
  readonly #log: Logger
  readonly #byCookie = new Map<string, Server>()
  #checks: Checks | null = null

  constructor(settings: UpstreamSettings, runtime: Runtime, log: Logger) {
    const { name, servers, balance: asked, sticky, max_connections: most } = settings
    // The same client, the same server: that is what the hash does.
    const balance = sticky === 'client' ? 'hash_client' : asked
    this.name = name
    this.#settings = settings
    this.tls = settings.tls === null ? null : new UpstreamTls(runtime, name, settings.tls)
    this.#log = log
    const options = { balance, fall: SERVER_FALL, rise: SERVER_RISE, slow_start: SERVER_SLOW_START, most }
    this.group = new Group(
      name,
      servers.map((server) => serverOf('upstream', server, HTTP_PORT)),
      options,
      runtime.clock,
    )
    this.queue = new GroupQueue(this.group, runtime.clock, most === 0 ? 0 : settings.queue, settings.queue_timeout)
    this.cookie = sticky === 'cookie' ? settings.sticky_cookie : ''
    for (const server of this.group.servers) {
      server.securing = this.tls
      this.#byCookie.set(cookieValue(server), server)
    }
  }

  /** The server for this exchange, or `null`: it has to wait, or there is none. */
  choose(client: Client, tried: Tried | null): Server | null {
    const before = this.#before(client)
    if (before !== null && this.group.well(before, tried)) {
      if (this.group.usable(before, tried)) return before
      // It is well and has no room: what it knows of this client is worth a wait.
      if (this.queue.open) return null
    }
    return this.group.choose(keyOf(client, this.group), tried)
  }

  /** The server that knows this client: it has its login on a connection, or has given it a cookie. */
  #before(client: Client): Server | null {
    const { loggedIn } = client
    if (loggedIn !== null) {
      for (const server of this.group.servers) if (server.origin === loggedIn) return server
    }
    if (this.cookie === '') return null
    return this.#byCookie.get(cookieOf(client.record.request!, this.cookie)) ?? null
  }

  /** The same, waiting where that helps. @throws Failure servers-down, servers-busy */
  async wait(client: Client, tried: ReadonlySet<Server> | null): Promise<Server> {
    if (!this.group.full(tried)) throw new Failure('servers-down', this.name)
    const { clock } = client.proxy
    const since = clock.now()
    // Whose server could not be reached may have waited already.
    const waited = Math.max(0, client.record.queue)
    const still = tried === null ? null : stillTried(tried)
    const turn = this.queue.wait(() => this.choose(client, still), waited)
    client.race = turn
    client.wait('connect', 0)
    try {
      return await turn.server
    } finally {
      client.race = null
      client.record.queue = waited + clock.now() - since
    }
  }

  /** The Set-Cookie by which the client comes back to this server, or '' where there is none, or it has it already. */
  remember(client: Client): string {
    const { server } = client
    if (this.cookie === '' || server === null) return ''
    const value = cookieValue(server)
    return cookieOf(client.record.request!, this.cookie) === value
      ? ''
      : `${this.cookie}=${value}; Path=/; HttpOnly; SameSite=Lax${client.secure ? '; Secure' : ''}`
  }

  failed(server: Server, why: string): void {
    blame(this.#log, 'upstream', this.group, server, why)
  }

  /** Begin to check the servers, where that is asked for. */
  watch(runtime: Runtime, dialler: Dialler, bug: (error: unknown) => void): void {
    const { check, check_interval: interval, check_path: target } = this.#settings
    if (check === 'off' || this.#checks !== null) return
    const preface = prefaceOf(dialler.outgoing)
    const options = { check, interval, target, host: '', preface, login: null }
    const changed = changesTo(this.#log, 'upstream', this.name)
    this.#checks = new Checks(runtime, dialler, this.group, options, { changed, bug })
    this.#checks.start()
  }

  close(): void {
    this.#checks?.close()
  }
}

/** Where this server's connections are. */
export function originOf(server: Server, origins: Origins): Origin {
  const { origin } = server
  if (origin !== null && origin.listed) return origin
  return server.origin = origins.find(server.host, server.port, false, server.securing)
}

/** Of these, those that were not well again meanwhile: nobody who waits is to be passed there by who comes later. */
function stillTried(tried: ReadonlySet<Server>): Tried {
  const recoveries = new Map<Server, number>()
  for (const server of tried) recoveries.set(server, server.recoveries)
  return { has: (server) => recoveries.get(server) === server.recoveries }
}

/** What names a server without telling where it is. */
function cookieValue(server: Server): string {
  return server.seed.toString(16).padStart(8, '0')
}
