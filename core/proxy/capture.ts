/**
 * Captured connections: a client was going somewhere else, and the kernel has handed it to us (TPROXY, REDIRECT). It goes
 * where it was going, whatever name it gives: who trusted the name would let the client choose how it is resolved.
 */

import { family } from '../bytes/address.ts'
import type { ListenerSettings } from '../config/settings.ts'
import type { Endpoint, Socket } from '../runtime.ts'
import type { Client } from './client.ts'
import type { Target } from '../http/target.ts'

/** Says of the connections of one listener where they were going. */
export class Capture {
  readonly #how: ListenerSettings['capture']
  readonly #listens: (address: string, port: number) => boolean

  /** `listens`: whether that is a place of this proxy. */
  constructor(how: ListenerSettings['capture'], listens: (address: string, port: number) => boolean) {
    this.#how = how
    this.#listens = listens
  }

  /** `null`: nowhere but here. `declared`: what a PROXY header says of it, where there is one. */
  destination(socket: Socket, declared: Endpoint | null): Endpoint | null {
    const at = declared ?? (this.#how === 'redirect' ? socket.original?.() ?? null : socket.local)
    return at === null || at.family === 'unix' || this.#listens(at.address, at.port) ? null : at
  }
}

/** Whether a listener has to know where its connections were going. */
export function captures({ mode, capture, server }: ListenerSettings): boolean {
  if (capture === 'none') return false
  return mode === 'transparent' || mode === 'tls' || (mode === 'passthrough' && server === '')
}

/**
 * `target` is of a request on a captured connection to `destination`: it is for that port, and for that address where it
 * names no host. Whether the host it names has that address is noted in the record when it is known, and nobody waits for it.
 */
export function aim(client: Client, target: Target, destination: Endpoint): void {
  target.port = destination.port
  if (target.host === '') target.host = destination.address
  const { record, proxy: { resolver } } = client
  const { host } = target
  if (family(host) !== null) {
    record.agrees = host === destination.address
    return
  }
  const of = destination.family === 4 ? 4 : 6
  const known = resolver.cached(host, of)
  if (known !== null) {
    record.agrees = known.includes(destination.address)
    return
  }
  const { started } = record
  const note = (addresses: readonly string[]): void => {
    if (record.started === started) record.agrees = addresses.includes(destination.address)
  }
  // A name that cannot be looked up has nothing to disagree with.
  resolver.lookup(host, of).then(note, () => undefined)
}

/** Where the request of `target` is to be connected to, when the client was captured and no decision leads elsewhere. */
export function captured(client: Client, target: Target): Endpoint | null {
  const { destination } = client.arrival
  if (destination === null || client.petition === null || !client.petition.rewritten) return destination
  // Another path of the same place.
  return target.host === client.target.host && target.port === destination.port ? destination : null
}
