/**
 * A language that helper programs speak: how a question about a request is written to a child process, how what it writes
 * becomes answers, and what they mean. Pure: the pool of children (flow/helpers.ts) does the waiting.
 */

import type { ByteWriter } from '../bytes/writer.ts'
import type { Decision } from './decision.ts'
import type { Subject } from './subject.ts'

/**
 * What it takes to ask, and to understand the answer: the subject is gone by then. It is kept until it is answered, and may
 * be asked more than once, each time of another child perhaps.
 */
export interface Question {
  readonly kind: 'question'
  /** Not `null`: decided already, from what is remembered; it is asked all the same, so that the memory stays fresh. */
  readonly known: Decision | null
}

/** What came back, whole. It may be lent: it is looked at before the next one is asked for. */
export interface Answer {
  /** The channel of the question; 0 where the language has none. */
  readonly channel: number
}

/** The helper could not say. It is asked again, or another is, a few times. */
export interface Again {
  readonly kind: 'again'
  /** In words for a person; may be empty. */
  readonly reason: string
  /** It is not one of the answers of the language: who says so is killed. */
  readonly nonsense: boolean
}

/** What came cannot be an answer, nor can what follows: the child is killed. */
export class Nonsense extends Error {
  constructor(words: string) {
    super(words)
    this.name = 'Nonsense'
  }
}

/** The answers of one child, out of the bytes it writes. */
export interface AnswerReader<A extends Answer = Answer> {
  /** More bytes, lent until the next call of `feed`; all answers of those before have been taken. */
  feed(bytes: Uint8Array): void
  /** The next whole answer; `null`: more bytes are needed. @throws Nonsense, and from then on always. */
  next(): A | null
}

export interface Dialect<Q extends Question = Question, A extends Answer = Answer> {
  /** Questions carry a channel, so that a child may have several, and answer in any order. */
  readonly channels: boolean
  /** Make a question of a request, or decide at once. `now`: milliseconds, of a clock that only goes forward. */
  ask(subject: Subject, now: number): Q | Decision
  /** Write a question. `channel`: from 1, another one for each question that a child gets; 0 where there are none. */
  write(out: ByteWriter, question: Q, channel: number): void
  reader(): AnswerReader<A>
  /** What the answer to a question means. What is odd, but not odd enough to ask again, is told in the reason. */
  decide(answer: A, question: Q, now: number): Decision | Again
  /** No answer came, for good. */
  failed?(question: Q): void
}
