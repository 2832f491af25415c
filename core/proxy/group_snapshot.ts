/** What is counted of groups of servers, by group and server. */

import type { Group, Server } from '../flow/group.ts'
import type { Counted, Snapshot } from './snapshot.ts'

/** `kind` begins the names: `upstream`, `parent`. */
export function groupSnapshot(kind: string, groups: readonly Group[]): Snapshot {
  for (const group of groups) group.review()
  const each = (value: (server: Server) => number): Counted =>
    Object.fromEntries(groups.map(({ name, servers }) => {
      return [name, Object.fromEntries(servers.map((server) => [server.key, value(server)]))]
    }))
  return {
    [`${kind}_server_up`]: each(({ state }) => Number(state === 'up' || state === 'slow')),
    [`${kind}_server_active`]: each(({ active }) => active),
    [`${kind}_server_chosen_total`]: each(({ chosen }) => chosen),
    [`${kind}_server_failures_total`]: each(({ failures }) => failures),
  }
}
