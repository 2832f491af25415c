/** From a name to its addresses: hosts file, cache, name servers. The part that waits; what to do is decided in core/dns. */

import type { Family } from '../bytes/address.ts'
import { formatAddress, parseAddress } from '../bytes/address.ts'
import type { DnsSettings } from '../config/settings.ts'
import type { Entry } from '../dns/cache.ts'
import { Cache } from '../dns/cache.ts'
import { hostName } from '../bytes/host.ts'
import { isLocalhost } from '../dns/name.ts'
import type { Outcome } from '../dns/resolution.ts'
import { Resolution } from '../dns/resolution.ts'
import type { Server } from '../dns/servers.ts'
import { Servers } from '../dns/servers.ts'
import type { HostsEntry } from '../dns/settings.ts'
import { parseHosts, parseResolvConf, parseServers } from '../dns/settings.ts'
import { Failure } from '../failure.ts'
import { DNS_FILE_SIZE, DNS_FILES_CHECK, DNS_IN_FLIGHT, DNS_STALE_WAIT, DNS_SWEEP } from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import type { Bug } from './question.ts'
import { Question } from './question.ts'

export interface ResolverStatistics {
  /** Look-ups asked of us, and how many of them the cache (or the hosts file) answered. */
  readonly lookups: number
  readonly hits: number
  /** Of those, the ones that were told that there is no such name, or that nobody could say. */
  readonly negative: number
  /** Answers past their time that were used for want of better ones. */
  readonly stale: number
  readonly failures: number
  /** Questions under way, and waiting for their turn. */
  readonly open: number
  readonly waiting: number
  /** Entries in the cache. */
  readonly entries: number
  readonly servers: readonly {
    readonly server: string
    readonly queries: number
    readonly answers: number
    readonly timeouts: number
    readonly failures: number
    readonly down: boolean
  }[]
}

/** One question being asked, whoever waits for it. */
interface Pending {
  readonly name: string
  readonly family: Family
  readonly promise: Promise<readonly string[]>
  readonly resolve: (addresses: readonly string[]) => void
  readonly reject: (error: unknown) => void
  /** `null` while it waits for its turn. */
  question: Question | null
  /** On the clock: when a stale answer is given, or Infinity; and when it has waited for its turn too long. */
  staleAt: number
  readonly givesUpAt: number
}

/** A file that is looked at again from time to time. */
interface Followed {
  readonly path: string
  /** Size and time of what was read, or why nothing was; '' before that. */
  seen: string
  /** `lack`: why there is no text; empty where there is one. */
  readonly take: (text: string, lack: string) => void
}

/** Of a file: a missing one is an empty one. */
const MISSING = 'is not there'
const NONE: readonly string[] = []
const LOOPBACK: { readonly 4: readonly string[]; readonly 6: readonly string[] } = { 4: ['127.0.0.1'], 6: ['::1'] }
const NO_HOSTS: ReadonlyMap<string, HostsEntry> = new Map()

export class Resolver {
  readonly #runtime: Runtime
  readonly #settings: DnsSettings
  readonly #warn: (words: string) => void
  readonly #cache: Cache
  readonly #pending: { readonly 4: Map<string, Pending>; readonly 6: Map<string, Pending> } = {
    4: new Map(),
    6: new Map(),
  }
  /** In flight, those of `#pending` and probes of servers that were down. */
  readonly #questions = new Set<Question>()
  readonly #turns: Pending[] = []
  readonly #files: Followed[] = []
  #servers: Servers
  #search: readonly string[] = []
  #hosts: ReadonlyMap<string, HostsEntry> = NO_HOSTS
  #filesAt = -Infinity
  #checking: Promise<void> | null = null
  #stopSweep: (() => void) | null = null
  #closed = false
  #lookups = 0
  #hits = 0
  #negative = 0
  #stale = 0
  #failures = 0

  /** `warn` is told what the operator should know. Throws a TypeError for a server of the settings that is none. */
  constructor(runtime: Runtime, settings: DnsSettings, warn: (words: string) => void = () => {}) {
    this.#runtime = runtime
    this.#settings = settings
    this.#warn = warn
    this.#cache = new Cache(settings)
    this.#servers = new Servers(parseServers(settings.servers))
    if (settings.servers.length === 0) {
      const take = (text: string, lack: string) => this.#takeResolvConf(text, lack)
      this.#files.push({ path: settings.resolv_conf, seen: '', take })
    }
    if (settings.hosts) {
      this.#files.push({ path: settings.hosts_file, seen: '', take: (text) => void (this.#hosts = parseHosts(text)) })
    }
  }

  /**
   * What is known of a name this very moment: its addresses, `[]` when it has none of that family, `null` when it has to be
   * looked up (which is also how to learn why it has none).
   */
  cached(name: string, family: Family): readonly string[] | null {
    const now = this.#runtime.clock.now()
    if (this.#filesDue(now)) return null
    const known = this.#known(name, family, now)
    if (known !== null) {
      this.#lookups++
      this.#hits++
    }
    return known
  }

  /**
   * The addresses of a name, canonical text, in the order they came; `[]` when it has none of that family. An address is
   * its own answer.
   * @throws Failure name-not-found, name-failed, name-timeout, name-refused; its detail says which name and why.
   */
  async lookup(name: string, family: Family): Promise<readonly string[]> {
    this.#lookups++
    if (this.#closed) throw new Failure('name-failed', 'the resolver is closed')
    if (this.#filesDue(this.#runtime.clock.now())) await this.#checkFiles()
    const known = this.#known(name, family, this.#runtime.clock.now())
    if (known !== null) {
      this.#hits++
      return known
    }
    const host = hostName(name)
    if ('error' in host) throw new Failure('name-not-found', `"${name}" ${host.error}`)
    if (host.name.includes('.')) return await this.#resolve(host.name, family)
    if (this.#settings.fqdn_only) throw new Failure('name-refused', `"${name}" has no dot`)
    return await this.#resolveShort(host.name, family)
  }

  /** Those who wait are told that nobody could say; nothing runs afterwards. */
  close(): void {
    this.#closed = true
    this.#stopSweep?.()
    this.#stopSweep = null
    for (const question of this.#questions) question.close()
    this.#questions.clear()
    this.#turns.length = 0
    for (const pendings of [this.#pending[4], this.#pending[6]]) {
      for (const pending of pendings.values()) pending.reject(new Failure('name-failed', 'the resolver is closed'))
      pendings.clear()
    }
  }

  get statistics(): ResolverStatistics {
    return {
      lookups: this.#lookups,
      hits: this.#hits,
      negative: this.#negative,
      stale: this.#stale,
      failures: this.#failures,
      open: this.#questions.size,
      waiting: this.#turns.length,
      entries: this.#cache.size,
      servers: this.#servers.all.map(({ label, queries, answers, timeouts, failures, down }) => {
        return { server: label, queries, answers, timeouts, failures, down }
      }),
    }
  }

  /** Without asking anyone. Names in the hosts file have only what it says of them. */
  #known(name: string, family: Family, now: number): readonly string[] | null {
    // Most names come as hostName() would give them, and so as they are kept.
    const known = this.#kept(name, family, now)
    if (known !== null) return known
    const host = hostName(name)
    if ('name' in host) return host.name === name ? null : this.#kept(host.name, family, now)
    const address = parseAddress(name)
    if (address === null) return null
    return address.family === family ? [formatAddress(address)] : NONE
  }

  #kept(name: string, family: Family, now: number): readonly string[] | null {
    if (this.#settings.fqdn_only && !name.includes('.')) return null
    const entry = this.#hosts.get(name)
    if (entry !== undefined) return entry[family]
    if (isLocalhost(name)) return LOOPBACK[family]
    const cached = this.#cache.fresh(name, family, now)
    // A lack has a reason, which look-ups give.
    return cached !== null && cached.lack === null ? cached.addresses : null
  }

  /** A name without a dot: with each domain of the search list, then alone. */
  async #resolveShort(name: string, family: Family): Promise<readonly string[]> {
    let empty = false
    for (const domain of this.#search) {
      const whole = hostName(`${name}.${domain}`)
      if ('error' in whole) continue
      try {
        const addresses = await this.#resolve(whole.name, family)
        if (addresses.length > 0) return addresses
        empty = true
      } catch (error) {
        if (!(error instanceof Failure) || error.code !== 'name-not-found') throw error
      }
    }
    return empty ? NONE : await this.#resolve(name, family)
  }

  /** From the cache, or by a question: one for all who ask it at a time. */
  #resolve(name: string, family: Family): Promise<readonly string[]> {
    const now = this.#runtime.clock.now()
    const entry = this.#cache.fresh(name, family, now)
    if (entry !== null) {
      this.#hits++
      if (entry.lack !== null) this.#negative++
      return settled(entry)
    }
    return (this.#pending[family].get(name) ?? this.#begin(name, family, now)).promise
  }

  #begin(name: string, family: Family, now: number): Pending {
    const { timeout, retries } = this.#settings
    let resolve!: Pending['resolve']
    let reject!: Pending['reject']
    const promise = new Promise<readonly string[]>((yes, no) => {
      resolve = yes
      reject = no
    })
    const staleAt = this.#cache.stale(name, family, now) === null ? Infinity : now + DNS_STALE_WAIT
    const givesUpAt = now + timeout * (1 + retries)
    const pending: Pending = { name, family, promise, resolve, reject, question: null, staleAt, givesUpAt }
    this.#pending[family].set(name, pending)
    this.#stopSweep ??= this.#runtime.clock.every(DNS_SWEEP, () => this.#sweep())
    this.#turns.push(pending)
    this.#takeTurns()
    return pending
  }

  #takeTurns(): void {
    while (this.#questions.size < DNS_IN_FLIGHT && this.#turns.length > 0) {
      const pending = this.#turns.shift()!
      const { name, family } = pending
      pending.question = this.#ask(name, family, this.#servers, this.#settings.retries, (outcome) => {
        this.#answered(pending, outcome)
      })
      const down = this.#servers.probe(this.#runtime.clock.now())
      if (down !== null) this.#probe(name, family, down)
      pending.question.advance()
    }
  }

  /** The same question, aside, only to see whether that server is back. */
  #probe(name: string, family: Family, server: Server): void {
    this.#ask(name, family, new Servers([server.endpoint], [server]), 0, () => {}).advance()
  }

  #ask(
    name: string,
    family: Family,
    servers: Servers,
    retries: number,
    done: (outcome: Outcome | Bug) => void,
  ): Question {
    const runtime = this.#runtime
    const random = (bytes: Uint8Array) => runtime.random(bytes)
    const settings = { timeout: this.#settings.timeout, retries, random }
    const resolution = new Resolution(name, family, servers, settings, runtime.clock.now())
    const question = new Question(runtime, resolution, (outcome) => {
      this.#questions.delete(question)
      done(outcome)
      this.#takeTurns()
    })
    this.#questions.add(question)
    return question
  }

  #answered(pending: Pending, outcome: Outcome | Bug): void {
    const { name, family } = pending
    const now = this.#runtime.clock.now()
    this.#pending[family].delete(name)
    if (outcome.kind === 'bug') {
      pending.reject(outcome.error)
      return
    }
    this.#settle(pending, this.#remember(name, family, outcome, now))
  }

  #remember(name: string, family: Family, outcome: Outcome, now: number): Entry {
    switch (outcome.kind) {
      case 'found':
        return this.#cache.found(name, family, outcome.addresses, outcome.ttl, now)
      case 'absent':
        return this.#cache.absent(name, family, outcome.lack, outcome.ttl, now)
      case 'failed': {
        const entry = this.#cache.failed(name, family, outcome.lack, now)
        if (entry.lack === null) this.#stale++
        return entry
      }
    }
  }

  #settle(pending: Pending, entry: Entry): void {
    if (entry.lack === null) {
      pending.resolve(entry.addresses)
      return
    }
    this.#failures++
    pending.reject(new Failure(entry.lack.code, entry.lack.detail))
  }

  /** Deadlines: of questions, of those that wait for their turn, of those with an old answer at hand. */
  #sweep(): void {
    const now = this.#runtime.clock.now()
    if (this.#questions.size === 0 && this.#turns.length === 0) {
      this.#stopSweep?.()
      this.#stopSweep = null
      return
    }
    for (const question of this.#questions) if (question.wake <= now) question.advance()
    for (const pendings of [this.#pending[4], this.#pending[6]]) {
      for (const pending of pendings.values()) {
        if (pending.staleAt <= now) this.#giveStale(pending, now)
        if (pending.question === null && pending.givesUpAt <= now) this.#giveUp(pending, now)
      }
    }
  }

  /** RFC 8767 5: the question goes on, for the next who ask. */
  #giveStale(pending: Pending, now: number): void {
    pending.staleAt = Infinity
    const entry = this.#cache.stale(pending.name, pending.family, now)
    if (entry === null) return
    this.#stale++
    pending.resolve(entry.addresses)
  }

  #giveUp(pending: Pending, now: number): void {
    this.#turns.splice(this.#turns.indexOf(pending), 1)
    const detail = `"${pending.name}" was not asked for: too many others were being asked for`
    this.#pending[pending.family].delete(pending.name)
    this.#settle(pending, this.#cache.failed(pending.name, pending.family, { code: 'name-timeout', detail }, now))
  }

  #filesDue(now: number): boolean {
    return this.#files.length > 0 && now - this.#filesAt >= DNS_FILES_CHECK
  }

  /** One check at a time, for all who came meanwhile. */
  #checkFiles(): Promise<void> {
    this.#checking ??= this.#readChanged().finally(() => {
      this.#filesAt = this.#runtime.clock.now()
      this.#checking = null
    })
    return this.#checking
  }

  async #readChanged(): Promise<void> {
    for (const file of this.#files) {
      try {
        const status = await this.#runtime.files.status(file.path)
        const seen = status === null ? MISSING : `${status.size} ${status.modified}`
        if (seen === file.seen) continue
        // A file far too large is no such file.
        if (status !== null && status.size > DNS_FILE_SIZE) continue
        if (status === null) file.take('', MISSING)
        else file.take(new TextDecoder().decode(await this.#runtime.files.read(file.path)), '')
        file.seen = seen
      } catch (error) {
        // It may be there again the next time; until then what was read before holds.
        if (!(error instanceof SystemFailure)) throw error
        if (file.seen !== '') continue
        file.seen = `cannot be read (${error.message})`
        file.take('', file.seen)
      }
    }
  }

  #takeResolvConf(text: string, lack: string): void {
    const { servers, named, search } = parseResolvConf(text)
    if (!named) {
      const why = lack === '' ? 'names no server' : lack
      this.#warn(`${this.#settings.resolv_conf} ${why}, so that names are asked of ${servers[0]!.address}`)
    }
    this.#servers = new Servers(servers, this.#servers.all)
    this.#search = search
    // Another network may give other answers.
    this.#cache.clear()
  }
}

function settled(entry: Entry): Promise<readonly string[]> {
  if (entry.lack === null) return Promise.resolve(entry.addresses)
  return Promise.reject(new Failure(entry.lack.code, entry.lack.detail))
}
