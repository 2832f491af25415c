/**
 * Messages as bytes: a length (four bytes, the highest first, of what follows it), one byte for the kind, and the rest as
 * JSON; or, for lines of a log, as they are.
 */

import { ByteWriter } from '../bytes/writer.ts'
import { BUS_MESSAGE_SIZE } from '../limits.ts'
import type { Lines, LogName, Message } from './message.ts'

/** The byte of a kind is its place here. */
const KINDS: readonly Message['kind'][] = [
  'hello',
  'task',
  'ready',
  'leaving',
  'failed',
  'drain',
  'stop',
  'ask',
  'answer',
  'access',
  'diagnostics',
  'reload',
]

const LENGTH = 4
const HEAD = LENGTH + 1

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

const isLog = (kind: Message['kind']): kind is LogName => kind === 'access' || kind === 'diagnostics'

function writeHead(out: ByteWriter, kind: Message['kind'], size: number): void {
  const length = size + 1
  out.room(HEAD + size)
  out.byte(length >>> 24)
  out.byte(length >>> 16 & 0xff)
  out.byte(length >>> 8 & 0xff)
  out.byte(length & 0xff)
  out.byte(KINDS.indexOf(kind))
}

export function writeMessage(out: ByteWriter, message: Message): void {
  if (isLines(message)) {
    writeHead(out, message.kind, message.bytes.length)
    out.put(message.bytes)
    return
  }
  const { kind, ...rest } = message
  const body = encoder.encode(JSON.stringify(rest))
  writeHead(out, kind, body.length)
  out.put(body)
}

function isLines(message: Message): message is Lines {
  return isLog(message.kind)
}

/** Messages out of pieces of any size. */
export class BusDecoder {
  readonly #in = new ByteWriter(4096)
  #at = 0

  /** What came; it may be overwritten afterwards. */
  feed(chunk: Uint8Array): void {
    const buffer = this.#in
    if (this.#at > 0) {
      buffer.bytes.copyWithin(0, this.#at, buffer.length)
      buffer.length -= this.#at
      this.#at = 0
    }
    buffer.put(chunk)
  }

  /** The next whole message; null when there is none yet. @throws Error for what is no message: a bug of the other side. */
  next(): Message | null {
    const { bytes, length } = this.#in
    const left = length - this.#at
    if (left < LENGTH) return null
    const size = this.#size(bytes)
    if (size < 1 || size > BUS_MESSAGE_SIZE) throw new Error(`a message of ${size} bytes came over the bus`)
    if (left < LENGTH + size) return null
    const kind = KINDS[bytes[this.#at + LENGTH]]
    if (kind === undefined) throw new Error(`a message of kind ${bytes[this.#at + LENGTH]} came over the bus`)
    const body = bytes.subarray(this.#at + HEAD, this.#at + LENGTH + size)
    this.#at += LENGTH + size
    if (isLog(kind)) return { kind, bytes: body }
    return { ...JSON.parse(decoder.decode(body)), kind } as Message
  }

  /** Bytes of a message that is not whole. */
  get rest(): number {
    return this.#in.length - this.#at
  }

  #size(bytes: Uint8Array): number {
    const at = this.#at
    return bytes[at] * 0x1000000 + (bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3])
  }
}
