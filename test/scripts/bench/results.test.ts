/** What the benchmark makes of its numbers: percentiles, medians, shares of a rate, cores. */
import { describe, expect, test } from 'vitest'
import { Latencies, percentile } from '../../../scripts/bench/latencies.ts'
import { shareCores } from '../../../scripts/bench/machine.ts'
import { measuresOf } from '../../../scripts/bench/measure.ts'
import { resultOf, summarise, titleOf } from '../../../scripts/bench/results.ts'
import { due } from '../../../scripts/bench/steady.ts'
import { workloadOf } from '../../../scripts/bench/workloads.ts'

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

test.each<[part: number, sorted: number[], value: number]>([
  [50, [7], 7],
  [99.9, [7], 7],
  [50, [1, 2], 1],
  [50, [1, 2, 3], 2],
  [50, upTo(100), 50],
  [99, upTo(100), 99],
  [99.9, upTo(100), 100],
  [99, upTo(1000), 990],
  [99.9, upTo(1000), 999],
  [99.9, upTo(10_000), 9990],
  [100, upTo(10), 10],
  [50, [], NaN],
])('%d of a hundred of %j', (part, sorted, value) => {
  expect(percentile(sorted, part)).toBe(value)
})

test('latencies come in any order, and are compared as numbers', () => {
  const latencies = new Latencies()
  for (let i = 0; i < 1000; i++) latencies.add((i * 7 % 1000 + 1) * 10)
  expect(latencies.count).toBe(1000)
  expect(latencies.percentiles()).toEqual({ p50: 5000, p99: 9900, p999: 9990 })
})

test.each<[values: number[], median: number, least: number, most: number]>([
  [[3], 3, 3, 3],
  [[10, 9, 100], 10, 9, 100],
  [[4, 1, 3, 2], 2.5, 1, 4],
])('the summary of %j', (values, median, least, most) => {
  expect(summarise(values)).toEqual({ median, least, most, rounds: values })
})

const subject = { program: 'bun', mode: 'reverse', ours: true, version: '1', workers: 1, engine: null } as const

test('a result has the summaries of what was measured, and of nothing else', () => {
  const result = resultOf(subject, 'get', [{ core_share: 1, p50_milliseconds: 3 }, { core_share: 0.5 }], ['one'])
  expect(result.measures).toEqual({
    core_share: { median: 0.75, least: 0.5, most: 1, rounds: [1, 0.5] },
    p50_milliseconds: { median: 3, least: 3, most: 3, rounds: [3] },
  })
  expect(result.failures).toEqual(['one'])
})

test.each([
  [subject, 'ExaProxy on Bun'],
  [{ ...subject, engine: 'epoll' }, 'ExaProxy on Bun (epoll)'],
  [{ ...subject, engine: 'epoll', workers: 2 }, 'ExaProxy on Bun (epoll, 2 workers)'],
  [{ ...subject, program: 'haproxy-splice', ours: false }, 'HAProxy with splice'],
  [{ ...subject, program: 'nginx', ours: false, workers: 2 }, 'nginx (2 workers)'],
])('the title of %j', (subject, title) => {
  expect(titleOf(subject)).toBe(title)
})

test.each<[rate: number, elapsed: number, released: number, now: number]>([
  [4000, 0, 0, 0],
  [4000, 1, 0, 4],
  [4000, 1.3, 4, 1],
  [4000, 1.3, 5, 0],
  [4000, 250, 5, 995],
  [300, 3, 0, 0],
  [300, 4, 0, 1],
  [4000, 1, 9, 0],
])('at %d a second, after %d ms with %d let go', (rate, elapsed, released, now) => {
  expect(due(rate, elapsed, released)).toBe(now)
})

describe('a tally and the CPU time it took', () => {
  const tally = { units: 2000, bytes: 4e9, duration: 2e6, logged: 2000, latency: { p50: 1000, p99: 2500, p999: 4000 } }

  test('per request', () => {
    expect(measuresOf(workloadOf('get'), tally, 1e9)).toEqual({
      ...{ cpu_microseconds_each: 500, each_per_second: 1000, core_share: 0.5 },
      ...{ p50_milliseconds: 1, p99_milliseconds: 2.5, p999_milliseconds: 4 },
    })
  })

  test('per gigabyte', () => {
    const { latency: _, ...rest } = tally
    expect(measuresOf(workloadOf('tunnel'), rest, 1e9)).toEqual({
      ...{ cpu_milliseconds_per_gigabyte: 250, megabytes_per_second: 2000, core_share: 0.5 },
    })
  })
})

test.each<[count: number, most: number, ofOne: string, ofTwo: string, load: string]>([
  [1, 1, '0', '0', '0'],
  [2, 1, '0', '0-1', '1'],
  [2, 2, '0', '0-1', '1'],
  [8, 1, '0', '0-1', '1-7'],
  [8, 2, '0', '0-1', '2-7'],
  [8, 64, '0', '0-1', '7'],
])('%d cores, of which a proxy uses %d', (count, most, ofOne, ofTwo, load) => {
  const cores = shareCores(count, most)
  expect([cores.proxy(1), cores.proxy(2), cores.load]).toEqual([ofOne, ofTwo, load])
})
