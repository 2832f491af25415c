/** Where a request goes: what is refused by its own words, and which origin the rest is for. */

import { splitHostPort } from '../bytes/address.ts'
import type { PortRange, UpstreamSettings } from '../config/settings.ts'
import { Failure } from '../failure.ts'
import type { Origin, Origins } from '../flow/origins.ts'
import type { Target } from '../http/target.ts'
import type { Client } from './client.ts'

/** HTTP's own port, where `[upstream] servers` names none. */
const HTTP_PORT = 80

interface Server {
  readonly host: string
  readonly port: number
}

interface Upstream {
  readonly servers: readonly Server[]
  turn: number
}

/** The sites of reverse mode, by the host that is asked for: exact, then the longest wildcard, then the default. */
export class Upstreams {
  readonly #exact = new Map<string, Upstream>()
  readonly #below = new Map<string, Upstream>()
  #default: Upstream | null = null

  constructor(settings: readonly UpstreamSettings[]) {
    for (const { hosts, servers } of settings) {
      const upstream: Upstream = { servers: servers.map((server) => serverOf(server)), turn: 0 }
      for (const host of hosts) {
        if (host === '*') this.#default = upstream
        else if (host.startsWith('*.')) this.#below.set(host.slice(2), upstream)
        else this.#exact.set(host, upstream)
      }
    }
  }

  /** `host` in policy form. */
  find(host: string): Upstream | null {
    const exact = this.#exact.get(host)
    if (exact !== undefined) return exact
    if (this.#below.size > 0) {
      for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
        const below = this.#below.get(host.slice(dot + 1))
        if (below !== undefined) return below
      }
    }
    return this.#default
  }

  /** How many servers a site has. */
  count(host: string): number {
    return this.find(host)?.servers.length ?? 0
  }

  /** The server whose turn it is. @throws Failure no-upstream */
  server(host: string): Server {
    const upstream = this.find(host)
    if (upstream === null) throw new Failure('no-upstream', host)
    const server = upstream.servers[upstream.turn]
    upstream.turn = (upstream.turn + 1) % upstream.servers.length
    return server
  }
}

function serverOf(text: string): Server {
  const parts = splitHostPort(text, HTTP_PORT)
  if (parts === null) throw new Error(`upstream server "${text}" passed validation and is no address`)
  return { host: parts.host.toLowerCase(), port: parts.port }
}

/** The origin a request is for, or what takes its place by decision. @throws as {@link route} */
export function destination(client: Client, target: Target): Origin {
  const dial = client.petition?.dial ?? null
  if (dial === null) return route(client, target)
  return client.proxy.origins.find(dial.host, dial.port || target.port, !dial.trusted)
}

/** The origin a request is for. @throws Failure not-a-proxy-request, no-upstream */
export function route(client: Client, target: Target): Origin {
  const { origins, upstreams } = client.proxy
  if (client.listener.settings.mode === 'reverse') {
    const server = upstreams.server(target.host)
    return remembered(client, origins, server.host, server.port, false)
  }
  if (target.form !== 'absolute') throw new Failure('not-a-proxy-request')
  return remembered(client, origins, target.host, target.port, true)
}

/** A client usually asks the same origin again: then the table need not be asked. */
function remembered(client: Client, origins: Origins, host: string, port: number, guarded: boolean): Origin {
  const last = client.origin
  if (last !== null && last.listed && last.port === port && last.host === host && last.guarded === guarded) return last
  const origin = origins.find(host, port, guarded)
  client.origin = origin
  return origin
}

/** The origin of a CONNECT. @throws Failure method-refused, port-refused */
export function routeConnect(client: Client, target: Target): Origin {
  const { origins, settings } = client.proxy
  const { mode } = client.listener.settings
  if (mode === 'reverse') throw new Failure('method-refused', 'CONNECT')
  // The operator wrote where it goes.
  if (mode === 'passthrough' && client.petition?.rewritten !== true) {
    return client.petition?.dial ? destination(client, target) : origins.find(target.host, target.port, false)
  }
  if (!permitted(settings.outgoing.connect_ports, target.port)) {
    throw new Failure('port-refused', `port ${target.port}`)
  }
  const dial = client.petition?.dial ?? null
  if (dial === null) return origins.find(target.host, target.port, true)
  if (!dial.trusted && !permitted(settings.outgoing.connect_ports, dial.port || target.port)) {
    throw new Failure('port-refused', `port ${dial.port}, where a classifier leads`)
  }
  return destination(client, target)
}

function permitted(ranges: readonly PortRange[], port: number): boolean {
  for (const { first, last } of ranges) {
    if (port >= first && port <= last) return true
  }
  return false
}
