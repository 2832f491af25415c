/** Connections made. */
import { type Connecting, type ConnectOptions, type Endpoint, type Socket, SystemFailure } from '../../core/runtime.ts'
import { unixEndpoint } from '../shared/endpoint.ts'
import { connectFailure } from '../shared/failure.ts'
import { familyOf, socketAddress } from './address.ts'
import type { Engine } from './engine.ts'
import { failureOf } from './errno.ts'
import {
  EINPROGRESS,
  EPOLLOUT,
  IP_BIND_ADDRESS_NO_PORT,
  IP_TOS,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_TCLASS,
  SO_KEEPALIVE,
  SO_MARK,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_NODELAY,
  TCP_USER_TIMEOUT,
} from './libc.ts'
import type { Watched } from './loop.ts'
import { EpollSocket } from './socket.ts'

const unnamed = unixEndpoint('')

/** Seconds between probes that nobody answers, and how many: a peer that is gone is noticed a minute after the first. */
const PROBE_PERIOD = 10
const PROBES = 6
/** MAX_TCP_KEEPIDLE of the kernel, seconds. */
const MOST_IDLE = 32_767

class EpollConnecting implements Connecting, Watched {
  readonly socket: Promise<Socket>
  readonly #engine: Engine
  readonly #descriptor: number
  readonly #to: Endpoint
  #resolve!: (socket: Socket) => void
  #reject!: (failure: Error) => void
  #made: Socket | null = null
  #settled = false

  constructor(engine: Engine, descriptor: number, to: Endpoint) {
    this.#engine = engine
    this.#descriptor = descriptor
    this.#to = to
    this.socket = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    engine.loop.add(descriptor, this)
  }

  ready(events: number): void {
    if (this.#settled) return
    const errno = this.#engine.errorOf(this.#descriptor)
    if (errno !== 0) this.#fail(failureOf(errno))
    else if ((events & EPOLLOUT) !== 0) this.#succeed(events)
  }

  #succeed(events: number): void {
    this.#settled = true
    const socket = new EpollSocket(
      this.#engine,
      this.#descriptor,
      this.#to,
      this.#to.family === 'unix' ? unnamed : null,
    )
    this.#engine.loop.replace(this.#descriptor, socket)
    this.#made = socket
    // What came with it is told but once.
    socket.ready(events)
    this.#resolve(socket)
  }

  #fail(failure: Error): void {
    this.#settled = true
    this.#engine.loop.remove(this.#descriptor)
    this.#engine.loop.libc.close(this.#descriptor)
    this.#reject(failure)
  }

  cancel(): void {
    if (this.#made !== null) this.#made.close()
    else if (!this.#settled) this.#fail(new SystemFailure('cancelled', ''))
  }
}

/** What it is to be before it is bound. @throws SystemFailure */
function prepare(engine: Engine, descriptor: number, family: 4 | 6, options: ConnectOptions): void {
  const { transparent = false, mark = 0, tos = 0, keepAlive = 0, userTimeout = 0 } = options
  if (transparent) engine.beTransparent(descriptor, family)
  if (mark !== 0) engine.privileged(descriptor, SOL_SOCKET, SO_MARK, mark | 0, 'mark')
  if (tos !== 0) {
    if (family === 4) engine.option(descriptor, IPPROTO_IP, IP_TOS, tos)
    else engine.option(descriptor, IPPROTO_IPV6, IPV6_TCLASS, tos)
  }
  if (keepAlive > 0) {
    const idle = Math.min(Math.max(1, Math.round(keepAlive / 1000)), MOST_IDLE)
    engine.option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, idle)
    engine.option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, Math.min(idle, PROBE_PERIOD))
    engine.option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, PROBES)
    engine.option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
  }
  if (userTimeout > 0) engine.option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, userTimeout)
}

/** What keeps a connection from being begun rejects `socket`, as what befalls it later does. */
export function connect(engine: Engine, to: Endpoint, options: ConnectOptions): Connecting {
  const { from } = options
  const { libc } = engine.loop
  let descriptor = -1
  try {
    descriptor = engine.check(libc.socket(familyOf(to), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))
    if (to.family !== 'unix') {
      engine.option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1)
      prepare(engine, descriptor, to.family, options)
    }
    if (from !== undefined) {
      // The port is chosen at connect, when the peer is known: it may be one that is in use towards another peer.
      if (from.port === 0) engine.option(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
      else engine.option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
      const size = socketAddress.write(from)
      engine.check(libc.bind(descriptor, socketAddress.bytes, size))
    }
    const size = socketAddress.write(to)
    if (libc.connect(descriptor, socketAddress.bytes, size) === -1) {
      const errno = libc.errno()
      if (errno !== EINPROGRESS) throw failureOf(errno)
    }
    return new EpollConnecting(engine, descriptor, to)
  } catch (error) {
    if (descriptor !== -1) libc.close(descriptor)
    const socket = Promise.reject(connectFailure(error, from))
    return { socket, cancel() {} }
  }
}
