/**
 * Where values come from, the weakest first: the file, the environment, the command line. Defaults are the schema's.
 *
 * What comes from the environment and from --set is text; it is made into what the option's kind expects and then judged by
 * the schema like everything else.
 */

import type { Option } from './option.ts'
import { findOption, NAME, SECTIONS } from './schema.ts'
import { WORKER_VARIABLE } from './settings.ts'
import { closest, didYouMean } from './suggest.ts'
import { type Entry, MANY, parseArray, parseFile } from './toml_file.ts'

export type SourceKind = 'default' | 'file' | 'environment' | 'command line'

/** `where` is for people: `exaproxy.toml:12`, `EXAPROXY_HTTP_VIA`, `--set`, `default`. */
export interface Origin {
  readonly kind: SourceKind
  readonly where: string
}

/** One complaint. `option` may be empty (the file cannot be read as TOML). */
export interface Problem {
  readonly where: string
  readonly option: string
  readonly words: string
}

/** A value and where it came from. `value` undefined: only the table was named. */
export interface Given {
  readonly path: readonly string[]
  readonly value: unknown
  readonly origin: Origin
}

export interface TextFile {
  readonly name: string
  readonly text: string
}

/** What there is to read. `included`: what filter.include names; `sets`: the arguments of --set. */
export interface Sources {
  readonly file: TextFile | null
  readonly included?: readonly TextFile[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly sets: readonly string[]
}

export const PREFIX = 'EXAPROXY_'

/** Variables with the prefix that are not options, and what they are. */
export const OTHER_VARIABLES: Readonly<Record<string, string>> = {
  EXAPROXY_CONFIG: 'the configuration file to read, where --config does not say',
  [WORKER_VARIABLE]: 'set by the program itself, for its workers',
  EXAPROXY_RUNTIME: 'node, deno or bun: the runtime scripts/exaproxy starts',
  EXAPROXY_NODE: 'the node scripts/exaproxy starts',
  EXAPROXY_DENO: 'the deno scripts/exaproxy starts',
  EXAPROXY_BUN: 'the bun scripts/exaproxy starts',
}

/** Those of the test suite. */
const TEST_PREFIX = 'EXAPROXY_TEST_'

export function formatProblem({ where, option, words }: Problem): string {
  return [where, option, words].filter((part) => part !== '').join(': ')
}

/** What is wrong with a path that is not an option's. */
export function unknownOption(path: readonly string[]): string {
  const [first = '', second = ''] = path
  const section = SECTIONS.find(({ name }) => name === first)
  const sections = SECTIONS.map(({ name }) => name)
  if (section === undefined) {
    const holders = SECTIONS.filter(({ options }) => options.some((option) => option.path.at(-1) === first))
    const [holder] = holders
    if (path.length === 1 && holder !== undefined) {
      return `is not an option; did you mean ${holder.name}.${
        holder.named ? 'NAME.' : holder.many ? 'N.' : ''
      }${first}?`
    }
    return `there is no section of that name${didYouMean(first, sections) || `; there are ${sections.join(', ')}`}`
  }
  const names = section.options.map((option) => option.path.at(-1)!)
  if (section.many && !PLACE.test(second)) {
    return `comes again and again, and only in a file; write [[${first}]] above each`
  }
  const depth = section.named || section.many ? 3 : 2
  if (section.named && path.length === 2 && names.includes(second)) {
    return `belongs to a table with a name; write [${first}.NAME] above it`
  }
  if (section.named && path.length > 1 && !NAME.test(second)) {
    return 'a name has letters, digits, "-" and "_", at most 63'
  }
  if (section.many && path.length < depth) return `is not a table; write [[${first}]] above each`
  if (path.length < depth) return `is a table; write [${section.named ? `${first}.${second || 'NAME'}` : first}]`
  if (path.length > depth && names.includes(path[depth - 1]!)) return 'goes deeper than any option'
  return `there is no option of that name${didYouMean(path[depth - 1]!, names) || `; there are ${names.join(', ')}`}`
}

/** A table that may be named without holding anything: `[http]`, `[listener.web]`. */
function isTable(path: readonly string[]): boolean {
  const section = SECTIONS.find(({ name }) => name === path[0])
  if (section === undefined) return false
  if (section.many) return path.length === 2 || (path.length > 2 && findOption(path)?.shape === 'table')
  return path.length === 1 || (section.named && path.length === 2 && NAME.test(path[1]!))
}

/** The number of one of many tables. */
const PLACE = /^[0-9]+$/

/** Text as the option's kind wants it. What does not fit stays text: the schema then says what is wrong with it. */
export function fromText(text: string, shape: Option['shape']): unknown {
  switch (shape) {
    case 'text':
    case 'table':
      return text
    case 'number':
      return /^[0-9]{1,15}$/.test(text) ? Number(text) : text
    case 'flag': {
      const word = text.toLowerCase()
      if (['true', 'yes', 'on', '1'].includes(word)) return true
      return ['false', 'no', 'off', '0'].includes(word) ? false : text
    }
    case 'list': {
      const array = text.startsWith('[') && text.endsWith(']') ? parseArray(text) : null
      if (array !== null) return array
      return text === '' ? [] : text.split(',').map((part) => part.replace(/^ +| +$/g, ''))
    }
  }
}

export class Gathering {
  readonly given: Given[] = []
  readonly problems: Problem[] = []

  /** How many tables of [[rule]] there are so far. */
  #many = 0

  file(name: string, text: string): void {
    for (const { path, value, line } of this.#parse(name, text)) {
      const fits = value === undefined ? isTable(path) : findOption(path) !== null
      this.#add(path, value, { kind: 'file', where: `${name}:${line}` }, fits)
    }
  }

  /** A file of rules, and of nothing else. */
  included(name: string, text: string): void {
    for (const { path, value, line } of this.#parse(name, text)) {
      const where = `${name}:${line}`
      if (path[0] !== MANY) {
        this.problems.push({ where, option: path.join('.'), words: `a file of filter.include has [[${MANY}]] alone` })
        continue
      }
      const fits = value === undefined ? isTable(path) : findOption(path) !== null
      this.#add(path, value, { kind: 'file', where }, fits)
    }
  }

  /** What is in a file; tables that come one after another are numbered through all files. */
  #parse(name: string, text: string): Entry[] {
    const { entries, problems } = parseFile(text)
    for (const { line, option, words } of problems) this.problems.push({ where: `${name}:${line}`, option, words })
    const before = this.#many
    return entries.map((entry) => {
      const [first = '', second = '', ...more] = entry.path
      if (first !== MANY || !PLACE.test(second)) return entry
      const place = before + Number(second)
      this.#many = Math.max(this.#many, place)
      return { ...entry, path: [first, String(place), ...more] }
    })
  }

  /** Names known so far (from the file) keep the way they are written there. */
  environment(variables: Readonly<Record<string, string | undefined>>): void {
    for (const name of Object.keys(variables).toSorted()) {
      const text = variables[name]
      if (text === undefined || !name.startsWith(PREFIX) || name.startsWith(TEST_PREFIX)) continue
      if (Object.hasOwn(OTHER_VARIABLES, name)) continue
      const path = this.#pathOf(name.slice(PREFIX.length))
      const option = path === null ? null : findOption(path)
      if (path === null || option === null) {
        this.problems.push({ where: name, option: '', words: unknownVariable(name.slice(PREFIX.length)) })
        continue
      }
      this.#add(path, fromText(text, option.shape), { kind: 'environment', where: name }, true)
    }
  }

  commandLine(set: string): void {
    const equals = set.indexOf('=')
    if (equals < 1) {
      this.problems.push({ where: `--set ${set}`, option: '', words: 'write it as --set section.option=value' })
      return
    }
    const path = set.slice(0, equals).split('.')
    if (path[0] === MANY) {
      this.problems.push({ where: '--set', option: path.join('.'), words: 'rules are for files alone' })
      return
    }
    const option = findOption(path)
    const value = option === null ? null : fromText(set.slice(equals + 1), option.shape)
    this.#add(path, value, { kind: 'command line', where: '--set' }, option !== null)
  }

  #add(path: readonly string[], value: unknown, origin: Origin, fits: boolean): void {
    const section = SECTIONS.find(({ name }) => name === path[0])
    if (fits && !(section?.named && path.length > 1 && !NAME.test(path[1]!))) this.given.push({ path, value, origin })
    else this.problems.push({ where: origin.where, option: path.join('.'), words: unknownOption(path) })
  }

  /**
   * `LISTENER_MY_WEB_HEAD_TIMEOUT`: options and names may both have underscores, so the longest option that ends the
   * variable is meant, and what is left is the NAME.
   */
  #pathOf(rest: string): readonly string[] | null {
    let best: Option | null = null
    let name = ''
    for (const { options, named, many, name: section } of SECTIONS) {
      if (many) continue
      for (const option of options) {
        const head = `${section}_`.toUpperCase()
        const tail = (named ? '_' : '') + option.path.at(-1)!.toUpperCase()
        const between = rest.length - head.length - tail.length
        if (!rest.startsWith(head) || !rest.endsWith(tail) || (named ? between < 1 : between !== 0)) continue
        if (best !== null && best.path.at(-1)!.length >= option.path.at(-1)!.length) continue
        best = option
        name = rest.slice(head.length, rest.length - tail.length)
      }
    }
    if (best === null || name === '') return best?.path ?? null
    const known = this.given.find(({ path }) => path[0] === best.path[0] && variableOf(path[1]) === name)
    return [best.path[0]!, known?.path[1] ?? name.toLowerCase(), best.path.at(-1)!]
  }
}

function variableOf(name: string | undefined): string | undefined {
  return name?.toUpperCase().replaceAll('-', '_')
}

/** The variable of an option: `EXAPROXY_LISTENER_NAME_ADDRESS`. */
export function variableName(path: readonly string[]): string {
  return PREFIX + path.map((part) => part === '*' ? 'NAME' : variableOf(part)).join('_')
}

function unknownVariable(rest: string): string {
  const near = closest(rest, variableNames())
  return `is not an option; ${
    near === null ? 'see exaproxy config for those there are' : `did you mean ${PREFIX}${near}?`
  }`
}

/** Without the prefix, which would make all of them look alike. */
function variableNames(): string[] {
  const options = SECTIONS.filter(({ many }) => !many).flatMap(({ options }) =>
    options.map(({ path }) => variableName(path))
  )
  return [...options, ...Object.keys(OTHER_VARIABLES)].map((name) => name.slice(PREFIX.length))
}

/** All of them, the weakest first. */
export function gather({ file, included = [], environment, sets }: Sources): Gathering {
  const gathering = new Gathering()
  if (file !== null) gathering.file(file.name, file.text)
  for (const { name, text } of included) gathering.included(name, text)
  gathering.environment(environment)
  for (const set of sets) gathering.commandLine(set)
  return gathering
}
