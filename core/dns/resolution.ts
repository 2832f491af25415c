/**
 * One question, as a value: it says what to do next and is told what came back. It waits for nothing and opens nothing.
 *
 * A question is asked at the first server that is up; when that one takes longer than it usually does, also at the next.
 * Every attempt is listened to until its own time is over, so a late answer is as good as another's. Failures go to the next
 * server at once. What does not match the attempt it comes in on (id, question, case) is dropped.
 */

import { lowerAscii } from '../bytes/host.ts'
import type { Family } from '../bytes/address.ts'
import { DNS_ADDRESSES, DNS_ALIASES, DNS_UDP_SIZE } from '../limits.ts'
import type { Lack } from './cache.ts'
import { CLASS_IN, RCODE, rcodeName, TYPE } from './message.ts'
import type { Message, Question } from './message.ts'
import { mixCase } from './name.ts'
import type { Server, Servers } from './servers.ts'
import { decode, decodeOpening, encodeQuery, Malformed } from './wire.ts'

/** A query as it was sent to one server. The one who opens its socket closes it once `over`. */
export interface Attempt {
  readonly server: Server
  readonly transport: 'udp' | 'tcp'
  readonly message: Uint8Array
  readonly id: number
  /** As sent: letters of mixed case. */
  readonly name: string
  readonly edns: boolean
  /** An answer must have the name in the very same letters. */
  readonly cased: boolean
  readonly sent: number
  /** After this another server is asked as well. */
  readonly patient: number
  /** Not listened to after this. */
  readonly until: number
  doubted: boolean
  over: boolean
}

export type Outcome =
  | { readonly kind: 'found'; readonly addresses: readonly string[]; readonly ttl: number }
  /** No address of that family; with `lack`, not even the name. `ttl` in seconds. */
  | { readonly kind: 'absent'; readonly lack: Lack | null; readonly ttl: number }
  | { readonly kind: 'failed'; readonly lack: Lack }

export type Step =
  | { readonly kind: 'ask'; readonly attempt: Attempt }
  /** Nothing to do until something is heard, or until then. */
  | { readonly kind: 'wait'; readonly until: number }
  | { readonly kind: 'done'; readonly outcome: Outcome }

export interface ResolutionSettings {
  /** Of one attempt, ms. */
  readonly timeout: number
  /** Attempts after the first, those that follow from an answer (TCP, no EDNS) not counted. Every server gets one. */
  readonly retries: number
  /** Fill with unpredictable bytes. */
  readonly random: (bytes: Uint8Array) => void
}

/** What this question has come to at one server. */
interface Visit {
  asked: number
  /** Answers that were no help: SERVFAIL, REFUSED, nonsense. */
  useless: number
  /** Why TCP was tried: its answer was cut short, or had other letters. */
  tcp: 'cut' | 'case' | null
  plain: boolean
  caseless: boolean
  words: string
}

/** An attempt that follows from an answer or from the lack of one, at the same server. */
interface FollowUp {
  readonly server: Server
  readonly transport: 'udp' | 'tcp'
}

/** A server that could not say may be asked once more: what it asks in turn may have lost a packet (RFC 9520 3.1). */
const USELESS_MAX = 2
const SILENT = 'did not answer'
/** Bytes of randomness for an attempt: the id, and a bit for each letter of the longest name. */
const RANDOM_SIZE = 2 + 32

export class Resolution {
  readonly #name: string
  readonly #type: number
  readonly #servers: Servers
  readonly #settings: ResolutionSettings
  readonly #deadline: number
  readonly #triesMax: number
  readonly #open: Attempt[] = []
  readonly #followUps: FollowUp[] = []
  readonly #random = new Uint8Array(RANDOM_SIZE)
  #visits = new Map<Server, Visit>()
  /** The name being asked for: the first, or an alias it led to. */
  #asked: string
  #aliases = 0
  /** The shortest TTL of the aliases so far. */
  #ttl = Infinity
  #tries = 0
  #nextAt: number
  #answered = false
  #outcome: Outcome | null = null

  /** `name` as hostName() gives it. */
  constructor(name: string, family: Family, servers: Servers, settings: ResolutionSettings, now: number) {
    this.#name = name
    this.#asked = name
    this.#type = family === 4 ? TYPE.A : TYPE.AAAA
    this.#servers = servers
    this.#settings = settings
    this.#deadline = now + settings.timeout * (1 + settings.retries)
    this.#triesMax = Math.max(1 + settings.retries, servers.all.length)
    this.#nextAt = now
  }

  /** What to do; to be called until it says `wait` or `done`, and again after whatever happens. */
  next(now: number): Step {
    if (this.#outcome === null) this.#expire(now)
    if (this.#outcome === null && now >= this.#deadline) this.#fail()
    if (this.#outcome !== null) return { kind: 'done', outcome: this.#outcome }
    const followUp = this.#followUps.shift()
    if (followUp !== undefined) return { kind: 'ask', attempt: this.#attempt(followUp.server, followUp.transport, now) }
    const server = this.#tries < this.#triesMax ? this.#candidate() : null
    if (server !== null && now >= this.#nextAt) {
      this.#tries++
      const attempt = this.#attempt(server, 'udp', now)
      this.#nextAt = attempt.patient
      return { kind: 'ask', attempt }
    }
    if (server === null && this.#open.length === 0) {
      this.#fail()
      return { kind: 'done', outcome: this.#outcome! }
    }
    let until = server === null ? this.#deadline : Math.min(this.#deadline, this.#nextAt)
    for (const attempt of this.#open) until = Math.min(until, attempt.doubted ? attempt.until : attempt.patient)
    return { kind: 'wait', until }
  }

  /** What came in on the socket of an attempt. False when it was dropped: it is not an answer to what was asked. */
  heard(attempt: Attempt, bytes: Uint8Array, now: number): boolean {
    if (attempt.over || this.#outcome !== null) return false
    const opening = decodeOpening(bytes)
    if (opening === null || opening.id !== attempt.id || !opening.response || opening.opcode !== 0) return false
    if (!this.#matches(attempt, opening.question)) {
      // A server that could not read the query may give it back empty.
      const unread = opening.question === null && (opening.rcode === RCODE.FORMERR || opening.rcode === RCODE.NOTIMP)
      if (!unread) return false
    }
    const sameCase = opening.question === null || opening.question.name === attempt.name
    this.#close(attempt)
    attempt.server.heard(now, now - attempt.sent)
    this.#answered = true
    const visit = this.#visit(attempt.server)
    if (attempt.cased && !sameCase) {
      if (attempt.transport === 'udp') {
        // Perhaps a guess of someone else's: TCP cannot be guessed at.
        this.#overTcp(attempt.server, 'case', now)
        return true
      }
      attempt.server.changesCase(now)
    }
    let message: Message
    try {
      message = decode(bytes)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.#useless(attempt.server, `sent an answer that cannot be read: it ${error.message}`, now)
      return true
    }
    if (message.edns !== null) attempt.server.speaksEdns = true
    if (message.truncated && attempt.transport === 'udp') {
      this.#overTcp(attempt.server, 'cut', now)
      return true
    }
    switch (message.rcode) {
      case RCODE.NOERROR:
      case RCODE.NXDOMAIN:
        this.#interpret(attempt.server, message, now)
        return true
      case RCODE.FORMERR:
      case RCODE.NOTIMP:
      case RCODE.BADVERS:
        if (attempt.edns && !visit.plain) {
          attempt.server.refusesEdns(now)
          visit.plain = true
          this.#followUps.push({ server: attempt.server, transport: attempt.transport })
          return true
        }
    }
    this.#useless(attempt.server, `said ${rcodeName(message.rcode)}`, now)
    return true
  }

  /** The machine could not do it, in these words (`refuses connections`, ...). */
  broken(attempt: Attempt, words: string, now: number): void {
    if (attempt.over || this.#outcome !== null) return
    this.#close(attempt)
    const visit = this.#visit(attempt.server)
    visit.words = words
    this.#answered = true // it was not for lack of time
    if (attempt.transport === 'tcp') {
      // It does answer over UDP, so it is not down.
      attempt.server.failures++
      if (visit.tcp === 'case' && !visit.caseless) this.#withoutCase(attempt.server, visit)
      else this.#useless(attempt.server, words, now)
      return
    }
    attempt.server.broken(now)
    // The same server once more only when its patience is over: it may be about to start.
    if (this.#unvisited()) this.#nextAt = now
  }

  /** Nobody wants to know any more. */
  abandon(): void {
    for (const attempt of this.#open) attempt.over = true
    this.#open.length = 0
  }

  #visit(server: Server): Visit {
    let visit = this.#visits.get(server)
    if (visit === undefined) {
      visit = { asked: 0, useless: 0, tcp: null, plain: false, caseless: false, words: SILENT }
      this.#visits.set(server, visit)
    }
    return visit
  }

  #unvisited(): boolean {
    return this.#servers.all.some((server) => (this.#visits.get(server)?.asked ?? 0) === 0)
  }

  /** The server asked least so far, of those that may still be of use. */
  #candidate(): Server | null {
    let best: Server | null = null
    let least = Infinity
    for (const server of this.#servers.order()) {
      const visit = this.#visits.get(server)
      const asked = visit?.asked ?? 0
      if (asked >= least || (visit !== undefined && visit.useless >= USELESS_MAX)) continue
      best = server
      least = asked
    }
    return best
  }

  #attempt(server: Server, transport: 'udp' | 'tcp', now: number): Attempt {
    const visit = this.#visit(server)
    const again = visit.asked++
    const { timeout, random } = this.#settings
    random(this.#random)
    const id = this.#random[0] << 8 | this.#random[1]
    const cased = !server.caseless(now) && !visit.caseless
    const name = cased ? mixCase(this.#asked, this.#random.subarray(2)) : this.#asked
    // Silence may come of a firewall that lets no EDNS through.
    const edns = !server.plain(now) && !visit.plain && (again === 0 || server.speaksEdns || transport === 'tcp')
    server.queries++
    const attempt = {
      server,
      transport,
      message: encodeQuery(id, name, this.#type, edns ? DNS_UDP_SIZE : 0),
      id,
      name,
      edns,
      cased,
      sent: now,
      patient: now + Math.min(timeout, server.patience * 2 ** again),
      until: now + timeout,
      doubted: false,
      over: false,
    }
    this.#open.push(attempt)
    return attempt
  }

  #close(attempt: Attempt): void {
    attempt.over = true
    const at = this.#open.indexOf(attempt)
    if (at !== -1) this.#open.splice(at, 1)
  }

  #expire(now: number): void {
    for (let i = this.#open.length - 1; i >= 0; i--) {
      const attempt = this.#open[i]
      if (!attempt.doubted && now >= attempt.patient) {
        attempt.doubted = true
        attempt.server.silent(attempt.sent, now)
      }
      if (now >= attempt.until) this.#close(attempt)
    }
  }

  #matches(attempt: Attempt, question: Question | null): boolean {
    return question !== null && question.type === this.#type && question.class === CLASS_IN &&
      lowerAscii(question.name) === lowerAscii(attempt.name)
  }

  #overTcp(server: Server, why: 'cut' | 'case', now: number): void {
    const visit = this.#visit(server)
    if (visit.tcp !== null) {
      if (visit.tcp === 'case' && why === 'case' && !visit.caseless) this.#withoutCase(server, visit)
      else this.#useless(server, visit.words === SILENT ? 'did not answer over TCP' : visit.words, now)
      return
    }
    visit.tcp = why
    this.#followUps.push({ server, transport: 'tcp' })
    // Two round trips and perhaps a long answer: others are asked only if that hangs.
    this.#nextAt = now + Math.min(this.#settings.timeout, server.patience * 4)
  }

  /** TCP, which was to tell whose answer it was, cannot be had. */
  #withoutCase(server: Server, visit: Visit): void {
    visit.caseless = true
    this.#followUps.push({ server, transport: 'udp' })
  }

  /** The server is no help with this question: the next one at once; the same one perhaps, after all others. */
  #useless(server: Server, words: string, now: number): void {
    const visit = this.#visit(server)
    visit.useless++
    visit.words = words
    this.#nextAt = now
  }

  #fail(): void {
    const said = this.#servers.all.map((server) =>
      `${server.label} ${this.#visits.get(server)?.words ?? 'was not asked'}`
    )
    const detail = `${this.#what()} could not be resolved: ${said.join('; ')}`
    this.#finish({ kind: 'failed', lack: { code: this.#answered ? 'name-failed' : 'name-timeout', detail } })
  }

  #finish(outcome: Outcome): void {
    this.#outcome = outcome
    this.abandon()
  }

  /** The name for a person, and the alias it led to. */
  #what(at = this.#asked): string {
    return at === this.#name ? `"${this.#name}"` : `"${at}", which "${this.#name}" is an alias of,`
  }

  /** RFC 1034 5.3.3, RFC 2308 2: addresses, aliases, no such name, no such data. */
  #interpret(server: Server, message: Message, now: number): void {
    let at = this.#asked
    const wanted = this.#type
    for (;;) {
      const alias = message.answers.find((record) =>
        record.type === TYPE.CNAME && record.class === CLASS_IN && lowerAscii(record.name) === at
      )
      if (alias === undefined || alias.data.kind !== 'name') break
      if (++this.#aliases > DNS_ALIASES) {
        const detail = `"${this.#name}" leads from alias to alias, more than ${DNS_ALIASES} (said ${server.label})`
        this.#finish({ kind: 'failed', lack: { code: 'name-failed', detail } })
        return
      }
      this.#ttl = Math.min(this.#ttl, alias.ttl)
      at = lowerAscii(alias.data.name)
    }
    let ttl = this.#ttl
    const addresses: string[] = []
    for (const { name, type, class: kind, data, ttl: own } of message.answers) {
      if (type !== wanted || kind !== CLASS_IN || data.kind !== 'address' || lowerAscii(name) !== at) continue
      // An IPv4 address has no business in an AAAA record (RFC 4291 2.5.5.2).
      if (data.address.startsWith('::ffff:')) continue
      ttl = Math.min(ttl, own)
      if (addresses.length < DNS_ADDRESSES && !addresses.includes(data.address)) addresses.push(data.address)
    }
    if (addresses.length > 0 && message.rcode === RCODE.NOERROR) {
      this.#finish({ kind: 'found', addresses, ttl })
      return
    }
    const soa = message.authorities.find((record) => record.type === TYPE.SOA && record.class === CLASS_IN)
    const negative = soa === undefined || soa.data.kind !== 'soa' ? 0 : Math.min(soa.ttl, soa.data.times.minimum, ttl)
    if (message.rcode === RCODE.NXDOMAIN) {
      const detail = `${this.#what(at)} does not exist (said ${server.label})`
      this.#finish({ kind: 'absent', lack: { code: 'name-not-found', detail }, ttl: negative })
      return
    }
    if (soa === undefined && at !== this.#asked) {
      this.#follow(at, now)
      return
    }
    if (soa === undefined && !message.authoritative && !message.recursionAvailable) {
      this.#useless(server, 'does not answer for others', now)
      return
    }
    this.#finish({ kind: 'absent', lack: null, ttl: negative })
  }

  /** The answer ends in an alias without saying more: ask for that one. */
  #follow(alias: string, now: number): void {
    this.abandon()
    this.#followUps.length = 0
    this.#visits = new Map()
    this.#asked = alias
    this.#tries = 0
    this.#nextAt = now
  }
}
