/** Request lines and fields (RFC 9112 2, 3, 5; RFC 9110 5): what is taken, and what is refused as what. */

import { describe, expect, test } from 'vitest'
import { everyWay, headOf, run } from './tools.ts'
import { toBytes } from '../../core/bytes/ascii.ts'
import { HEAD_LIMITS } from '../../core/http/parse_head.ts'

const request = (line: string, fields = 'Host: h\r\n'): string => `${line}\r\n${fields}\r\n`
const next = 'GET /next HTTP/1.1\r\nHost: n\r\n\r\n'

describe('request lines that are taken', () => {
  const rows: [title: string, line: string, start: string][] = [
    ['9112 3: the usual', 'GET / HTTP/1.1', 'GET / 1'],
    ['9112 3: HTTP/1.0', 'GET / HTTP/1.0', 'GET / 0'],
    ['9110 6.2: HTTP/1.2 and later are 1.1', 'GET / HTTP/1.9', 'GET / 1'],
    ['9110 9.1: methods are case-sensitive and kept as they are', 'get / HTTP/1.1', 'get / 1'],
    ['9110 5.6.2: a method of any token characters', "A!#$%&'*+-.^_`|~9 / HTTP/1.1", "A!#$%&'*+-.^_`|~9 / 1"],
    ['a method of 32 bytes', `${'M'.repeat(32)} / HTTP/1.1`, `${'M'.repeat(32)} / 1`],
    [
      '3986: every character a URI may have',
      "GET /-._~:/?[]@!$&'()*+,;=%41 HTTP/1.1",
      "GET /-._~:/?[]@!$&'()*+,;=%41 1",
    ],
    ['9112 3.2.2: absolute form', 'GET http://h:80/a?b HTTP/1.1', 'GET http://h:80/a?b 1'],
    ['9112 3.2.3: authority form', 'CONNECT h:443 HTTP/1.1', 'CONNECT h:443 1'],
    ['9112 3.2.4: asterisk form', 'OPTIONS * HTTP/1.1', 'OPTIONS * 1'],
  ]
  test.each(rows)('%s', (_title, line, start) => {
    const result = everyWay('request', request(line) + next)
    expect(result.messages.map((message) => message.start)).toEqual([start, 'GET /next 1'])
    expect(result.end).toBe('waiting')
  })
})

describe('request lines that are refused', () => {
  const rows: [title: string, line: string, code: string][] = [
    ['9112 3: two spaces after the method', 'GET  / HTTP/1.1', 'bad-request'],
    ['9112 3: two spaces before the version', 'GET /  HTTP/1.1', 'bad-request'],
    ['9112 3: a space at the start', ' GET / HTTP/1.1', 'bad-request'],
    ['9112 3: a space at the end', 'GET / HTTP/1.1 ', 'bad-request'],
    ['9112 3: a tab after the method', 'GET\t/ HTTP/1.1', 'bad-request'],
    ['9112 3: a tab before the version', 'GET /\tHTTP/1.1', 'bad-request'],
    ['9112 3: VT between the parts', 'GET\v/ HTTP/1.1', 'bad-request'],
    ['9112 3: FF before the version', 'GET /\fHTTP/1.1', 'bad-target'],
    ['9112 3: a CR between the parts', 'GET /\rHTTP/1.1', 'bad-request'],
    ['9112 3: a method that is no token', 'G(T / HTTP/1.1', 'bad-request'],
    ['9112 3: a method with a byte above 0x7f', 'G\xc9T / HTTP/1.1', 'bad-request'],
    ['9112 3: no method', '/ HTTP/1.1', 'bad-request'],
    ['9112 3: a method of 33 bytes (501)', `${'M'.repeat(33)} / HTTP/1.1`, 'method-unknown'],
    ['9112 3.2: a space in the target', 'GET /a b HTTP/1.1', 'bad-request'],
    ['9112 3.2: NUL in the target', 'GET /\0 HTTP/1.1', 'bad-target'],
    ['9112 3.2: a control in the target', 'GET /\x1f HTTP/1.1', 'bad-target'],
    ['9112 3.2: DEL in the target', 'GET /\x7f HTTP/1.1', 'bad-target'],
    ['9112 3.2: a byte above 0x7f in the target', 'GET /\xe9 HTTP/1.1', 'bad-target'],
    ...['"', '<', '>', '\\', '^', '`', '{', '|', '}'].map((c): [string, string, string] => [
      `9112 3.2: ${c} in the target`,
      `GET /${c} HTTP/1.1`,
      'bad-target',
    ]),
    ['9112 3.2: a fragment in the target', 'GET /a#b HTTP/1.1', 'bad-target'],
    ['9112 2.3: HTTP/0.9', 'GET /', 'bad-request'],
    ['9112 2.3: HTTP/0.9 with a space', 'GET / ', 'bad-request'],
    ['9112 2.3: lower-case version', 'GET / http/1.1', 'bad-request'],
    ['9112 2.3: something after the version', 'GET / HTTP/1.1x', 'bad-request'],
    ['9112 2.3: a major version of two digits', 'GET / HTTP/01.1', 'bad-request'],
    ['9112 2.3: a minor version of two digits', 'GET / HTTP/1.10', 'bad-request'],
    ['9112 2.3: no minor version', 'GET / HTTP/1', 'bad-request'],
    ['9112 2.3: HTTPS/1.1', 'GET / HTTPS/1.1', 'bad-request'],
    ['9110 15.6.6: HTTP/2.0 (505)', 'GET / HTTP/2.0', 'version-unknown'],
    ['9110 15.6.6: HTTP/0.9 said (505)', 'GET / HTTP/0.9', 'version-unknown'],
    ['9110 15.6.6: HTTP/9.9 (505)', 'GET / HTTP/9.9', 'version-unknown'],
    ['9113 3.4: the preface of HTTP/2 (505)', 'PRI * HTTP/2.0', 'version-unknown'],
  ]
  test.each(rows)('%s', (_title, line, code) => {
    const result = everyWay('request', request(line) + next)
    expect(result).toMatchObject({ messages: [], end: code })
  })

  test.each([
    ['a bare LF ends the request line', 'GET / HTTP/1.1\nHost: h\r\n\r\n'],
    ['a TLS ClientHello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['an SSH banner', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['zeros', '\0\0\0\0'],
    ['a status line', 'HTTP/1.1 200 OK\r\n\r\n'],
  ])('9112 2.2: %s', (_title, text) => {
    expect(everyWay('request', text)).toMatchObject({ messages: [], end: 'bad-request' })
  })

  test('garbage is refused before the sender ends', () => {
    for (const text of ['\x16\x03\x01', 'SSH-2.0-OpenSSH_9.2\r\n', 'GET / HTTP/1.1\nHost', '\n', 'GET / x']) {
      expect(run('request', [toBytes(text)], { open: true }).end).toBe('bad-request')
    }
  })

  test('with loose targets, what browsers leave raw is let through, and no more', () => {
    const limits = { ...HEAD_LIMITS, looseTargets: true }
    const line = (c: string): string => `GET /${c} HTTP/1.1\r\nHost: h\r\n\r\n`
    expect(everyWay('request', line('^`{|}\x80\xe9\xff'), { limits }).messages[0].start).toBe(
      'GET /^`{|}\x80\xe9\xff 1',
    )
    for (const c of ['"', '<', '>', '\\', '\0', '\x7f', '#']) {
      expect(everyWay('request', line(c), { limits }).end).toBe('bad-target')
    }
  })
})

describe('9112 2.2: empty lines before a request', () => {
  test.each([1, 2, 3, 4])('%i of them are passed over', (count) => {
    const result = everyWay('request', '\r\n'.repeat(count) + request('GET / HTTP/1.1'))
    expect(result.messages).toHaveLength(1)
  })
  test('five are refused', () => {
    expect(everyWay('request', '\r\n'.repeat(5) + next).end).toBe('bad-request')
  })
  test('they are counted anew for each request', () => {
    expect(everyWay('request', `\r\n\r\n\r\n${next}\r\n\r\n\r\n${next}`).messages).toHaveLength(2)
  })
  test('a lone CR is refused', () => {
    expect(everyWay('request', `\r${next}`).end).toBe('bad-request')
  })
  test('a lone LF is refused', () => {
    expect(everyWay('request', `\n${next}`).end).toBe('bad-request')
  })
  test('nothing but empty lines is no request', () => {
    expect(everyWay('request', '\r\n\r\n\r')).toMatchObject({ messages: [], end: 'waiting' })
  })
})

describe('fields that are taken', () => {
  const rows: [title: string, lines: string, fields: string[]][] = [
    ['9110 5.1: unknown names, their case kept', 'X-FoO: 1\r\n', ['X-FoO: 1']],
    ['9110 5.5: no white space after the colon', 'a:b\r\n', ['a: b']],
    ['9112 5.1: white space around the value is not of it', 'a: \t b\t \r\n', ['a: b']],
    ['9110 5.5: an empty value', 'a:\r\n', ['a: ']],
    ['9110 5.5: a value of white space', 'a: \t \r\n', ['a: ']],
    ['9110 5.5: a tab inside', 'a: b\tc\r\n', ['a: b\tc']],
    ['9110 5.5: bytes above 0x7f as they are', 'a: \x80\x85\xa0\xff\r\n', ['a: \x80\x85\xa0\xff']],
    ['9110 5.6.2: any token is a name', "!#$%&'*+-.^_`|~1: x\r\n", ["!#$%&'*+-.^_`|~1: x"]],
    ['9110 5.3: order kept, nothing joined', 'b: 1\r\na: 2\r\nb: 3\r\n', ['b: 1', 'a: 2', 'b: 3']],
    ['9110 5.5: colons in a value', 'a: b: c\r\n', ['a: b: c']],
  ]
  test.each(rows)('%s', (_title, lines, fields) => {
    const result = everyWay('request', request('GET / HTTP/1.1', `Host: h\r\n${lines}`) + next)
    expect(result.messages[0].fields).toEqual(['Host: h', ...fields])
    expect(result.messages).toHaveLength(2)
  })
})

describe('fields that are refused (400)', () => {
  const rows: [title: string, lines: string][] = [
    ['9112 5.1: a space before the colon', 'a : b\r\n'],
    ['9112 5.1: a tab before the colon', 'a\t: b\r\n'],
    ['9112 5.2: a folded line', 'a: b\r\n c\r\n'],
    ['9112 5.2: a folded line, with a tab', 'a: b\r\n\tc\r\n'],
    ['9112 5.2: a folded line of nothing', 'a: b\r\n \r\n'],
    ['9110 5.1: no colon', 'abc\r\n'],
    ['9110 5.1: no name', ': b\r\n'],
    ['9110 5.1: a name of two words', 'a b: c\r\n'],
    ['9110 5.1: a bracket in a name', 'a[b]: c\r\n'],
    ['9110 5.1: a byte above 0x7f in a name', 'a\xe9: c\r\n'],
    ['9110 5.1: NUL in a name', 'a\0: c\r\n'],
    ['9110 5.5: NUL in a value', 'a: b\0c\r\n'],
    ['9110 5.5: a lone CR in a value', 'a: b\rc\r\n'],
    ['9110 5.5: CR CR LF', 'a: b\r\r\n'],
    ['9112 2.2: a bare LF at the end of a line', 'a: b\nc: d\r\n'],
    ['9112 2.2: a bare LF at the end of the head', 'a: b\r\n\n'],
    ['9112 2.2: a lone CR where the head could end', 'a: b\r\n\rx\r\n'],
    ...[0x01, 0x07, 0x08, 0x0b, 0x0c, 0x0e, 0x1b, 0x1f, 0x7f].map((code): [string, string] => [
      `9110 5.5: control 0x${code.toString(16)} in a value`,
      `a: b${String.fromCharCode(code)}c\r\n`,
    ]),
    ...[0x0b, 0x0c, 0x1c].map((code): [string, string] => [
      `9110 5.6.3: 0x${code.toString(16)} is no white space around a value`,
      `a: ${String.fromCharCode(code)}b\r\n`,
    ]),
  ]
  test.each(rows)('%s', (_title, lines) => {
    const result = everyWay('request', request('GET / HTTP/1.1', `Host: h\r\n${lines}`) + next)
    expect(result).toMatchObject({ messages: [], end: 'bad-request' })
  })

  test.each([' Host: h\r\n', '\tHost: h\r\n', ' \r\nHost: h\r\n'])(
    '9112 2.2: white space before the first field',
    (fields) => {
      expect(everyWay('request', request('GET / HTTP/1.1', fields)).end).toBe('bad-request')
    },
  )
})

describe('9112 3.2: Host', () => {
  test.each([
    ['none in HTTP/1.1', 'GET / HTTP/1.1', ''],
    ['two', 'GET / HTTP/1.1', 'Host: h\r\nHost: i\r\n'],
    ['two that are equal', 'GET / HTTP/1.1', 'Host: h\r\nhost: h\r\n'],
    ['two in HTTP/1.0', 'GET / HTTP/1.0', 'Host: h\r\nHost: h\r\n'],
    ['none in CONNECT', 'CONNECT h:443 HTTP/1.1', ''],
    ['none with an absolute target', 'GET http://h/ HTTP/1.1', ''],
  ])('%s is refused', (_title, line, fields) => {
    expect(everyWay('request', request(line, fields))).toMatchObject({ messages: [], end: 'bad-host' })
  })
  test('HTTP/1.0 may have none', () => {
    expect(everyWay('request', request('GET / HTTP/1.0', '')).messages).toHaveLength(1)
  })
})

describe('limits', () => {
  const small = { ...HEAD_LIMITS, size: 64, target: 20, fields: 3 }
  const exactly = (size: number): string => {
    const empty = 'GET / HTTP/1.1\r\nHost: h\r\nA: \r\n\r\n'
    return `GET / HTTP/1.1\r\nHost: h\r\nA: ${'x'.repeat(size - empty.length)}\r\n\r\n`
  }
  test('a head of just the size', () => {
    const result = everyWay('request', exactly(64) + next, { limits: small })
    expect(result.messages).toHaveLength(2)
  })
  test('9110 5.4: a head one byte too large (431)', () => {
    expect(everyWay('request', exactly(65), { limits: small })).toMatchObject({ messages: [], end: 'head-too-large' })
  })
  test('9110 5.4: a head without end (431), told when it is full', () => {
    const text = `GET / HTTP/1.1\r\nHost: h\r\nA: ${'x'.repeat(100)}`
    expect(everyWay('request', text, { limits: small }).end).toBe('head-too-large')
    expect(everyWay('request', text, { limits: small, open: true }).end).toBe('head-too-large')
  })
  test('what is wrong before the limit counts more than the limit', () => {
    const text = `GET / HTTP/1.1\r\nHost: h\r\nA: \0${'x'.repeat(100)}`
    expect(everyWay('request', text, { limits: small }).end).toBe('bad-request')
  })
  test('a field too many (431)', () => {
    const three = 'Host: h\r\na: 1\r\nb: 2\r\n'
    expect(everyWay('request', request('GET / HTTP/1.1', three), { limits: small }).messages).toHaveLength(1)
    expect(everyWay('request', request('GET / HTTP/1.1', `${three}c: 3\r\n`), { limits: small }).end).toBe(
      'head-too-large',
    )
  })
  test('9112 3: a target of just the size, and one more (414)', () => {
    const target = (size: number): string => request(`GET /${'a'.repeat(size - 1)} HTTP/1.1`)
    expect(everyWay('request', target(20), { limits: small }).messages).toHaveLength(1)
    expect(everyWay('request', target(21), { limits: small })).toMatchObject({ messages: [], end: 'target-too-long' })
  })
  test('9112 3: a target without end (414)', () => {
    const limits = { ...small, target: 1000 }
    expect(everyWay('request', `GET /${'a'.repeat(200)}`, { limits }).end).toBe('target-too-long')
  })
  test('9110 4.1: by default a target of 8000 bytes, a head of 65,535, and 256 fields', () => {
    const long = request(`GET /${'a'.repeat(7999)} HTTP/1.1`)
    expect(run('request', [toBytes(long)]).messages).toHaveLength(1)
    expect(run('request', [toBytes(exactly(65_535))]).messages).toHaveLength(1)
    expect(run('request', [toBytes(exactly(65_536))]).end).toBe('head-too-large')
    const fields = `Host: h\r\n${'x: y\r\n'.repeat(255)}`
    expect(run('request', [toBytes(request('GET / HTTP/1.1', fields))]).messages[0].fields).toHaveLength(256)
    expect(run('request', [toBytes(request('GET / HTTP/1.1', `${fields}x: y\r\n`))]).end).toBe('head-too-large')
  })
  test('a size above what 16-bit offsets reach is cut to it', () => {
    const limits = { ...HEAD_LIMITS, size: 1_000_000 }
    expect(run('request', [toBytes(exactly(65_535))], { limits }).messages).toHaveLength(1)
    expect(run('request', [toBytes(exactly(65_536))], { limits }).end).toBe('head-too-large')
  })
  test('options of Connection are counted', () => {
    const options = (count: number): string =>
      request('GET / HTTP/1.1', `Host: h\r\nConnection: ${'a,'.repeat(count)}\r\n`)
    expect(run('request', [toBytes(options(32))]).messages).toHaveLength(1)
    expect(run('request', [toBytes(options(33))]).end).toBe('bad-request')
  })
})

test('an early end', () => {
  for (const text of ['G', 'GET / HTTP/1.1\r\n', 'GET / HTTP/1.1\r\nHost: h\r\n\r']) {
    expect(everyWay('request', text)).toMatchObject({ messages: [], end: 'client-left' })
  }
})

describe('Head', () => {
  const head = headOf('request', 'POST /a?b HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n')
  test('finds fields by id, and from an index on', () => {
    expect([head.find(1), head.find(1, 1), head.find(3), head.find(26)]).toEqual([0, -1, 3, -1])
    expect([head.get(1), head.get(26)]).toEqual(['h', undefined])
  })
  test('tells the method and the target', () => {
    expect([head.method(), head.target()]).toEqual(['POST', '/a?b'])
    expect(['POST', 'post', 'POS', 'POSTS', ''].map((method) => head.isMethod(method)))
      .toEqual([true, false, false, false, false])
  })
})
