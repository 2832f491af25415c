/**
 * `npm run bench`: ExaProxy on each runtime beside the proxies that are installed, with the same origin, load and requests.
 *
 * Every measurement is a process of its own on one core; the load (wrk) and the origin (nginx) have the others. The rounds
 * go through all proxies in turn, so that what slows the machine for a while slows all of them.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { type Effort, measure, type Measures, type Workload } from './load.ts'
import { type Cores, describeMachine, endWithUs, fileLimit, takeCores } from './machine.ts'
import { type Origin, startOrigin } from './origin.ts'
import { type Mode, type Program, programs } from './programs.ts'
import { disturbance, ratios, type Result, resultOf, table } from './report.ts'
import { begin, SPARE_FILES } from './session.ts'

const USAGE = `npm run bench -- [options]
  --only NAMES       of those: node,deno,bun,executable,haproxy,nginx,squid,tinyproxy
  --mode MODES       forward,reverse
  --workload NAMES   get (1 KB), bulk (10 MB), idle (connections)
  --rounds N         how often each is measured (3)
  --seconds N        how long a measurement takes (5), and --warmup N before it (3)
  --idle N           idle connections (8000)
  --json FILE        also write all rounds there
  --quick            one round of 2 s after 1 s, 2000 idle connections
  --list             what is installed`

const WORKLOADS: readonly Workload[] = ['get', 'bulk', 'idle']
const MODES: readonly Mode[] = ['forward', 'reverse']

interface Plan {
  readonly subjects: readonly { readonly program: Program; readonly mode: Mode }[]
  readonly workloads: readonly Workload[]
  readonly rounds: number
  readonly effort: Effort
  readonly json: string | null
}

class UsageFailure extends Error {}

function planOf(installed: readonly Program[], words: readonly string[]): Plan | null {
  const { values } = parseArgs({
    args: [...words],
    options: {
      only: { type: 'string' },
      mode: { type: 'string' },
      workload: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      warmup: { type: 'string' },
      idle: { type: 'string' },
      json: { type: 'string' },
      quick: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  })
  if (values.help) {
    console.log(USAGE)
    return null
  }
  if (values.list) {
    for (const { name, version, modes } of installed) console.log(`${name} ${version}: ${modes.join(', ')}`)
    return null
  }
  const { quick } = values
  const names = chosen('--only', values.only, installed.map(({ name }) => name))
  const modes = chosen('--mode', values.mode, MODES)
  const subjects = installed.filter(({ name }) => names.includes(name))
    .flatMap((program) => program.modes.filter((mode) => modes.includes(mode)).map((mode) => ({ program, mode })))
  const effort = {
    seconds: positive('--seconds', values.seconds, quick ? 2 : 5),
    warmup: positive('--warmup', values.warmup, quick ? 1 : 3),
    idleConnections: positive('--idle', values.idle, quick ? 2000 : 8000),
  }
  const files = effort.idleConnections * 2 + SPARE_FILES
  if (files > fileLimit()) {
    throw new UsageFailure(
      `${effort.idleConnections} idle connections need ${files} open files, and the limit is ${fileLimit()}: ` +
        'raise it (ulimit -n), or take fewer (--idle)',
    )
  }
  return {
    subjects,
    workloads: chosen('--workload', values.workload, WORKLOADS),
    rounds: positive('--rounds', values.rounds, quick ? 1 : 3),
    effort,
    json: values.json ?? null,
  }
}

/** The words of a list that are known, in our order; all without a list. */
function chosen<Word extends string>(
  option: string,
  text: string | undefined,
  known: readonly Word[],
): readonly Word[] {
  if (text === undefined) return known
  const asked = text.split(',')
  const unknown = asked.find((word) => !known.some((one) => one === word))
  if (unknown !== undefined) throw new UsageFailure(`${option}: ${unknown} is none of ${known.join(', ')}`)
  return known.filter((word) => asked.includes(word))
}

function positive(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageFailure(`${option}: ${text} is not a positive number`)
  return Number(text)
}

async function measureAll(plan: Plan, origin: Origin, folder: string, cores: Cores): Promise<Result[]> {
  const measured = plan.subjects.map(() => ({ rounds: [] as Measures[], failures: [] as string[] }))
  for (let round = 1; round <= plan.rounds; round++) {
    for (const workload of plan.workloads) {
      for (const [index, { program, mode }] of plan.subjects.entries()) {
        // What keeps no connections has no idle ones.
        if (workload === 'idle' && !program.claims.keepsAlive) continue
        const what = `round ${round} of ${plan.rounds}, ${workload}: ${program.name} (${mode})`
        try {
          const measures = await measureOne(program, mode, workload, plan.effort, origin, folder, cores)
          measured[index].rounds.push(measures)
          console.error(`${what}  ${inWords(measures)}`)
        } catch (error) {
          const words = error instanceof Error ? error.message : String(error)
          measured[index].failures.push(`${what}: ${words}`)
          console.error(`${what}  FAILED: ${words}`)
        }
      }
    }
  }
  return plan.subjects.map(({ program: { name, ours, version }, mode }, index) =>
    resultOf({ program: name, mode, ours, version }, measured[index].rounds, measured[index].failures)
  )
}

function inWords(measures: Measures): string {
  return Object.entries(measures).map(([name, value]) => `${name}=${Number(value).toFixed(2)}`).join(' ')
}

async function measureOne(
  program: Program,
  mode: Mode,
  workload: Workload,
  effort: Effort,
  origin: Origin,
  folder: string,
  cores: Cores,
): Promise<Measures> {
  const session = await begin(program, mode, origin, folder, cores)
  try {
    const { measures, requests } = await measure(workload, session.proxy, origin, effort, cores.load)
    await session.finish(session.requests + requests)
    return measures
  } finally {
    await session.stop()
  }
}

async function main(): Promise<number> {
  const plan = planOf(programs(), process.argv.slice(2))
  if (plan === null) return 0
  endWithUs()
  const machine = describeMachine()
  const cores = takeCores()
  if (cores.load === cores.proxy) console.error('There is one core only: the load and the origin disturb the proxies.')
  const folder = mkdtempSync(join(tmpdir(), 'exaproxy-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  chmodSync(folder, 0o755)
  const work = join(folder, 'work')
  mkdirSync(work)
  chmodSync(work, 0o777) // Squid started by root writes as another user
  const origin = await startOrigin(folder, cores.load)
  const results = await measureAll(plan, origin, work, cores)
  await origin.stop()

  const { seconds, warmup, idleConnections } = plan.effort
  console.log(
    `${machine['processor']}, ${machine['cores']} cores, Linux ${machine['kernel']}. One worker on one core; ` +
      `${plan.rounds} rounds of ${seconds} s after ${warmup} s; medians, ± half the spread; ` +
      `${idleConnections} idle connections; access log, Via and X-Forwarded-For on.\n`,
  )
  console.log(table(results))
  console.log()
  for (const line of [...ratios(results), ...disturbance(results)]) console.log(line)
  const failures = results.flatMap(({ failures }) => failures)
  for (const failure of failures) console.log(`FAILED ${failure}`)
  if (plan.json !== null) {
    const document = { date: new Date().toISOString(), machine, rounds: plan.rounds, ...plan.effort, results }
    writeFileSync(plan.json, `${JSON.stringify(document, null, 2)}\n`)
  }
  return failures.length === 0 ? 0 : 1
}

try {
  process.exit(await main())
} catch (error) {
  console.error(error instanceof UsageFailure ? `bench: ${error.message}\n\n${USAGE}` : error)
  process.exit(error instanceof UsageFailure ? 64 : 70)
}
