/**
 * The first page, for somebody who came by: how the service is, what its filter has decided, and what other pages there are.
 * It loads nothing and runs nothing.
 */

import { isoSecond } from '../bytes/calendar.ts'
import { type Metric, type MetricName, METRICS } from '../proxy/metrics.ts'
import { type Counted, isDurations, type Snapshot, totalOf } from '../proxy/snapshot.ts'
import { escapeHtml } from '../proxy/template.ts'
import type { Overview, WorkerView } from './overview.ts'
import { readiness } from './readiness.ts'

export interface Page {
  readonly path: string
  /** What is there, for the list. HTML. */
  readonly words: string
}

/** As much as a person looks at; the rest is in /json. */
const ROWS = 50

/** HTML. */
interface Table {
  readonly caption: string
  readonly heads: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** The metrics of what decides, by how their names begin. */
const FILTERING = /^(?:filter|list|helper|icap)_/

/** Labels that are called otherwise by people. */
const LABELS: Readonly<Record<string, string>> = { icap: 'ICAP service' }

/** Columns whose metrics are not named well for a column. Others are called by what is left of their names. */
const HEADS: { readonly [name in MetricName]?: string } = {
  filter_rules_total: 'decided',
  filter_report_only_total: 'reported only',
  filter_categories_total: 'decided',
}

const STYLE =
  `:root { color-scheme: light dark; --page: #f1f3f6; --card: #fff; --text: #1a1f26; --soft: #4b5563; --line: #d9dee5;
  --good: #17663a; --bad: #a3241b; --link: #1c54a8 }
@media (prefers-color-scheme: dark) {
  :root { --page: #0f1216; --card: #1a1f26; --text: #eceff3; --soft: #aab4c0; --line: #36404c;
    --good: #7fd6a2; --bad: #ffa59b; --link: #9cc3ff }
}
* { box-sizing: border-box }
body { margin: 0; padding: clamp(.75rem, 4vw, 2rem); background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif }
header, main { max-width: 62rem; margin-inline: auto }
h1 { margin: 0; font-size: 1.5rem }
header p { margin: .25rem 0 1.25rem; color: var(--soft) }
.good { color: var(--good); font-weight: 600 }
.bad { color: var(--bad); font-weight: 600 }
section { margin-bottom: 1rem; padding: 1rem 1.25rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .75rem; overflow-x: auto }
section:focus-visible, a:focus-visible { outline: .1875rem solid var(--link); outline-offset: .125rem }
h2 { margin: 0 0 .5rem; font-size: 1.0625rem }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .375rem .75rem .375rem 0; border-top: 1px solid var(--line); text-align: end; vertical-align: top }
th:first-child { text-align: start; overflow-wrap: anywhere; min-width: 8rem }
thead th { border-top: 0; color: var(--soft); font-size: .875rem; font-weight: 400 }
tbody th { font-weight: 400 }
a { color: var(--link) }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem 1rem; margin: 0 }
dd { margin: 0 }
section p { margin: .5rem 0 0; color: var(--soft); font-size: .875rem }`

/** `now`: milliseconds since 1970-01-01 UTC. */
export function indexPage(pages: readonly Page[], overview: Overview, now: number): string {
  const { version, started, workers, total } = overview
  const { ready, why } = readiness(overview)
  const state = ready ? '<span class="good">ready</span>' : `<span class="bad">not ready: ${escapeHtml(why)}</span>`
  const tables = [workersTable(workers), ...filterTables(total)].filter(({ rows }) => rows.length > 0)
  const items = pages.map(({ path, words }) => `<dt><a href="${path}">${path}</a></dt><dd>${words}</dd>`)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>ExaProxy</title>
<style>
${STYLE}
</style>
</head>
<body>
<header>
<h1>ExaProxy ${escapeHtml(version)}</h1>
<p>${state}; started ${age(now - started)} ago</p>
</header>
<main>
${tables.map(section).join('')}<section>
<h2>Pages</h2>
<dl>
${items.join('\n')}
</dl>
</section>
</main>
</body>
</html>
`
}

/** Wide tables scroll by themselves, with the keyboard too. */
function section({ caption, heads, rows }: Table): string {
  const id = caption.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  const head = heads.map((words) => `<th scope="col">${words}</th>`).join('')
  const body = rows.slice(0, ROWS).map(([first, ...cells]) =>
    `<tr><th scope="row">${first}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>\n`
  ).join('')
  const more = rows.length > ROWS ? `<p>and ${number(rows.length - ROWS)} more</p>\n` : ''
  return `<section aria-labelledby="${id}" tabindex="0">
<h2 id="${id}">${caption}</h2>
<table>
<thead><tr>${head}</tr></thead>
<tbody>
${body}</tbody>
</table>
${more}</section>
`
}

function workersTable(workers: readonly WorkerView[]): Table {
  return {
    caption: 'Workers',
    heads: ['worker', 'state', 'runtime', 'engine', 'connections', 'exchanges', 'memory', 'restarts'],
    rows: workers.map(({ id, state, runtime, engine, restarts, snapshot }) => [
      String(id),
      `<span class="${state === 'ready' ? 'good' : 'bad'}">${state}</span>`,
      escapeHtml(runtime),
      escapeHtml(engine),
      number(totalOf(snapshot.connections_open)),
      number(totalOf(snapshot.exchanges_total)),
      megabytes(totalOf(snapshot.memory_bytes)),
      number(restarts),
    ]),
  }
}

/**
 * What the filter counts, and what it consists of. For each label in turn a table of what is kept by that alone, and one for
 * each metric that is kept by another label too.
 */
function filterTables(total: Snapshot): readonly Table[] {
  const byLabel = new Map<string, { readonly alone: MetricName[]; readonly pairs: MetricName[] }>()
  for (const name of Object.keys(METRICS) as MetricName[]) {
    const { labels }: Metric = METRICS[name]
    if (!FILTERING.test(name) || labels.length === 0) continue
    let names = byLabel.get(labels[0])
    if (names === undefined) byLabel.set(labels[0], names = { alone: [], pairs: [] })
    names[labels.length === 1 ? 'alone' : 'pairs'].push(name)
  }
  return [...byLabel].flatMap(([label, { alone, pairs }]) => [
    columns(label, alone, total),
    ...pairs.map((name) => matrix(name, label, tree(total[name]))),
  ])
}

/** A row for each value of the first label, a column for each of the second that there is any of. */
function matrix(name: MetricName, label: string, counted: Tree): Table {
  const heads = [...new Set(Object.values(counted).flatMap((row) => Object.keys(tree(row))))]
    .filter((head) => Object.values(counted).some((row) => totalOf(tree(row)[head]) > 0))
  return {
    caption: `${capital(headOf(name, label))} by ${LABELS[label] ?? label}`,
    heads: [LABELS[label] ?? label, ...heads.map(escapeHtml)],
    rows: heads.length === 0 ? [] : most(Object.keys(counted), (value) => totalOf(counted[value])).map((value) => [
      escapeHtml(value),
      ...heads.map((head) => number(totalOf(tree(counted[value])[head]))),
    ]),
  }
}

/** A row for each value of the label, a column for each metric. */
function columns(label: string, names: readonly MetricName[], total: Snapshot): Table {
  const trees = names.map((name) => tree(total[name]))
  const values = [...new Set(trees.flatMap((counted) => Object.keys(counted)))]
  // What there is may be many, and then the most used come first. Lists and helpers are as they were written.
  const decided = names.every((name) => name.startsWith('filter_'))
  const size = (value: string) => trees.reduce((sum, counted) => sum + own(counted, value), 0)
  return {
    caption: capital(plural(LABELS[label] ?? label)),
    heads: [LABELS[label] ?? label, ...names.map((name) => HEADS[name] ?? headOf(name, label))],
    rows: (decided ? most(values, size) : values).map((value) => [
      escapeHtml(value),
      ...names.map((name, i) => written(name, own(trees[i], value))),
    ]),
  }
}

function written(name: MetricName, value: number): string {
  if (name === 'list_loaded_seconds') return value === 0 ? 'never' : `${isoSecond(value * 1000).replace('T', ' ')} UTC`
  return name.endsWith('_bytes') ? megabytes(value) : number(value)
}

type Tree = { readonly [label: string]: Counted }

function tree(value: Snapshot[MetricName]): Tree {
  return value === undefined || typeof value === 'number' || isDurations(value) ? {} : value
}

/** A rule may be called "constructor". */
function own(counted: Tree, value: string): number {
  return Object.hasOwn(counted, value) ? totalOf(counted[value]) : 0
}

/** The largest first; equals as they came. */
function most(values: readonly string[], size: (value: string) => number): readonly string[] {
  return values.toSorted((a, b) => size(b) - size(a))
}

/** `helper_requests_total` of helpers: `requests`. */
function headOf(name: MetricName, label: string): string {
  return name.replace(/^filter_/, '').replace(/_(?:total|bytes|seconds)$/, '').replace(new RegExp(`^${label}s?_`), '')
    .replaceAll(
      '_',
      ' ',
    )
}

function plural(word: string): string {
  return word.endsWith('y') ? `${word.slice(0, -1)}ies` : `${word}s`
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

function megabytes(bytes: number): string {
  return `${number(Math.round(bytes / 1024 ** 2))} MB`
}

function number(value: number): string {
  const [whole, part = ''] = String(value).split('.')
  return whole.replace(/\B(?=(?:[0-9]{3})+$)/g, ',') + (part === '' ? '' : `.${part.slice(0, 3)}`)
}

/** As `3 d 4 h`, `4 h 5 min`, `5 min` or `6 s`. */
function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ]
  if (days > 0) return `${days} d ${hours} h`
  if (hours > 0) return `${hours} h ${minutes} min`
  return minutes > 0 ? `${minutes} min` : `${seconds} s`
}
