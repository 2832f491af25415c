/** A connected stream on node:net. */
import type { Socket as NetSocket } from 'node:net'
import type { Endpoint, Socket } from '../../core/runtime.ts'
import { ipEndpoint, nowhere, unixEndpoint } from '../shared/endpoint.ts'
import { closed, systemFailure } from '../shared/failure.ts'
import { plain, Pushed } from '../shared/pushed.ts'

/** Written behind bytes that wait, to hear when they are gone: Node tells of one write's end, not of an empty queue. */
const NOTHING = new Uint8Array(0)

/** Where a NetSocket keeps its NodeSocket, so that one set of handlers serves all sockets. */
const owner = Symbol('owner')
type Owned = NetSocket & { [owner]: NodeSocket }

export class NodeSocket extends Pushed implements Socket {
  readonly peer: Endpoint
  private readonly socket: NetSocket
  private where: Endpoint | null
  private ended = false
  /** We closed it. */
  private shut = false
  /** The connection is no more, whoever ended it. */
  private gone = false

  /** `socket` must be connected and paused, without having been read. */
  constructor(socket: NetSocket, peer: Endpoint, local: Endpoint | null) {
    super(true)
    this.socket = socket
    this.peer = peer
    this.where = local
    const owned = socket as Owned
    owned[owner] = this
    owned.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
  }

  /** Asked of the kernel when it is first wanted. */
  get local(): Endpoint {
    if (this.where !== null) return this.where
    const { localAddress, localPort } = this.socket
    // A closed socket has no address; that answer is not kept, though it will not become better.
    if (localAddress === undefined || localPort === undefined) return nowhere(this.peer.family)
    return (this.where = ipEndpoint(localAddress, localPort))
  }

  protected pause(): void {
    this.socket.pause()
  }

  protected resume(): void {
    this.socket.resume()
  }

  write(bytes: Uint8Array, size = bytes.length): Promise<void> | void {
    if (this.ended) throw closed()
    const { socket } = this
    if (this.gone) throw systemFailure({ code: 'ECONNRESET' })
    socket.write(size === bytes.length ? bytes : bytes.subarray(0, size))
    if (socket.writableLength === 0) return
    return new Promise((resolve, reject) => {
      socket.write(NOTHING, (error) => {
        if (!error) resolve()
        else reject(this.shut ? closed() : systemFailure(socket.errored ?? { code: 'ECONNRESET' }))
      })
    })
  }

  end(): void {
    if (this.ended) return
    this.ended = true
    this.socket.end()
  }

  close(): void {
    if (this.forget()) this.socket.destroy()
  }

  abort(): void {
    if (!this.forget()) return
    // A unix socket has no reset.
    if (this.peer.family === 'unix') this.socket.destroy()
    else this.socket.resetAndDestroy()
  }

  private forget(): boolean {
    this.shut = true
    this.ended = true
    this.drop()
    if (this.gone) return false
    this.gone = true
    return true
  }

  /** For the handlers below. */
  broke(error: unknown): void {
    this.gone = true
    this.fail(systemFailure(error))
  }
}

function onData(this: NetSocket, chunk: Uint8Array): void {
  ;(this as Owned)[owner].deliver(plain(chunk))
}

function onEnd(this: NetSocket): void {
  ;(this as Owned)[owner].finish()
}

function onError(this: NetSocket, error: Error): void {
  ;(this as Owned)[owner].broke(error)
}

/** After our own close this changes nothing; without one, the socket went away under us. */
function onClose(this: NetSocket): void {
  ;(this as Owned)[owner].broke({ code: 'ECONNRESET' })
}

export function peerOf(socket: NetSocket): Endpoint | null {
  const { remoteAddress, remotePort } = socket
  return remoteAddress === undefined || remotePort === undefined ? null : ipEndpoint(remoteAddress, remotePort)
}

/** The other end of an accepted unix socket, which has no name. */
export const unnamed: Endpoint = unixEndpoint('')
