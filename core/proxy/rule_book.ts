/** The rules as a member of a chain: they are asked at once, but for those that need the addresses of a name. */

import type { RuleConditions, RuleSettings } from '../config/settings.ts'
import type { Decision } from '../filter/decision.ts'
import type { Rules } from '../filter/rules.ts'
import type { Found } from '../flow/found.ts'
import type { Petition } from './petition.ts'

/** What a host was found to be. */
export interface Looked {
  /** Its addresses, canonical text; none where it has none or nobody can say. */
  readonly addresses: readonly string[]
  /** The same, to be connected to; `null`: the host is an address, and nothing else can be found. */
  readonly found: Found | null
}

export type Look = (host: string) => Promise<Looked>

const NOTHING_SAID: Decision = { kind: 'permit', final: false, by: 'rules', rule: '', reason: '', category: '' }

export class RuleBook {
  readonly rules: Rules
  readonly #look: Look
  /** Rules that do not look at where a request goes. */
  readonly #elsewhere: readonly number[]

  constructor(rules: Rules, look: Look) {
    this.rules = rules
    this.#look = look
    const { settings } = rules
    this.#elsewhere = settings.map((_, i) => i).filter((i) => !looksAtDestination(settings[i]))
  }

  judge(petition: Petition): Decision | Promise<Decision> {
    const judgement = this.rules.judge(petition, petition.applied ?? undefined)
    if (judgement.kind === 'needs-address') return this.#lookFirst(petition)
    if (judgement.reported.length > 0) petition.reported = [...petition.reported, ...judgement.reported]
    if (judgement.kind === 'undecided') return NOTHING_SAID
    const { index, rule, decision } = judgement
    if (rule.safe_search !== '') petition.safeSearch = rule.safe_search
    if (rule.bind.length > 0) petition.bind = rule.bind
    if (rule.parent !== '') {
      petition.parent = rule.parent
      petition.orDirect = rule.or_direct
    }
    if (decision.kind === 'rewrite') {
      // The operator has said where it goes: from now on only rules about that have a say, and this one no more.
      petition.applied = new Set([...petition.applied ?? [], index, ...this.#elsewhere])
    }
    return decision
  }

  async #lookFirst(petition: Petition): Promise<Decision> {
    const { addresses, found } = await this.#look(petition.host)
    petition.addresses = addresses
    petition.found = found
    return this.judge(petition)
  }
}

/** Whether a rule has a condition about where a request goes. */
export function looksAtDestination(rule: RuleSettings | RuleConditions): boolean {
  const { scheme, host, port, path, query, list, address, not, any, all } = rule
  if ([scheme, host, port, path, query, list, address].some((condition) => condition !== undefined)) return true
  if (not !== undefined && looksAtDestination(not)) return true
  return [...(any ?? []), ...(all ?? [])].some(looksAtDestination)
}
