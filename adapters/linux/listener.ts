/** A listening socket. It accepts when it is pulled: connections not yet pulled wait in the kernel, which has a limit of them. */
import { rmSync } from 'node:fs'
import { type Endpoint, type Listener, type ListenOptions, type Socket, SystemFailure } from '../../core/runtime.ts'
import { unixEndpoint } from '../shared/endpoint.ts'
import { systemFailure } from '../shared/failure.ts'
import { inheritedDescriptor } from '../shared/inherited.ts'
import { DONE } from '../shared/pushed.ts'
import { BACKLOG } from '../shared/waiting.ts'
import { familyOf, socketAddress } from './address.ts'
import type { Engine } from './engine.ts'
import {
  EAGAIN,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  F_DUPFD_CLOEXEC,
  F_SETFL,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  O_NONBLOCK,
  O_RDWR,
  SO_ACCEPTCONN,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_NODELAY,
} from './libc.ts'
import type { Watched } from './loop.ts'
import { EpollSocket } from './socket.ts'

/** How long not to accept when there are no descriptors or no memory, milliseconds: a close may come sooner. */
const PAUSE = 100
/** Connections accepted in one go, so that a flood of them leaves time for those that are there. */
const BATCH = 64

const EXHAUSTED: ReadonlySet<number> = new Set([EMFILE, ENFILE, ENOBUFS, ENOMEM])

const unnamed = unixEndpoint('')

type Accepted = IteratorResult<Socket, void>

export class EpollListener implements Listener, Watched {
  readonly at: Endpoint
  readonly #engine: Engine
  readonly #descriptor: number
  readonly #own: boolean
  #pulled: ((result: Accepted) => void) | null = null
  #readable = true
  /** How many more may be accepted before the next event or pause. */
  #batch = BATCH
  #resume: (() => void) | null = null
  #closed = false

  /** `own`: made by us, so that its path is ours to remove. */
  constructor(engine: Engine, descriptor: number, at: Endpoint, own: boolean) {
    this.#own = own
    this.#engine = engine
    this.#descriptor = descriptor
    this.at = at
    engine.loop.add(descriptor, this)
  }

  next(): Promise<Accepted> {
    if (this.#pulled !== null) throw new Error('a pull is under way on this listener')
    if (this.#closed) return Promise.resolve(DONE)
    const socket = this.#readable && this.#batch > 0 ? this.#accept() : null
    if (socket !== null) return Promise.resolve({ done: false, value: socket })
    return new Promise((resolve) => {
      this.#pulled = resolve
      if (this.#readable && this.#resume === null) this.#engine.loop.later(this)
    })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  ready(): void {
    if (this.#closed) return
    this.#readable = true
    if (this.#resume === null) this.#go()
  }

  #go(): void {
    this.#batch = BATCH
    const pulled = this.#pulled
    if (pulled === null || !this.#readable) return
    const socket = this.#accept()
    if (socket === null) return
    this.#pulled = null
    pulled({ done: false, value: socket })
  }

  #rest(): void {
    this.#resume = this.#engine.clock.after(PAUSE, () => {
      this.#resume = null
      this.#go()
    })
  }

  #accept(): EpollSocket | null {
    const { libc } = this.#engine.loop
    for (let tries = 0; tries < BATCH; tries++) {
      socketAddress.expect()
      const descriptor = libc.accept4(
        this.#descriptor,
        socketAddress.bytes,
        socketAddress.length,
        SOCK_NONBLOCK | SOCK_CLOEXEC,
      )
      if (descriptor !== -1) {
        this.#batch--
        const unix = this.at.family === 'unix'
        const peer = unix ? unnamed : socketAddress.read()
        const socket = new EpollSocket(this.#engine, descriptor, peer, unix ? this.at : null)
        try {
          this.#engine.loop.add(descriptor, socket)
        } catch {
          // The limit of what one user may watch (epoll(7)): like any other want, but this one is lost.
          libc.close(descriptor)
          continue
        }
        return socket
      }
      const errno = libc.errno()
      if (errno === EAGAIN) {
        this.#readable = false
        return null
      }
      if (EXHAUSTED.has(errno)) {
        // They stay in the queue, and nothing else says when there is one to be had again.
        this.#rest()
        return null
      }
      // What befell this one connection while it waited (accept(2)): there is another.
    }
    // But not without end.
    this.#rest()
    return null
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#resume?.()
    this.#engine.loop.remove(this.#descriptor)
    this.#engine.loop.libc.close(this.#descriptor)
    if (this.#own && this.at.family === 'unix') rmSync(this.at.address, { force: true })
    this.#pulled?.(DONE)
    this.#pulled = null
  }
}

/** @throws SystemFailure */
export function listen(engine: Engine, at: Endpoint, options: ListenOptions): Listener {
  const { backlog = BACKLOG, reusePort = false, transparent = false } = options
  const { libc } = engine.loop
  const descriptor = engine.check(libc.socket(familyOf(at), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))
  try {
    if (at.family !== 'unix') {
      engine.option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
      // What is accepted inherits it.
      engine.option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1)
      if (reusePort) engine.option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1)
      if (transparent) engine.beTransparent(descriptor, at.family)
    }
    if (at.family === 6) engine.option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1)
    const size = socketAddress.write(at)
    engine.check(libc.bind(descriptor, socketAddress.bytes, size))
    engine.check(libc.listen(descriptor, backlog))
    return new EpollListener(engine, descriptor, at.family === 'unix' ? at : engine.localOf(descriptor), true)
  } catch (error) {
    libc.close(descriptor)
    throw systemFailure(error)
  }
}

/**
 * A socket that somebody else made, who may have said how long its queue is. The descriptor stays open: there may be another
 * listener after this one. @throws SystemFailure missing, denied
 */
export function inherited(engine: Engine, index: number, { transparent = false }: ListenOptions): Listener {
  const { libc } = engine.loop
  const descriptor = engine.check(libc.fcntl(inheritedDescriptor(index), F_DUPFD_CLOEXEC, 0))
  try {
    if (engine.optionOf(descriptor, SOL_SOCKET, SO_ACCEPTCONN) === 0) {
      throw new SystemFailure('other', `inherited socket ${index} does not listen`)
    }
    engine.check(libc.fcntl(descriptor, F_SETFL, O_RDWR | O_NONBLOCK))
    const at = engine.localOf(descriptor)
    if (at.family !== 'unix') {
      engine.option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1)
      if (transparent) engine.beTransparent(descriptor, at.family)
    }
    return new EpollListener(engine, descriptor, at, false)
  } catch (error) {
    libc.close(descriptor)
    throw systemFailure(error)
  }
}
