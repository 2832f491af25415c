/** IPv4 addresses inside IPv6 ones (RFC 6052), as translators between the two (NAT64) read and write them. */

import { type Address, addressOf, contains, type Network } from './address.ts'

/** The lengths a prefix may have (RFC 6052 2.2). */
const LENGTHS: readonly number[] = [32, 40, 48, 56, 64, 96]
/** Bits 64 to 71: always zero, never part of an IPv4 address (RFC 6052 2.2, "u"). */
const RESERVED = 8

/** Whether a network may be the prefix of a translator. Where byte 8 is within it, that is zero. */
export function isPrefix({ family, length, bytes }: Network): boolean {
  return family === 6 && LENGTHS.includes(length) && bytes[RESERVED] === 0
}

/** The IPv6 address of `inner` (4 bytes) under that prefix; what follows the IPv4 address is zero. */
export function embed(prefix: Network, inner: Uint8Array): Address {
  const bytes = prefix.bytes.slice()
  for (let i = 0, at = prefix.length / 8; i < 4; i++, at++) {
    if (at === RESERVED) at++
    bytes[at] = inner[i]
  }
  return addressOf(bytes)
}

/** The IPv4 address inside an IPv6 one; `null` where it is not under that prefix. Byte 8 is not looked at, as by many. */
export function extract(prefix: Network, outer: Address): Address | null {
  if (!contains(prefix, outer)) return null
  const inner = new Uint8Array(4)
  for (let i = 0, at = prefix.length / 8; i < 4; i++, at++) {
    if (at === RESERVED) at++
    inner[i] = outer.bytes[at]
  }
  return addressOf(inner)
}

/** All prefixes under which `outer` would hold `inner` (RFC 7050 3): the shortest first. */
export function prefixesOf(outer: Address, inner: Uint8Array): Network[] {
  const found: Network[] = []
  if (outer.family !== 6 || outer.zone !== '') return found
  for (const length of LENGTHS) {
    const bytes = new Uint8Array(16)
    bytes.set(outer.bytes.subarray(0, length / 8))
    const prefix: Network = { family: 6, bytes, length }
    if (!isPrefix(prefix)) continue
    const held = extract(prefix, outer)
    if (held !== null && held.bytes.every((byte, i) => byte === inner[i])) found.push(prefix)
  }
  return found
}
