/**
 * What a TLS client says first, in the clear (RFC 8446 4.1.2): the server name, ALPN, the versions, and whether there is an
 * encrypted ClientHello besides. Read out of bytes as they come, cut up in any way; nothing is changed and nothing answered.
 *
 * What a common server takes is taken, so that nobody gets round a rule by writing it oddly: the version of a record is not
 * looked at (5.1), the message may lie in records of one byte, and OpenSSL and BoringSSL pass over empty records before it,
 * BoringSSL over warning alerts too. What they refuse is no ClientHello: it is reported as what is not TLS.
 */

import { parseAddress } from '../bytes/address.ts'
import { all, latin1, NAME } from '../bytes/ascii.ts'
import { type HostName, hostName } from '../bytes/host.ts'
import { ByteWriter } from '../bytes/writer.ts'
import { TLS_HELLO_SIZE, TLS_IDLE_RECORDS, TLS_RECORD_SIZE } from '../limits.ts'

export interface HelloFacts {
  /** It is a ClientHello, whole and well-formed. Where it is not, the others say nothing. */
  readonly tls: boolean
  /** The server name in policy form: lower case, no trailing dot, labels of letters, digits, "-", "_". Empty: there is none. */
  readonly sni: string
  /** What was in the place of a name: nothing, a name, or an IP address, which RFC 6066 3 forbids and some clients send. */
  readonly named: 'nothing' | 'name' | 'address'
  /** There is an encrypted ClientHello (draft-ietf-tls-esni, 0xfe0d; or its forerunner, 0xffce), or a stand-in that looks the same (GREASE). */
  readonly ech: boolean
  /** Protocol names (RFC 7301 3.1), one character a byte, the preferred one first; those of GREASE are left out. */
  readonly alpn: readonly string[]
  /** The highest version offered, 0x0304 for TLS 1.3. */
  readonly version: number
}

const NOT_TLS: HelloFacts = { tls: false, sni: '', named: 'nothing', ech: false, alpn: [], version: 0 }

const RECORD_HEADER = 5
const MESSAGE_HEADER = 4

// RFC 8446 B.1, B.3
const ALERT = 21
const HANDSHAKE = 22
const CLIENT_HELLO = 1
const WARNING = 1

// https://www.iana.org/assignments/tls-extensiontype-values
const SERVER_NAME = 0
const ALPN = 16
const SUPPORTED_VERSIONS = 43
const ENCRYPTED_CLIENT_HELLO = 0xfe0d
const ENCRYPTED_SERVER_NAME = 0xffce

const HOST_NAME = 0
const OLDEST = 0x0300
const NEWEST = 0x0304

const NO_NAME: HostName = { error: 'holds a character that no name has' }
/** A label without a letter or digit, which a request's host cannot have either. */
const UNNAMED = /(?:^|\.)[_-]+(?:\.|$)/

/** A message that is not what RFC 8446 says. */
class Malformed extends Error {}

export class HelloReader {
  facts: HelloFacts = NOT_TLS
  /** Bytes that were looked at: what follows a ClientHello is not of it. */
  size = 0
  /** It began as a ClientHello that is larger than anybody's: nobody knows what it says, and a server might. */
  tooLarge = false
  #done = false
  readonly #header = new Uint8Array(RECORD_HEADER)
  #headerSize = 0
  /** What is left of the record, and how much of it has come. */
  #left = 0
  #come = 0
  #idle = 0
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
    if (!this.#done && this.size === TLS_HELLO_SIZE) this.#giveUp()
    return this.#done ? 'done' : 'more'
  }

  /** There will be no more bytes. */
  end(): void {
    if (!this.#done) this.#finish(NOT_TLS)
  }

  #giveUp(): void {
    this.tooLarge = true
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
      if (place === 0 && byte !== HANDSHAKE && (byte !== ALERT || this.#message !== null)) {
        this.#finish(NOT_TLS)
        return at
      }
      // OpenSSL and BoringSSL want 3 as the first half of the version, whatever the second is.
      if (place === 1 && byte !== 3) {
        this.#finish(NOT_TLS)
        return at
      }
    }
    if (this.#headerSize < RECORD_HEADER) return at
    const size = header[3] << 8 | header[4]
    const fits = header[0] === ALERT ? size === 2 : size <= TLS_RECORD_SIZE
    const idle = size === 0 || header[0] === ALERT
    if (!fits || (idle && ++this.#idle > TLS_IDLE_RECORDS)) this.#finish(NOT_TLS)
    this.#left = size
    this.#come = 0
    if (size === 0) this.#headerSize = 0
    return at
  }

  #readRecord(bytes: Uint8Array, from: number): number {
    const size = Math.min(this.#left, bytes.length - from)
    let used = size
    if (this.#header[0] === ALERT) {
      if (this.#come === 0 && bytes[from] !== WARNING) this.#finish(NOT_TLS)
    } else {
      used = this.#readMessage(bytes, from, from + size)
    }
    this.#left -= size
    this.#come += size
    if (this.#left === 0) this.#headerSize = 0
    return from + used
  }

  /** Gives how many bytes were used. */
  #readMessage(bytes: Uint8Array, from: number, to: number): number {
    const message = this.#message ??= new ByteWriter(512)
    let at = from
    while (at < to && !this.#done) {
      const size = Math.min(this.#needed - message.length, to - at)
      message.put(bytes, at, at + size)
      at += size
      if (message.bytes[0] !== CLIENT_HELLO) this.#finish(NOT_TLS)
      else if (message.length < this.#needed) break
      else if (this.#needed === MESSAGE_HEADER) this.#announced(message.bytes)
      else this.#finish(readHello(message.bytes.subarray(MESSAGE_HEADER, this.#needed)))
    }
    return at - from
  }

  #announced(header: Uint8Array): void {
    const size = header[1] << 16 | header[2] << 8 | header[3]
    this.#needed = MESSAGE_HEADER + size
    if (size === 0) this.#finish(NOT_TLS)
    // Before memory is spent on it.
    else if (this.#needed > TLS_HELLO_SIZE) this.#giveUp()
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

/** `message`: ClientHello (RFC 8446 4.1.2) without its handshake header. */
function readHello(message: Uint8Array): HelloFacts {
  try {
    return read(new Fields(message, 0, message.length))
  } catch (error) {
    if (error instanceof Malformed) return NOT_TLS
    throw error
  }
}

/** @throws Malformed */
function read(hello: Fields): HelloFacts {
  const legacy = hello.number(2)
  if (legacy >> 8 !== OLDEST >> 8) throw new Malformed()
  hello.skip(32)
  hello.vector(1, 0, 32)
  if (hello.vector(2, 2, 0xfffe).left % 2 !== 0) throw new Malformed()
  hello.vector(1, 1, 0xff)
  const facts = { tls: true, sni: '', named: 'nothing' as HelloFacts['named'], ech: false, alpn: [] as string[] }
  let version = legacy
  // Clients older than extensions end here (RFC 5246 7.4.1.2).
  const extensions = hello.left === 0 ? hello : hello.vector(2, 0, 0xffff)
  hello.ended()
  const seen = new Set<number>()
  while (extensions.left > 0) {
    const type = extensions.number(2)
    const body = extensions.vector(2, 0, 0xffff)
    // RFC 8446 4.2: no more than one of a type. Of two names, nobody could tell which one counts.
    if (seen.has(type)) throw new Malformed()
    seen.add(type)
    switch (type) {
      case SERVER_NAME:
        Object.assign(facts, readServerName(body))
        break
      case ALPN:
        facts.alpn = readAlpn(body)
        break
      case SUPPORTED_VERSIONS:
        version = readVersions(body)
        break
      case ENCRYPTED_CLIENT_HELLO:
      case ENCRYPTED_SERVER_NAME:
        facts.ech = true
        break
    }
  }
  return { ...facts, version }
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
  return name === null ? { sni: '', named: 'nothing' } : policyName(name.bytes, name.at, name.end)
}

/** RFC 7301 3.1. @throws Malformed */
function readAlpn(body: Fields): string[] {
  const list = body.vector(2, 2, 0xffff)
  body.ended()
  const names: string[] = []
  while (list.left > 0) {
    const { bytes, at, end } = list.vector(1, 1, 0xff)
    if (end - at !== 2 || !isGrease(bytes[at] << 8 | bytes[at + 1])) names.push(latin1(bytes, at, end))
  }
  return names
}

/** RFC 8446 4.2.1: the highest that is known. @throws Malformed */
function readVersions(body: Fields): number {
  const list = body.vector(1, 2, 0xfe)
  body.ended()
  let highest = 0
  while (list.left > 0) {
    const version = list.number(2)
    if (version >= OLDEST && version <= NEWEST && version > highest) highest = version
  }
  return highest
}

/** RFC 8701: 0x0a0a, 0x1a1a, ... 0xfafa mean nothing. */
function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff)
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
