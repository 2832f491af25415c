import { describe, expect, test } from 'vitest'
import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { ICAP_URI, IcapLines } from '../../core/exaproxy/icap_lines.ts'
import type { Pages } from '../../core/exaproxy/pages.ts'
import { HELPER_ANSWER_SIZE, ICAP_HEAD_SIZE } from '../../core/limits.ts'
import { answered, asking, lines, questionOf, type Said, written } from './asking.ts'

const PAGES: Pages = { folder: '/pages', files: new Map([['no.html', toBytes('<p>%(comment)s %(host)s')]]) }
const dialect = new IcapLines('guard', 'icap://svc.example/path', PAGES)

const GET = 'http://www.example.com:8080/p/a?b=c'
const FIELDS = ['Cookie: PREF=a; x=y', 'Accept: a', 'Accept: b', 'User-Agent: u', 'Content-Length: 3']
const TUNNEL = 'www.example.com:443'

const hex = (size: number) => size.toString(16)

/** An answer that encapsulates this, all of it counted. */
const with_ = (status: string, label: string, content: string, extra = '') =>
  `ICAP/1.0 ${status}\n${extra}Encapsulated: ${label}=0, null-body=${content.length}\n\n${content}`

const judge = (url: string, answer: string): Said =>
  answered(dialect, asking(url, url === TUNNEL ? [] : FIELDS), answer)

/** The request that a rewrite makes, in short: no more than what is changed. */
const changed = (said: Said) => {
  if (said?.kind !== 'rewrite') return said
  const { url, keepHost, set, append, remove, cookie } = said.changes
  expect([append, cookie]).toEqual([[], []])
  return { url, keepHost, set, remove }
}

const came = (line: string, ...fields: string[]) => lines(line, ...fields)
const HOST = 'Host: www.example.com:8080'

describe('the question', () => {
  test('of a request', () => {
    const subject = asking(GET, FIELDS)
    const head = latin1(subject.headBytes())
    expect(written(dialect, questionOf(dialect, subject))).toBe(
      'REQMOD icap://svc.example/path ICAP/1.0\nHost: svc.example\nPragma: transport=http\nPragma: proxy=test\n' +
        'Pragma: scheme=http\nPragma: accept=10.0.0.1\nPragma: accept-port=3128\nPragma: client=10.1.2.3\n' +
        'Pragma: host=www.example.com\nPragma: path=/p/a?b=c\nPragma: method=GET\n' +
        `Encapsulated: req-hdr=0, null-body=${head.length}\n\n${head}`,
    )
  })

  test('of CONNECT, of somebody, without a URI of its own', () => {
    const plain = new IcapLines('guard', '', PAGES)
    const text = written(plain, questionOf(plain, asking(TUNNEL, [], { user: 'alice' })))
    expect(text.startsWith(`REQMOD ${ICAP_URI} ICAP/1.0\nHost: localhost\nPragma: transport=http\n`)).toBe(true)
    expect(text).toContain('\nPragma: host=www.example.com\nPragma: path=/\nPragma: method=CONNECT\n')
    expect(text).toMatch(/\nX-Authenticated-User: alice\nEncapsulated: [^\n]*\n\nCONNECT /)
  })

  test('is kept although the head was lent', () => {
    const subject = asking(GET)
    const question = questionOf(dialect, subject)
    const before = written(dialect, question)
    subject.headBytes().fill(0x21)
    questionOf(dialect, asking('http://other.example/'))
    expect(written(dialect, question)).toBe(before)
  })
})

const PAGE = lines('HTTP/1.1 403 Forbidden', 'Content-Type: text/html', 'X-Own: 1', 'Connection: close')

describe('answers without a message', () => {
  test.each<[string, object]>([
    ['ICAP/1.0 204 OK\n\n', { kind: 'permit' }],
    ['ICAP/1.0 304 OK\r\n\r\n', { kind: 'permit' }],
    ['ICAP/1.1 204\n\n', { kind: 'permit' }],
    ['\n\r\nICAP/1.0 204 OK\n\n', { kind: 'permit' }],
    ['ICAP/1.0 204 OK\nPragma: comment: as I say\n\n', { kind: 'permit', reason: 'as I say' }],
    ['ICAP/1.0 204 OK\nEncapsulated: null-body=0\n\n', { kind: 'permit' }],
    ['ICAP/1.0 302 no\n\n', { kind: 'deny', status: 403, broken: false }],
    ['ICAP/1.0 403 no\nPragma: comment: games\n\n', { kind: 'deny', status: 403, reason: 'games' }],
    ['ICAP/1.0 404 no\n\n', { kind: 'deny', status: 403 }],
    ['ICAP/1.0 500 no\n\n', { kind: 'again', nonsense: false, reason: 'it answered 500 no' }],
    ['ICAP/1.0 200 OK\n\n', { kind: 'again', nonsense: true }],
    ['ICAP/1.0 200 OK\nEncapsulated: null-body=0\n\n', { kind: 'again', nonsense: true }],
    ['ICAP/1.0 100 Continue\n\n', { kind: 'again', nonsense: true }],
  ])('%j', (answer, said) => {
    for (const url of [GET, TUNNEL]) expect(judge(url, answer)).toMatchObject(said)
  })
})

describe('answers with a response', () => {
  test.each<[string, string, object, string]>([
    ['a page inside what is counted', with_('200 OK', 'res-hdr', `${PAGE}no`), {
      kind: 'respond',
      status: 403,
      type: 'text/html',
      fields: [['X-Own', '1']],
    }, 'no'],
    [
      'chunked',
      `ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=${PAGE.length}\r\n\r\n${PAGE}2\r\nno\r\n0\r\n\r\n`,
      {
        kind: 'respond',
        status: 403,
      },
      'no',
    ],
    [
      'chunked, as the original wanted it',
      `ICAP/1.0 200 OK\nEncapsulated: res-hdr=0, res-body=${PAGE.length}\n\n${PAGE}2\r\nno\r\n0\r\n`,
      {
        kind: 'respond',
      },
      'no',
    ],
    [
      'chunks without line ends',
      `ICAP/1.0 200 OK\nEncapsulated: res-hdr=0, res-body=${PAGE.length}\n\n${PAGE}2\nno3;a=b\nyes0\n`,
      {
        kind: 'respond',
      },
      'noyes',
    ],
    ['with another status of ICAP', with_('302 no', 'res-hdr', `${PAGE}no`), { kind: 'respond', status: 403 }, 'no'],
    [
      'lines that end in LF, a space for an empty line',
      with_(
        '200 OK',
        'res-hdr',
        'HTTP/1.1 403 Forbidden\nContent-Type: application/proxy-explanation+json\n \n{"a" "b"}',
      ),
      {
        kind: 'respond',
        status: 403,
        type: 'application/proxy-explanation+json',
        fields: [],
      },
      '{"a" "b"}',
    ],
    [
      'its own chunks',
      with_('200 OK', 'res-hdr', `${lines('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')}2\r\nno\r\n0\r\n\r\n`),
      {
        kind: 'respond',
        status: 200,
        type: '',
        fields: [],
      },
      'no',
    ],
    [
      'chunked, it says, and is not',
      with_('200 OK', 'res-hdr', `${lines('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')}no`),
      {
        kind: 'respond',
      },
      'no',
    ],
    ['a length that is wrong', with_('200 OK', 'res-hdr', `${lines('HTTP/1.1 200 OK', 'Content-Length: 99')}no`), {
      kind: 'respond',
      fields: [],
    }, 'no'],
    [
      'a question for a password',
      with_('200 OK', 'res-hdr', lines('HTTP/1.1 407 Who', 'Proxy-Authenticate: Basic realm="a"')),
      {
        kind: 'respond',
        status: 407,
        fields: [['Proxy-Authenticate', 'Basic realm="a"']],
      },
      '',
    ],
    [
      'a redirection that sets a cookie',
      with_('200 OK', 'res-hdr', lines('HTTP/1.1 302 F', 'Location: http://a/', 'Set-Cookie: a=b')),
      {
        kind: 'respond',
        status: 302,
        fields: [['Location', 'http://a/'], ['Set-Cookie', 'a=b']],
      },
      '',
    ],
  ])('%s', (_, answer, said, body) => {
    const found = judge(GET, answer)
    expect(found).toMatchObject({ by: 'guard', ...said })
    expect(found?.kind === 'respond' && latin1(found.body)).toBe(body)
  })

  test.each<[string, object]>([
    [lines('HTTP/1.1 302 Found', 'Location: http://a/?b c'), {
      kind: 'redirect',
      status: 302,
      location: 'http://a/?b%20c',
    }],
    [lines('HTTP/1.1 308 x', 'Location: https://a/'), { kind: 'redirect', status: 308, location: 'https://a/' }],
    ['HTTP/1.1 302 Found\nLocation: http://a/', { kind: 'redirect', status: 302, location: 'http://a/' }],
    [lines('HTTP/1.0 403 no'), { kind: 'deny', status: 403, broken: false }],
    [lines('HTTP/1.1 503 no'), { kind: 'deny', status: 503, broken: false }],
    [lines('HTTP/1.1 100 Continue'), { kind: 'again', nonsense: true }],
    [lines('HTTP/1.1 99 x'), { kind: 'again', nonsense: true }],
    [lines('HTTP/1.1 200 OK', 'no field'), { kind: 'again', nonsense: true }],
  ])('%j', (response, said) => {
    for (const url of [GET, TUNNEL]) expect(judge(url, with_('200 OK', 'res-hdr', response))).toMatchObject(said)
  })

  test('never open a tunnel', () => {
    const answer = with_('200 OK', 'res-hdr', `${lines('HTTP/1.1 200 OK')}x`)
    expect(judge(TUNNEL, answer)).toMatchObject({ kind: 'respond', status: 403 })
    expect(judge(GET, answer)).toMatchObject({ kind: 'respond', status: 200 })
  })
})

describe('answers with a request', () => {
  const all = [HOST, ...FIELDS]
  test.each<[string, string, object]>([
    ['the same', came(`GET ${GET} HTTP/1.1`, ...all), { kind: 'permit' }],
    ['the same, with LF', came(`GET ${GET} HTTP/1.1`, ...all).replaceAll('\r', ''), { kind: 'permit' }],
    ['the same as a path', came('GET /p/a?b=c HTTP/1.1', ...all), { kind: 'permit' }],
    [
      'the same in another order and case',
      came(`GET ${GET} HTTP/1.0`, 'user-agent: u', 'ACCEPT: a', ...all.slice(0, 2), 'Accept: b'),
      {
        kind: 'permit',
      },
    ],
    ['another path', came('GET http://www.example.com:8080/q HTTP/1.1', ...all), {
      url: 'http://www.example.com:8080/q',
      keepHost: false,
      set: [],
      remove: [],
    }],
    ['another host', came('GET http://safe.example/q HTTP/1.1', 'Host: safe.example', ...FIELDS), {
      url: 'http://safe.example/q',
      keepHost: false,
      set: [],
      remove: [],
    }],
    ['another host, without Host', came('GET http://safe.example/q HTTP/1.1', ...FIELDS), {
      url: 'http://safe.example/q',
      keepHost: false,
      set: [],
      remove: [],
    }],
    ['another host by Host', came('GET /p/a?b=c HTTP/1.1', 'Host: safe.example', ...FIELDS), {
      url: 'http://safe.example/p/a?b=c',
      keepHost: false,
      set: [],
      remove: [],
    }],
    ['another place for the same Host', came('GET http://10.0.0.1:81/ HTTP/1.1', ...all), {
      url: 'http://10.0.0.1:81/',
      keepHost: true,
      set: [],
      remove: [],
    }],
    ['another Host for the same place', came(`GET ${GET} HTTP/1.1`, 'Host: name.example', ...FIELDS), {
      url: GET,
      keepHost: true,
      set: [['Host', 'name.example']],
      remove: [],
    }],
    [
      'a field changed, one added, one gone',
      came(
        `GET ${GET} HTTP/1.1`,
        HOST,
        'Cookie: PREF=f2=8000000; x=y',
        'Accept: a',
        'Accept: b',
        'X-New: 1',
        'x-new: 2',
      ),
      {
        url: '',
        keepHost: false,
        set: [['Cookie', 'PREF=f2=8000000; x=y'], ['X-New', '1'], ['x-new', '2']],
        remove: ['user-agent'],
      },
    ],
    ['one of two of a name', came(`GET ${GET} HTTP/1.1`, HOST, FIELDS[0], 'Accept: a', 'User-Agent: u'), {
      url: '',
      keepHost: false,
      set: [['Accept', 'a']],
      remove: [],
    }],
    [
      'framing is left',
      came(`GET ${GET} HTTP/1.1`, ...all.slice(0, -1), 'Transfer-Encoding: chunked', 'Connection: x', 'TE: y'),
      {
        kind: 'permit',
      },
    ],
    ['a page', 'GET file://no.html HTTP/1.1\r\n\r\n', { kind: 'respond', status: 200, type: 'text/html' }],
    ['a page that is not there', 'GET file://none.html HTTP/1.1\r\n\r\n', { kind: 'deny', status: 403 }],
    ['a tunnel and a request after it', `CONNECT back.end:81 HTTP/1.1\r\n\r\n${came(`GET ${GET} HTTP/1.1`, ...all)}`, {
      kind: 'intercept',
      host: 'back.end',
      port: 81,
      trusted: false,
    }],
    ['a tunnel alone', 'CONNECT back.end:81 HTTP/1.1\r\n\r\n', { kind: 'intercept', host: 'back.end', port: 81 }],
    ['another method', came(`POST ${GET} HTTP/1.1`, ...all), {
      kind: 'deny',
      status: 403,
      reason: 'the filter wants POST in the place of GET',
    }],
    ['no request', 'word\r\n\r\n', { kind: 'again', nonsense: true }],
    ['another scheme', came('GET https://safe.example/ HTTP/1.1', ...all), { kind: 'again', nonsense: true }],
    ['two Hosts', came(`GET ${GET} HTTP/1.1`, HOST, HOST), { kind: 'again', nonsense: true }],
    ['a tunnel to nowhere', 'CONNECT back.end HTTP/1.1\r\n\r\n', { kind: 'again', nonsense: true }],
    ['two framings', came(`GET ${GET} HTTP/1.1`, HOST, 'Content-Length: 1', 'Transfer-Encoding: chunked'), {
      kind: 'again',
      nonsense: true,
    }],
  ])('%s', (_, content, said) => {
    // Whatever it is called; programs of the original do not care, and 204 with a request was meant as one.
    for (const [status, label] of [['200 OK', 'req-hdr'], ['200 OK', 'res-hdr'], ['204 OK', 'req-hdr']]) {
      expect(changed(judge(GET, with_(status, label, content)))).toMatchObject(said)
    }
  })

  test.each<[string, string, string, object]>([
    ['elsewhere', 'CONNECT nosslsearch.google.com:443 HTTP/1.1\r\nHost: nosslsearch.google.com\r\n\r\n', '', {
      url: 'nosslsearch.google.com:443',
      keepHost: false,
      set: [],
      remove: [],
    }],
    ['elsewhere, by address', 'CONNECT [::1]:443 HTTP/1.1\n\n', '', { url: '[::1]:443' }],
    ['where it goes', 'CONNECT WWW.example.com:443 HTTP/1.1\r\n\r\n', '', { kind: 'permit' }],
    ['with the flag', 'CONNECT proxy.example:8080 HTTP/1.1\r\n\r\n', 'X-Intercept: active\n', {
      kind: 'intercept',
      host: 'proxy.example',
      port: 8080,
    }],
    ['with the flag and Host', 'CONNECT x:8080 HTTP/1.1\r\nHost: proxy.example:1\r\n\r\n', 'X-Intercept: active\n', {
      kind: 'intercept',
      host: 'proxy.example',
      port: 8080,
    }],
    ['and a request', `CONNECT x.example:8080 HTTP/1.1\r\n\r\nCONNECT ${TUNNEL} HTTP/1.1\r\n\r\n`, '', {
      kind: 'intercept',
      host: 'x.example',
      port: 8080,
    }],
    ['no tunnel any more', 'GET http://a/ HTTP/1.1\r\n\r\n', '', {
      kind: 'redirect',
      status: 302,
      location: 'http://a/',
    }],
    ['another method', 'POST http://a/ HTTP/1.1\r\n\r\n', '', { kind: 'deny', status: 403 }],
    ['a page', 'GET file://no.html HTTP/1.1\r\n\r\n', 'Pragma: comment: <no>\n', { kind: 'respond', status: 403 }],
  ])('a tunnel, %s', (_, content, extra, said) => {
    expect(changed(judge(TUNNEL, with_('200 OK', 'req-hdr', content, extra)))).toMatchObject(said)
  })

  test.each<[string, object]>([
    ['POST', { kind: 'redirect', status: 303, location: 'http://www.block.test/redirect.php' }],
    ['HEAD', { url: 'http://www.block.test/redirect.php', keepHost: false, set: [] }],
    ['GET', { url: 'http://www.block.test/redirect.php', keepHost: false, set: [] }],
  ])('%s and all else is sent to one page', (method, said) => {
    const content = 'GET /redirect.php HTTP/1.1\nHost: www.block.test\nConnection: close\n\n'
    const subject = asking(GET, FIELDS, { method })
    expect(changed(answered(dialect, subject, with_('200 OK', 'res-hdr', content)))).toMatchObject(said)
  })

  test('a refusal is one, whatever it encapsulates', () => {
    const content = came(`GET ${GET} HTTP/1.1`, ...all)
    for (const status of ['302 no', '403 no', '500 no']) {
      expect(judge(GET, with_(status, 'req-hdr', content))).toMatchObject({ kind: 'deny', status: 403 })
    }
  })

  test('a page has the comment', () => {
    const said = judge(GET, with_('200 OK', 'req-hdr', 'GET file://no.html HTTP/1.1\n\n', 'Pragma: comment: <no>\n'))
    expect(said?.kind === 'respond' && latin1(said.body)).toBe('<p>&#60;no&#62; www.example.com')
  })
})

describe('the reader', () => {
  const CHUNKED =
    `ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=${PAGE.length}\r\n\r\n${PAGE}2\r\nno\r\n0\r\n\r\n`
  const WHOLE = [
    'ICAP/1.0 204 OK\r\nPragma: comment: a\r\n\r\n',
    with_('200 OK', 'req-hdr', came('GET http://a/ HTTP/1.1', 'Host: a')),
    CHUNKED,
  ]

  test.each(WHOLE)('wherever it is cut: %j', (answer) => {
    const whole = judge(GET, answer)
    expect(whole).toMatchObject({ by: 'guard' })
    for (let cut = 0; cut <= answer.length; cut++) {
      expect(answered(dialect, asking(GET, FIELDS), answer, [cut]), `cut at ${cut}`).toEqual(whole)
    }
    const all = Array.from({ length: answer.length }, (_, i) => i)
    expect(answered(dialect, asking(GET, FIELDS), answer, all)).toEqual(whole)
  })

  test('one answer after the other, in one piece', () => {
    const reader = dialect.reader()
    reader.feed(toBytes(WHOLE.join('')))
    const found: string[] = []
    for (let answer = reader.next(); answer !== null; answer = reader.next()) {
      found.push(`${answer.status} ${answer.comment} ${latin1(answer.content)}`)
    }
    expect(found).toEqual([
      '204 a ',
      `200  ${came('GET http://a/ HTTP/1.1', 'Host: a')}`,
      `200  ${PAGE}no`,
    ])
  })

  test.each<[string, string]>([
    ['words', 'hello\n'],
    ['HTTP', 'HTTP/1.1 200 OK\n\n'],
    ['a status of two digits', 'ICAP/1.0 20 OK\n\n'],
    ['a status of four digits', 'ICAP/1.0 2000 OK\n\n'],
    ['no version', 'ICAP 200 OK\n\n'],
    ['no field', 'ICAP/1.0 200 OK\nword\n\n'],
    ['a field without a name', 'ICAP/1.0 200 OK\n: x\n\n'],
    ['no offset', 'ICAP/1.0 200 OK\nEncapsulated: req-hdr\n\n'],
    ['no order', 'ICAP/1.0 200 OK\nEncapsulated: req-hdr=5, null-body=2\n\n'],
    ['something after a body', 'ICAP/1.0 200 OK\nEncapsulated: null-body=0, req-hdr=2\n\n'],
    ['two fields', 'ICAP/1.0 200 OK\nEncapsulated: null-body=0\nEncapsulated: null-body=9\n\n'],
    ['too much', `ICAP/1.0 200 OK\nEncapsulated: req-hdr=0, null-body=${HELPER_ANSWER_SIZE + 1}\n\n`],
    ['a chunk without a size', 'ICAP/1.0 200 OK\nEncapsulated: res-body=0\n\nx\n'],
    ['a negative chunk', 'ICAP/1.0 200 OK\nEncapsulated: res-body=0\n\n-1\n'],
    ['a huge chunk', `ICAP/1.0 200 OK\nEncapsulated: res-body=0\n\n${hex(HELPER_ANSWER_SIZE + 1)}\n`],
    ['a chunk of nine digits', 'ICAP/1.0 200 OK\nEncapsulated: res-body=0\n\n000000001\n'],
    ['a head without end', `ICAP/1.0 200 OK\nX: ${'x'.repeat(ICAP_HEAD_SIZE)}`],
    ['a line of sizes without end', `ICAP/1.0 200 OK\nEncapsulated: res-body=0\n\n1;${'x'.repeat(300)}`],
  ])('nonsense: %s', (_, text) => {
    expect(judge(GET, text)).toMatchObject({ kind: 'nonsense' })
    for (let cut = 0; cut <= Math.min(text.length, 200); cut++) {
      expect(answered(dialect, asking(GET), text, [cut])).toMatchObject({ kind: 'nonsense' })
    }
  })

  test('after nonsense comes nothing else', () => {
    const reader = dialect.reader()
    reader.feed(toBytes('hello\nICAP/1.0 204 OK\n\n'))
    expect(() => reader.next()).toThrow('no status line')
    expect(() => reader.next()).toThrow('no status line')
    reader.feed(toBytes('ICAP/1.0 204 OK\n\n'))
    expect(() => reader.next()).toThrow('no status line')
  })

  test('chunks may not add up to more than an answer may have', () => {
    const reader = dialect.reader()
    reader.feed(toBytes('ICAP/1.0 200 OK\nEncapsulated: res-body=0\n\n'))
    expect(reader.next()).toBe(null)
    const half = HELPER_ANSWER_SIZE / 2
    const chunk = toBytes(`${hex(half)}\r\n${'x'.repeat(half)}\r\n`)
    for (let i = 0; i < 2; i++) {
      reader.feed(chunk)
      expect(reader.next()).toBe(null)
    }
    reader.feed(toBytes('1\r\n'))
    expect(() => reader.next()).toThrow('more than')
  })

  test('half an answer is none', () => {
    for (const answer of WHOLE) {
      const end = answer === CHUNKED ? answer.length - 2 : answer.length
      for (let size = 0; size < end; size++) expect(judge(GET, answer.slice(0, size))).toBe(null)
    }
  })
})
