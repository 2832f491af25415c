/**
 * May this address be dialled? Judged on the very address about to be dialled, once per dial, so that no name, rebinding
 * answer or way of writing gets round it.
 *
 *  1. what is no IP address is refused;
 *  2. `deny` networks always win, also over an IPv4 address carried inside an IPv6 one (NAT64, 6to4);
 *  3. this machine's own addresses are refused, unless `allow_local` names them;
 *  4. this proxy's own listeners are refused even so: a request would come round (RFC 9110 7.6);
 *  5. everything else may be dialled.
 */

import {
  type Address,
  addressOf,
  contains,
  formatAddress,
  formatNetwork,
  type Network,
  parseAddress,
  parseNetwork,
} from '../bytes/address.ts'
import { extract } from '../bytes/embedding.ts'
import type { OutgoingSettings, PortRange } from '../config/settings.ts'

type Refusal = 'destination-refused' | 'local-refused' | 'loop'

interface Exception {
  /** `null`: any address. */
  readonly network: Network | null
  readonly ports: PortRange | null
}

function network(text: string): Network {
  const parsed = parseNetwork(text)
  // The schema has checked it: going on without a rule of safety would be worse than stopping.
  if (parsed === null) throw new TypeError(`Cannot read the network ${JSON.stringify(text)}`)
  return parsed
}

/** Loopback, and "this host on this network" (RFC 1122 3.2.1.3), which Linux takes for loopback when dialled. */
const LOOPBACK = ['127.0.0.0/8', '0.0.0.0/8', '::1', '::'].map(network)

/** IPv6 prefixes that carry an IPv4 address, and the byte where it starts. Mapped addresses are IPv4 already. */
const CARRIERS: readonly { readonly network: Network; readonly at: number }[] = [
  { network: network('64:ff9b::/96'), at: 12 }, // NAT64, RFC 6052
  { network: network('64:ff9b:1::/48'), at: 12 }, // NAT64 of one's own, RFC 8215, with a /96 inside it
  { network: network('2002::/16'), at: 2 }, // 6to4, RFC 3056
  { network: network('::/96'), at: 12 }, // IPv4-compatible, RFC 4291 2.5.5.1
]

const NONE: readonly Address[] = []

/** Without a zone: an address of ours is ours on any link. */
function key(address: Address): string {
  return formatAddress(address.zone === '' ? address : { ...address, zone: '' })
}

export class Destinations {
  readonly #deny: readonly Network[]
  readonly #exceptions: readonly Exception[]
  #locals: ReadonlySet<string> = new Set()
  #prefixes: readonly Network[] = []
  readonly #listeners: { readonly address: Address; readonly port: number }[] = []

  /** `locals`: the addresses of this machine's interfaces. Throws a TypeError for a network that cannot be read. */
  constructor(outgoing: Pick<OutgoingSettings, 'deny' | 'allow_local'>, locals: readonly string[]) {
    this.#deny = outgoing.deny.map(network)
    this.#exceptions = outgoing.allow_local.map((pattern) => ({
      network: pattern.address === '*' ? null : network(pattern.address),
      ports: pattern.ports,
    }))
    this.refresh(locals)
  }

  /** The interfaces have these addresses now. @returns those that have come and those that are gone, canonical, without zones. */
  refresh(locals: readonly string[]): ReadonlySet<string> {
    const before = this.#locals
    const set = new Set<string>()
    for (const text of locals) {
      const address = parseAddress(text)
      if (address !== null) set.add(key(address))
    }
    this.#locals = set
    const changed = new Set<string>()
    for (const one of set) if (!before.has(one)) changed.add(one)
    for (const one of before) if (!set.has(one)) changed.add(one)
    return changed
  }

  /** Translators to IPv4 (NAT64) have these prefixes, beside those that everyone knows. */
  translates(prefixes: readonly Network[]): void {
    this.#prefixes = prefixes
  }

  /** This proxy listens here; an address of all zeros is every address of this machine. */
  listensOn(address: string, port: number): void {
    const parsed = parseAddress(address)
    if (parsed !== null) this.#listeners.push({ address: parsed, port })
  }

  /** Whether this proxy listens there. */
  listens(address: string, port: number): boolean {
    const parsed = parseAddress(address)
    return parsed !== null && this.#isListener(parsed, port)
  }

  /** Why not to dial this address, or `null`. */
  refuses(address: string, port: number): Refusal | null {
    const outer = parseAddress(address)
    if (outer === null) return 'destination-refused'
    const inner = this.#carried(outer)
    if (this.#denied(outer) || inner.some((each) => this.#denied(each))) return 'destination-refused'
    if (this.#isLocal(outer) && !this.#excepted(outer, port)) return 'local-refused'
    // `::1` and `::` are themselves, not carriers of 0.0.0.1 and 0.0.0.0: an exception for `::1` is enough.
    if (!this.#isLocal(outer) && inner.some((each) => this.#isLocal(each) && !this.#excepted(each, port))) {
      return 'local-refused'
    }
    return this.#isListener(outer, port) || inner.some((each) => this.#isListener(each, port)) ? 'loop' : null
  }

  /** The address and the IPv4 ones it may stand for, canonical text: what a rule about it is about. */
  meanings(address: string): readonly string[] {
    const outer = parseAddress(address)
    const inner = outer === null ? NONE : this.#carried(outer)
    return inner.length === 0 ? [address] : [address, ...inner.map(formatAddress)]
  }

  /** The `deny` network that refuses this address, for the log, or `null`. */
  rule(address: string): string | null {
    const outer = parseAddress(address)
    if (outer === null) return null
    const inner = this.#carried(outer)
    for (const denied of this.#deny) {
      if (contains(denied, outer) || inner.some((each) => contains(denied, each))) return formatNetwork(denied)
    }
    return null
  }

  /** The IPv4 addresses inside an IPv6 one: there may be several ways to read it, and none is known to be the one. */
  #carried(address: Address): readonly Address[] {
    if (address.family === 4) return NONE
    const found: Address[] = []
    for (const { network, at } of CARRIERS) {
      if (contains(network, address)) found.push(addressOf(address.bytes.slice(at, at + 4)))
    }
    for (const prefix of this.#prefixes) {
      const inner = extract(prefix, address)
      if (inner !== null) found.push(inner)
    }
    return found
  }

  #denied(address: Address): boolean {
    for (const denied of this.#deny) if (contains(denied, address)) return true
    return false
  }

  #isLocal(address: Address): boolean {
    for (const loopback of LOOPBACK) if (contains(loopback, address)) return true
    return this.#locals.has(key(address))
  }

  #isListener(address: Address, port: number): boolean {
    for (const listener of this.#listeners) {
      if (listener.port !== port) continue
      const wide = key(listener.address) === '0.0.0.0' || key(listener.address) === '::'
      const any = key(address) === '0.0.0.0' || key(address) === '::'
      if (key(listener.address) === key(address) || ((wide || any) && this.#isLocal(address))) return true
    }
    return false
  }

  #excepted(address: Address, port: number): boolean {
    for (const { network, ports } of this.#exceptions) {
      if (ports !== null && (port < ports.first || port > ports.last)) continue
      if (network === null || contains(network, address)) return true
    }
    return false
  }
}
