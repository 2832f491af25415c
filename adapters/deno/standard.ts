/** Standard output and error by Deno's own writers: node:fs on Deno writes to a descriptor on the loop's own thread. */
import type { Appender } from '../../core/runtime.ts'
import { denoFailure } from './failure.ts'

class StandardAppender implements Appender {
  private readonly writer: { write(bytes: Uint8Array): Promise<number> }

  constructor(writer: { write(bytes: Uint8Array): Promise<number> }) {
    this.writer = writer
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) at += await this.writer.write(at === 0 ? bytes : bytes.subarray(at))
    } catch (error) {
      throw denoFailure(error)
    }
  }

  async close(): Promise<void> {}
}

export const output: Appender = new StandardAppender(Deno.stdout)
export const errors: Appender = new StandardAppender(Deno.stderr)
