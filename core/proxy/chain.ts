/**
 * The chain of a listener: classifiers are asked in order until one ends the matter. What a permit or a rewrite leaves open,
 * the next one decides. When a request goes elsewhere because of a rewrite, all are asked again about where it goes now, but
 * for those whose doing it was: so nobody is got round, and it comes to an end.
 */

import type { Classifier } from '../flow/classifier.ts'
import type { Decision, Intercept } from '../filter/decision.ts'
import type { Statistics } from './statistics.ts'
import type { Ending } from './obey.ts'
import type { Dial, Petition } from './petition.ts'
import type { RuleBook } from './rule_book.ts'

/** What comes of it: the request goes on as the petition has it now, or this is the end. */
export type Outcome = Ending | { readonly kind: 'forward' }

export const FORWARD = { kind: 'forward' } as const satisfies Outcome

/**
 * A service that may change all of a request, its body too, or answer it. What it does to the request it does to the
 * petition. @returns `permit` to go on, `rewrite` where it changed the request, or the end.
 */
export interface Adapter {
  readonly name: string
  adapt(petition: Petition): Promise<Decision>
}

export type Member =
  | { readonly kind: 'rules'; readonly name: string; readonly rules: RuleBook }
  | { readonly kind: 'classifier'; readonly name: string; readonly classifier: Classifier }
  | { readonly kind: 'adapter'; readonly name: string; readonly adapter: Adapter }

export class Chain {
  readonly members: readonly Member[]
  /** Some of them look at bodies. */
  readonly adapts: boolean
  readonly #statistics: Statistics

  constructor(members: readonly Member[], statistics: Statistics) {
    this.members = members
    this.adapts = members.some(({ kind }) => kind === 'adapter')
    this.#statistics = statistics
  }

  /**
   * Ask them all. A promise only where somebody has to wait.
   * @throws, rejects with: Failure when a change made of the request what is none.
   */
  decide(petition: Petition): Outcome | Promise<Outcome> {
    return this.#from(petition, 0)
  }

  /** Ask the rules once more, now that more is known. What they would have changed is past changing. */
  async review(petition: Petition): Promise<Outcome> {
    for (const member of this.members) {
      if (member.kind !== 'rules') continue
      const said = await member.rules.judge(petition)
      if (said.kind === 'permit' || said.kind === 'rewrite') continue
      this.#statistics.decided(said)
      note(petition, said)
      if (said.kind !== 'intercept') return said
      petition.dial = dialOf(said)
    }
    return FORWARD
  }

  #from(petition: Petition, first: number): Outcome | Promise<Outcome> {
    const { members } = this
    for (let i = first; i < members.length; i++) {
      if ((petition.passed & (1 << i)) !== 0) continue
      const said = ask(members[i], petition)
      if (said instanceof Promise) return said.then((decision) => this.#next(petition, i, decision))
      const outcome = this.#hear(petition, i, said)
      if (outcome === AGAIN) i = -1
      else if (outcome !== null) return outcome
    }
    return FORWARD
  }

  #next(petition: Petition, at: number, said: Decision): Outcome | Promise<Outcome> {
    const outcome = this.#hear(petition, at, said)
    if (outcome === AGAIN) return this.#from(petition, 0)
    return outcome ?? this.#from(petition, at + 1)
  }

  /** `null`: ask the next; AGAIN: ask all of them anew. */
  #hear(petition: Petition, at: number, said: Decision): Outcome | typeof AGAIN | null {
    this.#statistics.decided(said)
    switch (said.kind) {
      case 'permit':
        if (said.user !== undefined) petition.user = said.user
        // Who has nothing to say about it does not get the credit.
        if (said.rule !== '' || said.reason !== '' || said.category !== '') note(petition, said)
        return said.final ? FORWARD : null
      case 'rewrite': {
        // Of the rules only the one that spoke is not asked again: the book sees to it. An adapter has made its changes.
        const { kind } = this.members[at]
        const url = kind === 'adapter' ? petition.shown : petition.url
        if (kind !== 'rules') petition.passed |= 1 << at
        if (kind !== 'adapter') petition.change(said.changes)
        note(petition, said)
        return petition.url === url ? null : AGAIN
      }
      case 'intercept':
        petition.dial = dialOf(said)
        note(petition, said)
        return FORWARD
      default:
        note(petition, said)
        return said
    }
  }
}

const AGAIN = 'again'

function ask(member: Member, petition: Petition): Decision | Promise<Decision> {
  switch (member.kind) {
    case 'rules':
      return member.rules.judge(petition)
    case 'classifier':
      return member.classifier.judge(petition)
    case 'adapter':
      petition.shown = petition.url
      return member.adapter.adapt(petition)
  }
}

function dialOf({ host, port, trusted }: Intercept): Dial {
  return { host, port, trusted, fallback: [] }
}

function note(petition: Petition, said: Decision): void {
  petition.kind = said.kind
  petition.cause = said
}
