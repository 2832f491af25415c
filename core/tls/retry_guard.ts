/**
 * What follows a ClientHello that was judged by its server name. The server may ask for a second one with a HelloRetryRequest
 * (RFC 8446 4.1.4), and goes by the name in that, which has to be the same (4.1.2): so nobody may say one name to be judged by,
 * and another one to be served.
 *
 * Bytes are looked at as they pass, until the server has answered the first ClientHello with something else, or the second one
 * is known. Only the second one is held back, until it is whole.
 */

import { ByteWriter } from '../bytes/writer.ts'
import { HelloReader } from './client_hello.ts'

const RECORD_HEADER = 5

// RFC 8446 B.1, B.3
const ALERT = 21
const HANDSHAKE = 22
const SERVER_HELLO = 2

/** Where `random` is in a ServerHello: after the header of the message, and the version. */
const RANDOM = 6
/** The random of a HelloRetryRequest, which is a ServerHello otherwise (RFC 8446 4.1.3): SHA-256 of its name. */
const RETRY = Uint8Array.of(
  ...[0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91],
  ...[0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c],
)

const NOTHING: Uint8Array = new Uint8Array(0)

/** Where records begin and end (RFC 8446 5.1). */
class Records {
  /** Of the record that was passed last, or its first byte. */
  type = 0
  /** What is still to come of the fragment in it; 0: its header is to come, or the rest of that. */
  left = 0
  #header = 0
  #size = 0

  /** Past a byte of a header, or what is here of a fragment. Gives where that ends. */
  pass(bytes: Uint8Array, at: number): number {
    if (this.left > 0) {
      const size = Math.min(this.left, bytes.length - at)
      this.left -= size
      return at + size
    }
    const place = this.#header++
    if (place === 0) this.type = bytes[at]
    // Two bytes of version, which say nothing, and two of size.
    this.#size = (this.#size << 8 | bytes[at]) & 0xffff
    if (place === RECORD_HEADER - 1) {
      this.left = this.#size
      this.#header = 0
    }
    return at + 1
  }
}

export class RetryGuard {
  /** Nothing that comes now is looked at: both ways are free. */
  done = false
  /** Nothing of what the client says goes on any more. Others may say so, too. */
  refused = false
  readonly #first: HelloReader
  readonly #second = new HelloReader()
  /** The first ClientHello is on its way, and the server has asked for another. */
  #begun = false
  #again = false
  readonly #up = new Records()
  readonly #down = new Records()
  /** How much of its first message the server has sent. */
  #answered = 0
  /** The second ClientHello, as far as it has come. */
  readonly #held = new ByteWriter(0)

  /** `first` need not have come yet. */
  constructor(first: HelloReader) {
    this.#first = first
  }

  /**
   * Bytes of the client, lent until it returns; all of the first ClientHello is in the first ones. Gives what goes on now, good
   * until the next call: of these, and of what was held back. Nothing once it is `refused`.
   */
  up(bytes: Uint8Array): Uint8Array {
    if (this.refused) return NOTHING
    if (this.#held.length > 0) return this.#hello(bytes, 0)
    const records = this.#up
    let at = 0
    if (!this.#begun) {
      this.#begun = true
      const { facts, size, left } = this.#first
      this.done = !facts.tls
      at = size
      records.type = HANDSHAKE
      records.left = left
    }
    while (!this.done && !this.refused && at < bytes.length) {
      const inside = records.left > 0
      const next = records.pass(bytes, at)
      if (records.type === HANDSHAKE) {
        // Until the server has answered, and in the record of the first ClientHello, nobody has more to say.
        if (this.#again && !inside) return this.#hello(bytes, at)
        this.refused = true
      }
      at = next
    }
    return this.refused ? NOTHING : bytes
  }

  /** Bytes of the server, lent until it returns: all of them go on. */
  down(bytes: Uint8Array): void {
    const records = this.#down
    let at = 0
    while (this.#begun && !this.#again && !this.done && at < bytes.length) {
      const inside = records.left > 0
      const next = records.pass(bytes, at)
      if (records.type === HANDSHAKE) {
        if (inside) this.#answer(bytes, at, next)
      } else if (records.type !== ALERT) {
        // A warning may come before the answer, but nothing else.
        this.done = true
      }
      at = next
    }
  }

  /** The client has ended: gives what was held back, half a ClientHello, which nobody can finish. */
  ended(): Uint8Array {
    this.done = true
    return this.#held.view()
  }

  /** Of the first message of the server. */
  #answer(bytes: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to && !this.#again; at++) {
      const place = this.#answered++
      const asks = place === 0 ? bytes[at] === SERVER_HELLO : place < RANDOM || bytes[at] === RETRY[place - RANDOM]
      if (!asks) {
        this.done = true
        return
      }
      this.#again = place === RANDOM + RETRY.length - 1
    }
  }

  /** Of the second ClientHello, from the header of its first record on. */
  #hello(bytes: Uint8Array, from: number): Uint8Array {
    const whole = this.#second.feed(bytes.subarray(from)) === 'done'
    if (whole && !this.#same()) {
      this.refused = true
      return NOTHING
    }
    this.done = whole
    const held = this.#held
    if (whole && held.length === 0) return bytes
    held.put(bytes, from)
    return whole ? held.view() : bytes.subarray(0, from)
  }

  #same(): boolean {
    const { sni, ech } = this.#first.facts
    const again = this.#second.facts
    return again.tls && again.sni === sni && (ech || !again.ech)
  }
}
