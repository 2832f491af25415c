/** Block and error pages in a real browser, through the proxy: whether people can read them. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROUTES } from '../../core/control/app.ts'
import { indexPage } from '../../core/control/index_page.ts'
import { Failure, type FailureCode, FAILURES } from '../../core/failure.ts'
import { LANGUAGES } from '../../core/proxy/page_languages/all.ts'
import { Pages } from '../../core/proxy/pages.ts'
import { FakeOverview, STARTED } from '../control/overview.ts'
import { Browser, type Screen } from './browser.ts'
import { ControlClient, WATCHED } from './control.ts'
import { curl, freePort, lacking, newFolder } from './peers.ts'
import { readPng } from './png.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'

const PHONE = { width: 390, height: 844, mobile: true }
const DESKTOP = { width: 1280, height: 800, mobile: false }
const SCREENS: readonly (readonly [string, Screen])[] = [
  ['phone, light', { ...PHONE, dark: false }],
  ['phone, dark', { ...PHONE, dark: true }],
  ['desktop, light', { ...DESKTOP, dark: false }],
  ['desktop, dark', { ...DESKTOP, dark: true }],
]

interface Layout {
  readonly language: string
  readonly title: string
  readonly headings: readonly string[]
  readonly landmarks: readonly string[]
  /** How wide the page is, in pixels. */
  readonly width: number
  /** Texts that stick out of the screen or of the card, or are too small, or too faint to read. */
  readonly faults: readonly string[]
  readonly texts: number
  /** Least contrast there is between a text, or the picture, and what is behind it. */
  readonly contrast: number
  readonly pictureContrast: number
  readonly card: Box
  readonly colours: { readonly page: string; readonly card: string; readonly mark: string }
}

interface Box {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

interface PageElement {
  readonly localName: string
  readonly lang: string
  readonly parentElement: PageElement | null
  readonly children: Iterable<PageElement>
  readonly clientWidth: number
  readonly scrollWidth: number
  closest(selector: string): PageElement | null
  contains(node: PageText): boolean
  getBoundingClientRect(): Box
}

interface PageText {
  readonly nodeValue: string
  readonly parentElement: PageElement
}

/** As much of a browser's page as is looked at. */
interface Page {
  readonly document: {
    readonly title: string
    readonly body: PageElement
    readonly documentElement: PageElement
    querySelector(selector: string): PageElement | null
    querySelectorAll(selector: string): Iterable<PageElement>
    createRange(): { selectNodeContents(node: PageText): void; getClientRects(): Iterable<Box> }
    createTreeWalker(root: PageElement, show: number): { nextNode(): PageText | null; readonly currentNode: PageText }
  }
  readonly NodeFilter: { readonly SHOW_TEXT: number }
  getComputedStyle(element: PageElement): {
    readonly color: string
    readonly backgroundColor: string
    readonly fontSize: string
    readonly stroke: string
  }
}

/** In the page. Contrast as WCAG 2.2 has it (1.4.3: 4.5 for text; 1.4.11: 3 for what is drawn). */
function lookAround(): Layout {
  const { document, getComputedStyle, NodeFilter } = globalThis as unknown as Page
  const numbers = (colour: string) => (colour.match(/[0-9.]+/g) ?? []).map(Number)
  const luminance = (colour: string) => {
    const [r, g, b] = numbers(colour).map((value) => {
      const part = value / 255
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const ratio = (a: string, b: string) => {
    const [dark, light] = [luminance(a), luminance(b)].sort((one, other) => one - other)
    return (light + 0.05) / (dark + 0.05)
  }
  const behind = (element: PageElement): string => {
    for (let at: PageElement | null = element; at !== null; at = at.parentElement) {
      const colour: string = getComputedStyle(at).backgroundColor
      if (numbers(colour)[3] !== 0) return colour
    }
    return 'rgb(255, 255, 255)'
  }
  const hex = (colour: string) =>
    `#${numbers(colour).slice(0, 3).map((value) => value.toString(16).padStart(2, '0')).join('')}`

  const main = document.querySelector('main')!
  const box = main.getBoundingClientRect()
  const width: number = document.documentElement.clientWidth
  const faults: string[] = []
  let texts = 0
  let contrast = 21
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode() !== null) {
    const node = walker.currentNode
    const text: string = node.nodeValue.trim()
    if (text === '') continue
    texts += 1
    const style = getComputedStyle(node.parentElement)
    const here = ratio(style.color, behind(node.parentElement))
    contrast = Math.min(contrast, here)
    if (here < 4.5) faults.push(`faint (${here.toFixed(2)}): ${text}`)
    if (parseFloat(style.fontSize) < 13) faults.push(`small (${style.fontSize}): ${text}`)
    const range = document.createRange()
    range.selectNodeContents(node)
    // What is wider than the screen may be scrolled to, where that is meant.
    const scrolls = node.parentElement.closest('[tabindex="0"]') !== null
    const [left, right] = scrolls ? [box.left, Infinity] : main.contains(node) ? [box.left, box.right] : [0, width]
    for (const part of range.getClientRects()) {
      if (part.left < left || part.right > right) faults.push(`out (${part.left} to ${part.right}): ${text}`)
    }
  }
  const picture = document.querySelector('svg')
  const pictureContrast = picture === null ? 21 : ratio(getComputedStyle(picture).stroke, behind(picture))
  return {
    language: document.documentElement.lang,
    title: document.title,
    headings: [...document.querySelectorAll('h1, h2, h3')].map(({ localName }) => localName),
    landmarks: [...document.body.children].map(({ localName }) => localName),
    width: document.documentElement.scrollWidth,
    faults,
    texts,
    contrast,
    pictureContrast,
    card: { left: box.left, top: box.top, right: box.right, bottom: box.bottom },
    colours: {
      page: hex(getComputedStyle(document.body).backgroundColor),
      card: hex(getComputedStyle(main).backgroundColor),
      mark: hex(getComputedStyle(picture ?? main).color),
    },
  }
}

const look = (browser: Browser) => browser.evaluate<Layout>(`(${lookAround})()`)

/** For whoever wants to see them: EXAPROXY_TEST_SCREENSHOTS names a folder. */
function keep(name: string, png: Uint8Array): void {
  const folder = process.env.EXAPROXY_TEST_SCREENSHOTS ?? ''
  if (folder === '') return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${name.replaceAll(/[^a-z0-9-]+/g, '-')}.png`), png)
}

/** A service that has done a lot. */
function busyOverview(): FakeOverview {
  const overview = new FakeOverview().states('ready', 'gone', 'draining')
  overview.total = {
    filter_decisions_total: { rules: { permit: 1, deny: 2 }, ['g'.repeat(60)]: { permit: 1e12, redirect: 3 } },
    filter_rules_total: Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`${'rule'.repeat(i)}${i}`, i])),
    filter_report_only_total: { 'a trial': 4 },
    filter_categories_total: { games: 1 },
  }
  return overview
}

/** An origin whose pages are ours: `/CODE/...`, so that each can be seen without the trouble it is about. */
async function exhibition(): Promise<Server> {
  const settings = { name: 'exaproxy', transparent: false, contact: 'helpdesk@school.example', pages: '' }
  const pages = new Pages(settings as ConstructorParameters<typeof Pages>[0])
  const server = createServer((request, response) => {
    const code = request.url?.split('/')[1] ?? ''
    if (code === 'index') {
      response.setHeader('Content-Type', 'text/html; charset=utf-8')
      response.end(indexPage(ROUTES, busyOverview(), STARTED + 90_061_000))
      return
    }
    if (!Object.hasOwn(FAILURES, code)) {
      response.writeHead(404).end() // the icon that browsers ask for
      return
    }
    const denied = code === 'denied'
    const page = pages.page(new Failure(code as FailureCode, `because of ${'reasons'.repeat(40)} and others`), {
      url: `http://www.example.com/${'long'.repeat(100)}/\u05d0`,
      client: '2001:db8:1234:5678:9abc:def0:1234:5678',
      accept: request.headers.accept ?? '',
      language: request.headers['accept-language'] ?? '',
      date: 0,
      id: '0123456789abcdef-000012',
      category: denied ? 'social-networks-and-more' : '',
      rule: denied ? 'r'.repeat(80) : '',
      by: denied ? 'rules' : '',
    })
    response.writeHead(page.status, Object.fromEntries(page.fields)).end(page.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

const missing = lacking('chromium')

describe.skipIf(missing !== '')(`pages in Chromium${missing}`, () => {
  let program: Program
  let origin: Server
  let browser: Browser
  let gallery: string

  beforeAll(async () => {
    origin = await exhibition()
    gallery = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`
    program = await Program.start({
      listener: { http: { filter: ['rules'] } },
      rule: [{ name: 'lessons', host: ['games.example'], do: 'deny', reason: 'No games <b>during</b> lessons' }],
      http: { contact: 'https://help.school.example/unblock' },
    })
    browser = await Browser.start(`http://127.0.0.1:${program.port()}`)
  }, 120_000)

  afterAll(async () => {
    browser?.[Symbol.dispose]()
    await program?.[Symbol.asyncDispose]()
    await new Promise((resolve) => origin?.close(resolve))
  })

  const CODES: readonly FailureCode[] = ['denied', 'name-not-found', 'bad-request', 'filter-unavailable']
  const shown = SCREENS.flatMap(([name, screen]) => CODES.map((code) => [code, name, screen] as const))

  test.each(shown)('%s on %s: all of it can be read', async (code, name, screen) => {
    await browser.open(`${gallery}/${code}/`, screen)
    const seen = await look(browser)
    keep(`${code}-${name}`, await browser.screenshot())
    expect(seen.faults).toEqual([])
    expect(seen.texts).toBeGreaterThan(15)
    expect(seen.contrast).toBeGreaterThanOrEqual(4.5)
    expect(seen.pictureContrast).toBeGreaterThanOrEqual(3)
    expect(seen.width).toBeLessThanOrEqual(screen.width)
    expect(seen.headings).toEqual(['h1', 'h2'])
    expect(seen.landmarks).toEqual(['main', 'footer'])
    // A language written from right to left turns it round, and nothing falls out.
    await browser.evaluate('document.documentElement.dir = "rtl"')
    const turned = await look(browser)
    expect([turned.faults, turned.width]).toEqual([[], seen.width])
  })

  test.each(LANGUAGES)('in $tag, on the smallest phone, nothing is cut off', async ({ tag, failures }) => {
    for (const code of CODES) {
      await browser.open(
        `${gallery}/${code}/`,
        { width: 320, height: 568, mobile: true, dark: false },
        `${tag}-ZZ, xx;q=0.9`,
      )
      const seen = await look(browser)
      expect([code, seen.faults]).toEqual([code, []])
      expect(seen.width).toBeLessThanOrEqual(320)
      expect(seen.language).toBe(tag)
      expect(seen.title).toBe(failures[code].title)
    }
  })

  test.each(SCREENS)('a screenshot on %s: a card on a page, with a coloured edge and text in it', async (_, screen) => {
    await browser.open(`${gallery}/denied/`, screen)
    const { card, colours } = await look(browser)
    const picture = readPng(await browser.screenshot())
    expect([picture.width, picture.height]).toEqual([screen.width, screen.height])
    expect(picture.at(2, 2)).toBe(colours.page)
    const middle = (card.left + card.right) / 2
    expect(Math.abs(middle - screen.width / 2)).toBeLessThanOrEqual(1)
    expect(picture.at(middle, card.top + 3)).toBe(colours.mark)
    expect(picture.at(middle, card.top + 14)).toBe(colours.card)
    expect(picture.at(card.left + 10, card.top + 200)).toBe(colours.card)
    expect(new Set([colours.page, colours.card, colours.mark]).size).toBe(3)
    const inside = new Set<string>()
    for (let y = card.top + 8; y < Math.min(card.bottom, screen.height) - 1; y += 1) {
      for (let x = card.left + 8; x < card.right - 8; x += 2) inside.add(picture.at(x, y))
    }
    // Letters have soft edges: text makes shades by the dozen, and a blank card none.
    expect(inside.size).toBeGreaterThan(20)
    const dark = (colour: string) => Number.parseInt(colour.slice(1, 3), 16) < 0x80
    expect([dark(colours.page), dark(colours.card)]).toEqual([screen.dark, screen.dark])
  })

  test.each(SCREENS)('the first page of the control application on %s', async (name, screen) => {
    await browser.open(`${gallery}/index/`, screen)
    const seen = await look(browser)
    keep(`index-${name}`, await browser.screenshot())
    expect(seen.faults).toEqual([])
    expect(seen.contrast).toBeGreaterThanOrEqual(4.5)
    expect(seen.width).toBeLessThanOrEqual(screen.width)
    expect(seen.landmarks).toEqual(['header', 'main'])
    expect(seen.headings).toEqual(['h1', 'h2', 'h2', 'h2', 'h2', 'h2'])
    await browser.press('Tab')
    expect(await browser.evaluate('document.activeElement.innerText.split("\\n")[0]')).toBe('Workers')
  })

  test('the keyboard gets to the contact, and shows where it is', async () => {
    await browser.open(`${gallery}/denied/`, { ...DESKTOP, dark: false })
    await browser.press('Tab')
    const [name, target, outline] = await browser.evaluate<[string, string, string]>(
      '(({ localName, href }) => [localName, href, getComputedStyle(document.activeElement).outlineStyle])(document.activeElement)',
    )
    expect(name).toBe('a')
    expect(target).toMatch(/^mailto:helpdesk@school\.example\?subject=denied%20www\.example\.com%20/)
    expect(outline).toBe('solid')
  })

  test.each(SCREENS)('what a rule denies is shown, with why, on %s', async (name, screen) => {
    await browser.open('http://games.example/play?level=1', screen, 'pt-PT')
    const seen = await look(browser)
    keep(`rule-${name}`, await browser.screenshot())
    expect([seen.language, seen.title, seen.faults]).toEqual(['pt', 'Isto não é permitido aqui', []])
    const lines = (await browser.evaluate<string>('document.body.innerText')).split(/\n+/)
    expect(lines).toContain('Bloqueado por esta rede')
    expect(lines).toContain('Motivo: No games <b>during</b> lessons')
    expect(lines.join(' ')).toContain('http://games.example/play?level=1')
    expect(lines.join(' ')).toMatch(/Regra lessons Decidido por rules Erro 403 \(denied\)/)
    expect(lines).toContain('Contacto: https://help.school.example/unblock')
    expect(lines.join(' ')).toMatch(/Hora: 2\d\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC/)
  })

  test('what really goes wrong is shown, in the language of the browser, with whom to ask', async () => {
    const port = await freePort()
    await browser.open(`http://127.0.0.1:${port}/x?y=z`, { ...PHONE, dark: true }, 'fr-CA,fr;q=0.8,en;q=0.5')
    const seen = await look(browser)
    expect([seen.language, seen.title, seen.faults]).toEqual(['fr', 'Le site est injoignable', []])
    const text = await browser.evaluate<string>('document.body.innerText')
    expect(text).toContain(`http://127.0.0.1:${port}/x?y=z`)
    expect(text).toContain('Le serveur refuse les connexions.')
    expect(await browser.evaluate('document.querySelector("a").href')).toBe('https://help.school.example/unblock')
  })
})

const noCurl = lacking('curl')

describe.skipIf(noCurl !== '')(`pages for programs: curl${noCurl}`, () => {
  let program: Program
  let proxy: string[]

  beforeAll(async () => {
    program = await Program.start({
      listener: { http: { filter: ['rules'] } },
      rule: [{
        name: 'no-games',
        host: ['games.example'],
        do: 'deny',
        reason: 'No games at work: see https://intranet.example/why',
      }],
      http: { contact: 'The help desk, room 12' },
    })
    proxy = ['-x', `http://127.0.0.1:${program.port()}`]
  })

  afterAll(() => program?.[Symbol.asyncDispose]())

  test('text, by default', async () => {
    const { output } = await curl(...proxy, 'http://games.example/play')
    expect(output.toString()).toMatch(/^This is not allowed here\n\nThe rules of this network do not allow this\.\n/)
    expect(output.toString()).toMatch(/\n {2}Reason +No games at work: see https:\/\/intranet\.example\/why\n/)
    expect(output.toString()).toMatch(/\n {2}Rule +no-games\n/)
    expect(output.toString()).toMatch(/\n {2}Decided by +rules\n/)
    expect(output.toString()).toMatch(/\n {2}Contact +The help desk, room 12\n/)
  })

  test('JSON, in German', async () => {
    const words = ['-H', 'Accept: application/json', '-H', 'Accept-Language: de-AT']
    const { output } = await curl(...proxy, ...words, 'http://games.example/play')
    expect(JSON.parse(output.toString())).toMatchObject({
      title: 'Das ist hier nicht erlaubt',
      status: 403,
      code: 'denied',
      rule: 'no-games',
      by: 'rules',
      contact: 'The help desk, room 12',
    })
  })

  test('HTML: fields that say what depends on what', async () => {
    const { output } = await curl(
      ...proxy,
      '-i',
      '-H',
      'Accept: text/html',
      '-H',
      'Accept-Language: it',
      'http://games.example/',
    )
    const text = output.toString()
    expect(text).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
    expect(text).toMatch(/\r\nContent-Language: it\r\n/i)
    expect(text).toMatch(/\r\nVary: Accept, Accept-Language\r\n/i)
    expect(text).toMatch(/<html lang="it" dir="ltr">/)
  })

  test('a CONNECT is told why, in a form that browsers could show', async () => {
    const { code, errors } = await curl(...proxy, '-v', 'https://games.example/')
    expect(code).toBe(56)
    expect(errors).toMatch(/< HTTP\/1\.1 403 Forbidden/)
    expect(errors).toMatch(/< Content-Type: application\/proxy-explanation\+json/i)
    using client = await RawClient.connect(program.port())
    const { body } = await client.ask('CONNECT games.example:443 HTTP/1.1\r\nHost: games.example:443\r\n\r\n')
    expect(JSON.parse(body.toString())).toMatchObject({
      title: 'This is not allowed here',
      description: 'The rules of this network do not allow this. No games at work: see …',
      contact: 'The help desk, room 12',
      rule: 'no-games',
      by: 'rules',
    })
  })
})

test.skipIf(noCurl !== '')(`a list is the category on the page, and its page is its own: curl${noCurl}`, async () => {
  const folder = newFolder()
  writeFileSync(join(folder, 'games.txt'), 'games.example\n')
  writeFileSync(join(folder, 'denied-games.txt'), 'No {{category}}.\n')
  await using program = await Program.start({
    listener: { http: { filter: ['rules'] } },
    list: { games: { file: join(folder, 'games.txt'), format: 'domains' } },
    rule: [{ name: 'no <games>', list: ['games'], do: 'deny' }],
    http: { pages: folder },
    admin: WATCHED,
  })
  const ask = (...words: string[]) =>
    curl('-x', `http://127.0.0.1:${program.port()}`, ...words, 'http://www.games.example/')
  expect((await ask()).output.toString()).toBe('No games.\n')
  expect(JSON.parse((await ask('-H', 'Accept: application/json')).output.toString())).toMatchObject({
    category: 'games',
  })
  // And the operator sees it.
  const index = (await (await ControlClient.of(program)).ask('/')).body.toString()
  const row = (...cells: string[]) =>
    cells.map((cell, i) => i === 0 ? `<th scope="row">${cell}</th>` : `<td>${cell}</td>`).join('')
  expect(index).toContain(row('rules', '2'))
  expect(index).toContain(row('no &lt;games&gt;', '2', '0'))
  expect(index).toContain(row('games', '2'))
  expect(index).toContain(row('games', '1'))
})

describe.skipIf(noCurl !== '')(`pages of one’s own: curl${noCurl}`, () => {
  test('by reason and by language; what is wrong with them is in the log', async () => {
    const folder = newFolder()
    const files = {
      'denied.html': 'no {{rule}}',
      'denied.fr.html': '<html lang="fr">non {{rule}}: {{reason}}',
      '502.txt': 'gone {{^rule}}away{{/rule}}',
      'error.html': '{{nonsense}}',
      'denied-games.en.html': 'x',
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    await using program = await Program.start({
      listener: { http: { filter: ['rules'] } },
      rule: [{ name: 'no-games', host: ['games.example'], do: 'deny' }],
      http: { pages: folder },
    })
    const ask = async (language: string, accept: string, url: string): Promise<string> => {
      const words = ['-H', `Accept-Language: ${language}`, '-H', `Accept: ${accept}`]
      return (await curl('-x', `http://127.0.0.1:${program.port()}`, ...words, url)).output.toString()
    }
    expect(await ask('fr-CH', 'text/html', 'http://games.example/')).toBe(
      '<html lang="fr">non no-games: Les règles de ce réseau ne l’autorisent pas.',
    )
    expect(await ask('pl', 'text/html', 'http://games.example/')).toBe('no no-games')
    expect(await ask('pl', '*/*', `http://127.0.0.1:${await freePort()}/`)).toBe('gone away')
    expect(program.diagnostics).toMatch(/error\.html:1: unknown placeholder \{\{nonsense\}\}/)
  })
})
