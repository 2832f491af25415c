/**
 * `external_acl_type` of Squid: a program that is told what its format asks for, and says yes or no.
 *
 *     [channel SP] values LF       ->       [channel SP] OK|ERR|BH [SP key=value ...] LF
 *
 * `OK` permits; `ERR` denies, with `message=` for the reason on the page; `BH` is asked again. `user=` names who asks, `tag=`
 * is the category, and `log=` the reason where there is no message. What it says is kept and used again: see answer_cache.ts.
 */

import { LF, SP } from '../bytes/ascii.ts'
import type { ByteWriter } from '../bytes/writer.ts'
import type { HelperSettings } from '../config/settings.ts'
import { type AnswerLine, AnswerLines, answerWords } from '../filter/answer_lines.ts'
import type { Cause, Decision } from '../filter/decision.ts'
import type { Again, Dialect, Question } from '../filter/dialect.ts'
import type { Subject } from '../filter/subject.ts'
import { SQUID_LINE_SIZE } from '../limits.ts'
import { AnswerCache, type AnswerCacheStatistics } from './answer_cache.ts'
import { expandLogFormat, type LogFormat, parseLogFormat } from './logformat.ts'
import { parseReply, type SquidReply, valueOf } from './reply.ts'

/** Squid has no default: what most programs are asked with. */
export const EXTERNAL_ACL_FORMAT = '%>a %un %>rm %>ru'

/** What stands for the arguments of an `acl` line, which there are none of, comes last unless the format has it. */
const DATA = /%["[#/']?-?[0-9]*(?:\.[0-9]+)?DATA/

type ExternalAclSettings = Pick<
  HelperSettings,
  'name' | 'concurrency' | 'extras' | 'ttl' | 'negative_ttl' | 'grace' | 'cache_size'
>

interface AclQuestion extends Question {
  /** Without channel and line feed. */
  readonly line: string
  /** How often all was forgotten before it was asked. */
  readonly age: number
}

export class ExternalAcl implements Dialect<AclQuestion, AnswerLine> {
  readonly channels: boolean
  readonly #settings: ExternalAclSettings
  readonly #format: LogFormat
  readonly #cache: AnswerCache
  #age = 0

  /** @throws LogFormatError */
  constructor(settings: ExternalAclSettings) {
    this.channels = settings.concurrency > 0
    this.#settings = settings
    const format = settings.extras === '' ? EXTERNAL_ACL_FORMAT : settings.extras
    this.#format = parseLogFormat(DATA.test(format) ? format : `${format} %DATA`, 'url')
    this.#cache = new AnswerCache(settings.cache_size)
  }

  get statistics(): AnswerCacheStatistics {
    return this.#cache.statistics
  }

  /** What was said, and what is about to be, holds no longer than for those who asked. */
  forget(): void {
    this.#age++
    this.#cache.clear()
  }

  /** All that the answer depends on. */
  lineOf(subject: Subject): string {
    return expandLogFormat(this.#format, subject)
  }

  ask(subject: Subject, now: number): AclQuestion | Decision {
    const line = this.lineOf(subject)
    if (line.length >= SQUID_LINE_SIZE) {
      return { kind: 'deny', status: 414, broken: false, ...this.#cause('the request is too long for the filter', '') }
    }
    const known = this.#cache.find(line, now)
    if (known !== null && !this.#cache.refreshing) return known
    return { kind: 'question', known, line, age: this.#age }
  }

  write(out: ByteWriter, { line }: AclQuestion, channel: number): void {
    if (this.channels) {
      out.decimal(channel)
      out.byte(SP)
    }
    out.text(line)
    out.byte(LF)
  }

  reader(): AnswerLines {
    return new AnswerLines(this.channels)
  }

  decide({ text }: AnswerLine, question: AclQuestion, now: number): Decision | Again {
    // Nothing at all is an answer of rewriters alone.
    const reply = parseReply(text)
    const result = text === '' ? 'none' : reply.result
    const { ttl, negative_ttl } = this.#settings
    switch (result) {
      case 'OK': {
        const decision = this.#permit(reply)
        this.#keep(question, decision, now, ttl)
        return decision
      }
      case 'ERR': {
        const decision: Decision = { kind: 'deny', status: 403, broken: false, ...this.#causeOf(reply) }
        this.#keep(question, decision, now, negative_ttl)
        return decision
      }
      case 'BH':
        return { kind: 'again', reason: answerWords(messageOf(reply) ?? reply.rest), nonsense: false }
      case 'none':
        return { kind: 'again', reason: `it answered ${JSON.stringify(answerWords(text))}`, nonsense: true }
    }
  }

  #keep({ line, age }: AclQuestion, decision: Decision, now: number, ttl: number): void {
    if (age === this.#age) this.#cache.keep(line, decision, now, ttl, this.#settings.grace)
  }

  #permit(reply: SquidReply): Decision {
    const user = answerWords(valueOf(reply, 'user') ?? '')
    const permit: Decision = { kind: 'permit', final: false, ...this.#causeOf(reply) }
    return user === '' ? permit : { ...permit, user }
  }

  #causeOf(reply: SquidReply): Cause {
    return this.#cause(messageOf(reply) ?? valueOf(reply, 'log') ?? '', valueOf(reply, 'tag') ?? '')
  }

  #cause(reason: string, category: string): Cause {
    return { by: this.#settings.name, rule: '', reason: answerWords(reason), category: answerWords(category) }
  }
}

/** `error` is what it was called before Squid 3. */
function messageOf(reply: SquidReply): string | null {
  return valueOf(reply, 'message') ?? valueOf(reply, 'error')
}
