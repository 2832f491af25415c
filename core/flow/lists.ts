/** Lists: read at start, read again when their files change, swapped whole. The part that waits; see core/filter/list_maker.ts. */

import type { ListSettings } from '../config/settings.ts'
import { Uncounted } from '../filter/byte_set.ts'
import { ListMaker, type MadeList } from '../filter/list_maker.ts'
import { NoText } from '../filter/list_lines.ts'
import type { List, Lists as ListsByName } from '../filter/lists.ts'
import { LIST_CHECK, LIST_SETTLE, LIST_SLICE } from '../limits.ts'
import type { Clock, Runtime } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import { findFiles, type FoundFiles, ListFailure } from './list_files.ts'

export { ListFailure } from './list_files.ts'

export interface LoadedList {
  readonly list: List
  /** Lines that were skipped and why, for the log. */
  readonly problems: readonly string[]
  readonly entries: number
}

interface Made extends LoadedList {
  readonly list: MadeList
  readonly signature: string
}

export interface ListStatistics {
  readonly name: string
  readonly entries: number
  /** Bytes, about. */
  readonly memory: number
  /** How often it was read, and how often in vain. */
  readonly loads: number
  readonly failures: number
  /** When it was read, milliseconds since 1970-01-01 UTC; and how long that took, ms. */
  readonly loaded: number
  readonly took: number
}

/** Words about a list, for the log. `grave`: somebody should do something about it. */
export type ListReport = (name: string, words: string, grave: boolean) => void

/** @throws ListFailure */
export function loadList(runtime: Runtime, settings: ListSettings): Promise<LoadedList> {
  return load(runtime, settings, null)
}

function failure(settings: ListSettings, error: unknown): ListFailure {
  const place = settings.folder === '' ? settings.file : settings.folder
  const code = error instanceof SystemFailure || error instanceof ListFailure ? error.code : 'broken'
  if (error instanceof SystemFailure && code === 'missing') return new ListFailure(code, `${place} is not there`)
  if (error instanceof SystemFailure) return new ListFailure(code, `${place} cannot be read: ${error.message}`)
  if (error instanceof ListFailure || error instanceof NoText) return new ListFailure(code, error.message)
  if (error instanceof Uncounted) return new ListFailure('other', `${place} changed while it was read`)
  // What runtimes throw when an array cannot be had.
  if (error instanceof RangeError) {
    return new ListFailure('exhausted', `${place} needs too much memory (${error.message})`)
  }
  throw error
}

async function load(runtime: Runtime, settings: ListSettings, known: FoundFiles | null): Promise<Made> {
  const release = runtime.stay()
  let maker: ListMaker | null = null
  try {
    const found = known ?? await findFiles(runtime.files, settings)
    maker = new ListMaker(settings.name, found.files, found.categories)
    const turns = new Turns(runtime.clock)
    await pass(runtime, maker, found, turns)
    // To make room for millions of entries is a slice of its own.
    if (turns.due(1)) await turns.take()
    maker.turn()
    if (turns.due(1)) await turns.take()
    await pass(runtime, maker, found, turns)
    const list = maker.make()
    const problems = [...maker.problems(), ...found.aliases]
    if ((await findFiles(runtime.files, settings)).signature !== found.signature) {
      throw new Uncounted()
    }
    const { entries } = list
    if (entries === 0 && problems.length > 0) throw new ListFailure('broken', `it has no valid entry: ${problems[0]}`)
    return { list, problems, entries, signature: found.signature }
  } catch (error) {
    maker?.release()
    throw failure(settings, error)
  } finally {
    release()
  }
}

/** Turns of the loop for all others: a wait for a piece of a file need not be one. */
class Turns {
  readonly #clock: Clock
  #began: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#began = clock.now()
  }

  /** Whether the last turn was so many ms ago. */
  due(ms: number): boolean {
    return this.#clock.now() - this.#began >= ms
  }

  async take(): Promise<void> {
    await new Promise<void>((resolve) => void this.#clock.after(0, resolve))
    this.#began = this.#clock.now()
  }
}

async function pass({ files }: Runtime, maker: ListMaker, found: FoundFiles, turns: Turns): Promise<void> {
  for (const file of found.files) {
    maker.begin(file)
    try {
      for await (const piece of files.pieces(file.path)) {
        maker.piece(piece)
        if (turns.due(LIST_SLICE)) await turns.take()
      }
    } catch (error) {
      if (error instanceof NoText) throw new ListFailure('broken', `${file.path} is no list: ${error.message}`)
      throw error
    }
    maker.end()
  }
}

/** A list there is, or is to be. */
interface Kept {
  readonly settings: ListSettings
  list: MadeList | null
  /** Of the files that it was made of, and of those that it could not be made of. */
  signature: string
  broken: string
  /** What was said last about why it could not be read. */
  said: string
  loads: number
  failures: number
  loaded: number
  took: number
}

export class Lists implements ListsByName {
  /** Another one when what is in the lists is: made of the names, sizes and times of their files. */
  signature = ''
  readonly #runtime: Runtime
  readonly #report: ListReport
  readonly #kept = new Map<string, Kept>()
  #checking: Promise<void> | null = null
  #stop: (() => void) | null = null
  #closed = false

  constructor(runtime: Runtime, settings: readonly ListSettings[], report: ListReport) {
    this.#runtime = runtime
    this.#report = report
    for (const one of settings) {
      const counts = { loads: 0, failures: 0, loaded: 0, took: 0 }
      this.#kept.set(one.name, { settings: one, list: null, signature: '', broken: '', said: '', ...counts })
    }
  }

  /** Reads them all, one after another, and follows their files from then on. @throws ListFailure, with the list's name */
  async start(): Promise<void> {
    for (const kept of this.#kept.values()) {
      try {
        await this.#load(kept, null)
      } catch (error) {
        if (!(error instanceof ListFailure)) throw error
        throw new ListFailure(error.code, `list.${kept.settings.name}: ${error.message}`)
      }
    }
    if (this.#kept.size > 0 && !this.#closed) {
      this.#stop = this.#runtime.clock.every(LIST_CHECK, () => void this.#check(false))
    }
  }

  find(name: string): List | null {
    return this.#kept.get(name)?.list ?? null
  }

  /** Looks at all files now, also at those that were broken or changed a moment ago. */
  async reload(): Promise<void> {
    await this.#checking
    await this.#check(true)
  }

  get statistics(): ListStatistics[] {
    return [...this.#kept.values()].map(({ settings, list, loads, failures, loaded, took }) => {
      return {
        name: settings.name,
        entries: list?.entries ?? 0,
        memory: list?.memory ?? 0,
        loads,
        failures,
        loaded,
        took,
      }
    })
  }

  /** Nothing is read any more, and nothing found. */
  close(): void {
    this.#closed = true
    this.#stop?.()
    this.#stop = null
    for (const kept of this.#kept.values()) {
      kept.list?.release()
      kept.list = null
    }
  }

  /** One check at a time. */
  #check(all: boolean): Promise<void> {
    this.#checking ??= this.#checkAll(all).finally(() => this.#checking = null)
    return this.#checking
  }

  async #checkAll(all: boolean): Promise<void> {
    for (const kept of this.#kept.values()) {
      if (this.#closed) return
      try {
        await this.#look(kept, all)
        kept.said = ''
      } catch (error) {
        if (!(error instanceof ListFailure)) throw error
        kept.failures++
        if (error.message !== kept.said) {
          this.#report(kept.settings.name, `${error.message}; the old list is kept`, true)
        }
        kept.said = error.message
      }
    }
  }

  async #look(kept: Kept, all: boolean): Promise<void> {
    let found: FoundFiles
    try {
      found = await findFiles(this.#runtime.files, kept.settings)
    } catch (error) {
      throw failure(kept.settings, error)
    }
    if (found.signature === kept.signature) {
      kept.broken = ''
      return
    }
    if (!all) {
      // What was broken is so until it changes. Who writes a file may not be done yet.
      if (found.signature === kept.broken) return
      const age = this.#runtime.clock.date() - found.modified
      if (age >= 0 && age < LIST_SETTLE) return
    }
    if (kept.list !== null && kept.list.entries > 0 && found.files.every(({ size }) => size === 0)) {
      kept.broken = found.signature
      const { file, folder } = kept.settings
      throw new ListFailure('broken', `${file || folder} is empty (where that is meant, put a comment in it)`)
    }
    try {
      await this.#load(kept, found)
    } catch (error) {
      if (error instanceof ListFailure && error.code === 'broken') kept.broken = found.signature
      throw error
    }
  }

  async #load(kept: Kept, found: FoundFiles | null): Promise<void> {
    const { clock } = this.#runtime
    const began = clock.now()
    const { list, problems, entries, signature } = await load(this.#runtime, kept.settings, found)
    if (this.#closed) {
      list.release()
      return
    }
    // Nobody is in the midst of a look-up: they do not wait.
    const old = kept.list
    kept.list = list
    old?.release()
    kept.signature = signature
    this.signature = [...this.#kept.values()].map((one) => one.signature).join()
    kept.broken = ''
    kept.loads++
    kept.loaded = clock.date()
    kept.took = clock.now() - began
    for (const problem of problems) this.#report(kept.settings.name, problem, true)
    this.#report(kept.settings.name, `${entries} entries read in ${Math.round(kept.took)} ms`, false)
  }
}
