import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { HttpSettings } from '../../core/config/settings.ts'
import type { FailureCode } from '../../core/failure.ts'
import { Failure, FAILURES } from '../../core/failure.ts'
import { PAGE_TEMPLATE_SIZE, PAGE_VALUE_SIZE } from '../../core/limits.ts'
import { PageFiles } from '../../core/proxy/page_files.ts'
import type { Page, PageSubject } from '../../core/proxy/pages.ts'
import { loadPages, Pages } from '../../core/proxy/pages.ts'
import { proxyStatus } from '../../core/proxy/proxy_status.ts'
import type { Runtime } from '../../core/runtime.ts'
import { SystemFailure } from '../../core/runtime.ts'
import { STARTED } from './records.ts'

const settings = (changes: Partial<HttpSettings> = {}): HttpSettings => ({
  via: true,
  name: 'exaproxy',
  forwarded_for: 'append',
  forwarded: false,
  expect: true,
  methods: [],
  upgrades: [],
  loose_targets: false,
  pages: '',
  contact: '',
  transparent: false,
  ...changes,
})

const about = (changes: Partial<PageSubject> = {}): PageSubject => ({
  url: 'http://www.example.invalid/a?b=c',
  client: '192.0.2.10',
  accept: 'text/html',
  date: STARTED,
  id: 'r-1',
  ...changes,
})

/** Pages with these files of /etc/pages. */
const withFiles = (files: Record<string, string>): Pages =>
  new Pages(settings(), new PageFiles(new Map(Object.entries(files)), '/etc/pages'))

const bodyOf = (page: Page): string => new TextDecoder('utf-8', { fatal: true }).decode(page.body)
const CODES = Object.keys(FAILURES) as FailureCode[]
const ACCEPTS = ['text/html', 'text/plain', 'application/json', 'application/problem+json']

describe('the built-in pages', () => {
  const pages = new Pages(settings())

  test.each(CODES)('%s: what happened, to which address, why, and what to do', (code) => {
    const failure = new Failure(code, 'www.example.invalid: NXDOMAIN from 192.0.2.53')
    for (const accept of ACCEPTS) {
      const page = pages.page(failure, about({ accept }))
      const body = bodyOf(page)
      expect(page.status).toBe(FAILURES[code].status)
      const words = accept.includes('json') ? JSON.parse(body).detail : body
      expect(words).toContain(FAILURES[code].words)
      expect(body).toContain('www.example.invalid: NXDOMAIN from 192.0.2.53')
      expect(body).toContain('http://www.example.invalid/a?b=c')
      expect(body).toContain(code)
      expect(body).toContain('2026-11-24 17:15:55 UTC')
      expect(body).toContain('r-1')
      expect(body).not.toContain('{{')
      expect(body).not.toContain('undefined')
    }
  })

  test.each(CODES)('%s: a page for everybody that loads nothing and runs nothing', (code) => {
    const body = bodyOf(pages.page(new Failure(code), about({ url: '' })))
    expect(body).toMatch(/^<!DOCTYPE html>\n<html lang="en" dir="ltr">/)
    expect(body).toMatch(/<meta charset="utf-8">/)
    expect(body).toMatch(/<meta name="viewport"/)
    expect(body).toMatch(/<title>[^<]+<\/title>/)
    expect(body.match(/<h1>[^<]+<\/h1>/g)).toHaveLength(1)
    expect(body).toMatch(/prefers-color-scheme: dark/)
    expect(body).not.toMatch(/<script|<img|<link|<iframe|src=|href=|url\(|@import|https?:\/\/[a-z]/)
  })

  test('what is not known leaves no gap', () => {
    const failure = new Failure('bad-request')
    for (const accept of ['text/html', 'text/plain']) {
      const body = bodyOf(pages.page(failure, about({ accept, url: '', id: '', client: '' })))
      expect(body).not.toMatch(/You asked for|Details|Reference|Your address|Category|Rule|Decided|Contact/)
    }
    const json = JSON.parse(bodyOf(pages.page(failure, about({ accept: 'application/json', url: '', id: '' }))))
    expect(Object.keys(json)).toEqual(['title', 'status', 'detail', 'code', 'advice', 'time', 'proxy'])
  })

  test.each([
    ['text/html', 'text/html; charset=utf-8', 'en'],
    ['', 'text/plain; charset=utf-8', 'en'],
    ['*/*', 'text/plain; charset=utf-8', 'en'],
    ['image/webp,*/*;q=0.8', 'text/plain; charset=utf-8', 'en'],
    ['application/json', 'application/json', 'en'],
    ['application/problem+json', 'application/problem+json', 'en'],
  ])('Accept: %s', (accept, type, language) => {
    const page = pages.page(new Failure('connect-refused'), about({ accept }))
    const fields = new Map(page.fields)
    expect(page.type).toBe(type)
    expect(fields.get('Content-Type')).toBe(type)
    expect(fields.get('Cache-Control')).toBe('no-store')
    expect(fields.get('Vary')).toBe('Accept, Accept-Language')
    expect(fields.get('Content-Language')).toBe(language)
    expect(fields.get('X-Content-Type-Options')).toBe('nosniff')
    expect(fields.get('Content-Security-Policy')).toBe(
      type.startsWith('text/html')
        ? "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
        : undefined,
    )
  })

  test('transparent: no name of a product anywhere', () => {
    const quiet = new Pages(settings({ transparent: true }))
    for (const code of CODES) {
      for (const accept of ACCEPTS) {
        const page = quiet.page(new Failure(code, 'why'), about({ accept }))
        expect(bodyOf(page) + JSON.stringify(page.fields)).not.toMatch(/exaproxy/i)
      }
    }
    expect(bodyOf(pages.page(new Failure('bug'), about()))).toMatch(/Proxy: <bdi>exaproxy</)
  })
})

describe('nothing of a request is obeyed', () => {
  const pages = new Pages(settings())
  const show = (url: string, accept: string, detail = url): string =>
    bodyOf(pages.page(new Failure('bad-target', detail), about({ url, accept, id: url, client: url, host: url })))

  test.each([
    ['<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
    ['"onload="x', '&quot;onload=&quot;x'],
    ["'`&amp;", '&#39;&#96;&amp;amp;'],
    ['{{code}}{{#url}}', '{{code}}{{#url}}'],
    ['a\x1b[2Jb', 'a\\x1b[2Jb'],
    ['a\r\nb\0', 'a\\x0d\\x0ab\\x00'],
    ['\x85\x9b31m', '\\x85\\x9b31m'],
    ['gro\u202egpj.exe', 'gro\\u202egpj.exe'],
    ['a\u200bb\u2028c\ufeff', 'a\\u200bb\\u2028c\\ufeff'],
    ['\ud83d\ude00 \ud83d', '\ud83d\ude00 \\ud83d'],
    ['$& $1 $$', '$&amp; $1 $$'],
  ])('%j', (text, html) => {
    const shown = show(text, 'text/html')
    expect(shown.split(html).length - 1).toBeGreaterThanOrEqual(3)
  })

  test('any text (property): no tag, no control, no line of its own; and JSON that can be read', () => {
    const plain = show('x', 'text/plain').split('\n').length
    const tags = show('x', 'text/html').match(/[<>]/g)!.length
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }), (text) => {
        const html = show(text, 'text/html')
        expect(html.match(/[<>]/g)).toHaveLength(tags)
        const words = show(text, 'text/plain')
        expect(words.split('\n')).toHaveLength(plain)
        // deno-lint-ignore no-control-regex
        expect(words).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/)
        const json = show(text, 'application/json')
        expect(json).toMatch(/^[\n -~]*$/)
        expect(json).not.toMatch(/[<>]/)
        expect(JSON.parse(json).code).toBe('bad-target')
      }),
      { numRuns: 500 },
    )
  })

  test('what is very long is cut', () => {
    const url = `http://a/${'x'.repeat(100_000)}`
    for (const accept of ACCEPTS) {
      const body = show(url, accept)
      expect(body.length).toBeLessThan(12 * PAGE_VALUE_SIZE)
      expect(body).toMatch(/x…|x\\u2026/)
    }
    expect(show('x'.repeat(PAGE_VALUE_SIZE), 'text/plain')).not.toContain('…')
  })
})

describe('templates of one’s own', () => {
  const one = (files: Record<string, string>, failure = new Failure('name-not-found', 'why'), accept = 'text/html') => {
    const pages = withFiles(files)
    expect(pages.problems).toEqual([])
    return bodyOf(pages.page(failure, about({ accept })))
  }

  test('the most particular is taken', () => {
    const files = { 'error.html': 'any', '502.html': 'status', 'name-not-found.html': 'code', 'error.txt': 'text' }
    expect(one(files)).toBe('code')
    expect(one(files, new Failure('connect-refused'))).toBe('status')
    expect(one(files, new Failure('bad-request'))).toBe('any')
    expect(one(files, new Failure('bad-request'), '*/*')).toBe('text')
    expect(one({ '502.html': 'status' }, new Failure('bad-request'))).toContain('The request was not understood')
    expect(one({ '502.html': 'status' }, new Failure('connect-refused'), '*/*')).toContain('cannot be reached')
  })

  test.each([
    ['{{url}}', 'http://www.example.invalid/a?b=c'],
    ['{{host}}', 'www.example.invalid'],
    ['{{reason}}', 'The name does not exist.'],
    ['{{detail}}', 'why'],
    ['{{status}} {{code}}', '502 name-not-found'],
    ['{{id}} {{ time }} {{proxy}} {{client}}', 'r-1 2026-11-24 17:15:55 UTC exaproxy 192.0.2.10'],
    ['{{title}}', 'The site was not found'],
    [
      '{{advice}}',
      'Check the spelling of the address. If it is right, the site may have moved or may not exist any more.',
    ],
    ['a{{#detail}}b{{detail}}{{#id}}c{{/id}}d{{/detail}}e', 'abwhycde'],
    ['a {b} {{', 'a {b} {{'],
  ])('%s', (template, body) => {
    expect(one({ 'error.html': template })).toBe(body)
  })

  test('a section is left out when there is nothing to say', () => {
    expect(one({ 'error.html': 'a{{#detail}}b{{url}}{{/detail}}c' }, new Failure('bug'))).toBe('ac')
  })

  test.each([
    ['http://a.example:81/b', 'a.example:81'],
    ['http://a.example?b', 'a.example'],
    ['a.example:443', 'a.example:443'],
    ['http://[::1]:8/', '[::1]:8'],
    ['/b', ''],
    ['*', ''],
    ['', ''],
  ])('{{host}} of %s', (url, host) => {
    const pages = withFiles({ 'error.html': '<{{host}}>' })
    expect(bodyOf(pages.page(new Failure('bug'), about({ url })))).toBe(`<${host}>`)
    expect(bodyOf(pages.page(new Failure('bug'), about({ url, host: 'h' })))).toBe('<h>')
  })

  test('values are escaped there too, and cannot bring placeholders', () => {
    const pages = withFiles({ 'error.html': '{{detail}}', 'error.txt': '{{detail}}' })
    const failure = new Failure('bug', '<b>{{url}}\x07')
    expect(bodyOf(pages.page(failure, about()))).toBe('&lt;b&gt;{{url}}\\x07')
    expect(bodyOf(pages.page(failure, about({ accept: '' })))).toBe('<b>{{url}}\\x07')
  })

  test('the language is that of the template, and its author may load what he wants', () => {
    const pages = withFiles({ 'error.html': '<html class=x lang="fr-CA">', 'error.txt': 'x' })
    const fields = (accept: string) => new Map(pages.page(new Failure('bug'), about({ accept })).fields)
    expect(fields('text/html').get('Content-Language')).toBe('fr-CA')
    expect(fields('').get('Content-Language')).toBeUndefined()
    expect(fields('text/html').get('Content-Security-Policy')).toBeUndefined()
  })

  test.each([
    ['error.html', 'a\n{{ur}}', 'error.html:2: unknown placeholder {{ur}}; there are: url, host, '],
    ['error.txt', '{{}}', 'error.txt:1: unknown placeholder {{}}; '],
    ['502.html', '\n\n{{#url}}', '502.html:3: the section {{#url}} has no {{/url}}'],
    ['502.html', '{{/url}}', '502.html:1: {{/url}} ends a section that is not open'],
    ['502.html', '{{#url}}{{#id}}{{/url}}{{/id}}', '502.html:1: {{/url}} ends a section that is not open'],
    ['502.html', '<script>let a = "{{url}}"</script>', '502.html:1: {{url}} inside <script> or <style>'],
    ['502.html', '<STYLE>\n{{url}}', '502.html:2: {{url}} inside <script> or <style>'],
    ['name-not-fuond.html', 'x', 'name-not-fuond.html:1: the name is not that of a failure, a status or "error"'],
    ['302.html', 'x', '302.html:1: the name is not that'],
    ['toString.html', 'x', 'toString.html:1: the name is not that'],
  ])('%s with %j is reported, with its line, and not used', (file, text, problem) => {
    const pages = withFiles({ [file]: text })
    expect(pages.problems[0]).toContain(`/etc/pages/${problem}`)
    expect(bodyOf(pages.page(new Failure('connect-refused'), about()))).toMatch(/^<!DOCTYPE html>/)
  })

  test('script and style are allowed, placeholders after them too', () => {
    expect(one({ 'error.html': '<style>a{}</style>{{code}}<script>1</script>{{status}}' })).toMatch(
      /name-not-found.*502/,
    )
  })
})

describe('loadPages()', () => {
  const machine = (files: Record<string, string | Uint8Array | SystemFailure> | SystemFailure): Runtime =>
    ({
      files: {
        list: () =>
          files instanceof SystemFailure
            ? Promise.reject(files)
            : Promise.resolve(Object.keys(files).map((path) => path.slice('/p/'.length))),
        read: (path: string) => {
          const file = files instanceof SystemFailure ? files : files[path]
          if (file instanceof SystemFailure) return Promise.reject(file)
          return Promise.resolve(typeof file === 'string' ? new TextEncoder().encode(file) : file)
        },
      },
    }) as unknown as Runtime

  const body = (pages: Pages): string => bodyOf(pages.page(new Failure('bug'), about()))

  test('no folder', async () => {
    const pages = await loadPages(machine(new SystemFailure('missing', 'never asked')), settings())
    expect(pages.problems).toEqual([])
  })

  test('a folder, with other files in it', async () => {
    const files = { '/p/error.html': 'été {{code}}', '/p/logo.png': '{{x}}', '/p/README': '{{x}}' }
    const pages = await loadPages(machine(files), settings({ pages: '/p' }))
    expect(pages.problems).toEqual([])
    expect(body(pages)).toBe('été bug')
  })

  test.each([
    ['the folder is missing', new SystemFailure('missing', 'ENOENT'), '/p: missing (ENOENT)'],
    [
      'a file is not for us',
      { '/p/error.html': new SystemFailure('denied', 'EACCES') },
      '/p/error.html: denied (EACCES)',
    ],
    ['a file is not UTF-8', { '/p/error.html': new Uint8Array([0xff]) }, '/p/error.html:1: not valid UTF-8'],
    [
      'a file is too large',
      { '/p/error.html': new Uint8Array(PAGE_TEMPLATE_SIZE + 1) },
      `/p/error.html:1: larger than ${PAGE_TEMPLATE_SIZE} bytes`,
    ],
    ['a file is wrong', { '/p/error.html': '{{x}}' }, '/p/error.html:1: unknown placeholder {{x}}'],
  ])('%s: told, and the built-in page stands in', async (_, files, problem) => {
    const pages = await loadPages(machine(files), settings({ pages: '/p' }))
    expect(pages.problems).toHaveLength(1)
    expect(pages.problems[0]).toContain(problem)
    expect(body(pages)).toMatch(/^<!DOCTYPE html>/)
  })
})

describe('proxyStatus() (RFC 9209)', () => {
  test.each<[FailureCode, string, string, string]>([
    [
      'name-not-found',
      'a.invalid',
      'exaproxy',
      'exaproxy; error=dns_error; rcode="NXDOMAIN"; details="name-not-found: a.invalid"',
    ],
    ['connect-timeout', '', 'p.example', 'p.example; error=connection_timeout; details="connect-timeout"'],
    ['loop', '', '1 a', '"1 a"; error=proxy_loop_detected; details="loop"'],
    ['bug', 'a "b"\\\r\né', 'x', 'x; error=proxy_internal_error; details="bug: a \\"b\\"\\\\???"'],
  ])('%s', (code, detail, name, value) => {
    expect(proxyStatus(new Failure(code, detail), name)).toBe(value)
  })

  test('is a field value, whatever happened', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CODES),
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        (code, a, b) => {
          expect(proxyStatus(new Failure(code, a), b)).toMatch(
            /^("([ !#-[\]-~]|\\["\\])*"|[!-~]+); error=[a-z_]+(; rcode="[A-Z]+")?; details="([ !#-[\]-~]|\\["\\])*"$/,
          )
        },
      ),
    )
  })
})
