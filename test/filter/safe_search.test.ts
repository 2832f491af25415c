import { describe, expect, test } from 'vitest'
import { safeSearch, setParameter } from '../../core/filter/safe_search.ts'
import { ENGINES } from '../../core/filter/safe_search_table.ts'
import type { Subject } from '../../core/filter/subject.ts'
import { family } from '../../core/bytes/address.ts'

/** A request as a browser would make it: `CONNECT host:port`, or a URL. */
function subject(asked: string, fields: Readonly<Record<string, string>> = {}): Subject {
  const tunnel = !asked.includes('://')
  const url = new URL(tunnel ? `https://${asked}` : asked)
  const mark = asked.indexOf('?')
  return {
    listener: 'main',
    client: '192.0.2.1',
    user: '',
    local: '192.0.2.9',
    localPort: 3128,
    method: tunnel ? 'CONNECT' : 'GET',
    scheme: tunnel ? '' : url.protocol.slice(0, -1),
    host: url.hostname,
    port: tunnel ? 443 : 80,
    url: asked,
    path: tunnel ? '' : url.pathname,
    query: mark < 0 ? '' : asked.slice(mark + 1),
    date: 0,
    zone: 0,
    addresses: null,
    tls: null,
    field: (name) => fields[name] ?? null,
    headBytes: () => new Uint8Array(0),
  }
}

const dialled = (level: 'moderate' | 'strict', host: string) => safeSearch(level, subject(`${host}:443`))?.dial?.host

describe('by name', () => {
  test.each([
    ['www.google.com', 'forcesafesearch.google.com', 'forcesafesearch.google.com'],
    ['www.google.de', 'forcesafesearch.google.com', 'forcesafesearch.google.com'],
    ['www.google.co.uk', 'forcesafesearch.google.com', 'forcesafesearch.google.com'],
    ['www.google.com.au', 'forcesafesearch.google.com', 'forcesafesearch.google.com'],
    ['www.google.cat', 'forcesafesearch.google.com', 'forcesafesearch.google.com'],
    ['www.youtube.com', 'restrictmoderate.youtube.com', 'restrict.youtube.com'],
    ['m.youtube.com', 'restrictmoderate.youtube.com', 'restrict.youtube.com'],
    ['youtubei.googleapis.com', 'restrictmoderate.youtube.com', 'restrict.youtube.com'],
    ['youtube.googleapis.com', 'restrictmoderate.youtube.com', 'restrict.youtube.com'],
    ['www.youtube-nocookie.com', 'restrictmoderate.youtube.com', 'restrict.youtube.com'],
    ['www.bing.com', 'strict.bing.com', 'strict.bing.com'],
    ['edgeservices.bing.com', 'strict.bing.com', 'strict.bing.com'],
    ['duckduckgo.com', 'safe.duckduckgo.com', 'safe.duckduckgo.com'],
    ['start.duckduckgo.com', 'safe.duckduckgo.com', 'safe.duckduckgo.com'],
    ['search.brave.com', 'forcesafe.search.brave.com', 'forcesafe.search.brave.com'],
    ['www.ecosia.org', 'strict-safe-search.ecosia.org', 'strict-safe-search.ecosia.org'],
    ['pixabay.com', 'safesearch.pixabay.com', 'safesearch.pixabay.com'],
    ['yandex.ru', 'familysearch.yandex.ru', 'familysearch.yandex.ru'],
    ['www.yandex.com.tr', 'familysearch.yandex.ru', 'familysearch.yandex.ru'],
    ['ya.ru', 'familysearch.yandex.ru', 'familysearch.yandex.ru'],
    ['api.qwant.com', 'safeapi.qwant.com', 'safeapi.qwant.com'],
  ])('%s', (host, moderate, strict) => {
    expect(dialled('moderate', host)).toBe(moderate)
    expect(dialled('strict', host)).toBe(strict)
  })

  test.each([
    'google.com',
    'mail.google.com',
    'accounts.google.com',
    'drive.google.com',
    'www.google.com.evil.test',
    'evilwww.google.com',
    'a.www.google.com',
    'www.google.test',
    'youtube.com',
    'bing.com',
    'login.live.com',
    'brave.com',
    'ecosia.org',
    'mail.yandex.ru',
    'forcesafesearch.google.com',
    'restrict.youtube.com',
    'search.yahoo.com',
    'mail.yahoo.com',
    '192.0.2.7',
  ])('%s is connected to itself', (host) => {
    expect(safeSearch('strict', subject(`${host}:443`))).toBeNull()
  })

  test('nothing inside a tunnel is changed', () => {
    expect(safeSearch('strict', subject('www.youtube.com:443'))).toEqual({
      dial: {
        host: 'restrict.youtube.com',
        fallback4: '216.239.38.120',
        fallback6: '2001:4860:4802:32::78',
      },
      changes: null,
      category: 'youtube',
    })
  })

  test('off is off', () => {
    expect(safeSearch('off', subject('www.google.com:443'))).toBeNull()
    expect(safeSearch('off', subject('http://www.google.com/search?q=a'))).toBeNull()
  })
})

test('the table: names in policy form, none twice, addresses that are some', () => {
  const seen = new Set<string>()
  for (const engine of ENGINES) {
    for (const host of [...engine.hosts, ...engine.others]) {
      expect(host).toMatch(/^\.?[a-z0-9-]+(\.[a-z0-9-]+)+$/)
      expect(seen.has(host), host).toBe(false)
      seen.add(host)
    }
    expect(engine.hosts.length > 0).toBe(engine.dial !== null)
    for (const dial of engine.dial === null ? [] : [engine.dial.moderate, engine.dial.strict]) {
      // Dialled in the place of another, it must not be replaced in its turn.
      expect(seen.has(dial.host)).toBe(false)
      if (dial.fallback4 !== '') expect(family(dial.fallback4)).toBe(4)
      if (dial.fallback6 !== '') expect(family(dial.fallback6)).toBe(6)
    }
    for (const path of engine.parameter?.paths ?? []) expect(path).toMatch(/^\/[a-z]*$/)
  }
  expect(ENGINES[0].hosts.length).toBeGreaterThanOrEqual(190)
})

describe('the query', () => {
  test.each([
    ['http://www.google.com/search?q=cats', 'http://www.google.com/search?q=cats&safe=active'],
    ['http://www.google.com/search?q=cats&safe=off', 'http://www.google.com/search?q=cats&safe=active'],
    ['http://www.google.com/search?safe=off&q=a&safe=active', 'http://www.google.com/search?q=a&safe=active'],
    ['http://www.google.com/search?q=a&safe=active&safe=off', 'http://www.google.com/search?q=a&safe=active'],
    ['http://www.google.com/search?q=a&s%61fe=off', 'http://www.google.com/search?q=a&safe=active'],
    ['http://www.google.com/search?q=a&%73%61%66%65=images', 'http://www.google.com/search?q=a&safe=active'],
    ['http://www.google.com/search?q=a&SAFE=off', 'http://www.google.com/search?q=a&safe=active'],
    ['http://www.google.com/search?q=a&safe', 'http://www.google.com/search?q=a&safe=active'],
    ['http://www.google.com/search?q=a&&', 'http://www.google.com/search?q=a&safe=active'],
    ['http://www.google.com/search?q=safe=off', 'http://www.google.com/search?q=safe=off&safe=active'],
    ['http://www.google.com/search?q=a%26safe=active', 'http://www.google.com/search?q=a%26safe=active&safe=active'],
    ['http://www.google.com/search', 'http://www.google.com/search?safe=active'],
    ['http://www.google.com', 'http://www.google.com/?safe=active'],
    ['http://www.google.com?q=a', 'http://www.google.com/?q=a&safe=active'],
    ['http://google.fr/search?q=a', 'http://google.fr/search?q=a&safe=active'],
    ['http://images.google.de/images?q=a', 'http://images.google.de/images?q=a&safe=active'],
    ['https://www.google.com/search?q=a', 'https://www.google.com/search?q=a&safe=active'],
    ['http://www.bing.com/search?q=a&adlt=off', 'http://www.bing.com/search?q=a&adlt=strict'],
    ['http://www.bing.com/images/search?q=a', 'http://www.bing.com/images/search?q=a&adlt=strict'],
    ['http://duckduckgo.com/?q=a&kp=-2', 'http://duckduckgo.com/?q=a&kp=1'],
    ['http://html.duckduckgo.com/html/?q=a', 'http://html.duckduckgo.com/html/?q=a&kp=1'],
    ['http://search.brave.com/search?q=a&safesearch=off', 'http://search.brave.com/search?q=a&safesearch=strict'],
    ['http://www.ecosia.org/search?q=a', 'http://www.ecosia.org/search?q=a&safesearch=2'],
    ['http://yandex.ru/search/?text=a', 'http://yandex.ru/search/?text=a&family=yes'],
    ['http://www.qwant.com/?q=a&s=0', 'http://www.qwant.com/?q=a&s=2'],
    ['http://search.yahoo.com/search?p=a&vm=p', 'http://search.yahoo.com/search?p=a&vm=r'],
    ['http://uk.images.search.yahoo.com/search/images?p=a', 'http://uk.images.search.yahoo.com/search/images?p=a&vm=r'],
  ])('%s', (asked, wanted) => {
    const said = safeSearch('strict', subject(asked))
    expect(said?.changes?.url).toBe(wanted)
    expect(said?.changes?.keepHost).toBe(true)
    // What was made is left alone.
    expect(safeSearch('strict', subject(wanted))?.changes?.url ?? '').toBe('')
  })

  test.each([
    'http://www.google.com/search?q=a&safe=active',
    'http://www.google.com/maps?q=a',
    'http://www.google.com/searches?q=a',
    'http://www.google.com/url?safe=off',
    'http://search.brave.com/settings',
    'http://pixabay.com/images/search/a/',
    'http://www.yahoo.com/search?p=a',
    'http://mail.google.com/search?q=a',
  ])('%s stays', (asked) => {
    expect(safeSearch('strict', subject(asked))?.changes ?? null).toBeNull()
  })

  test.each([
    ['http://www.bing.com/search?q=a', 'adlt=moderate'],
    ['http://duckduckgo.com/?q=a', 'kp=-1'],
    ['http://search.brave.com/search?q=a', 'safesearch=moderate'],
    ['http://www.google.com/search?q=a', 'safe=active'],
  ])('moderate: %s', (asked, parameter) => {
    expect(safeSearch('moderate', subject(asked))?.changes?.url).toBe(`${asked}&${parameter}`)
  })

  test.each([
    'http://duckduckgo.com/?q=a&kp=1',
    'http://search.brave.com/search?q=a&safesearch=strict',
  ])('moderate leaves %s as strict as it is', (asked) => {
    expect(safeSearch('moderate', subject(asked))?.changes).toBeNull()
  })

  test('bytes that are no percent-encoding', () => {
    expect(setParameter('q=%zz&%s=1&%=2&saf%65', 'safe', 'active', ['active'])).toBe('q=%zz&%s=1&%=2&safe=active')
  })
})

describe('YouTube', () => {
  const asked = (level: 'moderate' | 'strict', fields: Readonly<Record<string, string>>) =>
    safeSearch(level, subject('http://www.youtube.com/results?q=a', fields))?.changes

  test('field and cookie', () => {
    expect(asked('strict', {})).toMatchObject({
      url: '',
      set: [['YouTube-Restrict', 'Strict']],
      cookie: [['PREF', 'f2=8000000']],
    })
    expect(asked('moderate', {})?.set).toEqual([['YouTube-Restrict', 'Moderate']])
  })

  test.each([
    ['PREF=f1=50000000&f6=8', 'f1=50000000&f6=8&f2=8000000'],
    ['a=b; PREF=f2=1&f6=8; c=d', 'f2=8000000&f6=8'],
    ['PREF=', 'f2=8000000'],
    ['PREF=f2', 'f2=8000000'],
    ['PREF=f2=1&f2=8000000', 'f2=8000000'],
    ['XPREF=f1=1', 'f2=8000000'],
    ['PREF=f6=8; PREF=f2=8000000', 'f6=8&f2=8000000'],
    ['a=b, PREF=f6=8', 'f6=8&f2=8000000'],
  ])('%s', (cookie, wanted) => {
    expect(asked('strict', { cookie })?.cookie).toEqual([['PREF', wanted]])
  })

  test('what is there already stays', () => {
    const strict = { 'youtube-restrict': 'Strict', cookie: 'a=b; PREF=f6=8&f2=8000000' }
    expect(asked('strict', strict)).toBeNull()
    expect(asked('moderate', strict)).toBeNull()
    expect(asked('strict', { ...strict, 'youtube-restrict': 'Moderate' })).toMatchObject({
      set: [['YouTube-Restrict', 'Strict']],
      cookie: [],
    })
    expect(asked('strict', { ...strict, 'youtube-restrict': 'Off, Strict' })?.set).toHaveLength(1)
  })
})

test('Bing remembers by a cookie', () => {
  const asked = (level: 'moderate' | 'strict', cookie: string) =>
    safeSearch(level, subject('http://www.bing.com/a', { cookie }))?.changes?.cookie ?? []
  expect(asked('strict', 'SRCHHPGUSR=CW=1&ADLT=OFF&DM=0')).toEqual([['SRCHHPGUSR', 'CW=1&ADLT=STRICT&DM=0']])
  expect(asked('moderate', 'SRCHHPGUSR=ADLT=OFF')).toEqual([['SRCHHPGUSR', 'ADLT=DEMOTE']])
  expect(asked('moderate', 'SRCHHPGUSR=ADLT=STRICT')).toEqual([])
})
