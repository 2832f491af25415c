/** From sources to settings: merged, judged, checked, and with where each value came from. */

import { check } from './checks.ts'
import { DEFAULT_ADDRESS, findOption, schema, toSettings } from './schema.ts'
import { gather, type Given, type Origin, type Problem, type Sources } from './sources.ts'
import { RULES, type Settings } from './settings.ts'
import { MANY } from './toml_file.ts'

export interface Configuration {
  /** `null` when there are problems. */
  readonly settings: Settings | null
  /** All that keeps the proxy from starting, in the order of the sources. */
  readonly problems: readonly Problem[]
  /** What is allowed and probably not meant. */
  readonly warnings: readonly Problem[]
  /** By option, as `listener.http.address`: what is not in here is a default. */
  readonly origins: ReadonlyMap<string, Origin>
}

const DEFAULT: Origin = { kind: 'default', where: 'default' }

type Tree = { [key: string]: Tree | unknown }

function put(tree: Tree, path: readonly string[], value: unknown): void {
  let table = tree
  for (const key of path.slice(0, -1)) table = (table[key] ??= Object.create(null)) as Tree
  const last = path.at(-1)!
  if (value !== undefined) table[last] = value
  else table[last] ??= Object.create(null)
}

/** The listener there is when none was asked for, and the address of the one called http when it has none. */
function addDefaultListener(given: readonly Given[], tree: Tree): void {
  const listeners = given.filter(({ path }) => path[0] === 'listener' && path.length > 1)
  const http = listeners.filter(({ path }) => path[1] === 'http')
  if (listeners.length > 0 && http.length === 0) return
  if (!http.some(({ path }) => path[2] === 'address')) put(tree, ['listener', 'http', 'address'], DEFAULT_ADDRESS)
}

/** Tables numbered from 1, as lists: the rules, and what `[[rule.any]]` makes. */
function toLists(tree: Tree): void {
  const rules = tree[MANY]
  if (typeof rules !== 'object' || rules === null) return
  tree[MANY] = Object.values(rules as Tree).map((rule) => withLists(rule))
}

function withLists(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withLists)
  // Dates of TOML are objects, too: they are for the schema to refuse.
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== null) return value
  const pairs = Object.entries(value as Tree).map(([key, inner]) => [key, withLists(inner)] as const)
  const numbered = pairs.length > 0 && pairs.every(([key]) => /^[0-9]+$/.test(key))
  return numbered ? pairs.map(([, inner]) => inner) : Object.fromEntries(pairs)
}

/** `listener.http.address.1` is of the option `listener.http.address`; of a list of one there is no need to say which. */
function optionAt(path: readonly PropertyKey[], tree: Tree): { option: string; item: number | null } {
  const words = path.map(String)
  if (words[0] === MANY && words.length > 1) return ruleOptionAt(path, tree)
  for (let length = words.length; length > 1; length--) {
    if (findOption(words.slice(0, length)) === null) continue
    const value = words.slice(0, length).reduce<unknown>((inner, key) => (inner as Tree)[key], tree)
    const item = Array.isArray(value) && value.length > 1 ? path[length] : null
    return { option: words.slice(0, length).join('.'), item: typeof item === 'number' ? item : null }
  }
  return { option: words.join('.'), item: null }
}

/** `rule.0.not.host.1` is of the option `rule.1.not.host`. */
function ruleOptionAt(path: readonly PropertyKey[], tree: Tree): { option: string; item: number | null } {
  const words = [MANY, String(Number(path[1]) + 1), ...path.slice(2).map(String)]
  const last = path.at(-1)
  if (path.length < 4 || typeof last !== 'number') return { option: words.join('.'), item: null }
  const value = path.slice(0, -1).reduce<unknown>((inner, key) => (inner as Tree | undefined)?.[key as string], tree)
  return { option: words.slice(0, -1).join('.'), item: Array.isArray(value) && value.length > 1 ? last : null }
}

/** Rules that nobody asks would let everything through: listeners that do not say whom they ask, ask them. */
function askRules(settings: Settings, origins: Configuration['origins']): Settings {
  if (settings.rule.length === 0) return settings
  const listener = settings.listener.map((one) => {
    return origins.has(`listener.${one.name}.filter`) ? one : { ...one, filter: [RULES] }
  })
  return { ...settings, listener }
}

export function load(sources: Sources): Configuration {
  const { given, problems: gathered } = gather(sources)
  const problems: Problem[] = [...gathered]
  const origins = new Map<string, Origin>()
  const tree: Tree = Object.create(null)
  for (const { path, value, origin } of given) {
    put(tree, path, value)
    // A table is where its first mention is: a missing value is told there.
    for (let length = 2; length < path.length; length++) {
      const table = path.slice(0, length).join('.')
      if (!origins.has(table)) origins.set(table, origin)
    }
    origins.set(path.join('.'), origin)
  }
  addDefaultListener(given, tree)
  toLists(tree)

  const whereOf = (option: string): string => {
    const words = option.split('.')
    for (let length = words.length; length > 1; length--) {
      const origin = origins.get(words.slice(0, length).join('.'))
      if (origin !== undefined) return origin.where
    }
    return DEFAULT.where
  }
  // A file that is not TOML gave nothing: what is missing without it is not worth a complaint.
  if (problems.some(({ option, where }) => option === '' && where.startsWith(`${sources.file?.name}:`))) {
    return { settings: null, problems, warnings: [], origins }
  }
  const judged = schema.safeParse(tree)
  for (const issue of judged.error?.issues ?? []) {
    const { option, item } = optionAt(issue.path, tree)
    const words = item === null ? issue.message : `${issue.message} (number ${item + 1} of the list)`
    problems.push({ where: whereOf(option), option, words })
  }
  const warnings: Problem[] = []
  let settings: Settings | null = null
  if (judged.success) {
    settings = askRules(toSettings(judged.data), origins)
    for (const { option, words, grave } of check(settings)) {
      ;(grave ? problems : warnings).push({ where: whereOf(option), option, words })
    }
  }
  return { settings: problems.length === 0 ? settings : null, problems, warnings, origins }
}
