/** A listening socket on node:net. */
import cluster from 'node:cluster'
import { type AddressInfo, createServer, type ListenOptions as NetListenOptions, type Server } from 'node:net'
import { type Endpoint, type Listener, type ListenOptions, type Socket, SystemFailure } from '../../core/runtime.ts'
import { ipEndpoint } from '../shared/endpoint.ts'
import { systemFailure } from '../shared/failure.ts'
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

export function listen(at: Endpoint, options: ListenOptions = {}): Promise<Listener> {
  const { backlog = BACKLOG, reusePort = false } = options
  // A worker of node:cluster shares the port that its supervisor opens.
  const clustered = reusePort && !REUSE_PORT
  if (clustered && !cluster.isWorker) {
    return Promise.reject(new SystemFailure('unsupported', 'reusePort needs Node 23.1'))
  }
  const unix = at.family === 'unix'
  const waiting = new Waiting(backlog)
  const server = createServer({ allowHalfOpen: true, noDelay: !unix, pauseOnConnect: true }, (socket) => {
    // A socket reset while it waited in the kernel has no peer any more.
    const peer = unix ? unnamed : peerOf(socket)
    if (peer === null || !waiting.room) socket.destroy()
    else waiting.put(new NodeSocket(socket, peer, unix ? at : null))
  })
  return new Promise((resolve, reject) => {
    server.on('error', (error) => reject(systemFailure(error)))
    server.on('listening', () => {
      const bound = unix ? at : ipEndpoint(at.address, (server.address() as AddressInfo).port)
      resolve(new NodeListener(server, bound, waiting))
    })
    const where: NetListenOptions = unix
      ? { path: at.address }
      : { host: at.address, port: at.port, ipv6Only: at.family === 6, reusePort: reusePort && REUSE_PORT }
    server.listen({ ...where, backlog, exclusive: !clustered })
  })
}
