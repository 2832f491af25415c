/**
 * The epoll loop, beside the runtime's own.
 *
 * One turn is a callback of the runtime's loop: it waits for events, lets the coroutines run that wait for them, and looks
 * for more until there are none or the runtime's loop has something to do. That loop's own epoll descriptor is among those
 * waited for (one epoll can wait for another), so that files, timers, pipes and other sockets of the runtime end the wait:
 * neither loop starves the other, and an idle process sleeps.
 */
import { readdirSync, readlinkSync } from 'node:fs'
import { setImmediate } from 'node:timers'
import type { Clock } from '../../core/runtime.ts'
import { failureOf } from './errno.ts'
import {
  CLOCK_MONOTONIC,
  EINTR,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_MOD,
  EPOLLET,
  EPOLLIN,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
  eventWords,
  type Libc,
  O_CLOEXEC,
  O_NONBLOCK,
} from './libc.ts'
import { room } from './memory.ts'

/** What has a descriptor of its own. `ready` is told that something may have happened: a hint. It must not throw. */
export interface Watched {
  ready(events: number): void
}

/** Call `then` once the runtime's own loop has looked at all that it waits for. */
export type GiveWay = (then: () => void) => void

/** Events taken in one call. */
const EVENTS = 256
/** How long a turn may go on while there are events, milliseconds: the runtime's own work waits that long at most. */
const TURN = 1
/**
 * The longest sleep, milliseconds. Work that the runtime keeps to itself (a callback queued for its next turn, a timer
 * that is not our clock's) is noticed by no descriptor: a sleep begins with 1 ms and doubles while nothing happens.
 */
const SLEEP = 64
/** The same where the runtime has no epoll that we could wait for. */
const BLIND_SLEEP = 2

const ARRIVALS = EPOLLIN | EPOLLPRI
const ROOM = EPOLLOUT
const ENDS = EPOLLRDHUP | EPOLLET
const EVERYTHING = ARRIVALS | ROOM | ENDS

export class Loop {
  readonly libc: Libc
  readonly #clock: () => number
  readonly #drain: (() => void) | null
  readonly #giveWay: GiveWay
  readonly #epoll: number
  readonly #events: Uint8Array
  readonly #words: Int32Array
  readonly #size: number
  readonly #data: number
  readonly #watched: (Watched | null | undefined)[] = []
  /** Descriptors of epolls that are the runtime's own. */
  readonly #hosts = new Set<number>()
  readonly #alarms: Alarms
  readonly #event: Uint8Array
  readonly #eventWords: Int32Array
  #count = 0
  #running = false
  #sleep = 1
  /** The runtime's own loop has something to do. */
  #host = false
  /** Clock time when the events at hand were taken; 0 outside a turn. */
  #time = 0
  /** Those that have more to do than is fair in one round. */
  #waiting: Watched[] = []
  #again: Watched[] = []
  /** Counts the looks for events: what one socket may do between two of them is limited. */
  round = 0

  /** `drain` runs what promises have made ready, on runtimes that let us; elsewhere that waits for the end of a turn. */
  constructor(
    libc: Libc,
    architecture: string,
    clock: Clock,
    alarms: Alarms,
    drain: (() => void) | null,
    giveWay: GiveWay = setImmediate,
  ) {
    this.libc = libc
    this.#clock = clock.now
    this.#alarms = alarms
    this.#drain = drain
    this.#giveWay = giveWay
    const { size, data } = eventWords(architecture)
    this.#size = size
    this.#data = data
    this.#events = room(EVENTS * size * 4)
    this.#words = new Int32Array(this.#events.buffer as ArrayBuffer)
    this.#event = room(size * 4)
    this.#eventWords = new Int32Array(this.#event.buffer as ArrayBuffer)
    // Before ours is made, so that they are the runtime's.
    const hosts = epolls()
    this.#epoll = libc.epoll_create1(EPOLL_CLOEXEC)
    if (this.#epoll === -1) throw failureOf(libc.errno())
    for (const host of hosts) {
      if (this.#control(EPOLL_CTL_ADD, host, EPOLLIN | EPOLLET) !== -1) this.#hosts.add(host)
    }
  }

  /** Tell `watched` of all that happens to this descriptor, until {@link remove}. Edge-triggered. @throws SystemFailure */
  add(descriptor: number, watched: Watched): void {
    if (this.#control(EPOLL_CTL_ADD, descriptor, EVERYTHING) === -1) throw failureOf(this.libc.errno())
    this.#watched[descriptor] = watched
    this.#count++
    this.#run()
  }

  /** A timer that tells `watched`, as long as the loop lasts, which it keeps going no longer. -1: there is none to be had. */
  timer(watched: Watched): number {
    const descriptor = this.libc.timerfd_create(CLOCK_MONOTONIC, O_NONBLOCK | O_CLOEXEC)
    if (descriptor === -1) return -1
    if (this.#control(EPOLL_CTL_ADD, descriptor, EPOLLIN | EPOLLET) === -1) {
      this.libc.close(descriptor)
      return -1
    }
    this.#watched[descriptor] = watched
    return descriptor
  }

  /** Tell another of it from now on. */
  replace(descriptor: number, watched: Watched): void {
    this.#watched[descriptor] = watched
  }

  /** Before the descriptor is closed, which is what makes epoll forget it. */
  remove(descriptor: number): void {
    this.#watched[descriptor] = null
    this.#count--
  }

  /** What to tell of besides ends, from now on; what is there already is told at once. */
  heed(descriptor: number, arrivals: boolean, room: boolean): void {
    this.#control(EPOLL_CTL_MOD, descriptor, (arrivals ? ARRIVALS : 0) | (room ? ROOM : 0) | ENDS)
  }

  /** The runtime's own loop has something to do that no descriptor tells of. */
  attend(): void {
    this.#host = true
  }

  /** It could go on, but others come first: `ready` is told when they had their turn. */
  later(watched: Watched): void {
    this.#waiting.push(watched)
  }

  #control(operation: number, descriptor: number, events: number): number {
    this.#eventWords[0] = events
    this.#eventWords[this.#data] = descriptor
    return this.libc.epoll_ctl(this.#epoll, operation, descriptor, this.#event)
  }

  #run(): void {
    if (this.#running) return
    this.#running = true
    setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    if (this.#count === 0) {
      this.#running = false
      return
    }
    try {
      this.#wait()
    } finally {
      this.#time = 0
      if (this.#host) {
        this.#host = false
        this.#giveWay(this.#turn)
      } else setImmediate(this.#turn)
    }
  }

  /**
   * Clock time. Within a turn it is that of the last look at the clock, a turn ago at most: an exchange looks four times,
   * and each look costs as much as parsing a field.
   */
  readonly now = (): number => this.#time === 0 ? this.#clock() : this.#time

  #wait(): void {
    const { libc } = this
    let count = libc.epoll_wait(this.#epoll, this.#events, EVENTS, this.#patience())
    if (count === -1 && libc.errno() !== EINTR) throw failureOf(libc.errno())
    if (count <= 0 && this.#waiting.length === 0) {
      this.#sleep = Math.min(this.#sleep * 2, this.#hosts.size > 0 ? SLEEP : BLIND_SLEEP)
      return
    }
    this.#sleep = 1
    const until = this.#clock() + TURN
    this.#time = until - TURN
    for (;;) {
      this.round++
      this.#tell(count)
      this.#goOn()
      if (this.#host || this.#time > until) return
      // A turn of the runtime's loop costs more than a short wait, where that loop has nothing to do but to call us again.
      count = libc.epoll_wait(this.#epoll, this.#events, EVENTS, this.#drain === null ? 0 : this.#patience())
      if (count <= 0 && this.#waiting.length === 0) return
      this.#time = this.#clock()
    }
  }

  /** Those that wait for others go on, and those that wait from now on wait for the next round. */
  #goOn(): void {
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = this.#again
    for (const watched of waiting) {
      watched.ready(0)
      this.#drain?.()
    }
    waiting.length = 0
    this.#again = waiting
  }

  #tell(count: number): void {
    const drain = this.#drain
    const words = this.#words
    for (let at = 0, end = count * this.#size; at < end; at += this.#size) {
      const descriptor = words[at + this.#data]!
      const watched = this.#watched[descriptor]
      if (watched) {
        watched.ready(words[at]!)
        if (drain !== null) drain()
      } else if (this.#hosts.has(descriptor)) this.#host = true
    }
  }

  /** How long to sleep, milliseconds. */
  #patience(): number {
    if (this.#waiting.length > 0 || this.#host) return 0
    const left = this.#alarms.next - this.#clock()
    return left <= 0 ? 0 : Math.min(this.#sleep, Math.ceil(left))
  }
}

/** When the clock has to ring next, so that a sleep ends in time. */
export class Alarms {
  readonly #due = new Map<object, number>()
  #next = Infinity

  /** Clock time; Infinity: never. */
  get next(): number {
    return this.#next
  }

  set(alarm: object, at: number): void {
    this.#due.set(alarm, at)
    if (at < this.#next) this.#next = at
  }

  clear(alarm: object): void {
    const at = this.#due.get(alarm)
    if (at === undefined) return
    this.#due.delete(alarm)
    if (at === this.#next) this.#next = Math.min(Infinity, ...this.#due.values())
  }
}

function epolls(): number[] {
  const found: number[] = []
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${name}`) === 'anon_inode:[eventpoll]') found.push(Number(name))
    } catch {
      // The descriptor that the list was read by.
    }
  }
  return found
}
