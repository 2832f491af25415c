import { readFileSync } from 'node:fs'
import { describe, expect, it, test } from 'vitest'
import { type App, controlApp, ROUTES } from '../../core/control/app.ts'
import type { Report } from '../../core/control/report.ts'
import type { Clock } from '../../core/runtime.ts'
import { readExposition } from './exposition.ts'
import { FakeOverview, STARTED, workerOf } from './overview.ts'

/** A clock that stands still. */
const CLOCK: Clock = {
  now: () => 0,
  date: () => STARTED + 61_500,
  zone: () => 0,
  every: () => () => {},
  after: () => () => {},
}

const appOf = (overview: FakeOverview): App => controlApp(overview, CLOCK)

async function ask(overview: FakeOverview, path: string, method = 'GET'): Promise<Response> {
  return await appOf(overview)(new Request(`http://localhost${path}`, { method }))
}

describe('/health', () => {
  it.each([true, false])('is 200 whatever the workers do (draining: %s)', async (draining) => {
    const overview = new FakeOverview().states('gone')
    overview.draining = draining
    const response = await ask(overview, '/health')
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ healthy: true, version: '0.1.0', pid: 1000 })
    expect(overview.refreshed).toBe(0)
  })
})

describe('/ready', () => {
  it.each([
    [new FakeOverview().states('ready'), 200, ''],
    [new FakeOverview().states('ready', 'gone'), 200, ''],
    [new FakeOverview().states('starting', 'ready'), 200, ''],
    [new FakeOverview().states(), 503, 'the service is starting'],
    [new FakeOverview().states('starting', 'starting'), 503, 'the service is starting'],
    [new FakeOverview().states('gone', 'gone'), 503, 'no worker is ready'],
    [new FakeOverview().states('draining'), 503, 'no worker is ready'],
    [
      Object.assign(new FakeOverview(), { workers: [workerOf(1, { state: 'starting', restarts: 1 })] }),
      503,
      'no worker is ready',
    ],
    [Object.assign(new FakeOverview(), { draining: true }), 503, 'the service is stopping'],
  ])('%#: says why not', async (overview, status, why) => {
    const response = await ask(overview, '/ready')
    expect(response.status).toBe(status)
    expect(await response.json()).toEqual({ ready: status === 200, why })
    expect(overview.refreshed).toBe(0)
  })
})

describe('/json', () => {
  it('is all of it, asked for afresh', async () => {
    const overview = new FakeOverview()
    overview.next = { bugs_total: 2, exchange_seconds: { counts: [1], sum: 0.5 } }
    overview.workers = [workerOf(1, { snapshot: { bugs_total: 1 } }), workerOf(2, { state: 'gone', restarts: 3 })]
    const response = await ask(overview, '/json')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json')
    const said = await response.json() as Report
    expect(overview.refreshed).toBe(1)
    expect(said).toMatchObject({
      version: '0.1.0',
      pid: 1000,
      now: '2026-11-24T17:16:56.546Z',
      started: '2026-11-24T17:15:55.046Z',
      uptime_seconds: 61.5,
      ready: true,
      why: '',
      draining: false,
      total: overview.next,
    })
    expect(said.workers).toEqual([
      {
        id: 1,
        pid: 1001,
        state: 'ready',
        started: '2026-11-24T17:15:56.046Z',
        uptime_seconds: 60.5,
        restarts: 0,
        engine: 'portable',
        runtime: 'node 24.21.0',
        statistics: { bugs_total: 1 },
      },
      expect.objectContaining({ id: 2, state: 'gone', restarts: 3 }),
    ])
    expect(said.buckets_seconds[0]).toBe(0.001)
  })
})

describe('/metrics', () => {
  it('is the text format, asked for afresh', async () => {
    const overview = new FakeOverview()
    overview.next = { bugs_total: 2 }
    const response = await ask(overview, '/metrics')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(overview.refreshed).toBe(1)
    const families = readExposition(await response.text())
    expect(families.get('exaproxy_bugs_total')?.samples[0].value).toBe(2)
  })
})

test('however many ask at a time, the workers are asked once', async () => {
  const overview = new FakeOverview()
  let answered!: () => void
  overview.refresh = () => {
    overview.refreshed++
    return new Promise((resolve) => answered = resolve)
  }
  const app = appOf(overview)
  const asked = ['/json', '/metrics', '/json'].map((path) => app(new Request(`http://localhost${path}`)))
  answered()
  expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200, 200])
  expect(overview.refreshed).toBe(1)
  const again = app(new Request('http://localhost/json'))
  answered()
  expect((await again).status).toBe(200)
  expect(overview.refreshed).toBe(2)
})

describe('/', () => {
  it('leads to every page, each of which is there', async () => {
    const text = await (await ask(new FakeOverview(), '/')).text()
    const links = [...text.matchAll(/href="([^"]+)"/g)].map(([, path]) => path)
    expect(links).toEqual(ROUTES.map(({ path }) => path))
    for (const path of links) expect((await ask(new FakeOverview(), path)).status).toBe(200)
  })
})

describe('README.md', () => {
  it.each(ROUTES)('has $path', ({ path }) => {
    expect(readFileSync(new URL('../../README.md', import.meta.url), 'utf8')).toContain(`| \`${path}\` | `)
  })
})

describe('what goes wrong', () => {
  it('inside is a bug: 500, without its words', async () => {
    const overview = new FakeOverview()
    overview.refresh = () => Promise.reject(new Error('secret'))
    const response = await ask(overview, '/json')
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('secret')
  })
})
