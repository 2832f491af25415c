/** A socket of ours as the stream that node:tls wants under it. */
import { Buffer } from 'node:buffer'
import process from 'node:process'
import { Duplex } from 'node:stream'
import type { Socket, SystemFailure } from '../../core/runtime.ts'
import { systemFailure } from './failure.ts'

/** Records and their kinds (RFC 8446 5.1). */
const HEADER = 5
const ALERT = 21
const APPLICATION_DATA = 23
/** An alert of TLS 1.3: level, description, the kind hidden behind them, and the 16 bytes that every cipher of its adds. */
const HIDDEN_ALERT = 19

/** Ciphertext that waits in either direction before its side is paused: four records. */
const WAITING = 65_536

/** Written behind what waits, to hear when that is gone. */
const NOTHING = new Uint8Array(0)

type Done = (error?: Error | null) => void

export class Wire extends Duplex {
  readonly socket: Socket
  /** What broke the connection, before TLS could make other words of it. */
  failure: SystemFailure | null = null
  private pulling = false
  /** Above it more is wanted; but nobody reads there. */
  private wanted = false
  private held = true
  /** What had been read before. */
  private first: Buffer | null
  /** Where it is in the stream of records: bytes seen of a header, bytes of the record still to come; kind and size of it. */
  private seen = 0
  private left = 0
  private kind = 0
  private size = 0

  /** Nothing is read before {@link begin}. `first` is lent. */
  constructor(socket: Socket, first?: Uint8Array) {
    super({ allowHalfOpen: true, readableHighWaterMark: WAITING, writableHighWaterMark: WAITING })
    this.socket = socket
    this.first = first === undefined || first.length === 0 ? null : Buffer.from(first)
  }

  /** To be called once TLS is above it: what came before its first tick, and is refused, Deno's does not outlive. */
  begin(): void {
    process.nextTick(() => {
      const { first } = this
      this.first = null
      if (first !== null) this.took(first)
      this.release()
    })
  }

  /** The last that came may have been an alert, as close_notify is: whether it was only TLS itself can tell. */
  get concluded(): boolean {
    if (this.left > 0 || this.seen > 0) return false
    return this.kind === ALERT || (this.kind === APPLICATION_DATA && this.size === HIDDEN_ALERT)
  }

  /** Pull no more, although TLS would: Deno's and Bun's take all there is, whoever reads from them. */
  hold(): void {
    this.held = true
  }

  release(): void {
    this.held = false
    if (this.wanted && !this.pulling) void this.pull()
  }

  /** Nothing has broken it, and nothing waits to be written. */
  get clear(): boolean {
    return this.failure === null && this.writableLength === 0
  }

  /** Call `done` when the socket has all that was written: TLS says so of what it has only put here. */
  flushed(done: Done): void {
    if (this.writableLength === 0 || this.writableEnded) done(this.failure)
    else this.write(NOTHING, done)
  }

  override _read(): void {
    this.wanted = true
    if (!this.held && !this.pulling) void this.pull()
  }

  override _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    if (chunk.length === 0) {
      done()
      return
    }
    try {
      const taken = this.socket.write(chunk)
      if (taken === undefined) done()
      else taken.then(() => done(), (error) => this.broke(error, done))
    } catch (error) {
      this.broke(error, done)
    }
  }

  override _final(done: Done): void {
    this.socket.end()
    done()
  }

  override _destroy(error: Error | null, done: Done): void {
    this.socket.close()
    done(error)
  }

  private async pull(): Promise<void> {
    this.pulling = true
    try {
      for (;;) {
        const pulled = await this.socket.next()
        if (pulled.done === true) break
        this.wanted = false
        // The bytes are lent, and streams keep what they are given.
        if (this.took(Buffer.from(pulled.value))) this.wanted = true
        if (this.held || !this.wanted) return
      }
    } catch (error) {
      // What came before is still decrypted: TLS is told of an end, and who reads from TLS looks here.
      this.failure ??= systemFailure(error)
    } finally {
      this.pulling = false
    }
    this.push(null)
  }

  private broke(error: unknown, done: Done): void {
    this.failure ??= systemFailure(error)
    done(this.failure)
  }

  /** @returns false when no more are wanted. */
  private took(bytes: Buffer): boolean {
    this.follow(bytes)
    return this.push(bytes)
  }

  private follow(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      if (this.left > 0) {
        const passed = Math.min(this.left, bytes.length - at)
        this.left -= passed
        at += passed
        continue
      }
      const byte = bytes[at++]!
      if (this.seen === 0) this.kind = byte
      else if (this.seen === 3) this.size = byte << 8
      else if (this.seen === 4) this.size |= byte
      if (++this.seen < HEADER) continue
      this.seen = 0
      this.left = this.size
    }
  }
}
