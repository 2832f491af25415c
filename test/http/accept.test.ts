import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { negotiate } from '../../core/http/accept.ts'

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
