/**
 * `npm test`: every test on every runtime, one table, and one last line: `N passed, N failed`, with `, N skipped` when any were.
 *
 *   --runtime node,bun     only these (node20, node, deno, bun, exe)
 *   --only unit,live       only these kinds (unit, contract, parts, live)
 *   what is left           goes to vitest: the beginning of a test file's path, -t NAME
 *
 * Unit, contract and parts tests run inside Node, Deno and Bun. The live ones drive the program from outside, so vitest stays on
 * Node and EXAPROXY_TEST_PROGRAM says which program it is: the Node 20 build, the source on each runtime, the Bun executable.
 * With CI set, a test may be skipped only for a reason that is in ALLOWED_SKIPS.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Report, type Tally, tally } from './test_report.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bin = join(root, 'node_modules/.bin')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')

/** A run that takes this long hangs: the longest takes a third of it, on two busy cores. Milliseconds. */
const RUN_LIMIT = 480_000

/** Into a file or a pipe, vitest would colour all the same where the environment says FORCE_COLOR. */
const COLOR = process.stdout.isTTY ? { FORCE_COLOR: '1' } : { FORCE_COLOR: '0', NO_COLOR: '1' }

/**
 * What may be skipped in CI. A test that is skipped says why in its title; here stands the reason it gives, and why nothing can be
 * done about it.
 */
const ALLOWED_SKIPS: readonly { readonly runtime?: Runtime; readonly reason: string; readonly because: string }[] = [
  {
    runtime: 'deno',
    reason: 'Deno cannot set SO_LINGER',
    because:
      'a reset cannot be sent on purpose: the peer sees a plain end, and an incomplete message is known by its framing',
  },
  {
    runtime: 'deno',
    reason: 'Deno accepts when it is pulled',
    because: 'connections nobody pulls wait in the queue of the kernel, which has a limit of its own',
  },
  {
    runtime: 'deno',
    reason: 'Deno cannot set IPV6_V6ONLY',
    because: 'a listener on :: takes IPv4 too, unless net.ipv6.bindv6only says otherwise',
  },
  {
    runtime: 'deno',
    reason: 'Deno does not connect its UDP sockets',
    because: 'a name server that is not there is noticed by the time limit instead',
  },
  {
    runtime: 'deno',
    reason: 'clients of node:tls in Deno keep no sessions',
    because: 'each connection to a server by TLS shakes hands in full, which costs time and nothing else',
  },
  {
    runtime: 'bun',
    reason: 'Bun answers close_notify with its own',
    because: 'a peer that ends its side of TLS first is sent nothing any more; browsers do not do that',
  },
  {
    reason: 'epoll accepts when it is pulled',
    because: 'connections nobody pulls wait in the queue of the kernel, which has a limit of its own',
  },
  {
    runtime: 'node',
    reason: 'this runtime has no FFI',
    because: 'Node has it from 26.1 on',
  },
  {
    reason: 'its paths are in no folder',
    because: 'the memory machine has no file system under its unix-domain sockets',
  },
  {
    reason: 'it needs no kernel to make a connect hang',
    because: 'the memory machine is told to let one hang, and has a test of that',
  },
  {
    reason: 'it has no descriptors',
    because: 'the memory machine has objects, which the collector takes',
  },
]

type Runtime = 'node20' | 'node' | 'deno' | 'bun' | 'exe'
type Kind = 'unit' | 'contract' | 'parts' | 'live'

const RUNTIMES: readonly Runtime[] = ['node20', 'node', 'deno', 'bun', 'exe']
const KINDS: readonly Kind[] = ['unit', 'contract', 'parts', 'live']

const INSIDE: Partial<Record<Runtime, readonly string[]>> = {
  node: [join(bin, 'node'), vitest],
  deno: [join(bin, 'deno'), 'run', '--quiet', '--allow-all', vitest],
  bun: [join(bin, 'bun'), '--bun', vitest],
}

/**
 * Live tests of what carries bytes: those that are run once more with the runtime's own sockets where `auto` takes epoll. What
 * the others test (rules, pages, names, logs) does not look at sockets.
 */
const ENGINE_TESTS = [
  'conformance',
  'helper_attack',
  'helper_children',
  'icap.',
  'limits',
  'peek',
  'peers',
  'pool',
  'pressure',
  'proxy_protocol',
]
  .concat(['reverse', 'socks', 'stopping', 'websocket', 'workers'])
  .map((name) => `test/live/${name}`)

interface Run {
  readonly runtime: Runtime
  /** What it is called: the runtime, and what is special. */
  readonly name: string
  readonly kinds: readonly Kind[]
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

interface Outcome extends Tally {
  readonly run: Run
  readonly seconds: number
}

function plan(runtimes: readonly Runtime[], kinds: readonly Kind[], rest: readonly string[]): Run[] {
  const runs: Run[] = []
  const add = (
    runtime: Runtime,
    chosen: readonly Kind[],
    host: readonly string[],
    environment = {},
    name = '',
    files: readonly string[] = [],
  ) => {
    if (chosen.length === 0 || !runtimes.includes(runtime)) return
    const projects = chosen.flatMap((kind) => ['--project', kind])
    const command = [...host, 'run', ...projects, ...rest.length === 0 ? files : rest]
    runs.push({ runtime, name: name || runtime, kinds: chosen, command, environment })
  }
  for (const runtime of ['node', 'deno', 'bun'] as const) {
    add(runtime, kinds.filter((kind) => kind !== 'live'), INSIDE[runtime]!)
  }
  for (const runtime of RUNTIMES) {
    add(runtime, kinds.filter((kind) => kind === 'live'), INSIDE.node!, { EXAPROXY_TEST_PROGRAM: runtime })
    // Where `auto` takes epoll, the runtime's own sockets are tested too.
    if (runtime !== 'bun' && runtime !== 'deno') continue
    const portable = { EXAPROXY_TEST_PROGRAM: runtime, EXAPROXY_TEST_ENGINE: 'portable' }
    add(runtime, kinds.filter((kind) => kind === 'live'), INSIDE.node!, portable, `${runtime}, portable`, ENGINE_TESTS)
  }
  return runs
}

/** Builds what the live tests of these runtimes drive; gives the words of what could not be built. */
function build(runtimes: ReadonlySet<Runtime>): string[] {
  const wanted: [Runtime, string[]][] = [
    ['node20', ['scripts/build.ts']],
    ['exe', ['scripts/package/main.ts', 'bun']],
  ]
  const problems: string[] = []
  for (const [runtime, command] of wanted) {
    if (!runtimes.has(runtime)) continue
    const { status } = spawnSync(join(bin, 'node'), command, { cwd: root, stdio: 'inherit' })
    if (status !== 0) problems.push(`${command.join(' ')} failed, so ${runtime} cannot be tested`)
  }
  return problems
}

/** The Node of the machine, where it is one that cannot run the source; empty otherwise. */
function oldNode(): string {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder === bin) continue
    const { status, stdout } = spawnSync(join(folder, 'node'), ['--version'], { encoding: 'utf8' })
    if (status !== 0) continue
    const [major, minor] = stdout.slice(1).split('.').map(Number)
    if (major! < 22 || (major === 22 && minor! < 18)) return join(folder, 'node')
  }
  return ''
}

let current: number | undefined

function endRun(): void {
  try {
    if (current !== undefined) process.kill(-current, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

function perform(run: Run, file: string): Promise<{ code: number | null; late: boolean }> {
  const [command, ...args] = [...run.command, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  return new Promise((resolve) => {
    // A group of its own, so that what a test started ends with it.
    const child = spawn(command!, args, {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...COLOR, PATH: bin + delimiter + process.env.PATH, ...run.environment },
    })
    current = child.pid
    let late = false
    const timer = setTimeout(() => {
      late = true
      endRun()
    }, RUN_LIMIT)
    child.on('error', () => resolve({ code: 127, late }))
    child.on('close', (code) => {
      clearTimeout(timer)
      endRun()
      current = undefined
      resolve({ code, late })
    })
  })
}

const allowed = (runtime: Runtime) => (title: string): boolean =>
  !process.env.CI || ALLOWED_SKIPS.some((skip) => (skip.runtime ?? runtime) === runtime && title.includes(skip.reason))

async function test(run: Run): Promise<Outcome> {
  console.log(`\n== ${run.kinds.join(', ')} on ${run.name}`)
  const file = join(root, `.build/test/${run.name.replace(', ', '-')}-${run.kinds.join('-')}.json`)
  rmSync(file, { force: true })
  const started = performance.now()
  const { code, late } = await perform(run, file)
  const seconds = (performance.now() - started) / 1000
  const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) as Report : null
  const counted = tally(report, code, root, allowed(run.runtime))
  if (late) counted.notes.push(`ended after ${RUN_LIMIT / 1000} s, since it hangs`)
  return { run, seconds, ...counted }
}

function choice<Name extends string>(names: readonly Name[], text: string | undefined): Name[] {
  if (text === undefined) return [...names]
  const wanted = text.split(',')
  for (const name of wanted) {
    if (!names.includes(name as Name)) {
      console.error(`test: ${name} is none of ${names.join(', ')}`)
      process.exit(64)
    }
  }
  return names.filter((name) => wanted.includes(name))
}

const { values, tokens } = parseArgs({
  options: { runtime: { type: 'string' }, only: { type: 'string' } },
  strict: false,
  tokens: true,
})
// What is neither of the two options is vitest's, in the order given.
const ours = new Set(
  tokens.flatMap((token) =>
    token.kind === 'option' && (token.name === 'runtime' || token.name === 'only')
      ? token.inlineValue ? [token.index] : [token.index, token.index + 1]
      : []
  ),
)
const rest = process.argv.slice(2).filter((word, index) => !ours.has(index) && word !== '--')

const kinds = choice(KINDS, values.only as string | undefined)
let runtimes = choice(RUNTIMES, values.runtime as string | undefined)

process.on('SIGINT', () => {
  endRun()
  process.exit(130)
})
process.on('SIGTERM', () => {
  endRun()
  process.exit(143)
})
process.on('exit', endRun)

mkdirSync(join(root, '.build/test'), { recursive: true })
const notes: string[] = []
let passed = 0
let failed = 0
let skipped = 0

if (kinds.includes('live')) {
  const old = oldNode()
  if (old !== '') process.env.EXAPROXY_TEST_NODE20 = old
  else if (runtimes.includes('node20')) {
    runtimes = runtimes.filter((name) => name !== 'node20')
    notes.push('node20: not tested, there is no Node before 22.18 on this machine')
    if (process.env.CI) failed++
    else skipped++
  }
  const problems = build(new Set(runtimes))
  failed += problems.length
  notes.push(...problems)
}

const outcomes: Outcome[] = []
for (const run of plan(runtimes, kinds, rest)) outcomes.push(await test(run))

console.log('\nruntime         tests                   passed  failed  skipped  seconds')
for (const { run, ...outcome } of outcomes) {
  passed += outcome.passed
  failed += outcome.failed
  skipped += outcome.skipped
  const numbers = [outcome.passed, outcome.failed, outcome.skipped, Math.round(outcome.seconds)]
  console.log(
    run.name.padEnd(16) + run.kinds.join(', ').padEnd(22) +
      numbers.map((n, i) => `${n}`.padStart(i === 0 ? 8 : i === 1 ? 8 : 9)).join(''),
  )
  notes.push(...outcome.notes.map((note) => `${run.name}: ${note}`))
}
for (const note of new Set(notes)) console.log(note)
if (passed + failed === 0) failed = 1

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = failed === 0 ? 0 : 1
