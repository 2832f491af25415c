/** Which files a list is made of, and whether they have changed. */

import type { ListSettings } from '../config/settings.ts'
import type { ListFile, ListFileKind } from '../filter/list_maker.ts'
import { LIST_ALIAS_SIZE, LIST_CATEGORIES, LIST_FOLDERS } from '../limits.ts'
import type { Files, FileStatus, SystemFailureCode } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'

/** A list that cannot be had. The message says which, why, and what to do. */
export class ListFailure extends Error {
  /** `broken`: it can be read and is no such list. */
  readonly code: SystemFailureCode | 'broken'

  constructor(code: SystemFailureCode | 'broken', message: string) {
    super(message)
    this.name = 'ListFailure'
    this.code = code
  }
}

export interface FoundFiles {
  /** A diff before what it changes. */
  readonly files: readonly ListFile[]
  /** By their number; empty: there is one file and no category. */
  readonly categories: readonly string[]
  /** Another when a file has another size or time, or there are others. */
  readonly signature: string
  /** When the last of them changed, milliseconds since 1970-01-01 UTC. */
  readonly modified: number
  /** Files that are another one under a second name. */
  readonly aliases: readonly string[]
}

/** The files of a category of squidGuard, in the order they are asked: what costs least first. */
const SQUIDGUARD: readonly ListFileKind[] = ['domains', 'urls', 'expressions']

class Finder {
  readonly #files: Files
  readonly files: ListFile[] = []
  readonly categories: string[] = []
  readonly aliases: string[] = []
  readonly #large = new Map<string, string>()
  signature = ''
  modified = 0

  constructor(files: Files) {
    this.#files = files
  }

  async single(path: string, kind: ListFileKind): Promise<void> {
    const status = await this.#files.status(path)
    if (status === null) throw new SystemFailure('missing', path)
    if (status.folder) throw new ListFailure('broken', `${path} is a folder`)
    this.#take(path, kind, false, 0, status)
  }

  /** Each file of a folder is a category of its own. */
  async flat(folder: string, kind: ListFileKind): Promise<void> {
    for (const name of await this.#files.list(folder)) {
      if (name.startsWith('.') || name.endsWith('~')) continue
      const path = `${folder}/${name}`
      const status = await this.#files.status(path)
      if (status === null || status.folder) continue
      this.#take(path, kind, false, this.#category(name.replace(/\.(?:txt|list|hosts)$/, '')), status)
    }
  }

  /** A folder of categories, or one category. */
  async squidguard(folder: string, name: string, depth: number): Promise<void> {
    const names = await this.#files.list(folder)
    let category = -1
    for (const kind of SQUIDGUARD) {
      for (const diff of kind === 'expressions' ? [false] : [true, false]) {
        const file = diff ? `${kind}.diff` : kind
        const path = `${folder}/${file}`
        const status = names.includes(file) ? await this.#files.status(path) : null
        if (status === null || status.folder) continue
        if (category < 0) category = this.#category(name === '' ? folder.slice(folder.lastIndexOf('/') + 1) : name)
        this.#take(path, kind, diff, category, status)
      }
    }
    if (depth === LIST_FOLDERS) return
    for (const inner of names) {
      const path = `${folder}/${inner}`
      if (inner.startsWith('.') || (await this.#files.status(path))?.folder !== true) continue
      await this.squidguard(path, name === '' ? inner : `${name}/${inner}`, depth + 1)
    }
  }

  #category(name: string): number {
    if (this.categories.length > LIST_CATEGORIES) {
      throw new ListFailure('broken', `there are more than ${LIST_CATEGORIES} categories`)
    }
    return this.categories.push(name) - 1
  }

  #take(path: string, kind: ListFileKind, diff: boolean, category: number, { size, modified }: FileStatus): void {
    const of = `${size} ${modified}`
    this.signature += `${path} ${of}\n`
    if (modified > this.modified) this.modified = modified
    if (size > LIST_ALIAS_SIZE && !diff) {
      const same = this.#large.get(`${kind} ${of}`)
      if (same !== undefined) {
        this.aliases.push(`${path} is ${same} once more: it is read once`)
        return
      }
      this.#large.set(`${kind} ${of}`, path)
    }
    this.files.push({ path, kind, diff, category, size })
  }
}

/** The files as they are now. @throws ListFailure, SystemFailure */
export async function findFiles(files: Files, { file, folder, format }: ListSettings): Promise<FoundFiles> {
  const finder = new Finder(files)
  const trimmed = folder.length > 1 && folder.endsWith('/') ? folder.slice(0, -1) : folder
  if (format === 'squidguard') {
    if (folder === '') throw new ListFailure('broken', 'the format squidguard takes a folder')
    await finder.squidguard(trimmed, '', 0)
  } else if (folder !== '') await finder.flat(trimmed, format)
  else await finder.single(file, format)
  if (finder.files.length === 0) throw new ListFailure('broken', `${folder} holds no file of the format ${format}`)
  return finder
}
