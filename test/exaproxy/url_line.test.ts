import { describe, expect, test } from 'vitest'
import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { NO_PAGES, type Pages } from '../../core/exaproxy/pages.ts'
import { UrlLine } from '../../core/exaproxy/url_line.ts'
import type { Decision } from '../../core/filter/decision.ts'
import { answered, asking, questionOf, type Said, written } from './asking.ts'

const PAGES: Pages = {
  folder: '/etc/exaproxy/html',
  files: new Map(
    Object.entries({
      'deny.html': '<html>%(host)s %(url)s %(protocol)s %(client_ip)s [%(comment)s] 100%% 5% %(other)s',
      'plain.txt': 'no <b>%(url)s</b>',
      'more/dot.png': 'PNG %(url)s',
    }).map(([name, text]) => [name, toBytes(text)]),
  ),
}

const dialect = new UrlLine('guard', PAGES)

/** What was said in short. */
export function brief(said: Said): string {
  if (said === null) return 'nothing'
  switch (said.kind) {
    case 'permit':
      return 'permit'
    case 'rewrite':
      return `rewrite ${said.changes.url}`
    case 'redirect':
      return `redirect ${said.status} ${said.location}`
    case 'deny':
      return `deny ${said.status} ${said.reason}`
    case 'respond':
      return `respond ${said.status} ${said.type} ${latin1(said.body)}`
    case 'intercept':
      return `intercept ${said.host} ${said.port}`
    case 'again':
      return said.nonsense ? 'again, nonsense' : 'again'
    default:
      return said.kind
  }
}

const GET = 'http://www.example.com:8080/p/a?b=c'
const TUNNEL = 'www.example.com:443'

describe('the question', () => {
  test.each<[string, string, string]>([
    ['a request', 'http://127.0.0.1:19001/p/a?b=c', '127.0.0.1/p/a?b=c 10.1.2.3 - GET -\n'],
    ['without a path', 'http://example.com', 'example.com/ 10.1.2.3 - GET -\n'],
    ['a query without a path', 'http://example.com?q', 'example.com/?q 10.1.2.3 - GET -\n'],
    ['CONNECT', '127.0.0.1:19001', '127.0.0.1/ 10.1.2.3 - CONNECT -\n'],
    ['an IPv6 address', 'http://[::1]:80/x/y', '[::1]/x/y 10.1.2.3 - GET -\n'],
    ['bytes past ASCII', 'http://example.com/\xe9', 'example.com/\xe9 10.1.2.3 - GET -\n'],
  ])('%s', (_, url, line) => {
    expect(written(dialect, questionOf(dialect, asking(url)))).toBe(line)
  })

  test('of a client on a unix-domain socket has as many words', () => {
    const question = questionOf(dialect, asking(GET, [], { client: '' }))
    expect(written(dialect, question)).toBe('www.example.com/p/a?b=c - - GET -\n')
  })

  test('has no channel, and is the same when it is asked again', () => {
    const question = questionOf(dialect, asking(GET))
    expect(dialect.channels).toBe(false)
    expect(written(dialect, question, 7)).toBe(written(dialect, question))
  })
})

describe('answers', () => {
  test.each<[string, string, string]>([
    [GET, '', 'permit'],
    [GET, '   ', 'permit'],
    [GET, 'www.example.com/p/a?b=c', 'permit'],
    [GET, 'http://www.example.com/p/a?b=c', 'permit'],
    [GET, 'http://WWW.Example.com:8080/p/a?b=c', 'permit'],
    [GET, 'http://www.example.com/other', 'rewrite http://www.example.com:8080/other'],
    [GET, 'http://www.example.com:81/p/a?b=c', 'rewrite http://www.example.com:81/p/a?b=c'],
    [GET, 'http://other.example/x y#z', 'rewrite http://other.example/x%20y'],
    [GET, 'http://www.surfprotect.co.uk/', 'rewrite http://www.surfprotect.co.uk/'],
    [GET, 'http://www.surfprotect.co.uk', 'rewrite http://www.surfprotect.co.uk/'],
    [GET, 'http://[::1]:8080/', 'rewrite http://[::1]:8080/'],
    [GET, 'https://other.example/', 'redirect 302 https://other.example/'],
    [GET, 'redirect://http://bing.com', 'redirect 302 http://bing.com'],
    [GET, 'redirect://https://www.wolframalpha.com\t ', 'redirect 302 https://www.wolframalpha.com'],
    [GET, '301:http://bing.com/', 'redirect 301 http://bing.com/'],
    [GET, '307:http://bing.com/?a b', 'redirect 307 http://bing.com/?a%20b'],
    [GET, 'intercept://nosslsearch.google.com', 'intercept nosslsearch.google.com 8080'],
    [GET, 'intercept://backend:81', 'intercept backend 81'],
    [GET, 'intercept://[::1]:81/', 'intercept ::1 81'],
    [GET, 'file://plain.txt', `respond 200 text/plain no <b>${GET}</b>`],
    [GET, 'file:///etc/exaproxy/html/plain.txt', `respond 200 text/plain no <b>${GET}</b>`],
    [GET, 'file://more/dot.png', 'respond 200 image/png PNG %(url)s'],
    [GET, 'file://more/../more/./dot.png', 'respond 200 image/png PNG %(url)s'],
    [GET, 'file://missing.html', 'deny 403 there is no page missing.html in /etc/exaproxy/html'],
    [GET, 'file://../html/plain.txt', 'deny 403 there is no page ../html/plain.txt in /etc/exaproxy/html'],
    [GET, 'file:///etc/passwd', 'deny 403 there is no page /etc/passwd in /etc/exaproxy/html'],
    [GET, 'file:///etc/exaproxy/html/../x', 'deny 403 there is no page /etc/exaproxy/html/../x in /etc/exaproxy/html'],
    [TUNNEL, '', 'permit'],
    [TUNNEL, 'www.example.com/', 'permit'],
    [TUNNEL, 'http://www.example.com/', 'permit'],
    [TUNNEL, 'http://other.example/', 'redirect 302 http://other.example/'],
    [TUNNEL, 'redirect://http://bing.com', 'redirect 302 http://bing.com'],
    [TUNNEL, 'intercept://nosslsearch.google.com', 'intercept nosslsearch.google.com 443'],
    [TUNNEL, 'file://plain.txt', `respond 403 text/plain no <b>${TUNNEL}</b>`],
    // None of these is an answer: it is asked again, then the request is refused.
    [GET, 'OK', 'again'],
    [GET, 'ERR', 'again'],
    [GET, 'www.other.example/', 'again'],
    [GET, 'http://', 'again'],
    [GET, 'http://user@www.example.com/', 'again'],
    [GET, 'http://a b/', 'again'],
    [GET, 'http://caf\xe9.example/', 'again'],
    [GET, 'http://h:99999/', 'again'],
    [GET, 'http://h:0/', 'again'],
    [GET, 'redirect://', 'again'],
    [GET, 'redirect://nowhere', 'again'],
    [GET, '200:http://bing.com/', 'again'],
    [GET, '304:http://bing.com/', 'again'],
    [GET, 'intercept://', 'again'],
    [GET, 'intercept://h:x', 'again'],
    [GET, 'file://', 'again'],
    [GET, 'gopher://h/', 'again'],
  ])('%s: "%s"', (url, answer, meaning) => {
    expect(brief(answered(dialect, asking(url), `${answer}\n`))).toBe(meaning)
    expect(brief(answered(dialect, asking(url), `${answer}\r\n`))).toBe(meaning)
  })

  test('wherever it is cut', () => {
    const answer = 'http://www.example.com:81/other\r\n'
    const whole = answered(dialect, asking(GET), answer)
    expect(brief(whole)).toBe('rewrite http://www.example.com:81/other')
    for (let cut = 0; cut <= answer.length; cut++) expect(answered(dialect, asking(GET), answer, [cut])).toEqual(whole)
    expect(answered(dialect, asking(GET), answer.slice(0, -1))).toBe(null)
  })

  test('a page says what was asked for, harmlessly', () => {
    const said = answered(dialect, asking('http://example.com/?<script>&"\xe9'), 'file://deny.html\n') as Decision
    expect(brief(said)).toBe(
      'respond 200 text/html <html>example.com http://example.com/?&#60;script&#62;&#38;&#34;&#233; http 10.1.2.3 [] 100% 5% ' +
        '%(other)s',
    )
  })

  test('a page without a folder is a refusal', () => {
    const said = answered(new UrlLine('guard', NO_PAGES), asking(GET), 'file:///etc/passwd\n')
    expect(brief(said)).toBe('deny 403 the page /etc/passwd is not sent: no folder of pages is configured')
  })

  test('they are those of the helper', () => {
    for (const answer of ['', 'http://a/', 'file://deny.html', 'file://no', 'intercept://a', 'redirect://http://a']) {
      expect(answered(dialect, asking(GET), `${answer}\n`)).toMatchObject({ by: 'guard', rule: '', category: '' })
    }
  })

  test('an interception is not trusted with addresses of this machine', () => {
    expect(answered(dialect, asking(GET), 'intercept://127.0.0.1:22\n')).toMatchObject({ trusted: false })
  })
})
