/**
 * Many regular expressions tried on a text at once, in one walk over it: no expression and no text make it slow.
 *
 * A nondeterministic automaton (Thompson 1968), from which the states of a deterministic one are made as they are needed and
 * kept. A state is the nodes that wait for the next character; edges (`^`, `\b`, `$`) are decided when that is known.
 */

import { AUTOMATON_STATES } from '../limits.ts'
import type { Edge, Tree } from './posix_regex.ts'

type Node =
  | { readonly kind: 'set'; readonly set: Uint8Array; next: number }
  | { readonly kind: 'edge'; readonly edge: Edge; next: number }
  | { readonly kind: 'fork'; next: number; other: number }
  | { readonly kind: 'found'; readonly number: number }

/** In the place of a character: the end of the text. */
const END = 256
/** What is before the next character. */
const START = 0
const PLAIN = 1
const WORD = 2

const LETTER = new Uint8Array(257)
for (const character of '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz') {
  LETTER[character.charCodeAt(0)] = 1
}

const NOT_YET = -1
/** A step to this and below: the expression of number `FOUND - step` fits. */
const FOUND = -2

interface State {
  readonly nodes: readonly number[]
  readonly before: number
  /** By character: the next state, NOT_YET, or FOUND and below. */
  readonly steps: Int32Array
}

export class Automaton {
  readonly #nodes: Node[] = []
  readonly #starts: number[] = []
  /** States made so far, and by what they are made of. */
  #states: State[] = []
  #byKey = new Map<string, number>()
  /** What begins with a character, by that and what is before it: found once. */
  readonly #begun = new Map<number, readonly number[]>()
  /** Marks of nodes that a walk has come by. */
  #seen = new Uint32Array(0)
  #walk = 0

  /** How many expressions there are. */
  get count(): number {
    return this.#starts.length
  }

  /** Bytes, about. */
  get memory(): number {
    return this.#nodes.length * 100 + this.#states.length * 1200
  }

  add(tree: Tree): void {
    const number = this.#starts.length
    this.#starts.push(this.#build(tree, this.#nodes.push({ kind: 'found', number }) - 1))
    this.#forget()
    this.#begun.clear()
  }

  /** The number of an expression that fits somewhere in the text, one character a byte; -1: none does. */
  find(text: string): number {
    if (this.#starts.length === 0) return -1
    let state = this.#stateOf([], START)
    for (let i = 0; i <= text.length; i++) {
      const code = i === text.length ? END : text.charCodeAt(i) & 0xff
      let step = this.#states[state].steps[code]
      if (step === NOT_YET) step = this.#step(state, code)
      if (step <= FOUND) return FOUND - step
      state = step
    }
    return -1
  }

  clear(): void {
    this.#nodes.length = 0
    this.#starts.length = 0
    this.#begun.clear()
    this.#forget()
  }

  /** Adds the nodes of a tree that lead to `next`; gives where they begin. */
  #build(tree: Tree, next: number): number {
    switch (tree.kind) {
      case 'set':
        return this.#nodes.push({ kind: 'set', set: tree.set, next }) - 1
      case 'edge':
        return this.#nodes.push({ kind: 'edge', edge: tree.edge, next }) - 1
      case 'all':
        return tree.parts.reduceRight((following, part) => this.#build(part, following), next)
      case 'any':
        return tree.parts.map((part) => this.#build(part, next))
          .reduceRight((other, begin) => this.#nodes.push({ kind: 'fork', next: begin, other }) - 1)
      case 'repeat': {
        let begin = next
        if (tree.most === Infinity) {
          const fork = { kind: 'fork' as const, next: 0, other: next }
          begin = this.#nodes.push(fork) - 1
          fork.next = this.#build(tree.part, begin)
        } else {
          for (let i = tree.least; i < tree.most; i++) {
            begin = this.#nodes.push({ kind: 'fork', next: this.#build(tree.part, begin), other: next }) - 1
          }
        }
        for (let i = 0; i < tree.least; i++) begin = this.#build(tree.part, begin)
        return begin
      }
    }
  }

  #stateOf(nodes: readonly number[], before: number): number {
    const key = `${before} ${nodes.join(' ')}`
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    // A text made for it could go on for ever: what is known is forgotten then, and found anew.
    if (this.#states.length === AUTOMATON_STATES) this.#forget()
    const number = this.#states.push({ nodes, before, steps: new Int32Array(257).fill(NOT_YET) }) - 1
    this.#byKey.set(key, number)
    return number
  }

  #forget(): void {
    this.#states = []
    this.#byKey = new Map()
  }

  #step(number: number, code: number): number {
    const { nodes, before, steps } = this.#states[number]
    let begun = this.#begun.get(before * 512 + code)
    if (begun === undefined) this.#begun.set(before * 512 + code, begun = this.#follow(this.#starts, before, code))
    const followed = this.#follow(nodes, before, code)
    const after = code === END ? PLAIN : LETTER[code] === 1 ? WORD : PLAIN
    const found = Math.min(foundIn(begun), foundIn(followed))
    const next = found !== Infinity
      ? FOUND - found
      : this.#stateOf([...new Set([...begun, ...followed])].sort((a, b) => a - b), after)
    // Where all was forgotten for the sake of the next, this one is not asked again.
    steps[code] = next
    return next
  }

  /** Where the character leads from these nodes; or, where an expression fits before it, `-1 - number` in front. */
  #follow(from: readonly number[], before: number, code: number): number[] {
    if (this.#seen.length < this.#nodes.length) this.#seen = new Uint32Array(this.#nodes.length)
    this.#walk++
    const reached: number[] = []
    let found = Infinity
    const waiting = [...from]
    while (waiting.length > 0) {
      const number = waiting.pop()!
      if (this.#seen[number] === this.#walk) continue
      this.#seen[number] = this.#walk
      const node = this.#nodes[number]
      switch (node.kind) {
        case 'set':
          if (code !== END && node.set[code] === 1) reached.push(node.next)
          break
        case 'edge':
          if (isEdge(node.edge, before, code)) waiting.push(node.next)
          break
        case 'fork':
          waiting.push(node.other, node.next)
          break
        case 'found':
          found = Math.min(found, node.number)
          break
      }
    }
    if (found !== Infinity) reached.unshift(-1 - found)
    return reached
  }
}

function foundIn(nodes: readonly number[]): number {
  return nodes.length > 0 && nodes[0] < 0 ? -1 - nodes[0] : Infinity
}

function isEdge(edge: Edge, before: number, code: number): boolean {
  const changes = (before === WORD) !== (LETTER[code] === 1)
  switch (edge) {
    case 'begin':
      return before === START
    case 'end':
      return code === END
    case 'word':
      return changes
    case 'inside':
      return !changes
  }
}
