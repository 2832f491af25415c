/** Where a request wants to go (RFC 9112 3.2, RFC 9110 4.2 and 7.1): one reading, however it was written. */

import { describe, expect, test } from 'vitest'
import { latin1 } from '../../core/bytes/ascii.ts'
import { Failure } from '../../core/failure.ts'
import { newTarget, parseTarget, type Target } from '../../core/http/target.ts'
import { headOf } from './tools.ts'

interface Written {
  host: string
  port: string
  authority: string
  path: string
}

const targetOf = (
  method: string,
  text: string,
  host: string | null = 'h',
  minor = 1,
): Target & { written: Written } => {
  const field = host === null ? '' : `Host: ${host}\r\n`
  const head = headOf('request', `${method} ${text} HTTP/1.${minor}\r\nA: b\r\n${field}\r\n`)
  const target = parseTarget(head)
  const piece = (start: number, end: number): string => latin1(head.bytes, start, end)
  return {
    ...target,
    written: {
      host: piece(target.hostStart, target.hostEnd),
      port: piece(target.portStart, target.portEnd),
      authority: piece(target.authorityStart, target.authorityEnd),
      path: piece(target.pathStart, target.pathEnd),
    },
  }
}

const failure = (method: string, text: string, host: string | null = 'h', minor = 1): string => {
  try {
    targetOf(method, text, host, minor)
  } catch (error) {
    if (error instanceof Failure) return error.code
    throw error
  }
  return 'taken'
}

describe('forms', () => {
  test('9112 3.2.1: origin form takes host and port from Host', () => {
    expect(targetOf('GET', '/a?b', 'Example.COM:8080')).toMatchObject({
      form: 'origin',
      scheme: 'http',
      host: 'example.com',
      port: 8080,
      written: { host: 'Example.COM', port: '8080', authority: 'Example.COM:8080', path: '/a?b' },
    })
  })
  test('9112 3.2.1: a path of two slashes is a path', () => {
    expect(targetOf('GET', '//evil/x')).toMatchObject({ form: 'origin', host: 'h', written: { path: '//evil/x' } })
  })
  test('9112 3.2: HTTP/1.0 without Host has no host', () => {
    expect(targetOf('GET', '/', null, 0)).toMatchObject({
      form: 'origin',
      host: '',
      port: 80,
      written: { authority: '' },
    })
  })
  test('9112 3.2.2: absolute form does not look at Host', () => {
    expect(targetOf('GET', 'http://Example.com/a?b', 'other:99')).toMatchObject({
      form: 'absolute',
      scheme: 'http',
      host: 'example.com',
      port: 80,
      written: { host: 'Example.com', port: '', authority: 'Example.com', path: '/a?b' },
    })
  })
  test.each([
    ['http://a', '', 80],
    ['http://a?q', '?q', 80],
    ['http://a/', '/', 80],
    ['HTTP://a:81/x', '/x', 81],
    ['http://a:/x', '/x', 80],
    ['http://a:00080/', '/', 80],
    ['http://a:65535', '', 65_535],
  ])('9110 4.2.1: %s', (text, path, port) => {
    expect(targetOf('GET', text)).toMatchObject({ form: 'absolute', host: 'a', port, written: { path } })
  })
  test('9112 3.2.3: authority form', () => {
    expect(targetOf('CONNECT', 'Example.com:443', 'example.com')).toMatchObject({
      form: 'authority',
      scheme: '',
      host: 'example.com',
      port: 443,
      written: { host: 'Example.com', port: '443', authority: 'Example.com:443', path: '' },
    })
    expect(targetOf('CONNECT', '[2001:DB8::1]:443')).toMatchObject({
      host: '2001:db8::1',
      written: { host: '[2001:DB8::1]', port: '443' },
    })
  })
  test('9112 3.2.4: asterisk form', () => {
    expect(targetOf('OPTIONS', '*', 'a:81')).toMatchObject({
      form: 'asterisk',
      host: 'a',
      port: 81,
      written: { path: '*' },
    })
  })
  test('9112 3.2.4: OPTIONS with an absolute target', () => {
    expect(targetOf('OPTIONS', 'http://a')).toMatchObject({ form: 'absolute', written: { path: '' } })
  })
})

describe('refused', () => {
  const rows: [title: string, method: string, text: string, code: string][] = [
    ['9112 3.2.4: * of GET', 'GET', '*', 'bad-target'],
    ['9112 3.2.4: * and more', 'OPTIONS', '*/x', 'bad-target'],
    ['9112 3.2.3: CONNECT without a port', 'CONNECT', 'a', 'bad-target'],
    ['9112 3.2.3: CONNECT with an empty port', 'CONNECT', 'a:', 'bad-target'],
    ['9110 9.3.6: CONNECT to port 0', 'CONNECT', 'a:0', 'bad-target'],
    ['9110 9.3.6: CONNECT to port 65536', 'CONNECT', 'a:65536', 'bad-target'],
    ['9110 9.3.6: CONNECT to a huge port', 'CONNECT', 'a:99999999999999999999', 'bad-target'],
    ['9110 9.3.6: CONNECT to a port that is none', 'CONNECT', 'a:8a', 'bad-target'],
    ['9110 9.3.6: CONNECT to a negative port', 'CONNECT', 'a:-1', 'bad-target'],
    ['9110 9.3.6: CONNECT to a signed port', 'CONNECT', 'a:+80', 'bad-target'],
    ['9112 3.2.3: CONNECT to two ports', 'CONNECT', 'a:80:80', 'bad-target'],
    ['9112 3.2.3: CONNECT without a host', 'CONNECT', ':443', 'bad-target'],
    ['9112 3.2.3: CONNECT to a path', 'CONNECT', '/', 'bad-target'],
    ['9112 3.2.3: CONNECT to a URI', 'CONNECT', 'http://a:80', 'bad-target'],
    ['9112 3.2.3: CONNECT to *', 'CONNECT', '*', 'bad-target'],
    ['9112 3.2.3: CONNECT with a path', 'CONNECT', 'a:443/', 'bad-target'],
    ['9112 3.2.3: CONNECT with a name and password', 'CONNECT', 'u:p@a:443', 'bad-target'],
    ['9110 4.2.4: a name in an http target', 'GET', 'http://u@a/', 'bad-target'],
    ['9110 4.2.4: a name and password', 'GET', 'http://u:p@a/', 'bad-target'],
    ['9110 4.2.4: an empty name', 'GET', 'http://@a/', 'bad-target'],
    ['9110 4.2.4: a host that looks like a name', 'GET', 'http://a:80@b/', 'bad-target'],
    ['9110 4.2.1: no host', 'GET', 'http://', 'bad-target'],
    ['9110 4.2.1: no host but a path', 'GET', 'http:///a', 'bad-target'],
    ['9110 4.2.1: no host but a port', 'GET', 'http://:80/', 'bad-target'],
    ['9110 4.2.1: port 0', 'GET', 'http://a:0/', 'bad-target'],
    ['9110 4.2.1: six digits', 'GET', 'http://a:000080/', 'bad-target'],
    ['3986 3: one slash', 'GET', 'http:/a', 'bad-target'],
    ['3986 3: no slash', 'GET', 'http:a', 'bad-target'],
    ['9112 3.2: no scheme', 'GET', 'a.com/x', 'bad-target'],
    ['9112 3.2: an authority', 'GET', 'a.com:80', 'bad-target'],
    ['9112 3.2: a query alone', 'GET', '?x', 'bad-target'],
    ['9112 3.2: no scheme but a colon', 'GET', '://a/', 'bad-target'],
    ['3986 3.1: a scheme that starts with a digit', 'GET', '1http://a/', 'bad-target'],
    ['9110 4.2: https', 'GET', 'https://a/', 'wrong-scheme'],
    ['9110 4.2: ftp', 'GET', 'ftp://a/', 'wrong-scheme'],
    ['9110 4.2: ws', 'GET', 'ws://a/', 'wrong-scheme'],
    ['9110 4.2: httpx', 'GET', 'httpx://a/', 'wrong-scheme'],
    ['9110 4.2: gopher', 'GET', 'gopher://a/', 'wrong-scheme'],
  ]
  test.each(rows)('%s', (_title, method, text, code) => {
    expect(failure(method, text)).toBe(code)
  })
})

describe('9112 3.2: Host is refused whatever the form of the target', () => {
  const hosts = [
    '',
    'a b',
    'a,b',
    'a, b',
    'a/b',
    'u@a',
    'a:80x',
    'a:0',
    'a:65536',
    'a:80:80',
    '::1',
    '[::1',
    '[::1]x',
    'http://a',
    'a?b',
    'a#b',
    'a%2e',
    'a"',
    'a\\b',
    'a\xe9',
    '[a]',
    ':80',
    'a..b',
  ]
  test.each(hosts)('%j', (host) => {
    expect(failure('GET', '/', host)).toBe('bad-host')
    expect(failure('GET', 'http://h/', host)).toBe('bad-host')
    expect(failure('OPTIONS', '*', host)).toBe('bad-host')
    expect(failure('CONNECT', 'h:443', host)).toBe('bad-host')
  })
  test('an empty one of HTTP/1.0 too', () => {
    expect(failure('GET', '/', '', 0)).toBe('bad-host')
  })
  test('an empty port is none', () => {
    expect(targetOf('GET', '/', 'a:')).toMatchObject({ host: 'a', port: 80, written: { port: '', authority: 'a:' } })
  })
})

describe('hosts, as policy sees them', () => {
  const rows: [written: string, host: string][] = [
    ['Example.COM', 'example.com'],
    ['example.com.', 'example.com'],
    ['a_b.example', 'a_b.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['localhost', 'localhost'],
    ['-x-.example', '-x-.example'],
    ['1.2.3.4', '1.2.3.4'],
    ['1.2.3.4.', '1.2.3.4'],
    ['127.1', '127.0.0.1'],
    ['127.0.1', '127.0.0.1'],
    ['127.65535', '127.0.255.255'],
    ['1.2.770', '1.2.3.2'],
    ['0x7f.1', '127.0.0.1'],
    ['0X7F.0.0.1', '127.0.0.1'],
    ['0x7f000001', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['017700000001', '127.0.0.1'],
    ['0177.0.0.1', '127.0.0.1'],
    ['0177.0x0.0.01', '127.0.0.1'],
    ['0', '0.0.0.0'],
    ['4294967295', '255.255.255.255'],
    ['0xffffffff', '255.255.255.255'],
    ['00.0.0.0', '0.0.0.0'],
    ['1.example', '1.example'],
    ['0x7f.1.example', '0x7f.1.example'],
    ['127.1a', '127.1a'],
    ['0xg', '0xg'],
    ['[::1]', '::1'],
    ['[0:0:0:0:0:0:0:1]', '::1'],
    ['[2001:DB8:0:0:1:0:0:1]', '2001:db8::1:0:0:1'],
    ['[::ffff:127.0.0.1]', '127.0.0.1'],
    ['[::FFFF:7f00:1]', '127.0.0.1'],
    ['[64:ff9b::7f00:1]', '64:ff9b::7f00:1'],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
    [`${'a.'.repeat(126)}b`, `${'a.'.repeat(126)}b`],
    [`${'a.'.repeat(126)}b.`, `${'a.'.repeat(126)}b`],
  ]
  test.each(rows)('%s is %s', (written, host) => {
    expect(targetOf('GET', `http://${written}:81/x`).host).toBe(host)
    expect(targetOf('GET', '/', `${written}:81`).host).toBe(host)
    expect(targetOf('CONNECT', `${written}:81`)).toMatchObject({ host, port: 81, written: { host: written } })
  })
})

describe('hosts that are none', () => {
  test.each([
    '.',
    '..',
    '.a',
    'a..b',
    'a..',
    '-',
    'a.-.b',
    '_',
    'a b',
    'a%41',
    'a%2eb',
    'a*',
    '1.2.3.4.5',
    '256.1.1.1',
    '1.256.1.1',
    '127.0.0.256',
    '1.2.65536',
    '1.16777216',
    '4294967296',
    '1.2.3.09',
    '1.2.3.08',
    '09',
    'a.1',
    'example.0x1',
    'example.0x',
    '0x.1',
    '0x',
    '99999999999999999999999999',
    '[]',
    '[:]',
    '[1.2.3.4]',
    '[::1%25eth0]',
    '[::1%eth0]',
    '[fe80::1%251]',
    '[v1.a]',
    '[::1]]',
    '[[::1]]',
    '[:::1]',
    '[1:2:3:4:5:6:7:8:9]',
    '[::127.0.0.256]',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(127)}b`,
  ])('%s', (host) => {
    const field = `${host}:81`
    expect(failure('GET', '/', field)).toBe('bad-host')
    // A space is for the request line to refuse.
    if (!host.includes(' ')) expect(failure('CONNECT', field)).toBe('bad-target')
    if (!host.includes(' ')) expect(failure('GET', `http://${field}/`)).toBe('bad-target')
  })
})

test('a target can be read into the same object again', () => {
  const into = parseTarget(headOf('request', 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n'))
  const again = parseTarget(headOf('request', 'GET /x HTTP/1.1\r\nHost: b\r\n\r\n'), into)
  expect(again).toBe(into)
  expect(again).toEqual(parseTarget(headOf('request', 'GET /x HTTP/1.1\r\nHost: b\r\n\r\n')))
})

describe('a target that is read into again', () => {
  const hosts = ['a.test', 'A.test', 'b.test', '127.1', '[::1]', 'a.test', 'a.test.', '127.0.0.1', 'a.test']
  test('says of each host what a new one says', () => {
    const again = newTarget()
    for (const host of [...hosts, ...hosts]) {
      for (const port of ['', ':8080', ':']) {
        const text = `GET http://${host}${port}/p HTTP/1.1\r\nHost: ${host}${port}\r\n\r\n`
        const fresh = parseTarget(headOf('request', text))
        const reused = parseTarget(headOf('request', text), again)
        expect({ ...reused, known: 0 }).toEqual({ ...fresh, known: 0 })
      }
    }
  })
})
