/** A line that one may leave from anywhere, at no cost that grows with its length. */

/** A place in a line, of one who may stand in it. */
export class Place<T> {
  readonly of: T
  /** Not for others to touch. */
  line: Line<T> | null = null
  before: Place<T> | null = null
  after: Place<T> | null = null

  constructor(of: T) {
    this.of = of
  }
}

export class Line<T> {
  size = 0
  #first: Place<T> | null = null
  #last: Place<T> | null = null

  get first(): T | null {
    return this.#first === null ? null : this.#first.of
  }

  /** At the end. The place must stand in no line. */
  append(place: Place<T>): void {
    place.line = this
    place.before = this.#last
    if (this.#last === null) this.#first = place
    else this.#last.after = place
    this.#last = place
    this.size++
  }

  /** Before all others. */
  prepend(place: Place<T>): void {
    place.line = this
    place.after = this.#first
    if (this.#first === null) this.#last = place
    else this.#first.before = place
    this.#first = place
    this.size++
  }

  /** A place that stands elsewhere, or nowhere, is left alone. */
  remove(place: Place<T>): void {
    if (place.line !== this) return
    const { before, after } = place
    if (before === null) this.#first = after
    else before.after = after
    if (after === null) this.#last = before
    else after.before = before
    place.line = place.before = place.after = null
    this.size--
  }
}
