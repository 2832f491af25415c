/**
 * Regular expressions of squidGuard's `expressions` files (POSIX 1003.1 9.4, extended), with what authors use besides: `\d`,
 * `\w`, `\s`, `\b`, `(?:...)`. What needs to go back over the text is refused: back references and looking around.
 */

import { LIST_REGEX_SIZE } from '../limits.ts'

export type Edge = 'begin' | 'end' | 'word' | 'inside'

/** `set`: 256 bytes, 1 for each character that fits. `most`: Infinity where there is no end. */
export type Tree =
  | { readonly kind: 'set'; readonly set: Uint8Array }
  | { readonly kind: 'edge'; readonly edge: Edge }
  | { readonly kind: 'all'; readonly parts: readonly Tree[] }
  | { readonly kind: 'any'; readonly parts: readonly Tree[] }
  | { readonly kind: 'repeat'; readonly part: Tree; readonly least: number; readonly most: number }

const range = (...pairs: readonly string[]): Uint8Array => {
  const set = new Uint8Array(256)
  for (const [first, last] of pairs) set.fill(1, first.charCodeAt(0), last.charCodeAt(0) + 1)
  return set
}

const CLASSES: Readonly<Record<string, Uint8Array>> = {
  alnum: range('09', 'AZ', 'az'),
  alpha: range('AZ', 'az'),
  blank: range('  ', '\t\t'),
  cntrl: range('\0\x1f', '\x7f\x7f'),
  digit: range('09'),
  graph: range('!~'),
  lower: range('az'),
  print: range(' ~'),
  punct: range('!/', ':@', '[`', '{~'),
  space: range('  ', '\t\r'),
  upper: range('AZ'),
  word: range('09', 'AZ', 'az', '__'),
  xdigit: range('09', 'AF', 'af'),
}

const not = (set: Uint8Array): Uint8Array => set.map((member) => 1 - member)

/** Of letters after a backslash. */
const ESCAPES: Readonly<Record<string, Uint8Array>> = {
  d: CLASSES.digit,
  D: not(CLASSES.digit),
  w: CLASSES.word,
  W: not(CLASSES.word),
  s: CLASSES.space,
  S: not(CLASSES.space),
  t: range('\t\t'),
  n: range('\n\n'),
  r: range('\r\r'),
}
const EDGES: Readonly<Record<string, Edge>> = { b: 'word', B: 'inside', '<': 'word', '>': 'word' }

const ANY = new Uint8Array(256).fill(1)
const NOTHING: Tree = { kind: 'all', parts: [] }

/** What is wrong with an expression, for a person. */
class Wrong extends Error {}

class RegexParser {
  readonly #text: string
  readonly #anyCase: boolean
  #at = 0
  #depth = 0

  constructor(text: string, anyCase: boolean) {
    this.#text = text
    this.#anyCase = anyCase
  }

  whole(): Tree {
    const tree = this.#alternatives()
    if (this.#at < this.#text.length) throw new Wrong('holds a ")" without its "("')
    return tree
  }

  #alternatives(): Tree {
    const parts = [this.#sequence()]
    while (this.#text[this.#at] === '|') {
      this.#at++
      parts.push(this.#sequence())
    }
    return parts.length === 1 ? parts[0] : { kind: 'any', parts }
  }

  #sequence(): Tree {
    const parts: Tree[] = []
    for (;;) {
      const next = this.#text[this.#at]
      if (next === undefined || next === '|' || next === ')') break
      parts.push(this.#repeated(this.#one(next)))
    }
    return parts.length === 1 ? parts[0] : { kind: 'all', parts }
  }

  #one(next: string): Tree {
    this.#at++
    switch (next) {
      case '(':
        return this.#group()
      case '[':
        return { kind: 'set', set: this.#bracket() }
      case '.':
        return { kind: 'set', set: ANY }
      case '^':
        return { kind: 'edge', edge: 'begin' }
      case '$':
        return { kind: 'edge', edge: 'end' }
      case '*':
      case '+':
      case '?':
        throw new Wrong(`holds a "${next}" with nothing before it`)
      case '\\':
        return this.#escape()
      default:
        return { kind: 'set', set: this.#character(next) }
    }
  }

  #group(): Tree {
    if (this.#text[this.#at] === '?') {
      if (this.#text[this.#at + 1] !== ':') throw new Wrong('holds a "(?", which is not known')
      this.#at += 2
    }
    // A parser that calls itself: deep nesting is a mistake, or an attack.
    if (++this.#depth > 50) throw new Wrong('is nested too deeply')
    const tree = this.#alternatives()
    this.#depth--
    if (this.#text[this.#at] !== ')') throw new Wrong('holds a "(" without its ")"')
    this.#at++
    return tree
  }

  #escape(): Tree {
    const next = this.#text[this.#at++]
    if (next === undefined) throw new Wrong('ends in a backslash')
    if (next in EDGES) return { kind: 'edge', edge: EDGES[next] }
    if (next in ESCAPES) return { kind: 'set', set: ESCAPES[next] }
    if (/[A-Za-z0-9]/.test(next)) throw new Wrong(`holds a "\\${next}", which is not known`)
    return { kind: 'set', set: this.#character(next) }
  }

  #character(character: string): Uint8Array {
    const set = new Uint8Array(256)
    const code = character.charCodeAt(0)
    // URLs are bytes; what is more is never in one.
    if (code < 256) set[code] = 1
    return this.#folded(set)
  }

  /** A bracket expression behind its "[". A backslash escapes, as authors mean it (POSIX has it for itself). */
  #bracket(): Uint8Array {
    const set = new Uint8Array(256)
    const negated = this.#text[this.#at] === '^'
    if (negated) this.#at++
    for (let first = true;; first = false) {
      const next = this.#text[this.#at++]
      if (next === undefined) throw new Wrong('holds a "[" without its "]"')
      if (next === ']' && !first) break
      if (next === '[' && this.#text[this.#at] === ':') {
        const end = this.#text.indexOf(':]', this.#at)
        const name = end < 0 ? '' : this.#text.slice(this.#at + 1, end)
        if (!(name in CLASSES)) throw new Wrong('holds a class of characters that is not known')
        add(set, CLASSES[name])
        this.#at = end + 2
        continue
      }
      const escape = next === '\\' ? this.#text[this.#at++] ?? '\\' : ''
      if (escape in ESCAPES) {
        add(set, ESCAPES[escape])
        continue
      }
      const low = (escape || next).charCodeAt(0)
      let high = low
      if (this.#text[this.#at] === '-' && this.#text[this.#at + 1] !== ']' && this.#at + 1 < this.#text.length) {
        this.#at++
        const last = this.#text[this.#at++]
        high = (last === '\\' ? this.#text[this.#at++] ?? last : last).charCodeAt(0)
        if (high < low) throw new Wrong('holds a range that ends before it begins')
      }
      for (let code = low; code <= high && code < 256; code++) set[code] = 1
    }
    const folded = this.#folded(set)
    return negated ? not(folded) : folded
  }

  #folded(set: Uint8Array): Uint8Array {
    if (!this.#anyCase) return set
    for (let code = 0x41; code <= 0x5a; code++) set[code] = set[code + 0x20] = set[code] | set[code + 0x20]
    return set
  }

  #repeated(part: Tree): Tree {
    let tree = part
    for (;;) {
      const counted = /^\{([0-9]+)?(,)?([0-9]+)?\}/.exec(this.#text.slice(this.#at, this.#at + 12))
      const next = this.#text[this.#at]
      let least = 0
      let most = Infinity
      if (counted !== null && (counted[1] ?? counted[3]) !== undefined) {
        least = Number(counted[1] ?? 0)
        most = counted[2] === undefined ? least : counted[3] === undefined ? Infinity : Number(counted[3])
        if (most < least) throw new Wrong('repeats at most less than at least')
        this.#at += counted[0].length
      } else if (next === '*' || next === '+' || next === '?') {
        if (next === '+') least = 1
        if (next === '?') most = 1
        this.#at++
      } else return tree
      // As few or as many as possible: it fits or it does not.
      if (this.#text[this.#at] === '?') this.#at++
      if (sizeOf(tree) * (most === Infinity ? least + 1 : most) > LIST_REGEX_SIZE) throw new Wrong('is too large')
      tree = most === 0 ? NOTHING : { kind: 'repeat', part: tree, least, most }
    }
  }
}

function add(set: Uint8Array, members: Uint8Array): void {
  for (let i = 0; i < 256; i++) set[i] |= members[i]
}

/** How many nodes an automaton needs for it, about. */
export function sizeOf(tree: Tree): number {
  switch (tree.kind) {
    case 'set':
    case 'edge':
      return 1
    case 'all':
    case 'any':
      return tree.parts.reduce((sum, part) => sum + sizeOf(part) + 1, 1)
    case 'repeat':
      return sizeOf(tree.part) * (tree.most === Infinity ? tree.least + 1 : tree.most) + 2
  }
}

/** `anyCase`: ASCII letters of either case. Gives a string for what is wrong, for a person. */
export function parsePosixRegex(text: string, anyCase: boolean): Tree | string {
  try {
    const tree = new RegexParser(text, anyCase).whole()
    return sizeOf(tree) > LIST_REGEX_SIZE ? 'is too large' : tree
  } catch (error) {
    if (error instanceof Wrong) return error.message
    throw error
  }
}
