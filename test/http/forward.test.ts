/** Outgoing heads: what a proxy keeps, drops and adds (RFC 9110 7.6). */

import { describe, expect, test } from 'vitest'
import { latin1 } from '../../core/bytes/ascii.ts'
import { ByteWriter } from '../../core/bytes/writer.ts'
import {
  hasVia,
  isUpgradeAnswer,
  maxForwards,
  type RequestForwarding,
  type ResponseForwarding,
  writeRequestHead,
  writeResponseHead,
} from '../../core/http/forward.ts'
import { parseTarget } from '../../core/http/target.ts'
import { headOf, type RunOptions } from './tools.ts'

const plain: RequestForwarding = {
  form: 'origin',
  via: '',
  forwardedFor: 'off',
  forwarded: false,
  transparent: false,
  client: '192.0.2.1',
  expect: true,
  upgrades: ['websocket'],
  keepAlive: true,
  chunked: false,
  trailers: true,
  maxForwards: -1,
  hostFromTarget: true,
}
const plainResponse: ResponseForwarding = {
  via: '',
  close: false,
  keepAlive: false,
  framing: 'as-is',
  upgrade: false,
  date: '',
  trailers: true,
}

const request = (text: string, how: Partial<RequestForwarding> = {}): string => {
  const head = headOf('request', text)
  const out = new ByteWriter(16)
  writeRequestHead(out, head, parseTarget(head), { ...plain, ...how })
  return latin1(out.view())
}
/** The lines after Host of a GET with these fields. */
const fields = (lines: string, how: Partial<RequestForwarding> = {}): string => {
  const text = request(`GET http://h/ HTTP/1.1\r\nHost: h\r\n${lines}\r\n`, how)
  const start = 'GET / HTTP/1.1\r\nHost: h\r\n'
  if (!text.startsWith(start) || !text.endsWith('\r\n\r\n')) throw new Error(text)
  return text.slice(start.length, -2)
}
const response = (text: string, how: Partial<ResponseForwarding> = {}, options: RunOptions = {}): string => {
  const out = new ByteWriter(16)
  writeResponseHead(out, headOf('response', text, options), { ...plainResponse, ...how })
  return latin1(out.view())
}

describe('what came by TLS', () => {
  const of = (forwardedFor: RequestForwarding['forwardedFor'], came: string, how: Partial<RequestForwarding> = {}) =>
    fields(came, { secure: true, forwardedFor, client: '', ...how })
  const theirs = 'X-Forwarded-Proto: gopher\r\n'
  test.each<[string, string, string]>([
    ['is said to the origin', of('append', ''), 'X-Forwarded-Proto: https\r\n'],
    ['whatever the client says', of('append', `${theirs}${theirs}`), 'X-Forwarded-Proto: https\r\n'],
    ['unless fields stay as they came', of('off', theirs), theirs],
    ['or go', of('delete', theirs), ''],
    ['or nothing is revealed', of('append', theirs, { transparent: true }), ''],
    ['and what did not is as it was', of('append', theirs, { secure: false }), theirs],
    [
      'and is the protocol of Forwarded',
      of('off', '', { forwarded: true, client: '192.0.2.1' }),
      'Forwarded: for=192.0.2.1;host="h";proto=https\r\n',
    ],
  ])('%s', (_, written, expected) => {
    expect(written).toBe(expected)
  })
})

describe('the request line', () => {
  const rows: [title: string, line: string, how: Partial<RequestForwarding>, expected: string][] = [
    ['9112 3.2.1: origin form', 'GET http://h/a?b', {}, 'GET /a?b'],
    ['9110 7.7: an empty path', 'GET http://h', {}, 'GET /'],
    ['9110 7.7: an empty path with a query', 'GET http://h?q=/', {}, 'GET /?q=/'],
    ['9110 7.7: nothing else of the path is changed', 'GET http://h/%7e/../a//b?', {}, 'GET /%7e/../a//b?'],
    ['9112 3.2.4: OPTIONS of a whole server', 'OPTIONS http://h', {}, 'OPTIONS *'],
    ['9112 3.2.4: OPTIONS of a path', 'OPTIONS http://h/', {}, 'OPTIONS /'],
    ['9112 3.2.4: OPTIONS of a query', 'OPTIONS http://h?q', {}, 'OPTIONS /?q'],
    ['9112 3.2.4: OPTIONS *', 'OPTIONS *', {}, 'OPTIONS *'],
    ['9110 9.1: the method as it is', 'get http://h/', {}, 'get /'],
    ['9112 3.2.2: absolute form to a parent', 'GET http://h:81/a', { form: 'absolute' }, 'GET http://h:81/a'],
    ['9112 3.2.2: absolute form of an origin form', 'GET /a', { form: 'absolute' }, 'GET http://h/a'],
    ['9112 3.2.2: absolute form of the asterisk', 'OPTIONS *', { form: 'absolute' }, 'OPTIONS http://h'],
    ['9112 3.2.3: CONNECT to a parent', 'CONNECT h:443', { form: 'absolute' }, 'CONNECT h:443'],
  ]
  test.each(rows)('%s', (_title, line, how, expected) => {
    expect(request(`${line} HTTP/1.1\r\nHost: h\r\n\r\n`, how).split(' HTTP/1.1\r\n')[0]).toBe(expected)
  })
  test('9112 2.3: always our own version', () => {
    expect(request('GET http://h/ HTTP/1.0\r\n\r\n')).toBe('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
    expect(request('GET http://h/ HTTP/1.9\r\nHost: h\r\n\r\n')).toBe('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  })
})

describe('9112 3.2.2: Host', () => {
  test.each([
    ['http://Example.COM.:80/', 'Example.COM.:80'],
    ['http://example.com:/', 'example.com'],
    ['http://[2001:DB8::1]:81/', '[2001:DB8::1]:81'],
    ['http://127.1/', '127.1'],
  ])('is made from the target as it was written: %s', (target, host) => {
    expect(request(`GET ${target} HTTP/1.1\r\nA: 1\r\nHost: other\r\nB: 2\r\n\r\n`))
      .toBe(`GET / HTTP/1.1\r\nHost: ${host}\r\nA: 1\r\nB: 2\r\n\r\n`)
  })
  test('goes on where it is, when it is not to be made', () => {
    expect(request('GET /x HTTP/1.1\r\nA: 1\r\nhost:  H \r\nB: 2\r\n\r\n', { hostFromTarget: false }))
      .toBe('GET /x HTTP/1.1\r\nA: 1\r\nhost:  H \r\nB: 2\r\n\r\n')
  })
  test('is added for HTTP/1.0 without one', () => {
    expect(request('GET /x HTTP/1.0\r\nA: 1\r\n\r\n', { hostFromTarget: false }))
      .toBe('GET /x HTTP/1.1\r\nHost: \r\nA: 1\r\n\r\n')
  })
})

describe('fields of requests', () => {
  type Row = [title: string, lines: string, expected: string, how?: Partial<RequestForwarding>]
  const rows: Row[] = [
    ['9110 5.3: kept in order, as they were written', 'b:1\r\nA:  2\t\r\nb: 3\r\n', 'b:1\r\nA:  2\t\r\nb: 3\r\n'],
    [
      '9110 7.6.1: hop-by-hop fields go',
      'A: 1\r\nConnection: x-a, keep-alive\r\nX-A: 2\r\nKeep-Alive: 5\r\n' +
      'Proxy-Connection: x\r\nB: 2\r\n',
      'A: 1\r\nB: 2\r\n',
    ],
    ['9110 7.6.1: ... at the start and the end too', 'Connection: x-b\r\nA: 1\r\nX-B: 1\r\n', 'A: 1\r\n'],
    [
      '9110 11.7.2: Proxy-Authorization goes, Authorization stays',
      'Proxy-Authorization: a\r\nAuthorization: b\r\n',
      'Authorization: b\r\n',
    ],
    ['9110 10.1.4: TE: trailers', 'TE: gzip, trailers\r\nConnection: TE\r\n', 'TE: trailers\r\nConnection: TE\r\n'],
    ['9110 10.1.4: TE, where trailers are not wanted', 'TE: trailers\r\nConnection: TE\r\n', '', { trailers: false }],
    ['9110 10.1.4: TE of anything else', 'TE: gzip\r\nConnection: TE\r\n', ''],
    [
      '9110 7.8: an upgrade let through',
      'Upgrade: WebSocket\r\nConnection: Upgrade\r\n',
      'Upgrade: WebSocket\r\nConnection: upgrade\r\n',
    ],
    [
      '9110 7.8: only what is let through',
      'Upgrade: foo, websocket\r\nUpgrade: bar/2\r\nConnection: Upgrade\r\n',
      'Upgrade: websocket\r\nConnection: upgrade\r\n',
    ],
    ['9110 7.8: an upgrade not let through', 'Upgrade: foo\r\nConnection: Upgrade\r\n', ''],
    ['9110 7.8: an upgrade Connection does not name', 'Upgrade: websocket\r\n', ''],
    ['9113 3.1: never h2c', 'Upgrade: h2c\r\nHTTP2-Settings: a\r\nConnection: Upgrade, HTTP2-Settings\r\n', '', {
      upgrades: ['h2c'],
    }],
    ['9112 9.6: close to the origin', 'A: 1\r\n', 'A: 1\r\nConnection: close\r\n', { keepAlive: false }],
    ['9112 9.6: close and TE', 'TE: trailers\r\n', 'TE: trailers\r\nConnection: close, TE\r\n', { keepAlive: false }],
    ['9110 7.6.3: Via is added', 'Via: 1.0 a\r\nA: 1\r\n', 'Via: 1.0 a\r\nA: 1\r\nVia: 1.1 exa\r\n', { via: 'exa' }],
    ['7239: X-Forwarded-For is added', 'A: 1\r\n', 'A: 1\r\nX-Forwarded-For: 192.0.2.1\r\n', {
      forwardedFor: 'append',
    }],
    [
      '7239: X-Forwarded-For is appended to, in one line',
      'X-Forwarded-For: 1, 2\r\nA: 1\r\nx-forwarded-for: 3\r\n' +
      'X-Forwarded-For:\r\n',
      'A: 1\r\nX-Forwarded-For: 1, 2, 3, 192.0.2.1\r\n',
      { forwardedFor: 'append' },
    ],
    ['7239: X-Forwarded-For is left alone', 'X-Forwarded-For: 1\r\n', 'X-Forwarded-For: 1\r\n', {
      forwardedFor: 'off',
    }],
    ['7239: X-Forwarded-For of a client without an address', 'X-Forwarded-For: 1\r\n', 'X-Forwarded-For: 1\r\n', {
      forwardedFor: 'append',
      client: '',
      forwarded: true,
    }],
    [
      '7239: X-Forwarded-For and its like are taken out',
      'X-Forwarded-For: 1\r\nForwarded: for=1\r\nA: 1\r\n',
      'A: 1\r\n',
      {
        forwardedFor: 'delete',
      },
    ],
    [
      '7239: Forwarded is added',
      'Forwarded: for=1\r\n',
      'Forwarded: for=1\r\nForwarded: for=192.0.2.1;host="h";proto=http\r\n',
      {
        forwarded: true,
      },
    ],
    ['7239 6: IPv6 in brackets and quotes', '', 'Forwarded: for="[2001:db8::1]";by="[::1]";host="h";proto=http\r\n', {
      forwarded: true,
      client: '2001:db8::1',
      listener: '::1',
    }],
    [
      '7239 6: a zone is of our own link, and means nothing to others',
      'X-Forwarded-For: 1\r\n',
      'X-Forwarded-For: 1, fe80::2\r\nForwarded: for="[fe80::2]";by="[fe80::1]";host="h";proto=http\r\n',
      { forwarded: true, forwardedFor: 'append', client: 'fe80::2%eth0', listener: 'fe80::1%eth0' },
    ],
    [
      'transparent: nothing of anybody',
      'Via: 1.1 a\r\nX-Forwarded-For: 1\r\nForwarded: for=1\r\nX-Real-IP: 1\r\nA: 1\r\n',
      'A: 1\r\n',
      { transparent: true, via: 'exa', forwardedFor: 'append', forwarded: true },
    ],
    ['9110 7.6.2: Max-Forwards is counted down', 'Max-Forwards: 3\r\nA: 1\r\n', 'Max-Forwards: 2\r\nA: 1\r\n', {
      maxForwards: 2,
    }],
    ['9110 7.6.2: Max-Forwards is never added', 'A: 1\r\n', 'A: 1\r\n', { maxForwards: 2 }],
    ['9110 7.6.2: Max-Forwards left alone', 'Max-Forwards: 3\r\n', 'Max-Forwards: 3\r\n'],
  ]
  test.each(rows)('%s', (_title, lines, expected, how = {}) => {
    expect(fields(lines, how)).toBe(expected)
  })
  test('9110 7.6.3: Via names the version that was received', () => {
    expect(request('GET http://h/ HTTP/1.0\r\n\r\n', { via: 'exa' })).toContain('\r\nVia: 1.0 exa\r\n')
  })
})

describe('framing of requests', () => {
  const post = (lines: string, how: Partial<RequestForwarding> = {}, version = '1.1'): string =>
    request(`POST http://h/ HTTP/${version}\r\nHost: h\r\n${lines}\r\n`, how).slice(
      'POST / HTTP/1.1\r\nHost: h\r\n'.length,
    )
  const te = 'Transfer-Encoding: chunked\r\n'
  const rows: [title: string, lines: string, expected: string, how?: Partial<RequestForwarding>][] = [
    ['9112 6.2: a length', 'content-length: 3\r\n', 'content-length: 3\r\n\r\n'],
    ['9112 6.2: a length of nothing', 'Content-Length: 0\r\n', 'Content-Length: 0\r\n\r\n'],
    [
      '9110 8.6: leading zeros go',
      'A: 1\r\ncontent-length: 003\r\nB: 2\r\n',
      'A: 1\r\nContent-Length: 3\r\nB: 2\r\n\r\n',
    ],
    ['9110 8.6: zeros', 'Content-Length: 000\r\n', 'Content-Length: 0\r\n\r\n'],
    ['9112 7: chunks are made anew', 'transfer-encoding: Chunked\r\nA: 1\r\n', `A: 1\r\n${te}\r\n`, { chunked: true }],
    ['9112 7: a length becomes chunks', 'Content-Length: 3\r\nA: 1\r\n', `A: 1\r\n${te}\r\n`, { chunked: true }],
    ['9110 6.6.2: Trailer goes with trailers', `${te}Trailer: a\r\n`, `Trailer: a\r\n${te}\r\n`, { chunked: true }],
    ['9110 6.6.2: Trailer without trailers', `${te}Trailer: a\r\n`, `${te}\r\n`, { chunked: true, trailers: false }],
    ['9110 6.6.2: Trailer without chunks', 'Trailer: a\r\nContent-Length: 3\r\n', 'Content-Length: 3\r\n\r\n'],
    [
      '9110 10.1.1: Expect goes on',
      'Expect: 100-continue\r\nContent-Length: 3\r\n',
      'Expect: 100-continue\r\nContent-Length: 3\r\n\r\n',
    ],
    [
      '9110 10.1.1: Expect is answered here',
      'Expect: 100-continue\r\nContent-Length: 3\r\n',
      'Content-Length: 3\r\n\r\n',
      {
        expect: false,
      },
    ],
  ]
  test.each(rows)('%s', (_title, lines, expected, how = {}) => {
    expect(post(lines, how)).toBe(expected)
  })
  test('9110 10.1.1: Expect of HTTP/1.0 stays here', () => {
    expect(post('Expect: 100-continue\r\nContent-Length: 3\r\n', {}, '1.0')).toBe('Content-Length: 3\r\n\r\n')
  })
  test('9110 9.3.6: CONNECT has no length', () => {
    expect(request('CONNECT h:443 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n')).not.toContain('Length')
  })
  test('a chunked request never goes out without its framing', () => {
    expect(() => post(te)).toThrow('chunked')
  })
})

describe('responses', () => {
  const te = 'Transfer-Encoding: chunked\r\n'
  type Row = [title: string, text: string, expected: string, how?: Partial<ResponseForwarding>, options?: RunOptions]
  const rows: Row[] = [
    [
      '9112 4: status and reason as they are',
      'HTTP/1.1 299 \xe9t\xe9\r\nContent-Length: 0\r\n',
      'HTTP/1.1 299 \xe9t\xe9\r\nContent-Length: 0\r\n',
    ],
    [
      '9112 4: the space without a reason',
      'HTTP/1.1 200\r\nContent-Length: 0\r\n',
      'HTTP/1.1 200 \r\nContent-Length: 0\r\n',
    ],
    [
      '9112 2.3: our own version',
      'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n',
    ],
    [
      '9110 7.6.1: hop-by-hop fields go',
      'HTTP/1.1 200 OK\r\nConnection: x-a\r\nA: 1\r\nX-A: 2\r\nKeep-Alive: 5\r\nContent-Length: 0\r\n',
      'HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 0\r\n',
    ],
    [
      '9110 5.3: Set-Cookie lines stay apart',
      'HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nset-cookie: b, c\r\nContent-Length: 0\r\n',
      'HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nset-cookie: b, c\r\nContent-Length: 0\r\n',
    ],
    [
      '9110 11.7.1: Proxy-Authenticate is relayed',
      'HTTP/1.1 407 X\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n',
      'HTTP/1.1 407 X\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n',
    ],
    [
      '9110 8.6: leading zeros go',
      'HTTP/1.1 200 OK\r\nContent-Length: 003\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n',
    ],
    [
      '9110 8.6: equal lengths become one',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: 1\r\nContent-Length: 3\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: 1\r\n',
    ],
    ['9112 7: chunks stay chunks', `HTTP/1.1 200 OK\r\n${te}`, `HTTP/1.1 200 OK\r\n${te}`],
    ['9112 6.1: chunks to HTTP/1.0', `HTTP/1.1 200 OK\r\n${te}`, 'HTTP/1.1 200 OK\r\nConnection: close\r\n', {
      framing: 'close',
      close: true,
    }],
    ['9112 6.3: the end of the connection becomes chunks', 'HTTP/1.1 200 OK\r\n', `HTTP/1.1 200 OK\r\n${te}`, {
      framing: 'chunked',
    }],
    [
      '9112 6.3: of two framings the chunks',
      `HTTP/1.1 200 OK\r\nContent-Length: 3\r\n${te}`,
      `HTTP/1.1 200 OK\r\n${te}`,
    ],
    ['9112 6.1: no framing on 204', `HTTP/1.1 204 X\r\nContent-Length: 3\r\n${te}`, 'HTTP/1.1 204 X\r\n'],
    ['9112 6.1: ... even when asked for', 'HTTP/1.1 204 X\r\n', 'HTTP/1.1 204 X\r\n', { framing: 'chunked' }],
    [
      '9112 6.1: no framing on 103',
      `HTTP/1.1 103 X\r\nLink: a\r\nContent-Length: 3\r\n`,
      'HTTP/1.1 103 X\r\nLink: a\r\n',
    ],
    [
      '9110 8.6: the length of an answer to HEAD',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n',
      {},
      {
        answering: [{ head: true }],
      },
    ],
    [
      '9110 8.6: the length of 304',
      'HTTP/1.1 304 X\r\nContent-Length: 3\r\n',
      'HTTP/1.1 304 X\r\nContent-Length: 3\r\n',
    ],
    [
      '9110 6.6.1: Date is added',
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: now\r\n',
      {
        date: 'now',
      },
    ],
    [
      '9110 6.6.1: Date is left alone',
      'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 0\r\n',
      'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 0\r\n',
      { date: 'now' },
    ],
    ['9110 6.6.1: not on interim responses', 'HTTP/1.1 103 X\r\n', 'HTTP/1.1 103 X\r\n', { date: 'now' }],
    [
      '9110 7.6.3: Via is added',
      'HTTP/1.0 200 OK\r\nVia: 1.1 a\r\nContent-Length: 0\r\n',
      'HTTP/1.1 200 OK\r\nVia: 1.1 a\r\nContent-Length: 0\r\nVia: 1.0 exa\r\n',
      { via: 'exa' },
    ],
    [
      '9112 9.6: close',
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n',
      {
        close: true,
      },
    ],
    [
      '9112 9.3: keep-alive to HTTP/1.0',
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n',
      { keepAlive: true },
    ],
    [
      '9110 15.2.2: a switch',
      'HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: a\r\n',
      'HTTP/1.1 101 X\r\nSec-WebSocket-Accept: a\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n',
      { upgrade: true },
    ],
    [
      '9110 7.8: Upgrade on anything else stays here',
      'HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 0\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n',
    ],
    [
      '9110 6.6.2: Trailer with trailers',
      `HTTP/1.1 200 OK\r\nTrailer: a\r\n${te}`,
      `HTTP/1.1 200 OK\r\nTrailer: a\r\n${te}`,
    ],
    ['9110 6.6.2: Trailer without', `HTTP/1.1 200 OK\r\nTrailer: a\r\n${te}`, `HTTP/1.1 200 OK\r\n${te}`, {
      trailers: false,
    }],
    [
      '9112 5.1: white space before the colon',
      'HTTP/1.1 200 OK\r\nA : 1\r\nContent-Length: 0\r\n',
      'HTTP/1.1 200 OK\r\nA:  1\r\nContent-Length: 0\r\n',
    ],
  ]
  test.each(rows)('%s', (_title, text, expected, how = {}, options = {}) => {
    expect(response(`${text}\r\n`, how, options)).toBe(`${expected}\r\n`)
  })
})

describe('9110 7.6.3: hasVia', () => {
  const has = (via: string): boolean => hasVia(headOf('request', `GET / HTTP/1.1\r\nHost: h\r\n${via}\r\n`), 'ExaProxy')
  test.each([
    'Via: 1.1 exaproxy\r\n',
    'Via: 1.0 fred, 1.1 exaproxy (comment)\r\n',
    'Via: HTTP/1.1 EXAPROXY\r\n',
    'Via: 1.1 fred\r\nVia: 1.1 exaproxy, 1.1 next\r\n',
    'Via: 1.1 fred (a, (b) c), 1.1\texaproxy\r\n',
    'Via: 1.1 fred (\\)), 1.1 exaproxy\r\n',
    'Via: ,,1.1  exaproxy\r\n',
  ])('%j', (via) => expect(has(via)).toBe(true))
  test.each([
    '',
    'Via: 1.1 exaproxy2\r\n',
    'Via: 1.1 my-exaproxy\r\n',
    'Via: 1.1 fred (exaproxy)\r\n',
    'Via: 1.1 fred (1.1 exaproxy, 1.1 exaproxy)\r\n',
    'Via: 1.1 fred (1.1, 1.1 exaproxy\r\n',
    'Via: 1.1 fred (\\), 1.1 exaproxy)\r\n',
    'Via: exaproxy 1.1\r\n',
    'X-Via: 1.1 exaproxy\r\n',
    'Via: 1.1 exaproxy:80\r\n',
  ])('not %j', (via) => expect(has(via)).toBe(false))
})

describe('9110 7.6.2: maxForwards', () => {
  const max = (method: string, lines: string): number =>
    maxForwards(headOf('request', `${method} / HTTP/1.1\r\nHost: h\r\n${lines}\r\n`))
  test('of TRACE and OPTIONS only', () => {
    expect([max('TRACE', 'Max-Forwards: 0\r\n'), max('OPTIONS', 'max-forwards: 10\r\n')]).toEqual([0, 10])
    expect([max('GET', 'Max-Forwards: 0\r\n'), max('GET', 'Max-Forwards: x\r\n'), max('TRACE', '')]).toEqual([
      -1,
      -1,
      -1,
    ])
  })
  test.each(['x', '-1', '1.0', '', '1, 2', '+1'])('%j is refused', (value) => {
    expect(() => max('TRACE', `Max-Forwards: ${value}\r\n`)).toThrow('bad-request')
  })
  test('two are refused', () => {
    expect(() => max('TRACE', 'Max-Forwards: 1\r\nMax-Forwards: 1\r\n')).toThrow('bad-request')
  })
})

describe('9110 7.8: upgrades', () => {
  const ask = (upgrade: string): ReturnType<typeof headOf> =>
    headOf('request', `GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\n${upgrade}\r\n`)
  const answer = (lines: string, status = 101): ReturnType<typeof headOf> =>
    headOf('response', `HTTP/1.1 ${status} X\r\n${lines}\r\n`)
  const websocket = 'Connection: Upgrade\r\nUpgrade: WebSocket\r\n'
  test('what is asked for and let through may be answered', () => {
    const request = ask('Upgrade: websocket\r\n')
    expect(isUpgradeAnswer(answer(websocket), request, ['websocket'])).toBe(true)
  })
  test('nothing else', () => {
    const request = ask('Upgrade: websocket, foo\r\n')
    expect(isUpgradeAnswer(answer(websocket, 200), request, ['websocket'])).toBe(false)
    expect(isUpgradeAnswer(answer('Upgrade: websocket\r\n'), request, ['websocket'])).toBe(false)
    expect(isUpgradeAnswer(answer('Connection: upgrade\r\n'), request, ['websocket'])).toBe(false)
    expect(isUpgradeAnswer(answer('Connection: upgrade\r\nUpgrade: foo\r\n'), request, ['websocket'])).toBe(false)
    expect(isUpgradeAnswer(answer('Connection: upgrade\r\nUpgrade:\r\n'), request, ['websocket'])).toBe(false)
    expect(isUpgradeAnswer(answer('Connection: upgrade\r\nUpgrade:\r\n'), ask('Upgrade: foo\r\n'), [])).toBe(false)
    expect(isUpgradeAnswer(answer(websocket), ask(''), ['websocket'])).toBe(false)
    expect(isUpgradeAnswer(answer(websocket), request, [])).toBe(false)
  })
})
