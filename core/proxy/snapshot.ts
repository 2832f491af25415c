/** What was counted up to a moment, as plain numbers: it is sent over the bus, added up, and shown. */

import { type Metric, type MetricName, METRICS } from './metrics.ts'

/** Durations: how many fell into each bucket (see Histogram), the last one being for what exceeds all, and their sum. */
export interface Durations {
  readonly counts: readonly number[]
  /** Seconds. */
  readonly sum: number
}

/** A number, or one for each value of a label, a level for each label. */
export type Counted = number | { readonly [label: string]: Counted }

/** Values by the name of their metric; JSON keeps it as it is. What is missing is 0. */
export type Snapshot = { readonly [name in MetricName]?: Counted | Durations }

export function isDurations(value: Counted | Durations): value is Durations {
  return typeof value === 'object' && Array.isArray(value.counts)
}

/** Both together, as one: see {@link MetricKind}. What has no name in the table is left out. */
export function add(a: Snapshot, b: Snapshot): Snapshot {
  const sum: { [name in MetricName]?: Counted | Durations } = {}
  for (const name of names()) {
    const one = a[name]
    const other = b[name]
    if (one === undefined || other === undefined) {
      const alone = one ?? other
      if (alone !== undefined) sum[name] = alone
    } else sum[name] = addValues(one, other, METRICS[name].kind === 'peak')
  }
  return sum
}

/** What stays of a snapshot when its worker has gone: what only grows. */
export function lasting(snapshot: Snapshot): Snapshot {
  const kept: { [name in MetricName]?: Counted | Durations } = {}
  for (const name of names()) {
    const { kind }: Metric = METRICS[name]
    const value = snapshot[name]
    if (value !== undefined && (kind === 'counter' || kind === 'histogram')) kept[name] = value
  }
  return kept
}

/** The number of a metric, over all its labels; of a histogram, how many there were. */
export function totalOf(value: Counted | Durations | undefined): number {
  if (value === undefined) return 0
  if (typeof value === 'number') return value
  let total = 0
  for (const part of isDurations(value) ? value.counts : Object.values(value)) total += totalOf(part)
  return total
}

function names(): readonly MetricName[] {
  return Object.keys(METRICS) as MetricName[]
}

function addValues(a: Counted | Durations, b: Counted | Durations, peak: boolean): Counted | Durations {
  if (typeof a === 'number' && typeof b === 'number') return peak ? Math.max(a, b) : a + b
  if (typeof a === 'number') return b
  if (typeof b === 'number') return a
  if (isDurations(a) && isDurations(b)) {
    return { counts: a.counts.map((count, i) => count + (b.counts[i] ?? 0)), sum: a.sum + b.sum }
  }
  // A listener may be called "constructor", and a category of a helper's "__proto__".
  const sum = new Map(Object.entries(a as { [label: string]: Counted }))
  for (const [label, value] of Object.entries(b as { [label: string]: Counted })) {
    const other = sum.get(label)
    sum.set(label, other === undefined ? value : addValues(other, value, peak) as Counted)
  }
  return Object.fromEntries(sum)
}
