/**
 * Where the time of ExaProxy goes, under the bench's load:
 *
 *   node scripts/bench/profile.ts RUNTIME calls      system calls per request, counted by perf (or by strace -c, slower)
 *   node scripts/bench/profile.ts RUNTIME perf       the hottest functions, kernel and runtime, sampled by perf
 *   node scripts/bench/profile.ts RUNTIME script     the hottest JavaScript functions, by the runtime's --cpu-prof
 *
 * RUNTIME is node, deno, bun, executable or a peer (haproxy, squid, ...). Options: --mode reverse, --workload NAME (get),
 * --engine epoll|portable, --seconds N, --keep FOLDER (what was recorded: perf.data, *.cpuprofile).
 */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Running } from './check.ts'
import { cpuTime, endWithUs, family, find, run, takeCores } from './machine.ts'
import { loadOf, type Tally, warmUp } from './measure.ts'
import { type Origin, startOrigin } from './origin.ts'
import type { Mode, Program } from './program.ts'
import { programs } from './programs.ts'
import { begin } from './session.ts'
import { modesOf, type Workload, WORKLOADS } from './workloads.ts'

type View = 'calls' | 'perf' | 'script'

const ROWS = 40
const SAMPLES_PER_SECOND = '1999'
const WARM_SECONDS = 3
/** Requests a second, of the load at a fixed rate. */
const RATE = 4000

/** Variables that make a runtime profile itself; Deno takes none from the environment. */
const SELF_PROFILING: Readonly<Record<string, (folder: string) => Readonly<Record<string, string>>>> = {
  node: (folder) => ({ NODE_OPTIONS: `--cpu-prof --cpu-prof-interval 500 --cpu-prof-dir=${folder}` }),
  bun: (folder) => ({ BUN_OPTIONS: `--cpu-prof --cpu-prof-interval 500 --cpu-prof-dir=${folder}` }),
}

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** The proxy and its workers, as perf and strace take them. */
function processes(proxy: Running): string {
  return family(proxy.pid).join(',')
}

/** What the figures are told of: of large bodies a megabyte, otherwise the workload's unit. */
function per(workload: Workload, { units, bytes }: Tally): { count: number; word: string } {
  return workload.bytes ? { count: bytes / 1e6, word: 'megabyte' } : { count: units, word: workload.unit }
}

/** System calls, each with how often it comes. perf counts in the kernel and hardly slows the proxy; strace stops it at every call. */
async function countCalls(
  proxy: Running,
  seconds: number,
  cores: string,
  workload: Workload,
  load: () => Promise<Tally>,
): Promise<string> {
  const counts = await perfCanCount(cores) ? perfCounts : straceCounts
  const [said, tally] = await Promise.all([counts(processes(proxy), seconds, cores), load()])
  const { count, word } = per(workload, tally)
  const rows = said.map(([name, calls]) => [name, calls / count] as const).filter(([, each]) => each >= 0.001)
    .toSorted((a, b) => b[1] - a[1])
  const sum = rows.reduce((sum, [, each]) => sum + each, 0)
  return [...rows, [`in all, per ${word}`, sum] as const].map(([name, each]) =>
    `${each.toFixed(3).padStart(9)}  ${name}`
  ).join('\n')
}

async function perfCanCount(cores: string): Promise<boolean> {
  try {
    return (await run(['perf', 'stat', '-x', ',', '-e', 'syscalls:sys_enter_read', 'true'], cores)).includes(
      'sys_enter',
    )
  } catch {
    return false
  }
}

async function perfCounts(pids: string, seconds: number, cores: string): Promise<(readonly [string, number])[]> {
  const command = ['perf', 'stat', '-x', ',', '-e', 'syscalls:sys_enter_*', '-p', pids, 'sleep', String(seconds)]
  const said = await run(command, cores)
  return [...said.matchAll(/^(\d+),,syscalls:sys_enter_(\w+)/gm)].map(([, count, name]) =>
    [name, Number(count)] as const
  )
}

async function straceCounts(pids: string, seconds: number, cores: string): Promise<(readonly [string, number])[]> {
  if (find('strace') === null) throw new Error('perf with tracepoints, or strace, is needed to count system calls')
  const said = await run(
    ['timeout', '--preserve-status', '-s', 'INT', String(seconds), 'strace', '-f', '-c', '-p', pids],
    cores,
  )
  const rows = said.matchAll(/^ *[\d.]+ +[\d.]+ +\d+ +(\d+)(?: +\d+)? +(\w+)$/gm)
  return [...rows].filter(([, , name]) => name !== 'total').map(([, count, name]) => [name, Number(count)] as const)
}

async function samplePerf(
  proxy: Running,
  seconds: number,
  folder: string,
  cores: string,
  load: () => Promise<unknown>,
): Promise<string> {
  if (find('perf') === null) throw new Error('perf is needed: apt-get install linux-perf')
  const data = join(folder, 'perf.data')
  const record = ['perf', 'record', '-q', '-F', SAMPLES_PER_SECOND, '-g', '-p', processes(proxy), '-o', data]
  await Promise.all([run([...record, 'sleep', String(seconds)], cores), load()])
  const report = await run(
    ['perf', 'report', '--stdio', '--no-children', '-g', 'none', '--percent-limit', '0.4', '-i', data],
    cores,
  )
  return report.split('\n').filter((line) => /^ +\d/.test(line)).slice(0, ROWS).join('\n')
}

/** The functions of all profiles in a folder by the time spent in themselves, in per cent. */
function readScriptProfiles(folder: string): string {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const own = new Map<string, number>()
  let sum = 0
  for (const name of readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))) {
    const profile: CpuProfile = JSON.parse(readFileSync(join(folder, name), 'utf8'))
    const words = new Map(profile.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const path = url.startsWith('file:') ? fileURLToPath(url) : url
      const place = path === '' ? '' : `  ${path.startsWith(root) ? relative(root, path) : path}:${lineNumber + 1}`
      return [id, `${functionName === '' ? '(anonymous)' : functionName}${place}`]
    }))
    for (const [index, id] of profile.samples.entries()) {
      const word = words.get(id) ?? '?'
      if (word.startsWith('(idle)') || word.startsWith('(program)')) continue
      const time = Math.max(0, profile.timeDeltas[index] ?? 0)
      own.set(word, (own.get(word) ?? 0) + time)
      sum += time
    }
  }
  if (sum === 0) throw new Error('the runtime left no profile')
  return [...own].toSorted((a, b) => b[1] - a[1]).slice(0, ROWS)
    .map(([words, time]) => `${(time / sum * 100).toFixed(2).padStart(6)} %  ${words}`).join('\n')
}

async function profile(program: Program, view: View, folder: string, options: {
  mode: Mode
  workload: Workload
  seconds: number
}): Promise<void> {
  const { mode, workload, seconds } = options
  const profiling = SELF_PROFILING[program.name]
  if (view === 'script' && profiling === undefined) throw new Error(`${program.name} does not profile itself: use perf`)
  const cores = takeCores()
  const work = join(folder, 'work')
  mkdirSync(work)
  chmodSync(work, 0o777)
  const origin: Origin = await startOrigin(folder, cores.load)
  const variables: Readonly<Record<string, string>> = view === 'script'
    ? profiling(folder)
    : view === 'perf' && program.name === 'node'
    ? { NODE_OPTIONS: '--perf-basic-prof --interpreted-frames-native-stack' }
    : {}
  const session = await begin({ program, mode, workers: 1, cores: cores.proxy(1), variables }, origin, work)
  const load = loadOf(workload.name, session.proxy, origin, RATE, cores.load)
  try {
    await warmUp(workload.name, load, WARM_SECONDS)
    const before = cpuTime(session.proxy.pid)
    let result = ''
    if (view === 'calls') result = await countCalls(session.proxy, seconds, cores.load, workload, () => load(seconds))
    else if (view === 'perf') result = await samplePerf(session.proxy, seconds, folder, cores.load, () => load(seconds))
    else {
      const { count, word } = per(workload, await load(seconds))
      const cpu = (cpuTime(session.proxy.pid) - before) / 1000 / count
      result = `${cpu.toFixed(1)} µs of CPU per ${word}, the profiler included`
    }
    await session.stop()
    console.log(result)
    if (view === 'script') console.log(readScriptProfiles(folder))
  } finally {
    await session.stop()
    await origin.stop()
  }
}

async function main(): Promise<void> {
  const { values, positionals: [name = 'bun', view = 'calls'] } = parseArgs({
    allowPositionals: true,
    options: {
      mode: { type: 'string', default: 'forward' },
      workload: { type: 'string', default: 'get' },
      engine: { type: 'string' },
      seconds: { type: 'string', default: '5' },
      keep: { type: 'string' },
    },
  })
  const program = programs([values.engine ?? null]).find((program) => program.name === name)
  if (program === undefined) throw new Error(`${name} is not installed`)
  if (view !== 'calls' && view !== 'perf' && view !== 'script') {
    throw new Error(`${view} is none of calls, perf, script`)
  }
  const workload = WORKLOADS.find(({ name }) =>
    name === values.workload && !['idle', 'beside', 'workers'].includes(name)
  )
  if (workload === undefined) throw new Error(`${values.workload} cannot be profiled`)
  const modes = modesOf(workload, program)
  const mode = modes.find((mode) => mode === values.mode) ?? modes[0]
  if (mode === undefined) throw new Error(`${name} cannot do ${workload.name}`)
  endWithUs()
  const folder = mkdtempSync(join(tmpdir(), 'exaproxy-profile-'))
  chmodSync(folder, 0o755)
  process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  await profile(program, view, folder, { mode, workload, seconds: Number(values.seconds) })
  if (values.keep !== undefined) await run(['cp', '-r', folder, values.keep], '0')
}

try {
  await main()
  process.exit(0)
} catch (error) {
  console.error(error instanceof Error ? `profile: ${error.message}` : error)
  process.exit(70)
}
