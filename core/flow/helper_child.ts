/** One child process of a helper: questions go in, answers come out, what it complains of is logged. */

import { ByteWriter } from '../bytes/writer.ts'
import type { Decision } from '../filter/decision.ts'
import type { Again, Answer, Dialect, Question } from '../filter/dialect.ts'
import { Nonsense } from '../filter/dialect.ts'
import { LF } from '../bytes/ascii.ts'
import { BUFFER_SIZE, HELPER_COMPLAINT_SIZE, HELPER_GRACE, HELPER_STRAYS } from '../limits.ts'
import { type Child, type Clock, SystemFailure } from '../runtime.ts'
import { Place } from './line.ts'

/** A question on its way to an answer. */
export class Asked<Q extends Question, A extends Answer> {
  readonly question: Q
  readonly since: number
  readonly deadline: number
  /** Who waits; `null`: nobody does. */
  readonly resolve: ((decision: Decision) => void) | null
  /** Nothing has been decided about it. */
  open = true
  /** How often a child was asked, and how many of those could have died of it. */
  asks = 0
  deaths = 0
  /** The child that has it, or had when its time was over; and since when. */
  child: HelperChild<Q, A> | null = null
  at = 0
  /** Among all that are open, by age; and among those that wait for a child. */
  readonly age: Place<Asked<Q, A>> = new Place<Asked<Q, A>>(this)
  readonly turn: Place<Asked<Q, A>> = new Place<Asked<Q, A>>(this)

  constructor(question: Q, since: number, deadline: number, resolve: ((decision: Decision) => void) | null) {
    this.question = question
    this.since = since
    this.deadline = deadline
    this.resolve = resolve
  }
}

/** Who has the children. */
export interface Keeper<Q extends Question, A extends Answer> {
  /** What an answer means; the question may have been given up. */
  answered(child: HelperChild<Q, A>, asked: Asked<Q, A>, outcome: Decision | Again): void
  /** It has read what was there: it may have room for more. */
  rested(child: HelperChild<Q, A>): void
  /** It answers no more, and is being got rid of; what it was asked is at {@link HelperChild.asked}. */
  lost(child: HelperChild<Q, A>): void
  /** The process is gone. */
  gone(child: HelperChild<Q, A>, code: number): void
  /** Whether what it writes to its stderr is looked at just now. */
  readonly listening: boolean
  /** A line of its stderr, without its end; lent. */
  complained(line: Uint8Array): void
  /** An answer that nobody waits for. */
  strayed(): void
  /** Something was thrown that is a bug. */
  failed(error: unknown): void
}

export class HelperChild<Q extends Question, A extends Answer> {
  readonly process: Child
  readonly since: number
  /** By channel; with those whose time is over, for their answers may come. */
  readonly asked = new Map<number, Asked<Q, A>>()
  /** When it answered last, or got the first of what it has to answer. */
  heard: number
  answers = 0
  /** It has something whose time is over: it gets nothing more until that is answered. */
  late = 0
  /** It gets nothing more, and ends when it has answered what it has: another comes in its place. */
  leaving = false
  /** It gets nothing more for good. */
  finished = false
  /** It was told to end. */
  dismissed = false
  /** Why it was lost, and whether it was killed. */
  why = ''
  killed = false
  #lost = false
  readonly #dialect: Dialect<Q, A>
  readonly #clock: Clock
  readonly #keeper: Keeper<Q, A>
  #channel = 0
  #gathered = new ByteWriter(1024)
  #spare = new ByteWriter(1024)
  #writing = false
  #planned = false
  #exited = false
  #strays = 0
  #stop: (() => void) | null = null
  // Made once, not for each write.
  readonly #flush = (): void => this.flush()
  readonly #taken = (): void => this.#wrote()
  readonly #broke = (): void => this.#lose('it does not read any more')

  constructor(started: Child, dialect: Dialect<Q, A>, clock: Clock, keeper: Keeper<Q, A>) {
    this.process = started
    this.#dialect = dialect
    this.#clock = clock
    this.#keeper = keeper
    this.since = this.heard = clock.now()
  }

  /** Run until the process is gone. Never rejects. */
  async run(): Promise<void> {
    const reading = this.#read()
    const complaining = this.#listen()
    const code = await this.process.exited
    this.#exited = true
    // What it wrote at last is in the pipe still; but a grandchild may hold that open.
    const stop = this.#clock.after(HELPER_GRACE, () => this.#shut())
    await reading
    this.#lose('it ended')
    this.#stop?.()
    this.#keeper.gone(this, code)
    await complaining
    stop()
    this.#shut()
  }

  /** Hand it a question, which goes out at the end of this turn. */
  ask(asked: Asked<Q, A>, now: number): void {
    const channel = this.#dialect.channels ? ++this.#channel : 0
    if (this.asked.size === 0) this.heard = now
    this.asked.set(channel, asked)
    asked.child = this
    asked.at = now
    asked.asks++
    this.#dialect.write(this.#gathered, asked.question, channel)
    if (this.#planned || this.#writing) return
    this.#planned = true
    void Promise.resolve().then(this.#flush)
  }

  /** Write what was gathered. */
  flush(): void {
    this.#planned = false
    const out = this.#gathered
    if (this.#writing || out.length === 0 || this.#lost) return
    this.#gathered = this.#spare
    this.#spare = out
    let taken: Promise<void> | void
    try {
      taken = this.process.input.write(out.bytes, out.length)
    } catch {
      this.#lose('it does not read any more')
      return
    }
    if (taken === undefined) {
      this.#clear()
      return
    }
    this.#writing = true
    taken.then(this.#taken, this.#broke)
  }

  #wrote(): void {
    this.#writing = false
    this.#clear()
    this.flush()
  }

  #clear(): void {
    if (this.#spare.bytes.length > BUFFER_SIZE) this.#spare = new ByteWriter(1024)
    else this.#spare.clear()
  }

  /** It may end: it has nothing to do. It is killed where it does not. */
  dismiss(): void {
    if (this.finished) return
    this.finished = this.dismissed = true
    this.process.input.end()
    this.#hurry(['SIGTERM', 'SIGKILL'])
  }

  /** It must end: what it was asked is lost. */
  kill(why: string): void {
    if (!this.#lost) this.killed = true
    this.#lose(why)
  }

  #lose(why: string): void {
    if (this.#lost) return
    this.#lost = this.finished = true
    this.why = why
    if (!this.#exited) {
      this.process.input.close()
      this.#stop?.()
      this.process.kill('SIGTERM')
      this.#hurry(['SIGKILL'])
    }
    this.#shut()
    if (!this.dismissed) this.#keeper.lost(this)
  }

  #hurry(signals: readonly ('SIGTERM' | 'SIGKILL')[]): void {
    this.#stop = this.#clock.after(HELPER_GRACE, () => {
      this.process.kill(signals[0])
      if (signals.length > 1) this.#hurry(signals.slice(1))
    })
  }

  /** Nothing that it writes is read any more. */
  #shut(): void {
    this.process.output.close()
    this.process.errors.close()
  }

  async #read(): Promise<void> {
    const { output } = this.process
    const reader = this.#dialect.reader()
    try {
      for (let pulled = await output.next(); pulled.done !== true; pulled = await output.next()) {
        const now = this.#clock.now()
        reader.feed(pulled.value)
        for (let answer = reader.next(); answer !== null; answer = reader.next()) {
          this.#take(answer, now)
          if (this.#lost) return
        }
        if (!this.finished) this.#keeper.rested(this)
        this.flush()
      }
      // Or it has closed its output, which comes to the same.
      this.#lose('it ended')
    } catch (error) {
      if (error instanceof Nonsense) return this.kill(`it wrote nonsense: ${error.message}`)
      if (!(error instanceof SystemFailure)) this.#keeper.failed(error)
      this.#lose('its output broke')
    }
  }

  #take(answer: A, now: number): void {
    const asked = this.asked.get(answer.channel)
    if (asked === undefined) {
      if (this.asked.size === 0) throw new Nonsense('an answer that nobody asked for')
      if (++this.#strays > HELPER_STRAYS) throw new Nonsense('answers that nobody asked for')
      this.#keeper.strayed()
      return
    }
    this.#strays = 0
    this.asked.delete(answer.channel)
    this.heard = now
    this.answers++
    if (!asked.open) this.late--
    this.#keeper.answered(this, asked, this.#dialect.decide(answer, asked.question, now))
  }

  /** Its stderr, line by line: drained in any case, for a child whose pipe is full waits. */
  async #listen(): Promise<void> {
    const { errors } = this.process
    const line = new ByteWriter(256)
    try {
      for (let pulled = await errors.next(); pulled.done !== true; pulled = await errors.next()) {
        if (this.#keeper.listening) this.#complain(pulled.value, line)
        else line.clear()
      }
    } catch (error) {
      if (!(error instanceof SystemFailure)) this.#keeper.failed(error)
    }
    if (line.length > 0) this.#keeper.complained(line.view())
  }

  #complain(bytes: Uint8Array, line: ByteWriter): void {
    for (const byte of bytes) {
      if (byte !== LF) {
        if (line.length < HELPER_COMPLAINT_SIZE) line.byte(byte)
      } else if (line.length > 0) {
        this.#keeper.complained(line.view())
        line.clear()
      }
    }
  }
}
