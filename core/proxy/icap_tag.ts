/** The ISTag of our ICAP service (RFC 3507 4.7): as long as it is the same, the same requests are answered the same. */

import type { ListenerSettings, Settings } from '../config/settings.ts'

/**
 * Of the rules, and of whatever else decides, as configured; `version`: of what they read besides, which may change while
 * the service runs. All workers say the same, and so they do after a restart. 25 characters; 32 are allowed.
 */
export function istagOf(settings: Settings, listener: ListenerSettings, version = ''): string {
  const { rule, list, helper, icap } = settings
  const text = JSON.stringify([rule, list, helper, icap, listener.filter, listener.safe_search, version])
  const name = settings.http.transparent ? '' : 'exaproxy-'
  return `${name}${hex(fnv(text, 0x811c9dc5))}${hex(fnv(text, 0x9e3779b9))}`
}

/** FNV-1a, 32 bits, of the characters' codes. */
function fnv(text: string, basis: number): number {
  let hash = basis
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

function hex(number: number): string {
  return number.toString(16).padStart(8, '0')
}
