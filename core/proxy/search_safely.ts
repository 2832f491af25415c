/** Safe search, for what goes on to a search engine: by the address that is dialled, and by the query where it is seen. */

import type { SafeSearchLevel } from '../config/settings.ts'
import { safeSearch } from '../filter/safe_search.ts'
import type { Petition } from './petition.ts'

/** `level` is the listener's; a rule may have said otherwise. @throws Failure when a change made no request of it */
export function searchSafely(petition: Petition, level: SafeSearchLevel): void {
  const asked = petition.safeSearch === '' ? level : petition.safeSearch
  if (asked === 'off') return
  const said = safeSearch(asked, petition)
  if (said === null) return
  if (said.changes !== null) petition.change(said.changes)
  // Whoever decided where it goes has the last word.
  if (said.dial !== null && petition.dial === null) {
    const { host, fallback4, fallback6 } = said.dial
    petition.dial = {
      host,
      port: 0,
      trusted: false,
      fallback: [fallback4, fallback6].filter((address) => address !== ''),
    }
  }
}
