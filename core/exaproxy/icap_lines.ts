/**
 * ExaProxy 1's `icap://` protocol (`redirector.protocol = icap://...`), as it was documented: requests and answers of ICAP over
 * the standard input and output of a program, one at a time. Lines of the ICAP head end in LF. The program is given the head
 * of the request and never its body.
 *
 * | answer | what it does |
 * | --- | --- |
 * | 204, 304 | nothing |
 * | 200 with a request | that is what is asked for instead, with the body that came |
 * | 200 with a GET where another came | the client is sent there (303; a tunnel: 302) |
 * | 200 with `GET file://NAME` | answers with a page of the folder |
 * | 200 with `CONNECT HOST:PORT`, alone | the tunnel leads there |
 * | the same with a request after it, or `X-Intercept: active` | sends the request that came there |
 * | any with a response | answers with it |
 * | 3xx and 4xx without one | refused |
 *
 * What is encapsulated is told by how it begins: programs label it as they like.
 */

import { latin1 } from '../bytes/ascii.ts'
import { ByteWriter } from '../bytes/writer.ts'
import { Failure } from '../failure.ts'
import { answerWords } from '../filter/answer_lines.ts'
import { type Cause, type Decision, NO_CHANGES } from '../filter/decision.ts'
import type { Again, Dialect } from '../filter/dialect.ts'
import type { Subject } from '../filter/subject.ts'
import { type Asked, askedOf, sentPath } from './asked.ts'
import { formatPlace, readLocation, readPlace } from './destination.ts'
import { type IcapAnswer, IcapAnswers } from './icap_answer.ts'
import { changesOf, type OtherMethod, responseOf, type Split, splitHead } from './icap_message.ts'
import { type Pages, respondWith } from './pages.ts'

/** What is asked for, unless the configuration has it otherwise. */
export const ICAP_URI = 'icap://localhost/exaproxy'

export interface IcapQuestion extends Asked {
  /** Where the head of the request begins in the message. */
  readonly headStart: number
}

export class IcapLines implements Dialect<IcapQuestion, IcapAnswer> {
  readonly channels = false
  readonly #name: string
  readonly #uri: string
  readonly #host: string
  readonly #pages: Pages
  readonly #writer = new ByteWriter(2048)

  /** `name`: of the helper, for the decisions. `uri`: the `icap://` one of the question; empty: {@link ICAP_URI}. */
  constructor(name: string, uri: string, pages: Pages) {
    this.#name = name
    this.#uri = uri === '' ? ICAP_URI : uri
    this.#host = /^icap:\/\/([^/]*)/.exec(this.#uri)?.[1] ?? ''
    this.#pages = pages
  }

  ask(subject: Subject): IcapQuestion {
    const head = subject.headBytes()
    const out = this.#writer
    out.clear()
    out.text(`REQMOD ${this.#uri} ICAP/1.0\nHost: ${this.#host}\n`)
    out.text(`Pragma: transport=${subject.scheme === '' ? 'http' : subject.scheme}\n`)
    out.text('Pragma: proxy=test\nPragma: scheme=http\n')
    out.text(`Pragma: accept=${subject.local}\nPragma: accept-port=${subject.localPort}\n`)
    out.text(`Pragma: client=${subject.client}\nPragma: host=${subject.host}\n`)
    out.text(`Pragma: path=${sentPath(subject)}\nPragma: method=${subject.method}\n`)
    if (subject.user !== '') out.text(`X-Authenticated-User: ${subject.user.replace(/[\r\n\0]/g, '')}\n`)
    // The programs there are take what follows this line for the empty one.
    out.text(`Encapsulated: req-hdr=0, null-body=${head.length}\n\n`)
    const headStart = out.length
    out.put(head)
    return { ...askedOf(subject, out.bytes.slice(0, out.length)), headStart }
  }

  write(out: ByteWriter, question: IcapQuestion): void {
    out.put(question.message)
  }

  reader(): IcapAnswers {
    return new IcapAnswers()
  }

  decide(answer: IcapAnswer, question: IcapQuestion): Decision | Again {
    const { status } = answer
    const cause: Cause = { by: this.#name, rule: '', reason: answerWords(answer.comment), category: '' }
    const again = (words: string, nonsense: boolean): Again => ({ kind: 'again', reason: words, nonsense })
    if (answer.content.length === 0) {
      if (status === 204 || status === 304) return { ...cause, kind: 'permit', final: false }
      if (status >= 500) return again(`it answered ${status} ${answerWords(answer.reason)}`, false)
      if (status >= 300) return { ...cause, kind: 'deny', status: 403, broken: false }
      return again(`it answered ${status} and nothing else`, true)
    }
    const split = splitHead(answer.content)
    try {
      if (latin1(split.head, 0, 5) === 'HTTP/') return responseOf(split, question.method === 'CONNECT', cause)
      // It says no, whatever it has encapsulated.
      if (status >= 400 || (status >= 300 && status !== 304)) {
        return { ...cause, kind: 'deny', status: 403, broken: false }
      }
      return this.#request(split, answer, question, cause)
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure
      return again(`its answer is no HTTP message (${failure.message})`, true)
    }
  }

  /** @throws Failure when it is none */
  #request(split: Split, { intercept, comment }: IcapAnswer, question: IcapQuestion, cause: Cause): Decision {
    const text = latin1(split.head)
    const page = /^[A-Z]+ file:\/\/([^ \r\n]+)/.exec(text)
    if (page !== null) return respondWith(this.#pages, page[1], answerWords(comment), question, cause)
    const tunnel = /^CONNECT ([^ \r\n]+) HTTP\/1\.[0-9]\r\n/.exec(text)
    if (tunnel !== null) return this.#connect(tunnel[1], text, split.rest, intercept, question, cause)
    const came = question.message.subarray(question.headStart)
    const changes = changesOf(came, question.url, split.head)
    if (changes === null) return { ...cause, kind: 'permit', final: false }
    return 'method' in changes ? this.#anew(changes, question, cause) : { ...cause, kind: 'rewrite', changes }
  }

  /** Programs that send everything to one page ask for it with GET, whatever came: the client does so. */
  #anew({ method, url }: OtherMethod, question: IcapQuestion, cause: Cause): Decision {
    const location = readLocation(url)
    if (location !== null && (method === 'GET' || method === 'HEAD')) {
      return { ...cause, kind: 'redirect', status: question.method === 'CONNECT' ? 302 : 303, location }
    }
    const reason = cause.reason === '' ? `the filter wants ${method} in the place of ${question.method}` : cause.reason
    return { ...cause, kind: 'deny', status: 403, broken: false, reason }
  }

  #connect(
    authority: string,
    head: string,
    rest: Uint8Array,
    flagged: boolean,
    question: IcapQuestion,
    cause: Cause,
  ): Decision {
    const place = readPlace(authority)
    if (place === null || place.port === 0) throw new Failure('bad-target', 'CONNECT to what is no host and port')
    const tunnel = question.method === 'CONNECT'
    if (flagged || !tunnel || /[^ \t\r\n]/.test(latin1(rest))) {
      // So it was for connections that name no host of their own.
      const named = flagged ? /\r\nhost:[ \t]*([^\r\n]*?)[ \t]*\r\n/i.exec(head)?.[1] : undefined
      const host = (named === undefined ? null : readPlace(named)?.host) ?? place.host
      return { ...cause, kind: 'intercept', host, port: place.port, trusted: false }
    }
    if (place.host === question.host && place.port === question.port) return { ...cause, kind: 'permit', final: false }
    return { ...cause, kind: 'rewrite', changes: { ...NO_CHANGES, url: formatPlace(place) } }
  }
}
