/**
 * Error pages: what a failure looks like to the person, or the program, that ran into it.
 *
 * HTML for those who ask for it (browsers do), JSON for those who ask for that, text for everybody else (curl, and all who
 * would take anything). HTML and text can be replaced by files of a folder, looked for in this order: `<failure code>.html`,
 * `<status>.html`, `error.html`, and the same with `.txt`.
 */

import { isoSecond } from '../bytes/calendar.ts'
import type { HttpSettings } from '../config/settings.ts'
import type { Failure } from '../failure.ts'
import { FAILURES } from '../failure.ts'
import { negotiate } from '../http/accept.ts'
import { PAGE_TEMPLATE_SIZE, PAGE_VALUE_SIZE } from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import { HTML_PAGE, TEXT_PAGE } from './page_templates.ts'
import { PAGE_WORDS } from './page_words.ts'
import type { PageValues } from './template.ts'
import { escapeText, Template } from './template.ts'

/** What the page tells about the exchange. */
export interface PageSubject {
  /** The request target as it was, one character a byte; may be empty. */
  readonly url: string
  /** The host asked for, where the URL does not say. */
  readonly host?: string
  /** The client's address. */
  readonly client: string
  /** The value of Accept; empty: none. */
  readonly accept: string
  /** Milliseconds since 1970-01-01 UTC. */
  readonly date: number
  /** What names this exchange in the log; may be empty. */
  readonly id: string
  /** The value of Accept-Language; empty or missing: none. */
  readonly language?: string
  /** It answers a CONNECT: browsers show no page then, but programs may read why. */
  readonly connect?: boolean
  /** The cause of a decision: {@link Cause}. All may be empty. */
  readonly category?: string
  readonly rule?: string
  readonly by?: string
}

export interface Page {
  /** 0 where a failure has no answer: the page is not for sending then. */
  readonly status: number
  /** The value of Content-Type. */
  readonly type: string
  readonly body: Uint8Array
  /** All fields that describe the body, Content-Type among them. */
  readonly fields: readonly (readonly [string, string])[]
}

const TEXT = 'text/plain'
const HTML = 'text/html'
const JSON_TYPE = 'application/json'
const PROBLEM = 'application/problem+json'
const OFFERS = [TEXT, HTML, JSON_TYPE, PROBLEM]

/** Our own pages need their style and no more. A replaced page may load what its author wants. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'"

interface Source {
  readonly template: Template
  /** The language it is written in; empty: not told. */
  readonly language: string
  readonly own: boolean
}

const OWN_HTML: Source = { template: new Template(HTML_PAGE, true), language: 'en', own: true }
const OWN_TEXT: Source = { template: new Template(TEXT_PAGE, false), language: 'en', own: true }

const encoder = new TextEncoder()

export class Pages {
  /** What is wrong with the templates, as `file:line: words`. A template with problems is not used. */
  readonly problems: readonly string[]
  readonly #sources = new Map<string, Source>()
  readonly #proxy: string

  /**
   * `templates`: file name (`error.html`, `502.txt`, `name-not-found.html`) to content; `found`: problems met while they
   * were read.
   */
  constructor(
    settings: HttpSettings,
    templates: ReadonlyMap<string, string> = new Map(),
    found: readonly string[] = [],
  ) {
    const problems = [...found]
    this.problems = problems
    this.#proxy = settings.transparent ? '' : settings.name
    const folder = settings.pages === '' ? '' : `${settings.pages}/`
    for (const [file, text] of templates) {
      if (!isPageName(file)) {
        problems.push(`${folder}${file}:1: the name is not that of a failure, a status or "error", so it is never used`)
        continue
      }
      const html = file.endsWith('.html')
      const template = new Template(text, html)
      for (const { line, words } of template.problems) problems.push(`${folder}${file}:${line}: ${words}`)
      if (template.problems.length > 0) continue
      this.#sources.set(file, { template, language: html ? languageOf(text) : '', own: false })
    }
  }

  page(failure: Failure, about: PageSubject): Page {
    const { title, advice } = PAGE_WORDS[failure.code]
    const { status } = failure
    const values: PageValues = {
      url: cut(about.url),
      host: cut(about.host ?? hostOf(about.url)),
      title,
      reason: failure.words,
      detail: cut(failure.detail),
      advice,
      status: `${status}`,
      code: failure.code,
      id: cut(about.id),
      time: `${isoSecond(about.date).replace('T', ' ')} UTC`,
      proxy: this.#proxy,
      client: cut(about.client),
    }
    const type = negotiate(about.accept, OFFERS)
    if (type === JSON_TYPE || type === PROBLEM) return makePage(status, type, jsonBody(values, status), 'en', false)
    const html = type === HTML
    const source = this.#source(failure, html)
    return makePage(
      status,
      `${type}; charset=utf-8`,
      source.template.render(values),
      source.language,
      html && source.own,
    )
  }

  #source(failure: Failure, html: boolean): Source {
    const extension = html ? 'html' : 'txt'
    return this.#sources.get(`${failure.code}.${extension}`) ?? this.#sources.get(`${failure.status}.${extension}`) ??
      this.#sources.get(`error.${extension}`) ?? (html ? OWN_HTML : OWN_TEXT)
  }
}

/**
 * The pages with the templates of `settings.pages`. What cannot be read or used is among `problems`, and the built-in page
 * stands in: a proxy must not fail to start, or to answer, for want of a page.
 */
export async function loadPages(runtime: Runtime, settings: HttpSettings): Promise<Pages> {
  if (settings.pages === '') return new Pages(settings)
  const templates = new Map<string, string>()
  const problems: string[] = []
  let names: string[] = []
  try {
    names = await runtime.files.list(settings.pages)
  } catch (error) {
    problems.push(`${settings.pages}: ${wordsOf(error)}`)
  }
  for (const name of names.filter((name) => /\.(html|txt)$/.test(name)).sort()) {
    const path = `${settings.pages}/${name}`
    try {
      const bytes = await runtime.files.read(path)
      if (bytes.length > PAGE_TEMPLATE_SIZE) problems.push(`${path}:1: larger than ${PAGE_TEMPLATE_SIZE} bytes`)
      else templates.set(name, new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    } catch (error) {
      problems.push(error instanceof SystemFailure ? `${path}: ${wordsOf(error)}` : `${path}:1: not valid UTF-8`)
    }
  }
  return new Pages(settings, templates, problems)
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function isPageName(file: string): boolean {
  const name = file.replace(/\.(html|txt)$/, '')
  return name === 'error' || Object.hasOwn(FAILURES, name) || /^[45][0-9][0-9]$/.test(name)
}

function languageOf(html: string): string {
  return /<html\b[^>]*\blang\s*=\s*["']?([A-Za-z0-9-]+)/i.exec(html)?.[1] ?? ''
}

/** The authority of an absolute URI or of a CONNECT target; empty for a path. */
function hostOf(url: string): string {
  const start = url.indexOf('://')
  const rest = start < 0 ? url : url.slice(start + 3)
  if (rest.startsWith('/') || rest === '*') return ''
  return /^[^/?#]*/.exec(rest)?.[0] ?? ''
}

function cut(text: string): string {
  return text.length <= PAGE_VALUE_SIZE ? text : `${text.slice(0, PAGE_VALUE_SIZE)}…`
}

/** Problem details (RFC 9457), in ASCII. */
function jsonBody(values: PageValues, status: number): string {
  const body = {
    title: values.title,
    status,
    detail: values.detail === '' ? values.reason : `${values.reason} ${values.detail}`,
    code: values.code,
    url: values.url === '' ? undefined : values.url,
    advice: values.advice,
    id: values.id === '' ? undefined : values.id,
    time: values.time,
    proxy: values.proxy === '' ? undefined : values.proxy,
  }
  const text = JSON.stringify(body, (_, value) => typeof value === 'string' ? escapeText(value) : value, 2)
  return `${text.replace(/[^\n -~]|[<>&]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`
}

function makePage(status: number, type: string, text: string, language: string, own: boolean): Page {
  const fields: [string, string][] = [['Content-Type', type], ['Cache-Control', 'no-store'], ['Vary', 'Accept']]
  if (language !== '') fields.push(['Content-Language', language])
  fields.push(['X-Content-Type-Options', 'nosniff'])
  if (own) fields.push(['Content-Security-Policy', POLICY])
  return { status, type, body: encoder.encode(text), fields }
}
