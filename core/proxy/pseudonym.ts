/** The name of a proxy in Via, where its operator gives it none. */

import type { Settings } from '../config/settings.ts'
import type { Runtime } from '../runtime.ts'

/** Bytes of what makes a name of its own: no two proxies that see each other's requests have the same. */
const IDENTITY_SIZE = 4

/**
 * The configuration with a name in it. Without one from the operator each proxy has another: a request that went through
 * two of them in a row has not come round. All workers of one have the same.
 */
export function named(runtime: Runtime, settings: Settings): Settings {
  if (settings.http.name !== '') return settings
  const bytes = new Uint8Array(IDENTITY_SIZE)
  runtime.random(bytes)
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return { ...settings, http: { ...settings.http, name: `exaproxy-${digits}` } }
}
