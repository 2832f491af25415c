/** The service of one process: its listeners, what stops it, and what it says while it does. */

import { formatEndpoint, parseEndpoint } from '../bytes/address.ts'
import type { ListenerSettings, Settings } from '../config/settings.ts'
import { EXIT } from '../exit_codes.ts'
import { Tasks } from '../flow/tasks.ts'
import { within } from '../flow/within.ts'
import { CUT_WAIT, LOG_FLUSH_PERIOD } from '../limits.ts'
import type { Endpoint, Listener, Runtime, SignalName } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import { AccessLog } from './access_log.ts'
import { Client } from './client.ts'
import { converse, turnAway } from './connection.ts'
import { Diagnostics, logger, tellTrouble } from './diagnostics.ts'
import { ListenerContext } from './listener.ts'
import { loadPages } from './pages.ts'
import { named, Proxy } from './proxy.ts'
import type { ExchangeRecord } from './record.ts'

/** The default port of a proxy, for an address without one. */
const PROXY_PORT = 3128

/** What keeps the service from starting: one line that says what to do, and an exit code. */
class StartFailure extends Error {
  readonly exit: number

  constructor(exit: number, message: string) {
    super(message)
    this.exit = exit
  }
}

/**
 * Run until a signal says to stop: SIGTERM and SIGINT finish what is in flight within `service.drain_timeout` (a second one
 * stops at once), SIGQUIT finishes all of it, SIGHUP and SIGUSR1 reopen the logs.
 * @returns the exit code.
 */
export async function serve(runtime: Runtime, settings: Settings): Promise<number> {
  const server = new Server(runtime, settings)
  try {
    await server.start()
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error
    await runtime.errors.write(new TextEncoder().encode(`exaproxy: ${error.message}\n`))
    await server.close()
    return error.exit
  }
  await server.stopped
  await server.close()
  return EXIT.ok
}

export class Server {
  /** Settles when nothing is in flight any more after a signal to stop. */
  readonly stopped: Promise<void>
  readonly #runtime: Runtime
  readonly #settings: Settings
  readonly #log = logger('service')
  readonly #tasks = new Tasks((error) => this.#bug(error))
  readonly #contexts: ListenerContext[] = []
  readonly #listeners: Listener[] = []
  readonly #undo: (() => void)[] = []
  #diagnostics: Diagnostics | null = null
  #accessLog: AccessLog | null = null
  #proxy: Proxy | null = null
  #stop!: () => void
  #draining = false
  readonly #record = (record: ExchangeRecord): void => this.#accessLog?.write(record)

  constructor(runtime: Runtime, settings: Settings) {
    this.#runtime = runtime
    this.#settings = named(runtime, settings)
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve
    })
  }

  /** @throws StartFailure */
  async start(): Promise<void> {
    const { log, access_log, http, listener } = this.#settings
    const runtime = this.#runtime
    this.#diagnostics = await opened(log.destination, 'log.destination', () => Diagnostics.open(runtime, log))
    this.#accessLog = await opened(
      access_log.destination,
      'access_log.destination',
      () => AccessLog.open(runtime, access_log, tellTrouble('the access log', access_log.destination)),
    )
    const pages = await loadPages(runtime, http)
    for (const problem of pages.problems) this.#log.warning('a page is not used: {problem}', { problem })
    const proxy = new Proxy(runtime, this.#settings, pages, (error) => this.#bug(error))
    this.#proxy = proxy
    this.#undo.push(runtime.clock.every(LOG_FLUSH_PERIOD, () => this.#flushLogs()))
    // Before anybody can know that it runs: a signal that comes early stops it in good order, too.
    this.#on('SIGTERM', () => this.#drain('SIGTERM', this.#settings.service.drain_timeout))
    this.#on('SIGINT', () => this.#drain('SIGINT', this.#settings.service.drain_timeout))
    this.#on('SIGQUIT', () => this.#drain('SIGQUIT', 0))
    this.#on('SIGHUP', () => void this.#reopenLogs())
    this.#on('SIGUSR1', () => void this.#reopenLogs())
    for (const settings of listener) await this.#listen(proxy, settings)
    await this.#writePid()
  }

  /** What is left is let go of, the logs last. */
  async close(): Promise<void> {
    for (const listener of this.#listeners) listener.close()
    for (const undo of this.#undo) undo()
    for (const context of this.#contexts) {
      for (const client of context.clients) client.close()
    }
    this.#proxy?.close()
    // What was cut ends now, and is logged; a coroutine that should not end must not keep the process.
    await within(this.#runtime.clock, CUT_WAIT, this.#tasks.finished())
    await this.#accessLog?.close()
    await this.#diagnostics?.close()
  }

  async #writePid(): Promise<void> {
    const { pid_file } = this.#settings.service
    if (pid_file === '') return
    const text = new TextEncoder().encode(`${this.#runtime.pid}\n`)
    await opened(pid_file, 'service.pid_file', () => this.#runtime.files.write(pid_file, text))
    this.#undo.push(() => void this.#runtime.files.remove(pid_file).catch(() => undefined))
  }

  async #listen(proxy: Proxy, settings: ListenerSettings): Promise<void> {
    const context = new ListenerContext(settings, this.#settings.http.loose_targets)
    this.#contexts.push(context)
    for (const address of settings.address) {
      if (this.#draining) return
      const at = parseEndpoint(address, PROXY_PORT)
      if (at === null) {
        throw new StartFailure(EXIT.unavailable, `listener.${settings.name}.address: "${address}" is no address`)
      }
      let listener: Listener
      try {
        listener = await this.#runtime.listen(at, { backlog: settings.backlog })
      } catch (error) {
        throw cannotListen(settings.name, at, error)
      }
      this.#listeners.push(listener)
      if (listener.at.family !== 'unix') proxy.destinations.listensOn(listener.at.address, listener.at.port)
      const where = { name: settings.name, address: formatEndpoint(listener.at) }
      this.#log.info('listener {name} listening on {address}', where)
      this.#tasks.run(listener, (socket) => this.#welcome(new Client(proxy, context, socket), context))
    }
  }

  #welcome(client: Client, context: ListenerContext): void {
    const full = context.admit(client)
    this.#tasks.run(full === '' ? converse(client) : turnAway(client, full), this.#record)
  }

  /** Stop listening, and wait for what is in flight: `limit` milliseconds at most, 0 for as long as it takes. */
  #drain(signal: SignalName, limit: number): void {
    if (this.#draining) {
      if (signal === 'SIGQUIT') return
      this.#log.warning('{signal} again: stopping at once', { signal })
      this.#stop()
      return
    }
    this.#draining = true
    for (const listener of this.#listeners) listener.close()
    let busy = 0
    for (const context of this.#contexts) {
      for (const client of context.clients) {
        if (client.waits !== 'request') busy++
        client.drain()
      }
    }
    const within = limit === 0 ? 'as long as it takes' : `${limit / 1000} s at most`
    this.#log.info('{signal}: stopping; {busy} connections may finish, {within}', { signal, busy, within })
    void this.#tasks.finished().then(this.#stop)
    if (limit === 0) return
    const cutting = this.#runtime.clock.after(limit, () => {
      this.#log.warning('{count} connections did not finish in time and are cut', { count: this.#tasks.running })
      this.#stop()
    })
    this.#undo.push(cutting)
  }

  async #reopenLogs(): Promise<void> {
    this.#log.info('reopening the logs')
    // A log that cannot be reopened goes on in its old file, and has said so itself.
    await Promise.allSettled([this.#accessLog?.reopen(), this.#diagnostics?.reopen()])
  }

  #flushLogs(): void {
    this.#accessLog?.flush()
    this.#diagnostics?.flush()
  }

  #on(name: SignalName, heard: () => void): void {
    this.#undo.push(this.#runtime.signal(name, heard))
  }

  #bug(error: unknown): void {
    this.#log.error('a bug, please report it: {error}', { error })
  }
}

function cannotListen(name: string, at: Endpoint, error: unknown): Error {
  if (!(error instanceof SystemFailure)) return error as Error
  const where = `listener ${name} cannot listen on ${formatEndpoint(at)}`
  if (at.family === 'unix') return cannotMake(where, error)
  switch (error.code) {
    case 'in-use':
      return new StartFailure(
        EXIT.unavailable,
        `${where}: the address is in use; stop what uses it, or choose another port`,
      )
    case 'denied':
      return new StartFailure(
        EXIT.no_permission,
        `${where}: permission denied; choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE`,
      )
    case 'not-available':
      return new StartFailure(EXIT.unavailable, `${where}: this machine has no such address; choose one of its own`)
    default:
      return new StartFailure(EXIT.unavailable, `${where}: ${error.message}`)
  }
}

/** The same for the path of a unix socket. */
function cannotMake(where: string, error: SystemFailure): StartFailure {
  switch (error.code) {
    case 'in-use':
      return new StartFailure(
        EXIT.unavailable,
        `${where}: the path is in use; stop what uses it, or remove it when a program that was killed left it`,
      )
    case 'missing':
    case 'denied': // Node says this of a folder that is missing, too.
      return new StartFailure(EXIT.no_permission, `${where}: check that its folder exists, and grant access to it`)
    default:
      return new StartFailure(EXIT.unavailable, `${where}: ${error.message}`)
  }
}

/** @throws StartFailure that names the option and the path. */
async function opened<T>(path: string, option: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof SystemFailure)) throw error
    if (error.code === 'denied') {
      throw new StartFailure(
        EXIT.no_permission,
        `${option}: ${path} may not be opened; grant access to it or choose another`,
      )
    }
    throw new StartFailure(
      EXIT.no_input,
      `${option}: ${path} cannot be opened (${error.message}); check that its folder exists`,
    )
  }
}
