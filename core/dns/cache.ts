/**
 * What was answered, for as long as it may be used: addresses, that there are none (RFC 2308), that nobody could say
 * (RFC 9520), and what is past its time but better than nothing (RFC 8767).
 *
 * Bounded in entries, without a timer: when full, the oldest that was not used since it was last looked at goes.
 */

import type { Family } from '../bytes/address.ts'
import type { DnsSettings } from '../config/settings.ts'
import type { FailureCode } from '../failure.ts'
import { DNS_FAILURE_TTL, DNS_FAILURE_TTL_MAX, DNS_STALE_TTL, DNS_TTL_MAX } from '../limits.ts'

/** Why there are no addresses, or not even an answer. `detail` is for the page and the log. */
export interface Lack {
  readonly code: Extract<FailureCode, 'name-not-found' | 'name-failed' | 'name-timeout'>
  readonly detail: string
}

export interface Entry {
  /** Empty: none of that family, or none at all where `lack` says why. */
  addresses: readonly string[]
  lack: Lack | null
  /** Fresh before this, on the clock. */
  expires: number
  /** Of some use before this. */
  ends: number
  /** Of failures in a row, and of use since the last look for room. */
  failures: number
  used: boolean
}

type CacheSettings = Pick<DnsSettings, 'ttl_min' | 'ttl_max' | 'negative_ttl_max' | 'stale' | 'cache_size'>

/** Entries passed over, at most, to find one that nobody used. */
const SECOND_CHANCES = 16

const NONE: readonly string[] = []

export class Cache {
  readonly #settings: CacheSettings
  readonly #entries: { readonly 4: Map<string, Entry>; readonly 6: Map<string, Entry> } = { 4: new Map(), 6: new Map() }

  constructor(settings: CacheSettings) {
    this.#settings = settings
  }

  get size(): number {
    return this.#entries[4].size + this.#entries[6].size
  }

  /** Only what is fresh. */
  fresh(name: string, family: Family, now: number): Entry | null {
    const entry = this.#entries[family].get(name)
    if (entry === undefined || entry.expires <= now) return null
    entry.used = true
    return entry
  }

  /** Addresses past their time that may still be used when no server answers. */
  stale(name: string, family: Family, now: number): Entry | null {
    const entry = this.#entries[family].get(name)
    if (entry === undefined || entry.ends <= now || entry.addresses.length === 0) return null
    entry.used = true
    return entry
  }

  /** `ttl` in seconds, as the records say it. */
  found(name: string, family: Family, addresses: readonly string[], ttl: number, now: number): Entry {
    const { ttl_min, ttl_max, stale } = this.#settings
    const life = Math.max(ttl_min, Math.min(ttl_max, believed(ttl) * 1000))
    return this.#put(name, family, addresses, null, now + life, now + life + stale)
  }

  /**
   * No such name (`lack`), or no address of this family. `ttl` in seconds; 0 where no SOA said it (RFC 2308 5). The other
   * family is asked all the same: there are servers that deny a name because it has no AAAA (RFC 4074 4.2).
   */
  absent(name: string, family: Family, lack: Lack | null, ttl: number, now: number): Entry {
    const life = Math.min(this.#settings.negative_ttl_max, believed(ttl) * 1000)
    return this.#put(name, family, NONE, lack, now + life, now + life)
  }

  /** No server could say. Addresses known from before stay, and are fresh again for a short while (RFC 8767 5). */
  failed(name: string, family: Family, lack: Lack, now: number): Entry {
    const known = this.stale(name, family, now)
    if (known !== null) {
      known.expires = Math.min(known.ends, now + DNS_STALE_TTL)
      return known
    }
    const before = this.#entries[family].get(name)?.failures ?? 0
    const life = Math.min(DNS_FAILURE_TTL_MAX, DNS_FAILURE_TTL * 2 ** before)
    // It is kept for longer than it is fresh, to know that the next failure is another one in a row.
    const entry = this.#put(name, family, NONE, lack, now + life, now + life + DNS_FAILURE_TTL_MAX)
    entry.failures = before + 1
    return entry
  }

  clear(): void {
    this.#entries[4].clear()
    this.#entries[6].clear()
  }

  #put(
    name: string,
    family: Family,
    addresses: readonly string[],
    lack: Lack | null,
    expires: number,
    ends: number,
  ): Entry {
    const entries = this.#entries[family]
    const entry = { addresses, lack, expires, ends, failures: 0, used: false }
    // Anew at the end: the order of the map is that of age.
    entries.delete(name)
    while (this.size >= this.#settings.cache_size && this.size > 0) this.#evict()
    if (this.#settings.cache_size > 0) entries.set(name, entry)
    return entry
  }

  #evict(): void {
    const entries = this.#entries[4].size >= this.#entries[6].size ? this.#entries[4] : this.#entries[6]
    let chances = SECOND_CHANCES
    for (const [name, entry] of entries) {
      entries.delete(name)
      if (!entry.used || chances-- === 0) return
      entry.used = false
      entries.set(name, entry)
    }
  }
}

/** A TTL with the highest bit set is none (RFC 2181 8); more than a week is taken as a week. */
function believed(ttl: number): number {
  return ttl > 0x7fff_ffff ? 0 : Math.min(ttl, DNS_TTL_MAX)
}
