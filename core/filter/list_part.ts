/** What the lines of one kind of file are made into. They come twice: to be counted, then to be put where they belong. */

import { isBlank } from './list_lines.ts'
import type { Subject } from './subject.ts'

export interface ListPart {
  /** First pass: a line, without blanks around it. Gives what is wrong with it, for a person; empty: nothing. */
  count(bytes: Uint8Array, start: number, end: number, category: number): string
  /** From the first pass to the second. */
  turn(): void
  /** Second pass: the same lines. @throws Uncounted when they are others. */
  put(bytes: Uint8Array, start: number, end: number, category: number): void
  /** The category that the request is found in; -1: in none. */
  find(subject: Subject): number
  /** The entry that was found last. */
  readonly entry: string
  readonly entries: number
  /** Bytes of memory, about. */
  readonly memory: number
  /** What is found may depend on the addresses of the destination. */
  readonly byAddress: boolean
  /** Nothing is found any more, and the memory is free. */
  release(): void
}

const decoder = new TextDecoder()

/** Where the word at `start` ends: at a blank, or at `end`. */
export function wordEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && !isBlank(bytes[at])) at++
  return at
}

/** Where the next word begins, or `end`. */
export function wordStart(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && isBlank(bytes[at])) at++
  return at
}

/** UTF-8 as text. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end))
}

/** For a report: the beginning, in quotes. */
export function quoted(bytes: Uint8Array, start: number, end: number): string {
  return JSON.stringify(textOf(bytes, start, Math.min(end, start + 80)))
}
