/** squidGuard's `urls`: the beginning of a URL a line. */

import { LIST_URL_SIZE } from '../limits.ts'
import { type ListPart, quoted, textOf, wordEnd, wordStart } from './list_part.ts'
import type { Subject } from './subject.ts'
import { parseUrlEntry, UrlPlan, type UrlSet } from './url_set.ts'

const HASH = 0x23

function parse(bytes: Uint8Array, start: number, end: number): ReturnType<typeof parseUrlEntry> {
  const to = wordEnd(bytes, start, end)
  const more = wordStart(bytes, to, end)
  return more < end && bytes[more] !== HASH ? null : parseUrlEntry(textOf(bytes, start, to))
}

export class UrlPart implements ListPart {
  readonly byAddress = false
  #plan: UrlPlan | null
  #set: UrlSet | null = null

  constructor(expected: number, numbered: boolean) {
    this.#plan = new UrlPlan(expected, numbered)
  }

  count(bytes: Uint8Array, start: number, end: number): string {
    const entry = parse(bytes, start, end)
    if (entry === null) return `${quoted(bytes, start, end)} is no host and path`
    return this.#plan!.add(entry.host, entry.path, entry.query) ? '' : `is longer than ${LIST_URL_SIZE} bytes`
  }

  turn(): void {
    this.#set = this.#plan!.make()
    this.#plan = null
  }

  put(bytes: Uint8Array, start: number, end: number, category: number): void {
    const entry = parse(bytes, start, end)
    if (entry !== null) this.#set!.add(entry.host, entry.path, entry.query, category)
  }

  find(subject: Subject): number {
    return this.#set!.find(subject.host, subject.path, subject.query)
  }

  get entry(): string {
    return this.#set!.entry
  }

  get entries(): number {
    return this.#set?.count ?? 0
  }

  get memory(): number {
    return this.#set?.memory ?? 0
  }

  release(): void {
    this.#set?.release()
  }
}
