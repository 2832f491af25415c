/** The name servers, and what is remembered of each: how fast it answers, whether it does, and what it cannot do. */

import { formatEndpoint } from '../bytes/address.ts'
import { DNS_PATIENCE, DNS_PATIENCE_MIN, DNS_PENALTY, DNS_PENALTY_MAX, DNS_WORKAROUND } from '../limits.ts'
import type { Endpoint } from '../runtime.ts'

export class Server {
  readonly endpoint: Endpoint
  /** `127.0.0.1:53`. */
  readonly label: string
  queries = 0
  answers = 0
  timeouts = 0
  failures = 0
  /** It has answered with EDNS before: when it is silent, that is not the reason. */
  speaksEdns = false
  #rtt = -1
  #deviation = 0
  #heard = -Infinity
  #penalty = 0
  #probe = 0
  #plainUntil = 0
  #caselessUntil = 0

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint
    this.label = formatEndpoint(endpoint)
  }

  /** It has been silent, and has not answered anything since. */
  get down(): boolean {
    return this.#penalty > 0
  }

  /** Higher is worse; 0 is up. */
  get penalty(): number {
    return this.#penalty
  }

  /** How long to wait for it before another is asked as well, ms. */
  get patience(): number {
    if (this.#rtt < 0) return DNS_PATIENCE
    return Math.max(DNS_PATIENCE_MIN, this.#rtt + 4 * this.#deviation)
  }

  plain(now: number): boolean {
    return this.#plainUntil > now
  }

  caseless(now: number): boolean {
    return this.#caselessUntil > now
  }

  /** It answered something, `rtt` ms after it was asked: smoothed as TCP does (RFC 6298 2). */
  heard(now: number, rtt: number): void {
    this.answers++
    this.#heard = now
    this.#penalty = 0
    if (this.#rtt < 0) {
      this.#rtt = rtt
      this.#deviation = rtt / 2
      return
    }
    this.#deviation += (Math.abs(this.#rtt - rtt) - this.#deviation) / 4
    this.#rtt += (rtt - this.#rtt) / 8
  }

  /** It has not answered what was asked at `asked`. Only if it answered nothing at all since then is it to blame. */
  silent(asked: number, now: number): void {
    this.timeouts++
    if (this.#heard < asked) this.#punish(now)
  }

  /** It cannot be reached. */
  broken(now: number): void {
    this.failures++
    this.#punish(now)
  }

  refusesEdns(now: number): void {
    this.#plainUntil = now + DNS_WORKAROUND
  }

  changesCase(now: number): void {
    this.#caselessUntil = now + DNS_WORKAROUND
  }

  /** Down, and its time to be tried again has come: true once, then not for twice as long. */
  probe(now: number): boolean {
    if (!this.down || now < this.#probe) return false
    this.#penalty = Math.min(DNS_PENALTY_MAX, this.#penalty * 2)
    this.#probe = now + this.#penalty
    return true
  }

  #punish(now: number): void {
    // Many questions may be waiting for it at once: they count as one silence.
    if (this.down) return
    this.#penalty = DNS_PENALTY
    this.#probe = now + this.#penalty
  }
}

export class Servers {
  readonly all: readonly Server[]

  /** Those in `before` with the same address keep what is known of them. */
  constructor(endpoints: readonly Endpoint[], before: readonly Server[] = []) {
    const all: Server[] = []
    for (const endpoint of endpoints) {
      const label = formatEndpoint(endpoint)
      if (all.some((server) => server.label === label)) continue
      all.push(before.find((server) => server.label === label) ?? new Server(endpoint))
    }
    this.all = all
  }

  /** In the order to ask: as configured those that are up, then those that are down, the least silent first. */
  order(): readonly Server[] {
    if (!this.all.some((server) => server.down)) return this.all
    return [...this.all].sort((a, b) => a.penalty - b.penalty)
  }

  /** One that is down and may be up again, to be asked aside while others answer; `null` mostly. */
  probe(now: number): Server | null {
    if (this.all.length < 2 || this.all.every((server) => server.down)) return null
    return this.all.find((server) => server.probe(now)) ?? null
  }
}
