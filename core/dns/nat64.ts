/**
 * NAT64 as names tell of it: which prefixes translate to IPv4 (RFC 7050), and which IPv4 addresses have an IPv6 one under
 * them (RFC 6147 5.1.4, RFC 6052 3.1).
 */

import {
  type Address,
  contains,
  formatAddress,
  formatNetwork,
  type Network,
  parseAddress,
  parseNetwork,
} from '../bytes/address.ts'
import { embed, prefixesOf } from '../bytes/embedding.ts'

/** It has IPv4 addresses only: an IPv6 one is made by whoever translates (RFC 7050 2.2). */
export const KNOWN_NAME = 'ipv4only.arpa'

/** Its addresses: 192.0.0.170 and 192.0.0.171. */
const KNOWN_ADDRESSES = [Uint8Array.of(192, 0, 0, 170), Uint8Array.of(192, 0, 0, 171)]

/** The prefix of everyone (RFC 6052 2.1). */
const WELL_KNOWN = parseNetwork('64:ff9b::/96')!

/** Addresses that mean another host, or many, wherever they are used: nobody's translator reaches what was meant. */
const NEVER = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4'].map((text) =>
  parseNetwork(text)!
)

/**
 * Addresses that are nobody's in the world, which the well-known prefix must not stand for (RFC 6052 3.1). A prefix of one's
 * own may: there are networks behind it. Those of documentation are not among them: RFC 6052 2.4 translates them itself.
 */
const PRIVATE = ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.0.0.0/24', '192.168.0.0/16', '198.18.0.0/15']
  .map((text) => parseNetwork(text)!)

/**
 * The prefixes that the AAAA records of {@link KNOWN_NAME} tell of, without repetition, in their order. An answer that
 * holds the known addresses in two places at once tells of the longer prefix: the shorter would have zeros behind them.
 */
export function discover(answers: readonly string[]): Network[] {
  const found = new Map<string, Network>()
  for (const text of answers) {
    const outer = parseAddress(text)
    if (outer === null) continue
    let longest: Network | null = null
    for (const prefix of KNOWN_ADDRESSES.flatMap((known) => prefixesOf(outer, known))) {
      if (longest === null || prefix.length > longest.length) longest = prefix
    }
    if (longest !== null) found.set(formatNetwork(longest), longest)
  }
  return [...found.values()]
}

/** Whether `inner` (IPv4) may be written as IPv6 under that prefix. */
export function translates(prefix: Network, inner: Address): boolean {
  const wellKnown = prefix.length === WELL_KNOWN.length && contains(WELL_KNOWN, { ...prefix, zone: '' })
  return !NEVER.some((network) => contains(network, inner)) &&
    !(wellKnown && PRIVATE.some((network) => contains(network, inner)))
}

/** The IPv6 addresses of an IPv4 one, one for each prefix that may stand for it. */
export function synthesise(prefixes: readonly Network[], address: string): string[] {
  const inner = parseAddress(address)
  if (inner === null || inner.family !== 4) return []
  return prefixes.filter((prefix) => translates(prefix, inner)).map((prefix) =>
    formatAddress(embed(prefix, inner.bytes))
  )
}
