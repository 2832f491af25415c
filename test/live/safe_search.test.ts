/** Safe search: the enforcing name is looked up and dialled, and the engine hears the name that was asked for. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CURL } from '../tls/captures.ts'
import { bytesOf, message, record, serverName } from '../tls/hello.ts'
import { NameServer } from './name_server.ts'
import { answering, Origin } from './origin.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { until } from './waiting.ts'
import { statusOf, valueOf, valuesOf } from './wire.ts'

/** Names of engines are known at the enforcing host alone: who dials another comes nowhere. */
const KNOWN = [
  'forcesafesearch.google.com',
  'restrict.youtube.com',
  'restrictmoderate.youtube.com',
  'strict.bing.com',
  'safe.duckduckgo.com',
  'forcesafe.search.brave.com',
  'strict-safe-search.ecosia.org',
  'safesearch.pixabay.com',
  'familysearch.yandex.ru',
  'other.test',
]

describe('safe search', () => {
  let origin: Origin
  let names: NameServer
  let program: Program

  beforeAll(async () => {
    origin = await Origin.listen(answering())
    names = await NameServer.listen(Object.fromEntries(KNOWN.map((name) => [name, { a: ['127.0.0.1'] }])))
    const listener = { mode: 'forward', address: '127.0.0.1:0', filter: ['rules'], peek: false }
    program = await Program.start({
      listener: {
        http: { ...listener, safe_search: 'strict' },
        moderate: { ...listener, safe_search: 'moderate' },
        off: { ...listener, safe_search: 'off' },
        peeking: { ...listener, safe_search: 'strict', peek: true },
      },
      // What a fallback would lead to is not to be dialled from here.
      outgoing: { connect_ports: ['1-65535'], deny: ['216.239.38.0/24', '213.180.193.56/32'] },
      dns: { servers: [names.authority], hosts: false },
      rule: [
        { name: 'teachers', header: { 'X-Role': ['teacher'] }, do: 'permit', safe_search: 'off' },
        { name: 'pupils', header: { 'X-Role': ['pupil'] }, do: 'permit', safe_search: 'strict' },
      ],
    }, { addresses: 4 })
  })

  afterAll(async () => {
    await program?.[Symbol.asyncDispose]()
    names?.close()
    origin?.close()
  })

  /** Whether a name was looked up. */
  const wasAsked = (name: string) => names.questions.some((question) => question.startsWith(`${name} `))
  let count = 0

  /** GET through a listener; what the origin saw of it, `null` where nothing came there. */
  async function get(listener: string, host: string, path = '/', fields = '') {
    const mark = `${count++}`
    using client = await RawClient.connect(program.port(listener))
    const url = `http://${host}:${origin.port}${path}`
    const answer = await client.ask(
      `GET ${url} HTTP/1.1\r\nHost: ${host}:${origin.port}\r\nX-Mark: ${mark}\r\n${fields}\r\n`,
    )
    return { status: statusOf(answer), request: origin.requests.find((one) => valueOf(one, 'x-mark') === mark) ?? null }
  }

  async function connect(listener: string, host: string, fields = ''): Promise<[RawClient, number]> {
    const client = await RawClient.connect(program.port(listener))
    const authority = `${host}:${origin.port}`
    await client.send(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${fields}\r\n`)
    return [client, statusOf(await client.message('bodiless'))]
  }

  /** Exactly these bytes come to the origin. */
  const cameTo = (bytes: Uint8Array) =>
    until(() => origin.connections.some(({ all }) => all.equals(bytes)), 'the bytes, at the origin')

  test.each([
    ['www.google.com', 'forcesafesearch.google.com'],
    ['www.google.co.uk', 'forcesafesearch.google.com'],
    ['www.bing.com', 'strict.bing.com'],
    ['duckduckgo.com', 'safe.duckduckgo.com'],
    ['search.brave.com', 'forcesafe.search.brave.com'],
    ['www.ecosia.org', 'strict-safe-search.ecosia.org'],
    ['pixabay.com', 'safesearch.pixabay.com'],
    ['yandex.ru', 'familysearch.yandex.ru'],
    ['www.youtube.com', 'restrict.youtube.com'],
  ])('%s is dialled at %s, and called by its name', async (host, enforcing) => {
    const { status, request } = await get('http', host, '/about')
    expect(status).toBe(200)
    expect(valuesOf(request!, 'host')).toEqual([`${host}:${origin.port}`])
    const [client, opened] = await connect('http', host)
    expect(opened).toBe(200)
    client.close()
    expect([wasAsked(enforcing), wasAsked(host)]).toEqual([true, false])
  })

  test('moderate and strict are different hosts', async () => {
    expect(wasAsked('restrictmoderate.youtube.com')).toBe(false)
    expect((await get('moderate', 'm.youtube.com')).status).toBe(200)
    expect(wasAsked('restrictmoderate.youtube.com')).toBe(true)
    expect((await get('http', 'm.youtube.com')).status).toBe(200)
  })

  test('what is sent inside a tunnel is left as it is', async () => {
    const [client] = await connect('http', 'www.google.de')
    await client.send(CURL)
    await cameTo(CURL)
    client.close()
  })

  test('a tunnel to an address, by the name inside it', async () => {
    const [client, opened] = await connect('peeking', '127.0.0.1')
    expect(opened).toBe(200)
    const hello = bytesOf(record(message({ extensions: serverName('www.youtube-nocookie.com') })))
    await client.send(hello)
    await cameTo(hello)
    expect(wasAsked('www.youtube-nocookie.com')).toBe(false)
    client.close()
  })

  test('the query', async () => {
    const { request } = await get('http', 'www.google.com', '/search?q=a&s%61fe=off&safe=images')
    expect(request!.line).toBe('GET /search?q=a&safe=active HTTP/1.1')
    expect((await get('http', 'duckduckgo.com', '/?kp=-2&q=a')).request!.line).toBe('GET /?q=a&kp=1 HTTP/1.1')
    expect((await get('moderate', 'duckduckgo.com', '/?q=a')).request!.line).toBe('GET /?q=a&kp=-1 HTTP/1.1')
  })

  test('field and cookie of YouTube', async () => {
    const fields = 'Cookie: a=b; PREF=f1=5&f2=1; c=d\r\nYouTube-Restrict: Off\r\n'
    const { request } = await get('http', 'www.youtube.com', '/watch?v=1', fields)
    expect(valuesOf(request!, 'youtube-restrict')).toEqual(['Strict'])
    expect(valuesOf(request!, 'cookie')).toEqual(['a=b; PREF=f1=5&f2=8000000; c=d'])
    const moderate = await get('moderate', 'www.youtube.com', '/watch?v=1')
    expect(valuesOf(moderate.request!, 'youtube-restrict')).toEqual(['Moderate'])
    expect(valuesOf(moderate.request!, 'cookie')).toEqual(['PREF=f2=8000000'])
  })

  test('other names go where they always went', async () => {
    const { request } = await get('http', 'other.test', '/search?q=a')
    expect(request!.line).toBe('GET /search?q=a HTTP/1.1')
    // Nobody knows this one, and nothing else is tried for it.
    expect((await get('http', 'mail.google.com')).status).toBe(502)
    expect(wasAsked('mail.google.com')).toBe(true)
  })

  test('a rule says otherwise', async () => {
    const teacher = await get('http', 'www.google.fr', '/search?q=a', 'X-Role: teacher\r\n')
    expect(teacher.status).toBe(502)
    expect(wasAsked('www.google.fr')).toBe(true)
    const pupil = await get('off', 'www.google.com', '/search?q=a', 'X-Role: pupil\r\n')
    expect(pupil.request!.line).toBe('GET /search?q=a&safe=active HTTP/1.1')
    const [client, opened] = await connect('off', 'www.google.com', 'X-Role: pupil\r\n')
    expect(opened).toBe(200)
    client.close()
    expect((await get('off', 'www.google.com.mt')).status).toBe(502)
  })

  test('an enforcing name that cannot be looked up: its address is dialled, and no other', async () => {
    using lame = await NameServer.listen({})
    await using lost = await Program.start({
      listener: { http: { mode: 'forward', address: '127.0.0.1:0', safe_search: 'strict' } },
      outgoing: { connect_ports: ['1-65535'], deny: ['216.239.38.120/32'] },
      dns: { servers: [lame.authority], hosts: false },
    })
    using client = await RawClient.connect(lost.port())
    const authority = `www.google.com:${origin.port}`
    const answer = await client.ask(`GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
    expect(statusOf(answer)).toBe(403)
    const [line] = await lost.accessLog(1)
    expect(line).toMatchObject({ failure: 'destination-refused' })
    expect(String(line.reason)).toContain('216.239.38.120')
    for (const question of lame.questions) expect(question).toMatch(/^forcesafesearch[.]google[.]com /)
    expect(lame.questions.length).toBeGreaterThan(0)
  })
})
