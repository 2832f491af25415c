/**
 * Which rules may hold for a request: those about its host, its client, its user or its path, and those about none of these.
 * Thousands of rules about other hosts cost nothing.
 */

import { type Network, parseNetwork, readAddress } from '../bytes/address.ts'
import type { RuleSettings } from '../config/settings.ts'
import { HASH_START, hashNext, NameTable, parseHost } from './host_patterns.ts'
import type { Subject } from './subject.ts'
import { folderOf } from './text_patterns.ts'

/** Numbers of rules, from the first to the last. */
type Places = number[]

/** A host has 127 labels at most, each of which may be a name of the table; a path is looked at so deep, no deeper. */
const LABELS = 128
const FOLDERS = 16
/** Beside them clients, users and the rest. */
const STREAMS = LABELS + FOLDERS + 8

/** Ranges of clients are cut where any of them begins or ends: where that makes too many pieces, it is left be. */
const PIECES_PER_RULE = 64

const scratch = new Uint8Array(16)

/** The names all hosts that match are or are below of; `null` when a pattern does not say. */
function namesOf(texts: readonly string[]): string[] | null {
  const names: string[] = []
  for (const text of texts) {
    const parsed = parseHost(text)
    if ('error' in parsed) return null
    const { pattern } = parsed
    const name = pattern.kind === 'expression' ? pattern.tail : pattern.name
    if (name === '') return null
    names.push(name)
  }
  return [...new Set(names)]
}

function fours(texts: readonly string[]): Network[] | null {
  const networks: Network[] = []
  for (const text of texts) {
    const network = parseNetwork(text)
    if (network === null || network.family !== 4) return null
    networks.push(network)
  }
  return networks
}

interface Range {
  readonly first: number
  /** One past the last. */
  readonly end: number
  readonly rule: number
}

/** IPv4 clients -> rules. */
class ClientTable {
  readonly #starts: Float64Array
  readonly #rules: readonly Places[]

  constructor(starts: Float64Array, rules: readonly Places[]) {
    this.#starts = starts
    this.#rules = rules
  }

  /** `null` where the ranges overlap too much for it. */
  static of(ranges: readonly Range[], count: number): ClientTable | null {
    const starts = Float64Array.from(new Set(ranges.flatMap(({ first, end }) => [first, end]))).sort()
    const rules: Places[] = []
    let pieces = 0
    const byStart = ranges.toSorted((a, b) => a.first - b.first)
    let active: Range[] = []
    let next = 0
    for (const start of starts) {
      active = active.filter(({ end }) => end > start)
      while (next < byStart.length && byStart[next].first === start) active.push(byStart[next++])
      pieces += active.length
      if (pieces > count * PIECES_PER_RULE) return null
      rules.push([...new Set(active.map(({ rule }) => rule))].sort((a, b) => a - b))
    }
    return new ClientTable(starts, rules)
  }

  find(client: string): Places | null {
    if (readAddress(client, scratch) !== 4) return null
    const number = scratch[0] * 16_777_216 + (scratch[1] << 16) + (scratch[2] << 8) + scratch[3]
    let low = 0
    let high = this.#starts.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      if (this.#starts[middle] <= number) low = middle + 1
      else high = middle - 1
    }
    return high < 0 ? null : this.#rules[high]
  }
}

/** Paths, to a "/" or to their end -> rules. */
class PathTable {
  readonly #byHash = new Map<number, { readonly path: string; readonly rules: Places }[]>()

  get size(): number {
    return this.#byHash.size
  }

  add(path: string, rule: number): void {
    let hash = HASH_START
    for (let i = 0; i < path.length; i++) hash = hashNext(hash, path.charCodeAt(i))
    const key = hash >>> 2
    const there = this.#byHash.get(key)
    const same = there?.find((one) => one.path === path)
    if (same !== undefined) same.rules.push(rule)
    else if (there !== undefined) there.push({ path, rules: [rule] })
    else this.#byHash.set(key, [{ path, rules: [rule] }])
  }

  /** Put the rules of all paths that `path` is or is below of into `into`, from `at` on; gives where they end. */
  collect(path: string, into: Places[], at: number): number {
    let hash = HASH_START
    let depth = 0
    for (let i = 0; i <= path.length && depth <= FOLDERS; i++) {
      const code = i < path.length ? path.charCodeAt(i) : SLASH
      if (code === SLASH && i > 0) {
        depth++
        const there = this.#byHash.get(hash >>> 2)
        if (there !== undefined) {
          for (let j = 0; j < there.length; j++) {
            if (there[j].path.length === i && path.startsWith(there[j].path)) into[at++] = there[j].rules
          }
        }
      }
      hash = hashNext(hash, code)
    }
    return at
  }
}

const SLASH = 0x2f

/** The folders that all paths that match are in, or are; `null` when a pattern does not say, or is too deep. */
function foldersOf(texts: readonly string[]): string[] | null {
  const folders = texts.map(folderOf)
  if (folders.some((folder) => folder === '' || folder.split('/').length > FOLDERS)) return null
  return [...new Set(folders)]
}

export class RuleIndex {
  readonly #hosts = new NameTable<Places>()
  readonly #clients: ClientTable | null
  readonly #users = new Map<string, Places>()
  readonly #paths = new PathTable()
  readonly #rest: Places = []
  readonly #streams: Places[] = new Array<Places>(STREAMS).fill([])
  readonly #cursors = new Uint32Array(STREAMS)
  #count = 0

  constructor(rules: readonly RuleSettings[]) {
    const ranges: Range[] = []
    const rest: number[] = []
    let byClient = 0
    for (const [index, rule] of rules.entries()) {
      const names = rule.host === undefined ? null : namesOf(rule.host)
      const users = rule.user !== undefined && rule.user.every((user) => !/^~|\*/.test(user)) ? rule.user : null
      const clients = rule.client === undefined ? null : fours(rule.client)
      const folders = rule.path === undefined ? null : foldersOf(rule.path)
      if (names !== null) this.#addHosts(names, index)
      else if (users !== null) this.#addUsers(users, index)
      else if (clients !== null) {
        byClient++
        for (const { bytes, length } of clients) {
          const first = bytes[0] * 16_777_216 + (bytes[1] << 16) + (bytes[2] << 8) + bytes[3]
          ranges.push({ first, end: first + 2 ** (32 - length), rule: index })
        }
      } else if (folders !== null) { for (const folder of folders) this.#paths.add(folder, index) }
      else rest.push(index)
    }
    this.#clients = byClient === 0 ? null : ClientTable.of(ranges, byClient)
    const all = this.#clients === null ? [...rest, ...ranges.map(({ rule }) => rule)] : rest
    this.#rest.push(...new Set(all.sort((a, b) => a - b)))
  }

  /** Begin with the rules that may hold for this request; {@link next} gives one after the other. */
  start(subject: Subject): void {
    const { host, client, user } = subject
    const streams = this.#streams
    let count = this.#hosts.collect(host, streams, 0)
    // Paths are put into normal form when they are asked for.
    if (this.#paths.size > 0) count = this.#paths.collect(subject.path, streams, count)
    const byClient = this.#clients === null ? null : this.#clients.find(client)
    if (byClient !== null && byClient.length > 0) streams[count++] = byClient
    const byUser = user === '' || this.#users.size === 0 ? undefined : this.#users.get(user)
    if (byUser !== undefined) streams[count++] = byUser
    if (this.#rest.length > 0) streams[count++] = this.#rest
    for (let i = 0; i < count; i++) this.#cursors[i] = 0
    this.#count = count
  }

  /** The first rule after `last` that may hold; -1: there is none. */
  next(last: number): number {
    let least = -1
    for (let i = 0; i < this.#count; i++) {
      const stream = this.#streams[i]
      let at = this.#cursors[i]
      while (at < stream.length && stream[at] <= last) at++
      this.#cursors[i] = at
      if (at < stream.length && (least < 0 || stream[at] < least)) least = stream[at]
    }
    return least
  }

  #addHosts(names: readonly string[], index: number): void {
    for (const name of names) {
      const places = this.#hosts.get(name)
      if (places === undefined) this.#hosts.set(name, [index])
      else places.push(index)
    }
  }

  #addUsers(users: readonly string[], index: number): void {
    for (const user of new Set(users)) {
      const places = this.#users.get(user)
      if (places === undefined) this.#users.set(user, [index])
      else places.push(index)
    }
  }
}
