/** Decisions in memory: each kind, at once and after a while; and that every request of a connection is asked about. */
import { describe, expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { type Changes, type Decision, NO_CHANGES } from '../../core/filter/decision.ts'
import type { Subject } from '../../core/filter/subject.ts'
import { Chain, type Member } from '../../core/proxy/chain.ts'
import { settle } from '../memory/machine.ts'
import { get, OK, World } from './world.ts'

const CAUSE = { by: 'guard', rule: 'ads', reason: 'because', category: 'adverts' }
const PERMIT: Decision = { kind: 'permit', by: 'guard', rule: '', reason: '', category: '', final: false }

const rewrite = (changes: Partial<Changes>): Decision => ({
  ...CAUSE,
  kind: 'rewrite',
  changes: { ...NO_CHANGES, ...changes },
})

type Judge = (subject: Subject) => Decision

/** A world whose listener asks these, each named by its place: c0, c1, ... `later`: they take their time. */
async function judged(later: boolean, ...judges: readonly Judge[]): Promise<World & { asked_: string[] }> {
  const world = await World.open()
  const asked: string[] = []
  const members = judges.map((judge, i): Member => ({
    kind: 'classifier',
    name: `c${i}`,
    classifier: {
      name: `c${i}`,
      judge(subject) {
        asked.push(`c${i} ${subject.method} ${subject.url}`)
        const said = judge(subject)
        return later ? Promise.resolve().then(() => said) : said
      },
      close() {},
    },
  }))
  world.context.chain = new Chain(members, world.proxy.statistics)
  return Object.assign(world, { asked_: asked })
}

const CONNECT = 'CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n\r\n'

describe.each([['at once', false], ['after a while', true]])('decided %s', (_, later) => {
  test('permit: it goes on, and the next one is asked', async () => {
    const world = await judged(later, () => PERMIT, () => PERMIT)
    const [client, origin] = await world.asked()
    await origin.send(OK)
    expect(await client.news()).toMatch(/^HTTP\/1.1 200 /)
    expect(world.asked_).toEqual(['c0 GET http://origin.test/', 'c1 GET http://origin.test/'])
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('permit, final: nobody else is asked', async () => {
    const world = await judged(later, () => ({ ...PERMIT, final: true }), () => ({ ...CAUSE, kind: 'close' }))
    const [client, origin] = await world.asked()
    await origin.send(OK)
    expect(await client.news()).toMatch(/^HTTP\/1.1 200 /)
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test.each<[string, Decision, RegExp, string]>([
    ['deny', { ...CAUSE, kind: 'deny', status: 403, broken: false }, /^HTTP\/1.1 403 /, 'TCP_DENIED'],
    ['deny with 451', { ...CAUSE, kind: 'deny', status: 451, broken: false }, /^HTTP\/1.1 451 /, 'TCP_DENIED'],
    [
      'unavailable',
      { ...CAUSE, kind: 'deny', status: 503, broken: true },
      /^HTTP\/1.1 503 [^]*\r\nRetry-After: 5\r\n/,
      'TCP_DENIED',
    ],
    [
      'redirect',
      { ...CAUSE, kind: 'redirect', status: 302, location: 'http://block.test/?u=1' },
      /^HTTP\/1.1 302 Found\r\n[^]*Location: http:\/\/block.test\/\?u=1\r\n/,
      'TCP_REDIRECT',
    ],
    [
      'respond',
      { ...CAUSE, kind: 'respond', status: 200, type: 'image/gif', body: toBytes('GIF89a') },
      /^HTTP\/1.1 200 OK\r\n[^]*Content-Type: image\/gif\r\n[^]*Content-Length: 6\r\n[^]*GIF89a$/,
      'NONE_NONE',
    ],
  ])('%s: answered, and the connection goes on', async (_, said, answer, result) => {
    const world = await judged(later, ({ path }) => path === '/bad' ? said : PERMIT)
    const client = await world.client()
    await client.send(get('/bad'))
    expect(await client.news()).toMatch(answer)
    const [origin] = await Promise.all([world.origin(), client.send(get('/good'))])
    await settle()
    await origin.send(OK)
    expect(await client.news()).toMatch(/^HTTP\/1.1 200 /)
    expect(world.seen[0]).toMatchObject({ result, reason: 'because' })
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test.each<[string, Decision, RegExp]>([
    ['deny', { ...CAUSE, kind: 'deny', status: 403, broken: false }, /^HTTP\/1.1 403 /],
    [
      'redirect',
      { ...CAUSE, kind: 'redirect', status: 302, location: 'http://b/' },
      /^HTTP\/1.1 302 [^]*: http:\/\/b\//,
    ],
    ['respond', { ...CAUSE, kind: 'respond', status: 200, type: 'text/plain', body: toBytes('no') }, /no$/],
  ])('CONNECT, %s: answered, and closed', async (_, said, answer) => {
    const world = await judged(later, () => said)
    const client = await world.client()
    await client.send(CONNECT)
    expect(await client.news()).toMatch(answer)
    expect(client.state).toBe('ended')
    expect(world.asked_).toEqual(['c0 CONNECT origin.test:443'])
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('close: not a word', async () => {
    const world = await judged(later, () => ({ ...CAUSE, kind: 'close' }))
    const client = await world.client()
    await client.send(get())
    expect(client.text).toBe('')
    expect(client.state).toBe('ended')
    expect(world.seen).toMatchObject([{ status: 0, reason: 'because' }])
    expect(await world.leftovers()).toEqual([])
  })

  test('rewrite: another URL, Host and fields; the body is kept', async () => {
    const world = await judged(
      later,
      () => rewrite({ url: 'http://origin.test/new?x', set: [['X-A', 'b']], remove: ['X-B'], cookie: [['s', '1']] }),
    )
    const client = await world.client()
    const request = 'POST http://other.test/ HTTP/1.1\r\nHost: other.test\r\nX-B: 1\r\nContent-Length: 4\r\n\r\nbody'
    const [origin] = await Promise.all([world.origin(), client.send(request)])
    await settle()
    expect(origin.text).toBe(
      'POST /new?x HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 4\r\nX-A: b\r\nCookie: s=1\r\n\r\nbody',
    )
    await origin.send(OK)
    expect(await client.news()).toMatch(/^HTTP\/1.1 200 /)
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('rewrite with Host kept', async () => {
    const world = await judged(later, () => rewrite({ url: 'http://origin.test/new', keepHost: true }))
    const [, origin] = await world.asked('GET http://other.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n')
    expect(origin.text).toBe('GET /new HTTP/1.1\r\nHost: other.test\r\n\r\n')
  })

  test('who comes before a rewrite is asked about where it goes then; who made it is not', async () => {
    const world = await judged(
      later,
      ({ host }) => host === 'other.test' ? { ...CAUSE, kind: 'deny', status: 403, broken: false } : PERMIT,
      () => rewrite({ url: 'http://other.test/' }),
    )
    const client = await world.client()
    await client.send(get())
    expect(await client.news()).toMatch(/^HTTP\/1.1 403 /)
    expect(world.asked_).toEqual([
      'c0 GET http://origin.test/',
      'c1 GET http://origin.test/',
      'c0 GET http://other.test/',
    ])
  })

  test('two that undo each other come to an end', async () => {
    const world = await judged(
      later,
      () => rewrite({ url: 'http://origin.test/1' }),
      () => rewrite({ url: 'http://origin.test/2' }),
    )
    const [, origin] = await world.asked()
    expect(origin.text).toContain('GET /2 HTTP/1.1')
    expect(world.asked_.length).toBe(2)
  })

  test('a rewrite to where nobody may go is refused by the guard of destinations', async () => {
    const world = await judged(later, () => rewrite({ url: 'http://127.0.0.1:1/' }))
    const client = await world.client()
    await client.send(get())
    expect(await client.news()).toMatch(/^HTTP\/1.1 403 /)
    expect(world.seen).toMatchObject([{ failure: 'local-refused' }])
  })

  test('intercept: the same request at another address', async () => {
    const world = await judged(
      later,
      () => ({ ...CAUSE, kind: 'intercept', host: 'origin.test', port: 80, trusted: false }),
    )
    const [, origin] = await world.asked('GET http://far.test/x HTTP/1.1\r\nHost: far.test\r\n\r\n')
    expect(origin.text).toBe('GET /x HTTP/1.1\r\nHost: far.test\r\n\r\n')
  })

  test('every request of a connection is asked about, pipelined ones too', async () => {
    const world = await judged(
      later,
      ({ path }) => path === '/2' ? { ...CAUSE, kind: 'deny', status: 403, broken: false } : PERMIT,
    )
    const client = await world.client()
    const [origin] = await Promise.all([world.origin(), client.send(get('/1') + get('/2') + get('/3'))])
    await settle()
    await origin.send(OK)
    await origin.send(OK)
    expect(client.text.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 403', 'HTTP/1.1 200'])
    expect(origin.text.match(/GET \S+/g)).toEqual(['GET /1', 'GET /3'])
  })

  test('what a body was sent with is refused and closed: it is in the way', async () => {
    const world = await judged(
      later,
      () => ({ ...CAUSE, kind: 'respond', status: 200, type: 'a/b', body: toBytes('') }),
    )
    const client = await world.client()
    await client.send('POST http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 9\r\n\r\nabc')
    expect(client.text).toContain('Connection: close')
    expect(client.state).toBe('ended')
  })

  test('a change that makes no request of it is refused', async () => {
    const world = await judged(later, () => rewrite({ url: 'http://[:::/' }))
    const client = await world.client()
    await client.send(get())
    expect(await client.news()).toMatch(/^HTTP\/1.1 400 /)
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })
})

test('a client that leaves while a classifier thinks leaves nothing behind', async () => {
  const world = await World.open()
  let answer!: (said: Decision) => void
  world.context.chain = new Chain(
    [{
      kind: 'classifier',
      name: 'slow',
      classifier: {
        name: 'slow',
        judge: () => new Promise((resolve) => void (answer = resolve)),
        close() {},
      },
    }],
    world.proxy.statistics,
  )
  const client = await world.client()
  await client.send(get())
  await client.reset()
  await world.pass(2000)
  answer(PERMIT)
  await settle()
  expect(world.seen).toMatchObject([{ status: 0, failure: 'client-left' }])
  expect(await world.leftovers()).toEqual([])
})
