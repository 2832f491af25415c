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
  /** Woken when a connection ends, for an accept that waits for a place. */
  #freed: (() => void) | null = null

  constructor(settings: ListenerSettings) {
    this.settings = settings
    this.limits = { ...HEAD_LIMITS, size: settings.head_size }
  }

  get full(): boolean {
    return this.settings.connections !== 0 && this.clients.size >= this.settings.connections
  }

  /** Settles when there is a place again. One may wait. */
  place(): Promise<void> {
    if (!this.full) return Promise.resolve()
    return new Promise((resolve) => {
      this.#freed = resolve
    })
  }

  /** @returns false when this client address has as many connections as it may. */
  admit(client: Client): boolean {
    const limit = this.settings.connections_per_client
    this.clients.add(client)
    if (limit === 0) return true
    const address = client.record.client
    const count = (this.#byAddress.get(address) ?? 0) + 1
    this.#byAddress.set(address, count)
    return count <= limit
  }

  dismiss(client: Client): void {
    this.clients.delete(client)
    if (this.settings.connections_per_client !== 0) {
      const address = client.record.client
      const count = this.#byAddress.get(address)! - 1
      if (count === 0) this.#byAddress.delete(address)
      else this.#byAddress.set(address, count)
    }
    this.release()
  }

  /** Wake an accept that waits for a place. */
  release(): void {
    const freed = this.#freed
    this.#freed = null
    freed?.()
  }
}
