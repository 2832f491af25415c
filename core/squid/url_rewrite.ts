/**
 * `url_rewrite_program` (`redirect_program`) of Squid: what squidGuard, ufdbGuard and others speak.
 *
 *     [channel SP] URL [SP extras] LF       ->       [channel SP] result [SP key=value ...] LF
 */

import type { ByteWriter } from '../bytes/writer.ts'
import { LF, SP } from '../bytes/ascii.ts'
import { type AnswerLine, AnswerLines, answerWords } from '../filter/answer_lines.ts'
import { type Cause, type Decision, NO_CHANGES, REDIRECTS } from '../filter/decision.ts'
import type { Again, Dialect, Question } from '../filter/dialect.ts'
import type { Subject } from '../filter/subject.ts'
import { SQUID_LINE_SIZE } from '../limits.ts'
import { expandLogFormat, type LogFormat, parseLogFormat, urlEscape } from './logformat.ts'
import { parseReply, type SquidReply, valueOf } from './reply.ts'

/** What follows the URL, unless the configuration has it otherwise: Squid's default. */
export const URL_REWRITE_EXTRAS = '%>a/%>A %un %>rm myip=%la myport=%lp'

interface UrlQuestion extends Question {
  /** Without channel and line feed. */
  readonly line: string
  readonly url: string
  readonly connect: boolean
}

export class UrlRewrite implements Dialect<UrlQuestion, AnswerLine> {
  readonly channels: boolean
  readonly #name: string
  readonly #extras: LogFormat

  /** `extras`: logformat codes; empty: Squid's default. @throws LogFormatError */
  constructor(name: string, channels: boolean, extras: string) {
    this.#name = name
    this.channels = channels
    this.#extras = parseLogFormat(extras === '' ? URL_REWRITE_EXTRAS : extras, 'url-but-percent')
  }

  ask(subject: Subject): UrlQuestion | Decision {
    const url = safe(subject.url)
    const line = `${url} ${expandLogFormat(this.#extras, subject)}`
    if (line.length >= SQUID_LINE_SIZE) {
      return { kind: 'deny', status: 414, broken: false, ...this.#cause('the URL is too long for the filter') }
    }
    return { kind: 'question', known: null, line, url: subject.url, connect: subject.method === 'CONNECT' }
  }

  write(out: ByteWriter, question: UrlQuestion, channel: number): void {
    if (this.channels) {
      out.decimal(channel)
      out.byte(SP)
    }
    out.text(question.line)
    out.byte(LF)
  }

  reader(): AnswerLines {
    return new AnswerLines(this.channels)
  }

  decide(answer: AnswerLine, question: UrlQuestion): Decision | Again {
    const reply = parseReply(answer.text)
    switch (reply.result) {
      case 'OK':
        return this.#ok(reply, question)
      case 'ERR':
        return this.#unchanged(valueOf(reply, 'message') ?? '')
      case 'BH':
        return { kind: 'again', reason: answerWords(valueOf(reply, 'message') ?? reply.rest), nonsense: false }
      case 'none':
        return this.#legacy(answer.text, question)
    }
  }

  #ok(reply: SquidReply, question: UrlQuestion): Decision {
    if (reply.pairs.length === 0) return this.#unchanged('')
    const cause = this.#cause(
      valueOf(reply, 'message') ?? '',
      valueOf(reply, 'tag') ?? valueOf(reply, 'clt_conn_tag') ?? valueOf(reply, 'group') ?? '',
    )
    const url = valueOf(reply, 'url')
    if (url !== null && url !== '') {
      const status = valueOf(reply, 'status')
      return this.#redirect(status ?? '302', url, cause)
    }
    const rewritten = valueOf(reply, 'rewrite-url')
    if (rewritten === null || rewritten === '') return { kind: 'permit', final: false, ...cause }
    return this.#rewrite(rewritten, question, cause)
  }

  /** Before there were result codes: `[!group!]URL` and `[!group!]30N:URL`. */
  #legacy(text: string, question: UrlQuestion): Decision {
    // Old helpers echo the whole line that they were sent.
    const word = /^[^ \t]*/.exec(text)?.[0] ?? ''
    const group = /^!([^!]*)!(.*)$/.exec(word)
    const rest = group === null ? word : group[2]
    const cause = this.#cause('', group?.[1] ?? '')
    if (rest === '') return { kind: 'permit', final: false, ...cause }
    const status = /^(30[12378]):(.+)$/.exec(rest)
    if (status !== null) return this.#redirect(status[1], status[2], cause)
    return this.#rewrite(rest, question, cause)
  }

  #redirect(status: string, url: string, cause: Cause): Decision {
    const code = /^[0-9]{3}$/.test(status) ? Number(status) : 0
    if (!REDIRECTS.includes(code)) return this.#unchanged(`the filter answered a redirection of status ${status}`)
    return { kind: 'redirect', status: code, location: safe(url), ...cause }
  }

  /**
   * What is no URL changes nothing, as in Squid. But where a URL was meant that cannot stand here (a page in the place of a
   * tunnel, `https` in the place of `http`), the request was not to go on: the client is sent there.
   */
  #rewrite(text: string, question: UrlQuestion, cause: Cause): Decision {
    const url = safe(text)
    if (text === question.url || url === question.url) return { kind: 'permit', final: false, ...cause }
    const fits = question.connect ? AUTHORITY : HTTP_URL
    if (fits.test(url)) return { kind: 'rewrite', changes: { ...NO_CHANGES, url }, ...cause }
    if (ANY_URL.test(url)) return { kind: 'redirect', status: 302, location: url, ...cause }
    return this.#unchanged(`the filter answered what is no URL: ${answerWords(url)}`)
  }

  #unchanged(reason: string): Decision {
    return { kind: 'permit', final: false, ...this.#cause(reason) }
  }

  #cause(reason: string, category = ''): Cause {
    return { by: this.#name, rule: '', reason: answerWords(reason), category: answerWords(category) }
  }
}

const HOST = "(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\\[[0-9A-Fa-f:.]+\\])"
/** `host:port`, RFC 9110 9.3.6. */
const AUTHORITY = new RegExp(`^${HOST}:[0-9]{1,5}$`)
const HTTP_URL = new RegExp(`^http://${HOST}(?::[0-9]{0,5})?(?:[/?]|$)`, 'i')
const ANY_URL = new RegExp(`^https?://${HOST}(?::[0-9]{0,5})?(?:[/?#]|$)`, 'i')

/** As it may stand in a request line or in Location: what may not is percent-encoded. */
function safe(url: string): string {
  for (let i = 0; i < url.length; i++) {
    const code = url.charCodeAt(i)
    if (code <= 0x20 || code >= 0x7f) return url.replace(/[^!-~]/gu, (character) => urlEscape(character, false))
  }
  return url
}
