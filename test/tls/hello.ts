/** ClientHellos made to measure. Texts are one character a byte. */

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

/** A number as so many bytes, the first one the highest. */
export const number = (value: number, size: number): string =>
  Array.from({ length: size }, (_, i) => String.fromCharCode(value >> 8 * (size - 1 - i) & 0xff)).join('')

/** What follows its own length of so many bytes. */
export const vector = (text: string, size: number): string => number(text.length, size) + text

export const extension = (type: number, body: string): string => number(type, 2) + vector(body, 2)

/** server_name with these names, all of type host_name. */
export const serverName = (...names: readonly string[]): string =>
  extension(0, vector(names.map((name) => `\0${vector(name, 2)}`).join(''), 2))

export const alpn = (...names: readonly string[]): string =>
  extension(16, vector(names.map((name) => vector(name, 1)).join(''), 2))

export interface Parts {
  readonly version: number
  readonly session: string
  readonly ciphers: string
  readonly compression: string
  /** `null`: not even their length. */
  readonly extensions: string | null
}

/** The message, with its handshake header. */
export function message(parts: Partial<Parts> = {}): string {
  const { version = 0x0303, session = '', ciphers = '\x13\x01', compression = '\0', extensions = '' } = parts
  const body = number(version, 2) + 'r'.repeat(32) + vector(session, 1) + vector(ciphers, 2) + vector(compression, 1) +
    (extensions === null ? '' : vector(extensions, 2))
  return `\x01${vector(body, 3)}`
}

export const record = (text: string, type = 22, version = 0x0301): string =>
  number(type, 1) + number(version, 2) + vector(text, 2)

/** In records of so many bytes each. */
export function records(text: string, size: number): string {
  let out = ''
  for (let i = 0; i < text.length; i += size) out += record(text.slice(i, i + size))
  return out
}

/** That of a HelloRetryRequest (RFC 8446 4.1.3). */
export const RETRY_RANDOM = String.fromCharCode(
  ...new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytesOf('HelloRetryRequest')))),
)

/** A ServerHello with this random, and nothing in it beside. */
export const serverHello = (random: string): string =>
  '\x02' + vector(number(0x0303, 2) + random + vector('', 1) + '\x13\x01\0' + vector('', 2), 3)

/** One record with such a hello in it. */
export const hello = (...extensions: readonly string[]): Uint8Array =>
  bytesOf(record(message({ extensions: extensions.join('') })))

export { bytesOf }
