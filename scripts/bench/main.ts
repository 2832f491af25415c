/**
 * `npm run bench`: ExaProxy on each runtime beside the proxies that are installed, with the same origin, load and requests.
 *
 * Every measurement is a process of its own on one core (or as many as it has workers); the load and the origin (nginx) have
 * the others. The rounds go through all proxies in turn, so that what slows the machine for a while slows all of them.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { commitOf, type Cores, describeMachine, endWithUs, fileLimit, takeCores } from './machine.ts'
import { type Effort, measure } from './measure.ts'
import { type Origin, startOrigin } from './origin.ts'
import { type Plan, type Step, taskOf, USAGE, UsageFailure } from './plan.ts'
import { plot } from './plot.ts'
import { programs } from './programs.ts'
import { absences, disturbance, limits, ratios, scaling } from './remarks.ts'
import { type Measures, type Report, type Result, resultOf } from './results.ts'
import { begin, SPARE_FILES } from './session.ts'
import { describe, tables } from './table.ts'

const RESULTS_SVG = fileURLToPath(new URL('results.svg', import.meta.url))

/** Gives what there is after each round. */
async function* measureAll(plan: Plan, origin: Origin, folder: string, cores: Cores): AsyncGenerator<Result[]> {
  const measured = plan.steps.map((step) => ({ step, rounds: [] as Measures[], failures: [] as string[] }))
  for (let round = 1; round <= plan.rounds; round++) {
    // Every other one backwards: who comes after whom is then the same for all, and a machine that slows down is fair.
    for (const { step, rounds, failures } of round % 2 === 1 ? measured : measured.toReversed()) {
      const what = `round ${round} of ${plan.rounds}, ${inWords(step)}`
      try {
        const measures = await measureOne(step, plan.effort, origin, folder, cores)
        rounds.push(measures)
        console.error(`${what}  ${numbers(measures)}`)
      } catch (error) {
        const words = error instanceof Error ? error.message : String(error)
        failures.push(`${what}: ${words}`)
        console.error(`${what}  FAILED: ${words}`)
      }
    }
    yield measured.map(({ step: { program, mode, workers, workload }, rounds, failures }) => {
      const { name, ours, version, engine } = program
      return resultOf({ program: name, mode, ours, version, workers, engine }, workload.name, rounds, failures)
    })
  }
}

function inWords({ program: { name, engine }, mode, workers, workload }: Step): string {
  return `${workload.name}: ${name} (${
    [mode, engine, workers === 1 ? null : `${workers} workers`].filter(Boolean).join(', ')
  })`
}

function numbers(measures: Measures): string {
  return Object.entries(measures).map(([name, value]) => `${name}=${Number(value).toFixed(2)}`).join(' ')
}

async function measureOne(
  { program, mode, workers, workload }: Step,
  effort: Effort,
  origin: Origin,
  folder: string,
  cores: Cores,
): Promise<Measures> {
  const session = await begin({ program, mode, workers, cores: cores.proxy(workers) }, origin, folder)
  try {
    const { measures, logged } = await measure(workload, session.proxy, origin, effort, program.compiles, cores.load)
    await session.finish(session.requests + logged)
    return measures
  } finally {
    await session.stop()
  }
}

/** The report is complete with the last round; what there was before it is in the file, should the bench be stopped. */
async function run(plan: Plan): Promise<Report> {
  const { steps, rounds, effort } = plan
  const files = effort.idle * 2 + SPARE_FILES
  if (steps.some(({ workload }) => ['idle', 'beside'].includes(workload.name)) && files > fileLimit()) {
    throw new UsageFailure(
      `${effort.idle} idle connections need ${files} open files, and the limit is ${fileLimit()}: ` +
        'raise it (ulimit -n), or take fewer (--idle)',
    )
  }
  endWithUs()
  const machine = describeMachine()
  const commit = commitOf(fileURLToPath(new URL('.', import.meta.url)))
  const cores = takeCores(Math.max(...steps.map(({ workers }) => workers)))
  if (cores.load === cores.proxy(1)) {
    console.error('There is one core only: the load and the origin disturb the proxies.')
  }
  const folder = mkdtempSync(join(tmpdir(), 'exaproxy-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  chmodSync(folder, 0o755)
  const work = join(folder, 'work')
  mkdirSync(work)
  chmodSync(work, 0o777) // Squid started by root writes as another user
  const origin = await startOrigin(folder, cores.load)
  let report: Report = { date: new Date().toISOString(), commit, machine, rounds, ...effort, results: [] }
  for await (const results of measureAll(plan, origin, work, cores)) {
    report = { ...report, results }
    if (plan.json !== null) writeFileSync(plan.json, `${JSON.stringify(report, null, 2)}\n`)
  }
  await origin.stop()
  return report
}

/** Prints a report, and draws it where asked to; false when something in it failed. */
function show(report: Report, svg: string | null): boolean {
  const { results } = report
  console.log(`${describe(report)}\n\n${tables(results)}\n`)
  const remarks = [
    ...ratios(results),
    ...scaling(results),
    ...limits(results),
    ...absences(programs(), results),
    ...disturbance(results),
  ]
  for (const remark of remarks) console.log(`- ${remark}`)
  const failures = results.flatMap(({ failures }) => failures)
  for (const failure of failures) console.log(`FAILED ${failure}`)
  if (svg !== null) writeFileSync(svg, plot(report))
  return failures.length === 0
}

async function main(): Promise<number> {
  const task = taskOf(programs, process.argv.slice(2))
  switch (task.kind) {
    case 'help':
      console.log(USAGE)
      return 0
    case 'list':
      for (const { name, version, modes } of programs()) console.log(`${name} ${version}: ${modes.join(', ')}`)
      for (const step of task.plan.steps) console.log(`  ${inWords(step)}`)
      console.log(`${task.plan.steps.length} measurements in each of ${task.plan.rounds} rounds`)
      return 0
    case 'plot':
      return show(JSON.parse(readFileSync(task.json, 'utf8')), task.svg ?? RESULTS_SVG) ? 0 : 1
    case 'measure':
      return show(await run(task.plan), task.plan.svg) ? 0 : 1
  }
}

try {
  process.exit(await main())
} catch (error) {
  console.error(error instanceof UsageFailure ? `bench: ${error.message}\n\n${USAGE}` : error)
  process.exit(error instanceof UsageFailure ? 64 : 70)
}
