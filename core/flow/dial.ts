/** Reaching a host: its addresses raced, family against family (RFC 8305), each judged before it is dialled. */

import { type Family, family } from '../bytes/address.ts'
import type { OutgoingSettings } from '../config/settings.ts'
import { Failure } from '../failure.ts'
import type { FailureCode } from '../failure.ts'
import type { Destinations } from '../filter/destinations.ts'
import { ATTEMPT_DELAY, ATTEMPTS, RESOLUTION_DELAY } from '../limits.ts'
import type { Connecting, ConnectOptions, Endpoint, Runtime, Socket } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import type { Resolver } from './resolver.ts'
import { sourceOf, Sources, toldOptions, UNBOUND } from './sources.ts'
import { Translation } from './translation.ts'

/** What is dialled: a host (name or address, policy form) and a port. */
export interface Destination {
  readonly host: string
  readonly port: number
  /** The client chose it, so it is judged; false for what the operator wrote down (upstream servers). */
  readonly guarded: boolean
  /** The family that answered last time, tried first; 0: none yet. */
  family: Family | 0
}

/** How long each step took, milliseconds; -1 for one that was not taken. */
export interface DialTimings {
  dns: number
  connect: number
}

export class Dialler {
  readonly runtime: Runtime
  readonly resolver: Resolver
  readonly destinations: Destinations
  readonly outgoing: OutgoingSettings
  /** How IPv4 is reached from where there is none; `null`: not at all. */
  readonly translation: Translation | null
  readonly #told: ConnectOptions | undefined
  readonly #sources4: Sources
  readonly #sources6: Sources

  constructor(runtime: Runtime, resolver: Resolver, destinations: Destinations, outgoing: OutgoingSettings) {
    this.runtime = runtime
    this.resolver = resolver
    this.destinations = destinations
    this.outgoing = outgoing
    this.translation = outgoing.nat64 === 'off' ? null : new Translation(runtime, resolver, destinations, outgoing)
    this.#told = toldOptions(outgoing)
    this.#sources4 = new Sources(outgoing, outgoing.bind4, 4)
    this.#sources6 = new Sources(outgoing, outgoing.bind6, 6)
  }

  /** The interfaces of this machine have these addresses now. @returns those that have come and those that are gone. */
  refresh(locals: readonly string[]): ReadonlySet<string> {
    this.translation?.refresh(locals)
    return this.destinations.refresh(locals)
  }

  /**
   * Begin to connect to one of the addresses of `destination`. The socket of the race rejects with a Failure of the phases
   * decide, resolve and connect; `timings` are filled in by then.
   * `spoof`: come from there, where the family is that of the address; `bind`: from this machine's own of these, the same.
   */
  reach(
    destination: Destination,
    timings: DialTimings,
    spoof: Endpoint | null = null,
    bind: readonly string[] = UNBOUND,
  ): Race {
    return new Race(this, destination, timings, spoof, bind)
  }

  /** The families in use, the one to try first in front. */
  families(favoured: Family | 0): Family[] {
    const { ipv4, ipv6, prefer } = this.outgoing
    const first: Family = prefer === 'ipv4' ? 4 : prefer === 'ipv6' ? 6 : favoured === 0 ? 6 : favoured
    const order: Family[] = first === 6 ? [6, 4] : [4, 6]
    const translated = this.translation !== null && this.translation.active
    return order.filter((each) => each === 4 ? ipv4 || translated : ipv6)
  }

  connect(to: Endpoint, spoof: Endpoint | null, bind: readonly string[]): Connecting {
    // There is no coming from an IPv4 address to an IPv6 one.
    if (spoof !== null && spoof.family === to.family) {
      return this.runtime.connect(to, { ...this.#told, from: spoof, transparent: true })
    }
    const from = sourceOf(bind, to)
    if (from !== null) return this.runtime.connect(to, { ...this.#told, from })
    return (to.family === 4 ? this.#sources4 : this.#sources6).connect(this.runtime, to)
  }
}

/** Which of two failures of resolution tells more: the one further left. */
const TELLING: readonly FailureCode[] = ['name-refused', 'name-not-found', 'name-failed', 'name-timeout']

const CONNECT_FAILURES: Partial<Record<SystemFailure['code'], FailureCode>> = {
  'refused': 'connect-refused',
  'reset': 'connect-refused',
  'unreachable': 'connect-unreachable',
  'timed-out': 'connect-timeout',
}

/** One dialling under way: lookups that come in, attempts that are open, and the first to succeed. */
export class Race {
  readonly socket: Promise<Socket>
  /** The last address that was tried, for the log; `null` before any was. */
  tried: Endpoint | null = null
  readonly #dialler: Dialler
  readonly #destination: Destination
  readonly #spoof: Endpoint | null
  readonly #bind: readonly string[]
  readonly #timings: DialTimings
  readonly #began: number
  readonly #waiting: { readonly 4: string[]; readonly 6: string[] } = { 4: [], 6: [] }
  readonly #order: Family[]
  /** What is to be tried or was: a translator's address may come from the name server as well. */
  readonly #given: Set<string> | null
  readonly #open = new Set<Connecting>()
  readonly #timers = new Set<() => void>()
  #resolve!: (socket: Socket) => void
  #reject!: (failure: unknown) => void
  #lookups = 0
  #attempts = 0
  #turn = 0
  #connectBegan = -1
  #mayStart = false
  #over = false
  #attemptTimer: (() => void) | null = null
  #refused: Failure | null = null
  #unresolved: Failure | null = null
  #unreached: Failure | null = null

  constructor(
    dialler: Dialler,
    destination: Destination,
    timings: DialTimings,
    spoof: Endpoint | null,
    bind: readonly string[],
  ) {
    this.#dialler = dialler
    this.#destination = destination
    this.#spoof = spoof
    this.#bind = bind
    this.#timings = timings
    this.#began = dialler.runtime.clock.now()
    this.#order = dialler.families(destination.family)
    this.#given = dialler.translation === null ? null : new Set()
    this.socket = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const wait = dialler.translation === null ? null : dialler.translation.wait()
    if (wait === null) this.#start()
    else wait.then(() => this.#over || this.#start()).catch((e) => this.#unanswered(e))
  }

  /** Give up: what is open is closed, and `socket` rejects with the failure given. */
  cancel(failure: Failure): void {
    this.#finish()
    this.#reject(failure)
  }

  #start(): void {
    const { host } = this.#destination
    const literal = family(host)
    if (literal === 4 || literal === 6) {
      this.#mayStart = true
      if (this.#order.includes(literal)) this.#found(literal, [host])
      else this.#unreached = new Failure('connect-unreachable', `IPv${literal} is switched off, and ${host} needs it`)
      this.#advance()
      return
    }
    const { resolver } = this.#dialler
    this.#lookups = this.#order.length
    for (const each of this.#order) {
      const cached = resolver.cached(host, each)
      // What is thrown on the way is a bug, and ends the race as one.
      if (cached !== null) this.#answered(each, cached)
      else resolver.lookup(host, each).then((found) => this.#answered(each, found)).catch((e) => this.#unanswered(e))
    }
  }

  #answered(of: Family, addresses: readonly string[]): void {
    if (this.#over) return
    this.#lookups--
    this.#found(of, addresses)
    if (addresses.length > 0 && !this.#mayStart) {
      // The favoured family has answered, or nothing else will: go. Otherwise it has RESOLUTION_DELAY to come.
      if (of === this.#order[0] || this.#lookups === 0) this.#mayStart = true
      else {
        this.#after(RESOLUTION_DELAY, () => {
          this.#mayStart = true
          this.#advance()
        })
      }
    }
    if (this.#lookups === 0) this.#mayStart = true
    this.#advance()
  }

  #unanswered(error: unknown): void {
    if (this.#over) return
    if (!(error instanceof Failure)) {
      this.#finish()
      this.#reject(error)
      return
    }
    this.#lookups--
    if (this.#lookups === 0) this.#mayStart = true
    if (this.#unresolved === null || TELLING.indexOf(error.code) < TELLING.indexOf(this.#unresolved.code)) {
      this.#unresolved = error
    }
    this.#advance()
  }

  /** Addresses to try, those the policy refuses left out. */
  #found(of: Family, addresses: readonly string[]): void {
    const { guarded, port, host } = this.#destination
    for (const address of addresses) {
      const refusal = guarded ? this.#dialler.destinations.refuses(address, port) : null
      if (refusal !== null) this.#refused = new Failure(refusal, host === address ? address : `${host} is ${address}`)
      else if (this.#given === null) this.#waiting[of].push(address)
      else this.#give(of, address, this.#given)
    }
  }

  /** The same where there may be translators: in the place of an IPv4 address stand theirs, judged as well. */
  #give(of: Family, address: string, given: Set<string>): void {
    const { guarded, port } = this.#destination
    const { translation, destinations } = this.#dialler
    let addresses = [address]
    if (of === 4 && translation !== null && translation.standsFor(address)) {
      try {
        addresses = translation.of(address)
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        this.#unreached = error
        return
      }
    }
    for (const each of addresses) {
      if (given.has(each)) continue
      given.add(each)
      const refusal = guarded && each !== address ? destinations.refuses(each, port) : null
      if (refusal === null) this.#waiting[of].push(each)
      else this.#refused = new Failure(refusal, `${address} is reached as ${each}`)
    }
  }

  /** Start the next attempt when it is its time, or give up when nothing is left. */
  #advance(): void {
    if (this.#over || !this.#mayStart) return
    if (this.#open.size > 0 && this.#attemptTimer !== null) return
    const of = this.#nextFamily()
    if (of === null || this.#attempts === ATTEMPTS) {
      if (this.#open.size === 0 && this.#lookups === 0) this.#lose()
      return
    }
    if (this.#attempts === 0) this.#firstAttempt()
    this.#attempts++
    this.#turn++
    this.#attempt(of, this.#waiting[of].shift()!)
  }

  /** Families take turns (RFC 8305 section 4). */
  #nextFamily(): Family | null {
    for (let i = 0; i < this.#order.length; i++) {
      const of = this.#order[(this.#turn + i) % this.#order.length]
      if (this.#waiting[of].length > 0) return of
    }
    return null
  }

  #firstAttempt(): void {
    const now = this.#dialler.runtime.clock.now()
    this.#timings.dns = now - this.#began
    this.#connectBegan = now
    this.#after(this.#dialler.outgoing.connect_timeout, () => {
      this.#unreached = new Failure('connect-timeout', this.#words('no answer'))
      this.#lose()
    })
  }

  #attempt(of: Family, address: string): void {
    const { port } = this.#destination
    // Of the IPv4 addresses, those that are translated are dialled as IPv6.
    const to: Endpoint = { family: of === 4 && address.includes(':') ? 6 : of, address, port }
    this.tried = to
    let connecting: Connecting
    try {
      connecting = this.#dialler.connect(to, this.#spoof, this.#bind)
    } catch (error) {
      this.#finish()
      this.#reject(error)
      return
    }
    this.#open.add(connecting)
    connecting.socket.then(
      (socket) => {
        this.#open.delete(connecting)
        if (this.#over) {
          socket.close()
          return
        }
        this.#destination.family = of
        this.#finish()
        this.#resolve(socket)
      },
      (error) => {
        this.#open.delete(connecting)
        if (this.#over) return
        if (!(error instanceof SystemFailure)) {
          this.#finish()
          this.#reject(error)
          return
        }
        this.#unreached = new Failure(
          CONNECT_FAILURES[error.code] ?? 'connect-failed',
          this.#words(error.message, address),
        )
        this.#stopAttemptTimer()
        this.#advance()
      },
    )
    this.#attemptTimer = this.#after(ATTEMPT_DELAY, () => {
      this.#attemptTimer = null
      this.#advance()
    })
  }

  #words(what: string, address = ''): string {
    const { host, port } = this.#destination
    return address === '' || address === host
      ? `${host} port ${port}: ${what}`
      : `${host} (${address}) port ${port}: ${what}`
  }

  #stopAttemptTimer(): void {
    if (this.#attemptTimer === null) return
    this.#attemptTimer()
    this.#timers.delete(this.#attemptTimer)
    this.#attemptTimer = null
  }

  #lose(): void {
    this.#finish()
    this.#reject(
      this.#unreached ?? this.#refused ?? this.#unresolved ??
        new Failure('name-no-address', `${this.#destination.host} has no address this proxy may use`),
    )
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    const now = this.#dialler.runtime.clock.now()
    if (this.#connectBegan < 0) this.#timings.dns = now - this.#began
    else this.#timings.connect = now - this.#connectBegan
    for (const stop of this.#timers) stop()
    for (const connecting of this.#open) connecting.cancel()
  }

  #after(ms: number, ring: () => void): () => void {
    const stop = this.#dialler.runtime.clock.after(ms, () => {
      this.#timers.delete(stop)
      if (!this.#over) ring()
    })
    this.#timers.add(stop)
    return stop
  }
}
