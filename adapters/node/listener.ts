/** A listening socket on node:net. */
import cluster from 'node:cluster'
import { createServer, type ListenOptions as NetListenOptions, type Server } from 'node:net'
import { type Endpoint, type Listener, type ListenOptions, type Socket, SystemFailure } from '../../core/runtime.ts'
import { ipEndpoint, unixEndpoint } from '../shared/endpoint.ts'
import { systemFailure } from '../shared/failure.ts'
import { pathOf, takeInherited } from '../shared/inherited.ts'
import { checkListen } from '../shared/portable.ts'
import { BACKLOG, Waiting } from '../shared/waiting.ts'
import { NodeSocket, peerOf, unnamed } from './socket.ts'
import { REUSE_PORT } from './worker.ts'

class NodeListener implements Listener {
  readonly at: Endpoint
  private readonly server: Server
  private readonly waiting: Waiting

  constructor(server: Server, at: Endpoint, waiting: Waiting) {
    this.server = server
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
    this.server.close()
    this.waiting.close()
  }
}

// deno-lint-ignore require-await -- so that what is thrown rejects
export async function listen(at: Endpoint, options: ListenOptions = {}): Promise<Listener> {
  const { backlog = BACKLOG, reusePort = false } = options
  checkListen(options)
  // A worker of node:cluster shares the port that its supervisor opens.
  const clustered = reusePort && !REUSE_PORT
  if (clustered && !cluster.isWorker) {
    throw new SystemFailure('unsupported', 'reusePort needs Node 23.1')
  }
  const where: NetListenOptions = at.family === 'unix'
    ? { path: at.address }
    : { host: at.address, port: at.port, ipv6Only: at.family === 6, reusePort: reusePort && REUSE_PORT }
  return begin(at, { ...where, backlog, exclusive: !clustered }, backlog)
}

/** See Runtime.inherited. Whether it is transparent was said by who made it. */
export async function inherited(index: number, { backlog = BACKLOG }: ListenOptions = {}): Promise<Listener> {
  const descriptor = takeInherited(index)
  // Of its own process even among the workers of a cluster: each has the descriptor.
  return await begin(null, { fd: descriptor, exclusive: true }, backlog)
}

/** `at`: null where only the socket knows. */
function begin(at: Endpoint | null, how: NetListenOptions & { fd?: number }, backlog: number): Promise<Listener> {
  const waiting = new Waiting(backlog)
  let path = at?.family === 'unix' ? at : null
  const server = createServer({ allowHalfOpen: true, noDelay: path === null, pauseOnConnect: true }, (socket) => {
    // A socket reset while it waited in the kernel has no peer any more.
    const peer = path !== null ? unnamed : peerOf(socket)
    if (peer === null || !waiting.room) socket.destroy()
    else waiting.put(new NodeSocket(socket, peer, path))
  })
  return new Promise((resolve, reject) => {
    server.on('error', (error) => reject(systemFailure(error)))
    server.on('listening', () => {
      const bound = server.address()
      if (bound !== null && typeof bound === 'object') {
        return resolve(new NodeListener(server, ipEndpoint(at?.address ?? bound.address, bound.port), waiting))
      }
      path ??= unixEndpoint(pathOf(how.fd!))
      resolve(new NodeListener(server, path, waiting))
    })
    server.listen(how)
  })
}
