/** What connections to origins are told is tried at start, on this machine: not every engine can, nor may every user. */

import { canonical, withoutZone } from '../bytes/address.ts'
import type { OutgoingSettings } from '../config/settings.ts'
import { EXIT } from '../exit_codes.ts'
import { toldOptions } from '../flow/sources.ts'
import type { Endpoint, Listener, Runtime } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import { StartFailure } from './start_failure.ts'

const TOLD = ['mark', 'tos', 'keep_alive', 'user_timeout'] as const
const LOOPBACK: readonly Endpoint[] = [
  { family: 4, address: '127.0.0.1', port: 0 },
  { family: 6, address: '::1', port: 0 },
]

/** Connect to this machine with each option that is set. @throws StartFailure that names the one that does not work. */
export async function tryOutgoing(runtime: Runtime, outgoing: OutgoingSettings): Promise<void> {
  if (toldOptions(outgoing) === undefined) return
  const listener = await somewhere(runtime)
  if (listener === null) return
  try {
    for (const name of TOLD) {
      if (outgoing[name] > 0) await tryOne(runtime, listener.at, name, outgoing)
    }
  } finally {
    listener.close()
  }
}

async function tryOne(
  runtime: Runtime,
  to: Endpoint,
  name: typeof TOLD[number],
  outgoing: OutgoingSettings,
): Promise<void> {
  const none = { mark: 0, tos: 0, keep_alive: 0, user_timeout: 0 }
  try {
    const socket = await runtime.connect(to, toldOptions({ ...none, [name]: outgoing[name] })).socket
    socket.close()
  } catch (error) {
    if (!(error instanceof SystemFailure)) throw error
    if (error.code === 'unsupported') {
      const words =
        `outgoing.${name}: the sockets of ${runtime.name} cannot; set service.engine = "epoll", or leave it out`
      throw new StartFailure(EXIT.unavailable, words)
    }
    if (error.code === 'denied') {
      const words = `outgoing.${name}: permission denied; grant CAP_NET_ADMIN, or leave it out`
      throw new StartFailure(EXIT.no_permission, words)
    }
    // This machine has something against connections to itself, which says nothing about the option.
  }
}

/** A place of our own to connect to; `null` where there is none. */
async function somewhere(runtime: Runtime): Promise<Listener | null> {
  for (const at of LOOPBACK) {
    try {
      return await runtime.listen(at)
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error
    }
  }
  return null
}

/** The addresses of the pools that this machine does not have now; it may have them later. */
export function strangers({ bind4, bind6 }: OutgoingSettings, locals: readonly string[]): string[] {
  const own = new Set(locals.map(bare))
  return [...bind4, ...bind6].filter((address) => !own.has(bare(address)))
}

function bare(address: string): string {
  return canonical(withoutZone(address))
}
