/** Why a rule decides: the same conditions as those that judge, each told of. For people, and not in a hurry. */

import type { RuleSettings } from '../config/settings.ts'
import { type Action, compileAction } from './actions.ts'
import { allHold, type Asked, compileConditions, type Condition, NO, type Truth, YES } from './conditions.ts'
import type { Decision } from './decision.ts'
import type { Lists } from './lists.ts'
import type { Subject } from './subject.ts'

export interface Reason {
  /** As in the configuration. */
  readonly name: string
  readonly wanted: string
  /** What the request has there. */
  readonly found: string
  readonly truth: Truth
  readonly parts: readonly Reason[]
}

export interface Explained {
  readonly index: number
  readonly rule: RuleSettings
  readonly reasons: readonly Reason[]
  readonly truth: Truth
  /** What it says, where it holds. */
  readonly decision: Decision | null
}

interface Rule {
  readonly settings: RuleSettings
  readonly conditions: readonly Condition[]
  readonly action: Action
}

function reason(condition: Condition, asked: Asked): Reason {
  return {
    name: condition.name,
    wanted: condition.wanted,
    found: condition.found(asked),
    truth: condition.holds(asked),
    parts: condition.parts.map((part) => reason(part, asked)),
  }
}

export class Explainer {
  readonly #rules: readonly Rule[]

  /** What `respond` answers with is left out: the files are not read. @throws TypeError as compileRules does */
  constructor(settings: readonly RuleSettings[], lists: Lists) {
    const files = new Map(settings.map(({ file }) => [file, new Uint8Array(0)]))
    this.#rules = settings.map((rule, index) => {
      return { settings: rule, conditions: compileConditions(rule, lists), action: compileAction(rule, index, files) }
    })
  }

  /**
   * Each rule that is asked, up to the one that decides, or that cannot be answered without the addresses of the destination:
   * the last. Rules that only report are passed.
   */
  explain(subject: Subject, skip: ReadonlySet<number>): Explained[] {
    const told: Explained[] = []
    for (const [index, { settings, conditions, action }] of this.#rules.entries()) {
      if (skip.has(index)) continue
      const asked: Asked = { subject, category: '' }
      const truth = allHold(conditions, asked)
      const decision = truth === YES ? action(asked) : null
      const reasons = conditions.map((condition) => reason(condition, { subject, category: '' }))
      told.push({ index, rule: settings, reasons, truth, decision })
      if (truth !== NO && !(truth === YES && settings.report_only)) break
    }
    return told
  }
}
