/** A machine of which only what the resolver uses is there: a clock that a test moves, name servers that are functions. */

import type { Clock, Connecting, Datagram, Endpoint, Files, Runtime, Socket } from '../../core/runtime.ts'
import { SystemFailure } from '../../core/runtime.ts'
import { formatEndpoint } from '../../core/bytes/address.ts'
import type { Message, Resource } from '../../core/dns/message.ts'
import { CLASS_IN, TYPE } from '../../core/dns/message.ts'
import { decode, encode } from '../../core/dns/wire.ts'

export interface Asked {
  readonly message: Message
  readonly bytes: Uint8Array
  readonly transport: 'udp' | 'tcp'
  /** Counts from 0, for this server. */
  readonly turn: number
  /** Send these bytes back. Over TCP without the length in front. */
  reply(bytes: Uint8Array): void
  /** Over TCP: send just these bytes. */
  raw(bytes: Uint8Array): void
  close(): void
}

/** What a server does with a query: it may reply at once, later or never. `refused`: nothing listens there. */
export type Script = ((asked: Asked) => void) | 'refused'

/** Let everything run that can without time passing. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 100; i++) await null
}

/** A queue that lends: what was handed out is spoilt at the next pull. */
class Lender implements AsyncIterable<Uint8Array> {
  readonly #queue: Uint8Array[] = []
  #lent: Uint8Array | null = null
  #waiting: ((result: IteratorResult<Uint8Array, void>) => void) | null = null
  #closed = false
  closed = false

  put(bytes: Uint8Array): void {
    if (this.closed || this.#closed) return
    if (this.#waiting === null) this.#queue.push(bytes)
    else {
      const waiting = this.#waiting
      this.#waiting = null
      this.#lent = bytes
      waiting({ value: bytes, done: false })
    }
  }

  /** The other side has finished. */
  finish(): void {
    this.#closed = true
    this.#waiting?.({ value: undefined, done: true })
    this.#waiting = null
  }

  next(): Promise<IteratorResult<Uint8Array, void>> {
    this.#lent?.fill(0xdd)
    this.#lent = null
    const bytes = this.#queue.shift()
    if (bytes !== undefined) {
      this.#lent = bytes
      return Promise.resolve({ value: bytes, done: false })
    }
    if (this.#closed || this.closed) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve) => this.#waiting = resolve)
  }

  close(): void {
    this.closed = true
    this.finish()
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, void> {
    return this
  }
}

export class Machine {
  time = 1000
  readonly servers = new Map<string, Script>()
  readonly files = new Map<string, string>()
  /** Files that may not be read. */
  readonly denied = new Set<string>()
  /** Reads of files and questions about them. */
  looks = 0
  /** Sockets not closed. */
  readonly open = new Set<Lender>()
  /** Timers that run. */
  readonly timers = new Set<{ at: number; every: number; ring: () => void }>()
  /** Every query there was: `127.0.0.1:53 udp name TYPE`, the name in lower case. */
  readonly log: string[] = []
  #port = 40_000
  #seed = 1
  readonly #turns = new Map<string, number>()

  readonly clock: Clock = {
    now: () => this.time,
    date: () => this.time,
    zone: () => 0,
    every: (ms, tick) => this.#timer(ms, ms, tick),
    after: (ms, ring) => this.#timer(ms, 0, ring),
  }

  get runtime(): Runtime {
    const files: Partial<Files> = {
      status: (path) => {
        this.looks++
        if (this.denied.has(path)) return Promise.reject(new SystemFailure('denied', 'EACCES'))
        const text = this.files.get(path)
        return Promise.resolve(
          text === undefined ? null : { size: text.length, modified: hash(text), folder: false, socket: false },
        )
      },
      read: (path) => {
        this.looks++
        const text = this.files.get(path)
        if (text === undefined) return Promise.reject(new SystemFailure('missing', 'ENOENT'))
        return Promise.resolve(new TextEncoder().encode(text))
      },
    }
    const part: Partial<Runtime> = {
      name: 'memory',
      engine: 'portable',
      engines: {},
      clock: this.clock,
      files: files as Files,
      datagram: (to) => Promise.resolve(this.#datagram(to)),
      connect: (to) => this.#connect(to),
      random: (bytes) => this.#random(bytes),
    }
    return part as Runtime
  }

  /** Time passes, from timer to timer. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms
    await settle()
    while (this.time < end) {
      this.time = Math.min(end, this.#next())
      await this.#ring()
    }
  }

  /** Time passes until `promise` has settled: its value, or what it threw; and how long that took. */
  async outcome<T>(promise: Promise<T>, most = 60_000): Promise<{ value?: T; error?: unknown; ms: number }> {
    const began = this.time
    let settled: { value?: T; error?: unknown } | null = null
    promise.then((value) => settled = { value }, (error) => settled = { error })
    await settle()
    while (settled === null) {
      const next = this.#next()
      if (next > began + most) throw new Error(`Not settled after ${most} ms`)
      this.time = next
      await this.#ring()
    }
    return { ...(settled as { value?: T; error?: unknown }), ms: this.time - began }
  }

  #next(): number {
    let next = Infinity
    for (const timer of this.timers) next = Math.min(next, timer.at)
    return next
  }

  async #ring(): Promise<void> {
    for (const timer of [...this.timers]) {
      if (timer.at > this.time || !this.timers.has(timer)) continue
      if (timer.every === 0) this.timers.delete(timer)
      else timer.at += timer.every
      timer.ring()
    }
    await settle()
  }

  #timer(ms: number, every: number, ring: () => void): () => void {
    const timer = { at: this.time + ms, every, ring }
    this.timers.add(timer)
    return () => this.timers.delete(timer)
  }

  /** Not random, but different each time. */
  #random(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) {
      this.#seed = Math.imul(this.#seed, 1_103_515_245) + 12_345 & 0x7fff_ffff
      bytes[i] = this.#seed >> 16
    }
  }

  #handle(to: Endpoint, bytes: Uint8Array, transport: 'udp' | 'tcp', lender: Lender): void {
    const label = formatEndpoint(to)
    const script = this.servers.get(label)
    const message = decode(bytes)
    const [question] = message.questions
    const type = question.type === TYPE.A ? 'A' : question.type === TYPE.AAAA ? 'AAAA' : String(question.type)
    this.log.push(`${label} ${transport} ${question.name.toLowerCase()} ${type}`)
    if (typeof script !== 'function') return
    const turn = this.#turns.get(label) ?? 0
    this.#turns.set(label, turn + 1)
    const raw = (reply: Uint8Array) => lender.put(reply.slice())
    const reply = (reply: Uint8Array) => {
      if (transport === 'udp') return raw(reply)
      raw(new Uint8Array([reply.length >> 8, reply.length & 0xff, ...reply]))
    }
    queueMicrotask(() => script({ message, bytes, transport, turn, reply, raw, close: () => lender.finish() }))
  }

  #lender(): Lender {
    const lender = new Lender()
    this.open.add(lender)
    const close = lender.close.bind(lender)
    lender.close = () => {
      this.open.delete(lender)
      close()
    }
    return lender
  }

  #datagram(to: Endpoint): Datagram {
    const lender = this.#lender()
    const local: Endpoint = { family: 4, address: '127.0.0.1', port: this.#port++ }
    return {
      local,
      peer: to,
      next: () => lender.next(),
      write: (bytes) => {
        if (this.servers.get(formatEndpoint(to)) === 'refused') throw new SystemFailure('refused', 'ECONNREFUSED')
        this.#handle(to, bytes.slice(), 'udp', lender)
      },
      close: () => lender.close(),
      [Symbol.asyncIterator]: () => lender,
    }
  }

  #connect(to: Endpoint): Connecting {
    const script = this.servers.get(formatEndpoint(to))
    if (script === undefined) {
      let cancel = (): void => {}
      const socket = new Promise<Socket>((_, reject) => {
        cancel = () => reject(new SystemFailure('cancelled', ''))
      })
      return { socket, cancel: () => cancel() }
    }
    if (script === 'refused') {
      return { socket: Promise.reject(new SystemFailure('refused', 'ECONNREFUSED')), cancel: () => {} }
    }
    const lender = this.#lender()
    const local: Endpoint = { family: 4, address: '127.0.0.1', port: this.#port++ }
    const socket: Socket = {
      local,
      peer: to,
      next: () => lender.next(),
      write: (bytes) => {
        const size = bytes[0] << 8 | bytes[1]
        if (size + 2 !== bytes.length) throw new Error('The length in front is wrong')
        this.#handle(to, bytes.slice(2), 'tcp', lender)
      },
      end: () => {},
      close: () => lender.close(),
      abort: () => lender.close(),
      [Symbol.asyncIterator]: () => lender,
    }
    return { socket: Promise.resolve(socket), cancel: () => lender.close() }
  }
}

/** Another time for another text. */
function hash(text: string): number {
  let sum = 0
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum, 31) + text.charCodeAt(i) | 0
  return sum
}

/** A record: `record('www.x.test', 'A', '192.0.2.1')`. */
export function record(name: string, type: 'A' | 'AAAA' | 'CNAME' | 'NS', value: string, ttl = 300): Resource {
  const data = type === 'A' || type === 'AAAA'
    ? { kind: 'address', address: value } as const
    : { kind: 'name', name: value } as const
  return { name, type: TYPE[type], class: CLASS_IN, ttl, data }
}

export function soa(name: string, minimum: number, ttl = minimum): Resource {
  const times = { serial: 1, refresh: 2, retry: 3, expire: 4, minimum }
  return {
    name,
    type: TYPE.SOA,
    class: CLASS_IN,
    ttl,
    data: { kind: 'soa', primary: `ns.${name}`, mailbox: `hostmaster.${name}`, times },
  }
}

/** The answer to `asked`, with what is given here. */
export function answer(asked: Asked, parts: Partial<Message> = {}): Uint8Array {
  return encode({ ...asked.message, response: true, recursionAvailable: true, edns: null, ...parts })
}
