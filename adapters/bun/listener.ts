/** A listening socket by Bun.listen. */
import type { SocketListener } from 'bun'
import type { Endpoint, Listener, ListenOptions, Socket } from '../../core/runtime.ts'
import { ipEndpoint, unixEndpoint } from '../shared/endpoint.ts'
import { systemFailure } from '../shared/failure.ts'
import { BACKLOG, Waiting } from '../shared/waiting.ts'
import { left } from './descriptors.ts'
import { BunSocket, type Handle, handlers, peerOf } from './socket.ts'

class BunListener implements Listener {
  readonly at: Endpoint
  private readonly listener: SocketListener<BunSocket>
  private readonly waiting: Waiting

  constructor(listener: SocketListener<BunSocket>, at: Endpoint, waiting: Waiting) {
    this.listener = listener
    this.at = at
    this.waiting = waiting
  }

  next(): Promise<IteratorResult<Socket, void>> {
    return this.waiting.next()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  close(): void {
    this.listener.stop()
    this.waiting.close()
  }
}

/** The other end of an accepted unix socket, which has no name. */
const unnamed = unixEndpoint('')

// deno-lint-ignore require-await -- so that what is thrown below rejects
export async function listen(at: Endpoint, options: ListenOptions = {}): Promise<Listener> {
  const { backlog = BACKLOG, reusePort = false } = options
  const unix = at.family === 'unix'
  const waiting = new Waiting(backlog)
  const socket = {
    ...handlers,
    open(handle: Handle) {
      const peer = unix ? unnamed : peerOf(handle)
      if (peer === null || !waiting.room || !left()) handle.close()
      else waiting.put(new BunSocket(handle, peer, unix ? at : null))
    },
  }
  // Named apart, for `backlog` is missing from Bun's types.
  const shared = { socket, allowHalfOpen: true, backlog }
  try {
    if (unix) return new BunListener(Bun.listen<BunSocket>({ ...shared, unix: at.address }), at, waiting)
    const where = { hostname: at.address, port: at.port, ipv6Only: at.family === 6, reusePort, exclusive: !reusePort }
    const listener = Bun.listen<BunSocket>({ ...shared, ...where })
    return new BunListener(listener, ipEndpoint(at.address, listener.port), waiting)
  } catch (error) {
    throw systemFailure(error)
  }
}
