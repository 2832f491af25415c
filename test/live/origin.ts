/** An origin that records every byte and answers as its script says. */

import { Buffer } from 'node:buffer'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import type { Message } from './wire.ts'
import { Wire } from './wire.ts'
import { shown, within } from './waiting.ts'

/** One connection made to the origin. */
export class OriginConnection extends Wire {
  readonly requests: Message[] = []

  /** The next request, whole; null when the peer finished. */
  async request(): Promise<Message | null> {
    // A kept connection may be idle for as long as it likes; only a request that has begun has to go on.
    while (this.unread.length === 0 && this.state === 'open') await this.change()
    const request = await this.message('request')
    if (request !== null) this.requests.push(request)
    return request
  }
}

/** What an origin does with a connection. It may throw when the connection breaks: that is recorded, not reported. */
export type Script = (connection: OriginConnection, index: number) => Promise<void> | void

export class Origin {
  readonly connections: OriginConnection[] = []
  /** What scripts threw, for tests that want to know. */
  readonly troubles: unknown[] = []
  readonly #server: Server
  readonly #arrivals: (() => void)[] = []

  private constructor(server: Server) {
    this.#server = server
  }

  /** Listens on a free port of loopback. */
  static async listen(script: Script = answering(), host = '127.0.0.1', port = 0): Promise<Origin> {
    const server = createServer({ allowHalfOpen: true })
    const origin = new Origin(server)
    server.on('connection', (socket: Socket) => {
      const index = origin.connections.length
      const connection = new OriginConnection(socket, `origin connection ${index}`)
      origin.connections.push(connection)
      for (const arrived of origin.#arrivals.splice(0)) arrived()
      const run = async () => await script(connection, index)
      run().catch((trouble) => origin.troubles.push(trouble))
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, backlog: 4096 }, () => resolve())
    })
    return origin
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** `127.0.0.1:PORT`, or `[::1]:PORT`. */
  get authority(): string {
    const { address, family, port } = this.#server.address() as AddressInfo
    return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
  }

  /** The connection of that index, when it comes. */
  async connection(index: number): Promise<OriginConnection> {
    const wait = async () => {
      while (this.connections.length <= index) {
        await new Promise<void>((resolve) => this.#arrivals.push(resolve))
      }
      return this.connections[index]
    }
    return await within(wait(), `connection ${index} to the origin`, () => `${this.connections.length} connections`)
  }

  /** Settles when a connection comes. */
  arrival(): Promise<void> {
    return new Promise((resolve) => this.#arrivals.push(resolve))
  }

  /** Every request of every connection, in the order of connections. */
  get requests(): Message[] {
    return this.connections.flatMap((connection) => connection.requests)
  }

  /** What came, for the report of a failed test. */
  get transcript(): string {
    return this.connections.map((c) => `${c.name}: "${shown(c.all)}" ${c.state}`).join('\n')
  }

  close(): void {
    this.#server.close()
    for (const connection of this.connections) connection.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** Answers every request with 200 and `body`, keeping the connection. */
export function answering(body = 'hello\n', fields = ''): Script {
  return async (connection) => {
    for (;;) {
      const request = await connection.request()
      if (request === null) return connection.end()
      const length = Buffer.byteLength(body, 'latin1')
      const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\n${fields}\r\n`
      await connection.send(request.line.startsWith('HEAD ') ? head : head + body)
    }
  }
}
