/** A connected stream on Deno's own connections (Deno.listen, Deno.connect), which cost less than its node:net. */
import type { Endpoint, Socket } from '../../core/runtime.ts'
import { nowhere } from '../shared/endpoint.ts'
import { closed } from '../shared/failure.ts'
import { DONE } from '../shared/pushed.ts'
import { denoFailure } from './failure.ts'
import { endpointOf } from './endpoint.ts'

/**
 * A read that waits holds its buffer, so an idle connection waits with a small one: most heads of requests fit. One that a
 * read fills is followed by a larger one, up to what one read of the kernel is worth.
 */
const SMALL = 1024
const LARGE = 65_536

export class DenoSocket implements Socket {
  readonly peer: Endpoint
  private readonly connection: Deno.Conn
  private where: Endpoint | null
  private buffer: Uint8Array<ArrayBuffer> | null = null
  private size = SMALL
  private ended = false
  private shut = false
  private finished = false
  /** Settles when the last write did: a half-close waits for it. */
  private writing: Promise<void> | null = null
  private readonly result: IteratorYieldResult<Uint8Array> = { done: false, value: undefined as unknown as Uint8Array }

  constructor(connection: Deno.Conn, peer: Endpoint, local: Endpoint | null) {
    this.connection = connection
    this.peer = peer
    this.where = local
  }

  get local(): Endpoint {
    return this.where ??= endpointOf(this.connection.localAddr) ?? nowhere(this.peer.family)
  }

  async next(): Promise<IteratorResult<Uint8Array, void>> {
    if (this.finished) return DONE
    let { buffer } = this
    if (buffer === null || buffer.length !== this.size) buffer = this.buffer = new Uint8Array(this.size)
    try {
      const count = await this.connection.read(buffer)
      if (count === null || this.shut) {
        this.finished = true
        this.buffer = null
        return DONE
      }
      if (count === buffer.length) this.size = LARGE
      else if (count <= SMALL) this.size = SMALL
      this.result.value = count === buffer.length ? buffer : buffer.subarray(0, count)
      return this.result
    } catch (error) {
      // Our own close interrupts a read.
      if (this.shut) return DONE
      throw denoFailure(error)
    }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.ended) throw closed()
    return this.writing = this.writeAll(bytes)
  }

  private async writeAll(bytes: Uint8Array): Promise<void> {
    try {
      let count = await this.connection.write(bytes)
      while (count < bytes.length) count += await this.connection.write(bytes.subarray(count))
    } catch (error) {
      throw this.shut ? closed() : denoFailure(error)
    }
  }

  end(): void {
    if (this.ended) return
    this.ended = true
    const finish = () => {
      // A connection that broke has nothing to close; the next pull tells.
      if (!this.shut) this.connection.closeWrite().catch(() => {})
    }
    if (this.writing === null) finish()
    else this.writing.then(finish, finish)
  }

  close(): void {
    this.ended = true
    this.finished = true
    if (this.shut) return
    this.shut = true
    this.connection.close()
  }

  /** Deno cannot set SO_LINGER: the peer sees a reset only where it has sent what we did not read. */
  abort(): void {
    this.close()
  }
}
