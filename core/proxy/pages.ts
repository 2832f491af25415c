/**
 * Block and error pages: what a failure looks like to the person, or the program, that ran into it.
 *
 * HTML for those who ask for it (browsers do), JSON for those who ask for that, text for everybody else (curl, and all who
 * would take anything); an explanation by a proxy for those who ask for that and for who asked for a tunnel and would take
 * anything. In the language asked for, where there is one. HTML and text can be replaced by files: see {@link PageFiles}.
 */

import { withoutZone } from '../bytes/address.ts'
import { isoSecond } from '../bytes/calendar.ts'
import type { HttpSettings } from '../config/settings.ts'
import type { Failure } from '../failure.ts'
import { negotiate } from '../http/accept.ts'
import { PAGE_VALUE_SIZE } from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import { PageFiles, readPageFiles } from './page_files.ts'
import { explanationBody, problemBody } from './page_json.ts'
import { languageFor, LANGUAGES } from './page_languages/all.ts'
import { ownTemplate } from './page_templates.ts'
import type { PageLanguage } from './page_words.ts'
import { escapeText, type PageValues } from './template.ts'

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
  /** It is answered in the place of an origin (mode "reverse"): then nobody is told that a proxy explains. */
  readonly gateway?: boolean
  /** The cause of a decision (see Cause), for failures that are one. All may be empty. */
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
const EXPLANATION = 'application/proxy-explanation+json'
const OFFERS = [TEXT, HTML, JSON_TYPE, PROBLEM]
/** To a request: for who names it. */
const FORWARD_OFFERS = [...OFFERS, EXPLANATION]
/** To a CONNECT: what it was made for. */
const CONNECT_OFFERS = [EXPLANATION, ...OFFERS]

/** Our own pages need their style and no more. A replaced page may load what its author wants. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

const encoder = new TextEncoder()

export class Pages {
  readonly #files: PageFiles
  readonly #proxy: string
  readonly #contact: string

  constructor(settings: HttpSettings, files: PageFiles = new PageFiles(new Map(), '')) {
    this.#files = files
    this.#proxy = settings.transparent ? '' : settings.name
    this.#contact = settings.contact
  }

  /** What is wrong with the files, as `file:line: words`. The built-in pages stand in for those. */
  get problems(): readonly string[] {
    return this.#files.problems
  }

  page(failure: Failure, about: PageSubject): Page {
    const { status } = failure
    const accepted = about.language ?? ''
    const asked = languageFor(accepted) ?? LANGUAGES[0]
    const type = negotiate(about.accept, offersTo(about))
    if (type === JSON_TYPE || type === PROBLEM) {
      return makePage(status, type, problemBody(this.#values(failure, about, asked), status), asked.tag, false)
    }
    if (type === EXPLANATION) {
      return makePage(status, type, explanationBody(this.#values(failure, about, asked), status), asked.tag, false)
    }
    const html = type === HTML
    const file = this.#files.find(failure, about.category ?? '', html, accepted)
    // The words put into a file are in its language, where we have them.
    const language = file === null || file.language === '' ? asked : languageFor(file.language) ?? asked
    const template = file === null ? ownTemplate(language, failure, html) : file.template
    const told = file === null || file.template.tellsLanguage ? language.tag : file.language
    const body = template.render(this.#values(failure, about, language))
    return makePage(status, `${type}; charset=utf-8`, body, told, html && file === null)
  }

  #values(failure: Failure, about: PageSubject, { tag, direction, failures }: PageLanguage): PageValues {
    // A permit has a cause too, and nothing to do with what went wrong later.
    const decided = failure.code === 'denied' || failure.code === 'filter-unavailable'
    const host = cut(about.host ?? hostOf(about.url))
    const id = cut(about.id)
    return {
      url: cut(about.url),
      host,
      ...failures[failure.code],
      detail: cut(failure.detail),
      status: `${failure.status}`,
      code: failure.code,
      id,
      time: `${isoSecond(about.date).replace('T', ' ')} UTC`,
      proxy: this.#proxy,
      client: cut(withoutZone(about.client)),
      category: decided ? cut(about.category ?? '') : '',
      rule: decided ? cut(about.rule ?? '') : '',
      by: decided ? cut(about.by ?? '') : '',
      contact: this.#contact,
      contact_url: contactUrl(this.#contact, [failure.code, host, id]),
      language: tag,
      direction,
    }
  }
}

/** The pages with the files of `settings.pages`. Never rejects for want of a page: see `problems`. */
export async function loadPages(runtime: Runtime, settings: HttpSettings): Promise<Pages> {
  return new Pages(settings, await readPageFiles(runtime, settings.pages))
}

function offersTo({ connect, gateway }: PageSubject): readonly string[] {
  if (gateway) return OFFERS
  return connect ? CONNECT_OFFERS : FORWARD_OFFERS
}

/** Where a click on the contact leads; empty: nowhere. A letter has a subject by which the exchange is found. */
function contactUrl(contact: string, about: readonly string[]): string {
  if (/^https?:\/\/[^ ]+$/i.test(contact)) return contact
  const [, name, domain] = /^([^ @<>:/]+)@([^ @<>:/?]+)$/.exec(contact) ?? []
  if (domain === undefined) return ''
  const subject = escapeText(about.filter((word) => word !== '').join(' '))
  return `mailto:${encodeURIComponent(name)}@${domain}?subject=${encodeURIComponent(subject)}`
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

function makePage(status: number, type: string, text: string, language: string, own: boolean): Page {
  const fields: [string, string][] = [
    ['Content-Type', type],
    ['Cache-Control', 'no-store'],
    ['Vary', 'Accept, Accept-Language'],
  ]
  if (language !== '') fields.push(['Content-Language', language])
  fields.push(['X-Content-Type-Options', 'nosniff'])
  if (own) fields.push(['Content-Security-Policy', POLICY])
  return { status, type, body: encoder.encode(text), fields }
}
