/**
 * The supervisor: it starts the workers and starts them anew, writes the logs, hears the signals and answers the operator.
 * It carries no traffic.
 */

import { formatEndpoint, parseEndpoint } from '../bytes/address.ts'
import { clash } from '../config/checks.ts'
import { ADMIN_ADDRESS, type Settings } from '../config/settings.ts'
import { controlApp, type Overview, type WorkerView } from '../control/app.ts'
import { type Control, serveControl } from '../control/serve.ts'
import { EXIT } from '../exit_codes.ts'
import { within } from '../flow/within.ts'
import {
  DESCRIPTORS_KEPT,
  LOG_FLUSH_PERIOD,
  STATISTICS_WAIT,
  WORKER_BACKOFF,
  WORKER_BACKOFF_MAX,
  WORKER_PULSE,
  WORKER_YOUNG,
} from '../limits.ts'
import { logger } from '../proxy/diagnostics.ts'
import { type Place, placesOf } from '../proxy/listening.ts'
import { named } from '../proxy/pseudonym.ts'
import { add, lasting, type Snapshot } from '../proxy/snapshot.ts'
import { cannotListen, opened, StartFailure } from '../proxy/start_failure.ts'
import type { Runtime, SignalName } from '../runtime.ts'
import { Logs } from './logs.ts'
import type { Task } from './message.ts'
import { probe } from './probe.ts'
import { shareOf } from './share.ts'
import { type End, WorkerProcess } from './worker_process.ts'

/**
 * Run until a signal says to stop: SIGTERM and SIGINT finish what is in flight within `service.drain_timeout` (a second one
 * stops at once), SIGQUIT finishes all of it, SIGHUP and SIGUSR1 reopen the logs.
 * @returns the exit code.
 */
export async function serve(runtime: Runtime, settings: Settings, version: string): Promise<number> {
  const supervisor = new Supervisor(runtime, settings, version)
  try {
    await supervisor.start()
    await supervisor.stopped
    await supervisor.close()
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error
    await supervisor.close()
    await runtime.errors.write(new TextEncoder().encode(`exaproxy: ${error.message}\n`))
    return error.exit
  }
}

export class Supervisor implements Overview {
  readonly version: string
  readonly pid: number
  readonly started: number
  draining = false
  /** Settles when a signal has said to stop and no worker is left. */
  readonly stopped: Promise<void>
  readonly #runtime: Runtime
  readonly #settings: Settings
  readonly #log = logger('service')
  readonly #undo: (() => void)[] = []
  /** The worker of each place, and how often another had to take it. */
  readonly #workers: WorkerProcess[] = []
  readonly #restarts: number[] = []
  /** All processes there are, those included whose place another has taken. */
  readonly #processes = new Set<WorkerProcess>()
  readonly #keeping = new Set<Promise<void>>()
  readonly #pauses = new Set<() => void>()
  #logs: Logs | null = null
  #control: Control[] = []
  #places: readonly Place[] = []
  #count = 1
  #shares = false
  #gone: Snapshot = {}
  #stop!: () => void
  /** Places whose first worker was ready; the service is up when all of them were. */
  readonly #ready = new Set<number>()
  #allReady!: () => void
  readonly #up: Promise<void>
  #booted = false
  #failStart!: (failure: StartFailure) => void
  readonly #startFails: Promise<never>

  constructor(runtime: Runtime, settings: Settings, version: string) {
    this.version = version
    this.pid = runtime.pid
    this.started = runtime.clock.date()
    this.#runtime = runtime
    this.#settings = named(runtime, settings)
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve
    })
    this.#startFails = new Promise((_, reject) => {
      this.#failStart = reject
    })
    this.#up = new Promise((resolve) => {
      this.#allReady = resolve
    })
    // Whether anybody waits for it depends on when it comes.
    this.#startFails.catch(() => {})
  }

  /** Settles when all workers are ready, or a signal came first. @throws StartFailure */
  async start(): Promise<void> {
    const runtime = this.#runtime
    const { service } = this.#settings
    const logs = await Logs.open(runtime, this.#settings)
    this.#logs = logs
    // While a worker that keeps dying is waited for, there is nothing else.
    this.#undo.push(runtime.stay())
    this.#undo.push(runtime.clock.every(LOG_FLUSH_PERIOD, () => logs.flush()))
    // Before anybody can know that it runs: a signal that comes early stops it in good order, too.
    this.#on('SIGTERM', () => this.#drain('SIGTERM', service.drain_timeout))
    this.#on('SIGINT', () => this.#drain('SIGINT', service.drain_timeout))
    this.#on('SIGQUIT', () => this.#drain('SIGQUIT', 0))
    this.#on('SIGHUP', () => void logs.reopen())
    this.#on('SIGUSR1', () => void logs.reopen())
    this.#undo.push(runtime.clock.every(WORKER_PULSE, () => this.#pulse()))
    this.#count = this.#countWorkers()
    this.#shares = this.#count > 1
    this.#checkDescriptors()
    const probed = await probe(runtime, placesOf(this.#settings), this.#shares)
    this.#places = probed.places
    try {
      // Before the workers, none of which may lead a client there; and so it can say that they are starting.
      await this.#openControl()
      for (let id = 1; id <= this.#count && !this.draining; id++) this.#keep(id)
      await Promise.race([this.#startFails, this.#up])
    } finally {
      probed.release()
    }
    this.#booted = true
    if (this.draining) return
    await this.#tellReady()
  }

  /** What is left is let go of, the logs last. */
  async close(): Promise<void> {
    this.draining = true
    for (const control of this.#control) await control.close()
    for (const stop of this.#pauses) stop()
    for (const worker of this.#processes) worker.stop()
    await Promise.all(this.#keeping)
    for (const undo of this.#undo) undo()
    await this.#logs?.close()
  }

  get workers(): readonly WorkerView[] {
    return this.#workers.map((worker, i) => ({
      id: worker.id,
      pid: worker.pid,
      state: worker.state,
      started: worker.started,
      restarts: this.#restarts[i],
      engine: worker.engine,
      runtime: worker.runtime,
      snapshot: worker.snapshot,
    }))
  }

  get total(): Snapshot {
    const own: Snapshot = { memory_bytes: this.#runtime.memory(), log_lines_lost_total: this.#logs?.lost ?? 0 }
    let total = add(this.#gone, own)
    for (const { snapshot } of this.#processes) total = add(total, snapshot)
    return total
  }

  async refresh(): Promise<void> {
    const answers = [...this.#processes].map((worker) => worker.refresh())
    await within(this.#runtime.clock, STATISTICS_WAIT, Promise.all(answers).then(() => {}))
  }

  #countWorkers(): number {
    const { cores, sharesPorts } = this.#runtime
    const { workers } = this.#settings.service
    const wanted = workers === 'auto' ? cores : workers
    if (wanted === 1 || sharesPorts) return wanted
    const facts = { wanted, runtime: this.#runtime.name }
    if (workers === 'auto') this.#log.info('one worker only: {runtime} cannot share ports here', facts)
    else this.#log.warning('one worker, not {wanted}: {runtime} cannot share ports here', facts)
    return 1
  }

  /** Connections need two descriptors each, and running out of them is told by nobody to whoever waits. */
  #checkDescriptors(): void {
    const { descriptors } = this.#runtime
    let connections = 0
    for (const one of this.#settings.listener) connections += Math.ceil(one.connections / this.#count)
    const needed = 2 * connections + DESCRIPTORS_KEPT
    if (needed <= descriptors) return
    const advice = 'raise LimitNOFILE of systemd or ulimit -Hn, or lower the connections of listeners'
    this.#log.warning('a worker may open {descriptors} files and needs {needed} for its connections; {advice}', {
      descriptors,
      needed,
      advice,
    })
  }

  async #tellReady(): Promise<void> {
    const { pid_file } = this.#settings.service
    if (pid_file !== '') {
      const text = new TextEncoder().encode(`${this.#runtime.pid}\n`)
      await opened(pid_file, 'service.pid_file', () => this.#runtime.files.write(pid_file, text))
      this.#undo.push(() => void this.#runtime.files.remove(pid_file).catch(() => undefined))
    }
    for (const { listener, at } of this.#places) {
      this.#log.info('listener {name} listening on {address}', { name: listener, address: formatEndpoint(at) })
    }
    const engines = [...new Set(this.#workers.map(({ engine }) => engine))].join(', ')
    const pids = this.#workers.map(({ pid }) => pid).join(',')
    if (this.#count === 1) this.#log.info('a worker is ready', { engine: engines, pid: pids })
    else this.#log.info('{count} workers are ready', { count: this.#count, engine: engines, pids })
  }

  async #openControl(): Promise<void> {
    for (const text of this.#settings.admin.address) {
      const at = parseEndpoint(text)
      if (at === null) throw new StartFailure(EXIT.unavailable, `admin.address: "${text}" is no address`)
      const other = this.#settings.listener.find(({ address }) => address.some((theirs) => clash(theirs, text)))
      if (other !== undefined) {
        // The default, for what was asked for is checked with the configuration.
        const facts = { address: text, name: other.name }
        this.#log.warning(
          'there is no control application: {address} is taken by listener {name}; see admin.address',
          facts,
        )
        continue
      }
      try {
        const control = await serveControl(this.#runtime, at, controlApp(this, this.#runtime.clock))
        this.#control.push(control)
        this.#log.info('the control application listens on {address}', { address: formatEndpoint(control.at) })
      } catch (error) {
        const failure = cannotListen('the control application', at, error)
        if (!(failure instanceof StartFailure) || text !== ADMIN_ADDRESS) throw failure
        // Nobody asked for it by name: another instance may have it, or anything else that likes this port.
        this.#log.warning('{failure}; see admin.address', { failure: failure.message })
      }
    }
  }

  /** Keep a worker at this place. */
  #keep(id: number): void {
    const keeping = this.#follow(id).finally(() => {
      this.#keeping.delete(keeping)
      if (this.draining && this.#keeping.size === 0) this.#stop()
    })
    this.#keeping.add(keeping)
  }

  async #follow(id: number): Promise<void> {
    const { clock } = this.#runtime
    const leaving = new Set<Promise<void>>()
    let early = 0
    for (let starts = 0; !this.draining; starts++) {
      const began = clock.now()
      const worker = this.#start(id, starts)
      const end = worker.ended.then((end) => this.#ended(worker, end))
      leaving.add(end)
      void end.then(() => leaving.delete(end))
      await Promise.race([worker.leaving, end])
      if (this.draining) break
      early = worker.state === 'gone' && clock.now() - began < WORKER_YOUNG ? early + 1 : 0
      if (early > 1) await this.#pause(Math.min(WORKER_BACKOFF * 2 ** (early - 2), WORKER_BACKOFF_MAX))
    }
    await Promise.all(leaving)
  }

  #start(id: number, starts: number): WorkerProcess {
    const places = this.#places.filter(({ at }) => id === 1 || at.family !== 'unix')
    const task: Task = {
      kind: 'task',
      id,
      settings: shareOf(this.#settings, id, this.#count),
      places,
      reserved: this.#control.map(({ at }) => at),
      shares: this.#shares,
      speaks: id === 1 && starts === 0,
    }
    const lines: WorkerProcessLines = (log, bytes) => this.#logs?.put(log, bytes)
    const worker = new WorkerProcess(this.#runtime, { id, task, lines })
    this.#workers[id - 1] = worker
    this.#restarts[id - 1] = starts
    this.#processes.add(worker)
    void worker.ready.then((ready) => {
      if (ready) this.#isReady(worker)
    })
    return worker
  }

  #isReady(worker: WorkerProcess): void {
    const { id, pid, engine, places } = worker
    // One worker alone has had the system choose its ports, and the next one keeps them.
    if (!this.#shares) this.#places = places
    if (this.#booted && !this.draining) this.#log.info('worker {id} is ready again', { id, pid, engine })
    this.#ready.add(id)
    if (this.#ready.size === this.#count) this.#allReady()
  }

  #ended(worker: WorkerProcess, { code, failed }: End): void {
    this.#processes.delete(worker)
    this.#gone = add(this.#gone, lasting(worker.snapshot))
    const { id, pid } = worker
    if (failed !== null) {
      if (!this.#booted) this.#giveUp(failed.exit, failed.words)
      else this.#log.error('worker {id} did not start: {words}', { id, pid, words: failed.words })
      return
    }
    if (this.draining && !this.#booted) return
    if (this.draining) {
      // One that had hardly been started had not learnt yet to end in good order.
      if (code !== 0 && code !== TERMINATED) this.#log.warning('worker {id} {how}', { id, pid, how: howEnded(code) })
      return
    }
    if (code === 0) this.#log.info('worker {id} has ended; another takes its place', { id, pid })
    else {
      const facts = { id, pid, how: howEnded(code) }
      this.#log.error('worker {id} {how}; its connections are lost, another takes its place', facts)
    }
    if (!this.#booted && code > 0 && code < SIGNALLED) {
      this.#giveUp(EXIT.bug, `a worker cannot start: it ${howEnded(code)}`)
    }
  }

  /** What keeps one worker from its first start keeps the next one, too. */
  #giveUp(exit: number, words: string): void {
    this.draining = true
    this.#failStart(new StartFailure(exit, words))
  }

  /** Stop listening, and wait for what is in flight: `limit` milliseconds at most, 0 for as long as it takes. */
  #drain(signal: SignalName, limit: number): void {
    if (this.draining) {
      if (signal === 'SIGQUIT') return
      this.#log.warning('{signal} again: stopping at once', { signal })
      for (const worker of this.#processes) worker.stop()
      return
    }
    this.draining = true
    const within = limit === 0 ? 'as long as it takes' : `${limit / 1000} s at most`
    this.#log.info('{signal}: stopping; what is in flight may take {within}', { signal, within })
    for (const stop of this.#pauses) stop()
    for (const worker of this.#processes) worker.drain(limit)
    this.#allReady()
    if (this.#keeping.size === 0) this.#stop()
  }

  #pulse(): void {
    for (const worker of this.#processes) worker.pulse()
  }

  /** Settles after `ms`, or when the service is told to stop. */
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

  #on(name: SignalName, heard: () => void): void {
    this.#undo.push(this.#runtime.signal(name, heard))
  }
}

type WorkerProcessLines = ConstructorParameters<typeof WorkerProcess>[1]['lines']

/** Exit codes from here up are 128 and the number of a signal. */
const SIGNALLED = 129
const TERMINATED = 143

/** What those signals are called that end a process nobody meant to end. */
const SIGNALS: Readonly<Record<number, string>> = {
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  15: 'SIGTERM',
}

function howEnded(code: number): string {
  if (code < SIGNALLED) return `ended with exit code ${code}`
  const number = code - 128
  return `was ended by ${SIGNALS[number] ?? `signal ${number}`}`
}
