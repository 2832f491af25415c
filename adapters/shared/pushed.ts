/** Reading from a machine that pushes (Node, Bun, pipes of children): one chunk waits at most, then it is paused. */
import type { SystemFailure } from '../../core/runtime.ts'

export const DONE: IteratorReturnResult<void> = Object.freeze({ done: true, value: undefined })

const NOTHING: Uint8Array = new Uint8Array(0)

/** The promise executor below is one function for all sockets; this says whose pull it stands for. */
let puller: Pushed
function stand(resolve: (result: IteratorResult<Uint8Array, void>) => void, reject: (reason: SystemFailure) => void) {
  puller.pulled = resolve
  puller.refused = reject
}

/**
 * The pulling side is `next`; the machine calls `deliver`, `finish` and `fail`. Nothing is paused while the puller keeps
 * up: a chunk that comes with a pull pending goes straight to it, the first that comes without waits and pauses the
 * machine, which is resumed when a pull finds nothing waiting (so at most once for two chunks).
 */
export abstract class Pushed implements AsyncIterable<Uint8Array> {
  pulled: ((result: IteratorResult<Uint8Array, void>) => void) | null = null
  refused: ((reason: SystemFailure) => void) | null = null
  protected paused: boolean
  private waiting: Uint8Array | null = null
  private finished = false
  private failure: SystemFailure | null = null
  private readonly result: IteratorYieldResult<Uint8Array> = { done: false, value: NOTHING }

  constructor(paused: boolean) {
    this.paused = paused
  }

  /** Stop the machine pushing; what it pushes even so is kept, in order. */
  protected abstract pause(): void
  protected abstract resume(): void

  next(): Promise<IteratorResult<Uint8Array, void>> {
    if (this.pulled !== null) throw new Error('a pull is under way on this socket')
    const chunk = this.waiting
    if (chunk !== null) {
      this.waiting = null
      this.result.value = chunk
      return Promise.resolve(this.result)
    }
    if (this.failure !== null) return Promise.reject(this.failure)
    if (this.finished) return Promise.resolve(DONE)
    // What was lent is not held on to while this waits.
    this.result.value = NOTHING
    puller = this
    const pull = new Promise<IteratorResult<Uint8Array, void>>(stand)
    if (this.paused) {
      this.paused = false
      this.resume()
    }
    return pull
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  deliver(chunk: Uint8Array): void {
    const pulled = this.pulled
    if (pulled !== null) {
      this.pulled = null
      this.refused = null
      this.result.value = chunk
      pulled(this.result)
      return
    }
    if (this.finished) return
    this.waiting = this.waiting === null ? chunk : joined(this.waiting, chunk)
    if (!this.paused) {
      this.paused = true
      this.pause()
    }
  }

  /** The peer has finished sending. */
  finish(): void {
    this.finished = true
    const pulled = this.pulled
    if (pulled === null) return
    this.pulled = null
    this.refused = null
    pulled(DONE)
  }

  /** The connection broke: what waits is still given, then the failure, to every pull. */
  fail(failure: SystemFailure): void {
    if (this.finished || this.failure !== null) return
    this.failure = failure
    const refused = this.refused
    if (refused === null) return
    this.pulled = null
    this.refused = null
    refused(failure)
  }

  /** We closed it: what waits is dropped, pulls end. */
  protected drop(): void {
    this.waiting = null
    this.failure = null
    this.finish()
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

/** A Buffer as what the core expects: the slice() of a Buffer does not copy. */
export const plain = (buffer: Uint8Array): Uint8Array =>
  new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
