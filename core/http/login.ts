/** Logins that belong to a connection instead of a request (RFC 4559 6): NTLM, and Negotiate as servers do it. */

import { equalsIgnoreCase, SP } from '../bytes/ascii.ts'
import { FIELD } from './fields.ts'
import type { Head } from './head.ts'
import { List } from './list.ts'

const SCHEMES = ['ntlm', 'negotiate']
const UNAUTHORIZED = 401
const PROXY_AUTHENTICATION_REQUIRED = 407

const list = new List()

/** Whether a list of challenges or credentials has one of the schemes: its name stands alone or before a space. */
function names(head: Head, id: number): boolean {
  for (let i = head.find(id); i >= 0; i = head.find(id, i + 1)) {
    list.open(head.bytes, head.at[i * 4 + 2], head.at[i * 4 + 3])
    while (list.next()) {
      let end = list.start
      while (end < list.end && head.bytes[end] !== SP) end++
      for (const scheme of SCHEMES) {
        if (equalsIgnoreCase(head.bytes, list.start, end, scheme)) return true
      }
    }
  }
  return false
}

/**
 * Whether the connection to the origin is somebody's from here on: the origin offers such a login, or the client sends
 * one. Another client's requests on it would be answered as this one's.
 */
export function bindsLogin(request: Head, response: Head): boolean {
  const { status } = response
  if (status === UNAUTHORIZED || status === PROXY_AUTHENTICATION_REQUIRED) {
    if (names(response, FIELD['www-authenticate']) || names(response, FIELD['proxy-authenticate'])) return true
  }
  return names(request, FIELD.authorization)
}
