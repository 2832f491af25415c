/**
 * Bytes both ways after CONNECT or 101: no parser, and each direction ends on its own.
 *
 * What comes in small pieces (a dialogue) is read and written; once a piece is large (a transfer) the machine moves what
 * follows unseen, where it can, until little comes at a time again.
 */

import { RELAY_LEAST, RELAY_PIECE, RELAY_SIZE } from '../limits.ts'
import type { Socket } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'

type Pull = Promise<IteratorResult<Uint8Array, void>>

const NOTHING: Uint8Array = new Uint8Array(0)

/** A tunnel has one deadline, whoever is waited for. */
function patient(): void {}

/** One end of a tunnel as it is when the tunnel begins. */
export interface TunnelEnd {
  readonly socket: Socket
  /** Bytes that came from this end already, for the other; forgotten once they are sent. */
  rest: Uint8Array
  /** A pull that is under way already. */
  readonly pull: Pull | null
}

export interface TunnelTotals {
  /** Bytes from the client, and from the origin. */
  up: number
  down: number
  /** The origin has ended, and the client has been told. */
  ended: boolean
}

/**
 * Carry bytes between two ends until both have ended, or either broke. An end is passed on as a half-close, a reset as a
 * reset. `progress` is called for each chunk. Counts into `totals` as it goes; never rejects. Gives the machine's words for
 * what broke it, or ''.
 */
export async function tunnel(
  client: TunnelEnd,
  origin: TunnelEnd,
  totals: TunnelTotals,
  progress: (ended: boolean) => void,
): Promise<string> {
  let broken = ''
  const carry = async (from: TunnelEnd, to: Socket, up: boolean): Promise<void> => {
    try {
      if (from.rest.length > 0) {
        if (up) totals.up += from.rest.length
        else totals.down += from.rest.length
        await to.write(from.rest)
        from.rest = NOTHING
      }
      let pull = from.pull
      let unseen = false
      for (;;) {
        let size: number
        if (unseen && pull === null) {
          size = await from.socket.relay!(to, RELAY_PIECE, patient)
          if (size === 0) break
        } else {
          const pulled = await (pull ?? from.socket.next())
          pull = null
          if (pulled.done === true) break
          size = pulled.value.length
          const taken = to.write(pulled.value)
          if (taken !== undefined) await taken
        }
        unseen = size >= (unseen ? RELAY_LEAST : RELAY_SIZE) && from.socket.relay !== undefined
        if (up) totals.up += size
        else totals.down += size
        progress(false)
      }
      to.end()
      if (!up) totals.ended = true
      progress(true)
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error
      // The other direction ends by this too; its own complaint (`closed`) says nothing more.
      if (broken === '') broken = error.message
      from.socket.abort()
      to.abort()
    }
  }
  await Promise.all([carry(client, origin.socket, true), carry(origin, client.socket, false)])
  client.socket.close()
  origin.socket.close()
  return broken
}
