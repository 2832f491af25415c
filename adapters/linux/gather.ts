/**
 * Patience of relays: in a fast transfer a wake-up for each packet costs more than moving its bytes, so the kernel is told to
 * wake us once many have gathered (SO_RCVLOWAT). A timer ends the wait for what does not come: the end of a message.
 */
import type { Loop, Watched } from './loop.ts'
import { room } from './memory.ts'

/** How much is let gather: the next more would save little, and a window that is full stops the sender. Bytes. */
const GATHER_SIZE = 262_144
/**
 * Nothing is let gather before so much has come: the last bytes of a message wait for more in vain, and whoever is to answer
 * it waits too, so that it has to be long. Bytes.
 */
const GATHER_AFTER = 1_048_576
/** More says no more of what is to come. */
const CREDIT = 2 * GATHER_AFTER
/** What a wait in vain takes of the credit: twice as much each time, up to this, until one is not. Bytes. */
const DEAREST = 67_108_864
/** How long bytes may lie before they are moved all the same: a fast sender takes less for what is to gather. Milliseconds. */
const PATIENCE = 0.25

/** In a millisecond. */
const NANOSECONDS = 1e6
/** Of struct itimerspec, in words of 4 bytes: the lower one of it_value.tv_nsec. All others stay 0, for once and less than 1 s. */
const FIRST_NANOSECONDS = 6
const ITIMERSPEC_SIZE = 32

/** The socket that relays take from. */
export interface Source {
  /** Tell of what comes only once there is so much (SO_RCVLOWAT). */
  want(least: number): void
  /** Take what has come. @returns whether a relay waits still */
  look(): boolean
}

/** What comes from one socket through relays: whether it is worth waiting for more. */
export class Flow {
  /** Clock time when it has waited long enough. Of {@link Patience}. */
  due = 0
  readonly #patience: Pick<Patience, 'possible' | 'begin' | 'end'>
  readonly #source: Source
  /** What came since the socket was last written to, less what was waited for in vain. Bytes. */
  #credit = 0
  /** What the next wait in vain costs. */
  #price = GATHER_SIZE
  #least = 1
  #late = false

  constructor(patience: Pick<Patience, 'possible' | 'begin' | 'end'>, source: Source) {
    this.#patience = patience
    this.#source = source
  }

  /** The kernel tells of less than that not before it is late. */
  get gathers(): boolean {
    return this.#least > 1
  }

  took(count: number): void {
    this.#patience.end(this)
    if (this.gathers && !this.#late) this.#price = GATHER_SIZE
    this.#credit = Math.min(this.#credit + count, CREDIT)
  }

  /** The socket is written to: what came before was asked for, and has come. */
  answered(): void {
    this.#credit = Math.min(0, this.#credit)
  }

  /** A relay waits for at most `most` bytes. */
  wait(most: number): void {
    if (this.#late) return
    if (this.#credit < GATHER_AFTER || !this.#patience.possible) return this.hasten()
    this.#want(Math.min(most, GATHER_SIZE))
    this.#patience.begin(this)
  }

  /** Nobody waits any more. */
  end(): void {
    this.#patience.end(this)
  }

  /** Tell of each byte. */
  hasten(): void {
    this.#want(1)
  }

  /** It has waited long enough. */
  late(): void {
    this.#credit -= this.#price
    this.#price = Math.min(2 * this.#price, DEAREST)
    this.#late = true
    const waits = this.#source.look()
    this.#late = false
    if (waits) this.hasten()
  }

  #want(least: number): void {
    if (least === this.#least) return
    this.#least = least
    this.#source.want(least)
  }
}

/** The timer of all flows of a loop. */
export class Patience implements Watched {
  readonly #loop: Loop
  /** In the order of when they are due, since all are as patient. */
  readonly #waiting = new Set<Flow>()
  readonly #time = room(ITIMERSPEC_SIZE)
  readonly #words = new Int32Array(this.#time.buffer)
  readonly #left = room(ITIMERSPEC_SIZE)
  #timer = -1
  /** When the timer rings, clock time; 0: never. */
  #rings = 0

  constructor(loop: Loop) {
    this.#loop = loop
  }

  /** False while there is no timer to be had: then nothing may be let gather. */
  get possible(): boolean {
    if (this.#timer === -1) this.#timer = this.#loop.timer(this)
    return this.#timer !== -1
  }

  /** Tell it when it is late, unless its wait ends before. */
  begin(flow: Flow): void {
    flow.due = this.#loop.now() + PATIENCE
    this.#waiting.delete(flow)
    this.#waiting.add(flow)
    this.#arm()
  }

  end(flow: Flow): void {
    this.#waiting.delete(flow)
  }

  ready(): void {
    this.#rings = 0
    const now = this.#loop.now()
    for (const flow of this.#waiting) {
      if (flow.due > now) break
      this.#waiting.delete(flow)
      flow.late()
    }
    this.#arm()
  }

  /** For who is due first. A wait that ends in time leaves the timer to the next that begins: most do, and it never rings. */
  #arm(): void {
    for (const { due } of this.#waiting) {
      if (due === this.#rings) return
      this.#rings = due
      this.#words[FIRST_NANOSECONDS] = Math.max(1, Math.round((due - this.#loop.now()) * NANOSECONDS))
      this.#loop.libc.timerfd_settime(this.#timer, 0, this.#time, this.#left)
      return
    }
  }
}
