/** Rules in the program as it runs: each condition and each decision, from the client's request to the origin's end of it. */

import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NameServer } from './name_server.ts'
import { answering, Origin } from './origin.ts'
import { newFolder } from './peers.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import type { Table } from './toml.ts'
import { statusOf, valueOf, valuesOf } from './wire.ts'

/** What a request is beside GET http://m-N.test/. */
interface Ask {
  readonly method?: string
  readonly host?: string
  readonly target?: string
  readonly fields?: string
  readonly listener?: string
}

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const now = new Date().getDay()
/** Neither today nor tomorrow, should the test run at midnight. */
const other = DAYS[(now + 3) % 7]!

/** A condition, a request it holds for, and one that is nearly the same. */
const MATCHERS: readonly (readonly [name: string, condition: Table, yes: Ask, no: Ask])[] = [
  ['listener', { listener: 'http' }, {}, { listener: 'second' }],
  ['client', { client: '127.0.0.0/8' }, {}, { host: 'm-99.test' }],
  ['another client', { not: { client: '10.0.0.0/8' }, path: '/a' }, { target: '/a' }, {}],
  ['user', { user: 'al' }, { listener: 'known' }, {}],
  ['method', { method: ['PUT', 'DELETE'] }, { method: 'DELETE' }, {}],
  ['scheme', { scheme: 'http', query: 'x' }, { target: '/?x' }, {}],
  ['host', { host: 'N-*.Host.TEST.' }, { host: 'n-1.host.test' }, { host: 'm-99.test' }],
  ['path', { path: '/a/b' }, { target: '/x/../%61/b/c' }, { target: '/a/bc' }],
  ['query', { query: 'q=bad' }, { target: '/?q=%62ad' }, { target: '/?q=good' }],
  ['header', { header: { 'User-Agent': 'curl' } }, { fields: 'User-Agent: Curl/8\r\n' }, { fields: 'Agent: curl\r\n' }],
  ['list', { list: 'ads' }, { target: '/a' }, { host: 'm-99.test' }],
  ['today', { time: `${DAYS.join(',')} 00:00-24:00` }, {}, { host: 'm-99.test' }],
  ['another day', { not: { time: other }, path: '/a' }, { target: '/a' }, {}],
  ['address', { address: '127.0.0.1' }, {}, { host: 'm-99.test' }],
  ['another address', { not: { address: '192.0.2.0/24' }, path: '/a' }, { target: '/a' }, {}],
  ['not', { not: { path: '/open' } }, { target: '/' }, { target: '/open' }],
  ['any', { any: [{ path: '/a' }, { method: 'PUT' }] }, { target: '/a' }, { target: '/b' }],
  ['all', { all: [{ path: '/a' }, { method: 'GET' }] }, { target: '/a' }, { target: '/a', method: 'HEAD' }],
]

describe('rules', () => {
  const folder = newFolder()
  let origin: Origin
  let second: Origin
  let names: NameServer
  let program: Program

  beforeAll(async () => {
    writeFileSync(join(folder, 'ads'), 'm-11.test\n')
    writeFileSync(join(folder, 'page.html'), '<p>from a file</p>')
    writeFileSync(
      join(folder, 'more.toml'),
      '[[rule]]\nname = "included"\nhost = "d-9.test"\ndo = "deny"\nstatus = 451\n',
    )
    origin = await Origin.listen(answering('origin\n'))
    second = await Origin.listen(answering('second\n'))
    names = await NameServer.listen({
      'm-*.test': { a: ['127.0.0.1'] },
      'd-*.test': { a: ['127.0.0.1'] },
      'n-*.host.test': { a: ['127.0.0.1'] },
    })
    const at = `127.0.0.1:${second.port}`
    const listener = (filter: readonly string[]) => ({ mode: 'forward', address: '127.0.0.1:0', filter })
    const shell = (answer: string) => ['/bin/sh', '-c', `while read -r line; do echo '${answer}'; done`]
    program = await Program.start({
      listener: {
        http: listener(['rules']),
        second: listener(['rules']),
        known: listener(['login', 'rules']),
        strict: listener(['rules', 'never']),
      },
      filter: { include: [join(folder, '*.toml')] },
      outgoing: { connect_ports: ['1-65535'] },
      dns: { servers: [names.authority], hosts: false },
      list: { ads: { file: join(folder, 'ads') } },
      helper: {
        login: { program: shell('OK user=al'), protocol: 'external_acl' },
        never: { program: shell('ERR message=never'), protocol: 'external_acl' },
      },
      rule: [
        { name: 'port', host: 'm-98.test', port: origin.port, do: 'deny' },
        ...MATCHERS.map(([name, condition], i) => ({ host: `m-${i + 1}.test`, ...condition, name, do: 'deny' })),
        { host: 'd-1.test', path: '/final', do: 'permit', final: true },
        { host: 'd-1.test', do: 'permit' },
        { host: 'd-2.test', do: 'deny', status: 410, reason: 'gone for good' },
        { host: 'd-3.test', do: 'redirect', to: 'https://block.test/?u={url}&c={client}', status: 307 },
        {
          host: 'd-4.test',
          do: 'rewrite',
          to: `http://${at}/new{path}?{query}`,
          set: { 'X-Set': '{host} {rule}', Host: 'set.test' },
          append: { 'X-Add': 'b' },
          remove: ['Referer'],
          cookie: { keep: 'new', gone: '' },
          name: 'rewriting',
        },
        { host: 'd-5.test', path: '/file', do: 'respond', file: join(folder, 'page.html') },
        { host: 'd-5.test', do: 'respond', status: 404, text: 'from a text', type: 'text/x-note' },
        { host: 'd-6.test', do: 'intercept', to: at },
        { host: 'd-7.test', do: 'close' },
        { name: 'trial', host: 'd-8.test', do: 'deny', report_only: true },
        { host: 'd-10.test', do: 'permit', set: { 'X-Set': 'permitted' } },
        { host: 'd-11.test', do: 'rewrite', to: 'http://d-2.test/' },
        { host: 'd-12.test', do: 'rewrite', set: { Host: 'set.test' } },
      ],
    })
  })

  afterAll(async () => {
    expect(program?.ended, program?.diagnostics).toBe(null)
    await program?.[Symbol.asyncDispose]()
    names?.close()
    origin?.close()
    second?.close()
    rmSync(folder, { recursive: true })
  })

  async function ask(host: string, { method = 'GET', target = '/', fields = '', listener = 'http' }: Ask = {}) {
    using client = await RawClient.connect(program.port(listener))
    const authority = `${host}:${origin.port}`
    const head =
      `${method} http://${authority}${target} HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n${fields}\r\n`
    return await client.ask(head, method === 'HEAD' ? 'bodiless' : 'response')
  }

  /** What the origin got last. */
  const seen = (at: Origin = origin) => at.requests.at(-1)!

  describe('a condition', () => {
    test.each(MATCHERS.map(([name, , yes, no], i) => [name, i + 1, yes, no] as const))('%s', async (_, n, yes, no) => {
      const host = `m-${n}.test`
      expect(statusOf(await ask(yes.host ?? host, yes)), 'it holds').toBe(403)
      expect(statusOf(await ask(no.host ?? host, no)), 'it does not').toBe(200)
    })

    test('port', async () => {
      expect(statusOf(await ask('m-98.test'))).toBe(403)
      using client = await RawClient.connect(program.port())
      const authority = `m-98.test:${second.port}`
      expect(statusOf(await client.ask(`GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n\r\n`))).toBe(200)
    })
  })

  describe('a decision', () => {
    test('permit: the next of the chain is asked, or nobody when it is final', async () => {
      expect(statusOf(await ask('d-1.test'))).toBe(200)
      expect(statusOf(await ask('d-1.test', { listener: 'strict' }))).toBe(403)
      expect(statusOf(await ask('d-1.test', { listener: 'strict', target: '/final' }))).toBe(200)
    })

    test('permit with fields', async () => {
      expect(statusOf(await ask('d-10.test'))).toBe(200)
      expect(valueOf(seen(), 'x-set')).toBe('permitted')
    })

    test('deny: a page with the status and the reason', async () => {
      const before = origin.requests.length
      const answer = await ask('d-2.test')
      expect(statusOf(answer)).toBe(410)
      expect(answer.body.toString()).toContain('gone for good')
      expect(origin.requests).toHaveLength(before)
    })

    test('redirect: where to, told of the request', async () => {
      const answer = await ask('d-3.test', { target: '/a?b' })
      expect(statusOf(answer)).toBe(307)
      const url = encodeURIComponent(`http://d-3.test:${origin.port}/a?b`)
      expect(valueOf(answer, 'location')).toBe(`https://block.test/?u=${url}&c=127.0.0.1`)
    })

    test('rewrite: another URL, other fields, other cookies', async () => {
      const fields = 'Referer: http://x/\r\nX-Set: a\r\nX-Add: a\r\nCookie: keep=old; gone=1; other=2\r\n'
      const answer = await ask('d-4.test', { target: '/p?q', fields })
      expect(answer.body.toString()).toBe('second\n')
      const got = seen(second)
      expect(got.line).toBe('GET /new/p?q HTTP/1.1')
      expect(valuesOf(got, 'host')).toEqual(['set.test'])
      expect(valuesOf(got, 'x-set')).toEqual(['d-4.test rewriting'])
      expect(valuesOf(got, 'x-add')).toEqual(['a', 'b'])
      expect(valuesOf(got, 'referer')).toEqual([])
      const cookies = valuesOf(got, 'cookie').join('; ').split('; ').toSorted()
      expect(cookies).toEqual(['keep=new', 'other=2'])
    })

    test('rewrite: another Host alone', async () => {
      expect(statusOf(await ask('d-12.test', { target: '/p' }))).toBe(200)
      expect([seen().line, valuesOf(seen(), 'host')]).toEqual(['GET /p HTTP/1.1', ['set.test']])
    })

    test('rewrite: where it goes then is judged again', async () => {
      expect(statusOf(await ask('d-11.test'))).toBe(410)
    })

    test('respond: a text, a file', async () => {
      const text = await ask('d-5.test')
      expect([statusOf(text), valueOf(text, 'content-type'), text.body.toString()]).toEqual([
        404,
        'text/x-note',
        'from a text',
      ])
      const file = await ask('d-5.test', { target: '/file' })
      expect([statusOf(file), valueOf(file, 'content-type'), file.body.toString()]).toEqual([
        200,
        'text/html; charset=utf-8',
        '<p>from a file</p>',
      ])
    })

    test('intercept: the same request to another server', async () => {
      const answer = await ask('d-6.test', { target: '/same' })
      expect(answer.body.toString()).toBe('second\n')
      expect([seen(second).line, valueOf(seen(second), 'host')]).toEqual([
        'GET /same HTTP/1.1',
        `d-6.test:${origin.port}`,
      ])
    })

    test('close: not a word', async () => {
      using client = await RawClient.connect(program.port())
      await client.send('GET http://d-7.test/ HTTP/1.1\r\nHost: d-7.test\r\n\r\n')
      expect(await client.message('response')).toBe(null)
      expect(client.received).toBe(0)
    })

    test('report only: nothing is done', async () => {
      expect(statusOf(await ask('d-8.test'))).toBe(200)
    })

    test('of a rule in another file', async () => {
      expect(statusOf(await ask('d-9.test'))).toBe(451)
    })
  })

  describe('a tunnel', () => {
    const connect = async (host: string) => {
      const client = await RawClient.connect(program.port())
      await client.send(`CONNECT ${host}:${origin.port} HTTP/1.1\r\nHost: ${host}:${origin.port}\r\n\r\n`)
      return client
    }

    test.each([['m-2.test', 403], ['d-2.test', 410], ['d-3.test', 307], ['d-5.test', 404]])(
      '%s is answered %i',
      async (host, status) => {
        using client = await connect(host)
        const answer = await client.message('response')
        expect(statusOf(answer)).toBe(status)
        if (status === 307) expect(valueOf(answer!, 'location')).toContain('https://block.test/?u=d-3.test%3A')
      },
    )

    test.each([['m-99.test', 'origin\n'], ['d-6.test', 'second\n'], ['d-8.test', 'origin\n']])(
      '%s leads to %j',
      async (host, body) => {
        using client = await connect(host)
        expect(statusOf(await client.message('bodiless'))).toBe(200)
        const answer = await client.ask('GET / HTTP/1.1\r\nHost: inside.test\r\n\r\n')
        expect(answer.body.toString()).toBe(body)
      },
    )

    test('close: not a word', async () => {
      using client = await connect('d-7.test')
      expect(await client.message('response')).toBe(null)
    })
  })

  test('each request of a connection is judged, those sent ahead too', async () => {
    using client = await RawClient.connect(program.port())
    const get = (host: string) => `GET http://${host}:${origin.port}/ HTTP/1.1\r\nHost: ${host}:${origin.port}\r\n\r\n`
    await client.send(get('m-99.test') + get('d-2.test') + get('m-99.test'))
    const statuses = [await client.answer(), await client.answer(), await client.answer()].map(statusOf)
    expect(statuses).toEqual([200, 410, 200])
  })
})
