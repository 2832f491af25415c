/** Requests that wait until a server of a group may take one more, first come, first served. */

import { Failure } from '../failure.ts'
import type { Clock } from '../runtime.ts'
import type { Group, Server } from './group.ts'

/** A place in the queue. */
export interface Turn {
  /** The request has begun on it ({@link Group.begin}). Rejects with Failure servers-busy, or that of `cancel`. */
  readonly server: Promise<Server>
  /** It is not wanted any more. */
  cancel(failure: Failure): void
}

class Waiter implements Turn {
  readonly server: Promise<Server>
  readonly choose: () => Server | null
  readonly #queue: GroupQueue
  readonly #stop: () => void
  #resolve!: (server: Server) => void
  #reject!: (failure: Failure) => void

  constructor(queue: GroupQueue, clock: Clock, choose: () => Server | null, patience: number) {
    this.choose = choose
    this.#queue = queue
    this.server = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#stop = clock.after(patience, () => this.cancel(queue.busy('no server had room in time')))
  }

  serve(server: Server): void {
    this.#stop()
    this.#resolve(server)
  }

  cancel(failure: Failure): void {
    if (!this.#queue.leave(this)) return
    this.#stop()
    this.#reject(failure)
  }
}

export class GroupQueue {
  /** How long one may wait, ms. */
  readonly patience: number
  readonly #group: Group
  readonly #clock: Clock
  readonly #room: number
  readonly #waiters = new Set<Waiter>()
  #serving = false
  /** More has become possible while those who wait were asked. */
  #again = false
  /** Stops the wait for what time alone changes; `null`: nobody waits for that. */
  #undo: (() => void) | null = null

  /** `room`: how many may wait. */
  constructor(group: Group, clock: Clock, room: number, patience: number) {
    this.#group = group
    this.#clock = clock
    this.#room = room
    this.patience = patience
    if (room > 0) group.freed = (count) => this.#freed(count)
  }

  get waiting(): number {
    return this.#waiters.size
  }

  /** Whether a request that finds no room waits at all. */
  get open(): boolean {
    return this.#room > 0
  }

  /** Wait for what `choose` finds; so many ms it has waited already. @throws Failure servers-busy, when as many wait as may */
  wait(choose: () => Server | null, waited = 0): Turn {
    if (this.#waiters.size >= this.#room) {
      throw this.busy(this.#room === 0 ? 'all servers are full' : `${this.#room} requests wait already`)
    }
    const waiter = new Waiter(this, this.#clock, choose, Math.max(0, this.patience - waited))
    this.#waiters.add(waiter)
    if (this.#undo === null) this.#watch()
    return waiter
  }

  busy(words: string): Failure {
    return new Failure('servers-busy', `${this.#group.name}: ${words}`)
  }

  leave(waiter: Turn): boolean {
    if (!this.#waiters.delete(waiter as Waiter)) return false
    if (this.#waiters.size === 0) this.#watch()
    return true
  }

  /** There may be servers for so many. All are asked, in order: one may wait for another server than the one before. */
  #freed(count: number): void {
    if (this.#waiters.size === 0) return
    // Who is asked may be the first to notice that a server is back, in the midst of being asked.
    if (this.#serving) {
      this.#again = true
      return
    }
    this.#serving = true
    try {
      do {
        this.#again = false
        for (const waiter of this.#waiters) {
          const server = waiter.choose()
          if (server === null) continue
          this.#waiters.delete(waiter)
          this.#group.begin(server)
          waiter.serve(server)
          if (--count === 0) break
        }
        // That is another matter than the one place this was about.
        if (this.#again) count = Infinity
      } while (this.#again)
    } finally {
      this.#serving = false
    }
    if (count > 0 || this.#waiters.size === 0) this.#watch()
  }

  /** While somebody waits, look again when a server comes back that was left alone for a while. */
  #watch(): void {
    if (this.#undo !== null) this.#undo()
    this.#undo = null
    const { changes } = this.#group
    if (this.#waiters.size === 0 || changes === Infinity) return
    this.#undo = this.#clock.after(Math.max(0, changes - this.#clock.now()), () => {
      this.#undo = null
      this.#group.review()
      // Rung a little too early: once more.
      if (this.#undo === null) this.#watch()
    })
  }
}
