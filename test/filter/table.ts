/** Rules out of TOML, as the program has them. */
import { expect } from 'vitest'
import { load } from '../../core/config/load.ts'
import { formatProblem } from '../../core/config/sources.ts'
import type { RuleSettings } from '../../core/config/settings.ts'
import { type List, type Lists, NO_LISTS } from '../../core/filter/lists.ts'
import { compileRules, type Rules } from '../../core/filter/rules.ts'

/** What rules ask for has to be there: these are. */
const REST = `
[listener.http]
address = "127.0.0.1:0"
filter = ["rules"]
peek = true
[listener.other]
address = "127.0.0.1:0"
[list.ads]
file = "/ads"
[list.work]
file = "/work"
`

export function settingsOf(text: string): readonly RuleSettings[] {
  const { settings, problems } = load({ file: { name: 'f.toml', text: text + REST }, environment: {}, sets: [] })
  expect(problems.map(formatProblem)).toEqual([])
  return settings!.rule
}

/** `text`: one [[rule]] or more. */
export function rulesOf(text: string, lists: Lists = NO_LISTS, files?: ReadonlyMap<string, Uint8Array>): Rules {
  return compileRules(settingsOf(text), lists, files)
}

/** A rule with this condition, which denies. */
export const deny = (condition: string, lists?: Lists): Rules => rulesOf(`[[rule]]\n${condition}\ndo = "deny"\n`, lists)

/** Lists of hosts, each with its category, or with itself. */
export function listsOf(of: Readonly<Record<string, Readonly<Record<string, string>>>>): Lists {
  const lists = new Map<string, List>()
  for (const [name, hosts] of Object.entries(of)) {
    const byCategory = Object.entries(hosts).some(([host, category]) => host !== category)
    lists.set(name, { name, byCategory, matches: ({ host }) => hosts[host] ?? null })
  }
  return { find: (name) => lists.get(name) ?? null }
}
