/** What the connections of one listener share. */

import type { ListenerSettings } from '../config/settings.ts'
import { HEAD_LIMITS, type HeadLimits } from '../http/parse_head.ts'
import type { Chain } from './chain.ts'
import type { FailureCode } from '../failure.ts'
import type { TunnelTotals } from '../flow/tunnel.ts'
import { type Network, parseNetwork } from '../bytes/address.ts'
import type { Arrival, Newcomer } from './arrival.ts'
import type { Capture } from './capture.ts'
import type { Waits } from './client.ts'
import type { IcapTag } from './icap_tag.ts'
import type { ResponseAdapter } from './response_adapter.ts'
import type { TlsDoor } from './tls_door.ts'
import type { Users } from './users.ts'

/** A connection that somebody made to us, whatever is spoken on it. */
export interface Connected {
  readonly arrival: Arrival
  readonly waits: Waits
  /** What passed through the tunnel that it has become. */
  readonly tunnel: TunnelTotals | null
  /** Count what has passed since it was counted last. */
  count(): void
  /** The service is stopping: an idle connection goes at once, a busy one after its exchange. */
  drain(): void
  /** All of it, at once: an exchange under way ends by `why` (`client-left`). Safe to call twice. */
  close(why?: FailureCode): void
}

/** The address of who made it; empty on a unix-domain socket. */
export function addressOf({ peer }: Pick<Arrival, 'peer'>): string {
  return peer.family === 'unix' ? '' : peer.address
}

export class ListenerContext {
  readonly settings: ListenerSettings
  readonly limits: HeadLimits
  /** Who decides about its requests; `null`: nobody. */
  chain: Chain | null = null
  /** Who may change its answers; `null`: nobody. */
  respmod: ResponseAdapter | null = null
  /** The ISTag of an ICAP service; `null`: it is none. */
  tag: IcapTag | null = null
  /** Where the TLS of its clients ends; `null`: they have none. */
  door: TlsDoor | null = null
  /** Says where its connections were going; `null`: nowhere but here. */
  capture: Capture | null = null
  readonly clients = new Set<Connected>()
  /** Connections whose client is not known yet, and who may say who it is. */
  readonly newcomers = new Set<Newcomer>()
  readonly introducers: readonly Network[]
  /** Who may use it; `null`: whoever comes. */
  users: Users | null = null
  /** Connections let in, turned away, and come to no client; exchanges that are over, bytes from clients and to them. */
  accepted = 0
  refused = 0
  failed = 0
  exchanges = 0
  received = 0
  sent = 0
  /** Those of {@link clients} that are being told that there is no room. They take none from the others. */
  readonly #turnedAway = new Set<Connected>()
  /** Connections by client address, kept only where they are limited. */
  readonly #byAddress = new Map<string, number>()

  constructor(settings: ListenerSettings, looseTargets: boolean) {
    this.settings = settings
    this.introducers = settings.proxy_protocol_from.map((text) => parseNetwork(text)!)
    this.limits = { ...HEAD_LIMITS, size: settings.head_size, looseTargets }
  }

  /** With those that shake hands there are as many connections as there may be. */
  get crowded(): boolean {
    const { connections } = this.settings
    return connections !== 0 && this.clients.size + this.newcomers.size >= connections
  }

  /** Let a connection in. @returns what is wrong with it when there are as many already as there may be, else ''. */
  admit(client: Connected): string {
    const address = addressOf(client.arrival)
    const wrong = this.#full(address)
    this.clients.add(client)
    if (wrong === '') {
      this.accepted++
      this.#count(address, 1)
    } else {
      this.refused++
      this.#turnedAway.add(client)
    }
    return wrong
  }

  dismiss(client: Connected): void {
    this.clients.delete(client)
    if (!this.#turnedAway.delete(client)) this.#count(addressOf(client.arrival), -1)
  }

  #full(address: string): string {
    const { connections, connections_per_client } = this.settings
    if (connections !== 0 && this.clients.size - this.#turnedAway.size >= connections) return `${connections} in all`
    if (connections_per_client === 0 || (this.#byAddress.get(address) ?? 0) < connections_per_client) return ''
    return `${connections_per_client} from ${address}`
  }

  #count(address: string, step: 1 | -1): void {
    if (this.settings.connections_per_client === 0) return
    const count = (this.#byAddress.get(address) ?? 0) + step
    if (count === 0) this.#byAddress.delete(address)
    else this.#byAddress.set(address, count)
  }
}
