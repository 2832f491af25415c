/** What helpers of external_acl have said, by the line they were asked: for a while, and the latest used alone. */

import type { Decision } from '../filter/decision.ts'
import { HELPER_CACHE_SIZE } from '../limits.ts'

export interface AnswerCacheStatistics {
  /** Answers kept now, and bytes they take, roughly. */
  readonly entries: number
  readonly size: number
  /** Questions that were answered from here, and those that were not. */
  readonly hits: number
  readonly misses: number
  /** Of the hits, those that had the helper asked anew beside. */
  readonly refreshes: number
  /** Answers that made room for others before their time. */
  readonly evictions: number
}

interface Entry {
  readonly decision: Decision
  /** Good before this moment. */
  readonly until: number
  /** From this moment on it is asked anew, beside; Infinity: it is, or was. */
  refresh: number
  readonly size: number
}

/** What a Map and the objects of an entry take beside their texts, bytes. */
const ENTRY_SIZE = 250

export class AnswerCache {
  readonly #most: number
  /** The one unused for longest comes first. */
  readonly #entries = new Map<string, Entry>()
  #size = 0
  #hits = 0
  #misses = 0
  #refreshes = 0
  #evictions = 0
  /** The last {@link find} came upon an answer that is to be asked anew. */
  refreshing = false

  /** `most`: entries; 0: nothing is kept. */
  constructor(most: number) {
    this.#most = most
  }

  get statistics(): AnswerCacheStatistics {
    return {
      entries: this.#entries.size,
      size: this.#size,
      hits: this.#hits,
      misses: this.#misses,
      refreshes: this.#refreshes,
      evictions: this.#evictions,
    }
  }

  /** What is known, or `null`. Of those who find an answer that gets old, one is told to ask anew. */
  find(line: string, now: number): Decision | null {
    this.refreshing = false
    const entry = this.#entries.get(line)
    if (entry === undefined || now >= entry.until) {
      this.#misses++
      return null
    }
    this.#hits++
    this.#entries.delete(line)
    this.#entries.set(line, entry)
    if (now >= entry.refresh) {
      this.#refreshes++
      this.refreshing = true
      entry.refresh = Infinity
    }
    return entry.decision
  }

  /** `ttl`: how long it is good, milliseconds; `grace`: the last percent of that in which it is asked anew. */
  keep(line: string, decision: Decision, now: number, ttl: number, grace: number): void {
    const old = this.#entries.get(line)
    if (old !== undefined) this.#drop(line, old)
    if (ttl <= 0 || this.#most === 0) return
    const refresh = grace === 0 ? Infinity : now + ttl * (1 - grace / 100)
    const size = ENTRY_SIZE + sizeOf(line) + textOf(decision)
    this.#entries.set(line, { decision, until: now + ttl, refresh, size })
    this.#size += size
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= this.#most && this.#size <= HELPER_CACHE_SIZE) break
      if (entry.until > now) this.#evictions++
      this.#drop(key, entry)
    }
  }

  clear(): void {
    this.#entries.clear()
    this.#size = 0
  }

  #drop(line: string, entry: Entry): void {
    this.#entries.delete(line)
    this.#size -= entry.size
  }
}

function textOf(decision: Decision): number {
  const user = decision.kind === 'permit' ? decision.user ?? '' : ''
  return sizeOf(decision.reason) + sizeOf(decision.category) + sizeOf(user)
}

/** At worst: what is not latin1 takes two bytes a character. */
function sizeOf(text: string): number {
  return 2 * text.length
}
