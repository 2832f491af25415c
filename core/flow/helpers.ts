/**
 * A pool of helper programs: as many children as the demand asks for, each with as many questions as it may have at once.
 *
 * A question waits for a child, then for its answer, and never longer than its time: then there is the stated answer
 * (`on_error`). A child that is late, dies or writes nonsense is replaced; what it was asked is asked of another.
 */

import type { HelperSettings } from '../config/settings.ts'
import { latin1 } from '../bytes/ascii.ts'
import { answerWords } from '../filter/answer_lines.ts'
import type { Decision } from '../filter/decision.ts'
import type { Again, Answer, Dialect, Question } from '../filter/dialect.ts'
import type { Subject } from '../filter/subject.ts'
import { unable } from '../filter/unable.ts'
import {
  HELPER_ASKS,
  HELPER_BACKOFF,
  HELPER_BACKOFF_MAX,
  HELPER_COMPLAINTS,
  HELPER_COMPLAINTS_TIME,
  HELPER_DEATHS,
  HELPER_GROWTH,
  HELPER_PATIENCE,
  HELPER_SHRINK,
  HELPER_WORTH,
  HELPER_YOUNG,
} from '../limits.ts'
import type { Child, Clock, Runtime } from '../runtime.ts'
import type { Classifier } from './classifier.ts'
import { Asked, HelperChild, type Keeper } from './helper_child.ts'
import { Line } from './line.ts'
import { Seldom } from './seldom.ts'
import { Tasks } from './tasks.ts'

/** Where a pool tells of its children. */
export interface HelperLog {
  info(message: string, facts: Record<string, unknown>): void
  warning(message: string, facts: Record<string, unknown>): void
  error(message: string, facts: Record<string, unknown>): void
}

/** What there is now, in the first four; and what has happened so far. */
export interface HelperStatistics {
  readonly children: number
  /** Those that have a question. */
  readonly busy: number
  /** Questions that wait for a child, and those that a child has. */
  readonly waiting: number
  readonly asked: number
  readonly questions: number
  /** Decisions that a child has made. */
  readonly answers: number
  /** From the question to the decision that a child has made, milliseconds in all. */
  readonly answer_time: number
  /** Questions given the stated answer: their time was over; the queue was full; no child could be had, or one made sense. */
  readonly timeouts: number
  readonly full: number
  readonly broken: number
  /** Questions asked once more. */
  readonly retries: number
  /** Answers that nobody waited for. */
  readonly strays: number
  /** Children started; those that ended by themselves; those that were killed. */
  readonly starts: number
  readonly deaths: number
  readonly kills: number
}

type Mutable = { -readonly [Name in keyof HelperStatistics]: number }

const NOTHING: HelperStatistics = {
  children: 0,
  busy: 0,
  waiting: 0,
  asked: 0,
  questions: 0,
  answers: 0,
  answer_time: 0,
  timeouts: 0,
  full: 0,
  broken: 0,
  retries: 0,
  strays: 0,
  starts: 0,
  deaths: 0,
  kills: 0,
}

/** How often deadlines are looked at, ms: a part of the time limit, and no more often than this. */
const SWEEPS = 16
const SHORTEST_SWEEP = 10
const LONGEST_SWEEP = 100
/** How much one answer weighs in the usual time of an answer. */
const WEIGHT = 1 / 16

export class HelperPool<Q extends Question = Question, A extends Answer = Answer> implements Classifier {
  readonly name: string
  readonly #counts: Mutable = { ...NOTHING }
  readonly #spawn: (command: readonly string[]) => Child
  readonly #clock: Clock
  readonly #settings: HelperSettings
  readonly #dialect: Dialect<Q, A>
  readonly #log: HelperLog
  readonly #keeper: Keeper<Q, A>
  /** Questions one child may have. */
  readonly #room: number
  readonly #children: HelperChild<Q, A>[] = []
  /** All that are open, the oldest first; and those that wait for a child. */
  readonly #open = new Line<Asked<Q, A>>()
  readonly #waiting = new Line<Asked<Q, A>>()
  /** Children until they are gone. */
  readonly #tasks: Tasks
  readonly #complaints: Seldom
  readonly #troubles: Seldom
  /** How long a child takes for an answer, usually. */
  #usual = 0
  /** Children that were hardly started and ended, in a row; and until when none is started therefore. */
  #failures = 0
  #startable = -Infinity
  #grown = -Infinity
  /** Questions that children have, and the most they had at once since the last look. */
  #load = 0
  #peak = 0
  /** It has been said that the program does not run. */
  #down = false
  #closed = false
  #stopSweep: (() => void) | null = null
  #stopShrinking: (() => void) | null = null

  /** Starts the children. `dialect`: its channels go with `settings.concurrency`. */
  constructor(
    runtime: Pick<Runtime, 'spawn' | 'clock'>,
    settings: HelperSettings,
    dialect: Dialect<Q, A>,
    log: HelperLog,
  ) {
    this.name = settings.name
    this.#spawn = (command) => runtime.spawn(command)
    this.#clock = runtime.clock
    this.#settings = settings
    this.#dialect = dialect
    this.#log = log
    this.#room = dialect.channels ? Math.max(1, settings.concurrency) : 1
    this.#complaints = new Seldom(runtime.clock, HELPER_COMPLAINTS, HELPER_COMPLAINTS_TIME)
    this.#troubles = new Seldom(runtime.clock, HELPER_COMPLAINTS, HELPER_COMPLAINTS_TIME)
    this.#tasks = new Tasks((error) => this.#bug(error))
    const complaints = this.#complaints
    this.#keeper = {
      answered: (child, asked, outcome) => this.#answered(child, asked, outcome),
      rested: (child) => child.leaving ? this.#leave(child, child.heard) : this.#feed(child, child.heard),
      lost: (child) => this.#lost(child),
      gone: (child, code) => this.#gone(child, code),
      get listening() {
        return !complaints.full
      },
      complained: (line) => this.#complained(line),
      strayed: () => void this.#counts.strays++,
      failed: (error) => this.#bug(error),
    }
    this.#fill(this.#clock.now())
  }

  judge(subject: Subject): Decision | Promise<Decision> {
    const now = this.#clock.now()
    const question = this.#dialect.ask(subject, now)
    if (question.kind !== 'question') return question
    this.#counts.questions++
    const { known } = question
    let child = this.#closed ? null : this.#choose(now)
    if (child === null && this.#waiting.size >= this.#settings.queue) child = this.#startMore(now)
    if (child === null) {
      const why = this.#refusal(now)
      if (why !== '') {
        this.#dialect.failed?.(question)
        return known ?? unable(this.name, this.#settings.on_error, why)
      }
    }
    const deadline = now + this.#settings.timeout
    if (known !== null) {
      this.#begin(new Asked<Q, A>(question, now, deadline, null), child, now)
      return known
    }
    return new Promise((resolve) => {
      this.#begin(new Asked<Q, A>(question, now, deadline, resolve), child, now)
    })
  }

  get statistics(): HelperStatistics {
    const counts = this.#counts
    counts.children = this.#children.length
    counts.waiting = this.#waiting.size
    counts.busy = 0
    counts.asked = 0
    for (const { asked } of this.#children) {
      counts.asked += asked.size
      if (asked.size > 0) counts.busy++
    }
    return { ...counts }
  }

  /** Other children in the place of those there are, each when it has answered what it has: they read their files anew. */
  renew(): void {
    const now = this.#clock.now()
    for (const child of [...this.#children]) {
      child.leaving = true
      this.#leave(child, now)
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#stopSweep?.()
    this.#stopShrinking?.()
    this.#stopSweep = this.#stopShrinking = null
    this.#giveUp('the filter is being stopped')
    for (const child of this.#children.splice(0)) child.dismiss()
  }

  /** Settles when all children are gone, after {@link close}: within three times HELPER_GRACE. */
  finished(): Promise<void> {
    return this.#tasks.finished()
  }

  /** Why a question cannot even wait; empty: it can. */
  #refusal(now: number): string {
    if (this.#closed) {
      this.#counts.broken++
      return 'the filter is being stopped'
    }
    if (this.#children.length === 0 && this.#isDown(now)) {
      this.#counts.broken++
      return NOT_RUNNING
    }
    if (this.#waiting.size < this.#settings.queue) return ''
    this.#counts.full++
    return 'the filter has too much to do'
  }

  #isDown(now: number): boolean {
    return this.#failures >= 2 && now < this.#startable
  }

  #begin(asked: Asked<Q, A>, child: HelperChild<Q, A> | null, now: number): void {
    this.#open.append(asked.age)
    if (child === null) {
      this.#waiting.append(asked.turn)
      this.#grow(now, 1)
    } else {
      this.#hand(asked, child, now)
    }
    this.#stopSweep ??= this.#clock.every(this.#period(), () => this.#sweep())
  }

  #hand(asked: Asked<Q, A>, child: HelperChild<Q, A>, now: number): void {
    child.ask(asked, now)
    this.#load++
    if (this.#load > this.#peak) this.#peak = this.#load
  }

  /** The child that has the least to do, of those that answer; `null`: all have enough. */
  #choose(now: number): HelperChild<Q, A> | null {
    const patience = Math.max(HELPER_PATIENCE, 4 * this.#usual)
    let best: HelperChild<Q, A> | null = null
    let least = Infinity
    for (const child of this.#children) {
      if (child.leaving) continue
      const load = child.asked.size
      if (load === 0) return child
      if (load >= this.#room || child.late > 0) continue
      const score = now - child.heard > patience ? load + this.#room : load
      if (score >= least) continue
      least = score
      best = child
    }
    return best ?? (this.#children.length === 0 ? this.#start(now) : null)
  }

  #leave(child: HelperChild<Q, A>, now: number): void {
    if (child.asked.size > 0) return
    const at = this.#children.indexOf(child)
    if (at === -1) return
    this.#children.splice(at, 1)
    child.dismiss()
    this.#fill(now)
    this.#feedAll(now)
    this.#grow(now, 1)
  }

  /** Give a child what waits, as much as it may have. */
  #feed(child: HelperChild<Q, A>, now: number): void {
    // There is no time to answer what is nearly over: who comes next would be late, too.
    const least = now + Math.min(this.#usual, this.#settings.timeout / 2)
    while (child.asked.size < this.#room && child.late === 0 && !child.finished && !child.leaving) {
      const asked = this.#waiting.first
      if (asked === null) return
      if (asked.deadline <= least) {
        this.#expire(asked)
        continue
      }
      this.#waiting.remove(asked.turn)
      this.#hand(asked, child, now)
    }
  }

  #feedAll(now: number): void {
    while (this.#waiting.size > 0 && this.#children.length > 0) {
      const child = this.#choose(now)
      if (child === null) return
      this.#feed(child, now)
    }
  }

  #answered(child: HelperChild<Q, A>, asked: Asked<Q, A>, outcome: Decision | Again): void {
    const now = child.heard
    const took = now - asked.at
    asked.child = null
    this.#load--
    this.#usual = this.#usual === 0 ? took : this.#usual + (took - this.#usual) * WEIGHT
    if (!asked.open) {
      this.#counts.strays++
      return
    }
    if (outcome.kind !== 'again') {
      this.#counts.answers++
      this.#counts.answer_time += now - asked.since
      this.#settle(asked, outcome)
      if (this.#down) this.#up()
      return
    }
    if (outcome.nonsense) {
      asked.deaths++
      child.kill(`it wrote nonsense: ${outcome.reason}`)
    }
    if (asked.deaths >= HELPER_DEATHS || asked.asks >= HELPER_ASKS) {
      this.#fail(asked, outcome.reason === '' ? 'the filter could not say' : outcome.reason)
      return
    }
    this.#again(asked)
    this.#feedAll(now)
    this.#grow(now, 1)
  }

  /** To be asked once more, before all others. */
  #again(asked: Asked<Q, A>): void {
    this.#counts.retries++
    this.#waiting.prepend(asked.turn)
  }

  #settle(asked: Asked<Q, A>, decision: Decision): void {
    asked.open = false
    this.#open.remove(asked.age)
    this.#waiting.remove(asked.turn)
    asked.resolve?.(decision)
  }

  #fail(asked: Asked<Q, A>, why: string): void {
    this.#counts.broken++
    this.#giveStated(asked, why)
  }

  #giveStated(asked: Asked<Q, A>, why: string): void {
    // Its answer may still come.
    if (asked.child !== null) asked.child.late++
    this.#settle(asked, unable(this.name, this.#settings.on_error, why))
    this.#dialect.failed?.(asked.question)
  }

  /** The time of a question is over. */
  #expire(asked: Asked<Q, A>): void {
    this.#counts.timeouts++
    this.#giveStated(asked, asked.child === null ? 'the filter had no time' : 'the filter did not answer in time')
  }

  #giveUp(why: string): void {
    for (let asked = this.#open.first; asked !== null; asked = this.#open.first) this.#fail(asked, why)
  }

  #period(): number {
    return Math.max(SHORTEST_SWEEP, Math.min(LONGEST_SWEEP, this.#settings.timeout / SWEEPS))
  }

  #sweep(): void {
    const now = this.#clock.now()
    for (let asked = this.#open.first; asked !== null && asked.deadline <= now; asked = this.#open.first) {
      this.#expire(asked)
    }
    for (let i = this.#children.length - 1; i >= 0; i--) {
      const child = this.#children[i]
      if (child !== undefined && child.late > 0) this.#judgeLate(child, now)
    }
    this.#fill(now)
    this.#feedAll(now)
    this.#grow(now, Math.max(1, (this.#settings.maximum - this.#children.length) >> 2))
    if (this.#failures > 0 && this.#children.some((child) => now - child.since >= HELPER_YOUNG)) this.#failures = 0
    if (this.#open.size > 0 || this.#failures > 0 || this.#children.length < this.#settings.minimum) return
    if (this.#children.some((child) => child.late > 0)) return
    this.#stopSweep?.()
    this.#stopSweep = null
  }

  /** A child that has something late is killed, once it has had its time for it, and has nothing else to answer. */
  #judgeLate(child: HelperChild<Q, A>, now: number): void {
    if (child.late < child.asked.size) return
    let oldest = Infinity
    for (const { at } of child.asked.values()) if (at < oldest) oldest = at
    if (oldest + this.#settings.timeout <= now) child.kill('it did not answer in time')
  }

  /** As many children as there are always. */
  #fill(now: number): void {
    while (this.#children.length < this.#settings.minimum && this.#mayStart(now)) this.#start(now)
  }

  /** More children where questions wait, `count` at most. */
  #grow(now: number, count: number): void {
    if (now - this.#grown < HELPER_GROWTH) return
    for (let i = 0; i < count && this.#waiting.size > 0; i++) {
      const child = this.#startMore(now)
      if (child === null) return
      this.#feed(child, now)
    }
  }

  /** After a failure there is one child to try, until it has answered something. */
  #mayStart(now: number): boolean {
    if (this.#closed || now < this.#startable) return false
    return this.#failures === 0 || this.#children.every((child) => child.answers > 0)
  }

  #startMore(now: number): HelperChild<Q, A> | null {
    return this.#children.length < this.#settings.maximum && this.#mayStart(now) ? this.#start(now) : null
  }

  #start(now: number): HelperChild<Q, A> | null {
    if (this.#closed || now < this.#startable) return null
    let started: Child
    try {
      started = this.#spawn(this.#settings.program)
    } catch (error) {
      this.#slowDown(now)
      this.#tell(error instanceof Error ? error.message : String(error), 0, -1)
      return null
    }
    const child = new HelperChild<Q, A>(started, this.#dialect, this.#clock, this.#keeper)
    this.#children.push(child)
    this.#counts.starts++
    this.#grown = now
    this.#tasks.add(child.run())
    if (this.#children.length > this.#settings.minimum) {
      this.#stopShrinking ??= this.#clock.every(HELPER_SHRINK, () => this.#shrink())
    }
    return child
  }

  /** The next start has to wait. */
  #slowDown(now: number): void {
    // Several that were started together fail together, which counts once.
    if (now < this.#startable) return
    this.#startable = now + Math.min(HELPER_BACKOFF_MAX, HELPER_BACKOFF * 2 ** this.#failures)
    this.#failures++
  }

  #lost(child: HelperChild<Q, A>): void {
    const now = this.#clock.now()
    const at = this.#children.indexOf(child)
    if (at !== -1) this.#children.splice(at, 1)
    if (child.killed) this.#counts.kills++
    else this.#counts.deaths++
    if (now - child.since < HELPER_YOUNG && child.answers < HELPER_WORTH) this.#slowDown(now)
    else this.#failures = 0
    this.#load -= child.asked.size
    const left = [...child.asked.values()]
    child.asked.clear()
    // Backwards, so that the oldest comes to stand before all others.
    for (const asked of left.reverse()) {
      asked.child = null
      if (!asked.open) continue
      asked.deaths++
      if (asked.deaths < HELPER_DEATHS && asked.asks < HELPER_ASKS) this.#again(asked)
      else this.#fail(asked, 'the filter broke down')
    }
    if (this.#children.length === 0 && this.#isDown(now)) this.#giveUp(NOT_RUNNING)
    this.#fill(now)
    this.#feedAll(now)
    this.#grow(now, 1)
    // For the next start, and for what waits.
    if (!this.#closed) this.#stopSweep ??= this.#clock.every(this.#period(), () => this.#sweep())
  }

  #gone(child: HelperChild<Q, A>, code: number): void {
    if (!child.dismissed) this.#tell(child.why, child.process.pid, code)
  }

  /** About a child that is no more. Where none can run, that is said once. */
  #tell(why: string, pid: number, code: number): void {
    if (this.#closed || this.#down) return
    const facts = { helper: this.name, why: why + wordsOf(code), pid, exit: code }
    if (this.#failures >= 2 && this.#children.length === 0) {
      this.#down = true
      this.#log.error('helper {helper} does not run, {program}: {why}', {
        ...facts,
        program: this.#settings.program[0],
      })
    } else if (this.#troubles.may()) {
      const unsaid = this.#troubles.unsaid()
      this.#log.warning('helper {helper} lost a child: {why}', unsaid === 0 ? facts : { ...facts, unsaid })
    }
  }

  #up(): void {
    this.#down = false
    this.#log.info('helper {helper} answers again', { helper: this.name })
  }

  /** Let go of children that nobody has needed for a while. */
  #shrink(): void {
    const needed = Math.max(this.#settings.minimum, Math.ceil(this.#peak / this.#room))
    this.#peak = this.#load
    const surplus = this.#children.length - needed
    let count = surplus <= 0 || this.#waiting.size > 0 ? 0 : Math.ceil(surplus / 2)
    for (let i = this.#children.length - 1; i >= 0 && count > 0; i--) {
      const child = this.#children[i]
      if (child.asked.size > 0) continue
      this.#children.splice(i, 1)
      child.dismiss()
      count--
    }
    if (this.#children.length > this.#settings.minimum) return
    this.#stopShrinking?.()
    this.#stopShrinking = null
  }

  #complained(line: Uint8Array): void {
    if (!this.#complaints.may()) return
    const facts = { helper: this.name, line: answerWords(latin1(line)) }
    const unsaid = this.#complaints.unsaid()
    this.#log.warning('helper {helper} says: {line}', unsaid === 0 ? facts : { ...facts, unsaid })
  }

  #bug(error: unknown): void {
    this.#log.error('bug in a helper pool', { helper: this.name, error })
  }
}

const NOT_RUNNING = 'the filter does not run'

/** What a shell means by the exit code of a program it cannot start. */
function wordsOf(code: number): string {
  if (code === 127) return ', there is no such program'
  return code === 126 ? ', it may not be run' : ''
}
