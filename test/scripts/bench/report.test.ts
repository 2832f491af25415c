/** What the benchmark says: tables, remarks and the drawing. */
import { describe, expect, test } from 'vitest'
import { escape, plot } from '../../../scripts/bench/plot.ts'
import { absences, disturbance, limits, ratios, scaling } from '../../../scripts/bench/remarks.ts'
import { type Measures, type Report, type Result, resultOf } from '../../../scripts/bench/results.ts'
import { overview, table, tables } from '../../../scripts/bench/table.ts'
import { type WorkloadName, workloadOf } from '../../../scripts/bench/workloads.ts'

type Mode = Result['mode']

function result(program: string, mode: Mode, workload: WorkloadName, rounds: Measures[], workers = 1): Result {
  return resultOf(
    { program, mode, ours: ['bun', 'node'].includes(program), version: '1.2', workers, engine: null },
    workload,
    rounds,
    [],
  )
}

const cpu = (...values: number[]): Measures[] => values.map((cpu_microseconds_each) => ({ cpu_microseconds_each }))
const perGigabyte = (...values: number[]): Measures[] =>
  values.map((cpu_milliseconds_per_gigabyte) => ({ cpu_milliseconds_per_gigabyte }))

const results = [
  result('bun', 'reverse', 'get', cpu(18, 19, 20)),
  result('bun', 'forward', 'get', cpu(17, 17, 17)),
  result('haproxy', 'reverse', 'get', cpu(20, 22, 20)),
  result('squid', 'forward', 'get', cpu(68, 67, 400)),
  result('bun', 'reverse', 'bulk', perGigabyte(300, 300)),
  result('squid', 'forward', 'bulk', perGigabyte(3000, 3000)),
  result('bun', 'reverse', 'workers', cpu(19), 2),
  result('nginx', 'reverse', 'get', []),
]

const report = (some: readonly Result[]): Report => ({
  date: '2026-11-25T03:00:00.000Z',
  commit: '0123abc',
  machine: { processor: 'Processor <9>', cores: 2, kernel: '6.18' },
  ...{ rounds: 3, seconds: 3, warmup: 2, idle: 8000, rate: 4000 },
  results: some,
})

describe('the tables', () => {
  test('of a workload: what was measured, the median and half the spread', () => {
    const rows = [
      result('bun', 'reverse', 'get', [
        { cpu_microseconds_each: 18, p99_milliseconds: 1 },
        { cpu_microseconds_each: 22, p99_milliseconds: 1 },
      ]),
      result('nginx', 'reverse', 'get', cpu(17.25)),
    ]
    expect(table(workloadOf('get'), rows).split('\n')).toEqual([
      '| proxy | mode | CPU µs/request | p99 ms |',
      '| --- | --- | ---: | ---: |',
      '| ExaProxy on Bun 1.2 | reverse | 20.0 ±10 % | 1.00 ±0 % |',
      '| nginx 1.2 | reverse | 17.3 | - |',
    ])
  })

  test('a tunnel and a message are called so', () => {
    const [head] = table(workloadOf('connects'), [result('bun', 'forward', 'connects', cpu(1))]).split('\n')
    expect(head).toBe('| proxy | mode | CPU µs/tunnel |')
  })

  test('at a glance: a row for each mode where one proxy has two, for each workload otherwise', () => {
    expect(overview(results).split('\n')).toEqual([
      '|  | CPU | ExaProxy on Bun | HAProxy | Squid |',
      '| --- | --- | ---: | ---: | ---: |',
      '| get, reverse | µs/request | 19.0 ±5 % | 20.0 ±5 % | - |',
      '| get, forward | µs/request | 17.0 ±0 % | - | 68.0 ±245 % |',
      '| bulk | ms/GB | 300 ±0 % | - | 3000 ±0 % |',
      '| workers, 2 workers | µs/request | 19.0 | - | - |',
    ])
  })

  test('a workload without results has no table, and what failed has no row', () => {
    const words = tables(results)
    expect(words.match(/^### .*$/gm)).toEqual([
      '### CPU of the proxy',
      '### get: GET of 1 KB over kept connections, 64 clients',
      '### bulk: GET of 10 MB, 8 clients',
      '### workers: GET of 1 KB over kept connections, 64 clients, several workers',
    ])
    expect(words).not.toContain('nginx')
  })

  test('every row has as many cells as its head', () => {
    for (const block of tables(results).split('\n\n').filter((block) => block.startsWith('|'))) {
      const widths = block.split('\n').map((line) => line.split('|').length)
      expect(new Set(widths).size).toBe(1)
    }
  })
})

describe('remarks', () => {
  test('ours is compared in the same mode, in another one only where there is none', () => {
    const some = [...results, result('haproxy', 'forward', 'get', cpu(21, 21, 21))]
    expect(ratios(some)).toEqual([
      "get, CPU per request, ExaProxy on Bun, reverse: 0.95 of HAProxy's, 0.28 of Squid's (forward)",
      "get, CPU per request, ExaProxy on Bun, forward: 0.25 of Squid's, 0.81 of HAProxy's",
      "bulk, CPU per GB, ExaProxy on Bun, reverse: 0.10 of Squid's (forward)",
    ])
  })

  test('at the same rate, the time is compared too', () => {
    const round = (cpu_microseconds_each: number, p99_milliseconds: number) => [
      { cpu_microseconds_each, p99_milliseconds },
    ]
    const some = [
      result('bun', 'reverse', 'steady', round(30, 1.5)),
      result('haproxy', 'reverse', 'steady', round(40, 1)),
    ]
    expect(ratios(some)).toEqual([
      "steady, CPU per request, ExaProxy on Bun, reverse: 0.75 of HAProxy's",
      "steady, p99 at the same rate, ExaProxy on Bun, reverse: 1.50 of HAProxy's",
    ])
  })

  test('several workers beside one, of the same proxy in the same mode', () => {
    const round = (each_per_second: number, cpu_microseconds_each: number) => [
      { each_per_second, cpu_microseconds_each },
    ]
    const some = [
      result('bun', 'forward', 'get', round(1, 1)),
      result('bun', 'reverse', 'get', round(40_000, 20)),
      result('bun', 'reverse', 'workers', round(72_000, 21), 2),
      result('nginx', 'reverse', 'workers', round(72_000, 21), 2),
    ]
    expect(scaling(some)).toEqual([
      'workers: ExaProxy on Bun (2 workers), reverse: 1.80 times the requests of one worker, 1.05 times its CPU per request',
    ])
  })

  test('who takes no part is named with the reason, where others do', () => {
    const programs = [{ name: 'bun', unfit: {} }, { name: 'nginx', unfit: { post: 'it is asleep' } }]
    const get = result('nginx', 'reverse', 'get', cpu(1))
    expect(absences(programs, [get, result('bun', 'reverse', 'post', cpu(1))])).toEqual([
      'post is not measured of nginx: it is asleep',
    ])
    expect(absences(programs, [get])).toEqual([])
    expect(absences(programs, [result('bun', 'reverse', 'post', cpu(1))])).toEqual([])
  })

  test('a proxy that was not busy is named, except where it is not meant to be', () => {
    const share = (core_share: number) => [{ core_share }]
    expect(limits([result('bun', 'reverse', 'get', share(0.9)), result('bun', 'reverse', 'steady', share(0.1))]))
      .toEqual([])
    const [line] = limits([
      result('bun', 'reverse', 'get', share(0.89)),
      result('nginx', 'reverse', 'workers', share(1.2), 2),
      result('haproxy', 'reverse', 'workers', share(1.8), 2),
    ])
    expect(line).toMatch(/get: ExaProxy on Bun reverse 0\.89; workers: nginx \(2 workers\) reverse 1\.20$/)
  })

  test.each([[[0.01, 0.1], 0], [[0.01, 0.2], 1], [[], 0]])('%j cores of others', (rounds, lines) => {
    const some = result('bun', 'reverse', 'get', rounds.map((others_cores) => ({ others_cores })))
    expect(disturbance([some])).toHaveLength(lines)
  })
})

/** Throws unless every element is closed in its turn, and no sign of the markup stands for itself. */
function elements(document: string): string[] {
  const open: string[] = []
  const seen: string[] = []
  let at = 0
  for (const match of document.matchAll(/<(\/?)([a-z]+)((?: [a-z:-]+="[^"<>]*")*)(\/?)>/gi)) {
    const [whole, closing, name, , empty] = match
    const between = document.slice(at, match.index)
    if (/[<>]|&(?!(amp|lt|gt|quot);)/.test(between)) throw new Error(`markup between elements: ${between}`)
    at = match.index + whole.length
    if (closing === '/') {
      if (open.pop() !== name) throw new Error(`${name} is closed where it is not open`)
      continue
    }
    seen.push(name)
    if (empty !== '/') open.push(name)
  }
  if (open.length > 0 || document.slice(at).trim() !== '') throw new Error(`not closed: ${open.join()}`)
  return seen
}

describe('the drawing', () => {
  test('the test knows what is not well formed', () => {
    for (const wrong of ['<a>', '<a></b>', '<a>&</a>', '<a x="<"/>', '<a/>x<', '</a>']) {
      expect(() => elements(wrong), wrong).toThrow()
    }
  })

  test('is well formed, whatever the names', () => {
    const some = [...results, result('a<b>"&c', 'reverse', 'get', cpu(25))]
    const drawing = plot(report(some))
    const seen = elements(drawing)
    expect(seen[0]).toBe('svg')
    expect(drawing).toContain('a&lt;b&gt;&quot;&amp;c')
    expect(drawing).toContain('Processor &lt;9&gt;')
  })

  test('of nothing is a drawing too', () => {
    expect(elements(plot(report([])))).toEqual(['svg', 'title', 'text'])
  })

  test('the shortest bar of a panel comes first, with its figure; a much longer one is cut', () => {
    const drawing = plot(report(results))
    const words = [...drawing.matchAll(/<text[^>]*>([^<]*)</g)].map(([, words]) => words)
    expect(words.slice(0, 5)).toEqual([
      ...['Small GET, reverse: CPU per request', 'ExaProxy on Bun', '19.0 µs', 'HAProxy', '20.0 µs'],
    ])
    expect(words).toContain('… 3000 ms')
    expect(words).toContain('68.0 µs')
  })

  test('no bar leaves the drawing, and none is thinner than nothing', () => {
    const drawing = plot(report(results))
    const width = Number(/ width="(\d+)"/.exec(drawing)?.[1])
    const bars = [...drawing.matchAll(/<rect x="(\d+)" y="\d+" width="(-?\d+)"/g)]
    expect(bars.length).toBeGreaterThanOrEqual(6)
    for (const [, x, bar] of bars) {
      expect(Number(bar)).toBeGreaterThanOrEqual(0)
      expect(Number(x) + Number(bar)).toBeLessThan(width)
    }
  })

  test('signs of markup are written as what they are', () => {
    expect(escape('a<b>&"c"')).toBe('a&lt;b&gt;&amp;&quot;c&quot;')
  })
})
