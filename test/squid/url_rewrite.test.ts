import { describe, expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { ByteWriter } from '../../core/bytes/writer.ts'
import type { Decision } from '../../core/filter/decision.ts'
import { SQUID_LINE_SIZE } from '../../core/limits.ts'
import { UrlRewrite } from '../../core/squid/url_rewrite.ts'
import { type About, subjectOf } from '../filter/subject.ts'

const text = (out: ByteWriter): string => String.fromCharCode(...out.view())

/** The line that is written about a request. */
function lineOf(url: string, about: About = {}, channel = 0, extras = ''): string {
  const dialect = new UrlRewrite('guard', channel > 0, extras)
  const question = dialect.ask(subjectOf(url, about))
  if (question.kind !== 'question') throw new Error(question.kind)
  const out = new ByteWriter()
  dialect.write(out, question, channel)
  return text(out)
}

describe('the line', () => {
  const local = { client: '127.0.0.1', local: '127.0.0.1', localPort: 18128 }
  const written: readonly [why: string, line: string, url: string, about?: About, channel?: number, extras?: string][] =
    [
      [
        'as Squid 5.7 writes it',
        'http://127.0.0.1:18080/plain?q=1 127.0.0.1/127.0.0.1 - GET myip=127.0.0.1 myport=18128\n',
        'http://127.0.0.1:18080/plain?q=1',
        local,
      ],
      [
        'with a channel',
        '1 http://127.0.0.1:18080/plain?q=1 127.0.0.1/127.0.0.1 - GET myip=127.0.0.1 myport=18128\n',
        'http://127.0.0.1:18080/plain?q=1',
        local,
        1,
      ],
      [
        'CONNECT has no scheme',
        '90071992547 a.test:443 127.0.0.1/127.0.0.1 - CONNECT myip=127.0.0.1 myport=18128\n',
        'a.test:443',
        local,
        90_071_992_547,
      ],
      [
        'CONNECT to an IPv6 address',
        '[::1]:443 127.0.0.1/127.0.0.1 - CONNECT myip=127.0.0.1 myport=18128\n',
        '[::1]:443',
        local,
      ],
      ['the host as it was sent', 'http://A.Test/B 10.1.2.3/10.1.2.3\n', 'http://A.Test/B', {}, 0, '%>a/%>A'],
      [
        'a user’s name is one word, of ASCII',
        'http://a.test/ joe%20x%0A%C3%A9\n',
        'http://a.test/',
        { user: 'joe x\n\xc3\xa9' },
        0,
        '%un',
      ],
      ['a client without an address', 'http://a.test/ -/- - GET myip=- myport=-\n', 'http://a.test/', {
        client: '',
        local: '',
        localPort: 0,
      }],
      ['a URL is one word', 'http://a.test/%20x%0A%FF x\n', 'http://a.test/ x\n\xff', {}, 0, 'x'],
    ]
  test.each(written)('%s', (_, line, url, about, channel, extras) => {
    expect(lineOf(url, about, channel, extras)).toBe(line)
  })

  test('that is too long is not written', () => {
    const dialect = new UrlRewrite('guard', false, 'x')
    const ask = (length: number) => dialect.ask(subjectOf(`http://a.test/${'x'.repeat(length)}`))
    const rest = 'http://a.test/ x'.length
    expect(ask(SQUID_LINE_SIZE - rest - 1).kind).toBe('question')
    expect(ask(SQUID_LINE_SIZE - rest)).toMatchObject({ kind: 'deny', status: 414, broken: false, by: 'guard' })
  })
})

/** What an answer, without its end, does. */
function answered(answer: string, url = 'http://a.test/x?y'): string {
  const dialect = new UrlRewrite('guard', true, '')
  const question = dialect.ask(subjectOf(url))
  if (question.kind !== 'question') throw new Error(question.kind)
  const reader = dialect.reader()
  reader.feed(toBytes(`1 ${answer}\n`))
  const decided = dialect.decide(reader.next()!, question)
  if (decided.kind === 'again') return `again ${decided.reason}`.trimEnd()
  expect(decided.by).toBe('guard')
  const about = [
    decided.category === '' ? '' : ` [${decided.category}]`,
    decided.reason === '' ? '' : `: ${decided.reason}`,
  ]
  return `${doing(decided)}${about.join('')}`
}

function doing(decision: Decision): string {
  switch (decision.kind) {
    case 'rewrite':
      return `rewrite ${decision.changes.url}`
    case 'redirect':
      return `${decision.status} ${decision.location}`
    case 'permit':
      return decision.final ? 'final' : 'permit'
    default:
      return decision.kind
  }
}

const noUrl = (text: string): string => `permit: the filter answered what is no URL: ${text}`
const noStatus = (text: string): string => `permit: the filter answered a redirection of status ${text}`

describe('answers', () => {
  test.each([
    ['', 'permit'],
    ['OK', 'permit'],
    ['OK ', 'permit'],
    ['ERR', 'permit'],
    ['ERR message="not mine"', 'permit: not mine'],
    ['OK message=hello%20there', 'permit: hello there'],
    ['OK rewrite-url="http://b.test/"', 'rewrite http://b.test/'],
    ['OK rewrite-url=http://b.test/', 'rewrite http://b.test/'],
    ['OK rewrite-url=http://h/a%2520b', 'rewrite http://h/a%20b'],
    ['OK rewrite-url="http://h/a%2520b"', 'rewrite http://h/a%2520b'],
    ['OK rewrite-url="http://a.test/x?y"', 'permit'],
    ['OK rewrite-url="http://[2001:db8::1]:8080/"', 'rewrite http://[2001:db8::1]:8080/'],
    ['OK rewrite-url="nonsense"', noUrl('nonsense')],
    ['OK rewrite-url="http://"', noUrl('http://')],
    ['OK rewrite-url="http://us er@h/"', noUrl('http://us%20er@h/')],
    ['OK rewrite-url="ftp://b.test/"', noUrl('ftp://b.test/')],
    ['OK rewrite-url=""', 'permit'],
    // A page that cannot be fetched in its place is where the client is sent.
    ['OK rewrite-url="https://block.test/page"', '302 https://block.test/page'],
    ['OK url="http://b.test/"', '302 http://b.test/'],
    ['OK url="https://b.test/?a=b c"', '302 https://b.test/?a=b%20c'],
    ['OK url="http://b.test/\\r\\nSet-Cookie: x"', '302 http://b.test/%0D%0ASet-Cookie:%20x'],
    ['OK status=301 url="http://b.test/"', '301 http://b.test/'],
    ['OK status=302 url="http://b.test/"', '302 http://b.test/'],
    ['OK url="http://b.test/" status=303', '303 http://b.test/'],
    ['OK status=307 url="http://b.test/"', '307 http://b.test/'],
    ['OK status=308 url="http://b.test/"', '308 http://b.test/'],
    ['OK status=200 url="http://b.test/"', noStatus('200')],
    ['OK status=304 url="http://b.test/"', noStatus('304')],
    ['OK status=999999999999 url="http://b.test/"', noStatus('999999999999')],
    ['OK status= url="http://b.test/"', 'permit'],
    ['OK rewrite-url="http://c.test/" url="http://b.test/"', '302 http://b.test/'],
    ['OK tag=ads url="http://b.test/" message="go away"', '302 http://b.test/ [ads]: go away'],
    ['OK clt_conn_tag=ads', 'permit [ads]'],
    ['OK group=a group=b', 'permit [b]'],
    ['OK custom_=1 url=http://b.test/', '302 http://b.test/'],
    // What is no pair ends them.
    ['OK nonsense url="http://b.test/"', 'permit'],
    ['OK url = "http://b.test/"', 'permit'],
    ['OK url="http://b.test/" nonsense', '302 http://b.test/'],
    ['OK message="a \\"b\\" \\\\ c" url=http://b.test/', '302 http://b.test/: a "b" \\ c'],
    ['OK message="no end url=http://b.test/', 'permit: no end url=http://b.test/'],
    ['OK message=\xc3\xa9t\xc3\xa9', 'permit: été'],
    ['OK message=\xe9t\xe9', 'permit: été'],
    ['BH', 'again'],
    ['BH message="no database"', 'again no database'],
    ['BH no database', 'again no database'],
    // As before there were result codes.
    ['http://b.test/', 'rewrite http://b.test/'],
    ['http://a.test/x?y', 'permit'],
    ['http://a.test/x?y 10.1.2.3/- - GET myip=- myport=-', 'permit'],
    ['http://b.test/ 10.1.2.3/- - GET', 'rewrite http://b.test/'],
    ['301:http://b.test/', '301 http://b.test/'],
    ['302:http://b.test/', '302 http://b.test/'],
    ['303:http://b.test/', '303 http://b.test/'],
    ['307:http://b.test/', '307 http://b.test/'],
    ['308:http://b.test/ 10.1.2.3/- -', '308 http://b.test/'],
    ['304:http://b.test/', noUrl('304:http://b.test/')],
    ['200:http://b.test/', noUrl('200:http://b.test/')],
    ['302:', noUrl('302:')],
    ['!ads!http://b.test/', 'rewrite http://b.test/ [ads]'],
    ['!ads!302:http://b.test/', '302 http://b.test/ [ads]'],
    ['!ads!', 'permit [ads]'],
    ['ok url="http://b.test/"', noUrl('ok')],
    ['OKAY', noUrl('OKAY')],
    ['OK=1', noUrl('OK=1')],
    ['TT token', noUrl('TT')],
  ])('%j: %s', (answer, expected) => {
    expect(answered(answer)).toBe(expected)
  })

  test.each([
    ['OK rewrite-url="b.test:8443"', 'rewrite b.test:8443'],
    ['b.test:443', 'rewrite b.test:443'],
    ['a.test:443', 'permit'],
    ['OK rewrite-url="[2001:db8::1]:443"', 'rewrite [2001:db8::1]:443'],
    ['OK rewrite-url="b.test"', noUrl('b.test')],
    ['OK url="http://block.test/"', '302 http://block.test/'],
    ['302:http://block.test/', '302 http://block.test/'],
    // Squid lets the tunnel through; it was not meant so.
    ['http://block.test/page', '302 http://block.test/page'],
    ['OK rewrite-url="https://block.test/page"', '302 https://block.test/page'],
  ])('to CONNECT, %j: %s', (answer, expected) => {
    expect(answered(answer, 'a.test:443')).toBe(expected)
  })

  test('that a program made for Squid writes without end do not make words without end', () => {
    expect(answered(`OK message="${'x'.repeat(10_000)}"`).length).toBeLessThan(600)
    expect(answered('x'.repeat(100_000)).length).toBeLessThan(600)
  })
})
