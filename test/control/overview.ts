/** A supervisor for tests: it says what it is told to. */
import type { Overview, WorkerState, WorkerView } from '../../core/control/overview.ts'
import type { Snapshot } from '../../core/proxy/snapshot.ts'

/** 2026-11-24 17:15:55.046 UTC. */
export const STARTED = 1_795_540_555_046

export function workerOf(id: number, facts: Partial<WorkerView> = {}): WorkerView {
  return {
    id,
    pid: 1000 + id,
    state: 'ready',
    started: STARTED + 1000,
    restarts: 0,
    engine: 'portable',
    runtime: 'node 24.21.0',
    snapshot: {},
    ...facts,
  }
}

export class FakeOverview implements Overview {
  readonly version = '0.1.0'
  readonly pid = 1000
  readonly started = STARTED
  draining = false
  workers: readonly WorkerView[] = [workerOf(1), workerOf(2)]
  total: Snapshot = {}
  /** How often the workers were asked. */
  refreshed = 0

  /** What the next asking will show. */
  next: Snapshot | null = null

  refresh(): Promise<void> {
    this.refreshed++
    this.total = this.next ?? this.total
    return Promise.resolve()
  }

  states(...states: readonly WorkerState[]): this {
    this.workers = states.map((state, i) => workerOf(i + 1, { state }))
    return this
  }
}
