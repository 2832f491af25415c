/** A client that says exactly the bytes it is given. */

import { connect } from 'node:net'
import type { Message } from './wire.ts'
import { Wire } from './wire.ts'
import { within } from './waiting.ts'

export class RawClient extends Wire {
  static async connect(port: number, host = '127.0.0.1', name = 'client'): Promise<RawClient> {
    const socket = connect({ port, host, allowHalfOpen: true })
    const client = new RawClient(socket, name)
    await within(
      new Promise<void>((resolve, reject) => {
        socket.once('connect', () => resolve())
        socket.once('error', reject)
      }),
      `a connection to ${host}:${port}`,
    )
    return client
  }

  /** Sends a request and reads its answer (interim ones are passed over). */
  async ask(request: string | Uint8Array, kind: 'response' | 'bodiless' = 'response'): Promise<Message> {
    await this.send(request)
    return await this.answer(kind)
  }

  async answer(kind: 'response' | 'bodiless' = 'response'): Promise<Message> {
    for (;;) {
      const answer = await this.message(kind)
      if (answer === null) throw new Error(`${this.name}: the connection ended without an answer (${this.state})`)
      if (!answer.line.startsWith('HTTP/1.1 1') || answer.line.startsWith('HTTP/1.1 101')) return answer
    }
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
