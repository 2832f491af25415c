/** A machine of which only what a log uses is there: files that stall, fill up, and can be renamed while open. */

import { latin1 } from '../../core/bytes/ascii.ts'
import type { Appender, Runtime, SystemFailureCode } from '../../core/runtime.ts'
import { SystemFailure } from '../../core/runtime.ts'

/** How writes fail: the first `taken` bytes get through. `bug`: with an error that no adapter should throw. */
export interface WriteFailure {
  readonly code: SystemFailureCode | 'bug'
  readonly taken: number
  readonly how?: 'rejects' | 'throws'
  /** Only writes to this file fail. */
  readonly path?: string
}

class File {
  path: string
  text = ''

  constructor(path: string) {
    this.path = path
  }
}

export class LogMachine {
  /** What was handed to the machine, as it was lent: not copied. */
  readonly writes: Uint8Array[] = []
  /** The most writes that were under way at once. */
  most = 0
  opened = 0
  readonly closed: string[] = []
  fail: WriteFailure | null = null
  /** Opening fails with this. */
  refuse: SystemFailureCode | null = null
  /** Milliseconds since 1970-01-01 UTC. */
  date = 1_795_540_555_046
  readonly runtime: Runtime
  readonly #files = new Map<string, File>()
  readonly #rings = new Set<{ at: number; ring: () => void }>()
  #now = 0
  #under = 0
  #held: (() => void)[] | null = null

  constructor() {
    const output = this.#appender(this.#file('stdout'))
    const errors = this.#appender(this.#file('stderr'))
    this.runtime = {
      name: 'memory',
      engine: 'portable',
      engines: {},
      clock: {
        now: () => this.#now,
        date: () => this.date,
        after: (ms: number, ring: () => void) => {
          const entry = { at: this.#now + ms, ring }
          this.#rings.add(entry)
          return () => this.#rings.delete(entry)
        },
      },
      files: { append: (path: string) => this.#open(path) },
      output,
      errors,
    } as unknown as Runtime
  }

  text(path: string): string {
    return this.#files.get(path)?.text ?? ''
  }

  rename(from: string, to: string): void {
    const file = this.#file(from)
    file.path = to
    this.#files.delete(from)
    this.#files.set(to, file)
  }

  /** Writes begin and do not end until {@link release}. */
  hold(): void {
    this.#held ??= []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = null
    for (const go of held) go()
  }

  /** Let everything run that can without time passing. */
  async turns(): Promise<void> {
    for (let i = 0; i < 50; i++) await null
  }

  /** Until no write is under way, and none begins. */
  async idle(): Promise<void> {
    do await this.turns()
    while (this.#under > 0)
  }

  pass(ms: number): void {
    this.#now += ms
    for (const entry of this.#rings) if (entry.at <= this.#now) entry.ring()
  }

  #file(path: string): File {
    let file = this.#files.get(path)
    if (file === undefined) this.#files.set(path, file = new File(path))
    return file
  }

  async #open(path: string): Promise<Appender> {
    await null
    if (this.refuse !== null) throw new SystemFailure(this.refuse, '')
    this.opened += 1
    return this.#appender(this.#file(path))
  }

  #appender(file: File): Appender {
    return {
      write: (bytes) => {
        if (this.fail?.how === 'throws') throw new SystemFailure(this.fail.code as SystemFailureCode, '')
        return this.#write(file, bytes)
      },
      close: () => {
        this.closed.push(file.path)
        return Promise.resolve()
      },
    }
  }

  async #write(file: File, bytes: Uint8Array): Promise<void> {
    this.writes.push(bytes)
    this.#under += 1
    this.most = Math.max(this.most, this.#under)
    const held = this.#held
    if (held !== null) await new Promise<void>((go) => held.push(go))
    else await null
    this.#under -= 1
    const fail = this.fail?.path === undefined || this.fail.path === file.path ? this.fail : null
    file.text += latin1(bytes, 0, fail === null ? bytes.length : Math.min(fail.taken, bytes.length))
    if (fail !== null) throw fail.code === 'bug' ? new Error('bug') : new SystemFailure(fail.code, '')
  }
}
