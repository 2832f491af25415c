/** A connection we make on node:net, which still hears what its peer said before it stopped listening. */
import { Socket as NetSocket } from 'node:net'

/**
 * A server that answers early and closes resets what is still sent to it. Its answer is here by then, but Node throws
 * away what it has not read yet as soon as a write fails, so that the answer would be lost nearly always. This one goes
 * on reading for one more turn of the loop, which is enough for all that the kernel holds.
 */
export class Outgoing extends NetSocket {
  private unwritable = false

  override destroy(error?: Error): this {
    const written = error !== undefined && (error as NodeJS.ErrnoException).syscall === 'write'
    if (!written || this.unwritable || this.readableLength > 0) return super.destroy(error)
    this.unwritable = true
    // Not everything here has been asked for yet; a read() would do nothing from now on.
    this._read(0)
    setImmediate(() => setImmediate(() => super.destroy(error)))
    return this
  }

  /** What the kernel gives us: a stream that has failed to write would drop it. */
  override push(chunk: Uint8Array | null): boolean {
    if (!this.unwritable || chunk === null) return super.push(chunk)
    this.emit('data', chunk)
    return true
  }
}
