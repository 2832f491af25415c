/**
 * A whole machine in memory, for tests without a network, a disk or time:
 *
 *     const machine = new Machine({ elsewhere: ['198.51.100.1'] })
 *     const origin = await machine.listen({ family: 4, address: '198.51.100.1', port: 80 })
 *     machine.network.road('198.51.100.2', 'hangs')
 *     await machine.clock.advance(5000)
 *
 * A chunk it lends is overwritten at the next pull, so that a test fails when someone holds on to one.
 */
import type { Child, Runtime, SignalName } from '../../core/runtime.ts'
import { Children } from './children.ts'
import { MemoryClock } from './clock.ts'
import { MemoryAppender, MemoryFiles } from './files.ts'
import { Network } from './network.ts'

export { POISON } from './pipe.ts'
export { settle } from './clock.ts'

export interface MachineOptions {
  /** Its own addresses beside loopback. */
  readonly addresses?: readonly string[]
  /** Addresses of other machines, where tests may listen as well. */
  readonly elsewhere?: readonly string[]
  readonly arguments?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** What `exit` throws. */
export class Exit extends Error {
  readonly code: number

  constructor(code: number) {
    super(`exit ${code}`)
    this.code = code
  }
}

export class Machine implements Runtime {
  readonly name = 'memory'
  readonly engine = 'portable'
  readonly engines = {}
  readonly version = '1.0'
  readonly clock = new MemoryClock()
  readonly files = new MemoryFiles(this.clock)
  readonly output = new MemoryAppender()
  readonly errors = new MemoryAppender()
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly network: Network
  readonly children = new Children()
  readonly sharesPorts = true
  cores = 1
  descriptors = Infinity
  readonly pid = 1
  readonly host = 'memory'
  private readonly own: readonly string[]
  private readonly hearing = new Map<SignalName, Set<() => void>>()
  private seed = 1

  constructor(options: MachineOptions = {}) {
    const { addresses = [], elsewhere = [] } = options
    this.arguments = options.arguments ?? []
    this.environment = options.environment ?? {}
    this.own = ['127.0.0.1', '::1', ...addresses]
    this.network = new Network(this.clock, [...addresses, ...elsewhere])
  }

  // Properties, for the core takes them off the runtime.
  readonly listen: Runtime['listen'] = (at, options) => this.network.listen(at, options)
  readonly connect: Runtime['connect'] = (to, options) => this.network.connect(to, options)
  readonly datagram: Runtime['datagram'] = (to, from) => this.network.datagram(to, from)
  readonly spawn = (command: readonly string[]): Child => this.children.spawn(command)
  /** For tests: the program called `worker` of {@link children}. */
  readonly worker = (environment: Readonly<Record<string, string>>): Child =>
    this.children.spawn(['worker'], environment)

  /** Unpredictable for the core, the same in every run. */
  readonly random = (bytes: Uint8Array): void => {
    for (let i = 0; i < bytes.length; i++) {
      this.seed = Math.imul(this.seed ^ (this.seed >>> 15), 2_246_822_519) + 374_761_393 | 0
      bytes[i] = this.seed >>> 16
    }
  }

  readonly signal = (name: SignalName, heard: () => void): () => void => {
    const all = this.hearing.get(name) ?? new Set()
    this.hearing.set(name, all)
    const mine = () => heard()
    all.add(mine)
    return () => void all.delete(mine)
  }

  /** For tests: a signal comes. Gives whether anyone heard it. */
  raise(name: SignalName): boolean {
    const all = [...this.hearing.get(name) ?? []]
    for (const heard of all) heard()
    return all.length > 0
  }

  readonly stay = (): () => void => () => {}

  readonly addresses = (): string[] => [...this.own]
  readonly memory = (): number => 50_000_000

  readonly exit = (code: number): never => {
    throw new Exit(code)
  }
}
