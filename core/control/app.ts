/** The control application: what an operator's tools and an operator's browser ask of the supervisor. */

import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import { logger } from '../proxy/diagnostics.ts'
import type { Clock } from '../runtime.ts'
import { indexPage, type Page } from './index_page.ts'
import type { Overview } from './overview.ts'
import { prometheus, PROMETHEUS_TYPE } from './prometheus.ts'
import { readiness } from './readiness.ts'
import { report } from './report.ts'

export type { Overview, WorkerState, WorkerView } from './overview.ts'

/** Answers a request; never rejects. */
export type App = (request: Request) => Response | Promise<Response>

/** All of them are asked for with GET (or HEAD). */
export interface Route extends Page {
  /** Of this moment: the workers are asked first. */
  readonly fresh: boolean
  readonly answer: (c: Context, overview: Overview, clock: Clock) => Response
}

export const ROUTES: readonly Route[] = [
  {
    path: '/',
    words: 'this page: how the service is, and what its filter decides',
    fresh: true,
    answer: (c, overview, clock) => c.html(indexPage(ROUTES, overview, clock.date())),
  },
  {
    path: '/health',
    words: '200 while the supervisor lives: whether to restart it',
    fresh: false,
    answer: (c, { version, pid }) => c.json({ healthy: true, version, pid }),
  },
  {
    path: '/ready',
    words: '200 when connections are taken, else 503 and why: whether to send traffic',
    fresh: false,
    answer: (c, overview) => {
      const state = readiness(overview)
      return c.json(state, state.ready ? 200 : 503)
    },
  },
  {
    path: '/json',
    words: 'every counter, of each worker and of all together',
    fresh: true,
    answer: (c, overview, clock) => c.json(report(overview, clock.date())),
  },
  {
    path: '/metrics',
    words: 'the same for Prometheus',
    fresh: true,
    answer: (c, overview) => c.body(prometheus(overview), 200, { 'Content-Type': PROMETHEUS_TYPE }),
  },
]

export function controlApp(overview: Overview, clock: Clock): App {
  const app = new Hono()
  let asking: Promise<void> | null = null
  // However many want to know, the workers are asked once at a time: they have other work.
  const refresh = (): Promise<void> => asking ??= overview.refresh().finally(() => asking = null)
  for (const { path, fresh, answer } of ROUTES) {
    app.get(path, async (c) => {
      if (fresh) await refresh()
      return answer(c, overview, clock)
    })
    app.all(path, (c) => c.text('405: this is asked for with GET\n', 405, { Allow: 'GET, HEAD' }))
  }
  app.notFound((c) => c.text('404: there is no such page; / lists those there are\n', 404))
  app.onError((error, c) => {
    logger('control').error('a bug, please report it: {error}', { error })
    return c.text('500: this proxy made a mistake, see its log\n', 500)
  })
  return (request) => app.fetch(request)
}
