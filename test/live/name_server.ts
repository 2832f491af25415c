/** A DNS server (UDP) whose answers a test writes down: for what a real one would not do on purpose. */

import { Buffer } from 'node:buffer'
import type { RemoteInfo, Socket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import { isIPv4 } from 'node:net'

/** What is known of a name (`a-*.test` stands for `a-1.test` and so on); every question takes the next of several entries, the last one stays. */
export interface Known {
  readonly a?: readonly string[]
  readonly aaaa?: readonly string[]
  readonly code?: 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED'
  /** No answer at all. */
  readonly silent?: boolean
  readonly ttl?: number
}

export type Names = Readonly<Record<string, Known | readonly Known[]>>

const CODES = { NXDOMAIN: 3, SERVFAIL: 2, REFUSED: 5 } as const
const TYPES: Record<number, 'A' | 'AAAA'> = { 1: 'A', 28: 'AAAA' }
const HEADER_SIZE = 12
const RESPONSE_RECURSION_DESIRED_AVAILABLE = 0x8180
/** A compressed name that points at the question (RFC 1035 4.1.4). */
const NAME_OF_QUESTION = 0xc00c

export class NameServer {
  /** `name TYPE` of every question, lower case, in order. */
  readonly questions: string[] = []
  readonly #socket: Socket
  readonly #names: Names
  readonly #asked = new Map<string, number>()

  private constructor(socket: Socket, names: Names) {
    this.#socket = socket
    this.#names = names
    socket.on('message', (packet, from) => this.#answer(packet, from))
  }

  static async listen(names: Names): Promise<NameServer> {
    const socket = createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    return new NameServer(socket, names)
  }

  get authority(): string {
    return `127.0.0.1:${this.#socket.address().port}`
  }

  #answer(packet: Buffer, from: RemoteInfo): void {
    const labels: string[] = []
    let at = HEADER_SIZE
    for (let length = packet[at]; length !== 0; length = packet[at]) {
      labels.push(packet.toString('latin1', at + 1, at + 1 + length))
      at += 1 + length
    }
    const question = packet.subarray(HEADER_SIZE, at + 5)
    const name = labels.join('.').toLowerCase()
    const type = TYPES[packet.readUInt16BE(at + 1)] ?? 'other'
    const asked = `${name} ${type}`
    this.questions.push(asked)
    const turn = this.#asked.get(asked) ?? 0
    this.#asked.set(asked, turn + 1)
    const entries = [this.#names[name] ?? this.#names[name.replace(/-\d+\./, '-*.')] ?? { code: 'NXDOMAIN' }]
      .flat() as Known[]
    const known = entries[Math.min(turn, entries.length - 1)]
    if (known.silent === true) return
    const addresses = (type === 'A' ? known.a : type === 'AAAA' ? known.aaaa : undefined) ?? []
    const header = Buffer.alloc(HEADER_SIZE)
    header.writeUInt16BE(packet.readUInt16BE(0), 0)
    header.writeUInt16BE(RESPONSE_RECURSION_DESIRED_AVAILABLE | (known.code === undefined ? 0 : CODES[known.code]), 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(addresses.length, 6)
    const answers = addresses.map((address) => record(address, known.ttl ?? 60))
    this.#socket.send(Buffer.concat([header, question, ...answers]), from.port, from.address)
  }

  close(): void {
    this.#socket.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function record(address: string, ttl: number): Buffer {
  const data = isIPv4(address) ? Buffer.from(address.split('.').map(Number)) : bytes6(address)
  const head = Buffer.alloc(12)
  head.writeUInt16BE(NAME_OF_QUESTION, 0)
  head.writeUInt16BE(data.length === 4 ? 1 : 28, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(ttl, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

function bytes6(address: string): Buffer {
  const [left = [], right = []] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''))
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  const bytes = Buffer.alloc(16)
  ;[...left, ...zeros, ...right].forEach((group, index) => bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2))
  return bytes
}
