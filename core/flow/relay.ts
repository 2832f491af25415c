/** Bodies that nobody here looks into: where the machine can, it moves them from socket to socket unseen. */

import { Failure } from '../failure.ts'
import { writeChunkEnd, writeChunkSize } from '../http/body.ts'
import { RELAY_PIECE, RELAY_SIZE } from '../limits.ts'
import { SinkFailure } from '../runtime.ts'
import { machineWords } from './machine_words.ts'
import type { BodySource } from './body_source.ts'
import { Messages } from './messages.ts'
import type { Outbox } from './outbox.ts'

/** Told before each wait who is waited for. */
export type RelayWaiting = (on: 'source' | 'sink') => void

/** After `need-data`: the connection of which enough is to come that {@link relay} is worth its calls, and possible; or null. */
export function relayable(source: BodySource): Messages | null {
  let from: BodySource | null = source
  while (from !== null && !(from instanceof Messages)) from = from.onward ?? null
  if (from === null || from.parser.owed < RELAY_SIZE || from.socket.relay === undefined) return null
  return from.watched || from.ended ? null : from
}

/**
 * Move all that the parser is owed: the rest of a body, or of a chunk, which goes on as one chunk. When the sender ends
 * before that, {@link Messages.next} says so. @throws Failure client-left, origin-left
 */
export async function relay(from: Messages, to: Outbox, waiting: RelayWaiting): Promise<void> {
  const { parser, socket } = from
  const { chunked } = to
  if (chunked) writeChunkSize(to.writer, parser.owed)
  const flushed = to.flush()
  if (flushed !== undefined) {
    waiting('sink')
    await flushed
  }
  try {
    while (parser.owed > 0) {
      const moved = await socket.relay!(to.socket, Math.min(parser.owed, RELAY_PIECE), waiting)
      if (moved === 0) {
        from.end()
        return
      }
      from.passed(moved)
      to.sent += moved
    }
  } catch (error) {
    throw new Failure(error instanceof SinkFailure ? to.blame : from.blame, machineWords(error))
  }
  if (chunked) writeChunkEnd(to.writer)
}
