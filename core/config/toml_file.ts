/** The configuration file: TOML 1.0, each value with the line it stands on. */

import { type AST, getStaticTOMLValue, ParseError, parseTOML } from 'toml-eslint-parser'

/** A value of the file, or a table without any (`value` undefined). */
export interface Entry {
  readonly path: readonly string[]
  readonly value: unknown
  readonly line: number
}

export interface FileProblem {
  readonly line: number
  readonly option: string
  readonly words: string
}

export interface ParsedFile {
  readonly entries: readonly Entry[]
  readonly problems: readonly FileProblem[]
}

const keysOf = (key: AST.TOMLKey): string[] => key.keys.map((part) => part.type === 'TOMLBare' ? part.name : part.value)

/** The tables that come one after another, each numbered from 1: `[[rule]]` twice is `rule.1` and `rule.2`. */
export const MANY = 'rule'

/** Inline tables are flattened: `http = { via = false }` is `http.via`. */
function collect(pair: AST.TOMLKeyValue, above: readonly string[], entries: Entry[]): void {
  const path = [...above, ...keysOf(pair.key)]
  const line = pair.loc.start.line
  if (path.length === 1 && path[0] === MANY && pair.value.type === 'TOMLArray') {
    for (const [i, element] of pair.value.elements.entries()) {
      const at = [MANY, String(i + 1)]
      const line = element.loc.start.line
      const body = element.type === 'TOMLInlineTable' ? element.body : []
      if (body.length === 0) entries.push({ path: at, value: plain(element), line })
      for (const inner of body) collect(inner, at, entries)
    }
    return
  }
  if (pair.value.type !== 'TOMLInlineTable') {
    entries.push({ path, value: getStaticTOMLValue(pair.value), line })
    return
  }
  if (pair.value.body.length === 0) entries.push({ path, value: undefined, line })
  for (const inner of pair.value.body) collect(inner, path, entries)
}

const NO_VALUE = /=[ \t]*(?:#.*)?$/

/** Of an empty table: that there is one. */
function plain(value: AST.TOMLContentNode): unknown {
  return value.type === 'TOMLInlineTable' ? undefined : getStaticTOMLValue(value)
}

/** The parser tells where it noticed, which is often the line after the mistake. */
function explain(text: string, error: ParseError): FileProblem {
  const lines = text.split(/\r?\n/)
  const line = error.lineNumber
  const before = (lines[line - 1] ?? '').slice(0, error.column)
  if (before.trim() === '') {
    const last = lines.slice(0, line - 1).findLastIndex((earlier) => !/^[ \t]*(?:#.*)?$/.test(earlier))
    if (last >= 0 && NO_VALUE.test(lines[last]!)) {
      return { line: last + 1, option: '', words: 'there is no value after "="; write one, or remove the line' }
    }
    if (/same line|Unspecified/.test(error.message)) return { line: last + 1, option: '', words: error.message }
  }
  const hint = NO_VALUE.test(before) ? '; text needs quotes, as name = "text"' : ''
  return { line, option: '', words: `${error.message} (column ${error.column + 1})${hint}` }
}

export function parseFile(text: string): ParsedFile {
  const entries: Entry[] = []
  const problems: FileProblem[] = []
  let program: AST.TOMLProgram
  try {
    program = parseTOML(text, { tomlVersion: '1.0.0' })
  } catch (error) {
    // The parser stops at its first complaint.
    if (!(error instanceof ParseError)) throw error
    return { entries, problems: [explain(text, error)] }
  }
  for (const item of program.body[0].body) {
    if (item.type === 'TOMLKeyValue') {
      collect(item, [], entries)
      continue
    }
    // Numbers are of tables that come one after another, and start from 0 here.
    const path = item.resolvedKey.map((key) => typeof key === 'number' ? String(key + 1) : key)
    const line = item.loc.start.line
    if (item.kind === 'array' && path[0] !== MANY) {
      const option = keysOf(item.key).join('.')
      problems.push({ line, option, words: `tables have names here; write [${path[0]}.NAME], not [[${option}]]` })
      continue
    }
    // A rule is where its table begins, whatever its first option is.
    if (item.body.length === 0 || (path[0] === MANY && path.length === 2)) {
      entries.push({ path, value: undefined, line })
    }
    for (const pair of item.body) collect(pair, path, entries)
  }
  return { entries, problems }
}

/** The array written in `text`, as in a file; `null` when it is none. */
export function parseArray(text: string): readonly unknown[] | null {
  try {
    const [pair, more] = parseTOML(`value = ${text}\n`, { tomlVersion: '1.0.0' }).body[0].body
    if (more !== undefined) return null
    const value = pair?.type === 'TOMLKeyValue' && pair.value.type === 'TOMLArray'
      ? getStaticTOMLValue(pair.value)
      : null
    return Array.isArray(value) ? value : null
  } catch (error) {
    if (error instanceof ParseError) return null
    throw error
  }
}

const BARE = /^[A-Za-z0-9_-]+$/

/** A string as TOML writes it. JSON escapes what TOML does, save DEL. */
export function tomlString(text: string): string {
  return JSON.stringify(text).replaceAll('\x7f', '\\u007f')
}

export function tomlKey(name: string): string {
  return BARE.test(name) ? name : tomlString(name)
}

/** A value of an option: text, a number, true or false, a list or a table of these. */
export function tomlValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value).filter(([, one]) => one !== undefined)
    if (pairs.length === 0) return '{}'
    return `{ ${pairs.map(([key, one]) => `${tomlKey(key)} = ${tomlValue(one)}`).join(', ')} }`
  }
  return typeof value === 'string' ? tomlString(value) : String(value)
}
