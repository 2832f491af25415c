/** A connected stream on Bun's own sockets (Bun.listen, Bun.connect), which cost less than its node:net. */
import type { Socket as BunHandle, SocketHandler } from 'bun'
import type { Endpoint, Socket } from '../../core/runtime.ts'
import { ipEndpoint, nowhere } from '../shared/endpoint.ts'
import { closed, systemFailure } from '../shared/failure.ts'
import { Pushed } from '../shared/pushed.ts'
import { release, take } from './descriptors.ts'

export type Handle = BunHandle<BunSocket>

/** Nothing is queued behind a write that the kernel did not take whole; `tail` is what is left of it. */
interface Tail {
  bytes: Uint8Array
  readonly resolve: () => void
  readonly reject: (failure: Error) => void
}

export class BunSocket extends Pushed implements Socket {
  readonly peer: Endpoint
  private readonly handle: Handle
  private where: Endpoint | null
  private tail: Tail | null = null
  private ended = false
  private gone: Error | null = null

  constructor(handle: Handle, peer: Endpoint, local: Endpoint | null) {
    super(false)
    this.handle = handle
    this.peer = peer
    this.where = local
    handle.data = this
    take()
  }

  get local(): Endpoint {
    if (this.where !== null) return this.where
    const { localAddress, localPort } = this.handle
    if (!localAddress) return nowhere(this.peer.family)
    return (this.where = ipEndpoint(localAddress, localPort))
  }

  protected pause(): void {
    this.handle.pause()
  }

  protected resume(): void {
    this.handle.resume()
  }

  write(bytes: Uint8Array, size = bytes.length): Promise<void> | void {
    if (this.ended) throw closed()
    if (this.gone !== null) throw this.gone
    const count = this.handle.write(bytes, 0, size)
    if (count === size) return
    // Minus one: the connection is gone, and `close` is about to say so.
    if (count < 0) throw systemFailure({ code: 'ECONNRESET' })
    return new Promise((resolve, reject) => {
      this.tail = { bytes: bytes.subarray(count, size), resolve, reject }
    })
  }

  end(): void {
    if (this.ended) return
    this.ended = true
    if (this.tail === null && this.gone === null) this.handle.shutdown()
  }

  close(): void {
    if (this.shut()) this.handle.close()
  }

  abort(): void {
    if (this.shut()) this.handle.terminate()
  }

  private shut(): boolean {
    this.ended = true
    this.drop()
    if (this.gone !== null) return false
    this.gone = closed()
    release()
    this.fell(this.gone)
    return true
  }

  /** The kernel has room again. Bun may say so when nothing waits. */
  drained(): void {
    const { tail } = this
    if (tail === null) return
    const count = this.handle.write(tail.bytes)
    if (count < 0) return
    if (count < tail.bytes.length) {
      tail.bytes = tail.bytes.subarray(count)
      return
    }
    this.tail = null
    if (this.ended) this.handle.shutdown()
    tail.resolve()
  }

  /** The descriptor is gone. Without an error both directions ended, of which the second has no `end` of its own. */
  lost(error: unknown): void {
    if (this.gone !== null) return
    const failure = systemFailure(error ?? { code: 'ECONNRESET' })
    this.gone = failure
    release()
    if (error) this.fail(failure)
    else this.finish()
    this.fell(failure)
  }

  private fell(failure: Error): void {
    const { tail } = this
    this.tail = null
    tail?.reject(failure)
  }
}

/** One set of functions for all sockets of one kind: `data` holds the BunSocket. */
export const handlers: SocketHandler<BunSocket> = {
  // A new array for each call, so that lending it is safe; and not a Buffer, whose slice() would not copy.
  binaryType: 'uint8array',
  data(handle, chunk) {
    handle.data.deliver(chunk)
  },
  drain(handle) {
    handle.data.drained()
  },
  end(handle) {
    handle.data.finish()
  },
  close(handle, error) {
    handle.data?.lost(error)
  },
  error(handle, error) {
    handle.data?.lost(error)
  },
}

export function peerOf(handle: Handle): Endpoint | null {
  const { remoteAddress, remotePort } = handle
  return remoteAddress ? ipEndpoint(remoteAddress, remotePort) : null
}
