/** All workers of the service: started, asked how they do, started anew when they end, and stopped. */

import type { WorkerView } from '../control/overview.ts'
import { EXIT } from '../exit_codes.ts'
import { within } from '../flow/within.ts'
import { STATISTICS_WAIT, WORKER_BACKOFF, WORKER_BACKOFF_MAX, WORKER_PULSE, WORKER_YOUNG } from '../limits.ts'
import { logger } from '../proxy/diagnostics.ts'
import type { Place } from '../proxy/listening.ts'
import { add, lasting, type Snapshot } from '../proxy/snapshot.ts'
import { StartFailure } from '../proxy/start_failure.ts'
import type { Runtime } from '../runtime.ts'
import type { LogName, Task } from './message.ts'
import { type End, howEnded, isSignal, TERMINATED, WorkerProcess } from './worker_process.ts'

export interface WorkersOptions {
  readonly count: number
  /** What the worker of that id (from 1) is to do; `starts`: how often it has been started before. */
  readonly task: (id: number, starts: number) => Task
  /** Whole lines for a log; lent. */
  readonly lines: (log: LogName, bytes: Uint8Array) => void
}

export class Workers {
  /** Settles when all are ready for the first time, or are told to end. Rejects with a StartFailure when one cannot start. */
  readonly up: Promise<void>
  /** Settles when they were told to end and all have. */
  readonly ended: Promise<void>
  /** Where the first of them listens, once it does. */
  places: readonly Place[] = []
  readonly #runtime: Runtime
  readonly #options: WorkersOptions
  readonly #log = logger('service')
  /** The worker of each id, and how often another had to take its place. */
  readonly #current: WorkerProcess[] = []
  readonly #restarts: number[] = []
  /** All processes there are, those included whose place another has taken. */
  readonly #processes = new Set<WorkerProcess>()
  readonly #keeping = new Set<Promise<void>>()
  readonly #pauses = new Set<() => void>()
  readonly #ready = new Set<number>()
  #gone: Snapshot = {}
  #booted = false
  #ending = false
  #stopPulse = (): void => {}
  #isUp!: () => void
  #fail!: (failure: StartFailure) => void
  #hasEnded!: () => void

  constructor(runtime: Runtime, options: WorkersOptions) {
    this.#runtime = runtime
    this.#options = options
    this.up = new Promise((resolve, reject) => {
      this.#fail = reject
      this.#isUp = () => {
        this.#booted = true
        resolve()
      }
    })
    this.ended = new Promise((resolve) => {
      this.#hasEnded = resolve
    })
  }

  start(): void {
    this.#stopPulse = this.#runtime.clock.every(WORKER_PULSE, () => this.#pulse())
    for (let id = 1; id <= this.#options.count && !this.#ending; id++) {
      const keeping = this.#keep(id).finally(() => {
        this.#keeping.delete(keeping)
        this.#checkEnd()
      })
      this.#keeping.add(keeping)
    }
  }

  /** Take no more connections, finish what is in flight within `limit` milliseconds (0: no limit), end. */
  drain(limit: number): void {
    this.#end()
    for (const worker of this.#processes) worker.drain(limit)
  }

  /** All of them read the files of the filter again. */
  reload(): void {
    for (const worker of this.#processes) worker.reload()
  }

  /** End now. */
  stop(): void {
    this.#end()
    for (const worker of this.#processes) worker.stop()
  }

  get views(): readonly WorkerView[] {
    return this.#current.map(({ id, pid, state, started, engine, runtime, snapshot }, i) => ({
      id,
      pid,
      state,
      started,
      restarts: this.#restarts[i],
      engine,
      runtime,
      snapshot,
    }))
  }

  /** What they have counted, and those before them. */
  get total(): Snapshot {
    let total = this.#gone
    for (const { snapshot } of this.#processes) total = add(total, snapshot)
    return total
  }

  /** Have them say what they have counted by now. Settles when they have, or soon. */
  async refresh(): Promise<void> {
    const answers = [...this.#processes].map((worker) => worker.refresh())
    await within(this.#runtime.clock, STATISTICS_WAIT, Promise.all(answers).then(() => {}))
  }

  #pulse(): void {
    for (const worker of this.#processes) worker.pulse()
  }

  #end(): void {
    this.#ending = true
    for (const over of this.#pauses) over()
    this.#isUp()
    this.#checkEnd()
  }

  #checkEnd(): void {
    if (!this.#ending || this.#keeping.size > 0) return
    this.#stopPulse()
    this.#hasEnded()
  }

  /** One after the other at the same place, until they are told to end. */
  async #keep(id: number): Promise<void> {
    const { clock } = this.#runtime
    const leaving = new Set<Promise<void>>()
    let early = 0
    for (let starts = 0; !this.#ending; starts++) {
      const began = clock.now()
      const worker = this.#start(id, starts)
      const end = worker.ended.then((end) => this.#buried(worker, end))
      leaving.add(end)
      void end.then(() => leaving.delete(end))
      await Promise.race([worker.leaving, end])
      if (this.#ending) break
      early = worker.state === 'gone' && clock.now() - began < WORKER_YOUNG ? early + 1 : 0
      if (early > 1) await this.#pause(Math.min(WORKER_BACKOFF * 2 ** (early - 2), WORKER_BACKOFF_MAX))
    }
    await Promise.all(leaving)
  }

  #start(id: number, starts: number): WorkerProcess {
    const { task, lines } = this.#options
    const worker = new WorkerProcess(this.#runtime, { id, task: task(id, starts), lines })
    this.#current[id - 1] = worker
    this.#restarts[id - 1] = starts
    this.#processes.add(worker)
    void worker.ready.then((ready) => {
      if (ready) this.#isReady(worker)
    })
    return worker
  }

  #isReady({ id, pid, engine, places }: WorkerProcess): void {
    if (id === 1) this.places = places
    if (this.#booted && !this.#ending) this.#log.info('worker {id} is ready again', { id, pid, engine })
    this.#ready.add(id)
    if (this.#ready.size === this.#options.count && !this.#booted) this.#isUp()
  }

  #buried(worker: WorkerProcess, { code, failed }: End): void {
    this.#processes.delete(worker)
    this.#gone = add(this.#gone, lasting(worker.snapshot))
    const { id, pid } = worker
    if (failed !== null) {
      if (!this.#booted) this.#giveUp(failed.exit, failed.words)
      else if (!this.#ending) this.#log.error('worker {id} did not start: {words}', { id, pid, words: failed.words })
      return
    }
    const how = howEnded(code)
    if (this.#ending) {
      // One that had hardly been started had not learnt yet to end in good order.
      if (code !== 0 && code !== TERMINATED && this.#ready.has(id)) {
        this.#log.warning('worker {id} {how}', { id, pid, how })
      }
      return
    }
    if (code === 0) this.#log.info('worker {id} has ended; another takes its place', { id, pid })
    else this.#log.error('worker {id} {how}; its connections are lost, another takes its place', { id, pid, how })
    if (!this.#booted && code > 0 && !isSignal(code)) this.#giveUp(EXIT.bug, `a worker cannot start: it ${how}`)
  }

  /** What keeps one worker from its first start keeps the next one, too. */
  #giveUp(exit: number, words: string): void {
    this.#fail(new StartFailure(exit, words))
    this.stop()
  }

  /** Settles after `ms`, or when they are told to end. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const over = () => {
        undo()
        this.#pauses.delete(over)
        resolve()
      }
      const undo = this.#runtime.clock.after(ms, over)
      this.#pauses.add(over)
    })
  }
}
