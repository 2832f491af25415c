import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { HttpSettings } from '../../core/config/settings.ts'
import type { FailureCode } from '../../core/failure.ts'
import { Failure, FAILURES } from '../../core/failure.ts'
import { PAGE_TEMPLATE_SIZE, PAGE_VALUE_SIZE } from '../../core/limits.ts'
import { PageFiles } from '../../core/proxy/page_files.ts'
import type { Page, PageSubject } from '../../core/proxy/pages.ts'
import { LANGUAGES } from '../../core/proxy/page_languages/all.ts'
import { troubleOf } from '../../core/proxy/page_words.ts'
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

describe('pages of decisions', () => {
  const pages = new Pages(settings({ contact: 'help@school.example' }))
  const cause = { category: 'games', rule: 'no-games', by: 'guard' }

  test.each(['text/html', 'text/plain'])('%s: why, what list, what rule, who decided, whom to ask', (accept) => {
    const body = bodyOf(pages.page(new Failure('denied', 'Not during lessons.'), about({ ...cause, accept })))
    for (const label of ['Reason', 'Category', 'Rule', 'Decided by', 'Contact']) expect(body).toContain(label)
    for (const value of ['Not during lessons.', 'games', 'no-games', 'guard', 'help@school.example']) {
      expect(body).toContain(value)
    }
    expect(body).not.toContain('Details')
  })

  test.each(['application/json', 'application/problem+json'])('%s has the same', (accept) => {
    const failure = new Failure('denied', 'Not during lessons.', 451)
    expect(JSON.parse(bodyOf(pages.page(failure, about({ ...cause, accept }))))).toEqual({
      title: 'This is not allowed here',
      status: 451,
      detail: 'The rules of this network do not allow this. Not during lessons.',
      code: 'denied',
      url: 'http://www.example.invalid/a?b=c',
      ...cause,
      advice: expect.any(String),
      contact: 'help@school.example',
      id: 'r-1',
      time: '2026-11-24 17:15:55 UTC',
      proxy: 'exaproxy',
    })
  })

  test('a filter that cannot decide is no reason against the person', () => {
    const body = bodyOf(pages.page(new Failure('filter-unavailable', 'queue full'), about(cause)))
    expect(body).toContain('guard')
    expect(body).toContain('<dt>Details</dt>')
    expect(body).not.toContain('Reason')
    expect(body).not.toContain('Blocked')
  })

  test('who permitted it has no part in what went wrong later', () => {
    for (const accept of ACCEPTS) {
      const body = bodyOf(pages.page(new Failure('connect-refused', 'ECONNREFUSED'), about({ ...cause, accept })))
      expect(body).not.toMatch(/games|guard/)
    }
  })

  test.each<[string, string, string | null]>([
    [
      'help@school.example',
      'help@school.example',
      'mailto:help@school.example?subject=denied%20www.example.invalid%20r-1',
    ],
    ['o&#x27;d"<b>@school.example', 'o&amp;#x27;d&quot;&lt;b&gt;@school.example', null],
    ['a?b=c&d@school.example', 'a?b=c&amp;d@school.example', 'mailto:a%3Fb%3Dc%26d@school.example?subject='],
    ['https://help.example/?a=b&c', 'https://help.example/?a=b&amp;c', 'https://help.example/?a=b&amp;c'],
    ['HTTPS://help.example', 'HTTPS://help.example', 'HTTPS://help.example'],
    ['javascript:alert(1)', 'javascript:alert(1)', null],
    ['javascript:a@b.c', 'javascript:a@b.c', null],
    ['see https://help.example', 'see https://help.example', null],
    ['The help desk, room 12', 'The help desk, room 12', null],
    ['helpdesk', 'helpdesk', null],
    ['a@b@c', 'a@b@c', null],
    ['@', '@', null],
  ])('contact %s', (contact, text, link) => {
    const body = bodyOf(new Pages(settings({ contact })).page(new Failure('denied'), about()))
    const shown = /Contact: <bdi>(.*)<\/bdi>/.exec(body)?.[1] ?? ''
    if (link === null) expect(shown).toBe(text)
    else expect(shown).toMatch(/^<a href="[^"<>]+">[^<>"]+<\/a>$/)
    if (link !== null) expect(shown).toContain(`<a href="${link}`)
    expect(shown).toContain(text)
  })

  test('the subject of a letter is written safely, whatever was asked for', () => {
    const url = 'http://a\ud800&body=x"\u202e\r\n/'
    const body = bodyOf(pages.page(new Failure('denied'), about({ url })))
    expect(/href="([^"]*)"/.exec(body)?.[1]).toMatch(/^mailto:help@school\.example\?subject=denied%20[A-Za-z0-9%._-]*$/)
  })
})

describe('an explanation by the proxy (draft-nottingham-proxy-explanation)', () => {
  const TYPE = 'application/proxy-explanation+json'
  const pages = new Pages(settings({ contact: 'https://help.example/' }))
  const failure = new Failure('denied', 'see http://intranet.example/why for games')

  test.each<[string, Partial<PageSubject>, string]>([
    ['a CONNECT that accepts anything', { connect: true, accept: '' }, TYPE],
    ['a CONNECT that says so', { connect: true, accept: '*/*' }, TYPE],
    ['a CONNECT for JSON', { connect: true, accept: 'application/json' }, 'application/json'],
    [
      'a CONNECT of a browser that wants a page',
      { connect: true, accept: 'text/html,*/*;q=0.1' },
      'text/html; charset=utf-8',
    ],
    ['a request that names it', { accept: `${TYPE}, text/html;q=0.9` }, TYPE],
    ['a request for JSON of any sort', { accept: 'application/*' }, 'application/json'],
    ['a request that accepts anything', { accept: '*/*' }, 'text/plain; charset=utf-8'],
    ['a gateway never', { accept: TYPE, gateway: true }, 'text/plain; charset=utf-8'],
    ['a gateway never, to a CONNECT either', { accept: '', connect: true, gateway: true }, 'text/plain; charset=utf-8'],
  ])('%s', (_, changes, type) => {
    expect(pages.page(failure, about(changes)).type).toBe(type)
  })

  const explain = (of: Pages, changes: Partial<PageSubject> = {}, why = failure) =>
    JSON.parse(bodyOf(of.page(why, about({ accept: '', connect: true, url: 'games.example:443', ...changes }))))

  test('who, what, why; and a URL only where one belongs', () => {
    expect(explain(pages, { category: 'games', rule: 'https://a.example', by: 'rules' })).toEqual({
      name: 'exaproxy',
      title: 'This is not allowed here',
      description: 'The rules of this network do not allow this. see … for games',
      moreinfo: 'https://help.example/',
      status: 403,
      code: 'denied',
      category: 'games',
      rule: '…',
      by: 'rules',
      id: 'r-1',
      time: '2026-11-24 17:15:55 UTC',
    })
  })

  test.each([
    ['help@school.example', 'help@school.example'],
    ['room 12, http://help.example', 'room 12, …'],
    ['', undefined],
  ])('contact %j', (contact, shown) => {
    const said = explain(new Pages(settings({ contact })))
    expect([said.contact, said.moreinfo]).toEqual([shown, undefined])
  })

  test('name and title are always there, and no URL in any words of ours', () => {
    const quiet = new Pages(settings({ transparent: true }))
    for (const code of CODES) {
      for (const { tag } of LANGUAGES) {
        const said = explain(quiet, { language: tag }, new Failure(code))
        expect([said.name, said.title === '']).toEqual(['proxy', false])
        expect(JSON.stringify(said)).not.toMatch(/:\/\/[a-z0-9]/)
      }
    }
  })
})

describe('languages', () => {
  test.each(LANGUAGES)('$tag: every word of every page', (language) => {
    const pages = new Pages(settings({ contact: 'room 12' }))
    expect(Object.keys(language.failures).toSorted()).toEqual(CODES.toSorted())
    for (const code of CODES) {
      const { title, reason, advice } = language.failures[code]
      expect(title).toMatch(/^\p{Lu}.*[^.]$/u)
      expect(reason).toMatch(/^\p{Lu}.*\.$/u)
      expect(advice).toMatch(/^\p{Lu}.*\.$/u)
      for (const accept of [...ACCEPTS, 'application/proxy-explanation+json']) {
        const page = pages.page(new Failure(code, 'why'), about({ accept, language: `xx, ${language.tag}-ZZ;q=0.8` }))
        const fields = new Map(page.fields)
        expect(fields.get('Content-Language')).toBe(language.tag)
        const body = accept.includes('json') ? Object.values(JSON.parse(bodyOf(page))).join('\n') : bodyOf(page)
        expect(body).toContain(title)
        expect(body).toContain(reason)
        if (accept.startsWith('text/')) {
          expect(body).toContain(language.labels.url)
          expect(body).toContain(language.labels.contact)
        }
        if (accept === 'text/html') {
          expect(body).toContain(`<html lang="${language.tag}" dir="${language.direction}">`)
          expect(body).toContain(`</svg>${language.trouble[troubleOf(new Failure(code))]}</p>`)
        }
      }
    }
  })

  test.each(LANGUAGES.slice(1))('$tag: nothing was left in English', ({ labels, failures, trouble }) => {
    const [english] = LANGUAGES
    for (const code of CODES) {
      for (const part of ['title', 'reason', 'advice'] as const) {
        expect([code, failures[code][part]]).not.toEqual([code, english.failures[code][part]])
      }
    }
    expect(labels.advice).not.toBe(english.labels.advice)
    expect(trouble.policy).not.toBe(english.trouble.policy)
  })

  test.each([
    ['', 'en'],
    ['ja, ko;q=0.5', 'en'],
    ['fr;q=0, *', 'en'],
    ['en;q=0', 'en'],
    ['pl;q=0.1, nl;q=0.2', 'nl'],
  ])('Accept-Language: %s', (language, told) => {
    const page = new Pages(settings()).page(new Failure('bug'), about({ language }))
    expect(new Map(page.fields).get('Content-Language')).toBe(told)
  })

  test('sorts of trouble', () => {
    const sorted = (code: FailureCode) => troubleOf(new Failure(code))
    expect(CODES.filter((code) => sorted(code) === 'policy')).toEqual([
      'method-refused',
      'port-refused',
      'destination-refused',
      'local-refused',
      'name-refused',
      'login-needed',
      'denied',
    ])
    expect(CODES.filter((code) => sorted(code) === 'proxy')).toEqual([
      'too-many-connections',
      'filter-unavailable',
      'no-upstream',
      'servers-busy',
      'source-unavailable',
      'loop',
      'bug',
      'tunnel-idle',
      'stopped',
    ])
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

  test.each<[string, string, Partial<PageSubject>]>([
    ['the category', 'ads', { category: 'ads' }],
    ['the category, as it is in a name', 'social', { category: 'Social/Nets' }],
    ['the code', 'plain', { category: 'other' }],
    ['no category', 'plain', {}],
    ['no way out of the folder', 'plain', { category: '../../etc/passwd' }],
    ['the language asked for', 'fr', { language: 'fr-CA, en' }],
    ['a language of two that are asked for', 'de', { language: 'ja, de;q=0.1' }],
    ['a language that is not there: the one for everybody', 'plain', { language: 'ja' }],
    ['a name first, then a language', 'ads', { category: 'ads', language: 'fr' }],
    ['a name that is only there in another language', 'plain', { category: 'games' }],
    ['a name that is there in this language', 'games', { category: 'games', language: 'pl' }],
    ['the text', 'text fr', { accept: 'text/plain', language: 'fr' }],
    ['the text for everybody else', 'This is not allowed here', { accept: 'text/plain' }],
  ])('by %s: %s', (_, said, changes) => {
    const pages = withFiles({
      'denied-ads.html': 'ads',
      'denied-social-nets.html': 'social',
      'denied-games.pl.html': 'games',
      'denied.html': 'plain',
      'denied.fr.html': 'fr',
      'denied.de-AT.html': 'at',
      'denied.de.html': 'de',
      'denied.fr.txt': 'text fr',
      '403.html': 'status',
      'error.html': 'any',
    })
    expect(pages.problems).toEqual([])
    expect(bodyOf(pages.page(new Failure('denied'), about(changes))).split('\n')[0]).toBe(said)
  })

  test('a category is asked for where it was the reason, and nowhere else', () => {
    const pages = withFiles({ 'denied-ads.html': 'ads' })
    for (const code of ['filter-unavailable', 'connect-refused'] as const) {
      expect(bodyOf(pages.page(new Failure(code), about({ category: 'ads' })))).toMatch(/^<!DOCTYPE/)
    }
  })

  test.each<[string, Record<string, string>, string, string, string | undefined]>([
    ['its name', { 'error.fr.html': '{{title}}' }, 'fr', 'Le site est introuvable', 'fr'],
    [
      'itself',
      { 'error.html': '<html lang=de>{{title}}' },
      'fr',
      '<html lang=de>Die Website wurde nicht gefunden',
      'de',
    ],
    ['itself, asked for', { 'error.html': '<html lang=de>', 'error.fr.html': 'fr' }, 'de, fr', '<html lang=de>', 'de'],
    ['nothing', { 'error.html': '{{title}}' }, 'fr', 'Le site est introuvable', undefined],
    [
      'what is put in',
      { 'error.html': '<html lang="{{language}}" dir="{{direction}}">' },
      'fr',
      '<html lang="fr" dir="ltr">',
      'fr',
    ],
    ['a name we have no words for', { 'error.sv.html': '{{title}}' }, 'sv, fr;q=0.1', 'Le site est introuvable', 'sv'],
  ])('its language is told by %s', (_, files, language, body, told) => {
    const page = withFiles(files).page(new Failure('name-not-found'), about({ language }))
    expect(bodyOf(page)).toBe(body)
    expect(new Map(page.fields).get('Content-Language')).toBe(told)
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
    ['{{^detail}}a{{/detail}}{{^rule}}b{{^by}}c{{detail}}{{/by}}{{/rule}}', 'bcwhy'],
    ['{{category}}{{rule}}{{by}}{{contact}}{{contact_url}}{{language}}{{direction}}', 'enltr'],
  ])('%s', (template, body) => {
    expect(one({ 'error.html': template })).toBe(body)
  })

  test('a client on a link of ours is told its address, and not what we call the link', () => {
    const pages = withFiles({ 'error.html': '{{client}}' })
    expect(bodyOf(pages.page(new Failure('bug'), about({ client: 'fe80::2%eth0' })))).toBe('fe80::2')
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
    ['502.html', 'a{{^url}}\n', '502.html:1: the section {{^url}} has no {{/url}}'],
    ['denied-.html', 'x', 'denied-.html:1: the name is not that'],
    ['denied-Ads.html', 'x', 'denied-Ads.html:1: the name is not that'],
    ['connect-refused.f.html', 'x', 'connect-refused.f.html:1: the name is not that'],
    ['fr.html', 'x', 'fr.html:1: the name is not that'],
    ['.html', 'x', '.html:1: the name is not that'],
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
