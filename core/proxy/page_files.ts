/**
 * Pages of one's own: a folder of files, each in the place of a built-in page. Their names are
 *
 *     WHAT.html   WHAT.LANGUAGE.html   WHAT.txt   WHAT.LANGUAGE.txt
 *
 * where LANGUAGE is a tag (RFC 5646) as `fr` or `pt-BR`, and WHAT is, the most particular first: `denied-CATEGORY`; the code
 * of a failure; a status; or `error`. Of these the first is taken that there is in a language the client accepts, or without
 * a language. A category is written in small letters, with `-` for all but letters, digits and `_`.
 */

import type { Failure } from '../failure.ts'
import { FAILURES } from '../failure.ts'
import { lookUpLanguage } from '../http/accept.ts'
import { PAGE_TEMPLATE_SIZE } from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import { Template } from './template.ts'

export interface PageFile {
  readonly template: Template
  /** The language it is written in; empty: not told. */
  readonly language: string
}

/** The files of one name, apart from the language. */
interface Variants {
  /** By their names, then the one whose name says none: it may say its language itself. */
  readonly files: readonly PageFile[]
  readonly languages: readonly string[]
  /** The one for everybody. */
  readonly plain: PageFile | null
}

const NAME = /^(.+?)(?:\.([A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*))?\.(html|txt)$/

export class PageFiles {
  /** What is wrong, as `file:line: words`. What has problems is not used. */
  readonly problems: readonly string[]
  readonly #variants = new Map<string, Variants>()

  /** `texts`: file names to contents; `found`: problems met while they were read; `folder`: for the problems. */
  constructor(texts: ReadonlyMap<string, string>, folder: string, found: readonly string[] = []) {
    const problems = [...found]
    this.problems = problems
    const place = folder === '' ? '' : `${folder}/`
    const named = new Map<string, PageFile[]>()
    const plain = new Map<string, PageFile>()
    for (const [file, text] of texts) {
      const [, what, language = '', extension] = NAME.exec(file) ?? ['', '', '', '']
      if (!isWhat(what)) {
        problems.push(
          `${place}${file}:1: the name is not that of a failure, a status or "error", with or without a language, so it ` +
            'is never used',
        )
        continue
      }
      const html = extension === 'html'
      const template = new Template(text, html)
      for (const { line, words } of template.problems) problems.push(`${place}${file}:${line}: ${words}`)
      if (template.problems.length > 0) continue
      const key = `${what}.${extension}`
      if (language === '') plain.set(key, { template, language: html ? languageOf(text) : '' })
      else named.set(key, [...named.get(key) ?? [], { template, language }])
    }
    for (const key of new Set([...named.keys(), ...plain.keys()])) {
      const common = plain.get(key) ?? null
      const files = [...named.get(key) ?? [], ...common === null ? [] : [common]]
      this.#variants.set(key, { files, languages: files.map(({ language }) => language), plain: common })
    }
  }

  /** The page for this failure; `accepted` is a value of Accept-Language. `null`: there is none. */
  find(failure: Failure, category: string, html: boolean, accepted: string): PageFile | null {
    if (this.#variants.size === 0) return null
    const names = [failure.code, `${failure.status}`, 'error']
    if (failure.code === 'denied' && category !== '') names.unshift(`denied-${fileWord(category)}`)
    for (const name of names) {
      const variants = this.#variants.get(`${name}.${html ? 'html' : 'txt'}`)
      if (variants === undefined) continue
      const found = variants.files[lookUpLanguage(accepted, variants.languages)] ?? variants.plain
      if (found !== null) return found
    }
    return null
  }
}

function isWhat(name: string): boolean {
  return name === 'error' || Object.hasOwn(FAILURES, name) || /^(?:[45][0-9][0-9]|denied-[a-z0-9_-]+)$/.test(name)
}

/** A category as it is in the name of a file. */
function fileWord(category: string): string {
  return category.toLowerCase().replace(/[^a-z0-9_]/g, '-')
}

function languageOf(html: string): string {
  return /<html\b[^>]*\blang\s*=\s*["']?([A-Za-z0-9-]+)/i.exec(html)?.[1] ?? ''
}

/**
 * The files of a folder; empty: of none. What cannot be read or used is among the problems: a proxy must not fail to start,
 * or to answer, for want of a page.
 */
export async function readPageFiles(runtime: Runtime, folder: string): Promise<PageFiles> {
  const texts = new Map<string, string>()
  const problems: string[] = []
  if (folder === '') return new PageFiles(texts, folder)
  let names: string[] = []
  try {
    names = await runtime.files.list(folder)
  } catch (error) {
    problems.push(`${folder}: ${wordsOf(error)}`)
  }
  for (const name of names.filter((name) => /\.(html|txt)$/.test(name)).sort()) {
    const path = `${folder}/${name}`
    try {
      const bytes = await runtime.files.read(path)
      if (bytes.length > PAGE_TEMPLATE_SIZE) problems.push(`${path}:1: larger than ${PAGE_TEMPLATE_SIZE} bytes`)
      else texts.set(name, new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    } catch (error) {
      problems.push(error instanceof SystemFailure ? `${path}: ${wordsOf(error)}` : `${path}:1: not valid UTF-8`)
    }
  }
  return new PageFiles(texts, folder, problems)
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
