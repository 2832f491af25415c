import { describe, expect, it } from 'vitest'
import { BUCKETS, Histogram } from '../../core/proxy/histogram.ts'
import { METRICS } from '../../core/proxy/metrics.ts'
import { add, lasting, type Snapshot, totalOf } from '../../core/proxy/snapshot.ts'

describe('two together', () => {
  it.each<[string, Snapshot, Snapshot, Snapshot]>([
    ['nothing', {}, {}, {}],
    ['one alone', { bugs_total: 2 }, {}, { bugs_total: 2 }],
    ['the other alone', {}, { bugs_total: 2 }, { bugs_total: 2 }],
    ['counters', { bugs_total: 2 }, { bugs_total: 3 }, { bugs_total: 5 }],
    ['gauges', { memory_bytes: 10 }, { memory_bytes: 20 }, { memory_bytes: 30 }],
    ['the larger peak', { loop_delay_seconds: 0.25 }, { loop_delay_seconds: 0.5 }, { loop_delay_seconds: 0.5 }],
    [
      'by label',
      { responses_total: { 200: 1, 404: 2 } },
      { responses_total: { 404: 3, none: 4 } },
      { responses_total: { 200: 1, 404: 5, none: 4 } },
    ],
    [
      'by two labels',
      { exchanges_total: { a: { forward: 1 } } },
      { exchanges_total: { a: { forward: 2 }, b: { reverse: 3 } } },
      { exchanges_total: { a: { forward: 3 }, b: { reverse: 3 } } },
    ],
    [
      'durations',
      { dns_seconds: { counts: [1, 2, 3], sum: 1.5 } },
      { dns_seconds: { counts: [4, 0, 1], sum: 0.25 } },
      { dns_seconds: { counts: [5, 2, 4], sum: 1.75 } },
    ],
    [
      'labels that every object has',
      { connections_open: { constructor: 1 } },
      { connections_open: { toString: 2 } },
      { connections_open: { constructor: 1, toString: 2 } },
    ],
    [
      'a label that means something else where it is assigned',
      { filter_categories_total: JSON.parse('{"__proto__": 1, "ads": 1}') },
      { filter_categories_total: JSON.parse('{"__proto__": 2}') },
      { filter_categories_total: JSON.parse('{"__proto__": 3, "ads": 1}') },
    ],
    [
      'such a label of one alone',
      { filter_categories_total: { ads: 1 } },
      { filter_categories_total: JSON.parse('{"__proto__": 2}') },
      { filter_categories_total: JSON.parse('{"__proto__": 2, "ads": 1}') },
    ],
  ])('%s', (_, a, b, sum) => {
    expect(add(a, b)).toEqual(sum)
    expect(add(b, a)).toEqual(sum)
    const categories = (of: Snapshot) => Object.entries(of.filter_categories_total ?? {}).toSorted()
    expect(categories(add(a, b))).toEqual(categories(sum))
  })

  it('leave each as it was', () => {
    const a: Snapshot = { responses_total: { 200: 1 } }
    const b: Snapshot = { responses_total: { 200: 2 } }
    add(a, b)
    expect([a, b]).toEqual([{ responses_total: { 200: 1 } }, { responses_total: { 200: 2 } }])
  })

  it('leave out what has no name here', () => {
    expect(add({ nonsense: 1 } as Snapshot, { bugs_total: 1 })).toEqual({ bugs_total: 1 })
  })
})

describe('what lasts', () => {
  it('is what only grows', () => {
    const whole = Object.fromEntries(Object.keys(METRICS).map((name) => [name, 1])) as Snapshot
    const kept = lasting(whole)
    expect(kept).toMatchObject({ bugs_total: 1, exchange_seconds: 1 })
    for (const [name, { kind }] of Object.entries(METRICS)) {
      expect(Object.hasOwn(kept, name), name).toBe(kind === 'counter' || kind === 'histogram')
    }
  })
})

describe('the total', () => {
  it.each([
    [undefined, 0],
    [3, 3],
    [{ a: 1, b: 2 }, 3],
    [{ a: { forward: 1 }, b: { reverse: 2, forward: 4 } }, 7],
    [{ counts: [1, 2, 3], sum: 100 }, 6],
  ])('of %j is %d', (value, total) => {
    expect(totalOf(value)).toBe(total)
  })
})

describe('a histogram', () => {
  it.each([
    [-1, -1],
    [0, 0],
    [1, 0],
    [1.001, 1],
    [2.5, 1],
    [99, 6],
    [100, 6],
    [101, 7],
    [120_000, BUCKETS.length - 1],
    [120_001, BUCKETS.length],
    [1e12, BUCKETS.length],
  ])('puts %d ms into bucket %d', (ms, bucket) => {
    const histogram = new Histogram()
    histogram.add(ms)
    const { counts, sum } = histogram.durations()
    expect(counts).toHaveLength(BUCKETS.length + 1)
    expect(counts.indexOf(1)).toBe(bucket)
    expect(counts.reduce((all, count) => all + count)).toBe(ms < 0 ? 0 : 1)
    expect(sum).toBe(ms < 0 ? 0 : ms / 1000)
  })

  it('has buckets that grow', () => {
    expect(BUCKETS).toEqual(BUCKETS.toSorted((a, b) => a - b))
    expect(new Set(BUCKETS).size).toBe(BUCKETS.length)
  })
})
