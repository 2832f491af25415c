/** Places to listen, and what stands in the way. */

import { formatEndpoint, parseEndpoint } from '../bytes/address.ts'
import type { Settings } from '../config/settings.ts'
import { EXIT } from '../exit_codes.ts'
import { ICAP_PORT } from '../limits.ts'
import type { Endpoint, Listener, ListenOptions, Runtime } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import { cannotCapture, cannotListen, StartFailure } from './start_failure.ts'

/** The default port of a proxy, for an address without one. */
const PROXY_PORT = 3128

/** Where the listener of that name is to listen. */
export interface Place {
  readonly listener: string
  readonly at: Endpoint
  /** Not listened at by us: who started the service does, and leaves the socket to it. */
  readonly inherited?: true
}

/** All of the configuration. @throws StartFailure */
export function placesOf({ listener }: Settings): Place[] {
  return listener.flatMap(({ name, mode, address, capture }) =>
    address.map((text) => {
      const at = parseEndpoint(text, mode === 'icap' ? ICAP_PORT : PROXY_PORT)
      if (at !== null) return capture === 'inherited' ? { listener: name, at, inherited: true } : { listener: name, at }
      throw new StartFailure(EXIT.unavailable, `listener.${name}.address: "${text}" is no address`)
    })
  )
}

/** Whether this machine has no such address, nor perhaps any of that family; at any other port it would be the same. */
export async function lacks(runtime: Runtime, at: Endpoint): Promise<boolean> {
  if (at.family === 'unix') return false
  try {
    ;(await runtime.listen({ ...at, port: 0 })).close()
    return false
  } catch (error) {
    if (!(error instanceof SystemFailure)) throw error
    return error.code === 'not-available' || error.code === 'unsupported'
  }
}

/** `who` is for people: `listener http`. @throws StartFailure */
export async function listenAt(
  runtime: Runtime,
  who: string,
  at: Endpoint,
  options: ListenOptions = {},
): Promise<Listener> {
  try {
    try {
      return await runtime.listen(at, options)
    } catch (error) {
      const left = at.family === 'unix' && error instanceof SystemFailure && error.code === 'in-use' &&
        await removeStale(runtime, at)
      if (!left) throw error
      return await runtime.listen(at, options)
    }
  } catch (error) {
    throw options.transparent === true ? cannotCapture(who, at, error) : cannotListen(who, at, error)
  }
}

/** The sockets that were left to the service, each taken once, by where they listen. */
export class Inherited {
  readonly #runtime: Runtime
  #listeners: Listener[] | null = null

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** @throws StartFailure when none of them listens there. */
  async take(who: string, at: Endpoint, options: ListenOptions): Promise<Listener> {
    const listeners = this.#listeners ??= await this.#all(who, options)
    const index = listeners.findIndex((one) => one.at.port === at.port && one.at.address === at.address)
    if (index >= 0) return listeners.splice(index, 1)[0]!
    const place = formatEndpoint(at)
    const words =
      `${who}: no socket that listens on ${place} was left to this program; start it by a socket unit of systemd ` +
      `with ListenStream=${place} and Transparent=yes`
    throw new StartFailure(EXIT.unavailable, words)
  }

  /** What nobody took is let go. @returns where it listens. */
  release(): Endpoint[] {
    const left = this.#listeners ?? []
    this.#listeners = null
    for (const listener of left) listener.close()
    return left.map(({ at }) => at)
  }

  async #all(who: string, options: ListenOptions): Promise<Listener[]> {
    const { inherited } = this.#runtime
    const found: Listener[] = []
    try {
      if (inherited === undefined) throw new SystemFailure('unsupported', 'this runtime cannot')
      for (;;) found.push(await inherited(found.length, options))
    } catch (error) {
      if (error instanceof SystemFailure && error.code === 'missing') return found
      for (const listener of found) listener.close()
      if (!(error instanceof SystemFailure)) throw error
      throw new StartFailure(EXIT.unavailable, `${who} cannot take the sockets that were left to it: ${error.message}`)
    }
  }
}

/** A program that was killed leaves its unix socket behind: nobody answers there, and nobody else may listen. */
async function removeStale(runtime: Runtime, at: Endpoint): Promise<boolean> {
  const status = await runtime.files.status(at.address)
  if (status === null) return true
  if (!status.socket) return false
  try {
    const socket = await runtime.connect(at).socket
    socket.close()
    return false
  } catch (error) {
    if (!(error instanceof SystemFailure) || error.code !== 'refused') return false
    await runtime.files.remove(at.address)
    return true
  }
}
