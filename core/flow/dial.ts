/** What reaching a host takes: how it is looked up, what may be dialled, and where from. The doing is {@link Race}'s. */

import type { Family } from '../bytes/address.ts'
import type { OutgoingSettings } from '../config/settings.ts'
import { Failure } from '../failure.ts'
import type { Destinations } from '../filter/destinations.ts'
import type { Connecting, ConnectOptions, Endpoint, Runtime } from '../runtime.ts'
import type { Found } from './found.ts'
import { Race } from './race.ts'
import type { Resolver } from './resolver.ts'
import { sourceOf, Sources, toldOptions, UNBOUND } from './sources.ts'
import { Translation } from './translation.ts'

/** What is dialled: a host (name or address, policy form) and a port. */
export interface Destination {
  readonly host: string
  readonly port: number
  /** The client chose it, so it is judged; false for what the operator wrote down (upstream servers). */
  readonly guarded: boolean
  /** The family that answered last time, tried first; 0: none yet. */
  family: Family | 0
}

/** How long each step took, milliseconds; -1 for one that was not taken. */
export interface DialTimings {
  dns: number
  connect: number
}

export class Dialler {
  readonly runtime: Runtime
  readonly resolver: Resolver
  readonly destinations: Destinations
  readonly outgoing: OutgoingSettings
  /** How IPv4 is reached from where there is none; `null`: not at all. */
  readonly translation: Translation | null
  readonly #told: ConnectOptions | undefined
  readonly #sources4: Sources
  readonly #sources6: Sources

  constructor(runtime: Runtime, resolver: Resolver, destinations: Destinations, outgoing: OutgoingSettings) {
    this.runtime = runtime
    this.resolver = resolver
    this.destinations = destinations
    this.outgoing = outgoing
    this.translation = outgoing.nat64 === 'off' ? null : new Translation(runtime, resolver, destinations, outgoing)
    this.#told = toldOptions(outgoing)
    this.#sources4 = new Sources(outgoing, outgoing.bind4, 4)
    this.#sources6 = new Sources(outgoing, outgoing.bind6, 6)
  }

  /** The interfaces of this machine have these addresses now. @returns those that have come and those that are gone. */
  refresh(locals: readonly string[]): ReadonlySet<string> {
    this.translation?.refresh(locals)
    return this.destinations.refresh(locals)
  }

  /**
   * Begin to connect to one of the addresses of `destination`. The socket of the race rejects with a Failure of the phases
   * decide, resolve and connect; `timings` are filled in by then.
   * `spoof`: come from there, or else from one of `bind`: what neither has an address of the family for is not dialled.
   * `found`: what its host was when it was judged; `null`: nobody has asked, and it is looked up now.
   */
  reach(
    destination: Destination,
    timings: DialTimings,
    spoof: Endpoint | null = null,
    bind: readonly string[] = UNBOUND,
    found: Found | null = null,
  ): Race {
    return new Race(this, destination, timings, spoof, bind, found)
  }

  /** All that a name is, to be judged. That it cannot be looked up is a part of what is found. */
  async find(host: string): Promise<Found> {
    const [four, six] = await Promise.all([this.#look(host, 4), this.#look(host, 6)])
    return { host, 4: four, 6: six }
  }

  async #look(host: string, of: Family): Promise<readonly string[] | Failure> {
    try {
      return await this.resolver.lookup(host, of)
    } catch (error) {
      if (error instanceof Failure) return error
      throw error
    }
  }

  /** Whether what was found leads to that address. */
  leads({ 4: four, 6: six }: Found, address: string): boolean {
    if (!(six instanceof Failure) && six.includes(address)) return true
    if (four instanceof Failure) return false
    const { translation } = this
    return four.some((one) => {
      return translation !== null && translation.standsFor(one)
        ? translation.synthesised(one).includes(address)
        : one === address
    })
  }

  /** The families in use, the one to try first in front. */
  families(favoured: Family | 0): Family[] {
    const { ipv4, ipv6, prefer } = this.outgoing
    const first: Family = prefer === 'ipv4' ? 4 : prefer === 'ipv6' ? 6 : favoured === 0 ? 6 : favoured
    const order: Family[] = first === 6 ? [6, 4] : [4, 6]
    const translated = this.translation !== null && this.translation.active
    return order.filter((each) => each === 4 ? ipv4 || translated : ipv6)
  }

  connect(to: Endpoint, spoof: Endpoint | null, bind: readonly string[]): Connecting {
    if (spoof !== null) return this.runtime.connect(to, { ...this.#told, from: spoof, transparent: true })
    const from = sourceOf(bind, to.family)
    if (from !== null) return this.runtime.connect(to, { ...this.#told, from })
    return this.#sources(to.family).connect(this.runtime, to)
  }

  /** The addresses that {@link connect} comes from; none: the system chooses. */
  sources(to: Endpoint, spoof: Endpoint | null, bind: readonly string[]): readonly string[] {
    if (spoof !== null) return [spoof.address]
    const from = sourceOf(bind, to.family)
    return from === null ? this.#sources(to.family).pool : [from.address]
  }

  #sources(of: Endpoint['family']): Sources {
    return of === 4 ? this.#sources4 : this.#sources6
  }
}
