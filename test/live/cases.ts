/** Conformance cases as text: how the files of test/cases are read. Their form is explained in test/cases/README.md. */

import { readdirSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'

export const CASES = resolve(import.meta.dirname, '../cases')

/** One step of a case. `text` still has its escapes and placeholders. */
export interface Step {
  /** `client`, `client2`, `origin`, `origin2`. */
  readonly actor: string
  /** `>` says bytes; `<` hears a message; `<+` the rest of its body; `<<` raw bytes; `!` acts; `=` is in a state. */
  readonly verb: '>' | '<' | '<+' | '<<' | '!' | '='
  readonly lines: string[]
  readonly at: number
}

export interface Case {
  readonly file: string
  readonly at: number
  /** Numbers of the checklist. */
  readonly numbers: readonly number[]
  readonly title: string
  /** The configuration: a TOML file of test/cases, without its extension. */
  readonly configuration: string
  /** Run with each of these in place of `{name}`. */
  readonly each: { readonly name: string; readonly values: readonly string[] } | null
  readonly steps: readonly Step[]
}

const HEADING = /^## ((?:\d+)(?:, \d+)*) (.+)$/
const STEP = /^(client\d?|origin\d?) (>|<|<\+|<<|!|=)(?: (.*))?$/
const STATES: Record<string, RegExp> = {
  client: /^(kept|closed|in order|gone|broken|reset|trailer .+|no trailers)$/,
  origin: /^(closed|broken|reset|new|reused|untouched|nothing whole|trailer .+|no trailers)$/,
}
const ACTS = /^(end|close|reset|stop reading|read on)$/

/** Reads one file. Throws on anything it does not understand: a case that is not run is worse than none. */
export function readCases(path: string): Case[] {
  const cases: Case[] = []
  const file = basename(path)
  let current: Mutable | null = null
  let inside = false
  // A line without text sets two messages of one side apart.
  let apart = true
  let standard = 'forward'
  readFileSync(path, 'latin1').split('\n').forEach((line, index) => {
    const fail = (words: string): never => {
      throw new Error(`${file}:${index + 1}: ${words}: ${line}`)
    }
    if (line.startsWith('```')) {
      inside = !inside
      apart = true
      if (inside && current === null) fail('steps before the first case')
      return
    }
    if (inside) {
      if (line !== '') readStep(line, index + 1, (current as Mutable).steps, apart, fail)
      apart = line === ''
      return
    }
    if (line.startsWith('## ')) {
      const [, numbers, title] = HEADING.exec(line) ?? fail('a case starts with the numbers of its rules')
      current = {
        file,
        at: index + 1,
        numbers: numbers.split(', ').map(Number),
        title,
        configuration: standard,
        each: null,
        steps: [],
      }
      cases.push(current)
    }
    const configuration = /^Configuration: (\w+)$/.exec(line)?.[1]
    if (configuration !== undefined) {
      if (current === null) standard = configuration
      else current.configuration = configuration
    }
    const each = /^For each \{(\w+)\}: (.+)$/.exec(line)
    if (each !== null) {
      if (current === null) return fail('a list before the first case')
      const values = [...each[2].matchAll(/`([^`]*)`/g)].map(([, value]) => value)
      current.each = { name: each[1], values }
    }
  })
  for (const one of cases) check(one)
  return cases
}

interface Mutable extends Omit<Case, 'configuration' | 'each' | 'steps'> {
  configuration: string
  each: Case['each']
  steps: Step[]
}

function readStep(line: string, at: number, steps: Step[], apart: boolean, fail: (words: string) => never): void {
  const [, actor, verb, text = ''] = STEP.exec(line) ?? fail('not a step')
  if (verb === '=' && !STATES[actor.replace(/\d/, '')].test(text)) fail('not a state')
  if (verb === '!' && !ACTS.test(text)) fail('not an act')
  const last = steps.at(-1)
  if (!apart && verb !== '!' && verb !== '=' && last?.actor === actor && last.verb === verb) last.lines.push(text)
  else steps.push({ actor, verb: verb as Step['verb'], lines: [text], at })
}

function check(one: Case): void {
  if (one.steps.length === 0) throw new Error(`${one.file}:${one.at}: no steps`)
  const last = one.steps.at(-1)
  if (last?.verb !== '=') throw new Error(`${one.file}:${one.at}: a case ends by saying what became of the connection`)
}

export function allCases(): Case[] {
  return readdirSync(CASES).filter((name) => name.endsWith('.md') && name !== 'README.md').sort()
    .flatMap((name) => readCases(join(CASES, name)))
}

/** Puts values in place of `{name}`; `{a*70000}` repeats. Unknown names are an error. */
export function filled(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{([^{}*]+)\*(\d+)\}|\{(\w+)\}/g, (_, repeated: string, count: string, name: string) => {
    if (repeated !== undefined) return repeated.repeat(Number(count))
    const value = values[name]
    if (value === undefined) throw new Error(`{${name}} means nothing here`)
    return value
  })
}

/** `\r \n \t \\ \xHH` as the bytes they stand for, one character a byte. */
export function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/g, (whole, hex: string, letter: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    const known: Record<string, string> = { r: '\r', n: '\n', t: '\t', '\\': '\\' }
    if (known[letter] === undefined) throw new Error(`${whole} is not an escape`)
    return known[letter]
  })
}

/** Lines as bytes: each ends in CRLF, unless it ends in a backslash. */
export function toWire(lines: readonly string[], values: Readonly<Record<string, string>>): string {
  return lines.map((line) => {
    const open = /(^|[^\\])(\\\\)*\\$/.test(line)
    return unescaped(filled(open ? line.slice(0, -1) : line, values)) + (open ? '' : '\r\n')
  }).join('')
}
