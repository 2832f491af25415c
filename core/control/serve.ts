/** Where the control application listens. */

import { family } from '../bytes/address.ts'
import { Deadlines } from '../flow/deadlines.ts'
import { Tasks } from '../flow/tasks.ts'
import { CONTROL_CONNECTIONS, CONTROL_TIME } from '../limits.ts'
import { logger } from '../proxy/diagnostics.ts'
import type { Endpoint, Listener, Runtime, Socket } from '../runtime.ts'
import type { App } from './app.ts'
import { ControlClient, type ControlContext } from './client.ts'

export interface Control {
  /** Where it listens, the port filled in. */
  readonly at: Endpoint
  /** Listen no more, and close what is open. Settles when nothing runs any more. */
  close(): Promise<void>
}

/** Serve `app` at an address. @throws SystemFailure `in-use`, `denied`, `not-available`, ... as listen does */
export async function serveControl(runtime: Runtime, at: Endpoint, app: App): Promise<Control> {
  return new ControlServer(runtime, await runtime.listen(at), app)
}

class ControlServer implements Control {
  readonly at: Endpoint
  readonly #listener: Listener
  readonly #log = logger('control')
  readonly #tasks = new Tasks((error) => this.#log.error('a bug, please report it: {error}', { error }))
  readonly #context: ControlContext

  constructor(runtime: Runtime, listener: Listener, app: App) {
    const { clock, host } = runtime
    this.at = listener.at
    this.#listener = listener
    const deadlines = new Deadlines(clock, CONTROL_TIME)
    this.#context = { clock, deadlines, app, clients: new Set(), serves: hosts(listener.at, host) }
    this.#tasks.run(listener, (socket) => this.#welcome(socket))
  }

  #welcome(socket: Socket): void {
    const full = this.#context.clients.size >= CONTROL_CONNECTIONS
    const client = new ControlClient(this.#context, socket)
    this.#tasks.run(full ? client.turnAway() : client.converse(), ({ method, target, status }) => {
      this.#log.debug('{method} {target}: {status}', { method, target, status })
    })
  }

  async close(): Promise<void> {
    this.#listener.close()
    for (const client of this.#context.clients) client.close()
    await this.#tasks.finished()
    this.#context.deadlines.close()
  }
}

/**
 * Which hosts of a request are this one's. On loopback an address, localhost, or this machine's name: a browser that was
 * led here by somebody else's name says that name (DNS rebinding). Elsewhere nobody knows what it is called.
 */
export function hosts(at: Endpoint, machine: string): (host: string) => boolean {
  const loopback = at.family === 4 ? at.address.startsWith('127.') : at.family === 6 && at.address === '::1'
  if (!loopback) return () => true
  const name = machine.toLowerCase()
  return (host) =>
    host === '' || family(host) !== null || host === 'localhost' || host.endsWith('.localhost') || host === name
}
