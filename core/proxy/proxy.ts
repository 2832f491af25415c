/** What all connections of a worker share. */

import { httpDate } from '../bytes/calendar.ts'
import type { Settings } from '../config/settings.ts'
import { Failure } from '../failure.ts'
import { Destinations } from '../filter/destinations.ts'
import { Deadlines } from '../flow/deadlines.ts'
import { Dialler } from '../flow/dial.ts'
import type { DialTimings } from '../flow/dial.ts'
import { Origins } from '../flow/origins.ts'
import { Resolver } from '../flow/resolver.ts'
import { Seldom } from '../flow/seldom.ts'
import type { NoSource } from '../flow/sources.ts'
import type { RequestForwarding, ResponseForwarding } from '../http/forward.ts'
import { LOCALS_CHECK, SOURCE_COMPLAINTS_TIME } from '../limits.ts'
import type { Clock, Runtime } from '../runtime.ts'
import { logger } from './diagnostics.ts'
import type { Pages } from './pages.ts'
import { Parents } from './parents.ts'
import { NOT_TAKEN } from './record.ts'
import { Upstreams } from './route.ts'
import { Statistics } from './statistics.ts'

export class Proxy {
  readonly runtime: Runtime
  readonly clock: Clock
  readonly settings: Settings
  readonly deadlines: Deadlines
  readonly resolver: Resolver
  readonly dialler: Dialler
  readonly origins: Origins
  readonly upstreams: Upstreams
  /** Where requests go through; `null`: nowhere, all goes directly. */
  readonly parents: Parents | null
  readonly destinations: Destinations
  readonly pages: Pages
  readonly statistics = new Statistics()
  /** The pseudonym in Via and Proxy-Status, by which a request that comes round again is known. */
  readonly name: string
  /** The methods that are let through; null: all. */
  readonly methods: ReadonlySet<string> | null
  /** How heads are forwarded: filled in for each message, which takes no time between filling and use. */
  readonly requests: RequestForwarding
  readonly responses: ResponseForwarding
  /** Added to a clock time, gives milliseconds since 1970. Followed at each sweep, for the system's clock may be set. */
  epoch: number
  readonly #report: (error: unknown) => void
  readonly #log = logger('outgoing')
  readonly #complaints: Seldom
  #date = ''
  #localsDue: number
  #references = 0

  /** `report` is told of what was thrown and is no failure: a bug. */
  constructor(runtime: Runtime, settings: Settings, pages: Pages, report: (error: unknown) => void) {
    const { http, outgoing } = settings
    this.runtime = runtime
    this.clock = runtime.clock
    this.settings = settings
    this.pages = pages
    this.#report = report
    this.#complaints = new Seldom(runtime.clock, 1, SOURCE_COMPLAINTS_TIME)
    this.epoch = runtime.clock.date() - runtime.clock.now()
    this.deadlines = new Deadlines(runtime.clock, shortestTime(settings))
    this.deadlines.listen(() => this.#swept())
    this.resolver = new Resolver(runtime, settings.dns, (words) => logger('dns').warning('{words}', { words }))
    this.destinations = new Destinations(outgoing, runtime.addresses())
    this.#localsDue = this.deadlines.now + LOCALS_CHECK
    this.dialler = new Dialler(runtime, this.resolver, this.destinations, outgoing)
    this.origins = new Origins(this.dialler, this.deadlines, outgoing)
    this.upstreams = new Upstreams(settings.upstream, runtime)
    this.parents = Parents.of(runtime, settings)
    this.name = http.name
    this.methods = http.methods.length === 0 ? null : new Set(http.methods)
    const via = http.via && !http.transparent ? this.name : ''
    this.requests = {
      form: 'origin',
      via,
      forwardedFor: http.forwarded_for,
      forwarded: http.forwarded,
      transparent: http.transparent,
      client: '',
      secure: false,
      expect: http.expect,
      upgrades: http.upgrades,
      keepAlive: true,
      chunked: false,
      trailers: true,
      maxForwards: -1,
      hostFromTarget: false,
      authorization: '',
    }
    this.responses = {
      via,
      close: false,
      keepAlive: false,
      framing: 'as-is',
      upgrade: false,
      date: '',
      trailers: false,
    }
  }

  /** How a 1xx is passed on: it has no body and ends no connection. `upgrade`: a 101, after which a tunnel follows. */
  interim(upgrade: boolean): ResponseForwarding {
    const how = this.responses
    how.close = false
    how.keepAlive = false
    how.framing = 'as-is'
    how.setCookie = ''
    how.upgrade = upgrade
    return how
  }

  /** The Date field of a message sent now (RFC 9110 6.6.1), made once a sweep: a second late at most. */
  date(): string {
    if (this.#date === '') this.#date = httpDate(this.clock.date())
    return this.#date
  }

  /** What a page and the log call an exchange that went wrong. Said to people, so it is short. */
  reference(): string {
    return `${Math.floor(this.clock.date() / 1000).toString(36)}-${(++this.#references).toString(36)}`
  }

  timings(): DialTimings {
    return { dns: NOT_TAKEN, connect: NOT_TAKEN }
  }

  /** Something was thrown that is no failure. */
  bug(error: unknown): Failure {
    this.statistics.bug()
    this.#report(error)
    return new Failure('bug')
  }

  /** There was nothing to connect from. Said once in a while. */
  lacksSource({ code, detail }: NoSource): void {
    // A rule that leaves out a family of addresses is no trouble.
    if (code !== 'source-unavailable' || !this.#complaints.may()) return
    this.#log.warning('no free address, port or socket to connect from: {why}', { why: detail })
  }

  close(): void {
    this.parents?.close()
    this.upstreams.close()
    this.origins.close()
    this.resolver.close()
    this.deadlines.close()
  }

  #swept(): void {
    this.statistics.swept(this.deadlines.now, this.deadlines.period)
    this.#date = ''
    this.epoch = this.clock.date() - this.clock.now()
    if (this.deadlines.now < this.#localsDue) return
    this.#localsDue = this.deadlines.now + LOCALS_CHECK
    const moved = this.dialler.refresh(this.runtime.addresses())
    if (moved.size > 0) this.origins.moved(moved)
  }
}

/** The shortest time limit in the configuration, which the deadlines have to keep. */
function shortestTime({ listener, outgoing, icap }: Settings): number {
  const times = [outgoing.response_timeout, outgoing.idle_timeout, outgoing.tunnel_timeout]
  for (const { head_timeout, idle_timeout } of listener) times.push(head_timeout, idle_timeout)
  for (const { timeout } of icap) times.push(timeout)
  return Math.min(...times.filter((time) => time > 0), Number.MAX_SAFE_INTEGER)
}
