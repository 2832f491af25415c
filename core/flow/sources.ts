/** Where connections to origins come from: the local addresses of one family, in turns, and what their sockets are told. */

import type { Family } from '../bytes/address.ts'
import type { OutgoingSettings } from '../config/settings.ts'
import { Failure } from '../failure.ts'
import type { Connecting, ConnectOptions, Endpoint, Runtime, Socket } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'

/** The addresses of a connection that may come from anywhere that `outgoing` says. */
export const UNBOUND: readonly string[] = []

type Told = Pick<OutgoingSettings, 'mark' | 'tos' | 'keep_alive' | 'user_timeout'>

/** What all sockets are told; `undefined`: nothing. */
export function toldOptions({ mark, tos, keep_alive, user_timeout }: Told): ConnectOptions | undefined {
  const options: { -readonly [name in keyof ConnectOptions]: ConnectOptions[name] } = {}
  if (mark > 0) options.mark = mark
  if (tos > 0) options.tos = tos
  if (keep_alive > 0) options.keepAlive = keep_alive
  if (user_timeout > 0) options.userTimeout = user_timeout
  return Object.keys(options).length > 0 ? options : undefined
}

/** There is nothing here to connect from, which says nothing of the place that was to be connected to. */
export class NoSource extends Failure {}

/** An address has no port left, or this machine has it no more: another of the pool may do. */
export function spent(error: SystemFailure): boolean {
  return error.code === 'not-available' || error.code === 'in-use'
}

/** The one of these addresses that a connection to that family may come from; `null`: none is of it. */
export function sourceOf(bind: readonly string[], to: Endpoint['family']): Endpoint | null {
  for (const address of bind) {
    const of: Family = address.includes(':') ? 6 : 4
    if (of === to) return { family: of, address, port: 0 }
  }
  return null
}

export class Sources {
  readonly pool: readonly string[]
  /** One for each address of the pool; one alone, perhaps `undefined`, where the system chooses. */
  readonly #options: readonly (ConnectOptions | undefined)[]
  #turn = 0

  constructor(told: Told, pool: readonly string[], of: Family) {
    const options = toldOptions(told)
    this.pool = pool
    this.#options = pool.length === 0
      ? [options]
      : pool.map((address) => ({ ...options, from: { family: of, address, port: 0 } }))
  }

  /** From the address whose turn it is; of several, one that has no port left gives way to the next. */
  connect(runtime: Runtime, to: Endpoint): Connecting {
    const options = this.#options[this.#turn]
    if (this.#options.length > 1) return this.#connectFromAny(runtime, to)
    return options === undefined ? runtime.connect(to) : runtime.connect(to, options)
  }

  #connectFromAny(runtime: Runtime, to: Endpoint): Connecting {
    const all = this.#options
    const first = this.#turn
    this.#turn = (first + 1) % all.length
    let connecting = runtime.connect(to, all[first])
    let cancelled = false
    const socket = async (): Promise<Socket> => {
      for (let tried = 1;; tried++) {
        try {
          return await connecting.socket
        } catch (error) {
          if (cancelled || tried === all.length || !(error instanceof SystemFailure && spent(error))) throw error
          connecting = runtime.connect(to, all[(first + tried) % all.length])
        }
      }
    }
    return {
      socket: socket(),
      cancel() {
        cancelled = true
        connecting.cancel()
      },
    }
  }
}
