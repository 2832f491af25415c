/** Bytes from one socket to another through a pipe, by splice: they never enter this process. */
import { SinkFailure, SystemFailure } from '../../core/runtime.ts'
import type { Engine } from './engine.ts'
import {
  EAGAIN,
  EINTR,
  F_SETPIPE_SZ,
  type Libc,
  O_CLOEXEC,
  O_NONBLOCK,
  SPLICE_F_MORE,
  SPLICE_F_MOVE,
  SPLICE_F_NONBLOCK,
} from './libc.ts'
import { room } from './memory.ts'
import type { EpollSocket } from './socket.ts'

/**
 * What a pipe may hold, and what is put into it at first. The larger the pieces, the less they cost; but what is in the pipe
 * of a sink that does not take it is memory. So the pieces of one that keeps up grow, and those of one that does not shrink.
 */
const PIPE_SIZE = 1_048_576
export const PIECE = 131_072
const SMALLEST_PIECE = 65_536
/** Pipes kept for use again: two descriptors each. */
const KEPT = 32

const TAKE = SPLICE_F_MOVE | SPLICE_F_NONBLOCK
const GIVE = TAKE | SPLICE_F_MORE

export interface Pipe {
  readonly reading: number
  readonly writing: number
}

/** Pipes that are empty. A relay has one only while bytes are in it: what is idle owns none. */
export class Pipes {
  readonly #libc: Libc
  readonly #kept: Pipe[] = []
  readonly #ends = room(8)
  readonly #numbers = new Int32Array(this.#ends.buffer)

  constructor(libc: Libc) {
    this.#libc = libc
  }

  /** Null where the descriptors are used up. */
  take(): Pipe | null {
    const kept = this.#kept.pop()
    if (kept !== undefined) return kept
    if (this.#libc.pipe2(this.#ends, O_NONBLOCK | O_CLOEXEC) === -1) return null
    const [reading, writing] = this.#numbers as unknown as [number, number]
    // Where the user has too much in pipes already it stays smaller, and works as well.
    this.#libc.fcntl(writing, F_SETPIPE_SZ, PIPE_SIZE)
    return { reading, writing }
  }

  /** `empty`: nothing is left in it; otherwise it is closed. */
  give(pipe: Pipe, empty: boolean): void {
    if (empty && this.#kept.length < KEPT) {
      this.#kept.push(pipe)
      return
    }
    this.#libc.close(pipe.reading)
    this.#libc.close(pipe.writing)
  }
}

/** There is no pipe to be had, or no use in one, and nothing was moved yet: whoever asked has to read and write. */
export const NO_PIPE = new SystemFailure('exhausted', 'no pipe')

export const sinkFailure = ({ code, detail }: SystemFailure): SinkFailure => new SinkFailure(code, detail)

/** Told before each wait what is waited for. */
export type Waiting = (on: 'source' | 'sink') => void

/** One call of Socket.relay. Sockets tell it when they may go on. */
export class Relay {
  readonly #engine: Engine
  readonly #source: EpollSocket
  readonly #sink: EpollSocket
  readonly #limit: number
  readonly #waiting: Waiting
  readonly #resolve: (moved: number) => void
  readonly #reject: (failure: Error) => void
  #pipe: Pipe | null = null
  #inside = 0
  #taken = 0
  /** The source had as much as was asked for. Else the kernel would keep the last of it back for what may not follow (200 ms). */
  #more = false

  constructor(
    engine: Engine,
    source: EpollSocket,
    sink: EpollSocket,
    limit: number,
    waiting: Waiting,
    resolve: (moved: number) => void,
    reject: (failure: Error) => void,
  ) {
    this.#engine = engine
    this.#source = source
    this.#sink = sink
    this.#limit = limit
    this.#waiting = waiting
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Move what can be moved now: settled when something was and there is no more of it here. */
  run(): void {
    try {
      for (;;) {
        if (this.#inside === 0 && this.#taken < this.#limit && this.#source.greedy) {
          this.#engine.loop.later(this.#source)
          return
        }
        const took = this.#inside === 0 && this.#take()
        if (this.#inside > 0 && !this.#give()) return this.#waiting('sink')
        if (this.#inside === 0 && (this.#taken === this.#limit || (!took && this.#taken > 0))) break
        if (!took && this.#inside === 0) {
          this.#source.flow?.wait(this.#limit - this.#taken)
          return this.#waiting('source')
        }
      }
    } catch (error) {
      this.fail(error as Error)
      return
    }
    this.#release()
    this.#resolve(this.#taken)
  }

  fail(failure: Error): void {
    this.#release()
    this.#reject(failure)
  }

  /** @returns whether anything came. */
  #take(): boolean {
    if (this.#taken === this.#limit || !this.#source.readable) return false
    if (!this.#source.spliceable) return this.#refuse()
    const { loop: { libc }, pipes } = this.#engine
    const pipe = this.#pipe ??= pipes.take()
    if (pipe === null) return this.#refuse()
    const size = Math.min(this.#limit - this.#taken, this.#source.piece)
    const count = libc.splice(this.#source.descriptor, 0, pipe.writing, 0, size, TAKE)
    if (count > 0) {
      this.#more = count === size
      this.#taken += count
      this.#inside += count
      this.#source.took(count, size)
      return true
    }
    if (count === 0) {
      // Urgent data looks like the end once there is one behind it: a receive says which it is.
      this.#source.spliceable = false
      return this.#refuse()
    }
    const errno = libc.errno()
    if (errno === EINTR) return true
    if (errno !== EAGAIN) throw this.#source.broke(errno)
    // The pipe is empty: it is the source that has nothing.
    this.#source.dry()
    this.#release()
    return false
  }

  /** It cannot be spliced. @returns false @throws NO_PIPE, once what was taken before is settled. */
  #refuse(): false {
    if (this.#taken === 0) throw NO_PIPE
    return false
  }

  /** @returns whether the pipe is empty now. */
  #give(): boolean {
    const { libc } = this.#engine.loop
    while (this.#inside > 0) {
      if (!this.#sink.writable) return false
      const flags = this.#more && this.#taken < this.#limit ? GIVE : TAKE
      const count = libc.splice(this.#pipe!.reading, 0, this.#sink.descriptor, 0, this.#inside, flags)
      if (count > 0) {
        this.#sink.flow?.answered()
        this.#inside -= count
        if (this.#inside === 0) this.#source.piece = Math.min(this.#source.piece * 2, PIPE_SIZE)
        continue
      }
      const errno = libc.errno()
      if (errno === EAGAIN) {
        this.#sink.full()
        this.#source.piece = Math.max(this.#source.piece / 2, SMALLEST_PIECE)
      } else if (errno !== EINTR) throw sinkFailure(this.#sink.broke(errno))
    }
    return true
  }

  #release(): void {
    const pipe = this.#pipe
    if (pipe === null) return
    this.#pipe = null
    this.#engine.pipes.give(pipe, this.#inside === 0)
  }
}
