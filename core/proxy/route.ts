/** Where a request goes: what is refused by its own words, and which origin the rest is for. */

import type { PortRange, UpstreamSettings } from '../config/settings.ts'
import { Failure } from '../failure.ts'
import type { Dialler } from '../flow/dial.ts'
import type { Server } from '../flow/group.ts'
import type { Origin, Origins } from '../flow/origins.ts'
import type { Target } from '../http/target.ts'
import { captured } from './capture.ts'
import type { Runtime } from '../runtime.ts'
import type { Client } from './client.ts'
import { logger } from './diagnostics.ts'
import { groupSnapshot } from './groups.ts'
import type { Snapshot } from './snapshot.ts'
import { type Dial, dialPort } from './petition.ts'
import { routeThrough, wayOf } from './through.ts'
import { originOf, Upstream } from './upstream.ts'

/** The sites of reverse mode, by the host that is asked for: exact, then the longest wildcard, then the default. */
export class Upstreams {
  readonly #exact = new Map<string, Upstream>()
  readonly #below = new Map<string, Upstream>()
  readonly #all: readonly Upstream[]
  #default: Upstream | null = null

  constructor(settings: readonly UpstreamSettings[], runtime: Runtime) {
    const log = logger('upstream')
    this.#all = settings.map((one) => new Upstream(one, runtime, log))
    for (const [i, { hosts }] of settings.entries()) {
      const upstream = this.#all[i]
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

  /** Read the files that TLS to the servers is made of. @throws StartFailure */
  async open(): Promise<void> {
    for (const { tls } of this.#all) await tls?.open()
  }

  /** Read them again. `origins`: where connections to the servers are kept. */
  async reload(origins: Origins): Promise<void> {
    for (const { tls } of this.#all) await tls?.reload(origins)
  }

  /** Begin to check the servers, where that is asked for. `bug` is told of what is thrown and is no failure. */
  watch(runtime: Runtime, dialler: Dialler, bug: (error: unknown) => void): void {
    for (const upstream of this.#all) upstream.watch(runtime, dialler, bug)
  }

  close(): void {
    for (const upstream of this.#all) upstream.close()
  }

  snapshot(): Snapshot {
    const waiting = this.#all.map(({ name, queue }) => [name, queue.waiting] as const)
    return {
      ...groupSnapshot('upstream', this.#all.map(({ group }) => group)),
      upstream_waiting: Object.fromEntries(waiting),
    }
  }
}

/** The origin a request is for, or what takes its place by decision. `null` and throws as {@link route}. */
export function destination(client: Client, target: Target): Origin | null {
  const dial = client.petition?.dial ?? null
  if (dial === null) return route(client, target)
  const way = wayOf(client)
  return way === null ? instead(client, dial, target) : routeThrough(client, way, target)
}

function instead(client: Client, dial: Dial, target: Target): Origin {
  return client.proxy.origins.find(dial.host, dialPort(dial, target, client.secure), !dial.trusted)
}

/**
 * The origin a request is for; `null`: none of the servers it is for can be asked now, and {@link waitForServer} may help.
 * @throws Failure not-a-proxy-request, no-upstream
 */
export function route(client: Client, target: Target): Origin | null {
  const { origins, upstreams } = client.proxy
  if (client.listener.settings.mode === 'reverse') {
    const upstream = client.upstream = upstreams.find(target.host)
    if (upstream === null) throw new Failure('no-upstream', target.host)
    const server = upstream.choose(client, null)
    if (server === null) return null
    client.serve(server)
    return originOf(server, origins)
  }
  const way = wayOf(client)
  const to = way === null ? captured(client, target) : null
  if (to !== null) return remembered(client, origins, to.address, to.port, true)
  // A client that was not captured, or is led elsewhere, asks a host by its name.
  const named = client.listener.settings.mode === 'transparent' && target.host !== ''
  if (target.form !== 'absolute' && !named) throw new Failure('not-a-proxy-request')
  if (way !== null) return routeThrough(client, way, target)
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
  if (mode === 'reverse' || mode === 'transparent') throw new Failure('method-refused', 'CONNECT')
  const way = wayOf(client)
  // The operator wrote where it goes.
  if (mode === 'passthrough' && client.arrival.destination === null && client.petition?.rewritten !== true) {
    if (way !== null) return routeThrough(client, way, target, client.petition?.dial != null)
    return client.petition?.dial
      ? instead(client, client.petition.dial, target)
      : origins.find(target.host, target.port, false)
  }
  const led = way !== null || (client.petition !== null && client.petition.dial !== null)
  const to = led ? null : captured(client, target)
  if (to !== null) return origins.find(to.address, to.port, true)
  // Which ports of captured clients come here, the operator has said to the kernel.
  const asked = mode !== 'tls' && client.arrival.destination === null
  if (asked && !permitted(settings.outgoing.connect_ports, target.port)) {
    throw new Failure('port-refused', `port ${target.port}`)
  }
  const dial = client.petition?.dial ?? null
  if (dial === null) {
    return way === null ? origins.find(target.host, target.port, true) : routeThrough(client, way, target)
  }
  if (!dial.trusted && !permitted(settings.outgoing.connect_ports, dial.port || target.port)) {
    throw new Failure('port-refused', `port ${dial.port}, where a classifier leads`)
  }
  return way === null ? instead(client, dial, target) : routeThrough(client, way, target)
}

/** The origin of an exchange that {@link route} found no server for. @throws Failure servers-down, servers-busy */
export async function waitForServer(client: Client, tried: ReadonlySet<Server> | null): Promise<Origin> {
  const server = await client.upstream!.wait(client, tried)
  client.server = server
  if (client.late !== null) throw client.late
  return originOf(server, client.proxy.origins)
}

function permitted(ranges: readonly PortRange[], port: number): boolean {
  for (const { first, last } of ranges) {
    if (port >= first && port <= last) return true
  }
  return false
}
