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

/** Read buffers kept for use again, 2 MB: a turn has few chunks on their way at once. */
const KEPT = 32

/** Overwritten with this when poisoned: a use of what is no longer lent shows. */
const POISON = 0xdb

/** A buffer that sockets read into and lend from. */
export interface ReadBuffer {
  readonly bytes: Uint8Array
  /** What was lent of it last, for the next time that as many bytes come. */
  view: Uint8Array
}

export class ReadBuffers {
  readonly #kept: ReadBuffer[] = []
  readonly #poisoning: boolean

  constructor(poisoning: boolean) {
    this.#poisoning = poisoning
  }

  take(): ReadBuffer {
    const kept = this.#kept.pop()
    if (kept !== undefined) return kept
    // Over an ArrayBuffer of its own, whose bytes no engine moves.
    const bytes = new Uint8Array(new ArrayBuffer(READ_SIZE))
    return { bytes, view: bytes }
  }

  give(buffer: ReadBuffer): void {
    if (this.#poisoning) buffer.bytes.fill(POISON)
    if (this.#kept.length < KEPT) this.#kept.push(buffer)
  }
}

/** The first `count` bytes. Making a view costs as much as finding one that fits: many messages are of one size. */
export function lend(buffer: ReadBuffer, count: number): Uint8Array {
  if (buffer.view.length !== count) buffer.view = buffer.bytes.subarray(0, count)
  return buffer.view
}

/** Room for ints and structures that calls take. Over an ArrayBuffer of its own, like the read buffers. */
export const room = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array(new ArrayBuffer(size))
