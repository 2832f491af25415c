/** TLS to a server that has just been connected to. */

import { Failure } from '../failure.ts'
import type { Origin, Securing } from '../flow/origins.ts'
import { type Socket, SystemFailure } from '../runtime.ts'
import type { Client } from './client.ts'

/**
 * Shake hands on `socket`, which is closed where that fails. `first`: what goes before TLS, lent; empty: nothing.
 * @throws Failure connect-failed, or what the client has given up with
 */
export async function secure(
  client: Client,
  origin: Origin,
  securing: Securing,
  socket: Socket,
  first: Uint8Array,
): Promise<Socket> {
  const { origins, clock, settings } = client.proxy
  let given: Failure | null = null
  const race = {
    cancel(failure: Failure): void {
      given ??= failure
      socket.abort()
    },
  }
  client.race = race
  const undo = clock.after(settings.outgoing.connect_timeout, () => race.cancel(failed(origin, 'no handshake in time')))
  const began = clock.now()
  try {
    if (first.length > 0) await socket.write(first)
    const inside = await securing.secure(socket, origin.host)
    if (given === null) return inside
    inside.close()
    throw given
  } catch (error) {
    origins.forget(origin)
    socket.close()
    if (given !== null) throw given
    if (!(error instanceof SystemFailure)) throw error
    throw failed(origin, error.code === 'tls' ? error.detail : error.message)
  } finally {
    undo()
    client.race = null
    client.record.connect += clock.now() - began
  }
}

function failed({ host, port }: Origin, words: string): Failure {
  return new Failure('connect-failed', `${host} port ${port}: TLS: ${words}`)
}
