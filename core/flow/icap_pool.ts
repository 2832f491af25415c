/** One address of an ICAP service: what it says of itself, the connections to it, who waits for one, and whether it is well. */

import type { IcapSettings } from '../config/settings.ts'
import { Failure } from '../failure.ts'
import { NO_OPTIONS, readOptions, type ServiceOptions } from '../icap/options.ts'
import { type IcapFields, writeIcapRequest } from '../icap/write.ts'
import {
  ICAP_BACKOFF,
  ICAP_BACKOFF_MAX,
  ICAP_FAILURES,
  ICAP_IDLE_TIME,
  ICAP_PORT,
  ICAP_TTL,
  ICAP_TTL_MAX,
  ICAP_TTL_MIN,
} from '../limits.ts'
import type { Clock, Socket } from '../runtime.ts'
import type { Deadlines } from './deadlines.ts'
import type { Destination, DialTimings } from './dial.ts'
import { IcapConnection } from './icap_connection.ts'

/** Reaches a host: {@link Dialler}, of which no more is needed. */
export interface Reaching {
  reach(
    destination: Destination,
    timings: DialTimings,
  ): { readonly socket: Promise<Socket>; cancel(failure: Failure): void }
}

/** What all services share. */
export interface IcapMachine {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly dialler: Reaching
}

/** Told what people should hear of a service. `grave`: it does not serve. */
export type IcapReport = (url: string, words: string, grave: boolean) => void

/** What is wrong with a service, in words for the log. Not a {@link Failure}: that is the exchange's, and may yet go well. */
export class Trouble extends Error {
  /** It is too busy, and not ill. */
  readonly busy: boolean

  constructor(words: string, busy = false) {
    super(words)
    this.name = 'Trouble'
    this.busy = busy
  }
}

/** What went wrong on a connection, as trouble; what is no failure is a bug and goes on. */
export function troubleOf(error: unknown, late = false): Trouble {
  if (late) return new Trouble('it was silent for too long')
  if (error instanceof Trouble) return error
  if (!(error instanceof Failure)) throw error
  if (error.code === 'origin-left') {
    return new Trouble(`it closed the connection${error.detail === '' ? '' : ` (${error.detail})`}`)
  }
  return new Trouble(error.detail === '' ? error.words : error.detail)
}

interface Waiter {
  hand(connection: IcapConnection | null): void
  refuse(trouble: Trouble): void
}

/** A place in the queue for a connection. */
export interface Turn {
  readonly connection: Promise<IcapConnection>
  /** It is not wanted any more. */
  cancel(): void
}

const NOTHING = (): void => {}

export class IcapPool {
  readonly url: string
  readonly #machine: IcapMachine
  readonly #settings: IcapSettings
  readonly #destination: Destination
  readonly #authority: string
  readonly #report: IcapReport
  #options: ServiceOptions | null = null
  #asking: Promise<void> | null = null
  /** When the options have to be asked for again, on the clock. */
  #due = 0
  readonly #idle: IcapConnection[] = []
  readonly #queue = new Set<Waiter>()
  readonly #busy = new Set<IcapConnection>()
  /** Connections, and those that are being made. */
  #open = 0
  #failures = 0
  /** Not asked before then, on the clock. */
  #illUntil = 0
  #backoff = ICAP_BACKOFF
  #closed = false
  /** What was wrong with it last. */
  #words = ''

  /** `url`: as in the configuration, checked there. */
  constructor(machine: IcapMachine, settings: IcapSettings, url: string, report: IcapReport) {
    const [, authority, host6, host, port] = /^icap:\/\/((?:\[([^\]]+)\]|([^:/?]+))(?::([0-9]+))?)/i.exec(url)!
    this.url = url
    this.#machine = machine
    this.#report = report
    this.#settings = settings
    this.#authority = authority
    this.#destination = {
      host: (host6 ?? host).toLowerCase(),
      port: port === undefined ? ICAP_PORT : Number(port),
      guarded: false,
      family: 0,
    }
  }

  /** The value of Host. */
  get authority(): string {
    return this.#authority
  }

  /** Connections there are, and requests that wait for one. */
  get open(): number {
    return this.#open
  }

  get waiting(): number {
    return this.#queue.size
  }

  /** It is left alone, because of what was wrong with it. */
  get ill(): boolean {
    return this.#illUntil !== 0
  }

  /** What was wrong with it last; empty: nothing since it was well. */
  get words(): string {
    return this.#words
  }

  /** Whether it may be asked. When the time of an illness is over, one is let through to see how it is. */
  well(): boolean {
    if (this.#illUntil === 0) return true
    if (this.#machine.clock.now() < this.#illUntil) return false
    this.#fallIll()
    return true
  }

  /** It has done what it was asked. */
  recovered(): void {
    if (this.#illUntil !== 0) this.#report(this.url, 'it is well again', false)
    this.#words = ''
    this.#failures = 0
    this.#illUntil = 0
    this.#backoff = ICAP_BACKOFF
  }

  /** It has not. `surely`: nothing can come of asking it again at once. */
  failed(surely: boolean, words: string): void {
    this.#failures++
    this.#words = words
    if (surely || this.#failures >= ICAP_FAILURES) this.#fallIll()
  }

  #fallIll(): void {
    const now = this.#machine.clock.now()
    if (now < this.#illUntil || this.#closed) return
    if (this.#illUntil === 0) this.#report(this.url, `${this.#words}; it is left alone for a while`, true)
    this.#illUntil = now + this.#backoff
    this.#backoff = Math.min(2 * this.#backoff, ICAP_BACKOFF_MAX)
    // Whatever it is when it comes back, it may say something else of itself.
    this.#due = 0
    for (const connection of [...this.#idle]) this.discard(connection)
    for (const waiter of [...this.#queue]) waiter.refuse(new Trouble('it is not well'))
  }

  /** What it says of itself; old news for as long as it takes to ask again. @throws Trouble */
  options(): ServiceOptions | Promise<ServiceOptions> {
    const options = this.#options
    if (options !== null && this.#machine.clock.now() < this.#due) return options
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null
    })
    if (options === null || this.#due === 0) return this.#asking.then(() => this.#options!)
    this.#asking.catch(NOTHING)
    return options
  }

  async #ask(): Promise<void> {
    for (let fresh = false;; fresh = true) {
      const connection = await this.turn(fresh).connection
      try {
        await this.#introduce(connection)
        return
      } catch (error) {
        this.discard(connection)
        // It closed a connection that was idle: nobody's fault, and known only by asking.
        const left = error instanceof Failure && error.code === 'origin-left'
        if (left && connection.reused && !fresh && !connection.late) continue
        const trouble = troubleOf(error, connection.late)
        this.failed(true, trouble.message)
        throw trouble
      }
    }
  }

  /** Ask for the options on this connection. */
  async #introduce(connection: IcapConnection): Promise<void> {
    const { clock, deadlines } = this.#machine
    connection.deadline = deadlines.after(this.#settings.timeout)
    const fields: IcapFields = [['Host', this.#authority], ['Allow', '204, 206']]
    writeIcapRequest(connection.outbox.writer, 'OPTIONS', this.url, fields, null)
    await connection.outbox.flush()
    const { parser } = connection
    let event = parser.next()
    for (; event.kind === 'need-data'; event = parser.next()) await connection.refill()
    const { head } = event.message!
    for (; event.kind !== 'end'; event = parser.next()) if (event.kind === 'need-data') await connection.refill()
    this.#options = this.#judge(head.status, readOptions(head))
    const { ttl } = this.#options
    this.#due = clock.now() + (ttl < 0 ? ICAP_TTL : Math.max(ICAP_TTL_MIN, Math.min(ICAP_TTL_MAX, ttl * 1000)))
    this.recovered()
    if (head.persistent && !parser.buffered) this.give(connection)
    else this.discard(connection)
  }

  /** @throws Trouble */
  #judge(status: number, options: ServiceOptions): ServiceOptions {
    // RFC 3507 4.10 makes it a must, and yet there are those that have none.
    if (status === 405 || status === 501) return NO_OPTIONS
    if (status !== 200) throw new Trouble(`its answer to OPTIONS was ${status}`)
    const method = this.#settings.method.toUpperCase()
    if (options.methods.length > 0 && !options.methods.includes(method)) {
      throw new Trouble(`it does ${options.methods.join(', ')}, and not ${method}`)
    }
    return options
  }

  get #limit(): number {
    return Math.min(this.#settings.connections, this.#options?.connections ?? Infinity)
  }

  /**
   * A connection, as soon as there is one; it rejects with Trouble. Each has to be given back with {@link give} or
   * {@link discard}. `fresh`: none that was used before.
   */
  turn(fresh = false): Turn {
    const idle = fresh ? undefined : this.#idle.pop()
    if (idle !== undefined) {
      this.#use(idle)
      return { connection: Promise.resolve(idle), cancel: NOTHING }
    }
    if (this.#closed) return { connection: Promise.reject(new Trouble('the proxy is stopping')), cancel: NOTHING }
    if (this.#open < this.#limit || (fresh && this.#idle.length > 0)) {
      if (this.#open >= this.#limit) this.discard(this.#idle[0])
      return { connection: this.#connect(), cancel: NOTHING }
    }
    return this.#wait()
  }

  #wait(): Turn {
    const { queue, timeout } = this.#settings
    if (this.#queue.size >= queue) {
      const words = `${this.#open} connections are in use, and ${this.#queue.size} requests wait for one`
      return { connection: Promise.reject(new Trouble(words, true)), cancel: NOTHING }
    }
    let cancel = NOTHING
    const connection = new Promise<IcapConnection>((resolve, reject) => {
      const waiter: Waiter = {
        hand: (one) => {
          leave()
          if (one === null) this.#connect().then(resolve, reject)
          else resolve(one)
        },
        refuse: (trouble) => {
          leave()
          reject(trouble)
        },
      }
      const stop = this.#machine.clock.after(
        timeout,
        () => waiter.refuse(new Trouble('no connection became free', true)),
      )
      const leave = (): void => {
        stop()
        this.#queue.delete(waiter)
      }
      cancel = () => waiter.refuse(new Trouble('it was given up', true))
      this.#queue.add(waiter)
    })
    return { connection, cancel }
  }

  async #connect(): Promise<IcapConnection> {
    this.#open++
    const { clock, dialler, deadlines } = this.#machine
    const race = dialler.reach(this.#destination, { dns: -1, connect: -1 })
    const stop = clock.after(this.#settings.timeout, () => race.cancel(new Failure('connect-timeout')))
    let socket: Socket
    try {
      socket = await race.socket
    } catch (error) {
      const trouble = troubleOf(error)
      this.failed(true, trouble.message)
      this.#closeOne()
      throw trouble
    } finally {
      stop()
    }
    const connection = new IcapConnection(socket, (one) => this.discard(one))
    deadlines.add(connection)
    this.#busy.add(connection)
    if (this.#closed) {
      this.discard(connection)
      throw new Trouble('the proxy is stopping')
    }
    return connection
  }

  #use(connection: IcapConnection): void {
    connection.idle = false
    connection.deadline = 0
    connection.reused = true
    this.#busy.add(connection)
  }

  /** Its last answer is complete, and it may live: for who waits for one, or for later. */
  give(connection: IcapConnection): void {
    if (connection.slot === -1) return
    if (this.#closed || this.#open > this.#limit) {
      this.discard(connection)
      return
    }
    this.#busy.delete(connection)
    connection.parser.restart()
    for (const waiter of this.#queue) {
      this.#use(connection)
      waiter.hand(connection)
      return
    }
    connection.idle = true
    connection.deadline = this.#machine.deadlines.after(ICAP_IDLE_TIME)
    this.#idle.push(connection)
    connection.rest()
  }

  /** Close it, in use or idle. Safe to call twice. */
  discard(connection: IcapConnection): void {
    if (connection.slot === -1) return
    this.#machine.deadlines.remove(connection)
    connection.outbox.discard()
    connection.socket.close()
    this.#busy.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    connection.idle = false
    this.#closeOne()
  }

  #closeOne(): void {
    this.#open--
    if (this.#closed || this.#open >= this.#limit) return
    for (const waiter of this.#queue) {
      waiter.hand(null)
      return
    }
  }

  /** Close all of it; who waits is refused. */
  close(): void {
    this.#closed = true
    for (const waiter of [...this.#queue]) waiter.refuse(new Trouble('the proxy is stopping'))
    for (const connection of [...this.#idle, ...this.#busy]) this.discard(connection)
  }
}
