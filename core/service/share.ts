/** The settings of one worker: what the service may have in all is divided. */

import type { ListenerSettings, Settings } from '../config/settings.ts'

/** `id` counts from 1. */
export function shareOf(settings: Settings, id: number, count: number): Settings {
  if (count === 1) return settings
  return { ...settings, listener: settings.listener.map((listener) => shareOfListener(listener, id, count)) }
}

/** Rounded up, so that nobody is left without. The first worker has a unix socket alone, and all that comes there. */
function shareOfListener(listener: ListenerSettings, id: number, count: number): ListenerSettings {
  const alone = id === 1 && listener.address.every((address) => address.startsWith('unix:'))
  return alone ? listener : { ...listener, connections: Math.ceil(listener.connections / count) }
}
