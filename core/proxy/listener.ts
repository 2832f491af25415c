/** What the connections of one listener share. */

import type { ListenerSettings } from '../config/settings.ts'
import { HEAD_LIMITS, type HeadLimits } from '../http/parse_head.ts'
import type { Chain } from './chain.ts'
import type { Client } from './client.ts'
import type { ResponseAdapter } from './response_adapter.ts'

export class ListenerContext {
  readonly settings: ListenerSettings
  readonly limits: HeadLimits
  /** Who decides about its requests; `null`: nobody. */
  chain: Chain | null = null
  /** Who may change its answers; `null`: nobody. */
  respmod: ResponseAdapter | null = null
  readonly clients = new Set<Client>()
  /** Connections let in and turned away, exchanges that are over, bytes from clients and to them. */
  accepted = 0
  refused = 0
  exchanges = 0
  received = 0
  sent = 0
  /** Those of {@link clients} that are being told that there is no room. They take none from the others. */
  readonly #turnedAway = new Set<Client>()
  /** Connections by client address, kept only where they are limited. */
  readonly #byAddress = new Map<string, number>()

  constructor(settings: ListenerSettings, looseTargets: boolean) {
    this.settings = settings
    this.limits = { ...HEAD_LIMITS, size: settings.head_size, looseTargets }
  }

  /** Let a connection in. @returns what is wrong with it when there are as many already as there may be, else ''. */
  admit(client: Client): string {
    const wrong = this.#full(client.record.client)
    this.clients.add(client)
    if (wrong === '') {
      this.accepted++
      this.#count(client.record.client, 1)
    } else {
      this.refused++
      this.#turnedAway.add(client)
    }
    return wrong
  }

  dismiss(client: Client): void {
    this.clients.delete(client)
    if (!this.#turnedAway.delete(client)) this.#count(client.record.client, -1)
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
