/** The classifiers of a configuration, opened: what they need is read, and each listener gets its chain. */

import { family } from '../bytes/address.ts'
import { type HelperSettings, type ListenerSettings, RULES, type Settings } from '../config/settings.ts'
import { EXIT } from '../exit_codes.ts'
import { Failure } from '../failure.ts'
import { type Helper, openHelper } from '../flow/classifiers.ts'
import { IcapService } from '../flow/icap_client.ts'
import type { IcapPool } from '../flow/icap_pool.ts'
import { ListFailure, Lists } from '../flow/lists.ts'
import { ruleName } from '../filter/actions.ts'
import { compileRules, type Rules } from '../filter/rules.ts'
import type { Runtime } from '../runtime.ts'
import { LogFormatError } from '../squid/logformat.ts'
import { RequestService, ResponseServices } from './adapt.ts'
import { Chain, type Member } from './chain.ts'
import { logger } from './diagnostics.ts'
import type { Proxy } from './proxy.ts'
import type { ResponseAdapter } from './response_adapter.ts'
import { type Looked, RuleBook } from './rule_book.ts'
import type { Counted, Snapshot } from './snapshot.ts'
import { cannotRead, StartFailure } from './start_failure.ts'

export class Filters {
  readonly rules: Rules
  readonly lists: Lists
  readonly #proxy: Proxy
  readonly #book: RuleBook
  readonly #helpers = new Map<string, Helper>()
  readonly #services = new Map<string, IcapService>()

  private constructor(proxy: Proxy, rules: Rules, lists: Lists) {
    this.rules = rules
    this.lists = lists
    this.#proxy = proxy
    this.#book = new RuleBook(rules, (host) => look(proxy, host))
  }

  /** @throws StartFailure for what cannot be read or started, with what to do about it. */
  static async open(proxy: Proxy, settings: Settings): Promise<Filters> {
    const files = await readFiles(proxy.runtime, settings)
    const log = logger('filter')
    const lists = new Lists(
      proxy.runtime,
      settings.list,
      (list, words, grave) => {
        if (grave) log.warning('list {list}: {words}', { list, words })
        else log.info('list {list}: {words}', { list, words })
      },
    )
    await started(lists)
    const filters = new Filters(proxy, compileRules(settings.rule, lists, files), lists)
    try {
      for (const one of settings.helper) filters.#helpers.set(one.name, await opened(proxy.runtime, one))
    } catch (error) {
      filters.close()
      throw error
    }
    for (const one of settings.icap) {
      const report = (url: string, words: string, grave: boolean): void => {
        if (grave) log.warning('icap {name}: {url}: {words}', { name: one.name, url, words })
        else log.info('icap {name}: {url}: {words}', { name: one.name, url, words })
      }
      filters.#services.set(one.name, new IcapService(proxy, one, report))
    }
    proxy.statistics.filters = () => filters.#snapshot()
    return filters
  }

  /** The chain of a listener; `null`: nobody is asked. */
  chainOf({ filter, safe_search }: ListenerSettings): Chain | null {
    if (filter.length === 0 && safe_search === 'off') return null
    const members = filter.filter((name) => this.#services.get(name)?.settings.method !== 'respmod')
    return new Chain(members.map((name) => this.#member(name)), this.#proxy.statistics)
  }

  /** Who looks at the answers to its clients; `null`: nobody. */
  respmodOf({ filter }: ListenerSettings): ResponseAdapter | null {
    const services: IcapService[] = []
    for (const name of filter) {
      const service = this.#services.get(name)
      if (service?.settings.method === 'respmod') services.push(service)
    }
    return services.length === 0 ? null : new ResponseServices(services)
  }

  /** Read the lists again, and have the helpers do so; those that cannot be read stay as they are. */
  reload(): void {
    void this.lists.reload()
    for (const helper of this.#helpers.values()) void helper.reload()
  }

  close(): void {
    this.lists.close()
    for (const helper of this.#helpers.values()) helper.close()
    for (const service of this.#services.values()) service.close()
  }

  /** Settles when the helpers’ children are gone, after {@link close}. */
  async finished(): Promise<void> {
    for (const helper of this.#helpers.values()) await helper.finished()
  }

  #member(name: string): Member {
    if (name === RULES) return { kind: 'rules', name, rules: this.#book }
    const service = this.#services.get(name)
    if (service !== undefined) return { kind: 'adapter', name, adapter: new RequestService(service) }
    const classifier = this.#helpers.get(name)
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
    const lists = this.lists.statistics
    const helpers = [...this.#helpers.values()].map(({ name, statistics, cache }) => ({ name, ...statistics, cache }))
    const services = [...this.#services.values()]
    const pools = (value: (pool: IcapPool) => number) =>
      by(services, (service) => service.pools.reduce((sum, pool) => sum + value(pool), 0))
    return {
      icap_connections: pools(({ open }) => open),
      icap_waiting: pools(({ waiting }) => waiting),
      icap_ill: pools(({ ill }) => ill ? 1 : 0),
      icap_asked_total: by(services, ({ statistics }) => statistics.asked),
      icap_outcomes_total: Object.fromEntries(services.map(({ name, statistics }) => {
        const { unchanged, changed, answered, failed } = statistics
        return [name, { unchanged, changed, answered, failed }]
      })),
      filter_rules_total: named(hits, false),
      filter_report_only_total: named(reports, true),
      helper_children: by(helpers, ({ children }) => children),
      helper_children_busy: by(helpers, ({ busy }) => busy),
      helper_waiting: by(helpers, ({ waiting }) => waiting),
      helper_asked: by(helpers, ({ asked }) => asked),
      helper_questions_total: by(helpers, ({ questions }) => questions),
      helper_answers_total: by(helpers, ({ answers }) => answers),
      helper_answer_seconds_total: by(helpers, ({ answer_time }) => answer_time / 1000),
      helper_unanswered_total: Object.fromEntries(
        helpers.map(({ name, timeouts, full, broken }) => [name, { timeout: timeouts, full, broken }]),
      ),
      helper_retries_total: by(helpers, ({ retries }) => retries),
      helper_starts_total: by(helpers, ({ starts }) => starts),
      helper_ends_total: Object.fromEntries(
        helpers.map(({ name, deaths, kills }) => [name, { died: deaths, killed: kills }]),
      ),
      helper_kept_answers: by(helpers, ({ cache }) => cache?.entries ?? 0),
      helper_kept_hits_total: by(helpers, ({ cache }) => cache?.hits ?? 0),
      list_entries: by(lists, ({ entries }) => entries),
      list_memory_bytes: by(lists, ({ memory }) => memory),
      list_loads_total: by(lists, ({ loads }) => loads),
      list_failures_total: by(lists, ({ failures }) => failures),
      list_loaded_seconds: by(lists, ({ loaded }) => loaded / 1000),
    }
  }
}

function by<T extends { readonly name: string }>(all: readonly T[], value: (one: T) => number): Counted {
  return Object.fromEntries(all.map((one) => [one.name, value(one)]))
}

/** @throws StartFailure */
async function opened(runtime: Runtime, settings: HelperSettings): Promise<Helper> {
  const { name, folder } = settings
  try {
    return await openHelper(runtime, settings, logger('filter'))
  } catch (error) {
    if (error instanceof LogFormatError) {
      throw new StartFailure(EXIT.configuration, `helper.${name}.extras: ${error.message}`)
    }
    throw cannotRead(`helper.${name}.folder`, folder, error, 'folder')
  }
}

/** @throws StartFailure */
async function started(lists: Lists): Promise<void> {
  try {
    await lists.start()
  } catch (error) {
    lists.close()
    if (!(error instanceof ListFailure)) throw error
    const exit = error.code === 'denied'
      ? EXIT.no_permission
      : error.code === 'missing'
      ? EXIT.no_input
      : EXIT.configuration
    throw new StartFailure(exit, error.message)
  }
}

async function readFiles(runtime: Runtime, { rule }: Settings): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  for (const { file } of rule) {
    if (file === '' || files.has(file)) continue
    try {
      files.set(file, await runtime.files.read(file))
    } catch (error) {
      throw cannotRead('rule.file', file, error)
    }
  }
  return files
}

async function look({ dialler, destinations }: Proxy, host: string): Promise<Looked> {
  // Which IPv4 addresses are meant is known when the translator is.
  if (dialler.translation !== null) await dialler.translation.wait()
  if (family(host) !== null) return { addresses: destinations.meanings(host), found: null }
  const found = await dialler.find(host)
  const all = [found[4], found[6]].flatMap((one) => one instanceof Failure ? [] : one)
  return { addresses: all.flatMap((one) => destinations.meanings(one)), found }
}
