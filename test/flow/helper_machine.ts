/** Pools of scripted helpers on a machine in memory. */
import type { HelperSettings } from '../../core/config/settings.ts'
import type { Decision } from '../../core/filter/decision.ts'
import { type HelperLog, HelperPool } from '../../core/flow/helpers.ts'
import { UrlRewrite } from '../../core/squid/url_rewrite.ts'
import { subjectOf } from '../filter/subject.ts'
import type { Io, Program } from '../memory/children.ts'
import { Machine, settle } from '../memory/machine.ts'

export const SETTINGS: HelperSettings = {
  name: 'guard',
  program: ['guard', '-c', 'conf'],
  protocol: 'squid',
  minimum: 1,
  maximum: 4,
  concurrency: 0,
  queue: 8,
  timeout: 1000,
  on_error: 'unavailable',
  extras: '%>rm',
  folder: '',
  ttl: 0,
  negative_ttl: 0,
  grace: 0,
  cache_size: 0,
}

/** A child that has been started: what it was told, and how to make it speak. */
export interface Scripted {
  readonly io: Io
  /** Lines it has read, those without a line feed left out. */
  readonly lines: string[]
  /** It was told that there is no more. */
  readonly ended: boolean
  say(text: string): void
  complain(text: string): void
  exit(code: number): void
}

export class HelperMachine {
  readonly machine = new Machine()
  readonly children: Scripted[] = []
  readonly said: string[] = []
  readonly pool: HelperPool
  readonly settings: HelperSettings

  /** `program`: what children are, instead of scripted ones; `null`: there is no such program. */
  constructor(settings: Partial<HelperSettings> = {}, program?: Program | null) {
    this.settings = { ...SETTINGS, ...settings }
    if (program !== null) this.machine.children.programs.set('guard', program ?? ((io) => this.#script(io)))
    const { name, concurrency, extras } = this.settings
    const say = (level: string) => (message: string, facts: Record<string, unknown>) => {
      this.said.push(`${level} ${message.replaceAll(/\{(\w+)\}/g, (_, key) => String(facts[key]))}`)
    }
    const log: HelperLog = { info: say('info'), warning: say('warning'), error: say('error') }
    this.pool = new HelperPool(this.machine, this.settings, new UrlRewrite(name, concurrency > 0, extras), log)
  }

  /** Ask about a path. What comes of it is told by {@link Judged}. */
  ask(path = '/'): Judged {
    return new Judged(this.pool.judge(subjectOf(`http://a.test${path}`)))
  }

  async tick(ms = 0): Promise<void> {
    if (ms > 0) await this.machine.clock.advance(ms)
    await settle()
  }

  async #script(io: Io): Promise<number> {
    let exit: (code: number) => void = () => {}
    const exited = new Promise<number>((resolve) => exit = resolve)
    const child = {
      io,
      lines: [] as string[],
      ended: false,
      say: (text: string) => void io.write(text).catch(() => {}),
      complain: (text: string) => void io.complain(text).catch(() => {}),
      exit,
    }
    this.children.push(child)
    const read = async () => {
      let rest = ''
      for await (const bytes of io.input) {
        const lines = (rest + new TextDecoder().decode(bytes)).split('\n')
        rest = lines.pop() ?? ''
        child.lines.push(...lines)
      }
      child.ended = true
      return 0
    }
    return await Promise.race([exited, read()])
  }
}

/** A decision that is made, or will be. */
export class Judged {
  decision: Decision | null = null
  readonly made: Promise<Decision>

  constructor(judged: Decision | Promise<Decision>) {
    this.made = Promise.resolve(judged)
    if (!(judged instanceof Promise)) this.decision = judged
    void this.made.then((decision) => this.decision = decision)
  }

  /** In short: `permit`, `redirect http://b/`, `503 the reason`; `waits`. */
  get word(): string {
    const decision = this.decision
    if (decision === null) return 'waits'
    if (decision.kind === 'redirect') return `redirect ${decision.location}`
    if (decision.kind === 'rewrite') return `rewrite ${decision.changes.url}`
    return decision.kind === 'deny' ? `${decision.status} ${decision.reason}` : `permit ${decision.reason}`.trimEnd()
  }
}
