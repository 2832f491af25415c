/**
 * Places that several workers will share, tried alone first: who shares a port notices nothing of another program that does
 * so as well, and the workers must agree on the ports the system chooses.
 */

import { listenAt, type Place } from '../proxy/listening.ts'
import type { Listener, Runtime } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'

export interface Probed {
  /** No port is 0 any more. */
  readonly places: readonly Place[]
  /** The workers listen. */
  release(): void
}

/** @throws StartFailure when one cannot be listened at. */
export async function probe(runtime: Runtime, places: readonly Place[], shared: boolean): Promise<Probed> {
  // One worker alone finds out by itself.
  if (!shared) return { places, release: () => {} }
  const found: Place[] = []
  const held: Listener[] = []
  const release = () => {
    for (const listener of held) listener.close()
  }
  try {
    for (const place of places) {
      if (place.at.family === 'unix' || place.inherited === true) {
        found.push(place)
        continue
      }
      const chosen = place.at.port === 0 ? await hold(runtime, place) : null
      const listener = chosen ?? await listenAt(runtime, `listener ${place.listener}`, place.at)
      found.push({ ...place, at: listener.at })
      if (chosen === null) listener.close()
      else held.push(listener)
    }
    return { places: found, release }
  } catch (error) {
    release()
    throw error
  }
}

/** A port nobody knows of yet is kept until the workers have it, so that no other program gets it. */
async function hold(runtime: Runtime, { at }: Place): Promise<Listener | null> {
  try {
    return await runtime.listen(at, { reusePort: true })
  } catch (error) {
    // Node before 23.1 shares among its workers alone.
    if (error instanceof SystemFailure) return null
    throw error
  }
}
