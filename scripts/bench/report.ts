/** What many rounds come to: medians and their spread, as a table for people and as JSON. */
import type { Measures } from './load.ts'
import type { Mode } from './programs.ts'

export interface Subject {
  readonly program: string
  readonly mode: Mode
  readonly ours: boolean
  readonly version: string
}

export interface Summary {
  readonly median: number
  readonly least: number
  readonly most: number
  readonly rounds: readonly number[]
}

export interface Result extends Subject {
  readonly measures: Readonly<Partial<Record<keyof Measures, Summary>>>
  readonly failures: readonly string[]
}

/** The columns, in order: words of the table, digits after the point. */
const COLUMNS: readonly (readonly [name: keyof Measures, words: string, digits: number])[] = [
  ['requests_per_second', 'requests/s', 0],
  ['cpu_microseconds_per_request', 'CPU µs/request', 1],
  ['core_share', 'core used', 2],
  ['p50_milliseconds', 'p50 ms', 2],
  ['p99_milliseconds', 'p99 ms', 2],
  ['cpu_milliseconds_per_gigabyte', 'CPU ms/GB', 0],
  ['megabytes_per_second', 'MB/s', 0],
  ['bytes_per_idle_connection', 'bytes/idle connection', 0],
]

/** What a machine at rest has going on is below this. */
const DISTURBING_CORES = 0.15

export function summarise(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, least: sorted[0], most: sorted[sorted.length - 1], rounds: values }
}

export function resultOf(subject: Subject, rounds: readonly Measures[], failures: readonly string[]): Result {
  const measures: Partial<Record<keyof Measures, Summary>> = {}
  for (const [name] of [...COLUMNS, ['resident_megabytes_idle'] as const, ['others_cores'] as const]) {
    const values = rounds.flatMap((round) => round[name] ?? [])
    if (values.length > 0) measures[name] = summarise(values)
  }
  return { ...subject, measures, failures }
}

/** A Markdown table: the median, and after ± half the distance from the least to the most, in per cent of it. */
export function table(results: readonly Result[]): string {
  const columns = COLUMNS.filter(([name]) => results.some((result) => result.measures[name] !== undefined))
  const lines = [
    `| proxy | mode | ${columns.map(([, words]) => words).join(' | ')} |`,
    `| --- | --- | ${columns.map(() => '---:').join(' | ')} |`,
  ]
  for (const result of results) {
    const cells = columns.map(([name, , digits]) => cell(result.measures[name], digits))
    const name = result.ours ? `ExaProxy, ${result.program} ${result.version}` : `${result.program} ${result.version}`
    lines.push(`| ${name} | ${result.mode} | ${cells.join(' | ')} |`)
  }
  return lines.join('\n')
}

function cell(summary: Summary | undefined, digits: number): string {
  if (summary === undefined) return '-'
  const median = summary.median.toFixed(digits)
  if (summary.rounds.length < 2 || summary.median === 0) return median
  return `${median} ±${Math.round((summary.most - summary.least) / 2 / Math.abs(summary.median) * 100)} %`
}

/** Ours beside each peer in the same mode: CPU per request, a ratio below 1 is in our favour. */
export function ratios(results: readonly Result[]): string[] {
  const cpu = (result: Result) => result.measures.cpu_microseconds_per_request?.median
  const lines: string[] = []
  for (const our of results) {
    const mine = cpu(our)
    if (!our.ours || mine === undefined) continue
    const parts = results.flatMap((peer) => {
      const theirs = cpu(peer)
      if (peer.ours || theirs === undefined) return []
      return [`${(mine / theirs).toFixed(2)} of ${peer.program} (${peer.mode})`]
    })
    if (parts.length > 0) lines.push(`CPU per request, ${our.program} (${our.mode}): ${parts.join(', ')}`)
  }
  return lines
}

/** A sentence when other programs took so much of the machine that the numbers should not be quoted; else none. */
export function disturbance(results: readonly Result[]): string[] {
  const most = Math.max(0, ...results.map((result) => result.measures.others_cores?.most ?? 0))
  if (most < DISTURBING_CORES) return []
  return [`Disturbed: other programs took up to ${most.toFixed(2)} cores meanwhile. Do not quote these numbers.`]
}
