/** A worker: the process that carries traffic, as its supervisor says. */

import { EXIT } from '../exit_codes.ts'
import { within } from '../flow/within.ts'
import { AccessLog } from '../proxy/access_log.ts'
import { Diagnostics, logger, tellTrouble } from '../proxy/diagnostics.ts'
import { Server } from '../proxy/server.ts'
import { StartFailure } from '../proxy/start_failure.ts'
import { CUT_WAIT, LOG_FLUSH_PERIOD } from '../limits.ts'
import type { Runtime, SignalName } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import { Bus, BusAppender } from './bus.ts'
import { chooseEngine } from './engine.ts'
import type { Message, Task } from './message.ts'

/** A terminal sends them to all processes of its group at once: what is to be done about them, the supervisor says. */
const LEFT_TO_THE_SUPERVISOR: readonly SignalName[] = ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']

/**
 * Carry traffic until the supervisor says to stop, or is no more: then what is in flight is finished, as at SIGTERM.
 * `place` is the path of the unix socket where the supervisor waits.
 * @returns the exit code.
 */
export async function work(runtime: Runtime, place: string): Promise<number> {
  const work = new Work(runtime)
  for (const name of LEFT_TO_THE_SUPERVISOR) runtime.signal(name, () => {})
  runtime.signal('SIGTERM', () => work.leave())
  try {
    return await work.serve(new Bus(await runtime.connect({ family: 'unix', address: place, port: 0 }).socket))
  } catch (error) {
    // The supervisor has gone already: there is nobody to tell.
    if (error instanceof SystemFailure) return EXIT.unavailable
    throw error
  }
}

class Work {
  readonly #runtime: Runtime
  readonly #log = logger('worker')
  #bus: Bus | null = null
  #task: Task | null = null
  #server: Server | null = null
  #leaving = false
  #end!: (code: number) => void
  readonly #ended: Promise<number>

  constructor(runtime: Runtime) {
    this.#runtime = runtime
    this.#ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  async serve(bus: Bus): Promise<number> {
    this.#bus = bus
    const { name, version } = this.#runtime
    bus.send({ kind: 'hello', runtime: `${name} ${version}` })
    const obeying = this.#obey(bus)
    const code = await this.#ended
    // The supervisor hears it all before it is closed: what it says meanwhile would find nobody, and then, on some
    // machines, it could not read on.
    await bus.end()
    await within(this.#runtime.clock, CUT_WAIT, obeying)
    bus.close()
    return code
  }

  /** By a signal to this process alone: the supervisor has another take its place. */
  leave(): void {
    if (this.#leaving) return
    this.#drain(this.#task?.settings.service.drain_timeout ?? 0)
    this.#bus?.send({ kind: 'leaving' })
  }

  async #obey(bus: Bus): Promise<void> {
    try {
      for await (const message of bus.messages()) this.#hear(bus, message)
      // The supervisor is no more.
      this.leave()
    } catch (error) {
      this.#log.error('a bug, please report it: {error}', { error })
      this.#end(EXIT.bug)
    }
  }

  #hear(bus: Bus, message: Message): void {
    switch (message.kind) {
      case 'task':
        this.#task = message
        void this.#run(bus, message)
        return
      case 'drain':
        this.#drain(message.limit)
        return
      case 'stop':
        this.#drain(0)
        this.#server?.stop()
        return
      case 'reload':
        this.#server?.reload()
        return
      case 'ask':
        bus.send({ kind: 'answer', id: message.id, snapshot: this.#server?.snapshot() ?? {} })
        return
    }
  }

  #drain(limit: number): void {
    if (this.#leaving) return
    this.#leaving = true
    if (this.#server === null) {
      this.#end(EXIT.ok)
      return
    }
    const busy = this.#server.drain(limit)
    const within = limit === 0 ? 'as long as it takes' : `${limit / 1000} s at most`
    const id = this.#task?.id
    this.#log.info('worker {id} stops; {busy} connections may finish, {within}', { id, busy, within })
  }

  /** From the start of the server to its end. */
  async #run(bus: Bus, task: Task): Promise<void> {
    try {
      await this.#serve(bus, task)
      this.#end(EXIT.ok)
    } catch (error) {
      const known = error instanceof StartFailure
      const exit = known ? error.exit : EXIT.bug
      const words = known ? error.message : `a bug, please report it: ${stackOf(error)}`
      bus.send({ kind: 'failed', exit, words })
      this.#end(exit)
    }
  }

  async #serve(bus: Bus, { settings, places, reserved, shares, speaks }: Task): Promise<void> {
    const { log, access_log, service } = settings
    const diagnostics = await Diagnostics.open(this.#runtime, log, new BusAppender(bus, 'diagnostics'))
    const { runtime, why } = await chooseEngine(this.#runtime, service.engine)
    const trouble = tellTrouble('the access log', access_log.destination)
    const appender = new BusAppender(bus, 'access')
    const accessLog = await AccessLog.open(runtime, access_log, { ...trouble, appender })
    const server = new Server(runtime, settings, accessLog)
    const flushing = runtime.clock.every(LOG_FLUSH_PERIOD, () => {
      accessLog.flush()
      diagnostics.flush()
    })
    if (!this.#leaving) {
      this.#server = server
      try {
        const found = await server.start(places, { reserved, shares, speaks })
        if (why !== '' && speaks) this.#log.info('the portable engine carries the bytes, not epoll: {why}', { why })
        bus.send({ kind: 'ready', engine: runtime.engine, places: found, snapshot: server.snapshot() })
        await server.stopped
      } finally {
        await server.close()
        // What it has counted since it was asked last, for the sum.
        bus.send({ kind: 'answer', id: 0, snapshot: server.snapshot() })
      }
    }
    flushing()
    await accessLog.close()
    await diagnostics.close()
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error)
}
