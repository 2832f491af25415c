/** What a run of the bench has measured, as its JSON holds it: for each proxy and workload, each number with its rounds. */
import type { Mode } from './program.ts'
import type { WorkloadName } from './workloads.ts'

/** What one run of a workload gave; a number that it did not measure is not there. */
export interface Measures {
  /** For each unit of the workload: a request, a tunnel, a message. */
  cpu_microseconds_each?: number
  each_per_second?: number
  cpu_milliseconds_per_gigabyte?: number
  megabytes_per_second?: number
  /** How many cores the proxy used: below 0.9 of what it may use, the load or the origin was the limit. */
  core_share?: number
  p50_milliseconds?: number
  p99_milliseconds?: number
  p999_milliseconds?: number
  bytes_per_idle_connection?: number
  resident_megabytes_idle?: number
  /** How many cores programs that are not the bench's took meanwhile: a disturbance. */
  others_cores?: number
}

export type Measure = keyof Measures

/** Who is measured: a program in one of its modes. */
export interface Subject {
  readonly program: string
  readonly mode: Mode
  readonly ours: boolean
  readonly version: string
  readonly workers: number
  /** Which engine carries the bytes; null: of a peer, or the default. */
  readonly engine: string | null
}

export interface Summary {
  readonly median: number
  readonly least: number
  readonly most: number
  readonly rounds: readonly number[]
}

export interface Result extends Subject {
  readonly workload: WorkloadName
  readonly measures: Readonly<Partial<Record<Measure, Summary>>>
  readonly failures: readonly string[]
}

/** The whole of a run. */
export interface Report {
  /** Of the checkout, with a + when it has been changed since; where git knows. */
  readonly commit: string
  readonly date: string
  readonly machine: Readonly<Record<string, string | number>>
  readonly rounds: number
  readonly seconds: number
  readonly warmup: number
  readonly idle: number
  readonly rate: number
  readonly results: readonly Result[]
}

export function summarise(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, least: sorted[0], most: sorted[sorted.length - 1], rounds: values }
}

export function resultOf(
  subject: Subject,
  workload: WorkloadName,
  rounds: readonly Measures[],
  failures: readonly string[],
): Result {
  const names = new Set(rounds.flatMap((round) => Object.keys(round) as Measure[]))
  const measures: Partial<Record<Measure, Summary>> = {}
  for (const name of names) measures[name] = summarise(rounds.flatMap((round) => round[name] ?? []))
  return { ...subject, workload, measures, failures }
}

/** As people call them, in the order of a table. */
const TITLES: Readonly<Record<string, string>> = {
  ...{ bun: 'ExaProxy on Bun', node: 'ExaProxy on Node', deno: 'ExaProxy on Deno', executable: 'ExaProxy, one file' },
  ...{ haproxy: 'HAProxy', 'haproxy-splice': 'HAProxy with splice', nginx: 'nginx', squid: 'Squid' },
  ...{ trafficserver: 'Traffic Server', tinyproxy: 'tinyproxy' },
}
const ORDER = Object.keys(TITLES)

export function compareSubjects(a: Subject, b: Subject): number {
  return ORDER.indexOf(a.program) - ORDER.indexOf(b.program)
}

/** What it is called, with what else was set. */
export function titleOf({ program, workers, engine }: Subject): string {
  const settings = [engine, workers === 1 ? null : `${workers} workers`].filter((word) => word !== null)
  const title = TITLES[program] ?? program
  return settings.length === 0 ? title : `${title} (${settings.join(', ')})`
}
