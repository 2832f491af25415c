import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { FAILURES } from '../../core/failure.ts'
import { writeCombined } from '../../core/proxy/log_combined.ts'
import { writeJson } from '../../core/proxy/log_json.ts'
import { writeSquid } from '../../core/proxy/log_squid.ts'
import type { ExchangeRecord } from '../../core/proxy/record.ts'
import { resultCode } from '../../core/proxy/record.ts'
import { headOf, hostileHead, lineOf, recordOf, served } from './records.ts'

const SQUID = /^(\d+)\.(\d{3}) +(\d+) (\S+) ([A-Z_]+)\/(\d{3}) (\d+) (\S+) (\S+) (\S+) ([A-Z_]+)\/(\S+) (\S+)\n$/
const COMBINED =
  /^(\S+) - (\S+) \[(\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000)\] "((?:[ !#-[\]-~]|\\["\\]|\\x[0-9a-f]{2})*)" (\d{3}) (\d+|-) "((?:[ !#-[\]-~]|\\["\\]|\\x[0-9a-f]{2})*)" "((?:[ !#-[\]-~]|\\["\\]|\\x[0-9a-f]{2})*)"\n$/

const get = (target: string, ...fields: string[]) => headOf('request', `GET ${target} HTTP/1.1`, ...fields)
const connect = (target: string) => headOf('request', `CONNECT ${target} HTTP/1.1`, `Host: ${target}`)
const HOST = 'Host: 127.0.0.1:18080'
const origin = { family: 4, address: '127.0.0.1', port: 18080 } as const

describe('writeSquid() gives the lines that Squid 5.7 gave', () => {
  const direct = { origin, hierarchy: 'HIER_DIRECT' } as const
  test.each<[string, string, Partial<ExchangeRecord>]>([
    [
      'a page',
      '1795540555.049      3 127.0.0.1 TCP_MISS/200 232 GET http://127.0.0.1:18080/plain? - HIER_DIRECT/127.0.0.1 text/plain',
      served(),
    ],
    [
      'a redirection',
      '1795540555.046      0 127.0.0.1 TCP_REDIRECT/302 258 GET http://127.0.0.1:18080/okurl? - HIER_NONE/- -',
      { request: get('http://127.0.0.1:18080/okurl?a', HOST), decision: 'redirect', status: 302, bytesOut: 258 },
    ],
    [
      'a refusal',
      '1795540555.046      0 127.0.0.1 TCP_DENIED/403 3423 GET http://blocked.invalid/ - HIER_NONE/- text/html',
      {
        request: get('http://blocked.invalid/', 'Host: blocked.invalid'),
        decision: 'deny',
        failure: 'destination-refused',
        status: 403,
        bytesOut: 3423,
        type: 'text/html; charset=utf-8',
      },
    ],
    [
      'a user',
      '1795540555.063     17 127.0.0.1 TCP_MISS/200 227 GET http://127.0.0.1:18080/auth joe HIER_DIRECT/127.0.0.1 text/plain',
      served({
        request: get('http://127.0.0.1:18080/auth', HOST),
        user: 'joe',
        total: 17.9,
        bytesOut: 227,
      }),
    ],
    [
      'an origin that does not answer',
      '1795540558.051   3005 127.0.0.1 TCP_MISS/504 3495 POST http://127.0.0.1:18080/ - HIER_DIRECT/127.0.0.1 text/html',
      {
        ...direct,
        request: headOf('request', 'POST http://127.0.0.1:18080/ HTTP/1.1', HOST, 'Content-Length: 0'),
        failure: 'response-timeout',
        status: 504,
        bytesOut: 3495,
        type: 'text/html',
        total: 3005,
      },
    ],
    [
      'a tunnel',
      '1795540561.050   6004 127.0.0.1 TCP_TUNNEL/200 39 CONNECT 127.0.0.1:18080 - HIER_DIRECT/127.0.0.1 -',
      {
        ...direct,
        request: connect('127.0.0.1:18080'),
        tunnel: true,
        status: 200,
        bytesOut: 39,
        total: 6004,
      },
    ],
    [
      'a tunnel to nowhere',
      '1795540555.046      0 127.0.0.1 NONE_NONE/503 0 CONNECT 127.0.0.1:1 - HIER_DIRECT/127.0.0.1 -',
      { ...direct, request: connect('127.0.0.1:1'), failure: 'connect-refused', status: 503 },
    ],
    [
      'what is no request',
      '1795540555.046      0 127.0.0.1 NONE_NONE/400 3376 - error:invalid-request - HIER_NONE/- text/html',
      { failure: 'bad-request', status: 400, bytesOut: 3376, type: 'text/html' },
    ],
    [
      'a request too large',
      '1795540555.046      0 127.0.0.1 NONE_NONE/431 3631 - error:request-too-large - HIER_NONE/- text/html',
      { failure: 'head-too-large', status: 431, bytesOut: 3631, type: 'text/html' },
    ],
    [
      'a client that left before it asked',
      '1795540555.046      0 127.0.0.1 NONE_NONE/000 0 - error:transaction-end-before-headers - HIER_NONE/- -',
      { failure: 'client-left' },
    ],
    [
      'a client that left before it was answered',
      '1795540555.046      0 127.0.0.1 TCP_MISS_ABORTED/000 0 GET http://127.0.0.1:18080/hang - HIER_DIRECT/127.0.0.1 -',
      { ...direct, request: get('http://127.0.0.1:18080/hang', HOST), failure: 'client-left' },
    ],
    [
      'a client that left in the middle',
      '1795540555.046      0 127.0.0.1 TCP_MISS_ABORTED/200 189 GET http://127.0.0.1:18080/slow - HIER_DIRECT/127.0.0.1 -',
      {
        ...direct,
        request: get('http://127.0.0.1:18080/slow', HOST),
        failure: 'client-left',
        status: 200,
        bytesOut: 189,
      },
    ],
  ])('%s', (_, line, facts) => {
    expect(lineOf(writeSquid, recordOf(facts))).toBe(`${line}\n`)
  })

  test('Squid writes TCP_MISS/502 for a name that does not exist', () => {
    const line = lineOf(
      writeSquid,
      recordOf({ request: get('http://nowhere.invalid/a?b', 'Host: a'), failure: 'name-not-found', status: 502 }),
    )
    expect(line).toContain(' TCP_MISS/502 0 GET http://nowhere.invalid/a? - HIER_NONE/- -')
  })
})

describe('the elapsed time', () => {
  test.each([
    [0, '     0'],
    [0.99, '     0'],
    [9, '     9'],
    [10, '    10'],
    [99_999, ' 99999'],
    [100_000, '100000'],
    [999_999, '999999'],
    [1_000_000, '1000000'],
    [123_456_789, '123456789'],
  ])('%d ms', (total, text) => {
    expect(lineOf(writeSquid, served({ total }))).toMatch(new RegExp(`^\\d+\\.\\d{3} ${text} 127`))
  })

  test('time is that of the end, and carries into the next second', () => {
    expect(lineOf(writeSquid, served({ started: 1_795_540_555_999.75, total: 0.5 }))).toMatch(/^1795540556\.000 {6}0 /)
    expect(lineOf(writeSquid, served({ started: 1_795_540_555_046, total: 0 }))).toMatch(/^1795540555\.046 /)
  })
})

describe('the URL', () => {
  test.each<[string, Partial<ExchangeRecord>, string, string]>([
    ['as sent', { request: get('http://A.example/B?c=d', 'Host: a') }, 'http://A.example/B?', 'http://A.example/B?c=d'],
    ['without a query', { request: get('http://a/b', 'Host: a') }, 'http://a/b', 'http://a/b'],
    ['with an empty query', { request: get('http://a/b?', 'Host: a') }, 'http://a/b?', 'http://a/b?'],
    ['of a tunnel', { request: connect('a.example:443') }, 'a.example:443', 'a.example:443'],
    [
      'in origin form',
      { request: get('/b?c', 'Host: a.example:81') },
      'http://a.example:81/b?',
      'http://a.example:81/b?c',
    ],
    ['in origin form, without Host', { request: headOf('request', 'GET /b HTTP/1.0') }, '/b', '/b'],
    ['in asterisk form', { request: headOf('request', 'OPTIONS * HTTP/1.1', 'Host: a') }, '*', '*'],
    ['rewritten', { request: get('http://a/b?c', 'Host: a'), url: 'http://z/y?x' }, 'http://z/y?', 'http://z/y?x'],
    ['of nothing', {}, 'error:transaction-end-before-headers', 'error:transaction-end-before-headers'],
    ['too long', { failure: 'target-too-long' }, 'error:request-too-large', 'error:request-too-large'],
    [
      'late',
      { failure: 'head-timeout' },
      'error:transaction-end-before-headers',
      'error:transaction-end-before-headers',
    ],
    ['of TLS', { failure: 'bad-request' }, 'error:invalid-request', 'error:invalid-request'],
  ])('%s', (_, facts, stripped, whole) => {
    expect(SQUID.exec(lineOf(writeSquid, recordOf(facts), true))?.[9]).toBe(stripped)
    expect(SQUID.exec(lineOf(writeSquid, recordOf(facts), false))?.[9]).toBe(whole)
  })

  test.each([
    ['http://joe:secret@a/b', 'http://***@a/b'],
    ['http://joe@a', 'http://***@a'],
    ['http://a@b@c/d@e?f@g', 'http://***@c/d@e?f@g'],
    ['joe:secret@a:443', '***@a:443'],
    ['http://a/b@c', 'http://a/b@c'],
    ['/joe:secret@a', '/joe:secret@a'],
  ])('a password in a refused target is not logged: %s', (target, logged) => {
    const record = recordOf({ request: hostileHead(target, 'a'), failure: 'bad-target', status: 400 })
    expect(SQUID.exec(lineOf(writeSquid, record, false))?.[9]).toBe(logged)
    expect(JSON.parse(lineOf(writeJson, record, false)).url).toBe(logged)
    expect(lineOf(writeCombined, record, false)).toContain(`"GET ${logged} HTTP/1.1"`)
  })

  test('a query that holds the password away from the host is cut with it', () => {
    const record = recordOf({ request: hostileHead('http://a?joe:secret@b/', 'a'), failure: 'bad-target' })
    expect(lineOf(writeSquid, record)).not.toContain('secret')
  })
})

describe('the type', () => {
  test.each([
    ['text/html', 'text/html'],
    ['text/html; charset=utf-8', 'text/html'],
    ['Text/HTML ; charset=utf-8', 'Text/HTML'],
    ['text/html\tx', 'text/html'],
    [';', '-'],
    ['', '-'],
    ['a\xe9"b', 'a%E9"b'],
  ])('%j', (value, logged) => {
    const response = headOf('response', 'HTTP/1.1 200 OK', `Content-Type: ${value}`, 'Content-Length: 0')
    expect(SQUID.exec(lineOf(writeSquid, served({ response })))?.[13]).toBe(logged)
    expect(JSON.parse(lineOf(writeJson, served({ response }))).type).toBe(
      logged === '-' ? null : logged.replace('%E9', '\xe9'),
    )
  })

  test('of an answer of our own, which the origin knows nothing about', () => {
    expect(SQUID.exec(lineOf(writeSquid, served({ type: 'text/html; charset=utf-8' })))?.[13]).toBe('text/html')
  })
})

describe('writeCombined()', () => {
  test.each<[string, Partial<ExchangeRecord>, string]>([
    [
      'a page',
      served(),
      '127.0.0.1 - - [24/Nov/2026:17:15:55 +0000] "GET http://127.0.0.1:18080/plain? HTTP/1.1" 200 232 "http://a/?" "curl/8"',
    ],
    [
      'a target in origin form, HTTP/1.0, nobody told who',
      { request: headOf('request', 'GET /a?b HTTP/1.0'), status: 404, client: '::1', user: 'joe' },
      '::1 - joe [24/Nov/2026:17:15:55 +0000] "GET /a? HTTP/1.0" 404 - "-" "-"',
    ],
    [
      'no request',
      { failure: 'bad-request', status: 400, bytesOut: 10, client: '' },
      '- - - [24/Nov/2026:17:15:55 +0000] "-" 400 10 "-" "-"',
    ],
    [
      'a rewritten one',
      { request: get('http://a/', 'Host: a'), url: 'http://b/"', status: 200, bytesOut: 1 },
      '127.0.0.1 - - [24/Nov/2026:17:15:55 +0000] "GET http://b/\\" HTTP/1.1" 200 1 "-" "-"',
    ],
  ])('%s', (_, facts, line) => {
    expect(lineOf(writeCombined, recordOf(facts))).toBe(`${line}\n`)
  })

  test('the date changes with the second, and back', () => {
    const at = (started: number) => COMBINED.exec(lineOf(writeCombined, served({ started })))?.[3]
    expect(at(1_795_540_555_999)).toBe('24/Nov/2026:17:15:55 +0000')
    expect(at(1_795_540_556_000)).toBe('24/Nov/2026:17:15:56 +0000')
    expect(at(1_795_540_555_000)).toBe('24/Nov/2026:17:15:55 +0000')
  })
})

describe('writeJson()', () => {
  test('all there is to know', () => {
    const record = served({
      queue: 0.1,
      reason: 'on the list “ads”',
      by: 'rules',
      rule: 'no ads',
      category: 'ads',
      user: 'jo',
      id: 'r1',
      reused: true,
      listener: 'a"b',
      uniqueId: 'AC:1',
      tls: { version: 'TLSv1.3', cipher: 'TLS_AES', serverName: 'a.b', clientName: '', verified: false },
      destination: { family: 4, address: '192.0.2.9', port: 80 },
      agrees: false,
    })
    expect(JSON.parse(lineOf(writeJson, record, false))).toEqual({
      time: '2026-11-24T17:15:55.046Z',
      listener: 'a"b',
      client: '127.0.0.1',
      user: 'jo',
      method: 'GET',
      url: 'http://127.0.0.1:18080/plain?q=1',
      version: '1.1',
      status: 200,
      result: 'TCP_MISS',
      failure: null,
      decision: 'permit',
      reason: 'on the list “ads”',
      classifier: 'rules',
      rule: 'no ads',
      category: 'ads',
      hierarchy: 'HIER_DIRECT',
      parent: null,
      origin: '127.0.0.1',
      origin_port: 18080,
      reused: true,
      type: 'text/plain',
      bytes_in: 120,
      bytes_out: 232,
      queue_ms: 0.1,
      dns_ms: 0,
      connect_ms: 1.25,
      first_byte_ms: 2.5,
      total_ms: 3.75,
      referer: 'http://a/?secret',
      user_agent: 'curl/8',
      id: 'r1',
      unique_id: 'AC:1',
      tls: {
        version: 'TLSv1.3',
        cipher: 'TLS_AES',
        server_name: 'a.b',
        client_name: null,
        client_verified: false,
      },
      destination: '192.0.2.9:80',
      destination_agrees: false,
    })
  })

  test('what came by TLS was asked for by https, where it does not say so itself', () => {
    const url = (line: string, secure: boolean): unknown =>
      JSON.parse(lineOf(writeJson, served({ secure, request: headOf('request', line, 'Host: a') }))).url
    expect(url('GET /b HTTP/1.1', true)).toBe('https://a/b')
    expect(url('GET /b HTTP/1.1', false)).toBe('http://a/b')
    expect(url('GET http://a/b HTTP/1.1', true)).toBe('http://a/b')
  })

  test('nothing to know: the same members', () => {
    const line = JSON.parse(lineOf(writeJson, recordOf({ failure: 'bad-request', status: 400, client: '' })))
    expect(Object.keys(line)).toEqual(Object.keys(JSON.parse(lineOf(writeJson, served()))))
    expect(line).toMatchObject({
      client: null,
      method: null,
      url: null,
      version: null,
      failure: 'bad-request',
      origin: null,
      origin_port: null,
      type: null,
      dns_ms: null,
      first_byte_ms: null,
      referer: null,
      total_ms: 0,
      unique_id: null,
      tls: null,
      destination: null,
      destination_agrees: null,
    })
  })

  test.each([[0.0004, 0], [0.0006, 0.001], [1.9996, 2], [59_999.999, 59_999.999], [86_400_000.5, 86_400_000.5]])(
    'a step of %d ms',
    (total, written) => {
      expect(JSON.parse(lineOf(writeJson, served({ total }))).total_ms).toBe(written)
    },
  )
})

describe('resultCode()', () => {
  const request = get('http://a/', 'Host: a')
  test.each<[string, Partial<ExchangeRecord>]>([
    ['TCP_MISS', { request, origin }],
    ['TCP_MISS', { request, origin, decision: 'rewrite' }],
    ['NONE_NONE', { request }], // TRACE or OPTIONS that ends here
    ['NONE_NONE', { request, decision: 'respond' }],
    ['TCP_REDIRECT', { request, decision: 'redirect' }],
    ['TCP_DENIED', { request, decision: 'deny' }],
    ['TCP_TUNNEL', { request: connect('a:1'), origin, tunnel: true }],
    ['TCP_TUNNEL', { request, origin, tunnel: true, failure: 'tunnel-idle' }],
    ['TCP_MISS', { request, failure: 'name-not-found' }],
    ['TCP_MISS', { request, origin, failure: 'origin-left' }],
    ['TCP_MISS', { request, failure: 'loop' }],
    ['TCP_MISS_ABORTED', { request, origin, failure: 'client-left' }],
    ['TCP_MISS_ABORTED', { request, origin, failure: 'stopped' }],
    ['TCP_MISS_TIMEDOUT', { request, origin, failure: 'body-timeout' }],
    ['TCP_MISS', { request, origin, failure: 'bad-body' }],
    ['NONE_NONE_ABORTED', { request: connect('a:1'), origin, failure: 'client-left' }],
    ['NONE_NONE', { request: connect('a:1'), failure: 'name-failed' }],
    ['TCP_DENIED', { request: connect('a:1'), failure: 'port-refused' }],
    ['TCP_DENIED', { request, failure: 'local-refused' }],
    ['TCP_DENIED', { request, failure: 'no-upstream' }],
    ['NONE_NONE', { request, failure: 'bad-target' }],
    ['NONE_NONE', { request, failure: 'expectation-failed' }],
    ['NONE_NONE', { request, failure: 'bug' }],
    ['NONE_NONE', { failure: 'client-left' }],
    ['NONE_NONE', { failure: 'too-many-connections' }],
  ])('%s', (result, facts) => {
    expect(resultCode(recordOf(facts))).toBe(result)
  })

  test('is a code Squid has, whatever happens', () => {
    const codes = /^(TCP_(MISS(_ABORTED|_TIMEDOUT)?|TUNNEL|DENIED|REDIRECT)|NONE_NONE(_ABORTED|_TIMEDOUT)?)$/
    for (const failure of Object.keys(FAILURES) as (keyof typeof FAILURES)[]) {
      for (const head of [null, request, connect('a:1')]) {
        for (const decision of ['permit', 'rewrite', 'redirect', 'deny', 'respond', 'intercept', 'close'] as const) {
          expect(resultCode(recordOf({ failure, request: head, decision }))).toMatch(codes)
        }
      }
    }
  })
})

describe('no client can forge a line', () => {
  const check = (record: ExchangeRecord) => {
    for (const strip of [true, false]) {
      const squid = lineOf(writeSquid, record, strip)
      const combined = lineOf(writeCombined, record, strip)
      const json = lineOf(writeJson, record, strip)
      expect(squid).toMatch(SQUID)
      expect(combined).toMatch(COMBINED)
      expect(json.indexOf('\n')).toBe(json.length - 1)
      expect(json).toMatch(/^[\n -~]*$/)
      JSON.parse(json)
    }
  }

  test('every byte in a target, a field and a type', () => {
    for (let byte = 0; byte < 256; byte++) {
      const letter = String.fromCharCode(byte)
      const record = served({ request: hostileHead(`http://a/${letter}b`, `a${letter}b`), user: `a${letter}b` })
      record.response!.bytes = toBytes(`a/${letter}b`)
      const field = record.response!.find(22)
      record.response!.at[field * 4 + 2] = 0
      record.response!.at[field * 4 + 3] = 4
      check(record)
      const json = JSON.parse(lineOf(writeJson, record, false))
      expect(json.url).toBe(`http://a/${letter}b`) // no byte is lost
      expect(json.user_agent).toBe(`a${letter}b`)
    }
  })

  test.each([
    ['a"b\\c\n"x', '\\"b\\\\c\\x0a\\"x'],
    ['a\r\n127.0.0.1 - - [', '\\x0d\\x0a127.0.0.1 - - ['],
    ['a\x1b[2J', '\\x1b[2J'],
    ['a\xc3\xa9', '\\xc3\\xa9'],
  ])('a user agent like %j', (agent, written) => {
    const line = lineOf(writeCombined, served({ request: hostileHead('http://a/', agent) }))
    expect(line.endsWith(` "a${written}"\n`)).toBe(true)
  })

  test('a target like a line', () => {
    const target = '/ HTTP/1.1" 200 1 "-" "-"\n1.1.1.1 - - ['
    const record = served({ request: hostileHead(target, 'a') })
    check(record)
    expect(SQUID.exec(lineOf(writeSquid, record))?.[9]).toBe(
      '/%20HTTP/1.1"%20200%201%20"-"%20"-"%0A1.1.1.1%20-%20-%20[',
    )
  })

  test('any bytes, any text (property)', () => {
    const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)) })
    const text = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(bytes, bytes.filter((agent) => agent !== ''), text, text, text, (target, agent, user, reason, id) => {
        const request = hostileHead(`x${target}`, agent)
        check(served({ request, user, reason, id, client: user, listener: id, url: reason }))
        check(served({ request, user, reason, id }))
        expect(JSON.parse(lineOf(writeJson, served({ request, reason }))).reason).toBe(reason === '' ? null : reason)
      }),
      { numRuns: 300 },
    )
  })

  test('a target of 32 KB that is all escapes', () => {
    check(served({ request: hostileHead('\x01'.repeat(32_000), '\x01'.repeat(30_000)) }))
  })
})
