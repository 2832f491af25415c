import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lookUpLanguage, negotiate } from '../../core/http/accept.ts'

const TEXT = 'text/plain'
const HTML = 'text/html'
const JSON_TYPE = 'application/json'
const OFFERS = [TEXT, HTML, JSON_TYPE]

describe('negotiate() (RFC 9110 12.5.1)', () => {
  test.each([
    // What programs send.
    ['', TEXT],
    ['*/*', TEXT],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', HTML], // Firefox
    [
      'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,' +
      'application/signed-exchange;v=b3;q=0.7',
      HTML,
    ], // Chromium
    ['image/avif,image/webp,*/*', TEXT], // an image of a page
    ['application/json, text/plain, */*', JSON_TYPE], // axios
    ['application/json', JSON_TYPE],
    // Weights.
    ['text/html;q=0.9,application/json', JSON_TYPE],
    ['text/html;q=0.5,application/json;q=0.51', JSON_TYPE],
    ['text/html;q=0.501,application/json;q=0.5', HTML],
    ['text/html;q=0.1,*/*;q=0.2', TEXT],
    ['text/html;q=1.000,application/json;q=0.999', HTML],
    ['text/html;q=0,*/*', TEXT],
    ['text/plain;q=0,*/*', HTML],
    ['text/plain;q=0.0,text/html;q=0.000,*/*;q=0.001', JSON_TYPE],
    ['*/*;q=0', TEXT],
    ['text/html;q=0', TEXT],
    ['text/html;Q=0.2,application/json;Q=0.3', JSON_TYPE],
    // The most specific range counts for a type, wherever it stands.
    ['*/*;q=1,text/*;q=0.1,text/html;q=0.2', JSON_TYPE],
    ['text/*;q=0.9,application/*;q=0.8', TEXT],
    ['text/*', TEXT],
    ['text/*;q=0.5,text/html', HTML],
    ['application/*', JSON_TYPE],
    // Between equals the more specific match, then the first.
    ['*/*,text/html', HTML],
    ['text/*,application/json', JSON_TYPE],
    ['application/json,text/html', JSON_TYPE],
    ['text/html,application/json', HTML],
    // None of ours: the first offer.
    ['image/png', TEXT],
    ['text/htm', TEXT],
    ['text/htmlx', TEXT],
    ['text', TEXT],
    // Letters, space, empty elements, parameters.
    ['TEXT/HTML', HTML],
    [' \t, ,text/html \t; q=0.5 ,', HTML],
    ['text/html;charset=utf-8', HTML],
    ['text/html;a="x,y;q=0";q=0.3,application/json;q=0.2', HTML],
    ['text/html;q=0.1;a="\\",application/json', HTML], // the quotes never end: all of it is one element
    // A weight that is none: the range says nothing.
    ['text/html;q=,application/json;q=0.1', JSON_TYPE],
    ['text/html;q=2,application/json;q=0.1', JSON_TYPE],
    ['text/html;q=1.001,application/json;q=0.1', JSON_TYPE],
    ['text/html;q=0.1234,application/json;q=0.1', JSON_TYPE],
    ['text/html;q=-1,application/json;q=0.1', JSON_TYPE],
    ['text/html;q=.5,application/json;q=0.1', JSON_TYPE],
    ['text/html;q="1",application/json;q=0.1', JSON_TYPE],
    ['text/plain;q=no,*/*;q=0.5', TEXT],
  ])('%j', (accept, type) => {
    expect(negotiate(accept, OFFERS)).toBe(type)
  })

  test('gives one of the offers, whatever is asked', () => {
    fc.assert(fc.property(fc.string(), (accept) => {
      expect(OFFERS).toContain(negotiate(accept, OFFERS))
    }))
  })

  test('does not look at more ranges than a browser would send', () => {
    expect(negotiate('a/b,'.repeat(63) + 'text/html', OFFERS)).toBe(HTML)
    expect(negotiate('a/b,'.repeat(64) + 'text/html', OFFERS)).toBe(TEXT)
  })
})

describe('lookUpLanguage() (RFC 9110 12.5.4, RFC 4647 3.4)', () => {
  const LANGUAGES = ['en', 'fr', 'de', 'de-CH', 'zh-Hant', 'pt-BR', '']

  test.each([
    // What browsers send.
    ['en-US,en;q=0.9', 'en'],
    ['fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7', 'fr'],
    ['pl-PL,pl;q=0.9,en;q=0.8', 'en'],
    ['ja', 'none'],
    ['', 'none'],
    ['*', 'none'],
    // A range is cut at its end until it is an offer, and never made longer.
    ['de-CH-1996', 'de-CH'],
    ['de-AT', 'de'],
    ['zh-Hant-CN-x-private1-private2', 'zh-Hant'],
    ['zh-Hans-CN', 'none'],
    ['de-a-foo-CH', 'de'],
    ['de-CH-a-foo', 'de-CH'],
    ['pt', 'none'],
    ['d', 'none'],
    ['de-', 'de'],
    ['-de', 'none'],
    ['-', 'none'],
    // Weights, and between equals the first.
    ['en;q=0.5,fr', 'fr'],
    ['en;q=0.5,fr;q=0.4,de;q=0.6', 'de'],
    ['fr,en', 'fr'],
    ['en,fr', 'en'],
    ['ja,fr;q=0.001', 'fr'],
    ['*,fr;q=0.5', 'fr'],
    // Weight 0 is a refusal, of all below, but for a longer range.
    ['fr;q=0', 'none'],
    ['fr;q=0,*', 'none'],
    ['de-AT,de;q=0', 'none'],
    ['de-AT,de;q=0,en;q=0.1', 'en'],
    ['de;q=0,de-CH', 'de-CH'],
    ['de-CH;q=0,de-CH-1996', 'de'],
    ['de-CH,de-CH;q=0', 'de-CH'],
    // Letters, space, what is no weight.
    ['FR', 'fr'],
    ['de-ch', 'de-CH'],
    [' ,\ten ; q=0.2 , fr ;q=0.3', 'fr'],
    ['en;q=2,fr;q=0.1', 'fr'],
    ['constructor,__proto__', 'none'],
  ])('%j: %s', (accept, language) => {
    expect(LANGUAGES[lookUpLanguage(accept, LANGUAGES)] ?? 'none').toBe(language)
  })

  test('anything at all (property): one of the offers or none, and never the empty one', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom('de', 'en', '-', 'x', ',', ';q=0', ';q=1', '*', ' ')).map((parts) => parts.join('')),
    )
    fc.assert(fc.property(anything, (accept) => {
      const index = lookUpLanguage(accept, LANGUAGES)
      expect(index).toBeGreaterThanOrEqual(-1)
      expect(index).toBeLessThan(LANGUAGES.length - 1)
    }))
  })
})

test('what is far longer than any program sends is not read to its end', () => {
  const filler = 'x/y,'.repeat(20_000)
  expect(negotiate(`text/html,${filler}`, OFFERS)).toBe(HTML)
  expect(negotiate(`${filler}text/html`, OFFERS)).toBe(TEXT)
  expect(lookUpLanguage(`fr,${'a-'.repeat(30_000)}`, ['en', 'fr'])).toBe(1)
  expect(lookUpLanguage(`${','.repeat(5000)}fr`, ['en', 'fr'])).toBe(-1)
})
