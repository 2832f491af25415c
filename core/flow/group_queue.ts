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

  constructor(queue: GroupQueue, clock: Clock, choose: () => Server | null) {
    this.choose = choose
    this.#queue = queue
    this.server = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#stop = clock.after(queue.patience, () => this.cancel(queue.busy('no server had room in time')))
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

  /** `room`: how many may wait. */
  constructor(group: Group, clock: Clock, room: number, patience: number) {
    this.#group = group
    this.#clock = clock
    this.#room = room
    this.patience = patience
    if (room > 0) group.freed = () => this.#freed()
  }

  get waiting(): number {
    return this.#waiters.size
  }

  /** Whether a request that finds no room waits at all. */
  get open(): boolean {
    return this.#room > 0
  }

  /** Wait for what `choose` finds. @throws Failure servers-busy, when as many wait as may */
  wait(choose: () => Server | null): Turn {
    if (this.#waiters.size >= this.#room) {
      throw this.busy(this.#room === 0 ? 'all servers are full' : `${this.#room} requests wait already`)
    }
    const waiter = new Waiter(this, this.#clock, choose)
    this.#waiters.add(waiter)
    return waiter
  }

  busy(words: string): Failure {
    return new Failure('servers-busy', `${this.#group.name}: ${words}`)
  }

  leave(waiter: Turn): boolean {
    return this.#waiters.delete(waiter as Waiter)
  }

  #freed(): boolean {
    // All are asked, in order: one may wait for another server than the one before.
    for (const waiter of this.#waiters) {
      const server = waiter.choose()
      if (server === null) continue
      this.#waiters.delete(waiter)
      this.#group.begin(server)
      waiter.serve(server)
      return true
    }
    return false
  }
}
