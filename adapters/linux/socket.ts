/** A connected stream: tried first, and epoll asked only when the kernel has nothing, or no room. */
import { type Endpoint, SinkFailure, type Socket, type SystemFailure } from '../../core/runtime.ts'
import { nowhere } from '../shared/endpoint.ts'
import { closed } from '../shared/failure.ts'
import { DONE } from '../shared/pushed.ts'
import type { Engine } from './engine.ts'
import { Flow, type Source } from './gather.ts'
import { failureOf } from './errno.ts'
import {
  EAGAIN,
  EINTR,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
  MSG_NOSIGNAL,
  MSG_PEEK,
  SHUT_WR,
  SO_LINGER,
  SO_RCVLOWAT,
  SOL_SOCKET,
} from './libc.ts'
import { READ_SIZE, type ReadBuffer, room } from './memory.ts'
import { NO_PIPE, PIECE, Relay, sinkFailure, type Waiting } from './relay.ts'
import type { Watched } from './loop.ts'

type Pulled = IteratorResult<Uint8Array, void>

const NOTHING: Uint8Array = new Uint8Array(0)

/** The promise executor below is one function for all sockets; this says whose pull it stands for. */
let puller: EpollSocket
function stand(resolve: (result: Pulled) => void, reject: (reason: Error) => void) {
  puller.pulled = resolve
  puller.refused = reject
}

/** struct linger { on = 1, seconds = 0 }: a close is a reset. */
const RESET = room(8)
RESET[0] = 1

const BROKEN = EPOLLERR | EPOLLHUP
/** After these a receive that fills less than its buffer has not emptied the socket: an end or urgent data may follow. */
const MORE = BROKEN | EPOLLRDHUP | EPOLLPRI
const COMES = EPOLLIN | MORE

/** What one socket may receive before the others have had their turn, a third of a millisecond's worth. Bytes. */
const FAIR = 1_048_576

export class EpollSocket implements Socket, Watched, Source {
  readonly peer: Endpoint
  readonly descriptor: number
  pulled: ((result: Pulled) => void) | null = null
  refused: ((reason: Error) => void) | null = null
  /** There may be something to receive: epoll tells, from its first look on. Cleared by who finds that there is not. */
  readable = false
  /** There may be room to send. Cleared by who finds that there is not, with {@link full}. */
  writable = true
  /**
   * A relay may splice what comes. Not once there was urgent data, where splice stops for good (tcp_read_sock) and only a
   * receive goes on, nor at what may be the end.
   */
  spliceable = true
  /** How much of it a relay puts into its pipe at a time. Bytes. */
  piece = PIECE
  /** What relays take from it, once there was one. Not of a pipe or a local socket: the kernel tells of each byte of those. */
  flow: Flow | null = null
  /** Another socket's relay that waits for this one to have room. */
  sink: Relay | null = null
  /** Bytes that came in this round of the loop. */
  #round = 0
  #spent = 0
  /** What the next receive takes at most. */
  #most = READ_SIZE
  readonly #engine: Engine
  #where: Endpoint | null
  /** Part of a receive does not mean that there is no more. */
  #doubtful = false
  /** Epoll tells of what comes: not where nobody asks for it, for each packet would be told. */
  #arrivals = true
  /** Epoll tells of room to send. */
  #room = true
  #stirred: (() => void) | null = null
  #finished = false
  #ended = false
  #shut = false
  #failure: SystemFailure | null = null
  #lent: ReadBuffer | null = null
  /** What the kernel did not take of a write, and whom to tell. */
  #tail: Uint8Array | null = null
  #taken: (() => void) | null = null
  #denied: ((reason: Error) => void) | null = null
  #relay: Relay | null = null
  readonly #result: IteratorYieldResult<Uint8Array> = { done: false, value: NOTHING }

  /** Owns the descriptor from now on. Who makes it has the loop watch it. */
  constructor(engine: Engine, descriptor: number, peer: Endpoint, local: Endpoint | null) {
    this.#engine = engine
    this.descriptor = descriptor
    this.peer = peer
    this.#where = local
  }

  get local(): Endpoint {
    return this.#where ??= this.#shut ? nowhere(this.peer.family) : this.#engine.localOf(this.descriptor)
  }

  original(): Endpoint | null {
    const { family } = this.peer
    if (family === 'unix' || this.#shut) return null
    const original = this.#engine.originalOf(this.descriptor, family)
    if (original === null) return null
    // Netfilter keeps book of those that it lets pass as well.
    const { address, port } = this.local
    return original.port === port && original.address === address ? null : original
  }

  standstill(): number {
    return this.#shut || this.peer.family === 'unix' ? Infinity : this.#engine.standstillOf(this.descriptor)
  }

  next(): Promise<Pulled> {
    if (this.pulled !== null || this.#relay !== null) throw new Error('a pull is under way on this socket')
    this.#stirred = null
    this.flow?.hasten()
    this.#takeBack()
    if (this.readable && !this.#finished) {
      if (this.greedy) this.#engine.loop.later(this)
      else if (this.#receive() > 0) return Promise.resolve(this.#result)
    }
    if (this.#finished) {
      return this.#failure === null || this.#shut ? Promise.resolve(DONE) : Promise.reject(this.#failure)
    }
    puller = this
    return new Promise(stand)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** What was lent is not used any more. */
  #takeBack(): void {
    const lent = this.#lent
    if (lent === null) return
    this.#lent = null
    this.#result.value = NOTHING
    this.#engine.buffers.give(lent)
  }

  watch(stirred: () => void): void {
    this.#takeBack()
    this.flow?.hasten()
    this.#stirred = stirred
    if (this.readable) this.#stir()
  }

  /** Something may have come, and somebody wants to hear of it: look. */
  #stir(): void {
    const { buffers, loop: { libc } } = this.#engine
    const count = this.#finished ? 0 : libc.recv(this.descriptor, buffers.next, 1, MSG_PEEK)
    if (count === -1 && libc.errno() === EAGAIN) return this.dry()
    const stirred = this.#stirred
    this.#stirred = null
    stirred?.()
  }

  /** It has had its share of this round. */
  get greedy(): boolean {
    return this.#spent >= FAIR && this.#round === this.#engine.loop.round
  }

  spend(bytes: number): void {
    const { round } = this.#engine.loop
    if (this.#round !== round) {
      this.#round = round
      this.#spent = 0
    }
    this.#spent += bytes
  }

  /** Receive into a buffer and lend it: gives the count, 0 when there is nothing now, or never again (`finished`). */
  #receive(): number {
    const { buffers, loop: { libc } } = this.#engine
    const count = libc.recv(this.descriptor, buffers.next, this.#most, 0)
    if (count > 0) {
      if (count < this.#most && !this.#doubtful) this.dry()
      this.spend(count)
      const lent = buffers.take(count)
      this.#lent = lent
      this.#result.value = lent.view
      return count
    }
    const errno = count === 0 ? 0 : libc.errno()
    if (errno === EAGAIN) {
      this.dry()
      return 0
    }
    if (errno === EINTR) return this.#receive()
    this.#finished = true
    if (errno !== 0) this.#failure ??= failureOf(errno)
    return 0
  }

  /** There is nothing to receive: epoll tells when there is. */
  dry(): void {
    this.readable = false
    if (!this.#arrivals) this.#heed(true, this.#room)
  }

  /** There is no room to send: epoll tells when there is. */
  full(): void {
    this.writable = false
    if (!this.#room) this.#heed(this.#arrivals, true)
  }

  #heed(arrivals: boolean, room: boolean): void {
    this.#arrivals = arrivals
    this.#room = room
    this.#engine.loop.heed(this.descriptor, arrivals, room)
  }

  ready(events: number): void {
    if (this.#shut) return
    // Something came, and then more, and nobody took the first.
    const ignored = this.readable && (events & EPOLLIN) !== 0
    if (events === 0 || (events & COMES) !== 0) this.readable = true
    if ((events & MORE) !== 0) {
      this.#doubtful = true
      if ((events & EPOLLPRI) !== 0) this.spliceable = false
    }
    if ((events & (EPOLLOUT | BROKEN)) !== 0 && !this.writable) {
      this.writable = true
      if (this.#tail !== null) this.#drain()
      else this.sink?.run()
    } else if (events === EPOLLOUT && this.#relay !== null) {
      // What a relay took before epoll could tell of it wakes us all the same, to be told that there is room, as ever.
      if (this.#room) this.#heed(this.#arrivals, false)
      return
    }
    const { pulled } = this
    if (pulled !== null && this.readable) {
      const count = this.#receive()
      if (count > 0) {
        this.pulled = null
        this.refused = null
        pulled(this.#result)
      } else if (this.#finished) this.#finish()
    } else if (pulled === null) {
      if (this.#stirred !== null && this.readable) return this.#stir()
      this.#relay?.run()
      if (ignored && this.readable && this.#arrivals) this.#heed(false, this.#room)
    }
  }

  /** Nothing more comes: tell who waits. */
  #finish(): void {
    const { pulled, refused } = this
    this.pulled = null
    this.refused = null
    if (this.#failure === null || this.#shut) pulled?.(DONE)
    else refused?.(this.#failure)
  }

  write(bytes: Uint8Array, size = bytes.length): Promise<void> | void {
    if (this.#ended) throw closed()
    const count = this.#send(bytes, size)
    if (count === size) return
    this.#tail = bytes.subarray(count, size)
    return new Promise((resolve, reject) => {
      this.#taken = resolve
      this.#denied = reject
    })
  }

  /** Gives the count, which may be 0. @throws SystemFailure */
  #send(bytes: Uint8Array, size: number): number {
    const { libc } = this.#engine.loop
    this.flow?.answered()
    const count = libc.send(this.descriptor, bytes, size, MSG_NOSIGNAL)
    if (count === size) return count
    if (count === -1) {
      const errno = libc.errno()
      if (errno === EINTR) return this.#send(bytes, size)
      if (errno !== EAGAIN) throw this.broke(errno)
    }
    this.full()
    return Math.max(count, 0)
  }

  /** The kernel told a sender that the connection broke, and tells it once: what a receive says from now on is no end. */
  broke(errno: number): SystemFailure {
    return this.#failure ??= failureOf(errno)
  }

  #drain(): void {
    const tail = this.#tail!
    const taken = this.#taken!
    try {
      const count = this.#send(tail, tail.length)
      if (count < tail.length) {
        this.#tail = tail.subarray(count)
        return
      }
    } catch (error) {
      this.#drop(error as Error)
      return
    }
    this.#tail = null
    if (this.#ended) this.#shutdown()
    taken()
  }

  /** The write under way fails. */
  #drop(failure: Error): void {
    const denied = this.#denied
    if (this.#tail === null || denied === null) return
    this.#tail = null
    denied(failure)
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#tail === null) this.#shutdown()
  }

  /** One that broke has nothing to shut down: the next pull tells. */
  #shutdown(): void {
    this.#engine.loop.libc.shutdown(this.descriptor, SHUT_WR)
  }

  close(): void {
    if (this.#shut) return
    this.#shut = true
    this.#ended = true
    this.#stirred = null
    this.#finished = true
    this.readable = false
    const { loop } = this.#engine
    loop.remove(this.descriptor)
    loop.libc.close(this.descriptor)
    // Not given back: whoever borrowed it may not have done with it.
    this.#lent = null
    this.#finish()
    this.#drop(closed())
    this.#relay?.fail(closed())
    this.sink?.fail(new SinkFailure('closed', ''))
  }

  abort(): void {
    if (this.#shut) return
    this.#engine.loop.libc.setsockopt(this.descriptor, SOL_SOCKET, SO_LINGER, RESET, RESET.length)
    this.close()
  }

  /** A relay took `count` bytes, of `size` that it asked for. */
  took(count: number, size: number): void {
    this.spend(count)
    if (this.flow === null) return
    this.flow.took(count)
    // To look for more now would be to take it in small pieces as it comes.
    if (count < size && this.flow.gathers && !this.#doubtful) this.dry()
  }

  look(): boolean {
    this.readable = true
    this.#relay?.run()
    return this.#relay !== null
  }

  want(least: number): void {
    if (!this.#shut) this.#engine.option(this.descriptor, SOL_SOCKET, SO_RCVLOWAT, least)
  }

  /** What a relay does, by reading and writing. */
  async #carry(to: Socket, limit: number, waiting: Waiting): Promise<number> {
    this.#most = Math.min(limit, READ_SIZE)
    waiting('source')
    const pulled = await this.next()
    this.#most = READ_SIZE
    if (pulled.done === true) {
      if (this.#shut) throw closed()
      return 0
    }
    try {
      const taken = to.write(pulled.value)
      if (taken !== undefined) {
        waiting('sink')
        await taken
      }
    } catch (error) {
      throw sinkFailure(error as SystemFailure)
    }
    return pulled.value.length
  }

  relay(to: Socket, limit: number, waiting: Waiting): Promise<number> {
    // TLS, which the kernel knows nothing of.
    if (!(to instanceof EpollSocket)) return this.#carry(to, limit, waiting)
    if (this.pulled !== null || this.#relay !== null) throw new Error('a pull is under way on this socket')
    if (to.#ended) throw new SinkFailure('closed', '')
    if (to.sink !== null || to.#tail !== null) throw new Error('a write is under way on the other socket')
    if (this.peer.family !== 'unix') this.flow ??= new Flow(this.#engine.patience, this)
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.flow?.end()
        this.#relay = null
        to.sink = null
      }
      const relay = new Relay(this.#engine, this, to, limit, waiting, (moved) => {
        settle()
        resolve(moved)
      }, (failure) => {
        settle()
        if (failure === NO_PIPE) resolve(this.#carry(to, limit, waiting))
        else reject(failure)
      })
      this.#relay = relay
      to.sink = relay
      relay.run()
    })
  }
}
