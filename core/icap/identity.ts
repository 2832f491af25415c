/** For whom an ICAP client asks: the fields that say so (draft-stecher-icap-subid), as policy sees them. */

import { canonical, parseAddress } from '../bytes/address.ts'
import { bare, type IcapHead } from './head.ts'

/** The address in X-Client-IP, canonical text; `null`: there is none, or it is no address. */
export function clientOf(head: IcapHead): string | null {
  const value = head.get('x-client-ip')
  return value === null || parseAddress(value) === null ? null : canonical(value)
}

/**
 * Whom X-Authenticated-User names, or else X-Client-Username, which is Squid's; empty: nobody. Plain or in Base64, a name or
 * a URI of one (`WinNT://domain/name`, `LDAP://host/cn=name,dc=...`, `Local://name`), of which the name is taken.
 */
export function userOf(head: IcapHead): string {
  const value = head.get('x-authenticated-user') ?? head.get('x-client-username') ?? ''
  return nameOf(fromBase64(value) ?? value)
}

function nameOf(text: string): string {
  const mark = text.indexOf('://')
  if (mark < 0) return text === '-' ? '' : bare(text)
  const path = text.slice(mark + 3)
  const name = path.slice(path.lastIndexOf('/') + 1)
  // A distinguished name (RFC 4514): what it begins with is who it is.
  const match = /^(?:cn|uid|samaccountname|userprincipalname)=((?:\\.|[^,\\])*)/i.exec(name)
  return bare(match === null ? name : match[1].replace(/\\(.)/g, '$1'))
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Text of which this is the Base64 (RFC 4648 4); `null`: it is not, or what it stands for is no text on one line. */
export function fromBase64(text: string): string | null {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null
  const bytes: number[] = []
  let bits = 0
  let count = 0
  for (const digit of text.replace(/=+$/, '')) {
    bits = (bits << 6) | DIGITS.indexOf(digit)
    count += 6
    if (count < 8) continue
    count -= 8
    bytes.push((bits >> count) & 0xff)
    bits &= (1 << count) - 1
  }
  try {
    const decoded = new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes))
    // deno-lint-ignore no-control-regex
    return /^[^\x00-\x1f\x7f-\x9f]+$/.test(decoded) ? decoded : null
  } catch {
    return null
  }
}
