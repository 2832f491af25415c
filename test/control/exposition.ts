/** A reader of Prometheus' text format, as strict as the format is, so that a test can trust what it says. */

export interface SampleSeen {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface FamilySeen {
  readonly type: string
  readonly help: string
  readonly samples: SampleSeen[]
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const NUMBER = /^(?:[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)$/

/** Families by name. Throws for anything that is not as the format has it. */
export function readExposition(text: string): Map<string, FamilySeen> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  const families = new Map<string, FamilySeen>()
  const seen = new Set<string>()
  let help: { name: string; text: string } | null = null
  let current: { name: string; family: FamilySeen } | null = null
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line)
    if (comment !== null) {
      const [, kind, name, rest] = comment
      if (!NAME.test(name)) throw new Error(`no name: ${name}`)
      if (kind === 'HELP') help = { name, text: rest }
      else {
        if (help?.name !== name) throw new Error(`TYPE of ${name} without its HELP`)
        if (families.has(name)) throw new Error(`${name} comes twice`)
        if (!['counter', 'gauge', 'histogram'].includes(rest)) throw new Error(`no type: ${rest}`)
        current = { name, family: { type: rest, help: help.text, samples: [] } }
        families.set(name, current.family)
      }
      continue
    }
    const sample = readSample(line)
    if (current === null) throw new Error(`a sample without TYPE: ${line}`)
    const { name, family } = current
    const names = family.type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name]
    if (!names.includes(sample.name)) throw new Error(`a sample among those of ${name}: ${line}`)
    const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).toSorted())}`
    if (seen.has(key)) throw new Error(`the same sample twice: ${line}`)
    seen.add(key)
    family.samples.push(sample)
  }
  for (const [name, { type, samples }] of families) {
    if (type === 'counter' && samples.some(({ value }) => !(value >= 0))) throw new Error(`${name} is no counter`)
    if (type === 'histogram') checkHistogram(name, samples)
  }
  return families
}

function readSample(line: string): SampleSeen {
  const match = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/.exec(line)
  if (match === null) throw new Error(`no sample: ${line}`)
  const [, name, inside = '', value] = match
  if (!NAME.test(name)) throw new Error(`no name: ${line}`)
  if (!NUMBER.test(value)) throw new Error(`no number: ${line}`)
  return { name, labels: readLabels(inside), value: Number(value.replace('Inf', 'Infinity')) }
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  const pattern = /([^=,]+)="((?:[^"\\]|\\["\\n])*)"(,|$)/y
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text)
    if (match === null) throw new Error(`no labels: ${text}`)
    const [, name, value] = match
    if (!LABEL.test(name) || name.startsWith('__')) throw new Error(`no label: ${name}`)
    if (Object.hasOwn(labels, name)) throw new Error(`a label twice: ${name}`)
    labels[name] = value.replace(/\\(.)/g, (_, letter) => letter === 'n' ? '\n' : letter)
  }
  return labels
}

/** Buckets grow, up to +Inf, which is the count. */
function checkHistogram(name: string, samples: readonly SampleSeen[]): void {
  if (samples.length === 0) return
  const buckets = samples.filter((sample) => sample.name === `${name}_bucket`)
  const one = (end: string): number => {
    const found = samples.filter((sample) => sample.name === name + end)
    if (found.length !== 1) throw new Error(`${found.length} ${name}${end}`)
    return found[0].value
  }
  let le = -Infinity
  let count = 0
  for (const { labels, value } of buckets) {
    const end = Number(labels.le?.replace('Inf', 'Infinity'))
    if (!(end > le)) throw new Error(`${name}: bucket ${labels.le} after ${le}`)
    if (value < count) throw new Error(`${name}: bucket ${labels.le} has fewer than the one before`)
    le = end
    count = value
  }
  if (le !== Infinity) throw new Error(`${name} has no bucket +Inf`)
  if (count !== one('_count')) throw new Error(`${name}: +Inf and the count differ`)
  if (!(one('_sum') >= 0)) throw new Error(`${name} has a sum below 0`)
}
