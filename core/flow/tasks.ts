/** Coroutines that run beside each other: none is left behind, and none ends the process. */

export class Tasks {
  readonly #failed: (error: unknown) => void
  #running = 0
  #idle: (() => void)[] = []

  /** `failed` is told of what a coroutine threw, which is a bug: a failure is a way to finish. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
  }

  get running(): number {
    return this.#running
  }

  /** Drive a coroutine to its end, handing what it yields to `each`. */
  run<T>(coroutine: AsyncIterable<T>, each: (value: T) => void): void {
    this.add(drive(coroutine, each))
  }

  /** One that is under way already. */
  add(coroutine: Promise<void>): void {
    this.#running++
    void coroutine.catch(this.#failed).then(() => {
      this.#running--
      if (this.#running > 0) return
      const waiting = this.#idle
      this.#idle = []
      for (const resolve of waiting) resolve()
    })
  }

  /** Settles when nothing runs. */
  finished(): Promise<void> {
    if (this.#running === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }
}

async function drive<T>(coroutine: AsyncIterable<T>, each: (value: T) => void): Promise<void> {
  for await (const value of coroutine) each(value)
}
