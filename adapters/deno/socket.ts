/** A connected stream on Deno's own connections (Deno.listen, Deno.connect), which cost less than its node:net. */
import type { Endpoint, Socket } from '../../core/runtime.ts'
import { nowhere } from '../shared/endpoint.ts'
import { closed } from '../shared/failure.ts'
import { DONE } from '../shared/pushed.ts'
import { denoFailure } from './failure.ts'
import { endpointOf } from './endpoint.ts'

/**
 * A read that waits holds its buffer, so a connection waits with a small one of its own: most heads of requests fit, and
 * WIDER is for what answers with more. One that a read fills is followed by a large one, of the few that all connections
 * share, as long as the kernel has more.
 */
const SMALL = 1024
const WIDER = 4096
const LARGE = 65_536
/** Large buffers kept for use again: 2 MB. A worker has few chunks on their way at once. */
const KEPT = 32
const large: Uint8Array<ArrayBuffer>[] = []

const NOTHING: Uint8Array = new Uint8Array(0)

export class DenoSocket implements Socket {
  readonly peer: Endpoint
  private readonly connection: Deno.Conn
  private where: Endpoint | null
  /** What the connection waits with. */
  private own: Uint8Array<ArrayBuffer> | null = null
  /** A large one, while its bytes are lent. */
  private shared: Uint8Array<ArrayBuffer> | null = null
  /** The last read filled its buffer, so that there is more. */
  private more = false
  private size = SMALL
  /** Reads into it that were small, one after the other. */
  private small = 0
  private ended = false
  private shut = false
  private finished = false
  /** Settles when the last write did: a half-close waits for it. */
  private writing: Promise<void> | null = null
  private readonly result: IteratorYieldResult<Uint8Array> = { done: false, value: NOTHING }

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
    const buffer = this.more ? this.takeLarge() : this.takeOwn()
    try {
      const count = await this.connection.read(buffer)
      if (count === null || this.shut) {
        this.finished = true
        this.own = null
        return DONE
      }
      this.more = count === buffer.length
      if (buffer === this.own) this.fit(count)
      this.result.value = this.more ? buffer : buffer.subarray(0, count)
      return this.result
    } catch (error) {
      // Our own close interrupts a read.
      if (this.shut) return DONE
      throw denoFailure(error)
    }
  }

  /** A pull that waits: what was lent before is let go of. */
  private takeOwn(): Uint8Array<ArrayBuffer> {
    this.result.value = NOTHING
    if (this.shared !== null) {
      if (large.length < KEPT) large.push(this.shared)
      this.shared = null
    }
    if (this.own === null || this.own.length !== this.size) this.own = new Uint8Array(this.size)
    return this.own
  }

  private takeLarge(): Uint8Array<ArrayBuffer> {
    return this.shared ??= large.pop() ?? new Uint8Array(LARGE)
  }

  /** How large a buffer to wait with, by how much came into the last one: two small reads are a habit, one is not. */
  private fit(count: number): void {
    if (this.more) this.size = WIDER
    if (this.more || count > SMALL) this.small = 0
    else if (++this.small === 2) this.size = SMALL
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  write(bytes: Uint8Array, size = bytes.length): Promise<void> {
    if (this.ended) throw closed()
    return this.writing = this.writeAll(size === bytes.length ? bytes : bytes.subarray(0, size))
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
