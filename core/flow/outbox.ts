/** What goes out on a connection: small pieces are gathered into one write, large ones pass by without a copy. */

import { ByteWriter } from '../bytes/writer.ts'
import { Failure } from '../failure.ts'
import { writeChunkEnd, writeChunkSize, writeLastChunk } from '../http/body.ts'
import type { Head } from '../http/head.ts'
import { GATHER_SIZE } from '../limits.ts'
import type { Socket } from '../runtime.ts'
import { machineWords } from './machine_words.ts'

/** Writers kept for the next user, no more than this: what a burst needed is given back to the collector. */
const WRITERS_KEPT = 64
const writers: ByteWriter[] = []

function takeWriter(): ByteWriter {
  return writers.pop() ?? new ByteWriter(GATHER_SIZE)
}

function giveWriter(writer: ByteWriter): void {
  // One that grew for a giant head would hold on to its memory for good.
  if (writers.length < WRITERS_KEPT && writer.bytes.length <= 2 * GATHER_SIZE) {
    writer.clear()
    writers.push(writer)
  }
}

export class Outbox {
  readonly socket: Socket
  /** Bytes given to the socket, heads included. */
  sent = 0
  /** The body under way goes out in chunks. */
  chunked = false
  /** A write is under way: the other side does not read as fast as we write. */
  writing = false
  /** What it is when the connection breaks. */
  readonly blame: 'client-left' | 'origin-left'
  #writer: ByteWriter | null = null

  constructor(socket: Socket, blame: 'client-left' | 'origin-left') {
    this.socket = socket
    this.blame = blame
  }

  /** To write heads and small pieces into; they go out at the next flush. */
  get writer(): ByteWriter {
    return (this.#writer ??= takeWriter())
  }

  /** Body bytes, borrowed until it settles. @throws Failure client-left or origin-left when the connection broke. */
  data(chunk: Uint8Array, from: number, to: number): Promise<void> | void {
    const size = to - from
    const writer = this.writer
    if (this.chunked) writeChunkSize(writer, size)
    if (writer.length + size <= GATHER_SIZE) {
      writer.put(chunk, from, to)
      if (this.chunked) writeChunkEnd(writer)
      return
    }
    const gathered = this.flush()
    const bytes = from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to)
    if (gathered !== undefined) return gathered.then(() => this.#large(bytes))
    return this.#large(bytes)
  }

  /** The end of a body. `trailers` go out only in chunks. */
  finish(trailers: Head | null): void {
    if (this.chunked) writeLastChunk(this.writer, trailers)
    this.chunked = false
  }

  /** Send what was gathered. Nothing may be written until it settles. @throws Failure like {@link data}. */
  flush(): Promise<void> | void {
    const writer = this.#writer
    if (writer === null) return
    this.#writer = null
    if (writer.length === 0) {
      giveWriter(writer)
      return
    }
    return this.#send(writer.bytes, writer.length, writer)
  }

  /** Forget what was gathered and not sent. */
  discard(): void {
    if (this.#writer !== null) giveWriter(this.#writer)
    this.#writer = null
    this.chunked = false
  }

  #large(bytes: Uint8Array): Promise<void> | void {
    if (this.chunked) writeChunkEnd(this.writer)
    return this.#send(bytes, bytes.length, null)
  }

  /** `writer`: whose bytes they are, given back when they are taken. */
  #send(bytes: Uint8Array, size: number, writer: ByteWriter | null): Promise<void> | void {
    this.sent += size
    let taken: Promise<void> | void
    try {
      taken = this.socket.write(bytes, size)
    } catch (error) {
      throw new Failure(this.blame, machineWords(error))
    }
    if (taken !== undefined) return this.#settle(taken, writer)
    if (writer !== null) giveWriter(writer)
  }

  async #settle(taken: Promise<void>, writer: ByteWriter | null): Promise<void> {
    this.writing = true
    try {
      await taken
    } catch (error) {
      throw new Failure(this.blame, machineWords(error))
    } finally {
      this.writing = false
    }
    // Only a write that settled well is done with its bytes for sure.
    if (writer !== null) giveWriter(writer)
  }
}
