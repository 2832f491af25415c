/** What the bench needs of Linux: processes that are surely ended, the cores they run on, the CPU time and memory they took. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { accessSync, closeSync, constants, openSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { delimiter, join } from 'node:path'
import process from 'node:process'

/** Cores, as taskset writes them. */
export interface Cores {
  /** Of a proxy with so many workers. */
  proxy(workers: number): string
  /** For the load and the origin; one of the proxy's where there are too few, and then only CPU time means much. */
  readonly load: string
}

export interface Started {
  readonly pid: number
  /** What it said on standard error so far. */
  said(): string
  /** The exit code or the signal's name, once it has ended. */
  readonly ended: Promise<string>
  running(): boolean
  /** Asks it to end, then makes it; false when it had to be made. */
  stop(): Promise<boolean>
}

const TICK_NANOSECONDS = 10_000_000 // USER_HZ is 100 in every /proc of Linux
const STOP_MILLISECONDS = 10_000
const SAID_SIZE = 20_000

const live = new Set<ChildProcess>()

/** No process outlives the bench, whichever way it ends: each leads a group of its own, and the group is killed. */
export function endWithUs(): void {
  process.on('exit', () => {
    for (const child of live) killGroup(child, 'SIGKILL')
  })
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const) {
    process.on(signal, () => process.exit(code))
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // It has ended already.
  }
}

/** `output`: the file that gets standard output; without it, what is printed there is lost. */
export function start(
  command: readonly string[],
  cores: string,
  environment: Readonly<Record<string, string>> = {},
  output?: string,
): Started {
  const file = output === undefined ? 'ignore' : openSync(output, 'a')
  const child = spawn('taskset', ['-c', cores, ...command], {
    detached: true,
    env: { ...process.env, NO_COLOR: '1', ...environment },
    stdio: ['ignore', file, 'pipe'],
  })
  if (typeof file === 'number') closeSync(file)
  live.add(child)
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < SAID_SIZE) said += text
  })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`))
  })
  let running = true
  void ended.then(() => {
    running = false
    killGroup(child, 'SIGKILL') // what it left behind
    live.delete(child)
  })
  return {
    pid: child.pid ?? 0,
    said: () => said,
    ended,
    running: () => running,
    async stop(): Promise<boolean> {
      const impatience = setTimeout(() => killGroup(child, 'SIGKILL'), STOP_MILLISECONDS)
      if (running) child.kill('SIGTERM')
      const how = await ended
      clearTimeout(impatience)
      return how !== 'SIGKILL'
    },
  }
}

/** Runs a program to its end; rejects, with what it said, when that was not a good one. */
export function run(command: readonly string[], cores: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('taskset', ['-c', cores, ...command], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    live.add(child)
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => output += text)
    child.stderr.setEncoding('utf8').on('data', (text: string) => output += text)
    child.once('error', reject)
    child.once('close', (code) => {
      live.delete(child)
      if (code === 0) resolve(output)
      else reject(new Error(`${command[0]} ended with ${code}: ${output.slice(-2000)}`))
    })
  })
}

/** The path of a program, where there is one; /usr/sbin is looked into too. */
export function find(program: string): string | null {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']) {
    const path = join(folder, program)
    if (runnable(path)) return path
  }
  return null
}

export function runnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Which cores are whose, where `workers` is the most any proxy will have. */
export function shareCores(count: number, workers: number): Cores {
  const range = (first: number, last: number) => first === last ? String(first) : `${first}-${last}`
  const proxy = (workers: number) => range(0, Math.min(workers, count) - 1)
  // One core at least is left to the load, even where the proxy may use it too.
  return { proxy, load: range(Math.min(workers, count - 1), count - 1) }
}

/** Moves this process to the cores of the load, and says which those are. */
export function takeCores(workers = 1): Cores {
  const cores = shareCores(availableParallelism(), workers)
  execFileSync('taskset', ['-a', '-p', '-c', cores.load, String(process.pid)], { stdio: 'ignore' })
  return cores
}

/** How many files a process may open: ours, which is what those we start get too. */
export function fileLimit(): number {
  const line = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))
  return line === null ? 1024 : Number(line[1])
}

/** A process and all below it. */
export function family(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const child = Number(name)
    if (!Number.isInteger(child)) continue
    const parent = Number(statusOf(child)?.[1])
    const siblings = children.get(parent)
    if (siblings === undefined) children.set(parent, [child])
    else siblings.push(child)
  }
  const found = [pid]
  for (const one of found) found.push(...children.get(one) ?? [])
  return found
}

/** The fields of /proc/PID/stat from the state on: 1 is the parent, 11 and 12 the user and system time in ticks. */
function statusOf(pid: number): string[] | null {
  const text = readProc(`/proc/${pid}/stat`)
  return text === null ? null : text.slice(text.lastIndexOf(')') + 2).split(' ')
}

function readProc(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return null // it has ended meanwhile
  }
}

/**
 * CPU time of a process and all below it, user and system, in nanoseconds. The scheduler counts exactly for the threads
 * that live; those that have ended are only in the ticks of /proc/PID/stat, which is then the greater number.
 */
export function cpuTime(pid: number): number {
  let sum = 0
  for (const one of family(pid)) {
    let threads = 0
    try {
      for (const thread of readdirSync(`/proc/${one}/task`)) {
        threads += Number(readProc(`/proc/${one}/task/${thread}/schedstat`)?.split(' ')[0] ?? 0)
      }
    } catch {
      continue
    }
    const status = statusOf(one)
    const ticks = status === null ? 0 : (Number(status[11]) + Number(status[12])) * TICK_NANOSECONDS
    sum += Math.max(threads, ticks)
  }
  return sum
}

/**
 * CPU time that programs not started by us have taken on all cores, nanoseconds, interrupts included: what disturbs the
 * numbers. Counted in ticks, so only differences over a second and more mean something.
 */
export function othersTime(): number {
  const [, user, nice, system, , , hard, soft] = (readProc('/proc/stat') ?? '').split('\n', 1)[0].split(/ +/).map(
    Number,
  )
  const status = statusOf(process.pid)
  // Fields 13 and 14: the children that have ended.
  const ended = status === null ? 0 : Number(status[13]) + Number(status[14])
  return (user + nice + system + hard + soft - ended) * TICK_NANOSECONDS - cpuTime(process.pid)
}

/** Resident memory of a process and all below it, bytes. (statm and status lag behind by some pages a thread.) */
export function residentMemory(pid: number): number {
  let sum = 0
  for (const one of family(pid)) {
    const line = /^Rss:\s+(\d+) kB/m.exec(readProc(`/proc/${one}/smaps_rollup`) ?? '')
    if (line !== null) sum += Number(line[1]) * 1024
  }
  return sum
}

export function describeMachine(): Record<string, string | number> {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memory_megabytes: Math.round(totalmem() / 1_048_576),
    kernel: release(),
  }
}

/** The commit of a checkout, with a + when files were changed since; `unknown` without git. */
export function commitOf(folder: string): string {
  const git = (...words: string[]) =>
    execFileSync('git', ['-C', folder, ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : '+'}`
  } catch {
    return 'unknown'
  }
}
