/** A listening socket by Bun.listen. */
import type { SocketListener } from 'bun'
import type { Endpoint, Listener, ListenOptions, Socket } from '../../core/runtime.ts'
import { ipEndpoint, unixEndpoint } from '../shared/endpoint.ts'
import { systemFailure } from '../shared/failure.ts'
import { pathOf, takeInherited } from '../shared/inherited.ts'
import { checkListen } from '../shared/portable.ts'
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

/** Options of Bun.listen, named apart: for `backlog` and `fd` are missing from its types. `path`: of a unix socket. */
function accepting(waiting: Waiting, path: () => Endpoint | null) {
  const socket = {
    ...handlers,
    open(handle: Handle) {
      const at = path()
      const peer = at !== null ? unnamed : peerOf(handle)
      if (peer === null || !waiting.room || !left()) handle.close()
      else waiting.put(new BunSocket(handle, peer, at))
    },
  }
  return { socket, allowHalfOpen: true }
}

/** What node:net of Bun asks a listener for. */
interface Named {
  getsockname(into: { family?: string; address?: string; port?: number }): void
}

/** See Runtime.inherited. Whether it is transparent was said by who made it. */
// deno-lint-ignore require-await -- so that what is thrown below rejects
export async function inherited(index: number, { backlog = BACKLOG }: ListenOptions = {}): Promise<Listener> {
  const descriptor = takeInherited(index)
  const waiting = new Waiting(backlog)
  let at: Endpoint | null = null
  const how = { ...accepting(waiting, () => at?.family === 'unix' ? at : null), fd: descriptor }
  try {
    const listener = Bun.listen<BunSocket>(how as unknown as Parameters<typeof Bun.listen<BunSocket>>[0])
    const name: Parameters<Named['getsockname']>[0] = {}
    ;(listener as unknown as Named).getsockname(name)
    at = name.port === undefined ? unixEndpoint(pathOf(descriptor)) : ipEndpoint(name.address ?? '', name.port)
    return new BunListener(listener, at, waiting)
  } catch (error) {
    throw systemFailure(error)
  }
}

// deno-lint-ignore require-await -- so that what is thrown below rejects
export async function listen(at: Endpoint, options: ListenOptions = {}): Promise<Listener> {
  const { backlog = BACKLOG, reusePort = false } = options
  checkListen(options)
  const waiting = new Waiting(backlog)
  const shared = { ...accepting(waiting, () => at.family === 'unix' ? at : null), backlog }
  try {
    if (at.family === 'unix') {
      return new BunListener(Bun.listen<BunSocket>({ ...shared, unix: at.address }), at, waiting)
    }
    const where = { hostname: at.address, port: at.port, ipv6Only: at.family === 6, reusePort, exclusive: !reusePort }
    const listener = Bun.listen<BunSocket>({ ...shared, ...where })
    return new BunListener(listener, ipEndpoint(at.address, listener.port), waiting)
  } catch (error) {
    throw systemFailure(error)
  }
}
