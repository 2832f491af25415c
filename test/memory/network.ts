/** A network in memory: sockets, listeners, connects that go wrong as told, datagrams. */
import {
  type Connecting,
  type ConnectOptions,
  type Datagram,
  type Endpoint,
  type Listener,
  type ListenOptions,
  SinkFailure,
  type Socket,
  SystemFailure,
  type SystemFailureCode,
} from '../../core/runtime.ts'
import { BACKLOG, Waiting } from '../../adapters/shared/waiting.ts'
import type { MemoryClock } from './clock.ts'
import { Pipe } from './pipe.ts'

/** What becomes of connects to a place: a failure, at once or after a while; nothing at all; or a delay. */
export type Road = SystemFailureCode | 'hangs' | { readonly after: number; readonly then?: SystemFailureCode }

/** A UDP service: called with each packet, it sends answers, from any place it likes. */
export type PacketService = (packet: Uint8Array, send: (answer: Uint8Array, from?: Endpoint) => void) => void

const UNNAMED: Endpoint = { family: 'unix', address: '', port: 0 }
const EPHEMERAL = 32_768
const DONE: IteratorReturnResult<void> = { done: true, value: undefined }

const key = ({ family, address, port }: Endpoint): string => family === 'unix' ? address : `${address} ${port}`
const wildcard = (family: Endpoint['family']): string => family === 6 ? '::' : '0.0.0.0'
const closed = (): SystemFailure => new SystemFailure('closed', '')

class MemorySocket implements Socket {
  readonly local: Endpoint
  readonly peer: Endpoint
  private readonly incoming: Pipe
  private readonly outgoing: Pipe
  private other!: MemorySocket
  private ended = false
  private shut = false
  private broken = false

  private constructor(local: Endpoint, peer: Endpoint, incoming: Pipe, outgoing: Pipe) {
    this.local = local
    this.peer = peer
    this.incoming = incoming
    this.outgoing = outgoing
  }

  /** Told of each byte count that {@link relay} moves. */
  private moved: (count: number) => void = () => {}
  relay?: (to: Socket, limit: number, waiting: (on: 'source' | 'sink') => void) => Promise<number>

  static pair(local: Endpoint, peer: Endpoint, capacity: number, piece: () => number): [MemorySocket, MemorySocket] {
    const there = new Pipe(capacity, piece)
    const back = new Pipe(capacity, piece)
    const client = new MemorySocket(local, peer, back, there)
    const server = new MemorySocket(peer, local, there, back)
    client.other = server
    server.other = client
    return [client, server]
  }

  next(): Promise<IteratorResult<Uint8Array, void>> {
    return this.shut ? Promise.resolve(DONE) : this.incoming.next()
  }

  /** As a machine that moves bytes unseen. */
  relays(moved: (count: number) => void): void {
    this.moved = moved
    this.relay = (to, limit, waiting) => this.move(to, limit, waiting)
  }

  standstill?: () => number

  /** As a machine that tells seldom that there is room, as Linux does, but knows when its peer got something. */
  tells(clock: MemoryClock): void {
    this.outgoing.room = this.outgoing.capacity / 3
    let last = clock.now()
    this.outgoing.lends = () => last = clock.now()
    this.standstill = () => clock.now() - last
  }

  private async move(to: Socket, limit: number, waiting: (on: 'source' | 'sink') => void): Promise<number> {
    if (this.shut) throw closed()
    waiting('source')
    const pulled = await this.incoming.next(limit)
    if (this.shut) throw closed()
    if (pulled.done === true) return 0
    try {
      const taken = to.write(pulled.value)
      if (taken !== undefined) {
        waiting('sink')
        await taken
      }
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error
      throw new SinkFailure(error.code, error.detail)
    }
    this.moved(pulled.value.length)
    return pulled.value.length
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  write(bytes: Uint8Array, size = bytes.length): Promise<void> | void {
    if (this.ended) throw closed()
    if (this.other.shut && !this.broken) {
      // As over a network: this write is taken, and answered with a reset.
      this.reset()
      return
    }
    return this.outgoing.write(bytes.subarray(0, size))
  }

  end(): void {
    if (this.ended) return
    this.ended = true
    this.outgoing.end()
  }

  close(): void {
    if (this.shut) return
    // A reset instead of an end: as Linux does when what came was never read.
    if (this.incoming.unread > 0) this.other.reset()
    this.leave()
  }

  abort(): void {
    if (this.shut) return
    if (this.local.family !== 'unix') this.other.reset()
    this.leave()
  }

  /** Closed by us: this end costs nothing any more. */
  get closed(): boolean {
    return this.shut
  }

  private leave(): void {
    this.ended = true
    this.shut = true
    this.outgoing.drop()
    this.incoming.forget()
  }

  /** What the peer's kernel tells us. */
  private reset(): void {
    this.broken = true
    this.incoming.fail('reset')
    this.outgoing.fail('reset')
  }
}

class MemoryListener implements Listener {
  readonly at: Endpoint
  readonly reusePort: boolean
  readonly waiting: Waiting
  private readonly closing: () => void

  constructor(at: Endpoint, { backlog = BACKLOG, reusePort = false }: ListenOptions, closing: () => void) {
    this.at = at
    this.reusePort = reusePort
    this.waiting = new Waiting(backlog)
    this.closing = closing
  }

  next(): Promise<IteratorResult<Socket, void>> {
    return this.waiting.next()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  close(): void {
    this.closing()
    this.waiting.close()
  }
}

export class Network {
  /** Bytes each direction of a connection holds unread. */
  capacity = 65_536
  /** The largest chunk of the next pull: set it to 1 for bytes one by one, or to a function of its own. */
  piece: () => number = () => 65_536
  /** Sockets made from now on can move bytes to each other unseen; how many they moved. */
  relaying = false
  relayed = 0
  /** Sockets made from now on tell of room only once a third is free, but how long their peer has read nothing as well. */
  telling = false
  private readonly made: MemorySocket[] = []
  private readonly clock: MemoryClock
  private readonly here: Set<string>
  private readonly listeners = new Map<string, MemoryListener[]>()
  private readonly roads = new Map<string, Road>()
  private readonly services = new Map<string, PacketService>()
  private port = EPHEMERAL
  private turn = 0

  constructor(clock: MemoryClock, here: Iterable<string>) {
    this.clock = clock
    this.here = new Set(here)
  }

  /** The ends of connections that were not closed, for tests that nothing is left behind. */
  get open(): Socket[] {
    return this.made.filter((socket) => !socket.closed)
  }

  /** Say what becomes of connects to `address`, at all ports or at one; `null`: nothing special any more. */
  road(address: string, road: Road | null, port?: number): void {
    const name = port === undefined ? address : `${address} ${port}`
    if (road === null) this.roads.delete(name)
    else this.roads.set(name, road)
  }

  /** Serve UDP at a place. */
  serve(at: Endpoint, service: PacketService): () => void {
    this.services.set(key(at), service)
    return () => void this.services.delete(key(at))
  }

  listen(wanted: Endpoint, options: ListenOptions = {}): Promise<Listener> {
    const at = wanted.family === 'unix' || wanted.port !== 0 ? wanted : { ...wanted, port: this.port++ }
    if (!this.isHere(at)) return Promise.reject(new SystemFailure('not-available', ''))
    const others = this.listeners.get(key(at)) ?? []
    if (others.some(({ reusePort }) => !reusePort || !options.reusePort)) {
      return Promise.reject(new SystemFailure('in-use', ''))
    }
    const listener: MemoryListener = new MemoryListener(at, options, () => {
      this.listeners.set(key(at), (this.listeners.get(key(at)) ?? []).filter((each) => each !== listener))
    })
    this.listeners.set(key(at), [...others, listener])
    return Promise.resolve(listener)
  }

  connect(to: Endpoint, { from }: ConnectOptions = {}): Connecting {
    let cancelled = false
    let made: Socket | null = null
    let cancel = () => {}
    const socket = new Promise<Socket>((resolve, reject) => {
      cancel = () => reject(new SystemFailure('cancelled', ''))
      const arrive = (code?: SystemFailureCode) => {
        if (cancelled) return
        if (code !== undefined) return reject(new SystemFailure(code, ''))
        try {
          resolve(made = this.dial(to, from))
        } catch (error) {
          reject(error)
        }
      }
      const road = this.roads.get(key(to)) ?? this.roads.get(to.address)
      if (road === 'hangs') return
      if (typeof road === 'object') this.clock.after(road.after, () => arrive(road.then))
      else void Promise.resolve().then(() => arrive(road))
    })
    return {
      socket,
      cancel() {
        cancelled = true
        if (made === null) cancel()
        else made.close()
      },
    }
  }

  datagram(to: Endpoint, from?: Endpoint): Promise<Datagram> {
    const local = this.localFor(to, from)
    if (!this.isHere(local)) return Promise.reject(new SystemFailure('not-available', ''))
    return Promise.resolve(
      new MemoryDatagram(local, to, (packet, send) => {
        const service = this.services.get(key(to))
        if (service === undefined) return false
        service(packet, send)
        return true
      }),
    )
  }

  private dial(to: Endpoint, from?: Endpoint): Socket {
    const local = this.localFor(to, from)
    if (!this.isHere(local)) throw new SystemFailure('not-available', '')
    const all = this.listeners.get(key(to)) ?? []
    const open = all.length > 0 ? all : this.listeners.get(`${wildcard(to.family)} ${to.port}`) ?? []
    if (open.length === 0) throw new SystemFailure(to.family === 'unix' ? 'missing' : 'refused', '')
    const listener = open[this.turn++ % open.length]
    const [client, server] = MemorySocket.pair(local, to, this.capacity, () => this.piece())
    for (const socket of this.relaying ? [client, server] : []) socket.relays((count) => void (this.relayed += count))
    for (const socket of this.telling ? [client, server] : []) socket.tells(this.clock)
    if (listener.waiting.room) listener.waiting.put(server)
    else server.close()
    this.made.push(client, server)
    return client
  }

  private localFor(to: Endpoint, from?: Endpoint): Endpoint {
    if (to.family === 'unix') return UNNAMED
    const address = from?.address ?? (to.family === 6 ? '::1' : '127.0.0.1')
    return { family: to.family, address, port: from?.port || this.port++ }
  }

  private isHere({ family, address }: Endpoint): boolean {
    return family === 'unix' || address === wildcard(family) || address.startsWith('127.') || address === '::1' ||
      this.here.has(address)
  }
}

class MemoryDatagram implements Datagram {
  readonly local: Endpoint
  readonly peer: Endpoint
  private readonly post: (packet: Uint8Array, send: Parameters<PacketService>[1]) => boolean
  private readonly packets: (Uint8Array | SystemFailure)[] = []
  private wake: (() => void) | null = null
  private lent: Uint8Array | null = null
  private shut = false

  constructor(local: Endpoint, peer: Endpoint, post: MemoryDatagram['post']) {
    this.local = local
    this.peer = peer
    this.post = post
  }

  async next(): Promise<IteratorResult<Uint8Array, void>> {
    this.lent?.fill(0xdd)
    this.lent = null
    while (this.packets.length === 0 && !this.shut) await new Promise<void>((resolve) => this.wake = resolve)
    const packet = this.packets.shift()
    if (packet === undefined || this.shut) return DONE
    if (packet instanceof SystemFailure) throw packet
    this.lent = packet
    return { done: false, value: packet }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  write(bytes: Uint8Array): void {
    if (this.shut) throw closed()
    const heard = this.post(bytes.slice(), (answer, from = this.peer) => {
      if (this.shut || key(from) !== key(this.peer)) return
      this.arrive(answer.slice())
    })
    if (!heard) this.arrive(new SystemFailure('refused', ''))
  }

  close(): void {
    this.shut = true
    this.arrived()
  }

  private arrive(packet: Uint8Array | SystemFailure): void {
    this.packets.push(packet)
    this.arrived()
  }

  private arrived(): void {
    const { wake } = this
    this.wake = null
    wake?.()
  }
}
