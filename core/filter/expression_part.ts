/** squidGuard's `expressions`: a regular expression a line, tried on `host/path?query` without regard to case. */

import { LIST_EXPRESSION_TEXT } from '../limits.ts'
import { type ListPart, textOf } from './list_part.ts'
import { parsePosixRegex } from './posix_regex.ts'
import type { Subject } from './subject.ts'

export class ExpressionPart implements ListPart {
  readonly byAddress = false
  readonly #all: { readonly regex: RegExp; readonly text: string; readonly category: number }[] = []
  #memory = 0
  entry = ''

  count(bytes: Uint8Array, start: number, end: number, category: number): string {
    const text = textOf(bytes, start, end)
    const regex = parsePosixRegex(text)
    if (typeof regex === 'string') return regex
    this.#all.push({ regex, text, category })
    // Compiled, they are somewhat larger than written.
    this.#memory += 10 * text.length
    return ''
  }

  turn(): void {}

  put(): void {}

  find({ host, path, query }: Subject): number {
    if (this.#all.length === 0) return -1
    const whole = query === '' ? `${host}${path}` : `${host}${path}?${query}`
    const text = whole.length > LIST_EXPRESSION_TEXT ? whole.slice(0, LIST_EXPRESSION_TEXT) : whole
    for (const { regex, text: entry, category } of this.#all) {
      if (!regex.test(text)) continue
      this.entry = entry
      return category
    }
    return -1
  }

  get entries(): number {
    return this.#all.length
  }

  get memory(): number {
    return this.#memory
  }

  release(): void {
    this.#all.length = 0
  }
}
