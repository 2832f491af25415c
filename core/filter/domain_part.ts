/** Files of domains, and hosts files. */

import { DOT } from '../bytes/ascii.ts'
import { policyHost } from '../bytes/host.ts'
import { DomainPlan, type DomainSet } from './domain_set.ts'
import { type ListPart, quoted, textOf, wordEnd, wordStart } from './list_part.ts'
import type { Subject } from './subject.ts'

const HASH = 0x23
const STAR = 0x2a

const encoder = new TextEncoder()

/** A word with more than ASCII in it as the name that is asked for; `null`: it has none, or is no name. */
function foreignName(bytes: Uint8Array, start: number, end: number): Uint8Array | null {
  for (let i = start; i < end; i++) {
    if (bytes[i] < 0x80) continue
    const name = policyHost(textOf(bytes, start, end))
    return name === null ? null : encoder.encode(name)
  }
  return null
}

/** Names, first counted and then put. */
export class Names {
  #plan: DomainPlan | null
  #set: DomainSet | null = null
  readonly #below: boolean
  #host = ''

  /** `expected`: bytes, about. `below`: a name stands for what is below it too. */
  constructor(expected: number, numbered: boolean, below: boolean) {
    this.#plan = new DomainPlan(expected, numbered)
    this.#below = below
  }

  /** Whether it is a name. */
  count(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#plan!.add(bytes, start, end)) return true
    const name = foreignName(bytes, start, end)
    return name !== null && this.#plan!.add(name, 0, name.length)
  }

  turn(): void {
    this.#set = this.#plan!.make(this.#below)
    this.#plan = null
  }

  put(bytes: Uint8Array, start: number, end: number, category: number): void {
    const name = foreignName(bytes, start, end)
    if (name === null) this.#set!.add(bytes, start, end, category)
    else this.#set!.add(name, 0, name.length, category)
  }

  find(host: string): number {
    this.#host = host
    return this.#set!.find(host)
  }

  /** What the last host was found by. */
  get entry(): string {
    return this.#host.slice(this.#set!.at)
  }

  get entries(): number {
    return this.#set?.count ?? 0
  }

  get memory(): number {
    return this.#set?.memory ?? 0
  }

  release(): void {
    this.#set?.release()
  }
}

/** What parts made of names have in common: a request is found by its host. */
class NamesPart {
  readonly byAddress = false
  protected readonly names: Names

  constructor(names: Names) {
    this.names = names
  }

  turn(): void {
    this.names.turn()
  }

  find(subject: Subject): number {
    return this.names.find(subject.host)
  }

  get entry(): string {
    return this.names.entry
  }

  get entries(): number {
    return this.names.entries
  }

  get memory(): number {
    return this.names.memory
  }

  release(): void {
    this.names.release()
  }
}

/** A domain a line, which stands for all that is below it too; `.` or `*.` in front, and `.` at the end, change nothing. */
export class DomainPart extends NamesPart implements ListPart {
  #from = 0
  #to = 0

  constructor(expected: number, numbered: boolean) {
    super(new Names(expected, numbered, true))
  }

  count(bytes: Uint8Array, start: number, end: number): string {
    const wrong = this.#span(bytes, start, end)
    if (wrong !== '') return wrong
    return this.names.count(bytes, this.#from, this.#to) ? '' : `${quoted(bytes, start, end)} is no domain`
  }

  put(bytes: Uint8Array, start: number, end: number, category: number): void {
    if (this.#span(bytes, start, end) === '') this.names.put(bytes, this.#from, this.#to, category)
  }

  /** Where the name is; or what is wrong. */
  #span(bytes: Uint8Array, start: number, end: number): string {
    let from = start
    let to = wordEnd(bytes, start, end)
    const more = wordStart(bytes, to, end)
    if (more < end && bytes[more] !== HASH) return `${quoted(bytes, start, end)} is more than a domain`
    if (bytes[from] === STAR && bytes[from + 1] === DOT) from += 2
    else if (bytes[from] === DOT) from++
    if (to - from > 1 && bytes[to - 1] === DOT) to--
    this.#from = from
    this.#to = to
    return ''
  }
}

/** Addresses that a name is sent to in order to be sent nowhere. */
const NOWHERE = /^(?:0\.0\.0\.0|0|127\.[0-9.]+|::|::1|0:0:0:0:0:0:0:[01])$/
/** Names of hosts files that are about the machine itself. */
const MACHINE = new Set([
  'localhost',
  'localhost.localdomain',
  'localhost4',
  'localhost6',
  'localhost4.localdomain4',
  'localhost6.localdomain6',
  'local',
  'broadcasthost',
  'ip6-localhost',
  'ip6-loopback',
  'ip6-localnet',
  'ip6-mcastprefix',
  'ip6-allnodes',
  'ip6-allrouters',
  'ip6-allhosts',
  '0.0.0.0',
])
/** The longest of them: a longer name need not be looked for. */
const MACHINE_SIZE = 23

/** `0.0.0.0 name name`: these names alone, not what is below them. Names of the machine itself are passed over. */
export class HostsPart extends NamesPart implements ListPart {
  constructor(expected: number, numbered: boolean) {
    super(new Names(expected, numbered, false))
  }

  count(bytes: Uint8Array, start: number, end: number): string {
    let at = wordEnd(bytes, start, end)
    const address = textOf(bytes, start, Math.min(at, start + 64))
    let wrong = ''
    let names = 0
    for (let from = wordStart(bytes, at, end); from < end && bytes[from] !== HASH; from = wordStart(bytes, at, end)) {
      at = wordEnd(bytes, from, end)
      names++
      if (isMachine(bytes, from, at)) continue
      if (!NOWHERE.test(address)) wrong = `${address} is not 0.0.0.0, :: or this machine: such a line blocks nothing`
      else if (!this.names.count(bytes, from, nameEnd(bytes, from, at))) {
        wrong = `${quoted(bytes, from, at)} is no name of a host`
      }
    }
    return names === 0 ? `${quoted(bytes, start, end)} is not an address and names` : wrong
  }

  put(bytes: Uint8Array, start: number, end: number, category: number): void {
    let at = wordEnd(bytes, start, end)
    if (!NOWHERE.test(textOf(bytes, start, Math.min(at, start + 64)))) return
    for (let from = wordStart(bytes, at, end); from < end && bytes[from] !== HASH; from = wordStart(bytes, at, end)) {
      at = wordEnd(bytes, from, end)
      if (!isMachine(bytes, from, at)) this.names.put(bytes, from, nameEnd(bytes, from, at), category)
    }
  }
}

function isMachine(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start <= MACHINE_SIZE && MACHINE.has(textOf(bytes, start, end).toLowerCase())
}

/** Without the dot at the end. */
function nameEnd(bytes: Uint8Array, start: number, end: number): number {
  return end - start > 1 && bytes[end - 1] === DOT ? end - 1 : end
}
