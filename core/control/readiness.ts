/** Whether to send traffic here, and why not. */

import type { Overview } from './overview.ts'

export interface Readiness {
  readonly ready: boolean
  /** For a person; empty when ready. */
  readonly why: string
}

export function readiness({ draining, workers }: Overview): Readiness {
  if (draining) return { ready: false, why: 'the service is stopping' }
  if (workers.some(({ state }) => state === 'ready')) return { ready: true, why: '' }
  // It answers before there are workers.
  if (workers.length === 0 || workers.some(({ state, restarts }) => state === 'starting' && restarts === 0)) {
    return { ready: false, why: 'the service is starting' }
  }
  return { ready: false, why: 'no worker is ready' }
}
