/** What pages say, by language: all of it for each failure, and the labels of what is shown beside. */

import { type Failure, type FailureCode, FAILURES } from '../failure.ts'

export interface FailureWords {
  readonly title: string
  /** What happened, one sentence. */
  readonly reason: string
  /** What the person can do. */
  readonly advice: string
}

/** What sort of trouble it is: each has its own head line and picture. */
export type Trouble = 'policy' | 'site' | 'request' | 'proxy'

export interface PageLanguage {
  /** RFC 5646. */
  readonly tag: string
  readonly direction: 'ltr' | 'rtl'
  /** Between a label and what it is about. */
  readonly colon: string
  readonly trouble: Readonly<Record<Trouble, string>>
  readonly labels: {
    readonly url: string
    readonly category: string
    readonly rule: string
    /** Before the name of what decided. */
    readonly by: string
    /** Before the reason that was given for a decision. */
    readonly why: string
    readonly detail: string
    readonly error: string
    readonly advice: string
    readonly contact: string
    readonly time: string
    readonly client: string
    readonly proxy: string
    /** Before what names the exchange in the log. */
    readonly id: string
  }
  readonly failures: Readonly<Record<FailureCode, FailureWords>>
}

/** For the tables of the languages: title, reason, advice. */
export const row = (title: string, reason: string, advice: string): FailureWords => ({ title, reason, advice })

/** Refusals that are no policy: the proxy is in trouble itself, or set up wrongly. */
const NO_POLICY: readonly FailureCode[] = ['filter-unavailable', 'no-upstream', 'loop']

export function troubleOf({ code }: Failure): Trouble {
  const { who, when } = FAILURES[code]
  if (who === 'origin') return 'site'
  if (who === 'client') return 'request'
  return when === 'decide' && !NO_POLICY.includes(code) ? 'policy' : 'proxy'
}
