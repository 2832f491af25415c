/** Several servers for one purpose: who has the next request, and who is left alone because of failures. No I/O. */

import type { Origin, Securing } from './origins.ts'
import { EJECTION, EJECTION_MAX } from '../limits.ts'
import type { Clock } from '../runtime.ts'

/**
 * How the next server is found: in turn; the one with the fewest requests; by the hash of a key, which moves no key but
 * those of a server that leaves; or the first of the list that is well.
 */
export type Balance = 'round_robin' | 'least' | 'hash_client' | 'hash_url' | 'first'

/**
 * | state | what it is |
 * | --- | --- |
 * | `up` | well, as far as is known |
 * | `slow` | well again: its share of the requests grows from nothing to the whole |
 * | `ejected` | requests failed: left alone for a while, unless there is no other |
 * | `down` | a check says so: left alone until a check says otherwise |
 */
export type ServerState = 'up' | 'slow' | 'ejected' | 'down'

export interface GroupOptions {
  readonly balance: Balance
  /** Failures in a row, of requests or of checks, after which a server is left alone. */
  readonly fall: number
  /** Checks in a row that must go well before it is used again. */
  readonly rise: number
  /** How long the share of a server that is used again grows, ms; 0: it has the whole at once. */
  readonly slow_start: number
  /** Requests of one server at once; 0: no limit. */
  readonly most?: number
}

/** Servers that were asked already, for this one request. */
export interface Tried {
  has(server: Server): boolean
}

export class Server {
  readonly host: string
  readonly port: number
  /** `host:port`. */
  readonly key: string
  /** The hash of its key. */
  readonly seed: number
  state: ServerState = 'up'
  /** Requests it has now. */
  active = 0
  /** How often it was chosen, and how often that or a check went wrong. */
  chosen = 0
  failures = 0
  /** Where its connections are, as it was found last; see Origin.listed. */
  origin: Origin | null = null
  /** Reached by TLS; `null`: not so. */
  securing: Securing | null = null
  /** Clock time at which its state ends by itself: of `slow` and `ejected`. */
  until = 0
  /** Failures of requests in a row. */
  row = 0
  /** How often it was well again after failures: who has tried it in vain before that may try it again. */
  recoveries = 0
  /** Ejections in a row. */
  ejections = 0
  /** Checks in a row that contradict the state. */
  contrary = 0
  /** What a server in slow start is owed of the turns that pass it by, from 0 to 1. */
  credit = 0
  /** A check has told of it. */
  checked = false

  constructor(host: string, port: number) {
    this.host = host
    this.port = port
    this.key = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    this.seed = hashOf(this.key)
  }
}

export class Group {
  readonly name: string
  readonly servers: readonly Server[]
  readonly options: GroupOptions
  /**
   * Called when there may be a server for those who had to wait: for one more of them, or (`Infinity`) for any number, because
   * the state of a server has changed.
   */
  freed: ((count: number) => void) | null = null
  readonly #clock: Pick<Clock, 'now'>
  readonly #most: number
  #turn = 0
  /** Some server is not simply up. */
  #careful = false

  constructor(name: string, servers: readonly Server[], options: GroupOptions, clock: Pick<Clock, 'now'>) {
    this.name = name
    this.servers = servers
    this.options = options
    this.#clock = clock
    this.#most = options.most === undefined || options.most === 0 ? Infinity : options.most
  }

  /**
   * The server for the next request, or `null` when none is left: all were tried, are down, or are full (see {@link full}).
   * `key` is what a hash is made of: a client's address or a URL; '' for other ways to balance.
   */
  choose(key: string, tried: Tried | null = null): Server | null {
    if (this.#careful) this.review()
    const found = this.#pick(key, tried, false)
    if (found !== null || !this.#careful) return found
    // Nobody is left alone on suspicion alone where there is no other; who is merely busy is another.
    return this.#full(tried, false) ? null : this.#pick(key, tried, true)
  }

  /** Whether this server may have the request: for who comes back to the one that served before. */
  usable(server: Server, tried: Tried | null = null): boolean {
    if (this.#careful) this.review()
    return this.#well(server, tried, false) && server.active < this.#most
  }

  /** The same, whether it has room or not. */
  well(server: Server, tried: Tried | null = null): boolean {
    if (this.#careful) this.review()
    return this.#well(server, tried, false)
  }

  /** Whether a server could take the request if it had fewer: then waiting helps. */
  full(tried: Tried | null = null): boolean {
    return this.#full(tried, true)
  }

  /** A request goes to this server. Each is followed by one {@link end}. */
  begin(server: Server): void {
    server.active++
    server.chosen++
  }

  end(server: Server): void {
    server.active--
    if (this.freed !== null) this.freed(1)
  }

  /** It was connected to, or has answered. */
  succeeded(server: Server): void {
    if (server.row === 0) return
    server.row = 0
    server.recoveries++
    this.#changed()
  }

  /** It could not be connected to, or left without an answer. Gives whether it is ejected by this. */
  failed(server: Server): boolean {
    server.failures++
    server.row++
    // Who is alone is asked all the same.
    if (this.servers.length === 1) return false
    if (server.row < this.options.fall || server.state === 'down' || server.state === 'ejected') return false
    const now = this.#clock.now()
    // What went well for so long is no reason to distrust it more than others.
    if (now - server.until > EJECTION_MAX) server.ejections = 0
    server.state = 'ejected'
    server.until = now + Math.min(EJECTION * 2 ** server.ejections++, EJECTION_MAX)
    this.#changed()
    return true
  }

  /** What a check has found. Gives whether the server has gone up or down by this. The first one decides alone. */
  judged(server: Server, well: boolean): boolean {
    if (!well) server.failures++
    const { fall, rise, slow_start } = this.options
    const first = !server.checked
    server.checked = true
    if (well === (server.state !== 'down')) {
      server.contrary = 0
      return false
    }
    if (++server.contrary < (well ? rise : fall) && !first) return false
    server.contrary = 0
    server.row = 0
    if (!well) server.state = 'down'
    else this.#welcome(server, this.#clock.now(), slow_start)
    this.#changed()
    return true
  }

  /** What has ended by itself meanwhile is put into its next state. */
  review(): void {
    const now = this.#clock.now()
    let careful = false
    let back = false
    for (const server of this.servers) {
      if (server.state === 'ejected' && now >= server.until) {
        this.#welcome(server, server.until, this.options.slow_start)
        back = true
      }
      if (server.state === 'slow' && now >= server.until) server.state = 'up'
      if (server.state !== 'up') careful = true
    }
    this.#careful = careful
    // Whoever waits goes before the one who is about to choose.
    if (back && this.freed !== null) this.freed(Infinity)
  }

  /**
   * The clock time at which one that is left alone may be chosen again; `Infinity`: no time changes anything. A slow return has
   * no such time: who may have no other server is given that one.
   */
  get changes(): number {
    let next = Infinity
    for (const { state, until } of this.servers) {
      if (state === 'ejected' && until < next) next = until
    }
    return next
  }

  /** One who was not left alone may be so now, or the other way round. */
  #changed(): void {
    this.#careful = true
    if (this.freed !== null) this.freed(Infinity)
  }

  /** The first failure ejects it again: {@link Server.row} stays until a request goes well. */
  #welcome(server: Server, now: number, slowStart: number): void {
    server.state = 'slow'
    server.recoveries++
    server.until = now + slowStart
    server.credit = 0
  }

  #full(tried: Tried | null, suspected: boolean): boolean {
    if (this.#most === Infinity) return false
    return this.servers.some((server) => server.active >= this.#most && this.#well(server, tried, suspected))
  }

  #well(server: Server, tried: Tried | null, suspected: boolean): boolean {
    if (server.state === 'down' || (server.state === 'ejected' && !suspected)) return false
    return tried === null || !tried.has(server)
  }

  #pick(key: string, tried: Tried | null, suspected: boolean): Server | null {
    const { balance } = this.options
    if (balance === 'least') return this.#pickLeast(tried, suspected)
    if (balance === 'hash_client' || balance === 'hash_url') return this.#pickByHash(key, tried, suspected)
    return this.#pickInOrder(balance === 'first' ? 0 : this.#turn, tried, suspected)
  }

  #pickInOrder(from: number, tried: Tried | null, suspected: boolean): Server | null {
    const { servers } = this
    let hesitant = -1
    for (let i = 0; i < servers.length; i++) {
      const at = (from + i) % servers.length
      const server = servers[at]
      if (!this.#well(server, tried, suspected) || server.active >= this.#most) continue
      if (server.state === 'slow') {
        if (hesitant === -1) hesitant = at
        server.credit += this.#share(server)
        if (server.credit < 1) continue
        server.credit--
      }
      this.#turn = (at + 1) % servers.length
      return server
    }
    if (hesitant === -1) return null
    this.#turn = (hesitant + 1) % servers.length
    return servers[hesitant]
  }

  #pickLeast(tried: Tried | null, suspected: boolean): Server | null {
    const { servers } = this
    let best: Server | null = null
    let least = Infinity
    for (let i = 0; i < servers.length; i++) {
      const server = servers[(this.#turn + i) % servers.length]
      if (!this.#well(server, tried, suspected) || server.active >= this.#most) continue
      // One request more, so that a server without any, whose share is small, is not the least of all.
      const load = server.state === 'slow' ? (server.active + 1) / this.#share(server) : server.active + 1
      if (best !== null && load >= least) continue
      best = server
      least = load
    }
    // Of those that have equally many each has its turn.
    this.#turn = (this.#turn + 1) % servers.length
    return best
  }

  /** Rendezvous hashing: each server has a score for the key, and the highest wins. */
  #pickByHash(key: string, tried: Tried | null, suspected: boolean): Server | null {
    const hash = hashOf(key)
    let best: Server | null = null
    let hesitant: Server | null = null
    let highest = -1
    let next = -1
    for (const server of this.servers) {
      if (!this.#well(server, tried, suspected) || server.active >= this.#most) continue
      const score = mixed(hash ^ server.seed)
      // In slow start it has a part of its keys, always the same ones and ever more.
      if (server.state === 'slow' && mixed(score) >= this.#share(server) * 0x1_0000_0000) {
        if (score > next) {
          next = score
          hesitant = server
        }
      } else if (score > highest) {
        highest = score
        best = server
      }
    }
    return best ?? hesitant
  }

  /** From 0 to 1; never 0, for a server without requests shows nothing. */
  #share(server: Server): number {
    const left = server.until - this.#clock.now()
    return Math.max(0.01, Math.min(1, 1 - left / this.options.slow_start))
  }
}

/** FNV-1a over the code units, mixed: 32 bits. Not secret: who knows the servers can find keys for each. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mixed(hash)
}

/** The last steps of MurmurHash3: each bit of `hash` changes half of those of the result. */
function mixed(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
