/**
 * What a TLS client says first, in the clear (RFC 8446 4.1.2): the server name, and whether there is an encrypted ClientHello
 * besides. Read out of bytes as they come, cut up in any way; nothing is changed and nothing answered.
 *
 * What any common server takes is taken, so that nobody gets round a rule by writing it oddly: versions are not looked at, the
 * message may lie in records of any size with empty ones and warning alerts between them, and of the extensions only those
 * are read that are told of here. What begins as TLS and cannot be judged all the same is `unreadable`, and no "no TLS": some
 * server may read it, and where names matter it must not go on.
 */

import { parseAddress } from '../bytes/address.ts'
import { all, latin1, NAME } from '../bytes/ascii.ts'
import { type HostName, hostName } from '../bytes/host.ts'
import { ByteWriter } from '../bytes/writer.ts'
import { TLS_HELLO_SIZE } from '../limits.ts'

export interface HelloFacts {
  /** It is a ClientHello, whole and well-formed. Where it is not, the others say nothing. */
  readonly tls: boolean
  /** The server name in policy form: lower case, no trailing dot, labels of letters, digits, "-", "_". Empty: there is none. */
  readonly sni: string
  /** What was in the place of a name: nothing, a name, or an IP address, which RFC 6066 3 forbids and some clients send. */
  readonly named: 'nothing' | 'name' | 'address'
  /** There is an encrypted ClientHello (draft-ietf-tls-esni, 0xfe0d; or its forerunner, 0xffce), or a stand-in that looks the same (GREASE). */
  readonly ech: boolean
}

const NOT_TLS: HelloFacts = { tls: false, sni: '', named: 'nothing', ech: false }

const RECORD_HEADER = 5
const MESSAGE_HEADER = 4

// RFC 8446 B.1, B.3
const ALERT = 21
const HANDSHAKE = 22
const CLIENT_HELLO = 1
const WARNING = 1
const FATAL = 2

// https://www.iana.org/assignments/tls-extensiontype-values
const SERVER_NAME = 0
const ENCRYPTED_CLIENT_HELLO = 0xfe0d
const ENCRYPTED_SERVER_NAME = 0xffce

const HOST_NAME = 0
/** The first byte of the version of a record (RFC 8446 5.1): OpenSSL and BoringSSL want it, whatever the second is. */
const MAJOR = 3

const NAMELESS: Pick<HelloFacts, 'sni' | 'named'> = { sni: '', named: 'nothing' }
const NO_NAME: HostName = { error: 'holds a character that no name has' }
/** A label without a letter or digit, which a request's host cannot have either. */
const UNNAMED = /(?:^|\.)[_-]+(?:\.|$)/

/** A message that is not what RFC 8446 says. */
class Malformed extends Error {}

export class HelloReader {
  facts: HelloFacts = NOT_TLS
  /** Bytes that were looked at: what follows a ClientHello is not of it. */
  size = 0
  /** Why what began as TLS cannot be judged, where a server might take it. Empty: it can, or is no TLS. */
  unreadable: '' | 'malformed' | 'too large' = ''
  #done = false
  /** What has come can be nothing but TLS. */
  #begun = false
  readonly #header = new Uint8Array(RECORD_HEADER)
  #headerSize = 0
  /** What is left of the record, and how much of it has come. */
  #left = 0
  #come = 0
  #message: ByteWriter | null = null
  /** Size of the message with its header; of its header alone until that has come. */
  #needed = MESSAGE_HEADER

  /** More bytes, lent until it returns. After `done` the facts stand, and more bytes change nothing. */
  feed(bytes: Uint8Array): 'more' | 'done' {
    const room = TLS_HELLO_SIZE - this.size
    const looked = bytes.length > room ? bytes.subarray(0, room) : bytes
    let at = 0
    while (!this.#done && at < looked.length) {
      at = this.#left === 0 ? this.#readHeader(looked, at) : this.#readRecord(looked, at)
    }
    this.size += at
    if (!this.#done && this.size === TLS_HELLO_SIZE) this.#fail('too large')
    return this.#done ? 'done' : 'more'
  }

  /** What is still to come of the record that the ClientHello ends in. */
  get left(): number {
    return this.#left
  }

  /** There will be no more bytes. */
  end(): void {
    if (!this.#done) this.#finish(NOT_TLS)
  }

  #fail(why: 'malformed' | 'too large' = 'malformed'): void {
    if (this.#begun) this.unreadable = why
    this.#finish(NOT_TLS)
  }

  #finish(facts: HelloFacts): void {
    this.facts = facts
    this.#done = true
    this.#message = null
  }

  /** Each byte is judged when it comes: what is not TLS usually shows in the first. */
  #readHeader(bytes: Uint8Array, from: number): number {
    const header = this.#header
    let at = from
    while (at < bytes.length && this.#headerSize < RECORD_HEADER) {
      const byte = bytes[at++]
      const place = this.#headerSize++
      header[place] = byte
      const expected = place === 0 ? byte === HANDSHAKE || byte === ALERT : place !== 1 || byte === MAJOR
      if (!expected) {
        this.#fail()
        return at
      }
    }
    if (this.#headerSize < RECORD_HEADER) return at
    this.#begun = true
    this.#left = header[3] << 8 | header[4]
    this.#come = 0
    if (header[0] === ALERT && this.#left !== 2) this.#fail()
    if (this.#left === 0) this.#headerSize = 0
    return at
  }

  #readRecord(bytes: Uint8Array, from: number): number {
    const size = Math.min(this.#left, bytes.length - from)
    let used = size
    if (this.#header[0] === HANDSHAKE) used = this.#readMessage(bytes, from, from + size)
    else if (this.#come === 0) this.#readLevel(bytes[from])
    this.#left -= used
    this.#come += used
    if (this.#left === 0) this.#headerSize = 0
    return from + used
  }

  /** Of an alert. */
  #readLevel(level: number): void {
    // After a fatal one nobody goes on: whatever it is, it is no ClientHello.
    if (level === FATAL) this.#finish(NOT_TLS)
    else if (level !== WARNING) this.#fail()
  }

  /** Gives how many bytes were used. */
  #readMessage(bytes: Uint8Array, from: number, to: number): number {
    const message = this.#message ??= new ByteWriter(512)
    let at = from
    while (at < to && !this.#done) {
      const size = Math.min(this.#needed - message.length, to - at)
      message.put(bytes, at, at + size)
      at += size
      if (message.bytes[0] !== CLIENT_HELLO) this.#fail()
      else if (message.length < this.#needed) break
      else if (this.#needed === MESSAGE_HEADER) this.#announced(message.bytes)
      else this.#conclude(readHello(message.bytes.subarray(MESSAGE_HEADER, this.#needed)))
    }
    return at - from
  }

  #announced(header: Uint8Array): void {
    const size = header[1] << 16 | header[2] << 8 | header[3]
    this.#needed = MESSAGE_HEADER + size
    if (size === 0) this.#fail()
    // Before memory is spent on it.
    else if (this.#needed > TLS_HELLO_SIZE) this.#fail('too large')
  }

  #conclude(facts: HelloFacts | null): void {
    if (facts === null) this.#fail()
    else this.#finish(facts)
  }
}

/** Vectors (RFC 8446 3.4) one after the other, never past the end. */
class Fields {
  at: number
  readonly end: number
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  get left(): number {
    return this.end - this.at
  }

  /** @throws Malformed */
  skip(size: number): void {
    if (size > this.left) throw new Malformed()
    this.at += size
  }

  /** @throws Malformed */
  number(size: 1 | 2): number {
    const at = this.at
    this.skip(size)
    return size === 1 ? this.bytes[at] : this.bytes[at] << 8 | this.bytes[at + 1]
  }

  /** A vector whose length is written in one or two bytes. @throws Malformed */
  vector(length: 1 | 2, least: number, most: number): Fields {
    const size = this.number(length)
    if (size < least || size > most) throw new Malformed()
    const at = this.at
    this.skip(size)
    return new Fields(this.bytes, at, at + size)
  }

  /** @throws Malformed unless all of it was read. */
  ended(): void {
    if (this.left > 0) throw new Malformed()
  }
}

/** `message`: ClientHello (RFC 8446 4.1.2) without its handshake header. `null`: it cannot be judged. */
function readHello(message: Uint8Array): HelloFacts | null {
  try {
    return read(new Fields(message, 0, message.length))
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}

/** @throws Malformed */
function read(hello: Fields): HelloFacts {
  // legacy_version and random.
  hello.skip(34)
  hello.vector(1, 0, 32)
  if (hello.vector(2, 2, 0xfffe).left % 2 !== 0) throw new Malformed()
  hello.vector(1, 1, 0xff)
  // Clients older than extensions end here (RFC 5246 7.4.1.2).
  const extensions = hello.left === 0 ? hello : hello.vector(2, 0, 0xffff)
  hello.ended()
  let name: Pick<HelloFacts, 'sni' | 'named'> | null = null
  let ech = false
  while (extensions.left > 0) {
    const type = extensions.number(2)
    const body = extensions.vector(2, 0, 0xffff)
    if (type === SERVER_NAME) {
      // Of two names, nobody could tell which one counts (RFC 8446 4.2).
      if (name !== null) throw new Malformed()
      name = readServerName(body)
    } else if (type === ENCRYPTED_CLIENT_HELLO || type === ENCRYPTED_SERVER_NAME) {
      ech = true
    }
  }
  return { tls: true, ...(name ?? NAMELESS), ech }
}

/** RFC 6066 3. @throws Malformed */
function readServerName(body: Fields): Pick<HelloFacts, 'sni' | 'named'> {
  const list = body.vector(2, 1, 0xffff)
  body.ended()
  let name: Fields | null = null
  while (list.left > 0) {
    const type = list.number(1)
    const entry = list.vector(2, 1, 0xffff)
    if (type !== HOST_NAME) continue
    if (name !== null) throw new Malformed()
    name = entry
  }
  return name === null ? NAMELESS : policyName(name.bytes, name.at, name.end)
}

/**
 * A host name as a request's is judged: what a URL could not name is no name (a zero byte, UTF-8, an empty label).
 * @throws Malformed
 */
function policyName(bytes: Uint8Array, from: number, to: number): Pick<HelloFacts, 'sni' | 'named'> {
  const text = latin1(bytes, from, to)
  const host = all(bytes, from, to, NAME) ? hostName(text) : NO_NAME
  if ('name' in host && !UNNAMED.test(host.name)) return { sni: host.name, named: 'name' }
  // Of what is no name, addresses alone are known to be sent by honest clients.
  if (parseAddress(text) === null) throw new Malformed()
  return { sni: '', named: 'address' }
}
