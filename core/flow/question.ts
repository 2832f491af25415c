/** One question under way: does what its Resolution says, over sockets of its own, and tells it what came back. */

import type { Attempt, Outcome, Resolution } from '../dns/resolution.ts'
import { DNS_MESSAGE_SIZE } from '../limits.ts'
import type { Runtime, SystemFailureCode } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'

/** A message over TCP has its length in front (RFC 1035 4.2.2). */
const LENGTH_SIZE = 2

const WORDS: Partial<Record<SystemFailureCode, string>> = {
  refused: 'is not there (connection refused)',
  reset: 'closed the connection',
  unreachable: 'cannot be reached',
  'timed-out': 'did not answer',
}

/** Something was thrown that is no failure: it is for those who asked, not for the process. */
export interface Bug {
  readonly kind: 'bug'
  readonly error: unknown
}

export class Question {
  /** On the clock: when {@link advance} has something to do at the latest. */
  wake = 0
  readonly #runtime: Runtime
  readonly #resolution: Resolution
  readonly #done: (outcome: Outcome | Bug) => void
  readonly #sockets = new Map<Attempt, { close(): void }>()
  #over = false

  /** `done` is called once, perhaps from within {@link advance}; never after {@link close}. */
  constructor(runtime: Runtime, resolution: Resolution, done: (outcome: Outcome | Bug) => void) {
    this.#runtime = runtime
    this.#resolution = resolution
    this.#done = done
  }

  /** Do what is to be done now. */
  advance(): void {
    while (!this.#over) {
      const step = this.#resolution.next(this.#runtime.clock.now())
      if (step.kind === 'ask') {
        void this.#ask(step.attempt)
        continue
      }
      if (step.kind === 'wait') {
        this.wake = step.until
        this.#closeOver()
        return
      }
      this.close()
      this.#done(step.outcome)
    }
  }

  close(): void {
    this.#over = true
    this.#resolution.abandon()
    this.#closeOver()
  }

  #closeOver(): void {
    for (const [attempt, socket] of this.#sockets) {
      if (!attempt.over) continue
      this.#sockets.delete(attempt)
      socket.close()
    }
  }

  async #ask(attempt: Attempt): Promise<void> {
    try {
      if (attempt.transport === 'udp') await this.#askOverUdp(attempt)
      else await this.#askOverTcp(attempt)
    } catch (error) {
      if (attempt.over || this.#over) return
      if (!(error instanceof SystemFailure)) {
        this.close()
        this.#done({ kind: 'bug', error })
        return
      }
      const words = WORDS[error.code] ?? `could not be asked (${error.message})`
      this.#resolution.broken(attempt, words, this.#runtime.clock.now())
      this.advance()
    }
  }

  /** Until the attempt is over. The kernel picks a port of its own for each, and drops what others send there. */
  async #askOverUdp(attempt: Attempt): Promise<void> {
    const socket = await this.#runtime.datagram(attempt.server.endpoint)
    if (!this.#keep(attempt, socket)) return
    await socket.write(attempt.message)
    while (!attempt.over) {
      const { value, done } = await socket.next()
      if (done === true) return
      if (this.#resolution.heard(attempt, value, this.#runtime.clock.now())) this.advance()
    }
  }

  async #askOverTcp(attempt: Attempt): Promise<void> {
    const connecting = this.#runtime.connect(attempt.server.endpoint)
    this.#sockets.set(attempt, { close: () => connecting.cancel() })
    const socket = await connecting.socket
    if (!this.#keep(attempt, socket)) return
    const size = attempt.message.length
    const framed = new Uint8Array(LENGTH_SIZE + size)
    framed[0] = size >> 8
    framed[1] = size & 0xff
    framed.set(attempt.message, LENGTH_SIZE)
    await socket.write(framed)
    const pieces = new Uint8Array(LENGTH_SIZE + DNS_MESSAGE_SIZE)
    let count = 0
    while (!attempt.over) {
      const { value, done } = await socket.next()
      if (attempt.over) return
      if (done === true) throw new SystemFailure('reset', 'closed before the end of its answer')
      // What does not fit is past the end of any message.
      const piece = value.length > pieces.length - count ? value.subarray(0, pieces.length - count) : value
      pieces.set(piece, count)
      count += piece.length
      const end = LENGTH_SIZE + (pieces[0] << 8 | pieces[1])
      if (count < end) continue
      const heard = this.#resolution.heard(attempt, pieces.subarray(LENGTH_SIZE, end), this.#runtime.clock.now())
      // One query, one answer: a server that says something else here is confused.
      if (!heard) throw new SystemFailure('other', 'answered something else')
      this.advance()
    }
  }

  /** False, and closed, when the attempt was over before its socket was there. */
  #keep(attempt: Attempt, socket: { close(): void }): boolean {
    if (attempt.over || this.#over) {
      this.#sockets.delete(attempt)
      socket.close()
      return false
    }
    this.#sockets.set(attempt, socket)
    return true
  }
}
