/**
 * The counters of a worker. Counting an exchange is some additions: what is common is an index or a comparison away, and
 * only what went wrong is looked up by name. Names are given when a {@link Snapshot} is taken.
 */

import type { FailureCode } from '../failure.ts'
import { FAILURES } from '../failure.ts'
import type { Head } from '../http/head.ts'
import { WAITS, type Waits } from './client.ts'
import { Histogram } from './histogram.ts'
import type { ListenerContext } from './listener.ts'
import { NO_PARENTS } from './parents.ts'
import type { Proxy } from './proxy.ts'
import { type Decision, type DecisionKind, DECISIONS } from '../filter/decision.ts'
import type { ExchangeRecord } from './record.ts'
import type { Counted, Snapshot } from './snapshot.ts'

export { add, lasting, type Snapshot } from './snapshot.ts'

/** Methods that are counted by name. Another may be any word, and a counter for each would never end. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const
const OTHER = METHODS.length
const NONE = METHODS.length + 1
const METHOD_NAMES: readonly string[] = [...METHODS, 'other', 'none']

/** A status has three digits. */
const STATUSES = 1000

/** {@link Statistics.loopDelay} looks back this long at least, ms, and twice as long at most: longer than most wait to ask. */
const DELAY_WINDOW = 60_000

/** Categories counted by name: the largest blacklists have under a hundred. */
const CATEGORIES = 1000

const NO_FILTERS: Snapshot = {
  filter_rules_total: {},
  filter_report_only_total: {},
  icap_connections: {},
  icap_waiting: {},
  icap_ill: {},
  icap_asked_total: {},
  icap_outcomes_total: {},
  helper_children: {},
  helper_children_busy: {},
  helper_waiting: {},
  helper_asked: {},
  helper_questions_total: {},
  helper_answers_total: {},
  helper_answer_seconds_total: {},
  helper_unanswered_total: {},
  helper_retries_total: {},
  helper_starts_total: {},
  helper_ends_total: {},
  helper_kept_answers: {},
  helper_kept_hits_total: {},
  list_entries: {},
  list_memory_bytes: {},
  list_loads_total: {},
  list_failures_total: {},
  list_loaded_seconds: {},
}

export class Statistics {
  readonly #methods = new Float64Array(METHOD_NAMES.length)
  readonly #statuses = new Float64Array(STATUSES)
  readonly #failures = zeros<FailureCode>(Object.keys(FAILURES) as FailureCode[])
  readonly #decisions = zeros<DecisionKind>(DECISIONS)
  readonly #missed = zeros<Waits>(WAITS)
  readonly #exchange = new Histogram()
  readonly #firstByte = new Histogram()
  readonly #dns = new Histogram()
  readonly #connect = new Histogram()
  readonly #classifiers = new Map<string, Record<DecisionKind, number>>()
  readonly #categories = new Map<string, number>()
  #bugs = 0
  #connects = 0
  #upgrades = 0
  #sweptAt = -1
  #windowEnds = 0
  #delay = 0
  #delayBefore = 0
  /** Lines that the logs of this worker lost: whoever owns the logs says how many. */
  linesLost: () => number = () => 0
  /** What the parts of the filter count themselves: whoever opened it says. */
  filters: () => Snapshot = () => NO_FILTERS

  /** A classifier has said something. */
  decided({ by, kind, category }: Decision): void {
    let kinds = this.#classifiers.get(by)
    if (kinds === undefined) this.#classifiers.set(by, kinds = zeros<DecisionKind>(DECISIONS))
    kinds[kind]++
    if (category === '') return
    const count = this.#categories.get(category)
    // Helpers may say any word, and a counter for each would never end.
    if (count !== undefined || this.#categories.size < CATEGORIES) this.#categories.set(category, (count ?? 0) + 1)
  }

  /** An exchange is over. */
  record(record: ExchangeRecord): void {
    const { request, status, failure, decision } = record
    this.#methods[request === null ? NONE : methodOf(request)]++
    this.#statuses[status]++
    if (failure !== '') this.#failures[failure]++
    this.#decisions[decision]++
    this.#dns.add(record.dns)
    this.#connect.add(record.connect)
    if (record.tunnel) return
    this.#firstByte.add(record.firstByte)
    this.#exchange.add(record.total)
  }

  /** A tunnel begins, by CONNECT (200) or by an upgrade (101). */
  tunnel(status: number): void {
    if (status === 101) this.#upgrades++
    else this.#connects++
  }

  /** A client's deadline was missed. */
  missed(waits: Waits): void {
    this.#missed[waits]++
  }

  bug(): void {
    this.#bugs++
  }

  /** A sweep has come, at clock time `now`; they come every `period` ms, where nothing keeps them from it. */
  swept(now: number, period: number): void {
    if (now >= this.#windowEnds) {
      this.#delayBefore = this.#delay
      this.#delay = 0
      this.#windowEnds = now + DELAY_WINDOW
    }
    if (this.#sweptAt >= 0) this.#delay = Math.max(this.#delay, now - this.#sweptAt - period)
    this.#sweptAt = now
  }

  /** The longest that a sweep was late, ms, in the last minute or two: how long this process had no time for its timers. */
  get loopDelay(): number {
    return Math.max(this.#delay, this.#delayBefore)
  }

  /** What this worker has counted, with what its parts count themselves. */
  snapshot(proxy: Proxy, listeners: readonly ListenerContext[]): Snapshot {
    const { origins, resolver, runtime } = proxy
    const dns = resolver.statistics
    return {
      // First, for it has the connections count what they carry.
      ...ofListeners(listeners),
      requests_total: named(METHOD_NAMES, this.#methods),
      responses_total: statuses(this.#statuses),
      decisions_total: counted(this.#decisions),
      filter_decisions_total: Object.fromEntries(
        [...this.#classifiers].map(([name, kinds]) => [name, counted(kinds)]),
      ),
      ...this.filters(),
      ...proxy.upstreams.snapshot(),
      ...(proxy.parents?.snapshot() ?? NO_PARENTS),
      filter_categories_total: Object.fromEntries(this.#categories),
      failures_total: counted(this.#failures),
      origin_received_bytes_total: origins.received,
      origin_sent_bytes_total: origins.sent,
      tunnels_total: { connect: this.#connects, upgrade: this.#upgrades },
      exchange_seconds: this.#exchange.durations(),
      first_byte_seconds: this.#firstByte.durations(),
      dns_seconds: this.#dns.durations(),
      connect_seconds: this.#connect.durations(),
      origin_connections_made_total: origins.made,
      origin_connections_reused_total: origins.reused,
      origin_connections_open: origins.open,
      origin_connections_kept: origins.kept,
      dns_lookups_total: dns.lookups,
      dns_hits_total: dns.hits,
      dns_negative_hits_total: dns.negative,
      dns_stale_total: dns.stale,
      dns_failures_total: dns.failures,
      dns_questions_open: dns.open,
      dns_questions_waiting: dns.waiting,
      dns_cache_entries: dns.entries,
      dns_server_queries_total: by(dns.servers, ({ queries }) => queries),
      dns_server_answers_total: by(dns.servers, ({ answers }) => answers),
      dns_server_timeouts_total: by(dns.servers, ({ timeouts }) => timeouts),
      dns_server_failures_total: by(dns.servers, ({ failures }) => failures),
      dns_server_down: by(dns.servers, ({ down }) => Number(down)),
      deadlines_missed_total: counted(this.#missed),
      bugs_total: this.#bugs,
      log_lines_lost_total: this.linesLost(),
      loop_delay_seconds: this.loopDelay / 1000,
      memory_bytes: runtime.memory(),
    }
  }
}

function methodOf(head: Head): number {
  // Nearly all are the first.
  for (let i = 0; i < OTHER; i++) {
    if (head.isMethod(METHODS[i])) return i
  }
  return OTHER
}

function ofListeners(listeners: readonly ListenerContext[]): Snapshot {
  const accepted: Record<string, number> = {}
  const refused: Record<string, number> = {}
  const failed: Record<string, number> = {}
  const logins: Record<string, number> = {}
  const open: Record<string, number> = {}
  const received: Record<string, number> = {}
  const sent: Record<string, number> = {}
  const exchanges: Record<string, Counted> = {}
  const waiting = zeros<Waits>(WAITS)
  let tunnels = 0
  for (const listener of listeners) {
    const { name, mode } = listener.settings
    // What is under way may last for hours.
    for (const client of listener.clients) {
      client.count()
      waiting[client.waits]++
      if (client.tunnel !== null) tunnels++
    }
    accepted[name] = listener.accepted
    refused[name] = listener.refused
    failed[name] = listener.failed
    if (listener.users !== null) logins[name] = listener.users.failed
    open[name] = listener.clients.size
    exchanges[name] = { [mode]: listener.exchanges }
    received[name] = listener.received
    sent[name] = listener.sent
  }
  return {
    connections_accepted_total: accepted,
    connections_refused_total: refused,
    connections_failed_total: failed,
    logins_refused_total: logins,
    connections_open: open,
    connections_waiting: waiting,
    exchanges_total: exchanges,
    client_received_bytes_total: received,
    client_sent_bytes_total: sent,
    tunnels_open: tunnels,
  }
}

/** A counter for each name, all of them from the start: then one kind of object, and the same names in every snapshot. */
function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>
}

function counted(counters: Readonly<Record<string, number>>): Counted {
  return { ...counters }
}

function named(names: readonly string[], counters: Float64Array): Counted {
  return Object.fromEntries(names.map((name, i) => [name, counters[i]]))
}

/** Only those that were ever sent. */
function statuses(counters: Float64Array): Counted {
  const sent: Record<string, number> = {}
  for (let status = 0; status < STATUSES; status++) {
    if (counters[status] > 0) sent[status === 0 ? 'none' : String(status)] = counters[status]
  }
  return sent
}

function by<T extends { readonly server: string }>(servers: readonly T[], value: (server: T) => number): Counted {
  return Object.fromEntries(servers.map((server) => [server.server, value(server)]))
}
