/**
 * The memory that calls of libc read from and write to, and why none of it is unsafe.
 *
 * - **The kernel holds no address after a call.** Every call is synchronous and non-blocking (but epoll_wait, which blocks
 *   inside the call), so that memory has to stay where it is only while a call runs. What epoll remembers is a descriptor,
 *   not an address.
 * - **Nothing moves while a call runs.** The bytes are an argument of the call, so they are alive; no JavaScript runs during
 *   it, so that no collection of ours starts. JavaScriptCore never moves the bytes of a typed array; V8 moves those of small
 *   ones only, when it collects.
 * - **Nothing is freed by hand.** All of it belongs to typed arrays, which the collector frees: there is no malloc, and no
 *   double free. The one foreign address is errno's, which belongs to the thread, as the engine does.
 * - **A read buffer has one holder**: the pool, or the socket that lends it. A socket gives it back at its next pull, as the
 *   contract of Socket says; one that is closed while its bytes are lent leaves it to the collector, because whoever
 *   borrowed them may still be writing them elsewhere.
 *
 * Descriptors are the other thing to lose. Each has one owner (a socket, a listener, a pipe, the loop), which closes it once.
 * An event for one that was closed and used anew in the same turn is harmless: events are hints, and calls say what is true.
 */

/** What one receive takes at most. A socket's window is seldom larger over loopback, and a larger one leaves the caches. */
export const READ_SIZE = 65_536

/** What is lent of less than this is moved to a buffer of this size: most heads fit, and they wait for their answer. */
const SMALL_SIZE = 4096

/** Kept for use again: 2 MB of large ones, since a turn has few large chunks on their way at once, and 4 MB of small ones. */
const LARGE_KEPT = 32
const SMALL_KEPT = 1024

/** Overwritten with this when poisoned: a use of what is no longer lent shows. */
const POISON = 0xdb

/** Making a view costs as much as moving the bytes: a buffer keeps so many of those it made, for as many bytes again. */
const VIEWS = 4

/** A buffer that sockets lend from. */
export class ReadBuffer {
  // Over an ArrayBuffer of its own, whose bytes no engine moves.
  readonly bytes: Uint8Array
  /** What is lent of it. */
  view: Uint8Array
  readonly #views: Uint8Array[] = []
  #oldest = 0

  constructor(size: number) {
    this.bytes = room(size)
    this.view = this.bytes
  }

  /** The first `count` bytes. */
  show(count: number): Uint8Array {
    const views = this.#views
    for (let i = 0; i < views.length; i++) {
      if (views[i]!.length === count) return (this.view = views[i]!)
    }
    this.view = this.bytes.subarray(0, count)
    views[this.#oldest] = this.view
    this.#oldest = (this.#oldest + 1) % VIEWS
    return this.view
  }
}

export class ReadBuffers {
  readonly #large: ReadBuffer[] = []
  readonly #small: ReadBuffer[] = []
  readonly #poisoning: boolean
  /** What the next receive writes to. It stays in the processor's cache as long as what comes is small. */
  #next = new ReadBuffer(READ_SIZE)

  constructor(poisoning: boolean) {
    this.#poisoning = poisoning
  }

  /** Where to receive, {@link READ_SIZE} bytes. */
  get next(): Uint8Array {
    return this.#next.bytes
  }

  /** The first `count` bytes of {@link next} as the view of a buffer of their own, which is the caller's until given back. */
  take(count: number): ReadBuffer {
    const received = this.#next
    const view = received.show(count)
    if (count > SMALL_SIZE) {
      this.#next = this.#large.pop() ?? new ReadBuffer(READ_SIZE)
      return received
    }
    const small = this.#small.pop() ?? new ReadBuffer(SMALL_SIZE)
    small.bytes.set(view)
    small.show(count)
    return small
  }

  give(buffer: ReadBuffer): void {
    if (this.#poisoning) buffer.bytes.fill(POISON)
    const large = buffer.bytes.length > SMALL_SIZE
    const kept = large ? this.#large : this.#small
    if (kept.length < (large ? LARGE_KEPT : SMALL_KEPT)) kept.push(buffer)
  }
}

/** Room for ints and structures that calls take. Over an ArrayBuffer of its own, like the read buffers. */
export const room = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array(new ArrayBuffer(size))
