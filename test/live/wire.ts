/**
 * One end of a TCP connection, as raw bytes: what the raw client and the recording origin have in common. It reads
 * HTTP messages with a reader of its own, written apart from core/http so that both cannot be wrong in the same way.
 */

import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { shown, within } from './waiting.ts'

export type Field = readonly [name: string, value: string]

/** A message as it came. `complete`: its framing said where it ends and that point was reached. */
export interface Message {
  readonly line: string
  readonly fields: Field[]
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  body: Buffer
  trailers: Field[]
  complete: boolean
}

/** What is known of a message's body before it comes: `bodiless` after HEAD, CONNECT, 1xx, 204, 304. */
export type Kind = 'request' | 'response' | 'bodiless'

export class Wire {
  readonly socket: Socket
  /** `end`: the peer finished; `reset`: it broke off. Bytes that came before are still to be read. */
  state: 'open' | 'end' | 'reset' = 'open'
  /** Every byte that ever came, as long as `keep` is true. */
  readonly #all: Buffer[] = []
  keep = true
  /** Bytes that came in all. */
  received = 0
  /** Send in pieces of one byte (larger ones past the first 4 KB), each its own packet. */
  dribbles = false
  /** What was sent and seen, for the report of a failed test. */
  readonly name: string

  #waiting: Buffer[] = []
  #size = 0
  #wake: (() => void)[] = []
  #sending: Promise<void> = Promise.resolve()

  constructor(socket: Socket, name: string) {
    this.socket = socket
    this.name = name
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.length
      if (this.keep) this.#all.push(chunk)
      this.#waiting.push(chunk)
      this.#size += chunk.length
      this.#changed()
    })
    socket.on('end', () => this.#finished('end'))
    socket.on('error', () => this.#finished('reset'))
    socket.on('close', (broken) => this.#finished(broken ? 'reset' : 'end'))
  }

  #finished(state: 'end' | 'reset'): void {
    if (this.state !== 'reset' && (this.state === 'open' || state === 'reset')) this.state = state
    this.#changed()
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }

  /** Everything that came, read or not. */
  get all(): Buffer {
    return Buffer.concat(this.#all)
  }

  /** What came and was not read. */
  get unread(): Buffer {
    return this.#joined()
  }

  #joined(): Buffer {
    if (this.#waiting.length > 1) this.#waiting = [Buffer.concat(this.#waiting)]
    return this.#waiting[0] ?? Buffer.alloc(0)
  }

  #take(count: number): Buffer {
    const bytes = this.#joined()
    this.#waiting = count < bytes.length ? [bytes.subarray(count)] : []
    this.#size = bytes.length - count
    return bytes.subarray(0, count)
  }

  /** Waits until something came, or the connection ended. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve))
  }

  /** True when `ready` holds; false when the connection ended first. */
  async #until(ready: () => boolean, what: string): Promise<boolean> {
    const wait = async () => {
      while (!ready()) {
        if (this.state !== 'open') return false
        await this.change()
      }
      return true
    }
    return await within(wait(), `${this.name}: ${what}`, () => `"${shown(this.unread)}", ${this.state}`)
  }

  /** Exactly `count` bytes, or what came before the end. */
  async bytes(count: number, what = `${count} bytes`): Promise<Buffer> {
    await this.#until(() => this.#size >= count, what)
    return this.#take(Math.min(count, this.#size))
  }

  /** Bytes up to and with `end`; null when the connection ended first. */
  async through(end: string, what = `"${shown(end)}"`): Promise<Buffer | null> {
    if (!await this.#until(() => this.#joined().includes(end), what)) return null
    return this.#take(this.#joined().indexOf(end) + end.length)
  }

  /** All bytes to the end of the connection, and how it ended. */
  async toEnd(what = 'the end of the connection'): Promise<Buffer> {
    await this.#until(() => this.state !== 'open', what)
    return this.#take(this.#size)
  }

  /** Takes `count` bytes without keeping them: for large bodies. Gives the count that came. */
  async skip(count: number, each: (chunk: Buffer) => void = () => {}): Promise<number> {
    let left = count
    while (left > 0) {
      if (this.#size === 0 && !await this.#until(() => this.#size > 0, `${left} more bytes`)) break
      const chunk = this.#take(Math.min(left, this.#size))
      each(chunk)
      left -= chunk.length
    }
    return count - left
  }

  /** The head of the next message, its body still to be read; null when the connection ended between messages. */
  async head(kind: Kind): Promise<Message | null> {
    const bytes = await this.through('\r\n\r\n', 'a whole head')
    if (bytes === null) {
      if (this.#size === 0) return null
      throw new Error(`${this.name}: the connection ended inside a head: "${shown(this.unread)}"`)
    }
    const [line = '', ...rest] = bytes.toString('latin1').slice(0, -4).split('\r\n')
    const fields = rest.map(toField)
    return { line, fields, framing: framing(kind, line, fields), body: Buffer.alloc(0), trailers: [], complete: false }
  }

  /** The body of a message whose head came; `complete` says whether it was whole. */
  async body(message: Message): Promise<Message> {
    switch (message.framing) {
      case 'none':
        message.complete = true
        break
      case 'length': {
        const length = Number(valuesOf(message, 'content-length')[0])
        message.body = await this.bytes(length, `a body of ${length} bytes`)
        message.complete = message.body.length === length
        break
      }
      case 'close':
        message.body = await this.toEnd()
        message.complete = this.state === 'end'
        break
      case 'chunked':
        await this.#chunks(message)
    }
    return message
  }

  async #chunks(message: Message): Promise<void> {
    const parts: Buffer[] = []
    try {
      for (;;) {
        const line = await this.through('\r\n', 'a chunk size')
        if (line === null) return
        const text = line.toString('latin1').slice(0, -2)
        if (!/^[0-9a-fA-F]+$/.test(text)) throw new Error(`${this.name}: "${shown(text)}" is not a bare chunk size`)
        const size = parseInt(text, 16)
        if (size === 0) break
        const data = await this.bytes(size + 2, `a chunk of ${size} bytes`)
        parts.push(data.subarray(0, size))
        if (data.length < size + 2) return
        if (data.subarray(size).toString('latin1') !== '\r\n') throw new Error(`${this.name}: no CRLF after a chunk`)
      }
      for (;;) {
        const line = await this.through('\r\n', 'the end of the trailers')
        if (line === null) return
        if (line.length === 2) break
        message.trailers.push(toField(line.toString('latin1').slice(0, -2)))
      }
      message.complete = true
    } finally {
      message.body = Buffer.concat(parts)
    }
  }

  /** The next message, whole (or as far as it came). */
  async message(kind: Kind): Promise<Message | null> {
    const message = await this.head(kind)
    return message === null ? null : await this.body(message)
  }

  /** Sends bytes; settles when the machine took them. A peer that closed is no error here: reading tells. */
  async send(bytes: Uint8Array | string): Promise<void> {
    const whole = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes)
    this.#sending = this.#sending.then(() => this.#send(whole))
    await this.#sending
  }

  async #send(whole: Buffer): Promise<void> {
    if (!this.dribbles) return await this.#write(whole)
    for (let from = 0; from < whole.length;) {
      const to = from < DRIBBLED_SINGLY ? from + 1 : from + DRIBBLED_PIECE
      await this.#write(whole.subarray(from, to))
      // Lets the event loop turn, so that the peer has a chance to read before the next byte comes.
      await new Promise((resolve) => setImmediate(resolve))
      from = to
    }
  }

  #write(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      if (this.socket.destroyed || this.socket.writableEnded) return resolve()
      this.socket.write(bytes, () => resolve())
    })
  }

  /** No more will be sent. */
  end(): void {
    this.socket.end()
  }

  close(): void {
    this.socket.destroy()
  }

  reset(): void {
    this.socket.resetAndDestroy()
    this.#finished('reset')
  }

  /** Settles when the peer finished, one way or another: `end` or `reset`. */
  async finished(): Promise<'open' | 'end' | 'reset'> {
    await this.#until(() => this.state !== 'open', 'the end of the connection')
    return this.state
  }
}

/** How much of a message is sent byte by byte; past it, pieces of an odd size. */
const DRIBBLED_SINGLY = 2048
const DRIBBLED_PIECE = 997

function toField(line: string): Field {
  const colon = line.indexOf(':')
  if (colon < 1) throw new Error(`"${shown(line)}" is not a field`)
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]
}

/** Values of the fields of that name (lower case), in order. */
export function valuesOf(message: { readonly fields: readonly Field[] }, name: string): string[] {
  return message.fields.filter(([n]) => n.toLowerCase() === name).map(([, value]) => value)
}

/** The first value of that name; '' when there is none. */
export function valueOf(message: { readonly fields: readonly Field[] }, name: string): string {
  return valuesOf(message, name)[0] ?? ''
}

export function statusOf(message: Message | null): number {
  if (message === null) throw new Error('the connection ended without an answer')
  return Number(/^HTTP\/1\.[01] (\d{3}) /.exec(message.line)?.[1] ?? Number.NaN)
}

function framing(kind: Kind, line: string, fields: readonly Field[]): Message['framing'] {
  if (kind === 'bodiless') return 'none'
  const status = kind === 'response' ? Number(line.slice(9, 12)) : 0
  if (kind === 'response' && (status < 200 || status === 204 || status === 304)) return 'none'
  if (kind === 'request' && line.startsWith('CONNECT ')) return 'none'
  const codings = valuesOf({ fields }, 'transfer-encoding')
  const lengths = valuesOf({ fields }, 'content-length')
  if (codings.length > 0 && lengths.length > 0) throw new Error(`"${shown(line)}": both framings`)
  if (codings.length > 0) {
    if (codings.join() !== 'chunked') throw new Error(`"${shown(line)}": Transfer-Encoding: ${codings.join()}`)
    return 'chunked'
  }
  if (lengths.length > 1 || (lengths.length === 1 && !/^\d+$/.test(lengths[0]))) {
    throw new Error(`"${shown(line)}": Content-Length: ${lengths.join()}`)
  }
  if (lengths.length === 1) return 'length'
  return kind === 'request' ? 'none' : 'close'
}
