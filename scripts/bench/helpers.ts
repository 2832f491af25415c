/**
 * What helper programs cost, and what they cost when they misbehave: `node scripts/bench/helpers.ts` (or deno, or bun).
 *
 * First the processor time of this process, system calls included, that one question to a child and its answer take, with
 * 1 and with 32 questions at once. Then 2,000 clients at once against children that sleep, die, write garbage or never read.
 */

import process from 'node:process'
import type { HelperSettings } from '../../core/config/settings.ts'
import type { Subject } from '../../core/filter/subject.ts'
import { type HelperLog, HelperPool } from '../../core/flow/helpers.ts'
import type { Runtime } from '../../core/runtime.ts'
import { UrlRewrite } from '../../core/squid/url_rewrite.ts'
import { subjectOf } from '../../test/filter/subject.ts'

const QUESTIONS = 32_000
const ROUNDS = 5
const CLIENTS = 2000

/** Answers each line at once; with channels, for those are what most lines begin with. */
const ECHO = '$| = 1; while (<STDIN>) { print /^(\\d+ )/ ? "$1OK\\n" : "OK\\n" }'

const SETTINGS: HelperSettings = {
  name: 'guard',
  program: ['perl', '-e', ECHO],
  protocol: 'squid',
  minimum: 1,
  maximum: 1,
  concurrency: 32,
  queue: 10_000,
  timeout: 5000,
  on_error: 'unavailable',
  extras: '',
  folder: '',
  ttl: 0,
  negative_ttl: 0,
  grace: 0,
  cache_size: 0,
}

const quiet: HelperLog = { info: () => {}, warning: () => {}, error: () => {} }

const open = (machine: Runtime, changes: Partial<HelperSettings> = {}, log = quiet): HelperPool => {
  const settings = { ...SETTINGS, ...changes }
  return new HelperPool(machine, settings, new UrlRewrite('guard', settings.concurrency > 0, settings.extras), log)
}

const subject: Subject = subjectOf('http://www.example.com/news/2026/index.html?page=2')

const cpu = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

async function ask(pool: HelperPool, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await pool.judge(subject)
}

async function measure(machine: Runtime, concurrency: number, atOnce: number): Promise<string> {
  const pool = open(machine, { concurrency })
  const each = QUESTIONS / atOnce
  const figures: [cpu: number, time: number][] = []
  await Promise.all(Array.from({ length: atOnce }, () => ask(pool, each)))
  for (let round = 0; round < ROUNDS; round++) {
    const [before, started] = [cpu(), machine.clock.now()]
    await Promise.all(Array.from({ length: atOnce }, () => ask(pool, each)))
    figures.push([(cpu() - before) / QUESTIONS, (machine.clock.now() - started) * 1000 / QUESTIONS])
  }
  const { answers } = pool.statistics
  if (answers !== QUESTIONS * (ROUNDS + 1)) throw new Error(`${answers} answers`)
  pool.close()
  await pool.finished()
  const [best] = figures.sort(([a], [b]) => a - b)
  return `${best[0].toFixed(1).padStart(6)} µs of processor, ${best[1].toFixed(1).padStart(6)} µs of time`
}

interface Attack {
  readonly what: string
  readonly script: string
}

/** One child in four is bad; which, it finds out by the number of its process. */
const BAD = 'my $bad = $$ % 4 == 0; '

const ATTACKS: readonly Attack[] = [
  { what: 'well behaved', script: ECHO },
  { what: 'one in four sleeps', script: `${BAD} if ($bad) { sleep 60 } ${ECHO}` },
  { what: 'all sleep', script: 'sleep 60' },
  {
    what: 'all sleep for 20 ms',
    script: `$| = 1; while (<STDIN>) { select undef, undef, undef, 0.02; print /^(\\d+ )/ ? "$1OK\\n" : "OK\\n" }`,
  },
  { what: 'all die at once', script: 'exit 1' },
  {
    what: 'all die of their 100th question',
    script: `my $n = 0; $| = 1; while (<STDIN>) { exit 1 if ++$n > 100; print /^(\\d+ )/ ? "$1OK\\n" : "OK\\n" }`,
  },
  { what: 'one in four writes garbage', script: `${BAD} $| = 1; if ($bad) { print "x" x 100, "\\n" while 1 } ${ECHO}` },
  { what: 'all write garbage', script: '$| = 1; print "x" x 100, "\\n" while 1' },
  { what: 'all write half a line', script: '$| = 1; while (<STDIN>) { print "1 O" }' },
  {
    what: 'all answer twice',
    script: `$| = 1; while (<STDIN>) { print /^(\\d+ )/ ? "$1OK\\n$1OK\\n" : "OK\\nOK\\n" }`,
  },
  { what: 'all flood their stderr', script: `$| = 1; print STDERR "trouble\\n" x 10000; ${ECHO}` },
]

async function attack(machine: Runtime, { what, script }: Attack, concurrency: number): Promise<string> {
  const pool = open(machine, {
    program: ['perl', '-e', script],
    minimum: 4,
    maximum: 8,
    concurrency,
    queue: CLIENTS,
    timeout: 2000,
  })
  let latest = 0
  let longest = 0
  let answered = 0
  let memory = 0
  const turn = machine.clock.every(5, () => {
    const now = machine.clock.now()
    longest = Math.max(longest, now - last)
    last = now
    memory = Math.max(memory, machine.memory())
  })
  let last = machine.clock.now()
  const before = machine.memory()
  const client = async (): Promise<void> => {
    // Keeps asking for a while, as clients do.
    for (let i = 0; i < 5; i++) {
      const started = machine.clock.now()
      const decision = await pool.judge(subject)
      latest = Math.max(latest, machine.clock.now() - started)
      if (decision.kind === 'permit') answered++
      else await new Promise<void>((resolve) => void machine.clock.after(50, resolve))
    }
  }
  const started = machine.clock.now()
  await Promise.all(Array.from({ length: CLIENTS }, client))
  const took = machine.clock.now() - started
  turn()
  const { questions, timeouts, full, broken, retries, starts, kills, deaths } = pool.statistics
  pool.close()
  await pool.finished()
  return `${what.padEnd(32)} ${answered}/${questions} answered, ${timeouts} late, ${full} full, ${broken} broken, ` +
    `${retries} again; ${starts} starts, ${kills} kills, ${deaths} deaths; longest wait ${latest.toFixed(0)} ms, ` +
    `longest turn ${longest.toFixed(0)} ms, ${((memory - before) / 1e6).toFixed(0)} MB more, ${
      (took / 1000).toFixed(1)
    } s`
}

async function runtimeHere(): Promise<Runtime> {
  if ('Deno' in globalThis) return (await import('../../adapters/deno/runtime.ts')).runtime
  if ('Bun' in globalThis) return (await import('../../adapters/bun/runtime.ts')).runtime
  return (await import('../../adapters/node/runtime.ts')).runtime
}

const [only] = process.argv.slice(2)
const runtime = await runtimeHere()
const machines: Runtime[] = [runtime]
const epoll = await runtime.engines.epoll?.().catch(() => null)
if (epoll) machines.push(epoll)
const stay = runtime.stay()
for (const machine of machines) {
  console.log(`${machine.name} ${machine.version}, ${machine.engine}`)
  // Its loop runs while there is something to listen for.
  const listener = await machine.listen({ family: 4, address: '127.0.0.1', port: 0 })
  if (only !== 'attack') {
    console.log(`without channels, one at once     ${await measure(machine, 0, 1)}`)
    console.log(`with channels, one at once        ${await measure(machine, 32, 1)}`)
    console.log(`with channels, 32 at once         ${await measure(machine, 32, 32)}`)
  }
  for (const concurrency of only === 'cost' ? [] : [0, 32]) {
    console.log(`\n${CLIENTS} clients, children with ${concurrency} questions at once`)
    for (const one of ATTACKS) console.log(await attack(machine, one, concurrency))
  }
  listener.close()
}
stay()
process.exit(0)
