/** Subjects with heads, and answers as programs write them. */

import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { ByteWriter } from '../../core/bytes/writer.ts'
import type { Decision } from '../../core/filter/decision.ts'
import { type Again, type Answer, type Dialect, Nonsense, type Question } from '../../core/filter/dialect.ts'
import type { Subject } from '../../core/filter/subject.ts'
import { type About, subjectOf } from '../filter/subject.ts'

/** A head as text, its lines given without their ends. */
export const lines = (...all: readonly string[]): string => all.map((line) => `${line}\r\n`).join('') + '\r\n'

/** A request for the URL (`host:port`: CONNECT) with the head that a client sends a proxy. */
export function asking(url: string, fields: readonly string[] = [], about: About = {}): Subject {
  const plain = subjectOf(url, about)
  const authority = /^(?:https?:\/\/)?([^/?]*)/.exec(url)![1]
  const head = toBytes(lines(`${plain.method} ${url} HTTP/1.1`, `Host: ${authority}`, ...fields))
  return { ...plain, headBytes: () => head }
}

/** What is written to a child. */
export function written<Q extends Question, A extends Answer>(
  dialect: Dialect<Q, A>,
  question: Q,
  channel = 0,
): string {
  const out = new ByteWriter(16)
  dialect.write(out, question, channel)
  return latin1(out.view())
}

export function questionOf<Q extends Question, A extends Answer>(dialect: Dialect<Q, A>, subject: Subject, now = 0): Q {
  const said = dialect.ask(subject, now)
  if (said.kind !== 'question') throw new Error(`decided at once: ${JSON.stringify(said)}`)
  return said
}

export type Said = Decision | Again | { readonly kind: 'nonsense'; readonly words: string } | null

/** What it decides of bytes that come in pieces cut at `cuts`; `null`: no answer is in them. */
export function answered<Q extends Question, A extends Answer>(
  dialect: Dialect<Q, A>,
  subject: Subject,
  answer: string,
  cuts: readonly number[] = [],
): Said {
  const question = questionOf(dialect, subject)
  const reader = dialect.reader()
  const bytes = toBytes(answer)
  try {
    for (const piece of pieces(bytes, cuts)) {
      // Lent: it is something else afterwards.
      const lent = piece.slice()
      reader.feed(lent)
      const whole = reader.next()
      if (whole !== null) {
        const said = dialect.decide(whole, question, 0)
        lent.fill(0x21)
        return said
      }
      lent.fill(0x21)
    }
  } catch (error) {
    if (!(error instanceof Nonsense)) throw error
    return { kind: 'nonsense', words: error.message }
  }
  return null
}

export function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const found: Uint8Array[] = []
  let start = 0
  for (const cut of [...cuts, bytes.length]) {
    found.push(bytes.subarray(start, cut))
    start = cut
  }
  return found
}
