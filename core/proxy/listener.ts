/** What the connections of one listener share. */

import type { ListenerSettings } from '../config/settings.ts'
import { HEAD_LIMITS, type HeadLimits } from '../http/parse_head.ts'
import type { Client } from './client.ts'

export class ListenerContext {
  readonly settings: ListenerSettings
  readonly limits: HeadLimits
  readonly clients = new Set<Client>()
  /** Connections by client address, kept only where they are limited. */
  readonly #byAddress = new Map<string, number>()
  constructor(settings: ListenerSettings, looseTargets: boolean) {
    this.settings = settings
    this.limits = { ...HEAD_LIMITS, size: settings.head_size, looseTargets }
  }

  /** Count a connection. @returns what is wrong with it when there are as many already as there may be, else ''. */
  admit(client: Client): string {
    const { connections, connections_per_client } = this.settings
    this.clients.add(client)
    const full = connections !== 0 && this.clients.size > connections
    if (connections_per_client === 0) return full ? `${connections} in all` : ''
    const address = client.record.client
    const count = (this.#byAddress.get(address) ?? 0) + 1
    this.#byAddress.set(address, count)
    if (full) return `${connections} in all`
    return count > connections_per_client ? `${connections_per_client} from ${address}` : ''
  }

  dismiss(client: Client): void {
    this.clients.delete(client)
    if (this.settings.connections_per_client !== 0) {
      const address = client.record.client
      const count = this.#byAddress.get(address)! - 1
      if (count === 0) this.#byAddress.delete(address)
      else this.#byAddress.set(address, count)
    }
  }
}
