/** Reaching a host: its addresses raced, family against family (RFC 8305), each judged before it is dialled. */

import { type Family, family } from '../bytes/address.ts'
import { Failure } from '../failure.ts'
import type { FailureCode } from '../failure.ts'
import { ATTEMPT_DELAY, ATTEMPTS, RESOLUTION_DELAY } from '../limits.ts'
import type { Connecting, Endpoint, Socket } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import type { Destination, Dialler, DialTimings } from './dial.ts'
import type { Found } from './found.ts'
import { NoSource, sourceOf, spent } from './sources.ts'

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
  /** What the host was when it was judged; `null`: it is looked up now. */
  readonly #judged: Found | null
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
  #sourceless: Failure | null = null

  constructor(
    dialler: Dialler,
    destination: Destination,
    timings: DialTimings,
    spoof: Endpoint | null,
    bind: readonly string[],
    judged: Found | null,
  ) {
    this.#dialler = dialler
    this.#destination = destination
    this.#spoof = spoof
    this.#bind = bind
    this.#judged = judged
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
      if (this.#judged !== null) {
        const found = this.#judged[each]
        if (found instanceof Failure) this.#unanswered(found)
        else this.#answered(each, found)
        continue
      }
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
      else if (this.#given === null) this.#queue(of, address)
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
      if (refusal === null) this.#queue(of, each)
      else this.#refused = new Failure(refusal, `${address} is reached as ${each}`)
    }
  }

  /** To be tried, where there is something to come from that it is told to come from. */
  #queue(of: Family, address: string): void {
    const to = dialledAs(of, address)
    const has = this.#spoof === null
      ? this.#bind.length === 0 || sourceOf(this.#bind, to) !== null
      : this.#spoof.family === to
    if (has) {
      this.#waiting[of].push(address)
      return
    }
    const { host } = this.#destination
    const from = this.#spoof === null ? `bind ${this.#bind.join(', ')}` : `the client's address ${this.#spoof.address}`
    const at = host === address ? address : `${host} (${address})`
    this.#sourceless = new NoSource('connect-unreachable', `${at} needs IPv${to}, and is to be reached from ${from}`)
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
    const to: Endpoint = { family: dialledAs(of, address), address, port }
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
        this.#unreached = this.#failure(error, to)
        this.#stopAttemptTimer()
        this.#advance()
      },
    )
    this.#attemptTimer = this.#after(ATTEMPT_DELAY, () => {
      this.#attemptTimer = null
      this.#advance()
    })
  }

  #failure(error: SystemFailure, to: Endpoint): Failure {
    // Without a descriptor, too, nothing can be connected from here.
    if (!spent(error) && error.code !== 'exhausted') {
      return new Failure(CONNECT_FAILURES[error.code] ?? 'connect-failed', this.#words(error.message, to.address))
    }
    const sources = this.#dialler.sources(to, this.#spoof, this.#bind)
    const from = sources.length === 0 ? '' : ` from ${sources.join(', ')}`
    return new NoSource('source-unavailable', `${this.#words(error.message, to.address)}${from}`)
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
      this.#unreached ?? this.#sourceless ?? this.#refused ?? this.#unresolved ??
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

/** Of the IPv4 addresses, those that are translated are dialled as IPv6. */
function dialledAs(of: Family, address: string): Family {
  return of === 4 && address.includes(':') ? 6 : of
}
