/**
 * The supervisor: it starts the workers, writes the logs, hears the signals and answers the operator. It carries no traffic.
 */

import { formatEndpoint, parseEndpoint } from '../bytes/address.ts'
import { clash } from '../config/places.ts'
import { ADMIN_ADDRESS, type Settings } from '../config/settings.ts'
import { controlApp, type Overview, type WorkerView } from '../control/app.ts'
import { type Control, serveControl } from '../control/serve.ts'
import { EXIT } from '../exit_codes.ts'
import { DESCRIPTORS_KEPT, LOG_FLUSH_PERIOD } from '../limits.ts'
import { logger } from '../proxy/diagnostics.ts'
import { lacks, type Place, placesOf } from '../proxy/listening.ts'
import { named } from '../proxy/pseudonym.ts'
import { add, type Snapshot } from '../proxy/snapshot.ts'
import { cannotListen, opened, StartFailure } from '../proxy/start_failure.ts'
import type { Runtime, SignalName } from '../runtime.ts'
import { Logs } from './logs.ts'
import type { Task } from './message.ts'
import { probe } from './probe.ts'
import { shareOf } from './share.ts'
import { Workers } from './workers.ts'

/** By option, as `listener.http.address`: whether somebody wrote it down. What nobody did is a default. */
type Given = Pick<ReadonlySet<string>, 'has'>

const ALL_GIVEN: Given = { has: () => true }

/**
 * Run until a signal says to stop: SIGTERM and SIGINT finish what is in flight within `service.drain_timeout` (a second one
 * stops at once), SIGQUIT finishes all of it, SIGHUP and SIGUSR1 reopen the logs, and
 * SIGHUP reads the files again that lists, users, credentials and certificates are in.
 * @returns the exit code.
 */
export async function serve(
  runtime: Runtime,
  settings: Settings,
  version: string,
  given: Given = ALL_GIVEN,
): Promise<number> {
  const supervisor = new Supervisor(runtime, settings, version, given)
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
  readonly #given: Given
  readonly #log = logger('service')
  readonly #undo: (() => void)[] = []
  readonly #control: Control[] = []
  #logs: Logs | null = null
  #workers: Workers | null = null
  #places: readonly Place[] = []
  #stop!: () => void

  constructor(runtime: Runtime, settings: Settings, version: string, given: Given = ALL_GIVEN) {
    this.version = version
    this.pid = runtime.pid
    this.started = runtime.clock.date()
    this.#runtime = runtime
    this.#settings = named(runtime, settings)
    this.#given = given
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve
    })
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
    this.#on('SIGHUP', () => {
      void logs.reopen()
      this.#workers?.reload()
    })
    this.#on('SIGUSR1', () => void logs.reopen())
    const count = this.#countWorkers()
    this.#checkDescriptors(count)
    const probed = await probe(runtime, await this.#choosePlaces(), count > 1)
    this.#places = probed.places
    const workers = new Workers(runtime, {
      count,
      task: (id, starts) => this.#task(id, starts, count),
      lines: (log, bytes) => logs.put(log, bytes),
    })
    try {
      // Before the workers, none of which may lead a client there; and so it can say that they are starting.
      await this.#openControl()
      if (this.draining) return
      this.#workers = workers
      void workers.ended.then(this.#stop)
      workers.start()
      await workers.up
    } finally {
      // Before anybody hears of a port that was kept: what came to this end of it would be lost.
      probed.release()
    }
    if (!this.draining) await this.#isUp(workers, count)
  }

  /** What is left is let go of, the logs last. */
  async close(): Promise<void> {
    this.draining = true
    for (const control of this.#control) await control.close()
    this.#workers?.stop()
    await this.#workers?.ended
    for (const undo of this.#undo) undo()
    await this.#logs?.close()
  }

  get workers(): readonly WorkerView[] {
    return this.#workers?.views ?? []
  }

  get total(): Snapshot {
    const own: Snapshot = { memory_bytes: this.#runtime.memory(), log_lines_lost_total: this.#logs?.lost ?? 0 }
    return add(this.#workers?.total ?? {}, own)
  }

  async refresh(): Promise<void> {
    await this.#workers?.refresh()
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

  /** A default address that this machine has not (containers often are without IPv6) is passed over where another is left. */
  async #choosePlaces(): Promise<readonly Place[]> {
    const places = placesOf(this.#settings)
    const given = ({ listener }: Place) => this.#given.has(`listener.${listener}.address`)
    const lacking: Place[] = []
    for (const place of places) if (!given(place) && await lacks(this.#runtime, place.at)) lacking.push(place)
    if (lacking.length === places.length) return places
    for (const { listener, at } of lacking) {
      const words = 'listener {name} does not listen on {address}, a default: this machine has no such address'
      this.#log.info(words, { name: listener, address: formatEndpoint(at) })
    }
    return places.filter((place) => !lacking.includes(place))
  }

  /** Connections need two descriptors each, and running out of them is told by nobody to whoever waits. */
  #checkDescriptors(count: number): void {
    const { descriptors } = this.#runtime
    let connections = 0
    for (const one of this.#settings.listener) connections += Math.ceil(one.connections / count)
    const needed = 2 * connections + DESCRIPTORS_KEPT
    if (needed <= descriptors) return
    const advice = 'raise LimitNOFILE of systemd or ulimit -Hn, or lower the connections of listeners'
    this.#log.warning('a worker may open {descriptors} files and needs {needed} for its connections; {advice}', {
      descriptors,
      needed,
      advice,
    })
  }

  #task(id: number, starts: number, count: number): Task {
    // One worker alone has had the system choose its ports: the next one keeps them.
    const places = count === 1 && this.#workers!.places.length > 0 ? this.#workers!.places : this.#places
    return {
      kind: 'task',
      id,
      settings: shareOf(this.#settings, id, count),
      places: places.filter(({ at }) => id === 1 || at.family !== 'unix'),
      reserved: this.#control.map(({ at }) => at),
      shares: count > 1,
      speaks: id === 1 && starts === 0,
    }
  }

  async #isUp(workers: Workers, count: number): Promise<void> {
    const { pid_file } = this.#settings.service
    if (pid_file !== '') {
      const text = new TextEncoder().encode(`${this.#runtime.pid}\n`)
      await opened(pid_file, 'service.pid_file', () => this.#runtime.files.write(pid_file, text))
      this.#undo.push(() => void this.#runtime.files.remove(pid_file).catch(() => undefined))
    }
    for (const { listener, at } of workers.places) {
      this.#log.info('listener {name} listening on {address}', { name: listener, address: formatEndpoint(at) })
    }
    const engine = [...new Set(workers.views.map(({ engine }) => engine))].join(', ')
    const pids = workers.views.map(({ pid }) => pid).join(',')
    if (count === 1) this.#log.info('a worker is ready', { engine, pid: pids })
    else this.#log.info('{count} workers are ready', { count, engine, pids })
  }

  async #openControl(): Promise<void> {
    for (const text of this.#settings.admin.address) {
      const at = parseEndpoint(text)
      if (at === null) throw new StartFailure(EXIT.unavailable, `admin.address: "${text}" is no address`)
      const other = this.#settings.listener.find(({ address }) => address.some((theirs) => clash(theirs, text)))
      if (other !== undefined) {
        // The default, for what was asked for is checked with the configuration.
        const words = 'there is no control application: {address} is taken by listener {name}; see admin.address'
        this.#log.warning(words, { address: text, name: other.name })
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

  /** Stop listening, and wait for what is in flight: `limit` milliseconds at most, 0 for as long as it takes. */
  #drain(signal: SignalName, limit: number): void {
    if (this.draining) {
      if (signal === 'SIGQUIT') return
      this.#log.warning('{signal} again: stopping at once', { signal })
      this.#workers?.stop()
      return
    }
    this.draining = true
    const within = limit === 0 ? 'as long as it takes' : `${limit / 1000} s at most`
    this.#log.info('{signal}: stopping; what is in flight may take {within}', { signal, within })
    if (this.#workers === null) this.#stop()
    else this.#workers.drain(limit)
  }

  #on(name: SignalName, heard: () => void): void {
    this.#undo.push(this.#runtime.signal(name, heard))
  }
}
