/** The results as Markdown: CPU of everything at a glance, and a table for each workload. */
import { compareSubjects, type Measure, type Report, type Result, type Summary, titleOf } from './results.ts'
import { type Workload, WORKLOADS } from './workloads.ts'

/** The columns, in order: words of the table, digits after the point. What costs comes first: it holds on a busy machine. */
const COLUMNS: readonly (readonly [name: Measure, words: (unit: string) => string, digits: number])[] = [
  ['cpu_microseconds_each', (unit) => `CPU µs/${unit}`, 1],
  ['cpu_milliseconds_per_gigabyte', () => 'CPU ms/GB', 0],
  ['each_per_second', (unit) => `${unit}s/s`, 0],
  ['megabytes_per_second', () => 'MB/s', 0],
  ['core_share', () => 'cores used', 2],
  ['p50_milliseconds', () => 'p50 ms', 2],
  ['p99_milliseconds', () => 'p99 ms', 2],
  ['p999_milliseconds', () => 'p99.9 ms', 2],
  ['bytes_per_idle_connection', () => 'bytes/idle connection', 0],
  ['resident_megabytes_idle', () => 'resident MB', 0],
]

export function describe({ commit, machine, rounds, seconds, warmup, idle, rate }: Report): string {
  return `${machine['processor']}, ${machine['cores']} cores, Linux ${
    machine['kernel']
  }. One worker on one core where ` +
    `nothing else is said; ${rounds} rounds of ${seconds} s after ${warmup} s; medians, ± half the spread; ${idle} idle ` +
    `connections; ${rate} requests/s where the rate is the same for all; access log, Via and X-Forwarded-For on; commit ${commit}.`
}

/** All of it, with a heading for each workload. */
export function tables(results: readonly Result[]): string {
  const parts = WORKLOADS.flatMap((workload) => {
    const own = results.filter((result) => result.workload === workload.name && hasMeasures(result))
    return own.length === 0 ? [] : [`### ${workload.name}: ${workload.title}\n\n${table(workload, own)}`]
  })
  return [`### CPU of the proxy\n\n${overview(results)}`, ...parts].join('\n\n')
}

/** The medians, and after ± half the distance from the least to the most, in per cent of them. */
export function table(workload: Workload, results: readonly Result[]): string {
  const columns = COLUMNS.filter(([name]) => results.some((result) => result.measures[name] !== undefined))
  return [
    row(['proxy', 'mode', ...columns.map(([, words]) => words(workload.unit))]),
    row(['---', '---', ...columns.map(() => '---:')]),
    ...results.map((result) =>
      row([
        `${titleOf(result)} ${result.version}`,
        result.mode,
        ...columns.map(([name, , digits]) => cell(result.measures[name], digits)),
      ])
    ),
  ].join('\n')
}

/** One row for a workload (and mode, where some proxy was measured in two), one column for a proxy: CPU alone. */
export function overview(results: readonly Result[]): string {
  const measured = results.filter((result) => result.workload !== 'idle' && hasMeasures(result))
  const titles = [...new Set(measured.toSorted(compareSubjects).map((result) => titleOf({ ...result, workers: 1 })))]
  const rows = WORKLOADS.flatMap((workload) => {
    const own = measured.filter((result) => result.workload === workload.name)
    const several = new Set(own.map(subjectOf)).size < own.length
    const modes = several ? [...new Set(own.map(({ mode }) => mode))] : [null]
    const workers = [...new Set(own.map(({ workers }) => workers))]
    return workers.flatMap((workers) =>
      modes.map((mode) => {
        const some = own.filter((result) => (mode ?? result.mode) === result.mode && result.workers === workers)
        const cells = titles.map((title) => cpuOf(some.find((result) => titleOf({ ...result, workers: 1 }) === title)))
        const words = [workload.name, mode, workers === 1 ? null : `${workers} workers`].filter((word) => word !== null)
        return row([words.join(', '), workload.bytes ? 'ms/GB' : `µs/${workload.unit}`, ...cells])
      })
    )
  })
  return [row(['', 'CPU', ...titles]), row(['---', '---', ...titles.map(() => '---:')]), ...rows].join('\n')
}

function hasMeasures({ measures }: Result): boolean {
  return Object.keys(measures).length > 0
}

function subjectOf(result: Result): string {
  return titleOf(result)
}

function cpuOf(result: Result | undefined): string {
  const each = result?.measures.cpu_microseconds_each
  return each === undefined ? cell(result?.measures.cpu_milliseconds_per_gigabyte, 0) : cell(each, 1)
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function cell(summary: Summary | undefined, digits: number): string {
  if (summary === undefined) return '-'
  const median = summary.median.toFixed(digits)
  if (summary.rounds.length < 2 || summary.median === 0) return median
  return `${median} ±${Math.round((summary.most - summary.least) / 2 / Math.abs(summary.median) * 100)} %`
}
