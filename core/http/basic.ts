/** Logins of the scheme Basic (RFC 7617). */

import { fromBase64 } from '../bytes/base64.ts'

/** Bytes, one character each. */
export interface BasicLogin {
  readonly name: string
  readonly password: string
}

const CREDENTIALS = /^basic +([A-Za-z0-9+/]+={0,2})$/i

/** What the value of Authorization or Proxy-Authorization says; `null`: it is of another scheme, or none. */
export function parseBasic(value: string): BasicLogin | null {
  const found = CREDENTIALS.exec(value)
  if (found === null) return null
  const text = fromBase64(found[1])
  const colon = text === null ? -1 : text.indexOf(':')
  return text === null || colon < 0 ? null : { name: text.slice(0, colon), password: text.slice(colon + 1) }
}
