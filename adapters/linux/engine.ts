/** What the parts of the engine share, and the machine they make. */
import process from 'node:process'
import { type Child, type Clock, type Endpoint, type Runtime, SystemFailure } from '../../core/runtime.ts'
import { socketAddress } from './address.ts'
import { spawn, type Start } from './child.ts'
import { connect } from './connect.ts'
import { failureOf } from './errno.ts'
import {
  IP_TRANSPARENT,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_TRANSPARENT,
  type Libc,
  SO_ERROR,
  SO_ORIGINAL_DST,
  SOL_SOCKET,
  TCP_INFO,
} from './libc.ts'
import { Patience } from './gather.ts'
import { inherited, listen } from './listener.ts'
import { Alarms, type GiveWay, Loop } from './loop.ts'
import { ReadBuffers, room } from './memory.ts'
import { Pipes } from './relay.ts'

export interface EngineOptions {
  /** Run what promises have made ready, now. Null where the runtime does not let us. */
  readonly drain: (() => void) | null
  /** setImmediate does, where nothing else is said. */
  readonly giveWay?: GiveWay
  /** What is written to a child goes out, and is settled, only in a turn of the runtime's own loop. */
  readonly lateWrites?: boolean
  /** Start a child with these descriptors for its input and output; where there is none, the runtime carries them. */
  readonly start?: Start
  /** Overwrite what is no longer lent, so that a test sees who still uses it. */
  readonly poison?: boolean
}

/** Of struct tcp_info, in words of 4 bytes: times since then in milliseconds, and what no connection of Linux is without. */
const LAST_DATA_SENT = 11
const LAST_ACK_RECEIVED = 14
const PATH_MTU = 15
const TCP_INFO_SIZE = 64

export class Engine {
  readonly loop: Loop
  readonly clock: Clock
  readonly buffers: ReadBuffers
  readonly pipes: Pipes
  readonly patience: Patience
  readonly #int = room(4)
  readonly #intView = new Int32Array(this.#int.buffer)
  readonly #length = room(4)
  readonly #lengthView = new Int32Array(this.#length.buffer)
  readonly #tcpInfo = room(TCP_INFO_SIZE)
  readonly #tcpInfoView = new Uint32Array(this.#tcpInfo.buffer)

  /** @throws SystemFailure unsupported, denied: where there is no epoll, or it may not be used. */
  constructor(libc: Libc, clock: Clock, { drain, giveWay, poison = false }: EngineOptions) {
    const alarms = new Alarms()
    this.loop = new Loop(libc, process.arch, clock, alarms, drain, giveWay)
    this.clock = watched(clock, alarms, this.loop.now)
    this.buffers = new ReadBuffers(poison)
    this.pipes = new Pipes(libc)
    this.patience = new Patience(this.loop)
  }

  /** What a call gave, unless it failed. @throws SystemFailure */
  check(result: number): number {
    if (result === -1) throw failureOf(this.loop.libc.errno())
    return result
  }

  /** Set an option of a socket that is an int. @throws SystemFailure */
  option(descriptor: number, level: number, name: number, value: number): void {
    this.#intView[0] = value
    this.check(this.loop.libc.setsockopt(descriptor, level, name, this.#int, 4))
  }

  /** The same for one that not everybody may set. @throws SystemFailure denied, with `what` it is */
  privileged(descriptor: number, level: number, name: number, value: number, what: string): void {
    try {
      this.option(descriptor, level, name, value)
    } catch (error) {
      const { code, detail } = error as SystemFailure
      throw code === 'denied' ? new SystemFailure(code, `${detail}: ${what} needs CAP_NET_ADMIN`) : error
    }
  }

  /** An option of a socket that is an int. @throws SystemFailure */
  optionOf(descriptor: number, level: number, name: number): number {
    this.#lengthView[0] = 4
    this.check(this.loop.libc.getsockopt(descriptor, level, name, this.#int, this.#length))
    return this.#intView[0]!
  }

  /** The error that waits on a socket (0: none), which is taken by asking. */
  errorOf(descriptor: number): number {
    return this.optionOf(descriptor, SOL_SOCKET, SO_ERROR)
  }

  /** Addresses that are not this machine's are its own to this socket. @throws SystemFailure denied */
  beTransparent(descriptor: number, family: 4 | 6): void {
    const [level, name] = family === 4 ? [IPPROTO_IP, IP_TRANSPARENT] : [IPPROTO_IPV6, IPV6_TRANSPARENT]
    // An inherited one may be so already, of somebody who had the right.
    if (this.optionOf(descriptor, level, name) === 1) return
    this.privileged(descriptor, level, name, 1, 'transparent')
  }

  /** Where netfilter turned a connection round from. Null: it did not, or keeps no book of it (any more). */
  originalOf(descriptor: number, family: 4 | 6): Endpoint | null {
    socketAddress.expect()
    const level = family === 4 ? IPPROTO_IP : IPPROTO_IPV6
    const { bytes, length } = socketAddress
    const result = this.loop.libc.getsockopt(descriptor, level, SO_ORIGINAL_DST, bytes, length)
    return result === -1 ? null : socketAddress.read()
  }

  /** How long TCP stands still, as Socket has it. A peer that only answers probes is sent nothing, one that is gone acknowledges nothing. */
  standstillOf(descriptor: number): number {
    const { libc } = this.loop
    this.#lengthView[0] = TCP_INFO_SIZE
    if (libc.getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, this.#tcpInfo, this.#length) === -1) return Infinity
    const words = this.#tcpInfoView
    // Where the system only says that it is Linux (gVisor) these times may be 0 for ever.
    if (words[PATH_MTU] === 0) return Infinity
    return Math.max(words[LAST_DATA_SENT]!, words[LAST_ACK_RECEIVED]!)
  }

  localOf(descriptor: number): Endpoint {
    socketAddress.expect()
    this.check(this.loop.libc.getsockname(descriptor, socketAddress.bytes, socketAddress.length))
    return socketAddress.read()
  }
}

/** A clock whose alarms end the sleep of the loop in time. */
function watched(clock: Clock, alarms: Alarms, now: () => number): Clock {
  return {
    now,
    date: clock.date,
    zone: clock.zone,
    every(ms, tick) {
      const alarm = {}
      const next = () => alarms.set(alarm, clock.now() + ms)
      next()
      const stop = clock.every(ms, () => {
        alarms.clear(alarm)
        next()
        tick()
      })
      return () => {
        alarms.clear(alarm)
        stop()
      }
    },
    after(ms, ring) {
      const alarm = {}
      alarms.set(alarm, clock.now() + ms)
      const stop = clock.after(ms, () => {
        alarms.clear(alarm)
        ring()
      })
      return () => {
        alarms.clear(alarm)
        stop()
      }
    },
  }
}

/** A child whose writes do not wait until the loop has slept. */
function attended(loop: Loop, child: Child): Child {
  const { input } = child
  const write: Child['input']['write'] = (bytes, size) => {
    loop.attend()
    return input.write(bytes, size)
  }
  return { ...child, input: { write, end: () => input.end(), close: () => input.close() } }
}

function spawnOf(engine: Engine, machine: Runtime, { start, lateWrites = false }: EngineOptions): Runtime['spawn'] {
  if (start !== undefined) return (command, environment = {}) => spawn(engine, start, command, environment)
  if (!lateWrites) return machine.spawn
  return (command, environment) => attended(engine.loop, machine.spawn(command, environment))
}

/** The same machine, its streams on epoll. @throws SystemFailure where that cannot be. */
export function onEpoll(machine: Runtime, libc: Libc, options: EngineOptions): Runtime {
  const engine = new Engine(libc, machine.clock, options)
  return {
    ...machine,
    engine: 'epoll',
    engines: {},
    clock: engine.clock,
    spawn: spawnOf(engine, machine, options),
    // deno-lint-ignore require-await -- so that what is thrown rejects
    listen: async (at, options = {}) => listen(engine, at, options),
    // deno-lint-ignore require-await -- so that what is thrown rejects
    inherited: async (index, options = {}) => inherited(engine, index, options),
    connect: (to, options = {}) => connect(engine, to, options),
  }
}
