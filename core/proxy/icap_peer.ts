/** The connection of an ICAP client, another proxy that asks us: what belongs to it, and its one deadline. */

import { Failure, type FailureCode } from '../failure.ts'
import type { Timed } from '../flow/deadlines.ts'
import { machineWords } from '../flow/machine_words.ts'
import { Outbox } from '../flow/outbox.ts'
import { standstill } from '../flow/standstill.ts'
import type { Head } from '../http/head.ts'
import { type IcapEvent, IcapParser } from '../icap/parser.ts'
import { LINGER_TIME } from '../limits.ts'
import type { Socket } from '../runtime.ts'
import type { Waits } from './client.ts'
import { writeIcapFailure } from './icap_reply.ts'
import { type Arrival, arrived } from './arrival.ts'
import { addressOf, type Connected, type ListenerContext } from './listener.ts'
import type { Petition } from './petition.ts'
import type { Proxy } from './proxy.ts'
import { ExchangeRecord } from './record.ts'

type Pulled = IteratorResult<Uint8Array, void>

function nothing(): void {}

/** What it waits for is said in the words of {@link Waits}: of those, `request`, `head`, `body`, `decide`, `origin`, `reader`, `end`. */
export class IcapPeer implements Timed, Connected {
  readonly proxy: Proxy
  readonly listener: ListenerContext
  readonly arrival: Arrival
  readonly socket: Socket
  readonly parser = new IcapParser('request')
  readonly outbox: Outbox
  readonly record = new ExchangeRecord()
  readonly tunnel = null
  deadline = 0
  slot = -1
  waits: Waits = 'request'
  /** The exchange is over because of this, whatever else ends by it. */
  late: Failure | null = null
  /** The connection may serve another request. */
  reusable = true
  /** The client has ended: what is here is all there will be. */
  ended = false
  /** What came is no ICAP: nothing that follows can be understood. */
  broken = false
  /** The final answer has been written. */
  answered = false
  petition: Petition | null = null
  /** How long is waited, milliseconds. */
  #patience = 0
  #sentBefore = 0
  #received = 0
  #bytesIn = 0
  #bytesOut = 0
  #countedIn = 0
  #countedOut = 0
  #began = 0
  #pull: Promise<Pulled> | null = null
  /** Somebody waits for bytes, whatever the deadline is about: a body may be read while others decide. */
  #refilling = false
  readonly #left = (): void => this.giveUp(new Failure('client-left'))

  constructor(proxy: Proxy, listener: ListenerContext, socket: Socket, arrival = arrived(socket)) {
    this.arrival = arrival
    this.proxy = proxy
    this.listener = listener
    this.socket = socket
    this.outbox = new Outbox(socket, 'client-left')
    this.record.client = addressOf(arrival)
    this.record.uniqueId = arrival.uniqueId
    this.record.tls = arrival.tls
    this.record.listener = listener.settings.name
    proxy.deadlines.add(this)
    if (arrival.rest.length > 0) this.#pull = Promise.resolve({ done: false, value: arrival.rest })
  }

  /** Wait for this from now on, and for `ms` at most; 0: without limit. */
  wait(on: Waits, ms: number): void {
    this.waits = on
    this.#patience = ms
    this.deadline = ms === 0 ? 0 : this.proxy.deadlines.after(ms)
  }

  /** What comes next of what is here. @throws Failure when it is no ICAP */
  next(): IcapEvent {
    try {
      return this.parser.next()
    } catch (error) {
      this.distrust()
      throw error
    }
  }

  /** What came makes no sense, and so does what follows. */
  distrust(): void {
    this.broken = true
    this.reusable = false
  }

  /** The next bytes, on their way: those that were asked for already, to hear of an end. A rejection is the socket's own. */
  pull(): Promise<Pulled> {
    const pull = this.#pull ?? this.socket.next()
    this.#pull = null
    return pull
  }

  /** Wait for more bytes. @throws Failure client-left, or what was missed */
  async refill(): Promise<void> {
    let pulled: Pulled
    this.#refilling = true
    try {
      pulled = await this.pull()
    } catch (error) {
      this.reusable = false
      throw this.late ?? new Failure('client-left', machineWords(error))
    } finally {
      this.#refilling = false
    }
    if (this.late !== null) throw this.late
    if (pulled.done === true) {
      this.ended = true
      this.parser.finish()
      return
    }
    this.#received += pulled.value.length
    this.parser.feed(pulled.value)
  }

  /** Send what was gathered. @throws Failure client-left, or what was missed */
  async flush(): Promise<void> {
    const taken = this.outbox.flush()
    if (taken !== undefined) await this.taking(taken)
  }

  /** The client has not taken yet what was written: wait for it, as long as an idle connection may last. */
  async taking(taken: Promise<void>): Promise<void> {
    this.wait('reader', this.listener.settings.idle_timeout)
    await taken
    if (this.late !== null) throw this.late
  }

  /** An exchange begins; `head` is that of the HTTP request, where there is one. */
  begin(head: Head | null): void {
    const { proxy, record } = this
    this.#began = proxy.clock.now()
    record.reset(this.#began + proxy.epoch)
    record.client = addressOf(this.arrival)
    record.request = head
    this.late = null
    this.answered = false
  }

  /** From here on what is written is the answer. */
  answering(): void {
    this.answered = true
    this.#sentBefore = this.outbox.sent
  }

  /** The answer has begun to go out, so that no other may. */
  get begun(): boolean {
    return this.answered && this.outbox.sent > this.#sentBefore
  }

  /** The exchange is over: the record is complete, and may be written. */
  finish(): void {
    this.measure()
    this.record.total = this.proxy.clock.now() - this.#began
    this.proxy.statistics.record(this.record)
    this.listener.exchanges++
  }

  /** What has passed is this exchange's, and not the next one's. */
  measure(): void {
    const { record, outbox } = this
    // What is here of a next request already is not of this one.
    const received = this.#received - this.parser.left
    record.bytesIn += received - this.#bytesIn
    record.bytesOut += outbox.sent - this.#bytesOut
    this.#bytesIn = received
    this.#bytesOut = outbox.sent
    this.count()
  }

  count(): void {
    const { listener, outbox } = this
    listener.received += this.#received - this.#countedIn
    listener.sent += outbox.sent - this.#countedOut
    this.#countedIn = this.#received
    this.#countedOut = outbox.sent
  }

  /** Give up what is under way because of `failure`: whoever waits hears of it. */
  giveUp(failure: Failure): void {
    if (this.outbox.writing) this.socket.abort()
    if (this.late !== null) return
    this.late = failure
    this.petition?.abandon()
  }

  expired(): void {
    const left = this.waits === 'reader' ? this.#patience - standstill(this.socket) : 0
    if (left > 0) {
      this.deadline = this.proxy.deadlines.after(left)
      return
    }
    this.proxy.statistics.missed(this.waits)
    switch (this.waits) {
      case 'head':
        this.#tooLate(new Failure('head-timeout'))
        return
      case 'body':
        this.#tooLate(new Failure('body-timeout'))
        return
      case 'origin':
        this.giveUp(new Failure('origin-idle'))
        return
      case 'reader':
        this.giveUp(new Failure('client-left', 'it stopped reading'))
        this.socket.abort()
        return
      default:
        this.socket.close()
    }
  }

  /** The client is waited for and does not send: told so at once, for its coroutine waits for bytes. */
  #tooLate(failure: Failure): void {
    this.reusable = false
    if (this.begun || this.outbox.writing) {
      this.giveUp(failure)
      // Half an answer must not look whole.
      this.socket.abort()
      return
    }
    if (this.waits === 'head') this.begin(null)
    this.giveUp(failure)
    this.outbox.discard()
    writeIcapFailure(this, failure)
    try {
      const taken = this.outbox.flush()
      if (taken !== undefined) taken.catch(nothing)
      this.socket.end()
    } catch {
      this.socket.close()
    }
    this.wait('end', LINGER_TIME)
  }

  /** While others decide, hear of a client that breaks off: nobody else reads from it then. */
  swept(): void {
    if (this.waits !== 'decide' && this.waits !== 'origin') return
    if (this.#pull !== null || this.#refilling || this.ended || this.parser.buffered) return
    this.#pull = this.socket.next()
    this.#pull.then(nothing, this.#left)
  }

  drain(): void {
    if (this.waits === 'request') this.socket.close()
    this.reusable = false
  }

  /** Ready for the next request; false when there may be none on this connection. */
  again(): boolean {
    this.petition?.release()
    this.petition = null
    if (!this.reusable || (this.ended && !this.parser.buffered)) return false
    this.late = null
    this.parser.restart()
    return true
  }

  close(why: FailureCode = 'client-left'): void {
    if (this.slot === -1) return
    this.count()
    this.listener.dismiss(this)
    this.proxy.deadlines.remove(this)
    if (this.waits === 'decide' || this.waits === 'origin') this.giveUp(new Failure(why))
    this.outbox.discard()
    this.socket.close()
    this.petition?.release()
    this.petition = null
  }
}
