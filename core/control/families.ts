/** What /metrics shows, as one list: the counters of the workers added up, and what is to be known of each worker. */

import { type FailureCode, FAILURES } from '../failure.ts'
import { type Metric, type MetricName, METRICS } from '../proxy/metrics.ts'
import { type Counted, type Durations, isDurations, type Snapshot, totalOf } from '../proxy/snapshot.ts'
import type { Overview, WorkerState, WorkerView } from './overview.ts'
import { readiness } from './readiness.ts'

/** Names and values. */
export type Labels = readonly (readonly [string, string])[]

export interface Sample {
  readonly labels: Labels
  readonly value: number | Durations
}

export interface Family {
  /** Without `exaproxy_`. */
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  readonly help: string
  samples(overview: Overview): readonly Sample[]
}

const STATES: readonly WorkerState[] = ['starting', 'ready', 'draining', 'gone']

/** A value of the service as a whole. */
function whole(
  name: string,
  kind: 'counter' | 'gauge',
  help: string,
  value: (overview: Overview) => number,
  label: (overview: Overview) => Labels = () => [],
  labels: readonly string[] = [],
): Family {
  return { name, kind, labels, help, samples: (overview) => [{ labels: label(overview), value: value(overview) }] }
}

/** A value of each worker, which begins again when another takes its place. */
function each(
  name: string,
  kind: 'counter' | 'gauge',
  help: string,
  value: (worker: WorkerView) => number,
  about: readonly ('runtime' | 'engine')[] = [],
): Family {
  const samples = (overview: Overview): Sample[] =>
    overview.workers.map((worker) => ({
      labels: [['worker', String(worker.id)], ...about.map((label) => [label, worker[label]] as const)],
      value: value(worker),
    }))
  return { name, kind, labels: ['worker', ...about], help, samples }
}

const SERVICE: readonly Family[] = [
  whole('info', 'gauge', 'Always 1: which version this is.', () => 1, ({ version }) => [['version', version]], [
    'version',
  ]),
  whole('ready', 'gauge', 'What /ready says: 1 for 200, 0 for 503.', (overview) => Number(readiness(overview).ready)),
  whole('draining', 'gauge', '1 while the service is stopping.', ({ draining }) => Number(draining)),
  whole('start_time_seconds', 'gauge', 'When the service was started, since 1970.', ({ started }) => started / 1000),
  {
    name: 'workers',
    kind: 'gauge',
    labels: ['state'],
    help: 'Workers in each state.',
    samples: ({ workers }) =>
      STATES.map((state) => {
        return { labels: [['state', state]], value: workers.filter((worker) => worker.state === state).length }
      }),
  },
  each('worker_info', 'gauge', 'Always 1: what each worker runs on.', () => 1, ['runtime', 'engine']),
  each('worker_restarts_total', 'counter', 'How often a worker had to be replaced.', ({ restarts }) => restarts),
  each(
    'worker_start_time_seconds',
    'gauge',
    'When this worker was started, since 1970.',
    ({ started }) => started / 1000,
  ),
  each('worker_connections_open', 'gauge', 'Connections of clients that this worker has.', of('connections_open')),
  each('worker_exchanges_total', 'counter', 'Exchanges this worker has had since it started.', of('exchanges_total')),
  each('worker_memory_bytes', 'gauge', 'Resident memory of this worker.', of('memory_bytes')),
  each('worker_loop_delay_seconds', 'gauge', METRICS.loop_delay_seconds.help, of('loop_delay_seconds')),
]

function of(name: MetricName): (worker: WorkerView) => number {
  return ({ snapshot }) => totalOf(snapshot[name])
}

const COUNTED: readonly Family[] = (Object.keys(METRICS) as MetricName[]).map((name) => {
  const { kind, labels, help }: Metric = METRICS[name]
  return {
    name,
    kind: kind === 'peak' ? 'gauge' : kind,
    labels: name === 'failures_total' ? [...labels, 'who', 'when'] : labels,
    help,
    samples: ({ total }) => samplesOf(name, labels, total),
  }
})

export const FAMILIES: readonly Family[] = [...SERVICE, ...COUNTED]

function samplesOf(name: MetricName, labels: readonly string[], snapshot: Snapshot): Sample[] {
  const value = snapshot[name]
  if (value === undefined) return []
  if (isDurations(value)) return [{ labels: [], value }]
  const samples: Sample[] = []
  gather(value, labels, [], samples)
  if (name !== 'failures_total') return samples
  return samples.map(({ labels, value }) => {
    const { who, when } = FAILURES[labels[0][1] as FailureCode]
    return { labels: [...labels, ['who', who], ['when', when]], value }
  })
}

/** A level of the tree for each label. */
function gather(value: Counted, names: readonly string[], labels: Labels, into: Sample[]): void {
  if (typeof value === 'number') {
    into.push({ labels, value })
    return
  }
  for (const [label, below] of Object.entries(value)) {
    gather(below, names.slice(1), [...labels, [names[0], label]], into)
  }
}

/** The table of README.md, Markdown. */
export function metricsReference(): string {
  const lines = ['| metric, after `exaproxy_` | type | labels | what it is |', '| --- | --- | --- | --- |']
  for (const { name, kind, labels, help } of FAMILIES) {
    const cells = [`\`${name}\``, kind, labels.map((label) => `\`${label}\``).join(', '), help]
    lines.push(`| ${cells.join(' | ')} |`)
  }
  return lines.join('\n') + '\n'
}
