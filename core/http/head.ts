/** The head of a message: its bytes as they came, and an index into them. */

import { copy } from '../bytes/copy.ts'
import { equals, latin1 } from '../bytes/ascii.ts'
import type { FieldId } from './fields.ts'

/** How the end of a body is known (RFC 9112 6.3). `close`, of responses only: when the origin closes. */
export type Framing = 'none' | 'length' | 'chunked' | 'close'

/** What a new head has room for: requests of browsers have some 600 bytes and 15 fields, responses come with their body. */
const BYTES = 2048
const FIELDS = 32
/** A head that grew past this is not worth keeping memory for. */
const POOLED_BYTES = 8192
/** Heads kept for use again. More than are needed at once by a busy worker, and 2 MB at most. */
const POOL = 256

export class Head {
  /** The head is `bytes[0..end)`, from the start line to the empty line that ends it; what follows is left-over. */
  bytes: Uint8Array = new Uint8Array(BYTES)
  /** While the head is being read: up to where it is indexed, always a whole number of lines. */
  end = 0
  /** While the head is being read: how many bytes of it are here. */
  filled = 0

  /** Requests: the method is `bytes[0..methodEnd)`, the target `bytes[targetStart..targetEnd)`. */
  methodEnd = 0
  targetStart = 0
  targetEnd = 0
  /** HTTP/1.0 is 0; HTTP/1.1 and any later HTTP/1.x is 1 (RFC 9110 6.2). */
  minor = 1
  /** Responses: 100 to 999, and the reason `bytes[reasonStart..reasonEnd)`, often empty. */
  status = 0
  reasonStart = 0
  reasonEnd = 0

  /** Where the first field line starts. */
  fieldsStart = 0
  /** How many fields there are. */
  count = 0
  /** Four offsets a field: its name's start and end, its value's start and end (without white space around it). */
  at: Uint16Array = new Uint16Array(FIELDS * 4)
  /** What each field is, by {@link FIELD}; 0 when it is none of those. */
  ids: Uint8Array = new Uint8Array(FIELDS)
  /** Which ids there are: bit `id % 32` is set, by one field or by several. */
  present = 0
  /** 1 for a field that is not for the next hop: hop-by-hop, or named by Connection (RFC 9110 7.6.1). */
  cut: Uint8Array = new Uint8Array(FIELDS)

  framing: Framing = 'none'
  /** With framing `length`, the bytes of the body. On answers to HEAD and 304: Content-Length as information, else -1. */
  length = 0
  /** The sender lets the connection live after this message. */
  persistent = false
  /** Connection names upgrade, there is an Upgrade field, and the version is 1.1. */
  upgrade = false
  /** The client waits for 100 (Continue) before it sends the body: 1.1, with a body (RFC 9110 10.1.1). */
  expectContinue = false
  /** `TE: trailers`: trailer fields may be forwarded to this sender. */
  trailersWelcome = false

  /** The index of the first field with this id from index `from` on; -1: there is none. */
  find(id: FieldId, from = 0): number {
    // Most of what is asked for is not there.
    if ((this.present & (1 << id)) === 0) return -1
    const ids = this.ids
    for (let i = from; i < this.count; i++) {
      if (ids[i] === id) return i
    }
    return -1
  }

  /** The name of a field as it was written. */
  name(index: number): string {
    return latin1(this.bytes, this.at[index * 4], this.at[index * 4 + 1])
  }

  /** The value of a field, one character a byte. */
  value(index: number): string {
    return latin1(this.bytes, this.at[index * 4 + 2], this.at[index * 4 + 3])
  }

  /** The value of the first field with this id; `undefined` when there is none. */
  get(id: FieldId): string | undefined {
    const index = this.find(id)
    return index < 0 ? undefined : this.value(index)
  }

  method(): string {
    return latin1(this.bytes, 0, this.methodEnd)
  }

  /** The request target as it was written. */
  target(): string {
    return latin1(this.bytes, this.targetStart, this.targetEnd)
  }

  reason(): string {
    return latin1(this.bytes, this.reasonStart, this.reasonEnd)
  }

  /** Methods are case-sensitive (RFC 9110 9.1). */
  isMethod(method: string): boolean {
    return equals(this.bytes, 0, this.methodEnd, method)
  }

  /** Make room for twice as many fields. */
  growIndex(): void {
    const size = this.ids.length * 2
    const at = new Uint16Array(size * 4)
    at.set(this.at)
    this.at = at
    const ids = new Uint8Array(size)
    ids.set(this.ids)
    this.ids = ids
    const cut = new Uint8Array(size)
    cut.set(this.cut)
    this.cut = cut
  }

  /** Append `from[start..end)` to what is here. */
  store(from: Uint8Array, start: number, end: number): void {
    const filled = this.filled + end - start
    if (filled > this.bytes.length) {
      let size = this.bytes.length * 2
      while (size < filled) size *= 2
      const bytes = new Uint8Array(size)
      bytes.set(this.bytes.subarray(0, this.filled))
      this.bytes = bytes
    }
    copy(this.bytes, this.filled, from, start, end)
    this.filled = filled
  }

  /** Make it the head of nothing. */
  clear(): void {
    this.end = 0
    this.filled = 0
    this.methodEnd = 0
    this.targetStart = 0
    this.targetEnd = 0
    this.minor = 1
    this.status = 0
    this.reasonStart = 0
    this.reasonEnd = 0
    this.fieldsStart = 0
    this.count = 0
    this.present = 0
    this.framing = 'none'
    this.length = 0
    this.persistent = false
    this.upgrade = false
    this.expectContinue = false
    this.trailersWelcome = false
  }
}

/** What a parser shows before it has a head. Nobody writes to it. */
export const NO_HEAD = new Head()

const pool: Head[] = []

/** An empty head, used before or new. */
export function takeHead(): Head {
  return pool.pop() ?? new Head()
}

/** Give a head back. Nobody may look at it after that. */
export function giveHead(head: Head): void {
  if (head === NO_HEAD || head.bytes.length > POOLED_BYTES || pool.length >= POOL) return
  head.clear()
  pool.push(head)
}
