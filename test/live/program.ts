/**
 * The program under test, run as a user runs it. Which one is chosen by EXAPROXY_TEST_PROGRAM: `node`, `deno`, `bun` run
 * the source; `node20` the Node build; `exe` the Bun executable. EXAPROXY_TEST_COMMAND names any other command line.
 */

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { childrenOf, cpuOf, memoryOf, socketsOf } from './processes.ts'
import { toToml } from './toml.ts'
import type { Table } from './toml.ts'
import { PATIENCE, until, within } from './waiting.ts'

export type ProgramName = 'node20' | 'node' | 'deno' | 'bun' | 'exe'

const ROOT = resolve(import.meta.dirname, '../..')

const COMMANDS: Record<ProgramName, readonly string[]> = {
  node20: [process.env.EXAPROXY_TEST_NODE20 ?? '/usr/bin/node', join(ROOT, '.build/exaproxy.mjs')],
  node: [join(ROOT, 'node_modules/.bin/node'), join(ROOT, 'adapters/main.ts')],
  deno: [join(ROOT, 'node_modules/.bin/deno'), 'run', '-A', join(ROOT, 'adapters/main.ts')],
  bun: [join(ROOT, 'node_modules/.bin/bun'), join(ROOT, 'adapters/main.ts')],
  exe: [join(ROOT, '.build/exaproxy-bun')],
}

/** The program chosen for this run. */
export const PROGRAM = (process.env.EXAPROXY_TEST_PROGRAM ?? 'node') as ProgramName

/** The engine to be tested; without it the program's own choice. */
const ENGINE = process.env.EXAPROXY_TEST_ENGINE === undefined
  ? {}
  : { EXAPROXY_SERVICE_ENGINE: process.env.EXAPROXY_TEST_ENGINE }

/** What a runtime makes of the source it keeps, as on anybody's machine: else every start makes it anew. */
const KEPT = { NODE_COMPILE_CACHE: join(ROOT, '.build/test/node'), DENO_DIR: join(ROOT, '.build/test/deno') }

export const COMMAND: readonly string[] = process.env.EXAPROXY_TEST_COMMAND?.split(' ') ?? COMMANDS[PROGRAM]
if (COMMAND === undefined) throw new Error(`EXAPROXY_TEST_PROGRAM=${PROGRAM} is none of ${Object.keys(COMMANDS)}`)
for (const path of COMMAND.filter((word) => word.startsWith('/'))) {
  if (!existsSync(path)) throw new Error(`EXAPROXY_TEST_PROGRAM=${PROGRAM}: ${path} is missing; build it first`)
}

/**
 * What a test's configuration starts from: a free port, this machine's own addresses allowed, a log to read, one worker (so that
 * what one connection leaves behind, the next one finds), and no port that another program may have.
 */
const DEFAULTS: Table = {
  listener: { http: { mode: 'forward', address: '127.0.0.1:0' } },
  outgoing: { allow_local: ['127.0.0.1:*', '[::1]:*'] },
  access_log: { format: 'json', destination: 'stdout' },
  log: { level: 'info', destination: 'stderr' },
  service: { workers: 1 },
  admin: { address: 'off' },
}

export interface Listening {
  readonly listener: string
  readonly host: string
  readonly port: number
}

export interface Ended {
  readonly code: number | null
  readonly signal: string | null
}

interface StartOptions {
  readonly environment?: Readonly<Record<string, string>>
  readonly arguments?: readonly string[]
  /** Words before its command line: `Space.prefix` of a network runs it in there. */
  readonly within?: readonly string[]
  /** How many addresses to wait for before it counts as started. */
  readonly addresses?: number
}

/** How long a program may take to start: on a busy machine, longer than anything it does later. */
const STARTING = 40_000

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export class Program {
  readonly child: ChildProcess
  readonly folder: string
  readonly listening: Listening[] = []
  /** Everything on standard error so far. */
  diagnostics = ''
  /** Whole lines of standard output so far: the access log, as a test's configuration has it by default. */
  readonly output: string[] = []
  readonly exited: Promise<Ended>
  ended: Ended | null = null
  #wake: (() => void)[] = []
  #partial = ''
  #errorsRead = 0
  #watcher: ChildProcess | null = null

  private constructor(child: ChildProcess, folder: string) {
    this.child = child
    this.folder = folder
    running.add(child)
    if (child.pid !== undefined) this.#watch(child.pid)
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#heardOutput(text))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#heardErrors(text))
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => {
        running.delete(child)
        this.#watcher?.kill('SIGKILL')
        this.ended = { code, signal }
        this.#changed()
        resolve(this.ended)
      })
    })
  }

  /**
   * Runs the program with a configuration: a table merged over the tests' defaults, or the text of a file as it is.
   * Does not wait for it to listen: see {@link start}.
   */
  static run(configuration: Table | string, options: StartOptions = {}): Program {
    const folder = mkdtempSync(join(tmpdir(), 'exaproxy-test-'))
    const file = join(folder, 'exaproxy.toml')
    writeFileSync(file, typeof configuration === 'string' ? configuration : configured(configuration))
    const [command, ...words] = [
      ...options.within ?? [],
      ...COMMAND,
      '--config',
      file,
      ...options.arguments ?? [],
    ]
    const child = spawn(command, words, {
      cwd: ROOT,
      env: { PATH: process.env.PATH, HOME: folder, TMPDIR: tmpdir(), ...KEPT, ...ENGINE, ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return new Program(child, folder)
  }

  /** Runs it and waits until it listens on every address it was given. */
  static async start(configuration: Table | string = {}, options: StartOptions = {}): Promise<Program> {
    const program = Program.run(configuration, options)
    const wanted = options.addresses ?? (typeof configuration === 'string' ? 1 : countAddresses(configuration))
    try {
      await program.until(() => program.listening.length >= wanted, `listening on ${wanted} addresses`, STARTING)
    } catch (problem) {
      program.kill()
      throw problem
    }
    return program
  }

  /** Should the tests be killed themselves, this ends the program: its input then ends, whatever the way. */
  #watch(pid: number): void {
    this.#watcher = spawn('sh', ['-c', 'read -r _; kill -KILL "$0"', String(pid)], {
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#watcher.unref()
    this.#watcher.once('error', () => this.#watcher = null)
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }

  #heardOutput(text: string): void {
    const lines = (this.#partial + text).split('\n')
    this.#partial = lines.pop() ?? ''
    this.output.push(...lines)
    this.#changed()
  }

  #heardErrors(text: string): void {
    this.diagnostics += text
    const end = this.diagnostics.lastIndexOf('\n') + 1
    for (const line of this.diagnostics.slice(this.#errorsRead, end).split('\n')) {
      const found = /listener (\S+) listening on (?:\[([^\]]+)\]|([^\s:]+)):(\d+)/.exec(line)
      if (found) this.listening.push({ listener: found[1], host: found[2] ?? found[3], port: Number(found[4]) })
    }
    this.#errorsRead = end
    this.#changed()
  }

  /** Waits for something the program says (a line, an end); fails when it ends first. */
  async until(ready: () => boolean, what: string, ms = PATIENCE): Promise<void> {
    const wait = async () => {
      while (!ready()) {
        if (this.ended !== null) {
          throw new Error(`the program ended (${JSON.stringify(this.ended)}) before ${what}: ${this.diagnostics}`)
        }
        await new Promise<void>((resolve) => this.#wake.push(resolve))
      }
    }
    await within(wait(), what, () => this.diagnostics, ms)
  }

  /** The port of a listener: the first of its addresses, or the one on `host`. */
  port(listener = 'http', host?: string): number {
    const found = this.listening.find((l) => l.listener === listener && (host === undefined || l.host === host))
    if (found === undefined) {
      throw new Error(`no listener ${listener} ${host ?? ''} in ${JSON.stringify(this.listening)}`)
    }
    return found.port
  }

  /** The first `count` lines of the access log (JSON), when they have come. */
  async accessLog(count: number): Promise<Record<string, unknown>[]> {
    await this.until(
      () => this.output.length >= count,
      `${count} lines in the access log (there are ${this.output.length})`,
    )
    return this.output.slice(0, count).map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name)
  }

  /** Sends the signal and waits for the end. */
  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    if (this.ended === null) this.signal(name)
    return await within(this.exited, `the end after ${name}`, () => this.diagnostics)
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${COMMAND[0]} could not be run`)
    return this.child.pid
  }

  /** The processes of its workers. */
  get workers(): number[] {
    return childrenOf(this.pid)
  }

  /** Resident memory now and at most, bytes: of all its processes. */
  memory(): { now: number; peak: number } {
    const all = this.#processes.map(memoryOf)
    return { now: sum(all.map(({ now }) => now)), peak: sum(all.map(({ peak }) => peak)) }
  }

  /** How many sockets its processes hold. */
  sockets(): number {
    return sum(this.#processes.map(socketsOf))
  }

  /** CPU time used so far by its processes, user and system, in milliseconds. */
  cpu(): number {
    return sum(this.#processes.map(cpuOf))
  }

  get #processes(): number[] {
    return [this.pid, ...this.workers]
  }

  async settled(sockets: number): Promise<void> {
    await until(() => this.sockets() <= sockets, `at most ${sockets} sockets`)
  }

  kill(): void {
    if (this.ended === null) {
      // Workers outlive their supervisor for as long as something is in flight.
      const { workers } = this
      this.child.kill('SIGKILL')
      for (const pid of workers) killQuietly(pid)
    }
    rmSync(this.folder, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill()
    await this.exited
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

function configured(over: Table): string {
  const listener = over.listener === undefined ? DEFAULTS.listener : over.listener
  return toToml({ ...merged(DEFAULTS, over), listener })
}

function merged(under: Table, over: Table): Table {
  const result: Table = { ...under }
  for (const [key, value] of Object.entries(over)) {
    const below = result[key]
    result[key] = isTable(below) && isTable(value) ? merged(below, value) : value
  }
  return result
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function countAddresses(configuration: Table): number {
  const listeners = Object.values((configuration.listener ?? DEFAULTS.listener) as Record<string, Table>)
  return listeners.reduce((sum, { address }) => sum + (Array.isArray(address) ? address.length : 1), 0)
}
