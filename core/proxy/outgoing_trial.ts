/** What connections to origins are told is tried at start, on this machine: not every engine can, nor may every user. */

import { canonical, withoutZone } from '../bytes/address.ts'
import type { OutgoingSettings, Settings } from '../config/settings.ts'
import { EXIT } from '../exit_codes.ts'
import { ruleName } from '../filter/actions.ts'
import { toldOptions } from '../flow/sources.ts'
import type { ConnectOptions, Endpoint, Listener, Runtime } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import { StartFailure } from './start_failure.ts'

const TOLD = ['mark', 'tos', 'keep_alive', 'user_timeout'] as const
const LOOPBACK: readonly Endpoint[] = [
  { family: 4, address: '127.0.0.1', port: 0 },
  { family: 6, address: '::1', port: 0 },
]

/** An address that this machine does not have, and what asks for it. */
export interface Stranger {
  readonly option: string
  readonly address: string
}

/**
 * Connect to this machine with each option that is set. `untried` is told why none could be tried, if so.
 * @throws StartFailure that names the option that does not work.
 */
export async function tryOutgoing(
  runtime: Runtime,
  outgoing: OutgoingSettings,
  untried: (why: string) => void,
): Promise<void> {
  if (toldOptions(outgoing) === undefined) return
  const listener = await somewhere(runtime)
  if (listener === null) {
    untried('this machine has no address of its own')
    return
  }
  try {
    for (const name of TOLD) {
      if (outgoing[name] === 0) continue
      const failure = await failureOf(runtime, listener.at, toldOptions({ ...NONE, [name]: outgoing[name] }))
      if (failure === null) continue
      if (failure.code !== 'unsupported') {
        // Where it fails without the option as well, that says nothing about the option, nor would the others.
        const anyway = await failureOf(runtime, listener.at)
        if (anyway !== null) {
          untried(`this machine does not connect to itself (${anyway.message})`)
          return
        }
      }
      throw doesNotWork(runtime, name, failure)
    }
  } finally {
    listener.close()
  }
}

const NONE = { mark: 0, tos: 0, keep_alive: 0, user_timeout: 0 }

async function failureOf(runtime: Runtime, to: Endpoint, options?: ConnectOptions): Promise<SystemFailure | null> {
  try {
    ;(await runtime.connect(to, options).socket).close()
    return null
  } catch (error) {
    if (!(error instanceof SystemFailure)) throw error
    return error
  }
}

function doesNotWork(runtime: Runtime, name: typeof TOLD[number], { code, message }: SystemFailure): StartFailure {
  const option = `outgoing.${name}`
  if (code === 'unsupported') {
    const words = `${option}: the sockets of ${runtime.name} cannot; set service.engine = "epoll", or leave it out`
    return new StartFailure(EXIT.unavailable, words)
  }
  if (code === 'denied') {
    const words = `${option}: permission denied; grant CAP_NET_ADMIN, or leave it out`
    return new StartFailure(EXIT.no_permission, words)
  }
  const words = `${option}: a connection that is told of it fails (${message}); set another, or leave it out`
  return new StartFailure(EXIT.unavailable, words)
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

/** Those of the addresses to come from that this machine does not have now; it may have them later. */
export function strangers({ outgoing, rule }: Settings, locals: readonly string[]): Stranger[] {
  const own = new Set(locals.map(bare))
  const among = (option: string, addresses: readonly string[]): Stranger[] =>
    addresses.filter((address) => !own.has(bare(address))).map((address) => ({ option, address }))
  return [
    ...among('outgoing.bind4', outgoing.bind4),
    ...among('outgoing.bind6', outgoing.bind6),
    ...rule.flatMap((one, i) => among(`bind of rule "${ruleName(one, i)}"`, one.bind)),
  ]
}

function bare(address: string): string {
  return canonical(withoutZone(address))
}
