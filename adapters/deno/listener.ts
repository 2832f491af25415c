/** A listening socket by Deno.listen. */
import { rmSync } from 'node:fs'
import type { Endpoint, Listener, ListenOptions, Socket } from '../../core/runtime.ts'
import { ipEndpoint, unixEndpoint } from '../shared/endpoint.ts'
import { clock } from '../shared/clock.ts'
import { checkListen } from '../shared/portable.ts'
import { BACKLOG } from '../shared/waiting.ts'
import { DONE } from '../shared/pushed.ts'
import { endpointOf } from './endpoint.ts'
import { denoFailure } from './failure.ts'
import { DenoSocket } from './socket.ts'

/** How long not to accept when there are no descriptors, milliseconds. */
const PAUSE = 100

/** Deno accepts when it is pulled: those not yet pulled wait in the kernel, whose queue is `backlog` long. */
class DenoListener implements Listener {
  readonly at: Endpoint
  private readonly listener: Deno.Listener
  private closed = false

  constructor(listener: Deno.Listener, at: Endpoint) {
    this.listener = listener
    this.at = at
  }

  async next(): Promise<IteratorResult<Socket, void>> {
    while (!this.closed) {
      try {
        return { done: false, value: accepted(await this.listener.accept(), this.at) }
      } catch (error) {
        if (this.closed) break
        const failure = denoFailure(error)
        // The client left while it waited: there is another. Out of descriptors: it stays in the queue; ask again later.
        if (failure.code === 'exhausted') await new Promise<void>((resolve) => void clock.after(PAUSE, resolve))
        else if (failure.code !== 'reset') throw failure
      }
    }
    return DONE
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.listener.close()
    // Node and Bun remove theirs.
    if (this.at.family === 'unix') rmSync(this.at.address, { force: true })
  }
}

const unnamed = unixEndpoint('')

function accepted(connection: Deno.Conn, at: Endpoint): Socket {
  if (at.family === 'unix') return new DenoSocket(connection, unnamed, at)
  ;(connection as Deno.TcpConn).setNoDelay()
  return new DenoSocket(connection, endpointOf(connection.remoteAddr) as Endpoint, null)
}

// deno-lint-ignore require-await -- so that what is thrown below rejects
export async function listen(at: Endpoint, options: ListenOptions = {}): Promise<Listener> {
  const { backlog = BACKLOG, reusePort = false } = options
  checkListen(options)
  try {
    if (at.family === 'unix') return new DenoListener(Deno.listen({ transport: 'unix', path: at.address }), at)
    const listener = Deno.listen({ hostname: at.address, port: at.port, reusePort, tcpBacklog: backlog })
    // The address it says it listens at has lost its zone.
    return new DenoListener(listener, ipEndpoint(at.address, (listener.addr as Deno.NetAddr).port))
  } catch (error) {
    throw denoFailure(error)
  }
}
