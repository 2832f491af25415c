/** Sets of networks, asked by an address as text: nothing is allocated, and many cost little more than one. */

import { type Network, parseNetwork, readAddress } from '../bytes/address.ts'

const scratch = new Uint8Array(16)

function numberOf(bytes: Uint8Array): number {
  return ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0
}

export class NetworkSet {
  /** Ranges of IPv4 addresses, as numbers, in order, none touching another. */
  readonly #first: Uint32Array
  readonly #last: Uint32Array
  readonly #six: readonly Network[]

  /** @throws TypeError for what is no network: the schema has checked it. */
  constructor(texts: readonly string[]) {
    const networks = texts.map((text) => {
      const network = parseNetwork(text)
      if (network === null) throw new TypeError(`Cannot read the network ${JSON.stringify(text)}`)
      return network
    })
    const ranges = networks.filter(({ family }) => family === 4).map(({ bytes, length }) => {
      const first = numberOf(bytes)
      return { first, last: first + 2 ** (32 - length) - 1 }
    }).toSorted((a, b) => a.first - b.first)
    const merged: { first: number; last: number }[] = []
    for (const range of ranges) {
      const before = merged.at(-1)
      if (before !== undefined && range.first <= before.last + 1) before.last = Math.max(before.last, range.last)
      else merged.push({ ...range })
    }
    this.#first = Uint32Array.from(merged, ({ first }) => first)
    this.#last = Uint32Array.from(merged, ({ last }) => last)
    this.#six = networks.filter(({ family }) => family === 6)
  }

  /** Whether the address is in one of them; text that is no address is in none. */
  matches(address: string): boolean {
    const size = readAddress(address, scratch)
    if (size === 0) return false
    if (size === 4) return this.#hasFour(numberOf(scratch))
    for (let i = 0; i < this.#six.length; i++) if (isIn(this.#six[i], scratch)) return true
    return false
  }

  #hasFour(number: number): boolean {
    let low = 0
    let high = this.#first.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      if (number < this.#first[middle]) high = middle - 1
      else if (number > this.#last[middle]) low = middle + 1
      else return true
    }
    return false
  }
}

function isIn(network: Network, bytes: Uint8Array): boolean {
  const whole = network.length >> 3
  for (let i = 0; i < whole; i++) if (network.bytes[i] !== bytes[i]) return false
  const rest = network.length & 7
  return rest === 0 || ((network.bytes[whole] ^ bytes[whole]) >> (8 - rest)) === 0
}
