/** REQMOD asked of our chain: each decision, previews, bodies, and who asks. */
import { describe, expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { type Changes, type Decision, NO_CHANGES } from '../../core/filter/decision.ts'
import { chunks, GET, icap, IcapWorld, PERMIT, post } from './icap_world.ts'

const CAUSE = { by: 'guard', rule: 'ads', reason: 'because', category: 'adverts' }
const DENY: Decision = { ...CAUSE, kind: 'deny', status: 403, broken: false }
const rewrite = (changes: Partial<Changes>): Decision => ({
  ...CAUSE,
  kind: 'rewrite',
  changes: { ...NO_CHANGES, ...changes },
})

const TAG = /ISTag: "exaproxy-[0-9a-f]{16}"\r\n/
const UNCHANGED = /^ICAP\/1\.0 204 [^\r]+\r\nISTag: [^]*\r\nEncapsulated: null-body=0\r\n\r\n$/
const CONTINUE = 'ICAP/1.0 100 Continue\r\n\r\n'

/** What is encapsulated in an answer: everything behind its head. */
const inside = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4)

const NEXT = icap(GET, { fields: 'Allow: 204\r\n' })
const OPTIONS = icap('', { method: 'OPTIONS', encapsulated: 'null-body=0' })

describe('OPTIONS', () => {
  test('says what there is', async () => {
    const world = await IcapWorld.open(() => PERMIT, 'listener.icap.connections=7')
    const client = await world.client()
    await client.send(OPTIONS)
    const said = await client.news()
    expect(said).toMatch(/^ICAP\/1\.0 200 OK\r\n/)
    expect(said).toMatch(TAG)
    for (const line of ['Methods: REQMOD', 'Allow: 204', 'Preview: 0', 'Transfer-Preview: *', 'Max-Connections: 7']) {
      expect(said).toContain(`\r\n${line}\r\n`)
    }
    expect(said).toMatch(/\r\nOptions-TTL: [0-9]+\r\n/)
    expect(said).toMatch(/\r\nEncapsulated: null-body=0\r\n\r\n$/)
    // Asked again and again: no line, but it is counted.
    await client.send(OPTIONS)
    expect(await client.news()).toBe(said)
    await client.close()
    expect(world.seen).toEqual([])
    expect(world.context.sent).toBe(said.length * 2)
    expect(await world.leftovers()).toEqual([])
  })

  test('with a body: it is read, and of no use', async () => {
    const world = await IcapWorld.open(() => PERMIT)
    const body = icap('', { method: 'OPTIONS', encapsulated: 'opt-body=0', body: chunks('some', 'thing') })
    const client = await world.client()
    await client.send(body + icap(GET, { fields: 'Allow: 204\r\n' }))
    expect(await client.news()).toMatch(/^ICAP\/1\.0 200 [^]*\r\n\r\nICAP\/1\.0 204 /)
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('without Encapsulated', async () => {
    const world = await IcapWorld.open(() => PERMIT)
    expect(await world.answers('OPTIONS icap://i/x ICAP/1.0\r\nHost: i\r\n\r\n')).toMatch(/^ICAP\/1\.0 200 OK\r\n/)
  })

  test('nothing of the product where nothing is to be revealed', async () => {
    const world = await IcapWorld.open(() => PERMIT, 'http.transparent=true')
    expect((await world.answers(OPTIONS)).toLowerCase()).not.toContain('exaproxy')
  })

  test('the tag is another when the rules are', async () => {
    const tags = new Set<string>()
    for (const sets of [[], ['listener.icap.safe_search=strict'], ['listener.icap.filter=["rules"]'], []]) {
      const world = await IcapWorld.open(null, ...sets)
      tags.add(/ISTag: (.*)\r\n/.exec(await world.answers(OPTIONS))![1])
    }
    expect(tags.size).toBe(3)
  })

  test('the tag is another when the lists are', async () => {
    const world = await IcapWorld.open(() => PERMIT)
    const client = await world.client()
    const tags = new Set<string>()
    for (const signature of ['', 'ads 10 1', 'ads 10 1', 'ads 11 2']) {
      world.lists.signature = signature
      await client.send(NEXT)
      tags.add(/ISTag: (.*)\r\n/.exec(await client.news())![1])
    }
    expect(tags.size).toBe(3)
  })
})

interface Row {
  readonly name: string
  readonly send: string
  readonly said?: Decision
  /** Of everything that came. */
  readonly answer: RegExp
  readonly seen: Record<string, unknown>
}

const SIXTEEN = '0123456789abcdef'
const POSTED = chunks(SIXTEEN.slice(0, 10), SIXTEEN.slice(10))
const HEAD = GET.replace('GET', 'HEAD')
const CONNECT = 'CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n\r\n'
const echoed = { result: 'ICAP_ECHO', failure: '', decision: 'permit' }
const changed = { result: 'ICAP_MOD', failure: '', decision: 'rewrite', status: 200 }

const rows: Row[] = [
  {
    name: 'permitted, 204 allowed',
    send: icap(GET, { fields: 'Allow: 204\r\n' }),
    answer: UNCHANGED,
    seen: { ...echoed, status: 204, request: 'GET http://origin.test/' },
  },
  {
    name: 'permitted, 204 among others allowed',
    send: icap(GET, { fields: 'Allow: 206, 204, trailers\r\n' }),
    answer: UNCHANGED,
    seen: { ...echoed, status: 204 },
  },
  { name: 'permitted, in a preview', send: icap(GET, { fields: 'Preview: 0\r\n' }), answer: UNCHANGED, seen: echoed },
  {
    name: 'permitted, 204 not allowed: as it came',
    send: icap(GET),
    answer:
      /Encapsulated: req-hdr=0, null-body=55\r\n\r\nGET http:\/\/origin.test\/ HTTP\/1.1\r\nHost: origin.test\r\n\r\n$/,
    seen: { ...echoed, status: 200 },
  },
  {
    name: 'permitted, with a body: as it came',
    send: icap(post(), { body: POSTED }),
    answer: new RegExp(
      'Encapsulated: req-hdr=0, req-body=80\r\n\r\nPOST http://origin.test/form HTTP/1.1\r\nHost: origin.test\r\n' +
        'Content-Length: 16\r\n\r\na\r\n0123456789\r\n6\r\nabcdef\r\n0\r\n\r\n$',
    ),
    seen: { ...echoed, status: 200, request: 'POST http://origin.test/form' },
  },
  {
    name: 'permitted, with a body, 204 allowed',
    send: icap(post(), { body: POSTED, fields: 'Allow: 204\r\n' }),
    answer: UNCHANGED,
    seen: { ...echoed, status: 204 },
  },
  {
    name: 'permitted, a preview of nothing of a body',
    send: icap(post(), { body: '0\r\n\r\n', fields: 'Preview: 0\r\n' }),
    answer: UNCHANGED,
    seen: echoed,
  },
  {
    name: 'permitted, a preview that is a part',
    send: icap(post(), { body: chunks('0123'), fields: 'Preview: 4\r\n' }),
    answer: UNCHANGED,
    seen: echoed,
  },
  {
    name: 'permitted, a preview that is all',
    send: icap(post(), { body: POSTED.replace(/0\r\n\r\n$/, '0; ieof\r\n\r\n'), fields: 'Preview: 1024\r\n' }),
    answer: UNCHANGED,
    seen: echoed,
  },
  {
    name: 'rewritten',
    send: icap(GET, { fields: 'Allow: 204\r\n' }),
    said: rewrite({ url: 'http://other.test/new?x', set: [['X-A', 'b']], cookie: [['s', '1']] }),
    answer:
      /req-hdr=0, null-body=[0-9]+\r\n\r\nGET http:\/\/other.test\/new\?x HTTP\/1.1\r\nHost: other.test\r\nX-A: b\r\nCookie: s=1\r\n\r\n$/,
    seen: { ...changed, url: 'http://other.test/new?x' },
  },
  {
    name: 'rewritten, with a body',
    send: icap(post(), { body: POSTED, fields: 'Allow: 204\r\n' }),
    said: rewrite({ set: [['X-A', 'b']] }),
    answer:
      /req-body=88\r\n\r\nPOST [^]*\r\nContent-Length: 16\r\nX-A: b\r\n\r\na\r\n0123456789\r\n6\r\nabcdef\r\n0\r\n\r\n$/,
    seen: changed,
  },
  {
    name: 'rewritten, a preview that is all: nothing more is asked for',
    send: icap(post(), { body: POSTED.replace(/0\r\n\r\n$/, '0; ieof\r\n\r\n'), fields: 'Preview: 1024\r\n' }),
    said: rewrite({ set: [['X-A', 'b']] }),
    answer: /^ICAP\/1\.0 200 OK\r\n[^]*\r\n\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n$/,
    seen: changed,
  },
  {
    name: 'https, rewritten',
    send: icap('GET https://origin.test/x HTTP/1.1\r\nHost: origin.test\r\n\r\n'),
    said: rewrite({ set: [['X-A', 'b']] }),
    answer: /\r\n\r\nGET https:\/\/origin.test\/x HTTP\/1.1\r\nHost: origin.test\r\nX-A: b\r\n\r\n$/,
    seen: changed,
  },
  {
    name: 'intercepted: another URL, the same Host',
    send: icap('GET http://origin.test/a?b HTTP/1.1\r\nHost: origin.test\r\n\r\n'),
    said: { ...CAUSE, kind: 'intercept', host: '2001:db8::1', port: 8080, trusted: true },
    answer: /\r\n\r\nGET http:\/\/\[2001:db8::1\]:8080\/a\?b HTTP\/1.1\r\nHost: origin.test\r\n\r\n$/,
    seen: { ...changed, decision: 'intercept' },
  },
  {
    name: 'OPTIONS *, intercepted',
    send: icap('OPTIONS * HTTP/1.1\r\nHost: origin.test\r\n\r\n'),
    said: { ...CAUSE, kind: 'intercept', host: 'other.test', port: 8080, trusted: true },
    answer: /\r\n\r\nOPTIONS http:\/\/other.test:8080 HTTP\/1.1\r\nHost: origin.test\r\n\r\n$/,
    seen: { ...changed, decision: 'intercept' },
  },
  {
    name: 'a path alone, intercepted',
    send: icap('GET /a?b HTTP/1.1\r\nHost: origin.test\r\n\r\n'),
    said: { ...CAUSE, kind: 'intercept', host: 'other.test', port: 8080, trusted: true },
    answer: /\r\n\r\nGET http:\/\/other.test:8080\/a\?b HTTP\/1.1\r\nHost: origin.test\r\n\r\n$/,
    seen: { ...changed, decision: 'intercept' },
  },
  {
    name: 'CONNECT, intercepted',
    send: icap(CONNECT, { fields: 'Preview: 0\r\n' }),
    said: { ...CAUSE, kind: 'intercept', host: '192.0.2.1', port: 8443, trusted: true },
    answer: /\r\n\r\nCONNECT 192.0.2.1:8443 HTTP\/1.1\r\nHost: origin.test:443\r\n\r\n$/,
    seen: { ...changed, decision: 'intercept' },
  },
  {
    name: 'CONNECT, permitted',
    send: icap(CONNECT, { fields: 'Preview: 0\r\n' }),
    answer: UNCHANGED,
    seen: { ...echoed, request: 'CONNECT origin.test:443' },
  },
  {
    name: 'denied: a page',
    send: icap(GET.replace('\r\n\r\n', '\r\nAccept: text/html\r\n\r\n'), { fields: 'Preview: 0\r\n' }),
    said: DENY,
    answer:
      /res-hdr=0, res-body=[0-9]+\r\n\r\nHTTP\/1.1 403 Forbidden\r\n[^]*<!DOCTYPE html>[^]*because[^]*\r\n0\r\n\r\n$/,
    seen: { result: 'TCP_DENIED', failure: 'denied', decision: 'deny', status: 403, reason: 'because' },
  },
  {
    name: 'denied, with another status',
    send: icap(GET),
    said: { ...DENY, status: 451 },
    answer: /\r\n\r\nHTTP\/1.1 451 /,
    seen: { result: 'TCP_DENIED', status: 451 },
  },
  {
    name: 'denied, HEAD: no body',
    send: icap(HEAD),
    said: DENY,
    answer: /res-hdr=0, null-body=[0-9]+\r\n\r\nHTTP\/1.1 403 [^]*\r\nContent-Length: [1-9][0-9]*\r\n\r\n$/,
    seen: { status: 403 },
  },
  {
    name: 'denied, CONNECT: as programs want it',
    send: icap(CONNECT),
    said: DENY,
    answer: /HTTP\/1.1 403 [^]*Content-Type: application\/proxy-explanation\+json\r\n/,
    seen: { status: 403, result: 'TCP_DENIED' },
  },
  {
    name: 'denied, a body that is on its way: read and thrown away',
    send: icap(post(), { body: POSTED }),
    said: DENY,
    answer: /^ICAP\/1\.0 200 OK\r\n[^]*HTTP\/1.1 403 /,
    seen: { status: 403 },
  },
  {
    name: 'nobody can decide',
    send: icap(GET),
    said: { ...DENY, status: 503, broken: true },
    answer: /HTTP\/1.1 503 [^]*\r\nRetry-After: 5\r\n/,
    seen: { status: 503, failure: 'filter-unavailable' },
  },
  {
    name: 'redirected',
    send: icap(GET),
    said: { ...CAUSE, kind: 'redirect', status: 307, location: 'http://block.test/?u=1' },
    answer: /\r\n\r\nHTTP\/1.1 307 Temporary Redirect\r\n[^]*Location: http:\/\/block.test\/\?u=1\r\n/,
    seen: { status: 307, result: 'TCP_REDIRECT', failure: '' },
  },
  {
    name: 'answered',
    send: icap(GET),
    said: { ...CAUSE, kind: 'respond', status: 200, type: 'image/gif', body: toBytes('GIF89a') },
    answer: /Content-Type: image\/gif\r\n[^]*Content-Length: 6\r\n\r\n6\r\nGIF89a\r\n0\r\n\r\n$/,
    seen: { status: 200, result: 'ICAP_SAT', decision: 'respond' },
  },
  {
    name: 'answered with nothing',
    send: icap(GET),
    said: { ...CAUSE, kind: 'respond', status: 204, type: 'text/plain', body: toBytes('') },
    answer: /res-hdr=0, null-body=[0-9]+\r\n\r\nHTTP\/1.1 204 No Content\r\n[^]*\r\n\r\n$/,
    seen: { status: 204, result: 'ICAP_SAT' },
  },
  {
    name: 'closed: a page, for there is nothing to close',
    send: icap(GET),
    said: { ...CAUSE, kind: 'close' },
    answer: /\r\n\r\nHTTP\/1.1 403 /,
    seen: { status: 403, failure: 'denied', reason: 'because' },
  },
  {
    name: 'a head that is no request: a page, and the service is well',
    send: icap('GET http://origin.test/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', { fields: 'Preview: 0\r\n' }),
    answer: /^ICAP\/1\.0 200 OK\r\n[^]*\r\n\r\nHTTP\/1.1 400 /,
    seen: { status: 400, failure: 'bad-host', request: '' },
  },
  {
    name: 'a URL that nobody can judge: a page',
    send: icap('GET gopher://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n\r\n'),
    answer: /^ICAP\/1\.0 200 OK\r\n[^]*\r\n\r\nHTTP\/1.1 400 /,
    seen: { status: 400, failure: 'wrong-scheme' },
  },
  {
    name: 'another version of HTTP: a page',
    send: icap('GET / HTTP/2.0\r\nHost: origin.test\r\n\r\n'),
    answer: /^ICAP\/1\.0 200 OK\r\n[^]*\r\n\r\nHTTP\/1.1 505 /,
    seen: { status: 505, failure: 'version-unknown' },
  },
  {
    name: 'RESPMOD',
    send: icap(GET, { method: 'RESPMOD' }),
    answer: /^ICAP\/1\.0 405 /,
    seen: { status: 405, failure: 'method-refused' },
  },
  {
    name: 'RESPMOD with a response and its body',
    send: icap(`${GET}HTTP/1.1 200 OK\r\n\r\n`, {
      method: 'RESPMOD',
      encapsulated: `req-hdr=0, res-hdr=${GET.length}, res-body=${GET.length + 19}`,
      body: POSTED,
    }),
    answer: /^ICAP\/1\.0 405 /,
    seen: { status: 405 },
  },
  {
    name: 'a method nobody knows',
    send: icap(GET, { method: 'FILEMOD' }),
    answer: /^ICAP\/1\.0 501 /,
    seen: { status: 501, failure: 'method-unknown' },
  },
  {
    name: 'REQMOD with nothing in it',
    send: icap('', { encapsulated: 'null-body=0' }),
    answer: /^ICAP\/1\.0 400 /,
    seen: { status: 400, failure: 'bad-request' },
  },
  {
    name: 'REQMOD with a body alone',
    send: icap('', { encapsulated: 'req-body=0', body: POSTED }),
    answer: /^ICAP\/1\.0 400 /,
    seen: { status: 400, failure: 'bad-request' },
  },
  {
    name: 'REQMOD with a response',
    send: icap('HTTP/1.1 200 OK\r\n\r\n', { encapsulated: 'res-hdr=0, null-body=19' }),
    answer: /^ICAP\/1\.0 400 /,
    seen: { status: 400, failure: 'bad-request' },
  },
  {
    name: 'without Host',
    send: icap(GET, { host: '' }),
    answer: /^ICAP\/1\.0 400 /,
    seen: { status: 400, failure: 'bad-request' },
  },
]

describe.each([['at once', false], ['after a while', true]])('decided %s', (_, later) => {
  test.each(rows)('$name', async ({ send, said = PERMIT, answer, seen }) => {
    const judge = () => later ? Promise.resolve().then(() => said) : said
    const whole = await IcapWorld.open(judge)
    const client = await whole.client()
    await client.send(send)
    const expected = await client.news()
    expect(expected).toMatch(answer)
    expect(expected).toMatch(TAG)
    expect(expected).not.toContain('Connection: close')
    expect(whole.seen).toMatchObject([seen])
    expect(whole.seen[0].bytesIn).toBe(send.length)
    expect(whole.seen[0].bytesOut).toBe(expected.length)
    // The connection goes on, and every request on it is asked about.
    whole.chain(() => PERMIT)
    await client.send(NEXT)
    expect(await client.news()).toMatch(UNCHANGED)
    await client.close()
    expect(await whole.leftovers()).toEqual([])
  })
})

/** An answer with its body in one piece: it is sent on as it comes, in chunks of any size. */
function whole(answer: string): string {
  const offset = /Encapsulated: .*body=([0-9]+)\r\n\r\n/.exec(answer)
  if (offset === null) throw new Error(`no answer: ${answer}`)
  const start = offset.index + offset[0].length + Number(offset[1])
  let text = answer.slice(0, start)
  for (let at = start; at < answer.length;) {
    const line = answer.indexOf('\r\n', at)
    const size = Number.parseInt(answer.slice(at, line), 16)
    text += answer.slice(line + 2, line + 2 + size)
    at = line + 4 + size
  }
  return text
}

describe('cut anywhere', () => {
  test.each(rows)('$name', async ({ send, said = PERMIT }) => {
    const world = await IcapWorld.open(() => said)
    world.proxy.reference = () => 'reference'
    const expected = whole(await world.answers(send))
    for (let at = 1; at < send.length; at++) {
      expect(whole(await world.answers(send.slice(0, at), send.slice(at)))).toBe(expected)
    }
    expect(world.bugs).toEqual([])
  })

  test('byte by byte, one after the other on one connection', async () => {
    const world = await IcapWorld.open(({ path }) => path === '/form' ? rewrite({ set: [['X-A', 'b']] }) : PERMIT)
    const client = await world.client()
    const all = OPTIONS + NEXT + icap(post(), { body: POSTED }) + NEXT
    for (const byte of all) await client.send(byte)
    const said = await client.news()
    expect(said.match(/ICAP\/1\.0 [0-9]+/g)).toEqual([200, 204, 200, 204].map((status) => `ICAP/1.0 ${status}`))
    const [, , third] = said.split(/(?=ICAP\/1\.0 2)/)
    expect(inside(inside(whole(third)))).toBe(SIXTEEN)
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('all at once: answered in order', async () => {
    const world = await IcapWorld.open(({ path }) => path === '/form' ? DENY : PERMIT)
    const client = await world.client()
    await client.send(OPTIONS + NEXT + icap(post(), { body: POSTED }) + NEXT + OPTIONS)
    const said = await client.news()
    expect(said.match(/ICAP\/1\.0 [0-9]+/g)).toEqual([200, 204, 200, 204, 200].map((status) => `ICAP/1.0 ${status}`))
    expect(world.seen.map(({ status }) => status)).toEqual([204, 403, 204])
    expect(world.seen[0].bytesIn).toBe(NEXT.length)
    await client.end()
    expect(client.state).toBe('ended')
    expect(await world.leftovers()).toEqual([])
  })

  test('all at once, and no more: answered to the end', async () => {
    const world = await IcapWorld.open(() => Promise.resolve(PERMIT))
    const client = await world.client()
    await client.send(NEXT + NEXT)
    await client.end()
    expect((await client.news()).match(/ICAP\/1\.0 204/g)).toHaveLength(2)
    expect(client.state).toBe('ended')
    expect(await world.leftovers()).toEqual([])
  })
})

describe('a preview', () => {
  const SHOWN = icap(post(), { body: chunks('0123'), fields: 'Preview: 4\r\n' })

  test('of a body that is sent on: the rest is asked for first', async () => {
    const world = await IcapWorld.open(() => rewrite({ set: [['X-A', 'b']] }))
    const client = await world.client()
    await client.send(SHOWN)
    expect((await client.news()).slice(0, CONTINUE.length)).toBe(CONTINUE)
    await client.send(chunks('456789abcdef'))
    await client.news()
    const said = client.text.slice(CONTINUE.length)
    expect(said).toMatch(/^ICAP\/1\.0 200 OK\r\n/)
    expect(inside(inside(said))).toBe('4\r\n0123\r\nc\r\n456789abcdef\r\n0\r\n\r\n')
    await client.send(NEXT)
    expect(await client.news()).toMatch(/^ICAP\/1\.0 204|^ICAP\/1\.0 200/)
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('cut anywhere', async () => {
    const world = await IcapWorld.open(() => rewrite({ set: [['X-A', 'b']] }))
    for (let at = 1; at < SHOWN.length; at++) {
      const client = await world.client()
      await client.send(SHOWN.slice(0, at), SHOWN.slice(at))
      expect((await client.news()).slice(0, CONTINUE.length)).toBe(CONTINUE)
      await client.send(chunks('456789abcdef'))
      await client.news()
      expect(inside(inside(whole(client.text.slice(CONTINUE.length))))).toBe('0123456789abcdef')
      await client.close()
    }
    expect(await world.leftovers()).toEqual([])
  })

  test('that is answered 204: the next request follows straight', async () => {
    const world = await IcapWorld.open(() => PERMIT)
    const client = await world.client()
    await client.send(SHOWN)
    expect(await client.news()).toMatch(UNCHANGED)
    await client.send(SHOWN)
    expect(await client.news()).toMatch(UNCHANGED)
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('much longer than was asked for', async () => {
    const world = await IcapWorld.open(() => rewrite({ set: [['X-A', 'b']] }))
    const client = await world.client()
    const long = 'x'.repeat(40_000)
    await client.send(icap(post(90_000), { fields: 'Preview: 80000\r\n', body: chunks(long, long) }))
    expect(await client.news()).toMatch(/^ICAP\/1\.0 400 [^]*Connection: close\r\n/)
    expect(client.state).toBe('ended')
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })
})

describe('who asks', () => {
  test.each([
    ['', '127.0.0.1 - GET http origin.test 80 /'],
    ['X-Client-IP: 192.0.2.7\r\n', '192.0.2.7 - GET http origin.test 80 /'],
    ['X-Client-IP: nonsense\r\n', '127.0.0.1 - GET http origin.test 80 /'],
    ['X-Authenticated-User: Qm9i\r\n', '127.0.0.1 Bob GET http origin.test 80 /'],
    ['X-Client-Username: eve\r\nX-Client-IP: 2001:DB8::1\r\n', '2001:db8::1 eve GET http origin.test 80 /'],
  ])('%j', async (fields, asked) => {
    const world = await IcapWorld.open(() => PERMIT)
    await world.answers(icap(GET, { fields }))
    expect(world.asked).toEqual([asked])
    const [client, user] = asked.split(' ')
    expect(world.seen).toMatchObject([{ client, user: user === '-' ? '' : user }])
  })

  test('is said anew with each request', async () => {
    const world = await IcapWorld.open(() => PERMIT)
    await world.answers(icap(GET, { fields: 'X-Client-IP: 192.0.2.7\r\nX-Authenticated-User: a\r\n' }) + icap(GET))
    expect(world.asked.map((line) => line.slice(0, 12))).toEqual(['192.0.2.7 a ', '127.0.0.1 - '])
  })

  test.each([
    ['GET https://Origin.test./a%2e/x?q HTTP/1.1\r\nHost: origin.test\r\n\r\n', 'GET https origin.test 443 /a./x'],
    [CONNECT, 'CONNECT - origin.test 443 '],
    ['GET /x HTTP/1.1\r\nHost: origin.test:8080\r\n\r\n', 'GET http origin.test 8080 /x'],
    ['OPTIONS * HTTP/1.1\r\nHost: origin.test\r\n\r\n', 'OPTIONS - origin.test 80 /*'],
    ['GET http://origin.test/ HTTP/1.0\r\n\r\n', 'GET http origin.test 80 /'],
  ])('what is asked about: %j', async (head, asked) => {
    const world = await IcapWorld.open(() => PERMIT)
    await world.answers(icap(head))
    expect(world.asked).toEqual([`127.0.0.1 - ${asked}`])
  })
})

describe('safe search', () => {
  test('inside tunnels: the engine’s enforcing host', async () => {
    const world = await IcapWorld.open(() => PERMIT, 'listener.icap.safe_search=strict')
    const said = await world.answers(icap('CONNECT www.google.com:443 HTTP/1.1\r\nHost: www.google.com:443\r\n\r\n'))
    expect(inside(said)).toBe('CONNECT forcesafesearch.google.com:443 HTTP/1.1\r\nHost: www.google.com:443\r\n\r\n')
  })

  test('where the request is seen: its query', async () => {
    const world = await IcapWorld.open(() => PERMIT, 'listener.icap.safe_search=strict')
    const said = await world.answers(
      icap('GET http://www.google.com/search?q=x HTTP/1.1\r\nHost: www.google.com\r\n\r\n'),
    )
    expect(inside(said)).toMatch(
      /^GET http:\/\/www.google.com\/search\?q=x&safe=active HTTP\/1.1\r\nHost: www.google.com\r\n/,
    )
  })
})
