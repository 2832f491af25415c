/**
 * A stand-in for `parseArgs` of @std/cli, which this project cannot install from its registry yet: the same call and the same
 * answer, over node:util's parseArgs (all three runtimes have it; no other file of core imports a runtime's module). To swap,
 * delete this file and import `{ parseArgs } from '@std/cli/parse-args'` instead.
 *
 * Like the original it never throws. What it leaves out: `boolean: true`, and the types of dotted names.
 */

import { parseArgs as tokenize } from 'node:util'

type Names<T extends string> = T | readonly T[]

export interface ParseOptions<
  B extends string = string,
  S extends string = string,
  C extends string = string,
  D extends boolean = boolean,
> {
  /** Put what follows `--` in the result's `--` instead of `_`. */
  readonly '--'?: D
  /** Name -> other names of the same option. */
  readonly alias?: Readonly<Record<string, string | readonly string[]>>
  /** Options without a value; `false` when absent. `--x=false` and `--x false` are false. */
  readonly boolean?: Names<B>
  /** Options whose value is never made a number. `_` means the arguments. */
  readonly string?: Names<S>
  /** Options that may come again and again: a list, empty when absent. */
  readonly collect?: Names<C>
  /** Options `--no-x` sets to false. */
  readonly negatable?: Names<string>
  readonly default?: Readonly<Record<string, unknown>>
  /** Everything from the first argument on is an argument. */
  readonly stopEarly?: boolean
  /** Called for each argument and each undeclared option; `false` leaves it out. */
  readonly unknown?: (arg: string, key?: string, value?: unknown) => unknown
}

export type Args<B extends string = string, S extends string = string, C extends string = string, D = boolean> =
  & { _: Array<string | number> }
  & (D extends true ? { '--': string[] } : { '--'?: string[] })
  & { [K in B]: boolean }
  & { [K in Extract<S, C>]: string[] }
  & { [K in Exclude<S, C>]?: string }
  & { [other: string]: unknown }

type Tree = { [key: string]: unknown }

const NUMBER = /^(?:0x[0-9a-f]+|[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?)$/i

const namesOf = (names: Names<string> | undefined): readonly string[] =>
  names === undefined ? [] : typeof names === 'string' ? [names] : names

/** `a.b` is `b` in `a`. Own properties only: `--toString` is an option like any other. */
function putIn(tree: Tree, key: string, value: unknown, collect: boolean): void {
  const path = key.split('.')
  if (path.includes('__proto__')) return
  let table = tree
  for (const name of path.slice(0, -1)) {
    const inner = Object.hasOwn(table, name) ? table[name] : undefined
    table = typeof inner === 'object' && inner !== null ? inner as Tree : (table[name] = {}) as Tree
  }
  const last = path.at(-1)!
  const before = Object.hasOwn(table, last) ? table[last] : undefined
  if (!collect) table[last] = value
  else if (Array.isArray(before)) before.push(value)
  else table[last] = [value]
}

function holds(tree: Tree, key: string): boolean {
  let table: unknown = tree
  for (const name of key.split('.')) {
    if (typeof table !== 'object' || table === null || !Object.hasOwn(table, name)) return false
    table = (table as Tree)[name]
  }
  return true
}

/** The declared options, with their aliases, and what was found so far. */
class Parsing {
  readonly result: Tree & { _: Array<string | number> } = { _: [] }
  readonly options: ParseOptions
  readonly #aliases = new Map<string, ReadonlySet<string>>()
  readonly #booleans: ReadonlySet<string>
  readonly #strings: ReadonlySet<string>
  readonly #collected: ReadonlySet<string>
  readonly #negatable: ReadonlySet<string>

  constructor(options: ParseOptions) {
    this.options = options
    for (const [name, others] of Object.entries(options.alias ?? {})) {
      const all = new Set([name, ...namesOf(others)])
      for (const one of all) this.#aliases.set(one, all)
    }
    const withAliases = (names: Names<string> | undefined) => new Set(namesOf(names).flatMap((one) => this.#all(one)))
    this.#booleans = withAliases(options.boolean)
    this.#strings = withAliases(options.string)
    this.#collected = withAliases(options.collect)
    this.#negatable = withAliases(options.negatable)
  }

  isBoolean(name: string): boolean {
    return this.#booleans.has(name)
  }

  isNegatable(name: string): boolean {
    return this.#negatable.has(name)
  }

  /** `value` undefined: none was given. */
  option(arg: string, name: string, value: string | boolean | undefined, collect = true): void {
    let made: unknown = value ?? (this.#strings.has(name) ? '' : true)
    if (this.isBoolean(name)) made = made !== 'false' && made !== false
    else if (typeof made === 'string' && !this.#strings.has(name) && NUMBER.test(made)) made = Number(made)
    const known = this.isBoolean(name) || this.#strings.has(name) || this.#aliases.has(name)
    if (!known && this.options.unknown?.(arg, name, made) === false) return
    for (const one of this.#all(name)) putIn(this.result, one, made, collect && this.#collected.has(one))
  }

  argument(arg: string): void {
    if (this.options.unknown?.(arg) !== false) this.result._.push(this.#argument(arg))
  }

  finish(rest: readonly string[], after: readonly string[]): Tree {
    this.result._.push(...rest)
    for (const [name, value] of Object.entries(this.options.default ?? {})) this.#absent(name, value)
    for (const name of this.#booleans) this.#absent(name, this.#collected.has(name) ? [] : false)
    for (const name of this.#strings) if (this.#collected.has(name)) this.#absent(name, [])
    if (this.options['--'] === true) this.result['--'] = [...after]
    else this.result._.push(...after)
    return this.result
  }

  #argument(arg: string): string | number {
    return !this.#strings.has('_') && NUMBER.test(arg) ? Number(arg) : arg
  }

  #absent(name: string, value: unknown): void {
    for (const one of this.#all(name)) if (!holds(this.result, one)) putIn(this.result, one, value, false)
  }

  #all(name: string): readonly string[] {
    return [...this.#aliases.get(name) ?? [name]]
  }
}

/** `-abc`, `-n5`, `-n=5`, `-I/usr`: letters, the last one with what cannot be a letter as its value. */
function lettersOf(group: string): Array<readonly [string, string | undefined]> {
  const found: Array<readonly [string, string | undefined]> = []
  for (let i = 0; i < group.length; i++) {
    const letter = group[i]!
    const rest = group.slice(i + 1)
    if (rest !== '' && /^(?:=|[^A-Za-z]|$)/.test(rest)) {
      found.push([letter, rest.startsWith('=') ? rest.slice(1) : rest])
      break
    }
    found.push([letter, undefined])
  }
  return found
}

export function parseArgs<
  const B extends string = never,
  const S extends string = never,
  const C extends string = never,
  const D extends boolean = false,
>(args: readonly string[], options: ParseOptions<B, S, C, D> = {}): Args<B, S, C, D> {
  const parsing = new Parsing(options)
  const end = args.indexOf('--')
  const before = end < 0 ? args : args.slice(0, end)
  const { tokens } = tokenize({ args: [...before], strict: false, allowPositionals: true, tokens: true })
  let rest: readonly string[] = []
  // What is past `next` was taken already: as a value, or with its group of letters.
  let next = 0
  const takeValue = (name: string, dashes: number): string | undefined => {
    const value = before[next]
    if (value === undefined) return undefined
    if (parsing.isBoolean(name)) return value === 'true' || value === 'false' ? before[next++] : undefined
    const flag = dashes === 2 ? value.startsWith('-') : /^--?[^-]/.test(value)
    return flag ? undefined : before[next++]
  }
  for (const token of tokens) {
    if (token.index < next || token.kind === 'option-terminator') continue
    const arg = before[token.index]!
    next = token.index + 1
    if (token.kind === 'positional') {
      parsing.argument(arg)
      if (!options.stopEarly) continue
      rest = before.slice(next)
      break
    }
    if (!arg.startsWith('--')) {
      const letters = lettersOf(arg.slice(1))
      for (const [i, [letter, value]] of letters.entries()) {
        parsing.option(arg, letter, value ?? (i === letters.length - 1 ? takeValue(letter, 1) : undefined))
      }
      continue
    }
    const negated = token.name.startsWith('no-') ? token.name.slice(3) : ''
    if (token.value !== undefined) parsing.option(arg, token.name, token.value)
    else if (parsing.isNegatable(negated)) parsing.option(arg, negated, false, false)
    else parsing.option(arg, token.name, takeValue(token.name, 2))
  }
  return parsing.finish(rest, end < 0 ? [] : args.slice(end + 1)) as Args<B, S, C, D>
}
