/** What /json says: all of it, worker by worker and added up, for a page or a script. */

import { isoTime } from '../bytes/calendar.ts'
import { BUCKETS } from '../proxy/histogram.ts'
import type { Snapshot } from '../proxy/snapshot.ts'
import type { Overview, WorkerState } from './overview.ts'
import { readiness } from './readiness.ts'

export interface WorkerReport {
  readonly id: number
  readonly pid: number
  readonly state: WorkerState
  /** RFC 3339. */
  readonly started: string
  readonly uptime_seconds: number
  readonly restarts: number
  readonly engine: string
  readonly runtime: string
  readonly statistics: Snapshot
}

export interface Report {
  readonly version: string
  readonly pid: number
  readonly now: string
  readonly started: string
  readonly uptime_seconds: number
  readonly ready: boolean
  /** Why it is not ready; empty when it is. */
  readonly why: string
  readonly draining: boolean
  readonly workers: readonly WorkerReport[]
  /** Of all workers there are and were; names as in /metrics. */
  readonly total: Snapshot
  /** Upper ends, seconds, of the counts of a histogram; there is one count more, for what is longer. */
  readonly buckets_seconds: readonly number[]
}

/** `now`: milliseconds since 1970-01-01 UTC. */
export function report(overview: Overview, now: number): Report {
  const { version, pid, started, draining, workers, total } = overview
  const uptime = (since: number): number => Math.max(0, now - since) / 1000
  return {
    version,
    pid,
    now: isoTime(now),
    started: isoTime(started),
    uptime_seconds: uptime(started),
    ...readiness(overview),
    draining,
    workers: workers.map(({ id, pid, state, started, restarts, engine, runtime, snapshot }) => ({
      id,
      pid,
      state,
      started: isoTime(started),
      uptime_seconds: uptime(started),
      restarts,
      engine,
      runtime,
      statistics: snapshot,
    })),
    total,
    buckets_seconds: BUCKETS.map((ms) => ms / 1000),
  }
}
