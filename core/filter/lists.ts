/** Lists as rules see them: what they are made of, and where they come from, is no matter here. */

import type { Subject } from './subject.ts'

export interface List {
  /** As in the configuration. */
  readonly name: string
  /** What it is found by is a category; else it is an entry, of which there may be millions. */
  readonly byCategory?: boolean
  /** The category or the entry that the request was found by; `null`: it is not in the list. */
  matches(subject: Subject): string | null
  /** It may be found by the addresses of the destination, where they are known. */
  readonly byAddress?: boolean
}

/** The lists there are now. A list that changes is swapped whole, so it is asked for by name each time. */
export interface Lists {
  /** `null`: there is no such list, or not yet. */
  find(name: string): List | null
}

export const NO_LISTS: Lists = { find: () => null }
