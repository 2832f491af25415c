/** A connected UDP socket on node:dgram. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { withoutZone } from '../../core/bytes/address.ts'
import type { Datagram, Endpoint } from '../../core/runtime.ts'
import { ipEndpoint } from './endpoint.ts'
import { closed, systemFailure } from './failure.ts'
import { DONE, plain } from './pushed.ts'

/** Packets waiting unpulled; more are dropped, as the kernel would. */
const QUEUE = 64

class NodeDatagram implements Datagram {
  readonly local: Endpoint
  readonly peer: Endpoint
  private readonly socket: UdpSocket
  private readonly packets: Uint8Array[] = []
  private failure: Error | null = null
  private resolve: ((result: IteratorResult<Uint8Array, void>) => void) | null = null
  private reject: ((failure: Error) => void) | null = null
  private open = true

  constructor(socket: UdpSocket, peer: Endpoint) {
    const { address, port } = socket.address()
    this.local = ipEndpoint(address, port)
    this.peer = peer
    this.socket = socket
    // Some machines do not tell the zone of who sent it.
    const bare = withoutZone(peer.address)
    socket.on('message', (packet, sender) => {
      // The kernel lets in the peer's alone once connected; what came between bind and connect it does not sort out.
      const { address, port } = ipEndpoint(sender.address, sender.port)
      if (port === peer.port && withoutZone(address) === bare) this.deliver(plain(packet))
    })
    socket.on('error', (error) => this.fail(systemFailure(error)))
  }

  next(): Promise<IteratorResult<Uint8Array, void>> {
    const packet = this.packets.shift()
    if (packet !== undefined) return Promise.resolve({ done: false, value: packet })
    const { failure } = this
    if (failure !== null) {
      this.failure = null
      return Promise.reject(failure)
    }
    if (!this.open) return Promise.resolve(DONE)
    return new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  write(bytes: Uint8Array): Promise<void> {
    if (!this.open) return Promise.reject(closed())
    return new Promise((resolve, reject) => {
      this.socket.send(bytes, (error) => error ? reject(this.open ? systemFailure(error) : closed()) : resolve())
    })
  }

  close(): void {
    if (!this.open) return
    this.open = false
    this.packets.length = 0
    this.failure = null
    this.socket.close()
    this.resolve?.(DONE)
    this.resolve = this.reject = null
  }

  private deliver(packet: Uint8Array): void {
    const { resolve } = this
    if (resolve === null) {
      if (this.packets.length < QUEUE) this.packets.push(packet)
      return
    }
    this.resolve = this.reject = null
    resolve({ done: false, value: packet })
  }

  /** An ICMP error belongs to one packet: it is told once, and the socket goes on. */
  private fail(failure: Error): void {
    const { reject } = this
    if (reject === null) this.failure = failure
    else {
      this.resolve = this.reject = null
      reject(failure)
    }
  }
}

export function datagram(to: Endpoint, from?: Endpoint): Promise<Datagram> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: to.family === 6 ? 'udp6' : 'udp4' })
    const failed = (error?: Error | null) => {
      if (!error) return
      reject(systemFailure(error))
      socket.close()
    }
    socket.once('error', failed)
    const address = from?.address ?? (to.family === 6 ? '::' : '0.0.0.0')
    // Workers of node:cluster would share one port, and get each other's answers.
    socket.bind({ address, port: from?.port ?? 0, exclusive: true }, () => {
      socket.connect(to.port, to.address, (error?: Error) => {
        if (error) return failed(error)
        socket.off('error', failed)
        resolve(new NodeDatagram(socket, to))
      })
    })
  })
}
