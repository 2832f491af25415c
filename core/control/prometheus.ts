/** The text format of Prometheus, version 0.0.4. */

import { BUCKETS } from '../proxy/histogram.ts'
import type { Durations } from '../proxy/snapshot.ts'
import { FAMILIES, type Labels } from './families.ts'
import type { Overview } from './overview.ts'

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export const PREFIX = 'exaproxy_'

/** All that is known, a line feed at the end. */
export function prometheus(overview: Overview): string {
  const lines: string[] = []
  for (const family of FAMILIES) {
    const name = PREFIX + family.name
    lines.push(`# HELP ${name} ${escapeHelp(family.help)}`, `# TYPE ${name} ${family.kind}`)
    for (const { labels, value } of family.samples(overview)) {
      if (typeof value === 'number') lines.push(`${name}${written(labels)} ${value}`)
      else histogram(lines, name, labels, value)
    }
  }
  return lines.join('\n') + '\n'
}

/** Buckets are cumulative there. */
function histogram(lines: string[], name: string, labels: Labels, { counts, sum }: Durations): void {
  let below = 0
  counts.forEach((count, i) => {
    below += count
    const le = i < BUCKETS.length ? String(BUCKETS[i] / 1000) : '+Inf'
    lines.push(`${name}_bucket${written([...labels, ['le', le]])} ${below}`)
  })
  lines.push(`${name}_sum${written(labels)} ${sum}`, `${name}_count${written(labels)} ${below}`)
}

function written(labels: Labels): string {
  if (labels.length === 0) return ''
  return `{${labels.map(([name, value]) => `${name}="${escapeValue(value)}"`).join(',')}}`
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function escapeValue(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"')
}
