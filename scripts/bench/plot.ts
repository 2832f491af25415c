/** The results as a drawing: bars of the CPU that each proxy takes. Shorter is better. */
import { type Report, type Result, type Summary, titleOf } from './results.ts'
import type { WorkloadName } from './workloads.ts'

/** A group of bars that share a scale. */
interface Panel {
  readonly title: string
  readonly workload: WorkloadName
  readonly mode: Result['mode'] | null
  readonly unit: string
  readonly digits: number
}

const PANELS: readonly Panel[] = [
  { title: 'Small GET, reverse: CPU per request', workload: 'get', mode: 'reverse', unit: 'µs', digits: 1 },
  { title: 'Small GET, forward: CPU per request', workload: 'get', mode: 'forward', unit: 'µs', digits: 1 },
  { title: 'A connection for each GET: CPU per request', workload: 'churn', mode: null, unit: 'µs', digits: 1 },
  { title: '10 MB bodies: CPU per GB', workload: 'bulk', mode: null, unit: 'ms', digits: 0 },
  { title: 'CONNECT tunnels: CPU per GB', workload: 'tunnel', mode: null, unit: 'ms', digits: 0 },
]

const WIDTH = 760
const MARGIN = 16
const NAMES = 220
const FIGURES = 100
const BAR = 16
const STEP = 24
const TITLE = 34
const NOTE = 30
/** A bar that would be so many times ours is cut, or ours could not be seen. */
const CUT = 5

// Colours that can be read on white and on black alike: it is not known which it will be.
const INK = '#7d8590'
const OURS = '#2f81f7'
const THEIRS = '#8b949e'

/** An SVG document. */
export function plot(report: Report): string {
  const parts: string[] = []
  let y = MARGIN
  for (const panel of PANELS) {
    const bars = barsOf(panel, report.results)
    if (bars.length === 0) continue
    parts.push(text(MARGIN, y + 14, panel.title, 'font-weight="600"'))
    y += TITLE - 8
    const longest = scaleOf(bars)
    for (const bar of bars) {
      parts.push(...draw(bar, panel, longest, y))
      y += STEP
    }
    y += TITLE - STEP
  }
  const { machine, rounds, seconds, date } = report
  const note =
    `${
      machine['processor']
    }, one core; medians of ${rounds} rounds of ${seconds} s, pale from the least to the most; ` +
    `${date.slice(0, 10)}. Shorter is better.`
  parts.push(text(MARGIN, y + NOTE - 14, note, 'font-size="11"'))
  y += NOTE
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" ` +
    `font-family="system-ui, sans-serif" font-size="13" fill="${INK}">`,
    '<title>CPU time of ExaProxy and of other proxies</title>',
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

interface Bar {
  readonly title: string
  readonly ours: boolean
  readonly summary: Summary
}

/** The shortest first. */
function barsOf({ workload, mode }: Panel, results: readonly Result[]): Bar[] {
  const own = results.filter((result) => result.workload === workload && (mode ?? result.mode) === result.mode)
  const usual = own.find(({ ours }) => ours)?.mode
  return own.flatMap((result) => {
    const { cpu_microseconds_each, cpu_milliseconds_per_gigabyte } = result.measures
    const summary = cpu_microseconds_each ?? cpu_milliseconds_per_gigabyte
    if (summary === undefined) return []
    const otherwise = result.mode === 'tcp' ? ', no CONNECT' : result.mode === usual ? '' : `, ${result.mode}`
    return [{ title: titleOf(result) + otherwise, ours: result.ours, summary }]
  }).toSorted((a, b) => a.summary.median - b.summary.median)
}

/** What a bar of full length stands for. */
function scaleOf(bars: readonly Bar[]): number {
  const our = Math.min(...bars.filter(({ ours }) => ours).map(({ summary }) => summary.median))
  const most = Math.max(...bars.map(({ summary }) => summary.most))
  return Number.isFinite(our) ? Math.min(most, our * CUT) : most
}

function draw({ title, ours, summary }: Bar, { unit, digits }: Panel, longest: number, y: number): string[] {
  const left = MARGIN + NAMES
  const room = WIDTH - left - MARGIN - FIGURES
  const x = (value: number) => Math.round(left + Math.min(1, value / longest) * room)
  const { median, least, most } = summary
  const bar = (from: number, to: number, more = '') =>
    `<rect x="${from}" y="${y}" width="${to - from}" height="${BAR}" fill="${ours ? OURS : THEIRS}"${more}/>`
  const shapes = [
    text(left - 8, y + 13, title, `text-anchor="end"${ours ? ' font-weight="600"' : ''}`),
    bar(left, x(least)),
  ]
  if (x(most) > x(least)) shapes.push(bar(x(least), x(most), ' opacity="0.4"'), bar(x(median) - 1, x(median) + 1))
  const cut = median > longest ? '… ' : ''
  shapes.push(text(x(most) + 6, y + 13, `${cut}${median.toFixed(digits)} ${unit}`))
  return shapes
}

function text(x: number, y: number, words: string, attributes = ''): string {
  return `<text x="${x}" y="${y}"${attributes === '' ? '' : ` ${attributes}`}>${escape(words)}</text>`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

export function escape(words: string): string {
  return words.replaceAll(/[&<>"]/g, (character) => ENTITIES[character])
}
