/** The classifiers of a configuration, opened: what they need is read, and each listener gets its chain. */

import type { ListenerSettings, Settings } from '../config/settings.ts'
import { EXIT } from '../exit_codes.ts'
import type { Classifier } from '../flow/classifier.ts'
import type { Resolver } from '../flow/resolver.ts'
import { parseAddress } from '../bytes/address.ts'
import { ruleName } from '../filter/actions.ts'
import { NO_LISTS } from '../filter/lists.ts'
import { compileRules, type Rules } from '../filter/rules.ts'
import type { Runtime } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import { Chain, type Member } from './chain.ts'
import type { Proxy } from './proxy.ts'
import { RuleBook } from './rule_book.ts'
import type { Counted, Snapshot } from './snapshot.ts'
import { StartFailure } from './start_failure.ts'

/** The name of the rules in a chain. */
export const RULES = 'rules'

export class Filters {
  readonly rules: Rules
  readonly #proxy: Proxy
  readonly #book: RuleBook
  readonly #classifiers = new Map<string, Classifier>()

  private constructor(proxy: Proxy, rules: Rules) {
    this.rules = rules
    this.#proxy = proxy
    this.#book = new RuleBook(rules, (host) => addressesOf(proxy.resolver, host))
  }

  /** @throws StartFailure for what cannot be read or started, with what to do about it. */
  static async open(proxy: Proxy, settings: Settings): Promise<Filters> {
    const rules = compileRules(settings.rule, NO_LISTS, await readFiles(proxy.runtime, settings))
    const filters = new Filters(proxy, rules)
    proxy.statistics.filters = () => filters.#snapshot()
    return filters
  }

  /** The chain of a listener; `null`: nobody is asked. */
  chainOf({ filter, safe_search }: ListenerSettings): Chain | null {
    if (filter.length === 0 && safe_search === 'off') return null
    return new Chain(filter.map((name) => this.#member(name)), this.#proxy.statistics)
  }

  /** Read the lists again; those that cannot be read stay as they are. */
  reload(): void {}

  close(): void {
    for (const classifier of this.#classifiers.values()) classifier.close()
  }

  #member(name: string): Member {
    if (name === RULES) return { kind: 'rules', name, rules: this.#book }
    const classifier = this.#classifiers.get(name)
    if (classifier === undefined) throw new Error(`"${name}" passed validation and is no classifier`)
    return { kind: 'classifier', name, classifier }
  }

  #snapshot(): Snapshot {
    const { settings, hits, reports } = this.rules
    const named = (counts: Float64Array, reporting: boolean): Counted => {
      const counted: Record<string, number> = {}
      for (const [i, rule] of settings.entries()) {
        if (rule.report_only === reporting) counted[ruleName(rule, i)] = counts[i]
      }
      return counted
    }
    return { filter_rules_total: named(hits, false), filter_report_only_total: named(reports, true) }
  }
}

async function readFiles(runtime: Runtime, { rule }: Settings): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  for (const { file } of rule) {
    if (file === '' || files.has(file)) continue
    try {
      files.set(file, await runtime.files.read(file))
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error
      const words = `rule.file: ${file} cannot be read (${error.message}); give a file this user may read`
      throw new StartFailure(error.code === 'denied' ? EXIT.no_permission : EXIT.no_input, words)
    }
  }
  return files
}

async function addressesOf(resolver: Resolver, host: string): Promise<readonly string[]> {
  if (parseAddress(host) !== null) return [host]
  const found = await Promise.allSettled([resolver.lookup(host, 4), resolver.lookup(host, 6)])
  return found.flatMap((one) => one.status === 'fulfilled' ? one.value : [])
}
