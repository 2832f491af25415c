/** Opens helper programs: a pool of children, and the language that the configuration says they speak. */

import type { HelperSettings } from '../config/settings.ts'
import { IcapLines } from '../exaproxy/icap_lines.ts'
import type { Pages } from '../exaproxy/pages.ts'
import { UrlLine } from '../exaproxy/url_line.ts'
import type { Decision } from '../filter/decision.ts'
import type { Answer, Dialect, Question } from '../filter/dialect.ts'
import type { Subject } from '../filter/subject.ts'
import { HELPER_FOLDERS, HELPER_PAGES, PAGE_TEMPLATE_SIZE } from '../limits.ts'
import { type Files, type Runtime, SystemFailure } from '../runtime.ts'
import type { AnswerCacheStatistics } from '../squid/answer_cache.ts'
import { ExternalAcl } from '../squid/external_acl.ts'
import { UrlRewrite } from '../squid/url_rewrite.ts'
import type { Classifier } from './classifier.ts'
import { type HelperLog, HelperPool, type HelperStatistics } from './helpers.ts'

/** A helper program that is running. */
export interface Helper extends Classifier {
  readonly statistics: HelperStatistics
  /** Of those whose answers are kept; `null`: they are not. */
  readonly cache: AnswerCacheStatistics | null
  /**
   * Read everything anew: pages, and what the program reads at its start, for its children are replaced by others. Never
   * rejects: what cannot be read stays as it is.
   */
  reload(): Promise<void>
  /** Settles when all children are gone, after {@link close}. */
  finished(): Promise<void>
}

type HelperRuntime = Pick<Runtime, 'spawn' | 'clock' | 'files'>

/**
 * Read what the language needs and start the children.
 * @throws LogFormatError for `extras`; rejects with: SystemFailure where the folder of pages cannot be read
 */
export async function openHelper(runtime: HelperRuntime, settings: HelperSettings, log: HelperLog): Promise<Helper> {
  const { name, protocol, concurrency, extras, folder } = settings
  switch (protocol) {
    case 'squid':
      return run(runtime, settings, new UrlRewrite(name, concurrency > 0, extras), log)
    case 'external_acl': {
      const dialect = new ExternalAcl(settings)
      const forget = () => Promise.resolve(dialect.forget())
      const helper = run(runtime, settings, dialect, log, forget, () => dialect.statistics)
      // Where answers are not kept, each request is a question of its own.
      const kept = settings.ttl > 0 && settings.negative_ttl > 0 && settings.cache_size > 0
      return kept ? new SharedHelper(helper, (subject) => dialect.lineOf(subject)) : helper
    }
    case 'exaproxy-url':
    case 'exaproxy-icap': {
      const pages = { folder, files: await readPages(runtime.files, folder) }
      const readAgain = async () => {
        pages.files = await readPages(runtime.files, folder)
      }
      return protocol === 'exaproxy-url'
        ? run(runtime, settings, new UrlLine(name, pages), log, readAgain)
        : run(runtime, settings, new IcapLines(name, extras, pages), log, readAgain)
    }
  }
}

/** `reread`: what the language has read, anew. */
function run<Q extends Question, A extends Answer>(
  runtime: HelperRuntime,
  settings: HelperSettings,
  dialect: Dialect<Q, A>,
  log: HelperLog,
  reread: () => Promise<void> = () => Promise.resolve(),
  cache: () => AnswerCacheStatistics | null = () => null,
): Helper {
  const pool = new HelperPool(runtime, settings, dialect, log)
  return {
    name: pool.name,
    judge: (subject) => pool.judge(subject),
    close: () => pool.close(),
    finished: () => pool.finished(),
    async reload() {
      try {
        await reread()
      } catch (error) {
        if (!(error instanceof SystemFailure)) throw error
        const { name: helper, folder } = settings
        log.warning('helper {helper} keeps its pages: {folder} cannot be read ({why})', {
          helper,
          folder,
          why: error.message,
        })
      }
      pool.renew()
    },
    get statistics() {
      return pool.statistics
    },
    get cache() {
      return cache()
    },
  }
}

/** Requests about which the same is asked at the same time wait for one answer: a browser opens many connections at once. */
class SharedHelper implements Helper {
  readonly name: string
  readonly #helper: Helper
  readonly #keyOf: (subject: Subject) => string
  /** As many as the helper has questions, at most. */
  readonly #open = new Map<string, Promise<Decision>>()

  constructor(helper: Helper, keyOf: (subject: Subject) => string) {
    this.name = helper.name
    this.#helper = helper
    this.#keyOf = keyOf
  }

  get statistics(): HelperStatistics {
    return this.#helper.statistics
  }

  get cache(): AnswerCacheStatistics | null {
    return this.#helper.cache
  }

  judge(subject: Subject): Decision | Promise<Decision> {
    // Asked first, its time is over first.
    const open = this.#open.size === 0 ? undefined : this.#open.get(this.#keyOf(subject))
    if (open !== undefined) return open
    const said = this.#helper.judge(subject)
    if (said instanceof Promise) {
      const key = this.#keyOf(subject)
      this.#open.set(key, said)
      void said.then(() => {
        if (this.#open.get(key) === said) this.#open.delete(key)
      })
    }
    return said
  }

  close(): void {
    this.#helper.close()
  }

  reload(): Promise<void> {
    // Who asks from now on is not to hear from those that go.
    this.#open.clear()
    return this.#helper.reload()
  }

  finished(): Promise<void> {
    return this.#helper.finished()
  }
}

/**
 * The pages of a folder and of those inside it. What is larger than a page may be is left out, as if it were not there.
 * Rejects with: SystemFailure where the folder cannot be read, or has too much in it
 */
export async function readPages(files: Files, folder: string): Promise<Pages['files']> {
  const found = new Map<string, Uint8Array>()
  if (folder !== '') await readFolder(files, folder.replace(/(.)\/+$/, '$1'), '', 1, found)
  return found
}

async function readFolder(
  files: Files,
  folder: string,
  below: string,
  depth: number,
  found: Map<string, Uint8Array>,
): Promise<void> {
  for (const name of await files.list(folder)) {
    const path = `${folder}/${name}`
    const status = await files.status(path)
    if (status === null || status.socket) continue
    if (status.folder) {
      if (depth < HELPER_FOLDERS) await readFolder(files, path, `${below}${name}/`, depth + 1, found)
      continue
    }
    if (status.size > PAGE_TEMPLATE_SIZE) continue
    if (found.size === HELPER_PAGES) throw new SystemFailure('full', `${folder} has more than ${HELPER_PAGES} pages`)
    found.set(below + name, await files.read(path))
  }
}
