/**
 * A list out of the lines of its files. They are read twice: the first time says how much room each entry takes, and what is
 * wrong; the second time puts them there.
 */

import { LIST_LINE_SIZE, LIST_PROBLEMS } from '../limits.ts'
import { AdblockPart } from './adblock_part.ts'
import { DomainPart, HostsPart } from './domain_part.ts'
import { ExpressionPart } from './expression_part.ts'
import { Lines } from './list_lines.ts'
import { type ListPart, textOf } from './list_part.ts'
import type { List } from './lists.ts'
import { NetworkPart } from './network_part.ts'
import type { Subject } from './subject.ts'
import { UrlPart } from './url_part.ts'

export type ListFileKind = 'domains' | 'hosts' | 'urls' | 'expressions' | 'adblock' | 'cidr'

export interface ListFile {
  readonly path: string
  readonly kind: ListFileKind
  /** Lines with `+` or `-` in front, that change the next file of this kind and category. */
  readonly diff: boolean
  /** Its number among the categories. */
  readonly category: number
  /** Bytes. */
  readonly size: number
}

const HASH = 0x23
const PLUS = 0x2b
const MINUS = 0x2d
const EXCLAMATION = 0x21

const encoder = new TextEncoder()

function makePart(kind: ListFileKind, expected: number, numbered: boolean): ListPart {
  switch (kind) {
    case 'domains':
      return new DomainPart(expected, numbered)
    case 'hosts':
      return new HostsPart(expected, numbered)
    case 'urls':
      return new UrlPart(expected, numbered)
    case 'expressions':
      return new ExpressionPart()
    case 'adblock':
      return new AdblockPart(expected)
    case 'cidr':
      return new NetworkPart(expected, numbered)
  }
}

/** A list that gives its memory back. */
export interface MadeList extends List {
  readonly entries: number
  /** Bytes of memory, about. */
  readonly memory: number
  release(): void
}

export class ListMaker {
  readonly #name: string
  readonly #categories: readonly string[]
  readonly #parts = new Map<ListFileKind, ListPart>()
  readonly #problems: string[] = []
  #wrong = 0
  readonly #lines: Lines
  #second = false
  #file: ListFile | null = null
  #part: ListPart | null = null
  /** Of the diff that was read last. */
  #added = new Map<string, number>()
  #removed = new Map<string, number>()

  /** `categories`: their names; empty: what is found is said by its entry. */
  constructor(name: string, files: readonly ListFile[], categories: readonly string[]) {
    this.#name = name
    this.#categories = categories
    const sizes = new Map<ListFileKind, number>()
    for (const { kind, size } of files) sizes.set(kind, (sizes.get(kind) ?? 0) + size)
    for (const [kind, size] of sizes) this.#parts.set(kind, makePart(kind, size, categories.length > 1))
    this.#lines = new Lines(
      (bytes, start, end, number) => this.#line(bytes, start, end, number),
      (number) => this.#report(number, `is longer than ${LIST_LINE_SIZE} bytes`),
    )
  }

  /** A diff comes before the file that it changes. */
  begin(file: ListFile): void {
    const last = this.#file
    if (last === null || !last.diff || last.kind !== file.kind || last.category !== file.category) {
      this.#added = new Map()
      this.#removed = new Map()
    }
    this.#file = file
    this.#part = this.#parts.get(file.kind)!
  }

  /** @throws NoText; Uncounted when the second pass brings other lines than the first. */
  piece(bytes: Uint8Array): void {
    this.#lines.piece(bytes)
  }

  end(): void {
    this.#lines.end()
    if (!this.#file!.diff) return
    for (const [text, number] of this.#added) {
      const bytes = encoder.encode(text)
      this.#take(bytes, 0, bytes.length, number)
    }
  }

  /** The first pass is over. */
  turn(): void {
    this.#second = true
    for (const part of this.#parts.values()) part.turn()
  }

  /** The second pass is over. */
  make(): MadeList {
    return new PartedList(this.#name, [...this.#parts.values()], this.#categories)
  }

  /** It comes to nothing: its memory is free. */
  release(): void {
    for (const part of this.#parts.values()) part.release()
  }

  /** What is wrong, `path:line: words`: the first of them, and how many more there are. */
  problems(): string[] {
    const skipped: string[] = []
    for (const part of this.#parts.values()) if (part instanceof AdblockPart) skipped.push(...part.skipped())
    const more = this.#wrong - this.#problems.length
    return [...this.#problems, ...more > 0 ? [`and ${more} more lines that were skipped`] : [], ...skipped]
  }

  #line(bytes: Uint8Array, start: number, end: number, number: number): void {
    const { kind, diff } = this.#file!
    if (bytes[start] === (kind === 'adblock' ? EXCLAMATION : HASH)) return
    if (diff) {
      const text = textOf(bytes, start + 1, end)
      if (bytes[start] === PLUS) change(text, number, this.#added, this.#removed)
      else if (bytes[start] === MINUS) change(text, number, this.#removed, this.#added)
      else if (!this.#second) this.#report(number, 'begins with neither + nor -')
      return
    }
    if (this.#removed.size > 0 && this.#removed.has(textOf(bytes, start, end).toLowerCase())) return
    this.#take(bytes, start, end, number)
  }

  #take(bytes: Uint8Array, start: number, end: number, number: number): void {
    const { category } = this.#file!
    if (this.#second) {
      this.#part!.put(bytes, start, end, category)
      return
    }
    const wrong = this.#part!.count(bytes, start, end, category)
    if (wrong !== '') this.#report(number, wrong)
  }

  #report(number: number, words: string): void {
    if (this.#second) return
    this.#wrong++
    if (this.#problems.length < LIST_PROBLEMS) this.#problems.push(`${this.#file!.path}:${number}: ${words}`)
  }
}

/** The last line about an entry is the one that counts. */
function change(text: string, number: number, into: Map<string, number>, outOf: Map<string, number>): void {
  const entry = text.toLowerCase()
  into.set(entry, number)
  outOf.delete(entry)
}

class PartedList implements MadeList {
  readonly name: string
  readonly byAddress: boolean
  readonly #parts: readonly ListPart[]
  readonly #categories: readonly string[]

  constructor(name: string, parts: readonly ListPart[], categories: readonly string[]) {
    this.name = name
    this.#parts = parts
    this.#categories = categories
    this.byAddress = parts.some((part) => part.byAddress)
  }

  get byCategory(): boolean {
    return this.#categories.length > 0
  }

  matches(subject: Subject): string | null {
    for (let i = 0; i < this.#parts.length; i++) {
      const found = this.#parts[i].find(subject)
      if (found >= 0) return this.#categories.length > 0 ? this.#categories[found] : this.#parts[i].entry
    }
    return null
  }

  get entries(): number {
    return this.#parts.reduce((sum, part) => sum + part.entries, 0)
  }

  get memory(): number {
    return this.#parts.reduce((sum, part) => sum + part.memory, 0)
  }

  release(): void {
    for (const part of this.#parts) part.release()
  }
}
