/**
 * SOCKS as a client speaks it: version 4a, and version 5 (RFC 1928, RFC 1929), to be connected to one host and port. Bytes are
 * fed, steps come out, and nothing waits. Names are not looked up: the server does that.
 */

import { parseAddress } from '../bytes/address.ts'
import { ByteWriter } from '../bytes/writer.ts'
import type { FailureCode } from '../failure.ts'

/** Who we say we are; version 4a has no place for the password. Texts are latin1, as the bytes go out. */
export interface SocksLogin {
  readonly user: string
  readonly password: string
}

/**
 * - `more`: not enough is here.
 * - `send`: send this, and go on.
 * - `open`: it is connected; what follows in the bytes is of whoever was asked for.
 * - `failed`: it is not. `final`: the server spoke of where we want to go, and another server would say the same.
 */
export type SocksClientStep =
  | { readonly kind: 'more' }
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  | { readonly kind: 'open' }
  | { readonly kind: 'failed'; readonly code: FailureCode; readonly why: string; readonly final: boolean }

const MORE: SocksClientStep = { kind: 'more' }
const OPEN: SocksClientStep = { kind: 'open' }

const failed = (code: FailureCode, why: string, final = false): SocksClientStep => ({
  kind: 'failed',
  code,
  why,
  final,
})

/** RFC 1928 6. */
const REPLIES: readonly (readonly [FailureCode, string, boolean])[] = [
  ['parent-refused', 'a general failure', false],
  ['parent-refused', 'its rules do not allow it', true],
  ['connect-unreachable', 'the network cannot be reached', true],
  ['connect-unreachable', 'the host cannot be reached', true],
  ['connect-refused', 'the connection is refused', true],
  ['connect-timeout', 'the time to live is over', true],
  ['parent-refused', 'it does not know CONNECT', false],
  ['parent-refused', 'it does not know this type of address', false],
]

const OPEN_METHOD = 0
const LOGIN_METHOD = 2
const NO_METHOD = 0xff
const CONNECT = 1
const IPV4 = 1
const NAME = 3
const IPV6 = 4
/** What one byte can say of a length. */
const TEXT_SIZE = 255
const GRANTED4 = 0x5a
const IDENT4 = [0x5c, 0x5d]
const REPLY4_SIZE = 8

export class SocksClient {
  readonly #version: 4 | 5
  readonly #host: string
  readonly #port: number
  readonly #login: SocksLogin | null
  readonly #in = new ByteWriter(64)
  #at = 0
  #state: 'start' | 'method' | 'login' | 'reply' | 'done' = 'start'

  /** `host`: a name of ASCII letters, or an address in canonical form without brackets. */
  constructor(version: 4 | 5, host: string, port: number, login: SocksLogin | null) {
    this.#version = version
    this.#host = host
    this.#port = port
    this.#login = login
  }

  feed(bytes: Uint8Array): void {
    this.#in.put(bytes)
  }

  /** What was fed and not used: after `open`, what whoever was asked for has said already. */
  rest(): Uint8Array {
    return this.#in.bytes.subarray(this.#at, this.#in.length)
  }

  next(): SocksClientStep {
    const bytes = this.rest()
    switch (this.#state) {
      case 'start':
        return this.#start()
      case 'method':
        return this.#method(bytes)
      case 'login':
        return this.#admitted(bytes)
      case 'reply':
        return this.#version === 4 ? this.#reply4(bytes) : this.#reply5(bytes)
      case 'done':
        return MORE
    }
  }

  #start(): SocksClientStep {
    if (this.#host.length > TEXT_SIZE) return this.#end(failed('bad-target', 'a name that is too long', true))
    if (this.#version === 4) {
      this.#state = 'reply'
      return { kind: 'send', bytes: this.#request4() }
    }
    this.#state = 'method'
    const bytes = this.#login === null
      ? Uint8Array.of(5, 1, OPEN_METHOD)
      : Uint8Array.of(5, 2, OPEN_METHOD, LOGIN_METHOD)
    return { kind: 'send', bytes }
  }

  #method(bytes: Uint8Array): SocksClientStep {
    if (bytes.length > 0 && bytes[0] !== 5) return this.#end(failed('bad-response', 'no SOCKS 5'))
    if (bytes.length < 2) return MORE
    this.#at += 2
    const method = bytes[1]
    if (method === OPEN_METHOD) return this.#ask()
    if (method === LOGIN_METHOD && this.#login !== null) {
      this.#state = 'login'
      return { kind: 'send', bytes: loginBytes(this.#login) }
    }
    return this.#end(
      method === NO_METHOD || method === LOGIN_METHOD
        ? failed('parent-login', this.#login === null ? 'it wants a login' : 'it wants another kind of login')
        : failed('bad-response', 'it chose a method that was not offered'),
    )
  }

  /** RFC 1929 2. */
  #admitted(bytes: Uint8Array): SocksClientStep {
    if (bytes.length < 2) return MORE
    this.#at += 2
    return bytes[1] === 0 ? this.#ask() : this.#end(failed('parent-login', 'it does not accept the login'))
  }

  #ask(): SocksClientStep {
    this.#state = 'reply'
    const literal = parseAddress(this.#host)
    const out = new ByteWriter(32)
    out.put(Uint8Array.of(5, CONNECT, 0))
    if (literal === null) {
      out.byte(NAME)
      out.byte(this.#host.length)
      out.text(this.#host)
    } else {
      out.byte(literal.family === 4 ? IPV4 : IPV6)
      out.put(literal.bytes)
    }
    putPort(out, this.#port)
    return { kind: 'send', bytes: out.bytes.subarray(0, out.length) }
  }

  #reply5(bytes: Uint8Array): SocksClientStep {
    if (bytes.length > 0 && bytes[0] !== 5) return this.#end(failed('bad-response', 'no SOCKS 5'))
    if (bytes.length < 2) return MORE
    // Some say no more than this when they refuse.
    if (bytes[1] !== 0) {
      const [code, why, final] = REPLIES[bytes[1] - 1] ?? ['parent-refused', `failure ${bytes[1]}`, false]
      return this.#end(failed(code, why, final))
    }
    if (bytes.length < 5) return MORE
    const type = bytes[3]
    const size = type === IPV4 ? 4 : type === IPV6 ? 16 : type === NAME ? 1 + bytes[4] : 0
    if (size === 0) return this.#end(failed('bad-response', 'a type of address that is none'))
    if (bytes.length < 4 + size + 2) return MORE
    this.#at += 4 + size + 2
    return this.#end(OPEN)
  }

  #request4(): Uint8Array {
    const literal = parseAddress(this.#host)
    const fourth = literal !== null && literal.family === 4
    const out = new ByteWriter(64)
    out.put(Uint8Array.of(4, CONNECT))
    putPort(out, this.#port)
    // 4a: an address that nobody can have says that a name follows.
    out.put(fourth ? literal.bytes : Uint8Array.of(0, 0, 0, 1))
    if (this.#login !== null) out.text(this.#login.user)
    out.byte(0)
    if (!fourth) {
      out.text(this.#host)
      out.byte(0)
    }
    return out.bytes.subarray(0, out.length)
  }

  #reply4(bytes: Uint8Array): SocksClientStep {
    if (bytes.length > 0 && bytes[0] !== 0) return this.#end(failed('bad-response', 'no SOCKS 4'))
    if (bytes.length < REPLY4_SIZE) return MORE
    this.#at += REPLY4_SIZE
    const code = bytes[1]
    if (code === GRANTED4) return this.#end(OPEN)
    if (IDENT4.includes(code)) return this.#end(failed('parent-login', 'it does not accept the user'))
    return this.#end(failed('parent-refused', 'it refuses, or could not connect'))
  }

  #end(step: SocksClientStep): SocksClientStep {
    this.#state = 'done'
    return step
  }
}

function putPort(out: ByteWriter, port: number): void {
  out.byte(port >> 8)
  out.byte(port & 0xff)
}

/** RFC 1929 2. */
function loginBytes({ user, password }: SocksLogin): Uint8Array {
  const out = new ByteWriter(64)
  out.byte(1)
  for (const text of [user, password]) {
    out.byte(text.length)
    out.text(text)
  }
  return out.bytes.subarray(0, out.length)
}
