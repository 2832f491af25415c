/** A set of networks of any number, asked by an address: for each length of prefix that there is, one look. */

import { type Address, formatNetwork, type Network, parseAddress } from '../bytes/address.ts'
import { type ByteSet, ByteSetPlan, hashBytes } from './byte_set.ts'

/** Lengths 0 to 32 of IPv4, then 0 to 128 of IPv6. */
const LENGTHS = 33 + 129
const SIX = 33

/** The kind and length of a network, then its bytes as far as they count. */
const key = new Uint8Array(17)

/** Writes the first `length` bits of an address to `key`; gives the size. */
function spell(bytes: Uint8Array, length: number): number {
  key[0] = bytes.length === 4 ? length : SIX + length
  const whole = length >> 3
  for (let i = 0; i < whole; i++) key[i + 1] = bytes[i]
  const rest = length & 7
  if (rest === 0) return whole + 1
  key[whole + 1] = bytes[whole] & 0xff00 >> rest
  return whole + 2
}

export class NetworkPlan {
  readonly #plan: ByteSetPlan
  #count = 0

  constructor(expected: number, numbered: boolean) {
    this.#plan = new ByteSetPlan(expected, numbered)
  }

  get count(): number {
    return this.#count
  }

  add(network: Network): void {
    const size = spell(network.bytes, network.length)
    this.#plan.count(hashBytes(key, size), size)
    this.#count++
  }

  make(): NetworkTable {
    return new NetworkTable(this.#plan.make())
  }
}

export class NetworkTable {
  readonly #set: ByteSet
  readonly #lengths = new Uint8Array(LENGTHS)

  constructor(set: ByteSet) {
    this.#set = set
  }

  get count(): number {
    return this.#set.count
  }

  get memory(): number {
    return this.#set.memory
  }

  /** @throws Uncounted for what was not there in the first pass. */
  add(network: Network, number: number): void {
    const size = spell(network.bytes, network.length)
    this.#lengths[key[0]] = 1
    this.#set.put(hashBytes(key, size), key, size, number)
  }

  /** The smallest network of the set that an address (as text) is in, as `10.0.0.0/8`; `null`: none, or no address. */
  find(text: string): string | null {
    const address = parseAddress(text)
    return address === null ? null : this.#find(address)
  }

  release(): void {
    this.#set.release()
    this.#lengths.fill(0)
  }

  #find({ family, bytes }: Address): string | null {
    const base = family === 4 ? 0 : SIX
    for (let length = bytes.length * 8; length >= 0; length--) {
      if (this.#lengths[base + length] === 0) continue
      const size = spell(bytes, length)
      if (this.#set.find(hashBytes(key, size), key, size) < 0) continue
      const found = new Uint8Array(bytes.length)
      found.set(key.subarray(1, size))
      return formatNetwork({ family, bytes: found, length })
    }
    return null
  }
}
