/** Places to listen, and what stands in the way. */

import { parseEndpoint } from '../bytes/address.ts'
import type { Settings } from '../config/settings.ts'
import { EXIT } from '../exit_codes.ts'
import { ICAP_PORT } from '../limits.ts'
import type { Endpoint, Listener, ListenOptions, Runtime } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import { cannotListen, StartFailure } from './start_failure.ts'

/** The default port of a proxy, for an address without one. */
const PROXY_PORT = 3128

/** Where the listener of that name is to listen. */
export interface Place {
  readonly listener: string
  readonly at: Endpoint
}

/** All of the configuration. @throws StartFailure */
export function placesOf({ listener }: Settings): Place[] {
  return listener.flatMap(({ name, mode, address }) =>
    address.map((text) => {
      const at = parseEndpoint(text, mode === 'icap' ? ICAP_PORT : PROXY_PORT)
      if (at !== null) return { listener: name, at }
      throw new StartFailure(EXIT.unavailable, `listener.${name}.address: "${text}" is no address`)
    })
  )
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
    throw cannotListen(who, at, error)
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
