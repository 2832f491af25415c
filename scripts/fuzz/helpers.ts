/** The fuzz target of what helper programs answer: every language, any bytes, in any pieces. */

import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { splitHostPort } from '../../core/bytes/address.ts'
import { ByteWriter } from '../../core/bytes/writer.ts'
import { IcapLines } from '../../core/exaproxy/icap_lines.ts'
import type { Pages } from '../../core/exaproxy/pages.ts'
import { UrlLine } from '../../core/exaproxy/url_line.ts'
import type { Decision } from '../../core/filter/decision.ts'
import { DECISIONS, REDIRECTS } from '../../core/filter/decision.ts'
import { type Again, type Answer, type Dialect, Nonsense, type Question } from '../../core/filter/dialect.ts'
import { changeHead, readHead } from '../../core/http/change.ts'
import { writeReply } from '../../core/http/reply.ts'
import { parseTarget } from '../../core/http/target.ts'
import { Failure } from '../../core/failure.ts'
import { ExternalAcl } from '../../core/squid/external_acl.ts'
import { UrlRewrite } from '../../core/squid/url_rewrite.ts'
import { asking, lines } from '../../test/exaproxy/asking.ts'
import type { FuzzTarget } from './main.ts'
import { cut, type Random } from './random.ts'

const PAGES: Pages = { folder: '/pages', files: new Map([['no.html', toBytes('%(url)s %(comment)s')]]) }
const ACL = { name: 'f', extras: '', ttl: 0, negative_ttl: 0, grace: 0, cache_size: 0 }

const makers: readonly (() => Dialect)[] = [
  () => new UrlRewrite('f', false, ''),
  () => new UrlRewrite('f', true, ''),
  () => new ExternalAcl({ ...ACL, concurrency: 0 }),
  () => new ExternalAcl({ ...ACL, concurrency: 1 }),
  () => new UrlLine('f', PAGES),
  () => new IcapLines('f', '', PAGES),
]

const GET = asking('http://www.example.com:81/a?b', ['Cookie: a=b', 'Content-Length: 3', 'Accept: a', 'Accept: b'])
const TUNNEL = asking('www.example.com:443')

/** Everything that comes out of these pieces, as text. */
function read(dialect: Dialect, question: Question, pieces: readonly Uint8Array[]): string {
  const reader = dialect.reader()
  const found: string[] = []
  const out = new ByteWriter(64)
  dialect.write(out, question, 1)
  try {
    for (const piece of pieces) {
      // In a place of its own, with what would be read past its ends, and gone afterwards.
      const lent = new Uint8Array(piece.length + 8).fill(0x0a)
      lent.set(piece, 4)
      reader.feed(lent.subarray(4, 4 + piece.length))
      for (let answer: Answer | null = reader.next(); answer !== null; answer = reader.next()) {
        if (!Number.isSafeInteger(answer.channel) || answer.channel < -1) throw new Error(`channel ${answer.channel}`)
        const said = dialect.decide(answer, question, 0)
        found.push(JSON.stringify(said))
      }
      lent.fill(0xaa)
    }
  } catch (error) {
    if (!(error instanceof Nonsense)) throw error
    found.push(`nonsense: ${error.message}`)
  }
  return found.join('\n')
}

function check(input: Uint8Array, random: Random): void {
  for (const make of makers) {
    const dialect = make()
    for (const subject of [GET, TUNNEL]) {
      const question = dialect.ask(subject, 0)
      if (question.kind !== 'question') throw new Error('decided without the helper')
      const whole = read(dialect, question, [input])
      const pieces = cut(random, input)
      const other = read(dialect, question, pieces)
      if (other !== whole) throw new Error(`${other}\nin ${pieces.length} pieces, in one:\n${whole}`)
      checkDone(dialect, question, subject === TUNNEL, input)
    }
  }
}

/** What is decided can be done. */
function checkDone(dialect: Dialect, question: Question, tunnel: boolean, input: Uint8Array): void {
  const reader = dialect.reader()
  try {
    reader.feed(input)
    for (let answer = reader.next(); answer !== null; answer = reader.next()) {
      obey(dialect.decide(answer, question, 0), tunnel)
    }
  } catch (error) {
    if (!(error instanceof Nonsense)) throw error
  }
}

const CONTROL = /\p{Cc}/u

function obey(said: Decision | Again, tunnel: boolean): void {
  if (said.kind === 'again') return
  if (!DECISIONS.includes(said.kind) || said.by !== 'f') throw new Error(`no decision: ${JSON.stringify(said)}`)
  for (const words of [said.reason, said.category, said.rule]) {
    if (CONTROL.test(words) || words.length > 5000) throw new Error(`words that are none: ${JSON.stringify(words)}`)
  }
  switch (said.kind) {
    case 'rewrite': {
      const { head } = readHead((tunnel ? TUNNEL : GET).headBytes())
      try {
        const own = changeHead(head, said.changes)
        const target = parseTarget(own.head)
        if ((target.form === 'authority') !== tunnel) {
          throw new Error(`${said.changes.url} for ${tunnel ? 'a tunnel' : 'GET'}`)
        }
        if (own.head.framing !== head.framing || own.head.length !== head.length) throw new Error('another framing')
        own.release()
      } catch (error) {
        // A host that is none is found out when it is read: the request ends there.
        if (!(error instanceof Failure)) throw error
      }
      return
    }
    case 'redirect':
      if (!REDIRECTS.includes(said.status)) throw new Error(`redirected with ${said.status}`)
      if (/[^\x21-\x7e]/.test(said.location) || said.location === '') throw new Error(`Location: ${said.location}`)
      return
    case 'deny':
      if (said.status < 400 || said.status > 599) throw new Error(`denied with ${said.status}`)
      return
    case 'respond': {
      const { status, type, fields = [], body } = said
      if (status < 200 || status > 599 || (tunnel && status < 300)) throw new Error(`answered with ${status}`)
      const all: [string, string][] = [['Content-Type', type]]
      for (const [name, value] of fields) all.push([name, value])
      const out = new ByteWriter(256)
      writeReply(out, { status, fields: all, body, bodiless: false, close: true, date: '' })
      const text = latin1(out.view())
      if (
        text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n').length !==
          all.length + (status === 204 || status === 304 ? 2 : 3)
      ) {
        throw new Error(`a field that became two: ${text}`)
      }
      return
    }
    case 'intercept':
      if (said.trusted || splitHostPort(said.host.includes(':') ? `[${said.host}]:1` : `${said.host}:1`) === null) {
        throw new Error(`intercepted for ${said.host}`)
      }
      if (said.port < 1 || said.port > 65_535) throw new Error(`intercepted for port ${said.port}`)
      return
    case 'permit':
      if (said.user !== undefined && (said.user === '' || CONTROL.test(said.user))) {
        throw new Error('a user that is none')
      }
  }
}

const PAGE = lines('HTTP/1.1 403 Forbidden', 'Content-Type: text/html', 'X-A: b')
const icap = (label: string, content: string, status = '200 OK') =>
  `ICAP/1.0 ${status}\nEncapsulated: ${label}=0, null-body=${content.length}\n\n${content}`

const texts = [
  'OK\n1 ERR\n2 BH message="no"\n',
  '1 OK rewrite-url="http://a/b" user=joe%20x tag=x\r\n1 OK url=http://a/ status=301\n',
  'http://other.example/\n302:http://a/\n!g!http://b/\nhttp://www.example.com/x\n',
  'file://no.html\nredirect://http://a/\nintercept://b:1\nintercept://[::1]\n\n',
  '1 OK rewrite-url="other.example:443"\nother.example:443\n',
  'ICAP/1.0 204 OK\r\nPragma: comment: words\r\n\r\nICAP/1.0 304 OK\n\n',
  icap('req-hdr', lines('GET http://a.example/ HTTP/1.1', 'Host: a.example', 'Cookie: c=d', 'X-New: 1')),
  icap('req-hdr', lines('CONNECT a.example:1 HTTP/1.1', 'Host: b.example') + lines('GET / HTTP/1.1', 'Host: a')),
  icap('req-hdr', 'GET file://no.html HTTP/1.1\n\n'),
  icap('res-hdr', `${PAGE}body`, '302 Found'),
  icap('res-hdr', lines('HTTP/1.1 302 Found', 'Location: http://a/')),
  `ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=${PAGE.length}\r\n\r\n${PAGE}4\r\nbody\r\n0\r\n\r\n`,
]

const target: FuzzTarget = {
  invariant: 'any bytes in any pieces have the same meaning or none, and what they mean can be done',
  seeds: texts.map(toBytes),
  words: [
    'OK',
    'ERR',
    'BH',
    ' user=',
    ' message="',
    ' url=',
    ' rewrite-url=',
    ' status=',
    '%0d%0a',
    '"',
    '\\r\\n',
    '\n',
    '\r\n',
    '\r',
    ' ',
    '\0',
    'http://',
    'https://',
    'file://',
    'file:///pages/',
    'redirect://',
    'intercept://',
    'CONNECT ',
    '[::1]:1',
    '@',
    '#',
    '307:',
    'X-Intercept: active\n',
    'Encapsulated: ',
    'req-hdr=0, ',
    'res-body=',
    'Content-Length: 5\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Host: x\r\n',
    'HTTP/1.1',
    'HTTP/1.1 200 OK\r\n\r\n',
    'Location: http://a/\r\n',
    'Connection: close\r\n',
    '\xff\xfe',
    '99999999999',
  ].map(toBytes),
  check,
}

export default target
