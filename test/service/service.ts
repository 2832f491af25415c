/** A supervisor on a machine in memory, with workers that do what a test says. */
import { latin1 } from '../../core/bytes/ascii.ts'
import { WORKER_VARIABLE } from '../../core/config/settings.ts'
import { Bus } from '../../core/service/bus.ts'
import type { Message, Task } from '../../core/service/message.ts'
import { Supervisor } from '../../core/service/supervisor.ts'
import type { SignalName } from '../../core/runtime.ts'
import { Machine, settle } from '../memory/machine.ts'
import type { Io } from '../memory/children.ts'
import { settingsOf } from '../proxy/world.ts'

/** A worker of a test. It has said hello, and heard what to do. */
export class FakeWorker {
  readonly bus: Bus
  readonly task: Task
  readonly io: Io
  /** All it has heard since. */
  readonly heard: Message[] = []
  /** Whether it answers when it is asked. */
  answers = true
  snapshot = {}
  readonly #exit: (code: number) => void

  constructor(bus: Bus, task: Task, io: Io, exit: (code: number) => void) {
    this.bus = bus
    this.task = task
    this.io = io
    this.#exit = exit
  }

  async ready(): Promise<void> {
    this.bus.send({ kind: 'ready', engine: 'portable', places: this.task.places, snapshot: { memory_bytes: 1 } })
    await settle()
  }

  hear(message: Message): void {
    if (message.kind === 'ask') {
      if (this.answers) this.bus.send({ kind: 'answer', id: message.id, snapshot: this.snapshot })
    } else this.heard.push(message)
  }

  /** In good order. */
  async end(code = 0): Promise<void> {
    await this.bus.end()
    await settle()
    this.#exit(code)
    await settle()
  }

  /** All of a sudden. */
  async die(code: number): Promise<void> {
    this.bus.close()
    this.#exit(code)
    await settle()
  }
}

export class Service {
  readonly machine: Machine
  readonly supervisor: Supervisor
  /** All workers there were, in the order they were told what to do. */
  readonly workers: FakeWorker[] = []
  /** Processes started, whatever became of them. */
  started = 0
  /** What a process does before it comes in; a number is an exit code. */
  before: (io: Io) => Promise<number | void> = async () => {}
  /** Called with each worker when it has heard what to do. */
  begins: (worker: FakeWorker) => void = (worker) => void worker.ready()
  stopped = false

  /** `given`: the options that somebody wrote down; all, where it does not say. */
  constructor(sets: readonly string[] = [], machine = new Machine(), given?: ReadonlySet<string>) {
    this.machine = machine
    const logs = ['access_log.destination=/access.log', 'log.destination=/proxy.log']
    const settings = settingsOf('service.workers=2', ...logs, ...sets)
    this.supervisor = new Supervisor(machine, settings, '1.2.3', given)
    void this.supervisor.stopped.then(() => this.stopped = true)
    machine.children.programs.set('worker', (io) => this.#run(io))
  }

  /** Started, its workers ready. */
  static async start(...sets: string[]): Promise<Service> {
    const service = new Service(sets)
    await service.supervisor.start()
    await settle()
    return service
  }

  /** The last worker of that id. */
  worker(id: number): FakeWorker {
    const worker = this.workers.findLast(({ task }) => task.id === id)
    if (worker === undefined) throw new Error(`there is no worker ${id}`)
    return worker
  }

  raise(name: SignalName): void {
    this.machine.raise(name)
  }

  async pass(ms: number): Promise<void> {
    await this.machine.clock.advance(ms)
  }

  get log(): string {
    return this.machine.files.text('/proxy.log')
  }

  get accessLog(): string {
    return this.machine.files.text('/access.log')
  }

  /** Ends all, and says what is left behind: nothing should be. */
  async leftovers(): Promise<string[]> {
    const closing = this.supervisor.close()
    await settle()
    for (const worker of this.workers) await worker.end()
    await this.pass(20_000)
    await closing
    const { clock, files, network } = this.machine
    const left = [...files.folders]
    if (clock.pending > 0) left.push(`${clock.pending} timers`)
    if (network.open.length > 0) left.push(`${network.open.length} sockets`)
    return left
  }

  async #run(io: Io): Promise<number> {
    this.started++
    const early = await this.before(io)
    if (typeof early === 'number') return early
    const address = io.environment[WORKER_VARIABLE]
    const bus = new Bus(await this.machine.connect({ family: 'unix', address, port: 0 }).socket)
    bus.send({ kind: 'hello', runtime: 'memory 0' })
    return await new Promise((exit) => void this.#hear(bus, io, exit))
  }

  async #hear(bus: Bus, io: Io, exit: (code: number) => void): Promise<void> {
    let worker: FakeWorker | null = null
    for await (const message of bus.messages()) {
      if (worker !== null) worker.hear(message)
      else if (message.kind === 'task') {
        worker = new FakeWorker(bus, message, io, exit)
        this.workers.push(worker)
        this.begins(worker)
      }
    }
    bus.close()
  }
}

export const text = (bytes: Uint8Array): string => latin1(bytes, 0, bytes.length)
