/** Where answers of the original's helpers send a request: URLs and `host:port`, checked, as they may stand in a message. */

import { splitHostPort } from '../bytes/address.ts'
import { policyHost } from '../bytes/host.ts'

export interface Place {
  /** As `policyHost` has it: lower case, an address in its canonical form without brackets. */
  readonly host: string
  /** 0: none is written. */
  readonly port: number
}

export interface HttpUrl extends Place {
  /** Path and query, percent-encoded where it must be; empty, or beginning with "/" or "?". */
  readonly rest: string
}

const HTTP = /^http:\/\/([^/?#]+)([^#]*)/i
const ANY = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]/i
const NOT_ASCII = /[^\x21-\x7e]/

/** An `http` URL without user information; what follows "#" is left out. `null`: it is none. */
export function readHttpUrl(text: string): HttpUrl | null {
  const match = HTTP.exec(text)
  if (match === null) return null
  const place = readPlace(match[1])
  return place === null ? null : { ...place, rest: asUri(match[2]) }
}

/** `host[:port]`, the port from 1 to 65535. `null`: it is none. */
export function readPlace(text: string): Place | null {
  // An empty port is none (RFC 3986 3.2.3).
  const written = text.endsWith(':') ? text.slice(0, -1) : text
  if (written.endsWith(':0') || NOT_ASCII.test(written)) return null
  const split = splitHostPort(written, 0)
  if (split === null) return null
  const host = policyHost(split.host)
  return host === null ? null : { host, port: split.port }
}

/** The authority of a URL: an IPv6 address in brackets, the port where there is one. */
export function formatPlace({ host, port }: Place): string {
  const written = host.includes(':') ? `[${host}]` : host
  return port === 0 ? written : `${written}:${port}`
}

/** An address with any scheme, as it may stand in Location. `null`: it is none. */
export function readLocation(text: string): string | null {
  return ANY.test(text) ? asUri(text) : null
}

/** What may not stand in a URI percent-encoded. `text` has one byte a character. */
function asUri(text: string): string {
  return text.replace(
    /[^\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}
