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

  const page = async (overview: FakeOverview): Promise<string> => await (await ask(overview, '/')).text()
  /** The rows of a section, a row a line, cells by a space and a bar. */
  const table = (html: string, caption: string): string[] => {
    const section = html.split('<section').find((one) => one.includes(`>${caption}</h2>`)) ?? ''
    return [...section.matchAll(/<tr>(.*?)<\/tr>/g)].map(([, row]) =>
      row.replaceAll(/<\/t[hd]>(?=<)/g, ' | ').replaceAll(/<[^>]*>/g, '')
    )
  }

  it('says how the service is, asked for afresh', async () => {
    const overview = new FakeOverview().states('ready', 'gone')
    const html = await page(overview)
    expect(overview.refreshed).toBe(1)
    expect(html).toMatch(/ExaProxy 0\.1\.0<\/h1>\n<p><span class="good">ready<\/span>; started 1 min ago<\/p>/)
    expect(table(html, 'Workers')).toEqual([
      'worker | state | runtime | engine | connections | exchanges | memory | restarts',
      '1 | ready | node 24.21.0 | portable | 0 | 0 | 0 MB | 0',
      '2 | gone | node 24.21.0 | portable | 0 | 0 | 0 MB | 0',
    ])
    overview.draining = true
    expect(await page(overview)).toContain('<span class="bad">not ready: the service is stopping</span>')
  })

  it('shows no table of a filter that has decided nothing', async () => {
    const overview = new FakeOverview()
    overview.next = { filter_decisions_total: { rules: { permit: 0 } }, filter_rules_total: {} }
    expect((await page(overview)).match(/<h2/g)).toHaveLength(2)
  })

  it('shows what the filter has decided: by classifier, by rule, by category, the most first', async () => {
    const overview = new FakeOverview()
    overview.next = {
      filter_decisions_total: {
        rules: { permit: 1, deny: 2, close: 0 },
        guard: { permit: 1234567, deny: 0, close: 0 },
      },
      filter_rules_total: { 'no-games': 2, constructor: 3 },
      filter_report_only_total: { trial: 4 },
      filter_categories_total: { games: 1000 },
    }
    const html = await page(overview)
    expect(table(html, 'Decisions by classifier')).toEqual([
      'classifier | permit | deny',
      'guard | 1,234,567 | 0',
      'rules | 1 | 2',
    ])
    expect(table(html, 'Rules')).toEqual([
      'rule | decided | reported only',
      'trial | 0 | 4',
      'constructor | 3 | 0',
      'no-games | 2 | 0',
    ])
    expect(table(html, 'Categories')).toEqual(['category | decided', 'games | 1,000'])
  })

  it('shows the lists, as they were written', async () => {
    const overview = new FakeOverview()
    overview.next = {
      list_entries: { ads: 5000, games: 1_234_567 },
      list_memory_bytes: { ads: 0, games: 90 * 1024 ** 2 },
      list_loads_total: { ads: 0, games: 2 },
      list_failures_total: { ads: 3 },
      list_loaded_seconds: { ads: 0, games: STARTED / 1000 },
    }
    expect(table(await page(overview), 'Lists')).toEqual([
      'list | entries | memory | loads | failures | loaded',
      'ads | 5,000 | 0 MB | 0 | 3 | never',
      'games | 1,234,567 | 90 MB | 2 | 0 | 2026-11-24 17:15:55 UTC',
    ])
  })

  it('shows the helpers, and what became of their questions', async () => {
    const overview = new FakeOverview()
    overview.next = {
      helper_children: { guard: 3, other: 1 },
      helper_questions_total: { guard: 12_345 },
      helper_answer_seconds_total: { guard: 1.23456 },
      helper_unanswered_total: { guard: { late: 2, full: 0 } },
    }
    const html = await page(overview)
    const [heads, ...rows] = table(html, 'Helpers').map((row) => row.split(' | '))
    const cell = (row: number, head: string) => rows[row][heads.indexOf(head)]
    expect(rows.map(([name]) => name)).toEqual(['guard', 'other'])
    expect([cell(0, 'children'), cell(1, 'children'), cell(0, 'questions')]).toEqual(['3', '1', '12,345'])
    expect([cell(0, 'answer seconds'), cell(1, 'answer seconds')]).toEqual(['1.234', '0'])
    expect(table(html, 'Unanswered by helper')).toEqual(['helper | late', 'guard | 2'])
  })

  it('shows the ICAP services, and what came of what they were asked', async () => {
    const overview = new FakeOverview()
    overview.next = { icap_asked_total: { scan: 9 }, icap_outcomes_total: { scan: { unchanged: 8, failed: 1 } } }
    const html = await page(overview)
    expect(table(html, 'ICAP services')[0]).toMatch(/^ICAP service \| .*\basked\b/)
    expect(table(html, 'ICAP services')[1]).toMatch(/^scan \| .*\b9\b/)
    expect(table(html, 'Outcomes by ICAP service')).toEqual(['ICAP service | unchanged | failed', 'scan | 8 | 1'])
  })

  it('shows names as text, whatever is in them; metrics too', async () => {
    const overview = new FakeOverview()
    const name = '<b>"x"\\y\n\x1b[2J</b>'
    overview.next = { filter_rules_total: { [name]: 1 }, filter_categories_total: { [name]: 1 } }
    const html = await page(overview)
    expect(html).not.toContain('<b>')
    expect(table(html, 'Rules')[1]).toBe('&lt;b&gt;&quot;x&quot;\\y\\x0a\\x1b[2J&lt;/b&gt; | 1 | 0')
    const families = readExposition(await (await ask(overview, '/metrics')).text())
    expect(families.get('exaproxy_filter_rules_total')?.samples).toEqual([
      expect.objectContaining({ labels: { rule: name }, value: 1 }),
    ])
  })

  it('shows as many rows as a person reads, and says how many more there are', async () => {
    const overview = new FakeOverview()
    overview.next = { filter_rules_total: Object.fromEntries(Array.from({ length: 1060 }, (_, i) => [`rule${i}`, i])) }
    const html = await page(overview)
    expect(table(html, 'Rules')).toHaveLength(51)
    expect(table(html, 'Rules')[1]).toBe('rule1059 | 1,059 | 0')
    expect(html).toContain('<p>and 1,010 more</p>')
  })

  it('loads nothing and runs nothing', async () => {
    expect(await page(new FakeOverview())).not.toMatch(/<script|<img|<link|<iframe|src=|url\(|@import/)
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
