/** One worker as its supervisor sees it: a process, from its start to its end. */

import { WORKER_VARIABLE } from '../config/settings.ts'
import { EXIT } from '../exit_codes.ts'
import { within } from '../flow/within.ts'
import { CUT_WAIT, WORKER_MISSED_PULSES, WORKER_START_TIME, WORKER_STOP_TIME } from '../limits.ts'
import { logger } from '../proxy/diagnostics.ts'
import type { Place } from '../proxy/listening.ts'
import type { Snapshot } from '../proxy/snapshot.ts'
import type { Child, Runtime } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import { Bus } from './bus.ts'
import { Door } from './door.ts'
import { linesOf } from './lines.ts'
import type { Failed, LogName, Message, Task } from './message.ts'

export type State = 'starting' | 'ready' | 'draining' | 'gone'

/** How it ended: an exit code (128 and the signal's number, by a signal), and what it said about it, if it could. */
export interface End {
  readonly code: number
  readonly failed: Failed | null
}

export interface WorkerOptions {
  /** Its place among the workers, from 1. */
  readonly id: number
  readonly task: Task
  /** Whole lines for a log; lent. */
  readonly lines: (log: LogName, bytes: Uint8Array) => void
}

export class WorkerProcess {
  readonly id: number
  pid = 0
  state: State = 'starting'
  /** Milliseconds since 1970-01-01 UTC. */
  readonly started: number
  engine = ''
  /** As `node 24.21.0`. */
  runtime = ''
  /** Where it listens, once it does. */
  places: readonly Place[] = []
  /** The last that is known. */
  snapshot: Snapshot = {}
  /** It listens (true), or ended before it did. */
  readonly ready: Promise<boolean>
  /** It takes no more connections, because of a signal of its own, and finishes what is in flight. */
  readonly leaving: Promise<void>
  readonly ended: Promise<End>
  readonly #machine: Runtime
  readonly #options: WorkerOptions
  readonly #log = logger('service')
  readonly #undo: (() => void)[] = []
  #isReady!: (ready: boolean) => void
  #isLeaving!: () => void
  #answered: () => void = () => {}
  #child: Child | null = null
  #bus: Bus | null = null
  #failed: Failed | null = null
  #stopping = false
  #limit = 0
  #unanswered = 0
  #asked = 0

  /** Starts it. */
  constructor(machine: Runtime, options: WorkerOptions) {
    this.id = options.id
    this.started = machine.clock.date()
    this.#machine = machine
    this.#options = options
    this.ready = new Promise((resolve) => {
      this.#isReady = resolve
    })
    this.leaving = new Promise((resolve) => {
      this.#isLeaving = resolve
    })
    this.ended = this.#live()
  }

  /** Take no more connections, finish what is in flight within `limit` milliseconds (0: no limit), end. */
  drain(limit: number): void {
    if (this.state !== 'gone') this.state = 'draining'
    this.#stopping = true
    this.#limit = limit
    // Nothing is in flight in one that has not come in yet.
    if (this.#bus === null) this.#child?.kill('SIGTERM')
    this.#bus?.send({ kind: 'drain', limit })
    if (limit > 0 || this.#bus === null) this.#killAfter(limit + WORKER_STOP_TIME)
  }

  /** End now. */
  stop(): void {
    this.#stopping = true
    if (this.#bus === null) this.#kill()
    this.#bus?.send({ kind: 'stop' })
    this.#killAfter(WORKER_STOP_TIME)
  }

  /** Read the files of the filter again; one that has not come in yet reads them anyhow. */
  reload(): void {
    this.#bus?.send({ kind: 'reload' })
  }

  /** Ask how it does. One that has not answered for too long hangs, and is ended. */
  pulse(): void {
    if (this.#bus === null || this.state === 'starting') return
    if (this.#unanswered >= WORKER_MISSED_PULSES) {
      this.#log.error('worker {id} hangs and is killed', { id: this.id, pid: this.pid })
      this.#kill()
      return
    }
    this.#unanswered++
    this.#bus.send({ kind: 'ask', id: ++this.#asked })
  }

  /** Settles when {@link snapshot} is of now, or the worker has ended. */
  refresh(): Promise<void> {
    if (this.#bus === null || this.state === 'gone') return Promise.resolve()
    this.#bus.send({ kind: 'ask', id: ++this.#asked })
    return new Promise((resolve) => {
      const before = this.#answered
      this.#answered = () => {
        before()
        resolve()
      }
    })
  }

  async #live(): Promise<End> {
    const machine = this.#machine
    let code = 0
    try {
      const door = await Door.open(machine)
      if (this.#stopping) await door.close()
      else code = await this.#follow(door, machine.worker({ [WORKER_VARIABLE]: door.path }))
    } catch (error) {
      const known = error instanceof SystemFailure
      if (!known) this.#log.error('a bug, please report it: {error}', { error })
      code = known ? EXIT.unavailable : EXIT.bug
      this.#failed = { kind: 'failed', exit: code, words: `a worker cannot be started: ${messageOf(error)}` }
    }
    this.state = 'gone'
    for (const undo of this.#undo) undo()
    this.#isReady(false)
    this.#answered()
    return { code, failed: this.#failed }
  }

  /** From a process to its exit code. */
  async #follow(door: Door, child: Child): Promise<number> {
    const { clock } = this.#machine
    this.#child = child
    this.pid = child.pid
    child.input.close()
    const repeating = Promise.all([this.#repeat(child.errors), this.#repeat(child.output)]).then(() => {})
    this.#undo.push(clock.after(WORKER_START_TIME, () => this.#late()))
    const socket = await Promise.race([door.welcome(), child.exited.then(() => null)])
    await door.close()
    if (socket !== null) {
      const bus = new Bus(socket)
      // What it has started may hold its end of the bus.
      void child.exited.then(() => this.#undo.push(clock.after(CUT_WAIT, () => bus.close())))
      await this.#talk(bus)
    }
    // One that does not end although it said all it had to say.
    this.#killAfter(WORKER_STOP_TIME)
    const code = await child.exited
    // Its last words; but what it has started may hold its pipes.
    await within(clock, CUT_WAIT, repeating)
    return code
  }

  async #talk(bus: Bus): Promise<void> {
    this.#bus = bus
    bus.send(this.#options.task)
    if (this.#stopping) bus.send({ kind: 'drain', limit: this.#limit })
    try {
      for await (const message of bus.messages()) this.#hear(message)
    } catch (error) {
      this.#log.error('worker {id} talks nonsense and is killed: {error}', { id: this.id, error })
      this.#kill()
    }
    this.#bus = null
    bus.close()
  }

  #hear(message: Message): void {
    switch (message.kind) {
      case 'hello':
        this.runtime = message.runtime
        return
      case 'ready':
        this.engine = message.engine
        this.places = message.places
        this.snapshot = message.snapshot
        if (this.state === 'starting') this.state = 'ready'
        this.#isReady(true)
        return
      case 'leaving':
        this.state = 'draining'
        this.#isLeaving()
        return
      case 'failed':
        this.#failed = message
        return
      case 'answer': {
        this.snapshot = message.snapshot
        this.#unanswered = 0
        const answered = this.#answered
        this.#answered = () => {}
        answered()
        return
      }
      case 'access':
      case 'diagnostics':
        this.#options.lines(message.kind, message.bytes)
        return
    }
  }

  /** What it says elsewhere than in its log: a runtime's last words. */
  async #repeat(output: Child['output']): Promise<void> {
    for await (const line of linesOf(output)) {
      this.#log.warning('worker {id} said: {line}', { id: this.id, line, pid: this.pid })
    }
  }

  #late(): void {
    if (this.state !== 'starting') return
    this.#log.error('worker {id} was not ready in time and is killed', { id: this.id, pid: this.pid })
    this.#kill()
  }

  #killAfter(ms: number): void {
    this.#undo.push(this.#machine.clock.after(ms, () => {
      if (this.state === 'gone') return
      this.#log.error('worker {id} did not end in time and is killed', { id: this.id, pid: this.pid })
      this.#kill()
    }))
  }

  #kill(): void {
    this.#child?.kill('SIGKILL')
  }
}

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

/** Exit codes from here up are 128 and the number of a signal. */
const SIGNALLED = 129
/** By SIGTERM. */
export const TERMINATED = 143

export const isSignal = (code: number): boolean => code >= SIGNALLED

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

/** For a sentence that begins with the worker. */
export function howEnded(code: number): string {
  if (!isSignal(code)) return `ended with exit code ${code}`
  const number = code - 128
  return `was ended by ${SIGNALS[number] ?? `signal ${number}`}`
}
