/** squidGuard's `expressions`: a regular expression a line, tried on `host/path?query` without regard to case. */

import { LIST_EXPRESSION_TEXT } from '../limits.ts'
import { Automaton } from './automaton.ts'
import { type ListPart, textOf } from './list_part.ts'
import { parsePosixRegex } from './posix_regex.ts'
import type { Subject } from './subject.ts'

export class ExpressionPart implements ListPart {
  readonly byAddress = false
  readonly #automaton = new Automaton()
  /** By the number of the expression. */
  readonly #texts: string[] = []
  readonly #categories: number[] = []
  entry = ''

  count(bytes: Uint8Array, start: number, end: number, category: number): string {
    const text = textOf(bytes, start, end)
    const tree = parsePosixRegex(text, true)
    if (typeof tree === 'string') return tree
    this.#automaton.add(tree)
    this.#texts.push(text)
    this.#categories.push(category)
    return ''
  }

  turn(): void {}

  put(): void {}

  find({ host, path, query }: Subject): number {
    if (this.#automaton.count === 0) return -1
    const whole = query === '' ? `${host}${path}` : `${host}${path}?${query}`
    const found = this.#automaton.find(
      whole.length > LIST_EXPRESSION_TEXT ? whole.slice(0, LIST_EXPRESSION_TEXT) : whole,
    )
    if (found < 0) return -1
    this.entry = this.#texts[found]
    return this.#categories[found]
  }

  get entries(): number {
    return this.#automaton.count
  }

  get memory(): number {
    return this.#automaton.memory
  }

  release(): void {
    this.#automaton.clear()
  }
}
