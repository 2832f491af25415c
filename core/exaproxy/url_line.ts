/**
 * ExaProxy 1's `url` protocol (`redirector.protocol = url`), as it was documented: one line each way, one request at a time.
 *
 *     HOST/PATH?QUERY CLIENT - METHOD - LF       ->       answer LF
 *
 * | answer | what it does |
 * | --- | --- |
 * | empty, or what was asked about | nothing |
 * | `http://HOST[:PORT]/PATH` | asks for that instead; a tunnel cannot, there the client is sent to it |
 * | `file://NAME` | answers with a page of the folder |
 * | `intercept://HOST[:PORT]` | sends the same request there |
 * | `redirect://URL`, `30N:URL`, `https://...` | sends the client there (302, or 30N) |
 */

import { toBytes } from '../bytes/ascii.ts'
import type { ByteWriter } from '../bytes/writer.ts'
import { type AnswerLine, AnswerLines, answerWords } from '../filter/answer_lines.ts'
import { type Cause, type Decision, NO_CHANGES } from '../filter/decision.ts'
import type { Again, Dialect } from '../filter/dialect.ts'
import type { Subject } from '../filter/subject.ts'
import { type Asked, askedOf, sentPath } from './asked.ts'
import { formatPlace, readHttpUrl, readLocation, readPlace } from './destination.ts'
import { type Pages, respondWith } from './pages.ts'

export interface UrlQuestion extends Asked {
  /** The first word of the line: the host without its port, the path, the query. */
  readonly word: string
}

export class UrlLine implements Dialect<UrlQuestion, AnswerLine> {
  readonly channels = false
  readonly #pages: Pages
  readonly #cause: Cause

  /** `name`: of the helper, for the decisions. */
  constructor(name: string, pages: Pages) {
    this.#pages = pages
    this.#cause = { by: name, rule: '', reason: '', category: '' }
  }

  ask(subject: Subject): UrlQuestion {
    const word = formatPlace({ host: subject.host, port: 0 }) + sentPath(subject)
    const message = toBytes(`${word} ${subject.client === '' ? '-' : subject.client} - ${subject.method} -\n`)
    return { ...askedOf(subject, message), word }
  }

  write(out: ByteWriter, question: UrlQuestion): void {
    out.put(question.message)
  }

  reader(): AnswerLines {
    return new AnswerLines(false)
  }

  decide(answer: AnswerLine, question: UrlQuestion): Decision | Again {
    const text = answer.text.replace(/[ \t\r\n\f\v]+$/, '')
    if (text === '' || text === question.word) return this.#permit()
    return this.#read(text, question) ??
      { kind: 'again', nonsense: false, reason: `it answered ${JSON.stringify(answerWords(text))}` }
  }

  /** `null`: it is none of the answers there are. */
  #read(text: string, question: UrlQuestion): Decision | null {
    const [, scheme = '', rest = ''] = /^([a-z]+):\/\/(.*)$/.exec(text) ?? []
    switch (scheme) {
      case 'http':
        return this.#http(text, question)
      case 'https':
        return this.#redirect(302, text)
      case 'redirect':
        return this.#redirect(302, rest)
      case 'file':
        return rest === '' ? null : respondWith(this.#pages, rest, '', question, this.#cause)
      case 'intercept': {
        const place = readPlace(rest.replace(/\/$/, ''))
        if (place === null) return null
        const { host, port } = place
        return { ...this.#cause, kind: 'intercept', host, port: port === 0 ? question.port : port, trusted: false }
      }
    }
    const moved = /^(30[12378]):(.*)$/.exec(text)
    return moved === null ? null : this.#redirect(Number(moved[1]), moved[2])
  }

  #http(text: string, question: UrlQuestion): Decision | null {
    const url = readHttpUrl(text)
    if (url === null) return null
    const { host, rest } = url
    const path = rest.startsWith('/') ? rest : `/${rest}`
    // The helper was not told the port: at the same host it means the one that was asked for.
    const port = url.port === 0 && host === question.host ? question.port : url.port
    const same = host === question.host && port === question.port && path === sentPath(question)
    if (same) return this.#permit()
    if (question.method === 'CONNECT') return this.#redirect(302, text)
    const to = `http://${formatPlace({ host, port: port === 80 ? 0 : port })}${path}`
    return { ...this.#cause, kind: 'rewrite', changes: { ...NO_CHANGES, url: to } }
  }

  #redirect(status: number, to: string): Decision | null {
    const location = readLocation(to)
    return location === null ? null : { ...this.#cause, kind: 'redirect', status, location }
  }

  #permit(): Decision {
    return { ...this.#cause, kind: 'permit', final: false }
  }
}
