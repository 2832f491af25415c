import { describe, expect, test } from 'vitest'
import type { Decision } from '../../core/filter/decision.ts'
import { HELPER_CACHE_SIZE, SQUID_LINE_SIZE } from '../../core/limits.ts'
import { AnswerCache } from '../../core/squid/answer_cache.ts'
import { ExternalAcl } from '../../core/squid/external_acl.ts'
import { LogFormatError } from '../../core/squid/logformat.ts'
import { answered, asking, questionOf, written } from '../exaproxy/asking.ts'

const SETTINGS = {
  name: 'acl',
  concurrency: 0,
  extras: '',
  ttl: 1000,
  negative_ttl: 100,
  grace: 0,
  cache_size: 10,
}
type Settings = typeof SETTINGS

const acl = (changes: Partial<Settings> = {}) => new ExternalAcl({ ...SETTINGS, ...changes })
const URL = 'http://www.example.com/a?b=c%20d'
const FORMAT = '%>a %un %>rm %>ru %{User-Agent}>h'

describe('the question', () => {
  test.each<[string, Partial<Settings>, string, number, string]>([
    ['of its own format', {}, URL, 0, '10.1.2.3 - GET http://www.example.com/a?b=c%2520d -\n'],
    ['with a channel', { concurrency: 9 }, URL, 7, '7 10.1.2.3 - GET http://www.example.com/a?b=c%2520d -\n'],
    ['of CONNECT', {}, 'example.com:443', 0, '10.1.2.3 - CONNECT example.com:443 -\n'],
    ['of a format', { extras: FORMAT }, 'http://e/', 0, '10.1.2.3 - GET http://e/ UA%20with%20space -\n'],
    ['with the data in its place', { extras: '%DATA %>a' }, 'http://e/', 0, '- 10.1.2.3\n'],
    ['with words of the operator', { extras: 'group1 %SRC' }, 'http://e/', 0, 'group1 10.1.2.3 -\n'],
  ])('%s', (_, settings, url, channel, line) => {
    const dialect = acl(settings)
    const subject = asking(url, [], { fields: { 'User-Agent': 'UA with space' } })
    expect(dialect.channels).toBe(channel !== 0)
    expect(written(dialect, questionOf(dialect, subject), channel)).toBe(line)
  })

  test('a format that is none is refused', () => {
    expect(() => acl({ extras: '%nonsense' })).toThrow(LogFormatError)
  })

  test('one that is too long is answered 414', () => {
    const said = acl().ask(asking(`http://example.com/${'x'.repeat(SQUID_LINE_SIZE)}`), 0)
    expect(said).toMatchObject({ kind: 'deny', status: 414, broken: false, by: 'acl' })
  })
})

describe('answers', () => {
  const CAUSE = { by: 'acl', rule: '', reason: '', category: '' }
  const permit = (more: object = {}) => ({ ...CAUSE, kind: 'permit', final: false, ...more })
  const deny = (more: object = {}) => ({ ...CAUSE, kind: 'deny', status: 403, broken: false, ...more })
  const again = (reason: string, nonsense: boolean) => ({ kind: 'again', reason, nonsense })
  test.each<[string, object]>([
    ['OK', permit()],
    ['OK user=joe%20x', permit({ user: 'joe x' })],
    ['OK user="joe x" tag=staff log=why', permit({ user: 'joe x', category: 'staff', reason: 'why' })],
    ['OK message="m" log=l', permit({ reason: 'm' })],
    ['OK user=', permit()],
    ['OK password=secret other_=x', permit()],
    ['OK user=a%0d%0ab', permit({ user: 'a  b' })],
    ['ERR', deny()],
    ['ERR message="no \\"games\\""', deny({ reason: 'no "games"' })],
    ['ERR message=No%20games tag=games user=joe', deny({ reason: 'No games', category: 'games' })],
    ['ERR error="old words"', deny({ reason: 'old words' })],
    ['BH', again('', false)],
    ['BH message="database is away"', again('database is away', false)],
    ['BH what is this', again('what is this', false)],
    ['', again('it answered ""', true)],
    ['ok', again('it answered "ok"', true)],
    ['OKAY', again('it answered "OKAY"', true)],
    ['http://a/', again('it answered "http://a/"', true)],
  ])('%j', (answer, said) => {
    expect(answered(acl(), asking(URL), `${answer}\n`)).toEqual(said)
    expect(answered(acl(), asking(URL), `${answer}\r\n`)).toEqual(said)
    const channels = acl({ concurrency: 2 })
    expect(answered(channels, asking(URL), `1 ${answer}\n`)).toEqual(said)
  })

  test('wherever it is cut', () => {
    const answer = '1 ERR message="no games" tag=games\r\n'
    for (let cut = 0; cut <= answer.length; cut++) {
      const said = answered(acl({ concurrency: 2 }), asking(URL), answer, [cut])
      expect(said).toMatchObject({ kind: 'deny', reason: 'no games', category: 'games' })
    }
  })
})

describe('what was said', () => {
  /** Ask, and answer where it has to be. `null`: it had to. */
  function ask(dialect: ExternalAcl, now: number, answer: string, url = URL): Decision | null {
    const said = dialect.ask(asking(url), now)
    if (said.kind !== 'question') return said
    dialect.decide({ channel: 0, text: answer }, said, now)
    return said.known
  }

  test('is kept for ttl, or for negative_ttl', () => {
    const dialect = acl()
    expect(ask(dialect, 0, 'OK user=a')).toBe(null)
    expect(ask(dialect, 999, 'ERR')).toMatchObject({ kind: 'permit', user: 'a' })
    expect(ask(dialect, 1000, 'ERR message=no')).toBe(null)
    expect(ask(dialect, 1099, 'OK')).toMatchObject({ kind: 'deny', reason: 'no' })
    expect(ask(dialect, 1100, 'OK')).toBe(null)
    expect(dialect.statistics).toMatchObject({ entries: 1, hits: 2, misses: 3, refreshes: 0, evictions: 0 })
  })

  test('is that of the same line alone', () => {
    const dialect = acl({ extras: '%>rd' })
    expect(ask(dialect, 0, 'ERR', 'http://a/1')).toBe(null)
    expect(ask(dialect, 0, 'OK', 'http://a/2')).toMatchObject({ kind: 'deny' })
    expect(ask(dialect, 0, 'OK', 'http://b/1')).toBe(null)
  })

  test.each<[string, Partial<Settings>, string]>([
    ['ttl = 0', { ttl: 0 }, 'OK'],
    ['negative_ttl = 0', { negative_ttl: 0 }, 'ERR'],
    ['cache_size = 0', { cache_size: 0 }, 'OK'],
    ['BH', {}, 'BH'],
    ['nonsense', {}, 'what'],
  ])('is not kept: %s', (_, settings, answer) => {
    const dialect = acl(settings)
    for (let i = 0; i < 3; i++) expect(ask(dialect, i, answer)).toBe(null)
    expect(dialect.statistics).toMatchObject({ entries: 0, size: 0, hits: 0, misses: 3 })
  })

  test('is asked anew in its last part, once, while it is still used', () => {
    const dialect = acl({ grace: 20 })
    ask(dialect, 0, 'OK user=a')
    expect(dialect.ask(asking(URL), 799)).toMatchObject({ kind: 'permit', user: 'a' })
    const anew = questionOf(dialect, asking(URL), 800)
    expect(anew.known).toMatchObject({ kind: 'permit', user: 'a' })
    // Nobody else asks meanwhile.
    expect(dialect.ask(asking(URL), 801)).toMatchObject({ kind: 'permit', user: 'a' })
    dialect.decide({ channel: 0, text: 'ERR' }, anew, 850)
    expect(dialect.ask(asking(URL), 851)).toMatchObject({ kind: 'deny' })
    expect(dialect.statistics).toMatchObject({ hits: 4, misses: 1, refreshes: 1 })
  })

  test('is used to its end where asking anew failed', () => {
    const dialect = acl({ grace: 50 })
    ask(dialect, 0, 'OK user=a')
    expect(questionOf(dialect, asking(URL), 600).known).not.toBe(null)
    expect(dialect.ask(asking(URL), 999)).toMatchObject({ kind: 'permit', user: 'a' })
    expect(questionOf(dialect, asking(URL), 1000).known).toBe(null)
  })

  test('grace of all of it asks each time but uses what there is', () => {
    const dialect = acl({ grace: 100 })
    ask(dialect, 0, 'OK')
    expect(questionOf(dialect, asking(URL), 0).known).toMatchObject({ kind: 'permit' })
  })

  test('makes room, the one unused for longest first', () => {
    const dialect = acl({ cache_size: 2 })
    ask(dialect, 0, 'OK', 'http://a/')
    ask(dialect, 1, 'OK', 'http://b/')
    ask(dialect, 2, 'OK', 'http://a/')
    ask(dialect, 3, 'OK', 'http://c/')
    expect(ask(dialect, 4, 'OK', 'http://a/')).not.toBe(null)
    expect(ask(dialect, 4, 'OK', 'http://c/')).not.toBe(null)
    expect(ask(dialect, 4, 'OK', 'http://b/')).toBe(null)
    expect(dialect.statistics).toMatchObject({ entries: 2, evictions: 2 })
  })
})

test('the cache is bounded in bytes, too', () => {
  const cache = new AnswerCache(Infinity)
  const reason = 'x'.repeat(500)
  const decision: Decision = { kind: 'permit', final: false, by: 'acl', rule: '', reason, category: '' }
  const line = 'y'.repeat(SQUID_LINE_SIZE - 10)
  let most = 0
  for (let i = 0; i < 10_000; i++) {
    cache.keep(`${line}${i}`, decision, 0, 1000, 0)
    most = Math.max(most, cache.statistics.size)
  }
  const { entries, size, evictions } = cache.statistics
  expect(most).toBeLessThanOrEqual(HELPER_CACHE_SIZE)
  expect(size).toBeGreaterThan(HELPER_CACHE_SIZE * 0.99)
  expect(entries + evictions).toBe(10_000)
  expect(cache.find(`${line}9999`, 0)).toBe(decision)
  expect(cache.find(`${line}0`, 0)).toBe(null)
})

test('what is kept anew takes the place of the old', () => {
  const cache = new AnswerCache(5)
  const decision: Decision = { kind: 'close', by: 'acl', rule: '', reason: '', category: '' }
  for (let i = 0; i < 20; i++) cache.keep('a', decision, i, 1000, 0)
  const { size } = cache.statistics
  expect(cache.statistics).toMatchObject({ entries: 1, evictions: 0 })
  cache.keep('a', decision, 30, 0, 0)
  expect(cache.statistics).toMatchObject({ entries: 0, size: 0 })
  expect(size).toBeLessThan(1000)
})
