import { describe, expect, it } from 'vitest'
import { FAMILIES } from '../../core/control/families.ts'
import { prometheus } from '../../core/control/prometheus.ts'
import { METRICS } from '../../core/proxy/metrics.ts'
import { BUCKETS } from '../../core/proxy/histogram.ts'
import { readExposition, type SampleSeen } from './exposition.ts'
import { FakeOverview, STARTED, workerOf } from './overview.ts'

const world = (overview: FakeOverview) => readExposition(prometheus(overview))
const samples = (overview: FakeOverview, name: string): SampleSeen[] =>
  world(overview).get(`exaproxy_${name}`)?.samples ?? []
const values = (overview: FakeOverview, name: string) =>
  samples(overview, name).map(({ labels, value }) => [...Object.values(labels), value])

describe('what is shown', () => {
  it('is well formed when nothing was counted', () => {
    const families = world(new FakeOverview())
    expect(families.size).toBe(FAMILIES.length)
    expect(families.get('exaproxy_info')?.samples).toEqual([
      { name: 'exaproxy_info', labels: { version: '0.1.0' }, value: 1 },
    ])
  })

  it('has a number, one for each label, and one for each pair of them', () => {
    const overview = new FakeOverview()
    overview.total = {
      bugs_total: 3,
      connections_open: { http: 5, site: 0 },
      exchanges_total: { http: { forward: 7 }, site: { reverse: 2 } },
      responses_total: { 200: 8, none: 1 },
    }
    expect(values(overview, 'bugs_total')).toEqual([[3]])
    expect(samples(overview, 'connections_open').map(({ labels }) => labels)).toEqual([
      { listener: 'http' },
      { listener: 'site' },
    ])
    expect(samples(overview, 'exchanges_total').map(({ labels, value }) => ({ ...labels, value }))).toEqual([
      { listener: 'http', mode: 'forward', value: 7 },
      { listener: 'site', mode: 'reverse', value: 2 },
    ])
    expect(values(overview, 'responses_total')).toEqual([['200', 8], ['none', 1]])
  })

  it('says of a failure who and when', () => {
    const overview = new FakeOverview()
    overview.total = { failures_total: { 'connect-refused': 2, 'bad-request': 1 } }
    expect(samples(overview, 'failures_total').map(({ labels }) => labels)).toEqual([
      { failure: 'connect-refused', who: 'origin', when: 'connect' },
      { failure: 'bad-request', who: 'client', when: 'request' },
    ])
  })

  it('adds up the buckets of a histogram', () => {
    const overview = new FakeOverview()
    const counts = BUCKETS.map((_, i) => i).concat(100)
    overview.total = { exchange_seconds: { counts, sum: 12.5 } }
    const all = samples(overview, 'exchange_seconds')
    expect(all.slice(0, 3).map(({ labels, value }) => [labels.le, value])).toEqual([['0.001', 0], ['0.0025', 1], [
      '0.005',
      3,
    ]])
    const total = counts.reduce((sum, count) => sum + count)
    expect(all.at(-3)).toEqual({ name: 'exaproxy_exchange_seconds_bucket', labels: { le: '+Inf' }, value: total })
    expect(all.slice(-2).map(({ value }) => value)).toEqual([12.5, total])
  })

  it('escapes what a label may hold', () => {
    const overview = new FakeOverview()
    const runtime = 'a "runtime" \\ of\ntwo lines'
    overview.workers = [workerOf(1, { runtime })]
    expect(samples(overview, 'worker_info')[0].labels).toEqual({ worker: '1', runtime, engine: 'portable' })
  })

  it('shows each worker', () => {
    const overview = new FakeOverview()
    overview.workers = [
      workerOf(1, {
        restarts: 2,
        snapshot: { memory_bytes: 5e7, connections_open: { a: 1, b: 2 }, exchanges_total: { a: { forward: 4 } } },
      }),
      workerOf(2, { state: 'starting', engine: 'epoll', snapshot: { loop_delay_seconds: 0.25 } }),
    ]
    expect(values(overview, 'workers')).toEqual([['starting', 1], ['ready', 1], ['draining', 0], ['gone', 0]])
    expect(values(overview, 'worker_restarts_total')).toEqual([['1', 2], ['2', 0]])
    expect(values(overview, 'worker_memory_bytes')).toEqual([['1', 5e7], ['2', 0]])
    expect(values(overview, 'worker_connections_open')).toEqual([['1', 3], ['2', 0]])
    expect(values(overview, 'worker_exchanges_total')).toEqual([['1', 4], ['2', 0]])
    expect(values(overview, 'worker_loop_delay_seconds')).toEqual([['1', 0], ['2', 0.25]])
    expect(values(overview, 'worker_start_time_seconds')[0]).toEqual(['1', (STARTED + 1000) / 1000])
    expect(values(overview, 'worker_info')[1]).toEqual(['2', 'node 24.21.0', 'epoll'].concat(1 as never))
  })

  it.each([
    [false, 1, 0],
    [true, 0, 1],
  ])('says whether it is ready and whether it stops: %s', (draining, ready, stopping) => {
    const overview = new FakeOverview()
    overview.draining = draining
    expect(values(overview, 'ready')).toEqual([[ready]])
    expect(values(overview, 'draining')).toEqual([[stopping]])
  })
})

describe('names', () => {
  it.each(FAMILIES.map(({ name, kind, help, labels }) => ({ name, kind, help, labels })))(
    '$name: as Prometheus wants them',
    ({ name, kind, help, labels }) => {
      expect(name).toMatch(/^[a-z][a-z_]*$/)
      expect(name.endsWith('_total')).toBe(kind === 'counter')
      expect(name).not.toMatch(/_(count|sum|bucket)$/)
      if (kind === 'histogram') expect(name).toMatch(/_seconds$/)
      expect(help).toMatch(/^[A-Z0-9].*[^.]\.?$/)
      expect(help).not.toMatch(/[|\n]/)
      expect(labels).not.toContain('le')
    },
  )

  it('are all there are', () => {
    const names = FAMILIES.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(names).toEqual(expect.arrayContaining(Object.keys(METRICS)))
  })
})

describe('the reader of this test', () => {
  it.each([
    ['no end', '# HELP a b.\n# TYPE a gauge\na 1'],
    ['no TYPE', 'a 1\n'],
    ['no HELP', '# TYPE a gauge\na 1\n'],
    ['another name', '# HELP a b.\n# TYPE a gauge\nb 1\n'],
    ['no number', '# HELP a b.\n# TYPE a gauge\na one\n'],
    ['twice', '# HELP a b.\n# TYPE a gauge\na{x="1"} 1\na{x="1"} 2\n'],
    ['an open label', '# HELP a b.\n# TYPE a gauge\na{x="1} 1\n'],
    ['a counter below 0', '# HELP a b.\n# TYPE a counter\na -1\n'],
    [
      'buckets that shrink',
      '# HELP a b.\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
    ],
    [
      'buckets in disorder',
      '# HELP a b.\n# TYPE a histogram\na_bucket{le="2"} 1\na_bucket{le="1"} 1\na_sum 1\na_count 1\n',
    ],
    ['no +Inf', '# HELP a b.\n# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n'],
    ['another count', '# HELP a b.\n# TYPE a histogram\na_bucket{le="+Inf"} 1\na_sum 1\na_count 2\n'],
  ])('refuses %s', (_, text) => {
    expect(() => readExposition(text)).toThrow()
  })
})
