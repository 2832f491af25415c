/** Which engine carries the bytes of a worker. */

import type { ServiceSettings } from '../config/settings.ts'
import { EXIT } from '../exit_codes.ts'
import { StartFailure } from '../proxy/start_failure.ts'
import type { Runtime } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'

export interface Choice {
  readonly runtime: Runtime
  /** Why it is not the better one; empty when it is, or when it was not asked for. */
  readonly why: string
}

/** @throws StartFailure when the one that was asked for does not work here. */
export async function chooseEngine(runtime: Runtime, wanted: ServiceSettings['engine']): Promise<Choice> {
  if (wanted === 'portable') return { runtime, why: '' }
  const why = await attempt(runtime)
  if (typeof why !== 'string') return { runtime: why, why: '' }
  if (wanted === 'auto') return { runtime, why }
  throw new StartFailure(EXIT.unavailable, `service.engine: "${wanted}" does not work here: ${why}`)
}

/** The runtime on the epoll engine, or why there is none. */
async function attempt({ engines, name, version }: Runtime): Promise<Runtime | string> {
  if (engines.epoll === undefined) return `there is none for ${name} ${version}`
  try {
    return await engines.epoll()
  } catch (error) {
    if (error instanceof SystemFailure) return error.detail === '' ? error.message : error.detail
    throw error
  }
}
