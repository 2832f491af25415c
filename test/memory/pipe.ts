/** Bytes in one direction, with the room of a kernel's buffer, and the end or the failure behind them. */
import { SystemFailure, type SystemFailureCode } from '../../core/runtime.ts'

const DONE = Object.freeze({ done: true, value: undefined }) as IteratorReturnResult<void>
/** What a chunk is overwritten with at the next pull, so that a test fails when someone holds on to one. */
export const POISON = 0xdd

interface Writing {
  bytes: Uint8Array
  readonly resolve: () => void
  readonly reject: (failure: SystemFailure) => void
}

interface Pulling {
  readonly limit: number
  readonly resolve: (result: IteratorResult<Uint8Array, void>) => void
  readonly reject: (failure: SystemFailure) => void
}

export class Pipe {
  /** Taken from the writer, not yet lent. Copies: the writer has its bytes back. */
  private readonly taken: Uint8Array[] = []
  private size = 0
  private lent: Uint8Array | null = null
  private writing: Writing | null = null
  private pulling: Pulling | null = null
  private ended = false
  private failure: SystemFailure | null = null
  /** What has to be free until a writer that waits is served. Bytes. */
  room = 0
  /** Told of each chunk that the reader gets. */
  lends: () => void = () => {}
  readonly capacity: number
  private readonly piece: () => number

  /** `piece`: the largest chunk of the next pull. */
  constructor(capacity: number, piece: () => number) {
    this.capacity = capacity
    this.piece = piece
  }

  get unread(): number {
    return this.size + (this.writing?.bytes.length ?? 0)
  }

  write(bytes: Uint8Array): Promise<void> | void {
    if (this.writing !== null) throw new Error('a write is under way')
    if (this.failure !== null) throw this.failure
    const rest = this.take(bytes)
    this.serve()
    if (rest.length === 0) return
    return new Promise((resolve, reject) => {
      this.writing = { bytes: rest, resolve, reject }
      // The pull may have made room.
      this.refill()
    })
  }

  /** `limit`: the largest chunk. */
  next(limit = Infinity): Promise<IteratorResult<Uint8Array, void>> {
    if (this.pulling !== null) throw new Error('a pull is under way')
    this.poison()
    return new Promise((resolve, reject) => {
      this.pulling = { limit, resolve, reject }
      this.serve()
    })
  }

  /** The writer's end: after what was written, also what is being written. */
  end(): void {
    this.ended = true
    this.serve()
  }

  /** The writer is gone: what was taken is still read. */
  drop(): void {
    this.stopWriting(new SystemFailure('closed', ''))
    this.end()
  }

  /** The reader is gone: its pull ends, what is unread is lost. */
  forget(): void {
    this.poison()
    this.taken.length = 0
    this.size = 0
    const { pulling } = this
    this.pulling = null
    pulling?.resolve(DONE)
  }

  /** It broke: what was taken is still read, then the failure; writes fail at once. */
  fail(code: SystemFailureCode): void {
    if (this.failure !== null) return
    this.failure = new SystemFailure(code, '')
    this.stopWriting(this.failure)
    this.serve()
  }

  private stopWriting(failure: SystemFailure): void {
    const { writing } = this
    this.writing = null
    writing?.reject(failure)
  }

  private take(bytes: Uint8Array): Uint8Array {
    const room = Math.min(bytes.length, this.capacity - this.size)
    if (room > 0) {
      this.taken.push(bytes.slice(0, room))
      this.size += room
    }
    return bytes.subarray(Math.max(room, 0))
  }

  private refill(): void {
    const { writing } = this
    if (writing === null || this.capacity - this.size < this.room) return
    writing.bytes = this.take(writing.bytes)
    if (writing.bytes.length > 0) return
    this.writing = null
    writing.resolve()
  }

  private serve(): void {
    const { pulling } = this
    if (pulling === null) return
    const chunk = this.taken[0]
    if (chunk !== undefined) {
      const length = Math.min(chunk.length, pulling.limit, Math.max(1, this.piece()))
      // A copy of its own, so that the poison touches nothing else.
      this.lent = chunk.slice(0, length)
      if (length === chunk.length) this.taken.shift()
      else this.taken[0] = chunk.subarray(length)
      this.size -= length
      this.pulling = null
      this.lends()
      this.refill()
      pulling.resolve({ done: false, value: this.lent })
    } else if (this.failure !== null) {
      this.pulling = null
      pulling.reject(this.failure)
    } else if (this.ended && this.writing === null) {
      this.pulling = null
      pulling.resolve(DONE)
    }
  }

  private poison(): void {
    this.lent?.fill(POISON)
    this.lent = null
  }
}
