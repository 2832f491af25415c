/** The table of rules, compiled: which of them decides about a request. First match wins. */

import type { RuleSettings } from '../config/settings.ts'
import type { Decision } from './decision.ts'
import type { Lists } from './lists.ts'
import type { Subject } from './subject.ts'

/** A rule that holds, and what it says. */
export interface Hit {
  /** Its place in the table, from 0. */
  readonly index: number
  readonly rule: RuleSettings
  readonly decision: Decision
}

/** `reported`: rules before it that hold too, and only report. */
export interface Decided extends Hit {
  readonly kind: 'decided'
  readonly reported: readonly Hit[]
}

export interface Undecided {
  readonly kind: 'undecided'
  readonly reported: readonly Hit[]
}

/** A rule may hold, by the address of the destination, which is not known yet (`subject.addresses` is null). */
export interface NeedsAddress {
  readonly kind: 'needs-address'
}

export type Judgement = Decided | Undecided | NeedsAddress

export interface Rules {
  readonly settings: readonly RuleSettings[]
  /** How often each rule decided, and how often each would have (`report_only`), by index. */
  readonly hits: Float64Array
  readonly reports: Float64Array
  /** Whether any rule asks for what TLS says inside a tunnel. */
  readonly asksTls: boolean
  /**
   * Which rule decides. Rules in `skip` are not asked: those that have changed this request already. Counts the hits, but
   * not when an address is needed first: then the caller looks it up and asks again, with an empty list where there is none.
   */
  judge(subject: Subject, skip?: ReadonlySet<number>): Judgement
}

/** The rules of a configuration. `files`: what `respond` answers with, by the path in `file`. */
export declare function compileRules(
  settings: readonly RuleSettings[],
  lists: Lists,
  files?: ReadonlyMap<string, Uint8Array>,
): Rules
