/** The table of rules, compiled: which of them decides about a request. First match wins. */

import type { RuleSettings } from '../config/settings.ts'
import { type Action, compileAction } from './actions.ts'
import { allHold, type Asked, asksTls, compileConditions, type Condition, UNKNOWN, YES } from './conditions.ts'
import type { Decision } from './decision.ts'
import type { Lists } from './lists.ts'
import { RuleIndex } from './rule_index.ts'
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

const NOTHING: readonly Hit[] = []
const UNDECIDED: Undecided = { kind: 'undecided', reported: NOTHING }
const NEEDS_ADDRESS: NeedsAddress = { kind: 'needs-address' }

interface Rule {
  readonly settings: RuleSettings
  readonly conditions: readonly Condition[]
  readonly action: Action
}

class Table implements Rules {
  readonly settings: readonly RuleSettings[]
  readonly hits: Float64Array
  readonly reports: Float64Array
  readonly asksTls: boolean
  readonly #rules: readonly Rule[]
  readonly #index: RuleIndex
  #asked: Asked | null = null

  constructor(settings: readonly RuleSettings[], lists: Lists, files: ReadonlyMap<string, Uint8Array>) {
    this.settings = settings
    this.hits = new Float64Array(settings.length)
    this.reports = new Float64Array(settings.length)
    this.asksTls = settings.some(asksTls)
    this.#index = new RuleIndex(settings)
    this.#rules = settings.map((rule, index) => {
      const conditions = compileConditions(rule, lists)
      return { settings: rule, conditions, action: compileAction(rule, index, files) }
    })
  }

  judge(subject: Subject, skip?: ReadonlySet<number>): Judgement {
    const asked = (this.#asked ??= { subject, category: '' })
    asked.subject = subject
    let reported: Hit[] | null = null
    this.#index.start(subject)
    for (let index = this.#index.next(-1); index >= 0; index = this.#index.next(index)) {
      if (skip !== undefined && skip.has(index)) continue
      const { conditions, settings, action } = this.#rules[index]
      asked.category = ''
      const holds = allHold(conditions, asked)
      if (holds === UNKNOWN) return NEEDS_ADDRESS
      if (holds !== YES) continue
      const hit: Hit = { index, rule: settings, decision: action(asked) }
      if (settings.report_only) {
        ;(reported ??= []).push(hit)
        continue
      }
      this.hits[index]++
      this.#count(reported)
      return { kind: 'decided', ...hit, reported: reported ?? NOTHING }
    }
    if (reported === null) return UNDECIDED
    this.#count(reported)
    return { kind: 'undecided', reported }
  }

  #count(reported: readonly Hit[] | null): void {
    if (reported !== null) { for (const { index } of reported) this.reports[index]++ }
  }
}

const NO_FILES: ReadonlyMap<string, Uint8Array> = new Map()

/**
 * The rules of a configuration. `files`: what `respond` answers with, by the path in `file`.
 * @throws TypeError for what the schema would have refused, and for a file that is not there
 */
export function compileRules(
  settings: readonly RuleSettings[],
  lists: Lists,
  files: ReadonlyMap<string, Uint8Array> = NO_FILES,
): Rules {
  return new Table(settings, lists, files)
}
