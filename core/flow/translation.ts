/** Reaching IPv4 from where there is none: through a translator (NAT64), by the prefix it has or that names tell of. */

import { type Network, parseNetwork } from '../bytes/address.ts'
import type { OutgoingSettings } from '../config/settings.ts'
import { discover, KNOWN_NAME, synthesise } from '../dns/nat64.ts'
import { Failure } from '../failure.ts'
import type { Destinations } from '../filter/destinations.ts'
import { NAT64_CHECK } from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import type { Resolver } from './resolver.ts'

/** Not what reaches the world: loopback, and what a machine gives itself (RFC 3927). */
const NOT_ROUTED = /^(?:127|0|169\.254)\./
const LOOPBACK = /^127\./

export class Translation {
  readonly #runtime: Runtime
  readonly #resolver: Resolver
  readonly #destinations: Destinations
  readonly #ipv4: boolean
  readonly #auto: boolean
  #native = false
  /** `null`: never asked for yet. */
  #prefixes: readonly Network[] | null = null
  #trouble = ''
  #due = -Infinity
  #asking: Promise<void> | null = null

  /** `outgoing.nat64` is not `off`. Throws a TypeError for a prefix that cannot be read. */
  constructor(runtime: Runtime, resolver: Resolver, destinations: Destinations, outgoing: OutgoingSettings) {
    this.#runtime = runtime
    this.#resolver = resolver
    this.#destinations = destinations
    this.#ipv4 = outgoing.ipv4
    this.#auto = outgoing.nat64 === 'auto'
    this.refresh(runtime.addresses())
    if (this.#auto) return
    const prefix = parseNetwork(outgoing.nat64)
    if (prefix === null) throw new TypeError(`Cannot read the prefix ${JSON.stringify(outgoing.nat64)}`)
    this.#learn([prefix])
  }

  /** IPv4 has to be translated: it is switched off, or this machine has no address of it but for itself. */
  get active(): boolean {
    return !this.#native
  }

  /** The interfaces have other addresses now. */
  refresh(locals: readonly string[]): void {
    this.#native = this.#ipv4 && locals.some((address) => !address.includes(':') && !NOT_ROUTED.test(address))
  }

  /**
   * What has to be waited for before an address is judged or translated; `null`: nothing. It never rejects, and takes as
   * long as a look-up may. Known prefixes are asked for again beside.
   */
  wait(): Promise<void> | null {
    if (!this.#auto) return null
    if (this.#asking === null && this.#runtime.clock.now() >= this.#due) {
      this.#asking = this.#ask().finally(() => this.#asking = null)
    }
    return this.#prefixes === null || (this.#prefixes.length === 0 && this.active) ? this.#asking : null
  }

  /** Whether that IPv4 address is reached by another one. This machine's own need no way out of it. */
  standsFor(address: string): boolean {
    return this.active && !(this.#ipv4 && LOOPBACK.test(address))
  }

  /** The IPv6 addresses that an IPv4 one is reached by; none are known. */
  synthesised(address: string): string[] {
    return synthesise(this.#prefixes ?? [], address)
  }

  /** The same, to be dialled. @throws Failure connect-unreachable */
  of(address: string): string[] {
    const found = this.synthesised(address)
    if (found.length > 0) return found
    throw new Failure(
      'connect-unreachable',
      this.#prefixes === null || this.#prefixes.length === 0
        ? `${address} needs IPv4, and no NAT64 is known: ${this.#trouble}`
        : `${address} needs IPv4, and is none that NAT64 translates`,
    )
  }

  async #ask(): Promise<void> {
    let found: readonly Network[] = []
    try {
      found = discover(await this.#resolver.lookup(KNOWN_NAME, 6))
      this.#trouble = `${KNOWN_NAME} has no IPv6 address that tells of one`
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      this.#trouble = error.message
      // Nobody could say: what was known holds, and whoever needs it asks again.
      if (error.code !== 'name-not-found' && error.code !== 'name-no-address') {
        this.#prefixes ??= found
        return
      }
    }
    this.#learn(found)
    // How long the answer itself is good for is known to the resolver, which is asked.
    this.#due = this.#runtime.clock.now() + NAT64_CHECK
  }

  #learn(prefixes: readonly Network[]): void {
    this.#prefixes = prefixes
    this.#destinations.translates(prefixes)
  }
}
