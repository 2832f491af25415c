/** Files of networks: `10.0.0.0/8` or an address a line, what follows it is not looked at. */

import { latin1 } from '../bytes/ascii.ts'
import { parseNetwork } from '../bytes/address.ts'
import { type ListPart, quoted, wordEnd, wordStart } from './list_part.ts'
import { NetworkPlan, type NetworkTable } from './network_table.ts'
import type { Subject } from './subject.ts'

const HASH = 0x23
/** Spamhaus and others write the reason behind it. */
const SEMICOLON = 0x3b

/** By the address of the destination: the one in the URL, and those that its name has, where they are known. */
export class NetworkPart implements ListPart {
  readonly byAddress = true
  #plan: NetworkPlan | null
  #table: NetworkTable | null = null
  entry = ''

  constructor(expected: number, numbered: boolean) {
    this.#plan = new NetworkPlan(expected, numbered)
  }

  count(bytes: Uint8Array, start: number, end: number): string {
    const to = networkEnd(bytes, start, end)
    const more = wordStart(bytes, to, end)
    const network = parseNetwork(latin1(bytes, start, to))
    if (network === null || (more < end && bytes[more] !== HASH && bytes[more] !== SEMICOLON)) {
      return bytes[start] === SEMICOLON ? '' : `${quoted(bytes, start, end)} is no network`
    }
    this.#plan!.add(network)
    return ''
  }

  turn(): void {
    this.#table = this.#plan!.make()
    this.#plan = null
  }

  put(bytes: Uint8Array, start: number, end: number, category: number): void {
    const to = networkEnd(bytes, start, end)
    const more = wordStart(bytes, to, end)
    const network = parseNetwork(latin1(bytes, start, to))
    if (network === null || (more < end && bytes[more] !== HASH && bytes[more] !== SEMICOLON)) return
    this.#table!.add(network, category)
  }

  find({ host, addresses }: Subject): number {
    if (this.#has(host)) return 0
    if (addresses === null) return -1
    for (let i = 0; i < addresses.length; i++) if (this.#has(addresses[i])) return 0
    return -1
  }

  get entries(): number {
    return this.#table?.count ?? 0
  }

  get memory(): number {
    return this.#table?.memory ?? 0
  }

  release(): void {
    this.#table?.release()
  }

  #has(address: string): boolean {
    const found = this.#table!.find(address)
    if (found === null) return false
    this.entry = found
    return true
  }
}

/** The end of the word, or where its comment begins. */
function networkEnd(bytes: Uint8Array, start: number, end: number): number {
  const word = wordEnd(bytes, start, end)
  let at = start
  while (at < word && bytes[at] !== SEMICOLON && bytes[at] !== HASH) at++
  return at
}
