/**
 * DNS messages as bytes and as values (RFC 1035 section 4, RFC 3596, RFC 2782, RFC 6891).
 *
 * Decoding cannot read past the message or past the data of a record, cannot loop, and does bounded work. What is not
 * valid is {@link Malformed}, never a half-read message.
 */

import { formatAddress, parseAddress } from '../bytes/address.ts'
import { ByteWriter } from '../bytes/writer.ts'
import { DNS_MESSAGE_SIZE, DNS_NAME_SIZE, DNS_POINTERS, DNS_RECORDS } from '../limits.ts'
import { labelsOf, labelText } from './name.ts'
import type { Data, Edns, Message, Question, Resource } from './message.ts'
import { CLASS_IN, TYPE } from './message.ts'

const HEADER_SIZE = 12
/** Offsets a compression pointer can hold: 14 bits. */
const POINTER_REACH = 0x4000

/** What came is not a DNS message. */
export class Malformed extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'Malformed'
  }
}

class Reader {
  readonly bytes: Uint8Array
  at = 0
  /** Nothing at or past it is read, save through a pointer, which goes back. */
  end: number

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.end = bytes.length
  }

  #need(count: number): void {
    if (this.at + count > this.end) throw new Malformed('ends too soon')
  }

  u8(): number {
    this.#need(1)
    return this.bytes[this.at++]
  }

  u16(): number {
    this.#need(2)
    const value = this.bytes[this.at] << 8 | this.bytes[this.at + 1]
    this.at += 2
    return value
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16()
  }

  /** A copy, for what is read was lent; and not by `slice`, which is a view where the bytes are a Buffer. */
  take(count: number): Uint8Array {
    this.#need(count)
    const taken = new Uint8Array(this.bytes.subarray(this.at, this.at + count))
    this.at += count
    return taken
  }

  /**
   * A name, perhaps compressed (RFC 1035 4.1.4). A pointer must go to before the piece that it ends: each piece starts
   * before the last one, so following them comes to an end.
   */
  name(): string {
    const bytes = this.bytes
    let text = ''
    let size = 1
    let at = this.at
    const end = this.end
    let piece = at
    let pointers = 0
    for (;;) {
      if (at >= end) throw new Malformed('a name ends too soon')
      const length = bytes[at]
      if (length === 0) {
        if (pointers === 0) this.at = at + 1
        return text
      }
      if (length >= 0xc0) {
        if (at + 1 >= end) throw new Malformed('a name ends too soon')
        const to = (length & 0x3f) << 8 | bytes[at + 1]
        if (pointers === 0) this.at = at + 2
        if (to >= piece || to < HEADER_SIZE) throw new Malformed('a compression pointer does not go back')
        if (++pointers > DNS_POINTERS) throw new Malformed('a name has too many compression pointers')
        piece = to
        at = to
        continue
      }
      if (length > 0x3f) throw new Malformed('a label of an unknown kind')
      size += length + 1
      if (size > DNS_NAME_SIZE) throw new Malformed('a name is too long')
      if (at + 1 + length > end) throw new Malformed('a name ends too soon')
      const label = labelText(bytes, at + 1, at + 1 + length)
      text = text === '' ? label : `${text}.${label}`
      at += 1 + length
    }
  }
}

function readData(reader: Reader, type: number, end: number): Data {
  switch (type) {
    case TYPE.A:
      return { kind: 'address', address: formatAddress({ family: 4, bytes: reader.take(4), zone: '' }) }
    case TYPE.AAAA:
      return { kind: 'address', address: formatAddress({ family: 6, bytes: reader.take(16), zone: '' }) }
    case TYPE.NS:
    case TYPE.CNAME:
    case TYPE.PTR:
    case TYPE.DNAME:
      return { kind: 'name', name: reader.name() }
    case TYPE.MX:
      return { kind: 'mx', preference: reader.u16(), exchange: reader.name() }
    case TYPE.TXT: {
      const strings: Uint8Array[] = []
      while (reader.at < end) strings.push(reader.take(reader.u8()))
      return { kind: 'txt', strings }
    }
    case TYPE.SOA: {
      const primary = reader.name()
      const mailbox = reader.name()
      const times = {
        serial: reader.u32(),
        refresh: reader.u32(),
        retry: reader.u32(),
        expire: reader.u32(),
        minimum: reader.u32(),
      }
      return { kind: 'soa', primary, mailbox, times }
    }
    case TYPE.SRV:
      return { kind: 'srv', priority: reader.u16(), weight: reader.u16(), port: reader.u16(), target: reader.name() }
    default:
      return { kind: 'opaque', bytes: reader.take(end - reader.at) }
  }
}

function readOpt(reader: Reader, end: number, size: number, flags: number): Edns {
  const options: { code: number; bytes: Uint8Array }[] = []
  while (reader.at < end) options.push({ code: reader.u16(), bytes: reader.take(reader.u16()) })
  return { size, version: flags >>> 16 & 0xff, dnssec: (flags & 0x8000) !== 0, options }
}

/** One message. Bytes after it are not looked at. Throws {@link Malformed}. Keeps none of `bytes`. */
export function decode(bytes: Uint8Array): Message {
  if (bytes.length > DNS_MESSAGE_SIZE) throw new Malformed('is too long')
  const reader = new Reader(bytes)
  const id = reader.u16()
  const flags = reader.u16()
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()]
  if (counts[0] + counts[1] + counts[2] + counts[3] > DNS_RECORDS) throw new Malformed('has too many records')
  const questions: Question[] = []
  for (let i = 0; i < counts[0]; i++) {
    questions.push({ name: reader.name(), type: reader.u16(), class: reader.u16() })
  }
  let edns: Edns | null = null
  let rcode = flags & 0xf
  const section = (count: number, last: boolean): Resource[] => {
    const resources: Resource[] = []
    for (let i = 0; i < count; i++) {
      const name = reader.name()
      const type = reader.u16()
      const kind = reader.u16()
      const ttl = reader.u32()
      const length = reader.u16()
      const end = reader.at + length
      if (end > bytes.length) throw new Malformed('a record ends too soon')
      reader.end = end
      if (type === TYPE.OPT) {
        if (!last || edns !== null || name !== '') throw new Malformed('an OPT record out of place')
        edns = readOpt(reader, end, kind, ttl)
        rcode |= (ttl >>> 24) << 4
      } else {
        resources.push({ name, type, class: kind, ttl, data: readData(reader, type, end) })
      }
      if (reader.at !== end) throw new Malformed('a record is longer than its data')
      reader.end = bytes.length
    }
    return resources
  }
  const answers = section(counts[1], false)
  const authorities = section(counts[2], false)
  const additionals = section(counts[3], true)
  return {
    id,
    response: (flags & 0x8000) !== 0,
    opcode: flags >> 11 & 0xf,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    authentic: (flags & 0x0020) !== 0,
    unchecked: (flags & 0x0010) !== 0,
    rcode,
    questions,
    answers,
    authorities,
    additionals,
    edns,
  }
}

/** What tells whose answer it is, read alone: so that a broken answer can be told from one that is not ours. */
export interface Opening {
  readonly id: number
  readonly response: boolean
  readonly opcode: number
  /** The lower 4 bits. */
  readonly rcode: number
  /** The one question; `null` where there are none, or several. */
  readonly question: Question | null
}

/** The header and the question. `null` when not even they can be read. */
export function decodeOpening(bytes: Uint8Array): Opening | null {
  if (bytes.length < HEADER_SIZE) return null
  const reader = new Reader(bytes)
  const id = reader.u16()
  const flags = reader.u16()
  const count = reader.u16()
  reader.at = HEADER_SIZE
  let question: Question | null = null
  try {
    if (count === 1) question = { name: reader.name(), type: reader.u16(), class: reader.u16() }
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
  return { id, response: (flags & 0x8000) !== 0, opcode: flags >> 11 & 0xf, rcode: flags & 0xf, question }
}

class Writer extends ByteWriter {
  readonly #names = new Map<string, number>()

  u16(value: number): void {
    this.byte(value >> 8 & 0xff)
    this.byte(value & 0xff)
  }

  u32(value: number): void {
    this.u16(value >>> 16)
    this.u16(value & 0xffff)
  }

  /** Compressed, where `compress` says that the type of record allows it (RFC 3597 4). */
  name(name: string, compress = true): void {
    const labels = labelsOf(name)
    // The tail that starts with each label, as bytes in text: a name as written may be escaped in several ways.
    let tail = ''
    const tails: string[] = []
    for (let i = labels.length - 1; i >= 0; i--) {
      tail = `${String.fromCharCode(labels[i].length, ...labels[i])}${tail}`
      tails[i] = tail
    }
    for (let i = 0; i < labels.length; i++) {
      const known = this.#names.get(tails[i])
      if (known !== undefined && compress) {
        this.u16(0xc000 | known)
        return
      }
      if (known === undefined && this.length < POINTER_REACH) this.#names.set(tails[i], this.length)
      this.byte(labels[i].length)
      this.put(labels[i])
    }
    this.byte(0)
  }

  /** A length of 16 bits, and what `write` writes. */
  sized(write: () => void): void {
    const at = this.length
    this.u16(0)
    write()
    const size = this.length - at - 2
    if (size > 0xffff) throw new TypeError(`Cannot write a record of ${size} bytes`)
    this.bytes[at] = size >> 8
    this.bytes[at + 1] = size & 0xff
  }

  data(type: number, data: Data): void {
    switch (data.kind) {
      case 'address': {
        const address = parseAddress(data.address)
        const mapped = type === TYPE.AAAA && address?.family === 4
        if (address === null || (address.family === 4) !== (type === TYPE.A || mapped)) {
          throw new TypeError(`Cannot write the address ${JSON.stringify(data.address)}`)
        }
        if (mapped) this.put(new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]))
        return this.put(address.bytes)
      }
      case 'name':
        return this.name(data.name, type !== TYPE.DNAME)
      case 'mx':
        this.u16(data.preference)
        return this.name(data.exchange)
      case 'txt':
        for (const string of data.strings) {
          if (string.length > 255) throw new TypeError(`Cannot write a string of ${string.length} bytes`)
          this.byte(string.length)
          this.put(string)
        }
        return
      case 'soa':
        this.name(data.primary)
        this.name(data.mailbox)
        this.u32(data.times.serial)
        this.u32(data.times.refresh)
        this.u32(data.times.retry)
        this.u32(data.times.expire)
        return this.u32(data.times.minimum)
      case 'srv':
        this.u16(data.priority)
        this.u16(data.weight)
        this.u16(data.port)
        return this.name(data.target, false)
      case 'opaque':
        return this.put(data.bytes)
    }
  }

  resource(resource: Resource): void {
    this.name(resource.name)
    this.u16(resource.type)
    this.u16(resource.class)
    this.u32(resource.ttl)
    this.sized(() => this.data(resource.type, resource.data))
  }
}

/** The bytes of a message, names compressed. Throws a TypeError for what cannot be written. */
export function encode(message: Message): Uint8Array {
  const writer = new Writer(512)
  const { edns, questions, answers, authorities, additionals } = message
  writer.u16(message.id)
  writer.u16(
    (message.response ? 0x8000 : 0) | (message.opcode & 0xf) << 11 | (message.authoritative ? 0x0400 : 0) |
      (message.truncated ? 0x0200 : 0) | (message.recursionDesired ? 0x0100 : 0) |
      (message.recursionAvailable ? 0x0080 : 0) | (message.authentic ? 0x0020 : 0) |
      (message.unchecked ? 0x0010 : 0) | message.rcode & 0xf,
  )
  writer.u16(questions.length)
  writer.u16(answers.length)
  writer.u16(authorities.length)
  writer.u16(additionals.length + (edns === null ? 0 : 1))
  for (const question of questions) {
    writer.name(question.name)
    writer.u16(question.type)
    writer.u16(question.class)
  }
  for (const section of [answers, authorities, additionals]) {
    for (const resource of section) writer.resource(resource)
  }
  if (edns !== null) {
    writer.byte(0)
    writer.u16(TYPE.OPT)
    writer.u16(edns.size)
    writer.u16((message.rcode >> 4 & 0xff) << 8 | edns.version)
    writer.u16(edns.dnssec ? 0x8000 : 0)
    writer.sized(() => {
      for (const option of edns.options) {
        writer.u16(option.code)
        writer.sized(() => writer.put(option.bytes))
      }
    })
  }
  if (writer.length > DNS_MESSAGE_SIZE) throw new TypeError(`Cannot write a message of ${writer.length} bytes`)
  return writer.bytes.slice(0, writer.length)
}

/** A recursive query for one name; with EDNS when `size` (of answers over UDP) is not 0. */
export function encodeQuery(id: number, name: string, type: number, size: number): Uint8Array {
  return encode({
    id,
    response: false,
    opcode: 0,
    authoritative: false,
    truncated: false,
    recursionDesired: true,
    recursionAvailable: false,
    authentic: false,
    unchecked: false,
    rcode: 0,
    questions: [{ name, type, class: CLASS_IN }],
    answers: [],
    authorities: [],
    additionals: [],
    edns: size === 0 ? null : { size, version: 0, dnssec: false, options: [] },
  })
}
