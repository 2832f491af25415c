/** A connection to an ICAP service: what reads from it, what writes to it, and its one deadline. */

import { Failure } from '../failure.ts'
import { IcapParser } from '../icap/parser.ts'
import type { Socket } from '../runtime.ts'
import type { Timed } from './deadlines.ts'
import { machineWords } from './machine_words.ts'
import { Outbox } from './outbox.ts'

type Pulled = IteratorResult<Uint8Array, void>

export class IcapConnection implements Timed {
  readonly socket: Socket
  readonly parser = new IcapParser('response')
  readonly outbox: Outbox
  deadline = 0
  slot = -1
  /** It was used before, so that it may have died meanwhile without anybody's fault. */
  reused = false
  /** It waits for its next request. */
  idle = false
  /** The service was silent for too long. */
  late = false
  readonly #discard: (connection: IcapConnection) => void
  #pull: Promise<Pulled> | null = null
  #ended = false
  readonly #stirred = (): void => {
    // Bytes nobody asked for, the end, or a reset: of no use any more.
    if (this.idle) this.#discard(this)
  }

  /** `discard`: called when nothing more can come of it while it is idle. */
  constructor(socket: Socket, discard: (connection: IcapConnection) => void) {
    this.socket = socket
    this.#discard = discard
    this.outbox = new Outbox(socket, 'origin-left')
  }

  /** Nobody waits for it: hear of its end all the same. */
  rest(): void {
    this.parser.restart()
    if (this.socket.watch !== undefined) this.socket.watch(this.#stirred)
    else if (this.#pull === null) {
      this.#pull = this.socket.next()
      this.#pull.then(this.#stirred, this.#stirred)
    }
  }

  /** Wait for more bytes after `need-data`. @throws Failure origin-left when the connection broke, or ended already */
  async refill(): Promise<void> {
    // Between two messages an end is no failure to the parser; here an answer is owed.
    if (this.#ended) throw new Failure('origin-left')
    let pulled: Pulled
    try {
      const pull = this.#pull ?? this.socket.next()
      this.#pull = null
      pulled = await pull
    } catch (error) {
      throw new Failure('origin-left', machineWords(error))
    }
    if (pulled.done === true) {
      this.#ended = true
      this.parser.finish()
    } else this.parser.feed(pulled.value)
  }

  expired(): void {
    if (this.idle) this.#discard(this)
    else {
      this.late = true
      this.socket.abort()
    }
  }
}
