/** What core/runtime.ts means in practice: each adapter passes this inside its own runtime, the memory machine its part. */
import type { Runtime } from '../../core/runtime.ts'
import { listeners } from './listeners.ts'
import type { Skips } from './pairs.ts'
import { streams } from './sockets.ts'

export type { Skips } from './pairs.ts'

export function contract(runtime: Runtime, skips: Skips = {}): void {
  streams(runtime, skips)
  listeners(runtime, skips)
}
