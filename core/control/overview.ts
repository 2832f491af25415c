/** What the supervisor shows of itself to the operator's side. */

import type { Snapshot } from '../proxy/snapshot.ts'

/**
 * | state | the worker |
 * | --- | --- |
 * | `starting` | has been started and does not listen yet |
 * | `ready` | takes connections |
 * | `draining` | takes none any more, and finishes what is in flight |
 * | `gone` | has ended, and another takes its place soon |
 */
export type WorkerState = 'starting' | 'ready' | 'draining' | 'gone'

export interface WorkerView {
  /** From 1; whoever takes the place of one that has gone has its number. */
  readonly id: number
  readonly pid: number
  readonly state: WorkerState
  /** When this process was started, milliseconds since 1970-01-01 UTC. */
  readonly started: number
  /** How often another had to take this place. */
  readonly restarts: number
  /** What carries its bytes: `portable`, `epoll`, ... */
  readonly engine: string
  /** As `node 24.21.0`. */
  readonly runtime: string
  /** The last that is known of this process. */
  readonly snapshot: Snapshot
}

/** Read when it is needed, so all of it may change from one look to the next. */
export interface Overview {
  readonly version: string
  readonly pid: number
  /** When the supervisor was started, milliseconds since 1970-01-01 UTC. */
  readonly started: number
  /** The service is stopping. */
  readonly draining: boolean
  readonly workers: readonly WorkerView[]
  /** What all workers have counted together, those that have gone (see `lasting`) and the supervisor itself included. */
  readonly total: Snapshot
  /** Ask the workers for what they have counted by now. Settles when they have answered, or soon; never rejects. */
  refresh(): Promise<void>
}
