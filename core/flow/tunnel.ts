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

/** What looks at the first bytes of a tunnel, for as long as they matter. */
export interface TunnelGuard {
  /** Nothing that comes now matters. */
  readonly done: boolean
  /** Nothing of what the client says goes on any more. */
  readonly refused: boolean
  /** Bytes of the client, lent until it returns. Gives what goes on now, good until the next call. */
  up(bytes: Uint8Array): Uint8Array
  /** Bytes of the origin, which go on. */
  down(bytes: Uint8Array): void
  /** The client has ended. Gives what was held back. */
  ended(): Uint8Array
}

/**
 * Carry bytes between two ends until both have ended, or either broke. An end is passed on as a half-close, a reset as a
 * reset. `progress` is called for each chunk. Counts into `totals` as it goes; never rejects. Gives the machine's words for
 * what broke it, or ''.
 *
 * `guard` sees all bytes until it is done, and nothing is moved unseen before. Where it refuses, the origin's end is closed and
 * the client's left open, for it to be told.
 */
export async function tunnel(
  client: TunnelEnd,
  origin: TunnelEnd,
  totals: TunnelTotals,
  progress: (ended: boolean) => void,
  guard: TunnelGuard | null = null,
): Promise<string> {
  let broken = ''
  let watching = guard
  const refused = (): boolean => watching !== null && watching.refused
  /** Send what of these bytes goes on now. */
  const pass = (bytes: Uint8Array, to: Socket, up: boolean): Promise<void> | void => {
    let goes = bytes
    if (watching !== null) {
      if (up) goes = watching.up(bytes)
      else watching.down(bytes)
      if (watching.done) watching = null
    }
    if (goes.length > 0) return to.write(goes)
  }
  const carry = async (from: TunnelEnd, to: Socket, up: boolean): Promise<void> => {
    try {
      if (from.rest.length > 0) {
        if (up) totals.up += from.rest.length
        else totals.down += from.rest.length
        await pass(from.rest, to, up)
        from.rest = NOTHING
      }
      let pull = from.pull
      let unseen = false
      while (!refused()) {
        let size: number
        if (unseen && pull === null) {
          size = await from.socket.relay!(to, RELAY_PIECE, patient)
          if (size === 0) break
        } else {
          const pulled = await (pull ?? from.socket.next())
          pull = null
          if (pulled.done === true) break
          size = pulled.value.length
          const taken = pass(pulled.value, to, up)
          if (taken !== undefined) await taken
        }
        unseen = size >= (unseen ? RELAY_LEAST : RELAY_SIZE) && from.socket.relay !== undefined && watching === null
        if (up) totals.up += size
        else totals.down += size
        progress(false)
      }
      if (refused()) {
        // The other direction ends by this.
        origin.socket.close()
        return
      }
      if (up && watching !== null) {
        const held = watching.ended()
        if (held.length > 0) await to.write(held)
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
  if (!refused()) client.socket.close()
  origin.socket.close()
  return broken
}
