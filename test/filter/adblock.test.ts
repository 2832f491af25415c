import { describe, expect, it } from 'vitest'
import { AdblockPart } from '../../core/filter/adblock_part.ts'
import { subjectOf } from './subject.ts'

const encoder = new TextEncoder()

function partOf(rules: readonly string[]): AdblockPart {
  const part = new AdblockPart(100)
  const lines = rules.map((rule) => encoder.encode(rule))
  for (const line of lines) part.count(line, 0, line.length)
  part.turn()
  for (const line of lines) part.put(line, 0, line.length)
  return part
}

/** The rule that a request is found by; empty: none. */
function found(rules: readonly string[], url: string, referer?: string): string {
  const part = partOf(rules)
  return part.find(subjectOf(url, referer === undefined ? {} : { fields: { Referer: referer } })) < 0 ? '' : part.entry
}

describe('an Adblock rule', () => {
  it.each([
    // The host, and what is below it.
    ['||ads.test^', 'http://ads.test/', true],
    ['||ads.test^', 'http://a.ads.test/x', true],
    ['||ads.test^', 'http://ads.test:8080/', true],
    ['||ads.test^', 'ads.test:443', true],
    ['||ads.test^', 'http://bads.test/', false],
    ['||ads.test^', 'http://ads.test.evil/', false],
    ['||ads.test^', 'http://x.test/?u=http://ads.test/', false],
    ['||Ads.Test^|', 'http://ads.test/', true],
    ['||ads.test^$important', 'http://ads.test/', true],
    ['||ads.test^$all', 'http://ads.test/', true],
    // The beginning of a label, and no more.
    ['||ads.', 'http://ads.test/', true],
    ['||ads.', 'http://x.ads.test/', true],
    ['||ads.', 'http://xads.test/', false],
    ['||ads.', 'http://x.test/ads.', false],
    ['||ads.test', 'http://ads.testing.org/', true],
    ['||ads.test/', 'http://ads.test/any', true],
    ['||ads.test/', 'http://ads.test:81/any', false],
    ['||ads.test/banner', 'http://ads.test/banner/1', true],
    ['||ads.test/banner', 'http://ads.test/x/banner', false],
    ['||ads.test^banner', 'http://ads.test/banner', true],
    ['||ads.test/banner', 'ads.test:443', false],
    ['||192.0.2.7^', 'http://192.0.2.7/', true],
    ['||ad*.test^', 'http://ads1.test/', true],
    ['||*.ads.test^', 'http://x.ads.test/', true],
    // The beginning and the end.
    ['|http://ads.', 'http://ads.test/', true],
    ['|http://ads.', 'http://x.test/http://ads.', false],
    ['|https://', 'only.test:443', true],
    ['|https://only.test', 'only.test:443', true],
    ['.swf|', 'http://x.test/a.swf', true],
    ['.swf|', 'http://x.test/a.swf?x', false],
    ['.swf^|', 'http://x.test/a.swf', true],
    ['.swf^|', 'http://x.test/a.swf/', true],
    ['.swf^|', 'http://x.test/a.swf/b', false],
    // Anywhere.
    ['/banner/', 'http://x.test/banner/1', true],
    ['/banner/*/img', 'http://x.test/banner/1/img', true],
    ['/banner/*/img', 'http://x.test/banner/img', false],
    ['/banner/*/img', 'http://x.test/img/banner/', false],
    ['&ad_id=', 'http://x.test/?a=1&ad_id=2', true],
    ['-ad-^', 'http://x.test/x-ad-/', true],
    ['-ad-^', 'http://x.test/x-ad-', true],
    ['-ad-^', 'http://x.test/x-ad-x', false],
    ['^ads^', 'http://x.test/ads', true],
    ['^ads^', 'http://ads/', true],
    ['^ads^', 'http://x.test/adsx', false],
    ['/A/Banner', 'http://x.test/a/BANNER', true],
    ['/A/Banner$match-case', 'http://x.test/a/banner', false],
    ['/A/Banner$match-case', 'http://x.test/A/Banner', true],
    // Regular expressions.
    ['/ads[0-9]+\\.js/', 'http://x.test/ads12.js', true],
    ['/ads[0-9]+\\.js/', 'http://x.test/ads.js', false],
    ['/ads$/', 'http://x.test/ADS', true],
    ['/ads$/$match-case', 'http://x.test/ADS', false],
    ['/^https:.*x/$important', 'x.test:443', true],
  ])('%s on %s: %j', (rule, url, matches) => {
    expect(found([rule], url) !== '').toBe(matches)
  })

  it.each([
    ['||ads.test^$third-party', 'http://ads.test/', 'http://news.test/', true],
    ['||ads.test^$third-party', 'http://ads.test/', 'http://www.ads.test/', false],
    ['||ads.test^$third-party', 'http://ads.test/', undefined, false],
    ['||ads.co.uk^$3p', 'http://ads.co.uk/', 'http://news.co.uk/', true],
    ['||ads.co.uk^$~third-party', 'http://ads.co.uk/', 'https://www.ads.co.uk:8443/a', true],
    ['/ad/$domain=news.test', 'http://x.test/ad/', 'http://www.news.test/', true],
    ['/ad/$domain=news.test', 'http://x.test/ad/', 'http://fakenews.test/', false],
    ['/ad/$domain=news.test', 'http://x.test/ad/', undefined, false],
    ['/ad/$domain=news.test|~www.news.test', 'http://x.test/ad/', 'http://www.news.test/', false],
    ['/ad/$domain=~news.test', 'http://x.test/ad/', 'http://other.test/', true],
    ['/ad/$domain=~news.test', 'http://x.test/ad/', undefined, true],
    ['/ad/$domain=~news.test', 'http://x.test/ad/', 'http://u:p@news.test/', false],
  ])('%s on %s from %s: %j', (rule, url, referer, matches) => {
    expect(found([rule], url, referer) !== '').toBe(matches)
  })

  it.each([
    [['||ads.test^', '@@||ok.ads.test^'], 'http://ok.ads.test/', ''],
    [['||ads.test^', '@@||ok.ads.test^'], 'http://no.ads.test/', '||ads.test^'],
    [['||ads.test^', '@@||ads.test/fine/'], 'http://ads.test/fine/x', ''],
    [['||ads.test^', '@@||ads.test/fine/'], 'http://ads.test/x', '||ads.test^'],
    [['||ads.test^$important', '@@||ads.test^'], 'http://ads.test/', '||ads.test^'],
    [['||ads.test^$important', '@@||ads.test^$important'], 'http://ads.test/', ''],
    [['/track/$important', '@@||ads.test^'], 'http://ads.test/track/', '/track/$important'],
    [['||ads.test^', '||ads.test^$badfilter'], 'http://ads.test/', ''],
    [['||ads.test^$third-party', '||ads.test^$third-party,badfilter'], 'http://ads.test/', ''],
    [['||ads.test^', '||other.test^$badfilter'], 'http://ads.test/', '||ads.test^'],
    [['@@||ads.test^'], 'http://ads.test/', ''],
    [['[Adblock Plus 2.0]', '/ad/'], 'http://x.test/ad/', '/ad/'],
  ])('%j: %s is found by %j', (rules, url, by) => {
    expect(found(rules, url)).toBe(by)
  })

  it('that a proxy cannot obey is counted by why', () => {
    const part = partOf([
      '||a.test^',
      'x.test##.ad',
      'x.test#@#.ad',
      '##.banner',
      '||a.test^$script',
      '||a.test^$image,third-party',
      '||a.test^$~script',
      '||a.test^$csp=none',
      '||a.test^$removeparam=x',
      '||a.test^$dnsrewrite=1.2.3.4',
      '/(?=a)b/',
      '/(/',
      'a b',
      '*',
      '||',
    ])
    expect(part.entries).toBe(1)
    expect(part.skipped()).toEqual([
      '14 rules that a proxy cannot obey were skipped: 3 cosmetic, 3 resource types, 3 other options, 5 not understood',
    ])
    expect(partOf(['||a.test^']).skipped()).toEqual([])
  })

  it('with a word is found among many without trying them all', () => {
    const rules = Array.from({ length: 5000 }, (_, i) => `/word${i}/*`)
    expect(found(rules, 'http://x.test/a/word4321/b')).toBe('/word4321/*')
    expect(found(rules, 'http://x.test/a/word43210/b')).toBe('')
  })

  it('takes no longer than URL times rule', () => {
    const url = `http://x.test/${'a'.repeat(8000)}`
    expect(found([`/${'a*'.repeat(100)}b^`], url)).toBe('')
  })
})
