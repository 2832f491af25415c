/**
 * A set of beginnings of URLs, as squidGuard's `urls` files have them: `host/path`, without a scheme. What it does is what
 * squidGuard 1.6 was seen to do: letters in any case, a `www`, `web` or `ftp` label in front of the host taken off, and an
 * entry stands for every URL that begins with it (`/a/b` also for `/a/bc`).
 */

import { latin1 } from '../bytes/ascii.ts'
import { LIST_URL_SIZE } from '../limits.ts'
import { ByteSet, ByteSetPlan, HASH_PRIME, HASH_START, mixHash } from './byte_set.ts'
import { normalPath } from './normal.ts'

const QUESTION = 0x3f
/** The label that squidGuard takes off: `www`, `web` or `ftp`, perhaps with digits. */
const PREFIX = /^(?:www|web|ftp)[0-9]*\./
const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//
const PORT = /:[0-9]*$/

/** The entry or the URL looked for; valid until the next. */
const text = new Uint8Array(LIST_URL_SIZE)

export function bareHost(host: string): string {
  const code = host.charCodeAt(0)
  // 'w' and 'f': most hosts that have no such label are done with here.
  return code === 0x77 || code === 0x66 ? host.replace(PREFIX, '') : host
}

const lower = (code: number): number => code >= 0x41 && code <= 0x5a ? code + 0x20 : code

/** `host`, `path` and perhaps `?query` into `text` as far as it goes; gives the size. */
function spell(host: string, path: string, query: string): number {
  let size = 0
  for (let i = 0; i < host.length && size < text.length; i++) text[size++] = lower(host.charCodeAt(i))
  for (let i = 0; i < path.length && size < text.length; i++) text[size++] = lower(path.charCodeAt(i))
  if (query !== '' && size < text.length) text[size++] = QUESTION
  for (let i = 0; i < query.length && size < text.length; i++) text[size++] = lower(query.charCodeAt(i))
  return size
}

/** An entry as a line has it, its parts in the form that is looked for; `null`: it is none. */
export function parseUrlEntry(line: string): { host: string; path: string; query: string } | null {
  const rest = line.toLowerCase().replace(SCHEME, '')
  const slash = rest.indexOf('/')
  const host = bareHost((slash < 0 ? rest : rest.slice(0, slash)).replace(PORT, ''))
  if (!/^[a-z0-9_.\-[\]:]+$/.test(host)) return null
  const question = slash < 0 ? -1 : rest.indexOf('?', slash)
  const end = question < 0 ? rest.length : question
  const path = slash < 0 ? '/' : normalPath(rest.slice(slash, end))
  const query = rest.slice(end + 1)
  // "host/" is the host and all there is on it, and CONNECT has no path.
  return path === '/' && query === '' ? { host, path: '', query } : { host, path, query }
}

/** Bits of the filter in front of the set, a host. */
const BITS = 8

export class UrlPlan {
  readonly #plan: ByteSetPlan
  #count = 0

  constructor(expected: number, numbered: boolean) {
    this.#plan = new ByteSetPlan(expected, numbered)
  }

  get count(): number {
    return this.#count
  }

  /** What {@link parseUrlEntry} gave; false: it is too long. */
  add(host: string, path: string, query: string): boolean {
    if (host.length + path.length + query.length + 1 >= LIST_URL_SIZE) return false
    const size = spell(host, path, query)
    let hash = HASH_START
    for (let i = 0; i < size; i++) hash = Math.imul(hash ^ text[i], HASH_PRIME)
    this.#plan.count(mixHash(hash), size)
    this.#count++
    return true
  }

  make(): UrlSet {
    return new UrlSet(this.#plan.make(), this.#count)
  }
}

export class UrlSet {
  readonly #set: ByteSet
  /** A bit for each host, by its hash: most hosts have no entry, and are not looked at any further. */
  readonly #hosts: Uint8Array
  /** Whether there are entries of so many bytes. */
  readonly #sizes = new Uint8Array(LIST_URL_SIZE)
  #longest = 0
  #entry = new Uint8Array(0)

  constructor(set: ByteSet, count: number) {
    this.#set = set
    this.#hosts = new Uint8Array(count === 0 ? 0 : Math.ceil(count * BITS / 8))
  }

  get count(): number {
    return this.#set.count
  }

  /** The entry that was found last. */
  get entry(): string {
    return latin1(this.#entry)
  }

  get memory(): number {
    return this.#set.memory + this.#hosts.byteLength
  }

  /** @throws Uncounted for what was not there in the first pass. */
  add(host: string, path: string, query: string, number: number): void {
    if (host.length + path.length + query.length + 1 >= LIST_URL_SIZE) return
    const size = spell(host, path, query)
    let hash = HASH_START
    for (let i = 0; i < size; i++) {
      if (i === host.length) this.#mark(mixHash(hash))
      hash = Math.imul(hash ^ text[i], HASH_PRIME)
    }
    if (size === host.length) this.#mark(mixHash(hash))
    this.#sizes[size] = 1
    if (size > this.#longest) this.#longest = size
    this.#set.put(mixHash(hash), text, size, number)
  }

  /** The number of the shortest entry that a URL begins with; -1: there is none. `path` is empty for CONNECT. */
  find(host: string, path: string, query: string): number {
    if (this.#longest === 0) return -1
    const bare = bareHost(host)
    if (bare.length > this.#longest) return -1
    let hash = HASH_START
    for (let i = 0; i < bare.length; i++) hash = Math.imul(hash ^ lower(bare.charCodeAt(i)), HASH_PRIME)
    const mixed = mixHash(hash)
    const bit = mixed % (this.#hosts.length * 8)
    if ((this.#hosts[bit >> 3] & 1 << (bit & 7)) === 0) return -1
    const size = spell(bare, path, query)
    if (this.#sizes[bare.length] === 1) {
      const found = this.#set.find(mixed, text, bare.length)
      if (found >= 0) return this.#found(found, bare.length)
    }
    const end = Math.min(size, this.#longest)
    for (let i = bare.length; i < end; i++) {
      hash = Math.imul(hash ^ text[i], HASH_PRIME)
      if (this.#sizes[i + 1] === 0) continue
      const found = this.#set.find(mixHash(hash), text, i + 1)
      if (found >= 0) return this.#found(found, i + 1)
    }
    return -1
  }

  release(): void {
    this.#set.release()
    this.#longest = 0
  }

  #found(number: number, size: number): number {
    this.#entry = text.slice(0, size)
    return number
  }

  #mark(hash: number): void {
    const bit = hash % (this.#hosts.length * 8)
    this.#hosts[bit >> 3] |= 1 << (bit & 7)
  }
}
