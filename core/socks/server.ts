/**
 * SOCKS as a server hears it: versions 4 and 4a (the protocol's own memo, and its extension), and 5 (RFC 1928, RFC 1929).
 * Bytes are fed, steps come out, and nothing waits.
 */

import { addressOf, formatAddress } from '../bytes/address.ts'
import { latin1 } from '../bytes/ascii.ts'
import { ByteWriter } from '../bytes/writer.ts'
import { SOCKS_TEXT_SIZE } from '../limits.ts'

/** What a client asks for. */
export interface SocksRequest {
  readonly version: 4 | 5
  /** `other`: BIND, UDP ASSOCIATE, or none that is known. */
  readonly command: 'connect' | 'other'
  /** A name as it was written, or an address in canonical form without brackets. */
  readonly host: string
  readonly port: number
  /** Of version 4: whoever the client says runs it, latin1. Nobody has checked that. */
  readonly user: string
}

/**
 * - `more`: not enough is here.
 * - `reply`: send this, and go on.
 * - `login`: it says who it is; {@link SocksServer.admit} says whether that is so.
 * - `request`: what it is all about; what follows in the bytes is the client's own.
 * - `bad`: it is no SOCKS, or (`login`) it cannot or will not say who it is. `reply` may be empty.
 */
export type SocksStep =
  | { readonly kind: 'more' }
  | { readonly kind: 'reply'; readonly bytes: Uint8Array }
  | { readonly kind: 'login'; readonly user: string; readonly password: string }
  | { readonly kind: 'request'; readonly request: SocksRequest }
  | { readonly kind: 'bad'; readonly why: string; readonly reply: Uint8Array; readonly login: boolean }

/** Why a request is refused, in words that both versions can say something of. */
export type SocksRefusal = 'failed' | 'not-allowed' | 'unreachable' | 'no-host' | 'refused' | 'timed-out' | 'command'

const MORE: SocksStep = { kind: 'more' }
const NOTHING: Uint8Array = new Uint8Array(0)
const NO_METHOD = Uint8Array.of(5, 0xff)

/** RFC 1928 6. */
const CODES: Readonly<Record<SocksRefusal, number>> = {
  'failed': 1,
  'not-allowed': 2,
  'unreachable': 3,
  'no-host': 4,
  'refused': 5,
  'timed-out': 6,
  'command': 7,
}

const OPEN_METHOD = 0
const LOGIN_METHOD = 2
const CONNECT = 1
const IPV4 = 1
const NAME = 3
const IPV6 = 4

const bad = (why: string, reply = NOTHING, login = false): SocksStep => ({ kind: 'bad', why, reply, login })

export class SocksServer {
  readonly #login: boolean
  readonly #in = new ByteWriter(64)
  #at = 0
  #state: 'start' | 'login' | 'admit' | 'request' | 'done' = 'start'

  /** `login`: a client of version 5 has to say who it is, and one of version 4, which cannot, is refused. */
  constructor(login: boolean) {
    this.#login = login
  }

  feed(bytes: Uint8Array): void {
    this.#in.put(bytes)
  }

  /** What was fed and not used: after `request`, what the client says to whom it asked for. */
  rest(): Uint8Array {
    return this.#in.bytes.subarray(this.#at, this.#in.length)
  }

  next(): SocksStep {
    const bytes = this.#in.bytes.subarray(this.#at, this.#in.length)
    if (bytes.length === 0) return MORE
    switch (this.#state) {
      case 'start':
        if (bytes[0] === 4) return this.#fourth(bytes)
        return bytes[0] === 5 ? this.#greeting(bytes) : bad('neither version 4 nor 5')
      case 'login':
        return this.#loginOf(bytes)
      case 'request':
        return this.#fifth(bytes)
      default:
        return MORE
    }
  }

  /** After `login`. @returns what to send; a client that is not let in is closed after it (RFC 1929 2). */
  admit(good: boolean): Uint8Array {
    this.#state = good ? 'request' : 'done'
    return Uint8Array.of(1, good ? 0 : 1)
  }

  #use(count: number): void {
    this.#at += count
  }

  #greeting(bytes: Uint8Array): SocksStep {
    if (bytes.length < 2 || bytes.length < 2 + bytes[1]) return MORE
    const size = 2 + bytes[1]
    const method = this.#login ? LOGIN_METHOD : OPEN_METHOD
    if (!bytes.subarray(2, size).includes(method)) {
      return bad(this.#login ? 'it does not offer to log in' : 'it insists on a login', NO_METHOD, this.#login)
    }
    this.#use(size)
    this.#state = this.#login ? 'login' : 'request'
    return { kind: 'reply', bytes: Uint8Array.of(5, method) }
  }

  /** RFC 1929 2. */
  #loginOf(bytes: Uint8Array): SocksStep {
    if (bytes[0] !== 1) return bad('a login of another version', Uint8Array.of(1, 1))
    if (bytes.length < 2) return MORE
    const user = 2 + bytes[1]
    if (bytes.length <= user) return MORE
    const end = user + 1 + bytes[user]
    if (bytes.length < end) return MORE
    this.#use(end)
    this.#state = 'admit'
    return { kind: 'login', user: latin1(bytes, 2, user), password: latin1(bytes, user + 1, end) }
  }

  #fifth(bytes: Uint8Array): SocksStep {
    if (bytes[0] !== 5) return bad('a request of another version')
    if (bytes.length < 5) return MORE
    const type = bytes[3]
    const size = type === IPV4 ? 4 : type === IPV6 ? 16 : type === NAME ? 1 + bytes[4] : 0
    if (size === 0) return bad('a type of address that is none', reply5(8))
    const end = 4 + size
    if (bytes.length < end + 2) return MORE
    const host = type === NAME ? latin1(bytes, 5, end) : formatAddress(addressOf(bytes.slice(4, end)))
    if (host === '') return bad('a name that is empty', reply5(CODES['no-host']))
    this.#use(end + 2)
    this.#state = 'done'
    return this.#request({ version: 5, command: commandOf(bytes[1]), host, port: uint16(bytes, end), user: '' })
  }

  #fourth(bytes: Uint8Array): SocksStep {
    if (this.#login) return bad('version 4 cannot log in', reply4(0x5d), true)
    if (bytes.length < 9) return MORE
    const user = textEnd(bytes, 8)
    if (user < 0) return bytes.length - 8 > SOCKS_TEXT_SIZE ? bad('a user that is too long', reply4(0x5b)) : MORE
    let host = formatAddress(addressOf(bytes.slice(4, 8)))
    let end = user + 1
    // 4a: an address that nobody can have says that a name follows.
    if (bytes[4] === 0 && bytes[5] === 0 && bytes[6] === 0 && bytes[7] !== 0) {
      const name = textEnd(bytes, end)
      if (name < 0) return bytes.length - end > SOCKS_TEXT_SIZE ? bad('a name that is too long', reply4(0x5b)) : MORE
      if (name === end) return bad('a name that is empty', reply4(0x5b))
      host = latin1(bytes, end, name)
      end = name + 1
    }
    this.#use(end)
    this.#state = 'done'
    const command = commandOf(bytes[1])
    return this.#request({ version: 4, command, host, port: uint16(bytes, 2), user: latin1(bytes, 8, user) })
  }

  #request(request: SocksRequest): SocksStep {
    return { kind: 'request', request }
  }
}

const commandOf = (code: number): SocksRequest['command'] => code === CONNECT ? 'connect' : 'other'
const uint16 = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1]

/** Where the NUL is that ends a text; -1: it is not here, or the text is too long. */
function textEnd(bytes: Uint8Array, from: number): number {
  const end = bytes.indexOf(0, from)
  return end - from > SOCKS_TEXT_SIZE ? -1 : end
}

/** The address is told as zeros: clients do not need it, and it would say more of us than they should know. */
const reply5 = (code: number): Uint8Array => Uint8Array.of(5, code, 0, IPV4, 0, 0, 0, 0, 0, 0)
const reply4 = (code: number): Uint8Array => Uint8Array.of(0, code, 0, 0, 0, 0, 0, 0)

/** It is connected: what follows is a tunnel. */
export function socksEstablished(version: 4 | 5): Uint8Array {
  return version === 5 ? reply5(0) : reply4(0x5a)
}

/** It is not, and why. */
export function socksRefused(version: 4 | 5, why: SocksRefusal): Uint8Array {
  return version === 5 ? reply5(CODES[why]) : reply4(0x5b)
}
