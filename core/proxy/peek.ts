/**
 * What a client says first inside a tunnel, held back until it has been judged: a ClientHello has the server's name in it, in
 * the clear. Not a byte of it goes to the origin before.
 */

import { toBytes } from '../bytes/ascii.ts'
import { ByteWriter } from '../bytes/writer.ts'
import { Failure } from '../failure.ts'
import type { Messages } from '../flow/messages.ts'
import { machineWords } from '../flow/machine_words.ts'
import { PEEK_SILENCE, PEEK_TIME } from '../limits.ts'
import { HelloReader } from '../tls/client_hello.ts'
import { RetryGuard } from '../tls/retry_guard.ts'
import type { TlsFacts } from '../filter/subject.ts'
import type { Client } from './client.ts'

type Pulled = IteratorResult<Uint8Array, void>

/**
 * A fatal alert, unrecognized_name (RFC 6066 3, RFC 8446 6), in a record as servers send it before they know the version. Of
 * those that say no it is the one that people understand: Chromium shows ERR_SSL_UNRECOGNIZED_NAME_ALERT, but for
 * access_denied ERR_SSL_PROTOCOL_ERROR, and for handshake_failure ERR_SSL_VERSION_OR_CIPHER_MISMATCH, and tries those again.
 */
export const REFUSED_NAME: Uint8Array = toBytes('\x15\x03\x01\x00\x02\x02\x70')

/** A fatal alert, illegal_parameter: what a server says to a second ClientHello that is not as the first (RFC 8446 4.1.2). */
export const OTHER_HELLO: Uint8Array = toBytes('\x15\x03\x03\x00\x02\x02\x2f')

/** A fatal alert, internal_error: nothing is wrong with the name, but the server cannot be reached. Browsers try it again. */
export const INTERNAL_ERROR: Uint8Array = toBytes('\x15\x03\x01\x00\x02\x02\x50')

export class Peek {
  readonly #client: Client
  readonly #messages: Messages
  readonly #reader = new HelloReader()
  /** All that has come. */
  #kept = new ByteWriter(0)
  /** Of that, what came since the parser had the last word. */
  #pulled = 0
  #silent = false
  #wake: (() => void) | null = null

  constructor(client: Client) {
    this.#client = client
    this.#messages = client.messages
  }

  get facts(): TlsFacts {
    return this.#reader.facts
  }

  /** Why what began as TLS cannot be judged; empty: it can, or is no TLS. */
  get unreadable(): string {
    return this.#reader.unreadable === '' ? '' : `the ClientHello is ${this.#reader.unreadable}`
  }

  /** The client knows alerts. */
  get speaksTls(): boolean {
    return this.facts.tls || this.#reader.unreadable !== ''
  }

  /** What looks after the rest of the handshake; `null`: it is no TLS, and will be none. */
  guard(): RetryGuard | null {
    return this.#silent || this.facts.tls ? new RetryGuard(this.#reader) : null
  }

  /** The client lets the server speak first: what it says then is still to be looked at, with {@link later}. */
  get silent(): boolean {
    return this.#silent
  }

  /**
   * Read until it is known what it is: until the end of a ClientHello, or the first byte that none has, or until the client
   * has been silent for too long. What is pulled already and not needed waits for the next one who pulls.
   * @throws Failure client-left, tunnel-idle
   */
  async look(): Promise<void> {
    const client = this.#client
    client.peek = this
    try {
      // It may have come together with the head.
      const first = this.#messages.parser.rest()
      client.wait('hello', first.length === 0 ? PEEK_SILENCE : PEEK_TIME)
      await this.#readOn(first)
    } finally {
      client.peek = null
    }
  }

  /**
   * The same of a client that is to speak first: until the end of a ClientHello, the first byte that none has, or its end.
   * @throws Failure client-left, head-timeout
   */
  async greeting(): Promise<void> {
    const client = this.#client
    const { idle_timeout, head_timeout } = client.listener.settings
    const first = this.#messages.parser.rest()
    if (first.length === 0) client.wait('request', idle_timeout)
    else client.wait('head', head_timeout)
    await this.#readOn(first)
  }

  /** From what has come already until it is known what it is. @throws Failure client-left, or what the client is late with */
  async #readOn(first: Uint8Array): Promise<void> {
    const client = this.#client
    try {
      let more = this.#take(first)
      while (more === 'more') {
        more = await this.#read()
        if (client.late !== null) throw client.late
      }
    } catch (error) {
      throw client.late ?? new Failure('client-left', machineWords(error))
    }
  }

  /** How many bytes have come. */
  get size(): number {
    return this.#kept.length
  }

  /** The deadline was missed. */
  expired(): void {
    if (this.#kept.length === 0) {
      this.#silent = true
      this.#wake?.()
      return
    }
    // Half a ClientHello is none, and what follows it would make it one.
    this.#client.giveUp(new Failure('tunnel-idle'))
    this.#client.socket.close()
  }

  /**
   * After silence: the first bytes that the client sends after all, or its end, as a pull of the socket would give them; where
   * they are TLS, once they are judged.
   */
  async later(judge: () => Promise<void>): Promise<Pulled> {
    this.#silent = false
    while (await this.#read() === 'more');
    const bytes = this.handOver()
    if (bytes.length === 0) return { done: true, value: undefined }
    if (this.speaksTls) await judge()
    return { done: false, value: bytes }
  }

  /** What has come, for the tunnel, which sends and counts it. Here it is forgotten: a tunnel may last for days. */
  handOver(): Uint8Array {
    const { bytes, length } = this.#kept
    this.#kept = new ByteWriter(0)
    this.#messages.received -= this.#pulled
    this.#pulled = 0
    return bytes.subarray(0, length)
  }

  #take(bytes: Uint8Array): 'more' | 'done' {
    this.#kept.put(bytes)
    return this.#reader.feed(bytes)
  }

  /** @throws SystemFailure of the socket. */
  async #read(): Promise<'more' | 'done'> {
    const client = this.#client
    const pull = this.#messages.pull()
    const pulled = await this.#orSilence(pull)
    if (pulled === null || pulled.done === true) {
      // Whoever pulls next hears of it, too.
      this.#messages.putBack(pull)
      if (pulled !== null) this.#reader.end()
      return 'done'
    }
    const { value } = pulled
    if (this.#kept.length === 0) {
      if (client.waits === 'hello') client.wait('hello', PEEK_TIME)
      else if (client.waits === 'request') client.wait('head', client.listener.settings.head_timeout)
    }
    this.#messages.received += value.length
    this.#pulled += value.length
    return this.#take(value)
  }

  /** What the pull gives; `null`: nothing for too long. */
  async #orSilence(pull: Promise<Pulled>): Promise<Pulled | null> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      pull.then(() => resolve(), () => resolve())
    })
    this.#wake = null
    return this.#silent ? null : await pull
  }
}
