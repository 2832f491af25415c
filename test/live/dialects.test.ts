import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Came, helper, HelperWorld, runnerOf } from './helper_world.ts'
import { lacking } from './peers.ts'
import type { Table } from './toml.ts'
import { valueOf } from './wire.ts'

/** Where a redirection leads, or what reached the origin, or the status. */
const brief = ({ status, location, origin }: Came): string =>
  location !== '' ? `${status} ${location}` : origin || `${status}`

/** The origin was asked for this. */
const asked = (path: string, host = '127.0.0.1') => `GET ${path} HTTP/1.1 @ ${host}:[origin]`
const INSIDE = 'GET /inside HTTP/1.1 @ inside'

const PAGES = { 'deny.html': '<p>%(comment)s no %(host)s for %(client_ip)s' }

interface About {
  readonly title: string
  readonly file: string
  readonly words?: readonly string[]
  readonly settings?: Table
  readonly pages?: Readonly<Record<string, string>>
}

function helping(
  { title, file, words = [], settings = {}, pages = {} }: About,
  tests: (world: () => HelperWorld) => void,
) {
  const missing = lacking(runnerOf(file))
  describe.skipIf(missing !== '')(`${title}${missing}`, () => {
    let world: HelperWorld
    beforeAll(async () => {
      world = await HelperWorld.start({ program: helper(file, ...words), ...settings }, pages)
    })
    afterAll(async () => {
      await world?.[Symbol.asyncDispose]()
    })
    tests(() => world)
  })
}

describe.each([['without channels', 0], ['with channels', 8]])('squid, Python, %s', (_, concurrency) => {
  const tunnels = [
    'moved.test=OK rewrite-url="new.test:[origin]"',
    'redirected.test=OK url="http://block.test/"',
    'paged.test=http://block.test/',
    'old.test=new.test:[origin]',
  ]
  const words = concurrency > 0 ? ['--channels', ...tunnels] : tunnels
  helping({ title: 'a program', file: 'squid_say.py', words, settings: { concurrency, queue: 100 } }, (world) => {
    test.each<[string, string]>([
      ['', 'unchanged'],
      ['OK', 'unchanged'],
      ['ERR', 'unchanged'],
      ['ERR message="no"', 'unchanged'],
      ['OK rewrite-url="http://new.test:[origin]/b?c=d"', asked('/b?c=d', 'new.test')],
      ['OK rewrite-url=http://127.0.0.1:[origin]/a%2520b', asked('/a%20b')],
      ['OK url="http://block.test/?a=b"', '302 http://block.test/?a=b'],
      ['OK status=301 url="http://block.test/"', '301 http://block.test/'],
      ['OK status=302 url="http://block.test/"', '302 http://block.test/'],
      ['OK status=303 url="http://block.test/"', '303 http://block.test/'],
      ['OK status=307 url="http://block.test/"', '307 http://block.test/'],
      ['OK status=308 url="http://block.test/"', '308 http://block.test/'],
      ['OK status=200 url="http://block.test/"', 'unchanged'],
      ['OK url="http://block.test/" rewrite-url="http://new.test/"', '302 http://block.test/'],
      ['OK rewrite-url="no url"', 'unchanged'],
      ['http://new.test:[origin]/legacy', asked('/legacy', 'new.test')],
      ['301:http://block.test/', '301 http://block.test/'],
      ['302:http://block.test/', '302 http://block.test/'],
      ['!games!302:http://block.test/', '302 http://block.test/'],
      ['200:http://block.test/', 'unchanged'],
      ['WHOLE LINE', 'unchanged'],
      ['ok url="http://block.test/"', 'unchanged'],
      ['OK clt_conn_tag=x', 'unchanged'],
      ['BH message="broken"', '503'],
    ])('says "%s"', async (said, came) => {
      const path = `/a?say=${encodeURIComponent(said.replaceAll('[origin]', String(world().origin.port)))}`
      expect(brief(await world().get(path))).toBe(came === 'unchanged' ? asked(path) : came)
    })

    test.each<[string, string]>([
      ['good.test', INSIDE],
      ['moved.test', INSIDE],
      ['old.test', INSIDE],
      ['redirected.test', '302 http://block.test/'],
      ['paged.test', '302 http://block.test/'],
    ])('a tunnel to %s', async (host, came) => {
      expect(brief(await world().connect(host))).toBe(came)
    })

    test('every request of a connection is asked about, also those that come together', async () => {
      const { origin } = world()
      const authority = `127.0.0.1:${origin.port}`
      const one = (path: string) => `GET http://${authority}${path} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`
      using client = await world().client()
      const block = `/?say=${encodeURIComponent('302:http://block.test/')}`
      await client.send(one('/1') + one(block) + one('/3'))
      const lines = [await client.answer(), await client.answer(), await client.answer()].map(({ line }) => line)
      expect(lines).toEqual(['HTTP/1.1 200 OK', 'HTTP/1.1 302 Found', 'HTTP/1.1 200 OK'])
    })

    test('many clients each get their own answer', async () => {
      const all = await Promise.all(Array.from({ length: 60 }, (_, i) => {
        const said = i % 3 === 0 ? '' : `302:http://block.test/${i}`
        return world().get(`/${i}?say=${encodeURIComponent(said)}`)
      }))
      expect(all.map(({ status, location }) => `${status} ${location}`)).toEqual(
        all.map((_, i) => i % 3 === 0 ? '200 ' : `302 http://block.test/${i}`),
      )
    })
  })
})

helping({
  title: 'squid, Perl, with channels',
  file: 'squid_block.pl',
  words: ['blocked.test', 'tunnel.test'],
  settings: { concurrency: 4 },
}, (world) => {
  test.each<[string, string, string]>([
    ['GET', 'good.test', asked('/x', 'good.test')],
    ['GET', 'blocked.test', '302 http://block.test/?client=127.0.0.1&method=GET&url=http://blocked.test:[origin]/x'],
    ['CONNECT', 'good.test', INSIDE],
    ['CONNECT', 'tunnel.test', '302 http://block.test/?client=127.0.0.1&method=CONNECT&url=tunnel.test:[origin]'],
  ])('%s %s', async (method, host, came) => {
    const said = method === 'GET' ? await world().get('/x', [], host) : await world().connect(host)
    expect(brief(said).replace(`:${world().origin.port}`, ':[origin]')).toBe(came)
  })
})

helping({ title: 'squid, shell, without channels', file: 'squid_block.sh' }, (world) => {
  test.each<[string, string, string]>([
    ['GET', 'good.test', asked('/x', 'good.test')],
    ['GET', 'old.test', asked('/x', 'new.test')],
    ['CONNECT', 'good.test', INSIDE],
    ['CONNECT', 'blocked.test', '302 http://block.test/?client=127.0.0.1&user=-'],
  ])('%s %s', async (method, host, came) => {
    expect(brief(method === 'GET' ? await world().get('/x', [], host) : await world().connect(host))).toBe(came)
  })

  test('a port is part of the URL: http://blocked.test/ is on port 80', async () => {
    using client = await world().client()
    const answer = await client.ask('GET http://blocked.test/ HTTP/1.1\r\nHost: blocked.test\r\n\r\n')
    expect([answer.line, valueOf(answer, 'location')]).toEqual([
      'HTTP/1.1 302 Found',
      'http://block.test/?client=127.0.0.1&user=-',
    ])
  })
})

describe.each([['without channels', 0], ['with channels', 8]])('external_acl, Python, %s', (_, concurrency) => {
  helping({
    title: 'a program',
    file: 'acl.py',
    words: ['[folder]/questions', ...(concurrency > 0 ? ['--channels'] : [])],
    settings: {
      protocol: 'external_acl',
      concurrency,
      maximum: 1,
      extras: '%>a %>rm %>rd %{X-Card}>h',
      on_error: 'deny',
    },
  }, (world) => {
    const card = (name: string) => [`X-Card: ${name}`]

    test('lets in, refuses, cannot say; and is asked once about each', async () => {
      const came = [
        await world().get('/', card('joe x')),
        await world().get('/again', card('joe x')),
        await world().get('/'),
        await world().get('/again'),
        await world().get('/', card('broken')),
        await world().connect('good.test'),
      ]
      expect(came.map(brief)).toEqual([asked('/'), asked('/again'), '403', '403', '403', '403'])
      expect(came[2].answer.body.toString()).toContain('no card')
      expect(came[4].answer.body.toString()).not.toContain('no card')
      const log = await world().program.accessLog(6)
      expect(log.slice(0, 3).map(({ user, decision, reason, category }) => [user, decision, reason, category])).toEqual(
        [
          ['joe x', 'permit', null, 'members'],
          ['joe x', 'permit', null, 'members'],
          [null, 'deny', 'no card', 'strangers'],
        ],
      )
      const questions = readFileSync(join(world().folder, 'questions'), 'latin1').split('\n').slice(0, -1)
      const host = '127.0.0.1'
      expect(questions.map((line) => concurrency === 0 ? line : line.replace(/^[0-9]+ /, ''))).toEqual([
        `${host} GET ${host} joe%20x -`,
        `${host} GET ${host} - -`,
        // Said to be broken, and asked twice more, as Squid does.
        ...Array.from({ length: 3 }, () => `${host} GET ${host} broken -`),
        `${host} CONNECT good.test - -`,
      ])
    })
  })
})

helping({ title: 'external_acl, Perl', file: 'acl.pl', settings: { protocol: 'external_acl' } }, (world) => {
  test('its own format', async () => {
    expect(brief(await world().get('/open'))).toBe(asked('/open'))
    const refused = await world().get('/secret/')
    expect([refused.status, refused.origin]).toEqual([403, ''])
    expect(refused.answer.body.toString()).toContain('that is secret')
  })
})

helping({ title: 'external_acl, shell', file: 'acl.sh', settings: { protocol: 'external_acl' } }, (world) => {
  test('its own format', async () => {
    expect(brief(await world().get('/open'))).toBe(asked('/open'))
    expect(brief(await world().connect('good.test'))).toBe('403')
  })
})

helping({
  title: 'exaproxy-url, Python',
  file: 'exaproxy_url.py',
  words: [
    'moved.test/=intercept://new.test',
    'sent.test/=redirect://https://www.wolframalpha.com',
    'paged.test/=file://deny.html',
    'site.test/=http://site.test/',
    'elsewhere.test/=http://block.test/',
  ],
  settings: { protocol: 'exaproxy-url' },
  pages: PAGES,
}, (world) => {
  test.each<[string, string]>([
    ['', 'unchanged'],
    ['http://127.0.0.1/other', asked('/other')],
    ['http://new.test:[origin]/b', asked('/b', 'new.test')],
    ['redirect://http://bing.com', '302 http://bing.com'],
    ['307:http://bing.com/', '307 http://bing.com/'],
    ['intercept://new.test', 'unchanged'],
    ['intercept://127.0.0.1:[origin]', 'unchanged'],
    ['file://missing.html', '403'],
    ['file:///etc/passwd', '403'],
    ['what is this', '403'],
    ['OK', '403'],
  ])('says "%s"', async (said, came) => {
    const path = `/a?say=${encodeURIComponent(said.replaceAll('[origin]', String(world().origin.port)))}`
    expect(brief(await world().get(path))).toBe(came === 'unchanged' ? asked(path) : came)
  })

  test('a page of the folder', async () => {
    const { status, answer, origin } = await world().get(`/a?say=${encodeURIComponent('file://deny.html')}`)
    expect([status, answer.body.toString(), origin]).toEqual([200, '<p> no 127.0.0.1 for 127.0.0.1', ''])
    expect(valueOf(answer, 'content-type')).toBe('text/html')
  })

  test.each<[string, string]>([
    ['good.test', INSIDE],
    ['moved.test', INSIDE],
    ['sent.test', '302 https://www.wolframalpha.com'],
    ['paged.test', '403'],
    ['site.test', INSIDE],
    ['elsewhere.test', '302 http://block.test/'],
  ])('a tunnel to %s', async (host, came) => {
    const said = await world().connect(host)
    expect(brief(said)).toBe(came)
    if (host === 'paged.test') expect(said.answer.body.toString()).toBe('<p> no paged.test for 127.0.0.1')
  })
})

helping({
  title: 'exaproxy-url, Perl, with CR LF',
  file: 'exaproxy_url.pl',
  settings: { protocol: 'exaproxy-url', maximum: 1 },
  pages: PAGES,
}, (world) => {
  test('is not killed after each answer', async () => {
    for (let i = 0; i < 5; i++) {
      expect(brief(await world().get(`/${i}`))).toBe(asked(`/${i}`))
      const refused = await world().connect('elsewhere.invalid')
      expect([refused.status, refused.answer.body.toString()]).toEqual([403, '<p> no elsewhere.invalid for 127.0.0.1'])
    }
    expect(world().program.diagnostics).not.toMatch(/guard.*(ended|killed)/)
  })
})

helping({ title: 'exaproxy-url, shell', file: 'exaproxy_url.sh', settings: { protocol: 'exaproxy-url' } }, (world) => {
  test('one engine is another', async () => {
    expect(brief(await world().get('/x', [], 'www.engine.test'))).toBe('302 http://other.test')
    expect(brief(await world().get('/x', [], 'good.test'))).toBe(asked('/x', 'good.test'))
    expect(brief(await world().connect('www.engine.test'))).toBe(INSIDE)
    expect(brief(await world().connect('good.test'))).toBe(INSIDE)
  })
})

helping({
  title: 'exaproxy-icap, Python',
  file: 'exaproxy_icap.py',
  words: ['[origin]'],
  settings: { protocol: 'exaproxy-icap', extras: 'icap://svc.example/path' },
  pages: PAGES,
}, (world) => {
  test.each<[string, string]>([
    ['nothing', asked('/do/nothing')],
    ['deny', '403'],
    ['redirect', '302 http://other.test/'],
    ['rewrite/a?b=c', asked('/done/a?b=c')],
    ['intercept', asked('/do/intercept')],
  ])('/do/%s', async (what, came) => {
    expect(brief(await world().get(`/do/${what}`))).toBe(came)
  })

  test('refused with a comment', async () => {
    const { answer } = await world().get('/do/deny')
    expect(answer.body.toString()).toContain('no 127.0.0.1')
  })

  test.each(['page', 'chunked'])('its own page: %s', async (what) => {
    const { status, answer, origin } = await world().get(`/do/${what}`)
    expect([status, answer.body.toString(), origin]).toEqual([403, '<p>not here</p>', ''])
    expect([valueOf(answer, 'content-type'), valueOf(answer, 'x-filter')]).toEqual(['text/html', 'python'])
    expect([answer.framing, answer.complete]).toEqual(['length', true])
  })

  test('an explanation for the proxy', async () => {
    const { status, answer } = await world().get('/do/explain')
    expect([status, valueOf(answer, 'content-type'), answer.body.toString()]).toEqual([
      403,
      'application/proxy-explanation+json',
      '{}',
    ])
  })

  test('it may ask for a password', async () => {
    const { status, answer, origin } = await world().get('/do/login')
    expect([status, valueOf(answer, 'proxy-authenticate'), origin]).toEqual([407, 'Basic realm="python"', ''])
    expect(answer.body.toString()).toBe('who are you?')
    const known = await world().get('/do/login', ['Proxy-Authorization: Basic am9lOng='])
    expect(known.origin).toBe(asked('/do/login'))
  })

  test('a POST it has no use for is refused with its body unread', async () => {
    using client = await world().client()
    const authority = `127.0.0.1:${world().origin.port}`
    const before = world().requests.length
    const answer = await client.ask(
      `POST http://${authority}/do/page HTTP/1.1\r\nHost: ${authority}\r\nContent-Length: 1000000\r\n\r\nbeginning`,
    )
    expect([answer.line, answer.body.toString()]).toEqual(['HTTP/1.1 403 Forbidden', '<p>not here</p>'])
    expect(valueOf(answer, 'connection')).toBe('close')
    expect(world().requests.length).toBe(before)
  })

  test('a page of the folder with a comment', async () => {
    const { status, answer } = await world().get('/do/file')
    expect([status, answer.body.toString()]).toEqual([
      200,
      '<p>&#60;b&#62;games&#60;/b&#62; no 127.0.0.1 for 127.0.0.1',
    ])
  })

  test('a cookie is another', async () => {
    const before = world().requests.length
    await world().get('/do/cookie', ['Cookie: PREF=f1=1; x=y', 'X-Kept: 1'])
    const request = world().requests[before]
    expect([valueOf(request, 'cookie'), valueOf(request, 'x-kept')]).toEqual(['PREF=f2=8000000', '1'])
  })

  test('the body goes on after a request that was changed', async () => {
    const { origin } = world()
    const authority = `127.0.0.1:${origin.port}`
    const before = world().requests.length
    using client = await world().client()
    const body = 'x'.repeat(200_000)
    const head = `POST http://${authority}/do/rewrite/post HTTP/1.1\r\nHost: ${authority}\r\n` +
      `Content-Length: ${body.length}\r\n\r\n`
    const answer = await client.ask(head + body)
    expect(answer.line).toBe('HTTP/1.1 200 OK')
    const request = world().requests[before]
    expect([request.line, request.body.length]).toEqual(['POST /done/post HTTP/1.1', body.length])
  })

  test.each<[string, string]>([
    ['good.test', INSIDE],
    ['moved.test', INSIDE],
    ['flagged.test', INSIDE],
    ['deny.test', '403'],
  ])('a tunnel to %s', async (host, came) => {
    const said = await world().connect(host)
    expect(brief(said)).toBe(came)
    if (host === 'deny.test') expect(said.answer.body.toString()).toBe('<p>not here</p>')
  })
})

helping({
  title: 'exaproxy-icap, Perl',
  file: 'exaproxy_icap.pl',
  words: ['blocked.test', 'tunnel.test'],
  settings: { protocol: 'exaproxy-icap' },
}, (world) => {
  test.each<[string, string, number]>([
    ['GET', 'good.test', 200],
    ['GET', 'blocked.test', 403],
    ['CONNECT', 'good.test', 200],
    ['CONNECT', 'tunnel.test', 403],
  ])('%s %s', async (method, host, status) => {
    const said = method === 'GET' ? await world().get('/x', [], host) : await world().connect(host)
    expect(said.status).toBe(status)
    if (status === 403) expect(said.answer.body.toString()).toBe('perl says no\n')
  })
})

helping(
  { title: 'exaproxy-icap, shell', file: 'exaproxy_icap.sh', settings: { protocol: 'exaproxy-icap' } },
  (world) => {
    test('reads two empty lines', async () => {
      expect(brief(await world().get('/x'))).toBe(asked('/x'))
      expect(brief(await world().connect('good.test'))).toBe('403')
      expect(brief(await world().get('/y'))).toBe(asked('/y'))
    })
  },
)
