/**
 * `node scripts/bench/rules.ts`: what a decision of the rules costs, few and many, and whether anything is allocated. Also for
 * `deno run -A` and `bun`: each measures the runtime that runs it.
 */
import process from 'node:process'
import { load } from '../../core/config/load.ts'
import { NO_LISTS } from '../../core/filter/lists.ts'
import { compileRules, type Rules } from '../../core/filter/rules.ts'
import type { Subject } from '../../core/filter/subject.ts'

const ROUNDS = 7
/** How long a round lasts at least, ms. */
const ROUND = 50
const BATCH = 640

interface Request {
  readonly host: string
  readonly path: string
  readonly client: string
  readonly user: string
}

function subjectOf({ host, path, client, user }: Request): Subject {
  return {
    listener: 'http',
    client,
    user,
    local: '10.0.0.1',
    localPort: 3128,
    method: 'GET',
    scheme: 'http',
    host,
    port: 80,
    url: `http://${host}${path}`,
    path,
    query: '',
    date: Date.UTC(2026, 10, 25, 9),
    zone: 60,
    addresses: null,
    tls: null,
    field: () => null,
    headBytes: () => new Uint8Array(0),
  }
}

/** Rules about what is never asked for, and at the end about what is. */
const TABLES: Record<string, (count: number) => string> = {
  'host': (count) => rules(count, (i) => `host = "site${i}.example"`),
  'host, several each': (count) => rules(count, (i) => `host = ["site${i}.example", "*.x${i}.test", "=y${i}.test"]`),
  'host, below one name': (count) => rules(count, (i) => `host = "site${i}.big.example"`),
  'client': (count) => rules(count, (i) => `client = "10.${i >> 8}.${i & 255}.0/24"`),
  'user': (count) => rules(count, (i) => `user = "user${i}"`),
  'a mixture': (count) =>
    rules(count, (i) =>
      [
        `host = "site${i}.example"`,
        `client = "10.9.${i & 255}.0/24"\nmethod = "GET"`,
        `user = "user${i}"\ntime = "mon-fri 08:00-17:00"`,
        `host = "*.cdn${i}.test"\npath = "/a"`,
        `host = "ads*.site${i}.example"\nport = 80`,
      ][i % 5]!),
  'path, one after the other': (count) => rules(count, (i) => `path = "/path${i}"`),
  'wildcards, one after the other': (count) => rules(count, (i) => `host = "*word${i}*"`),
}

function rules(count: number, condition: (i: number) => string): string {
  let text = ''
  for (let i = 0; i < count; i++) text += `[[rule]]\n${condition(i)}\ndo = "deny"\n`
  return text
}

function compile(text: string): Rules {
  const { settings, problems } = load({ file: { name: 'bench', text }, environment: {}, sets: [] })
  if (settings === null) throw new Error(problems[0]!.words)
  return compileRules(settings.rule, NO_LISTS)
}

const CLIENTS = ['10.200.1.2', '192.168.3.77', '172.16.250.9', '10.0.255.255']
const HOSTS = ['www.wikipedia.org', 'i.ytimg.com', 'a.b.c.d.big.example', 'edge-12.cdn.example.net', 'localhost']
const PATHS = ['/', '/w/index.php', '/vi/abcdefgh/hqdefault.jpg', '/static/js/main.0123456789.js']

/** None of them is what a rule is about. */
function misses(): Subject[] {
  const made: Subject[] = []
  for (let i = 0; i < 64; i++) {
    made.push(subjectOf({
      host: HOSTS[i % HOSTS.length]!,
      path: PATHS[i % PATHS.length]!,
      client: CLIENTS[i % CLIENTS.length]!,
      user: i % 3 === 0 ? 'someone' : '',
    }))
  }
  return made
}

/** Nanoseconds a decision, the median of a few rounds. */
function time(table: Rules, subjects: readonly Subject[]): number {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = performance.now()
    let count = 0
    let after = before
    do {
      for (let i = 0; i < BATCH; i++) table.judge(subjects[i & 63]!)
      count += BATCH
      after = performance.now()
    } while (after - before < ROUND)
    times.push((after - before) / count * 1e6)
  }
  return times.sort((a, b) => a - b)[ROUNDS >> 1]!
}

function main(): void {
  console.log(`ns a decision, ${process.versions.bun ? 'bun' : process.versions.deno ? 'deno' : 'node'}`)
  console.log(
    `${'rules about'.padEnd(34)}${'10'.padStart(8)}${'100'.padStart(8)}${'1000'.padStart(8)}${'10000'.padStart(8)}`,
  )
  for (const [name, text] of Object.entries(TABLES)) {
    const row = [10, 100, 1000, 10_000].map((count) => {
      const linear = name.includes('after the other')
      return linear && count > 1000 ? '-' : time(compile(text(count)), misses()).toFixed(0)
    })
    console.log(name.padEnd(34) + row.map((cell) => cell.padStart(8)).join(''))
  }
  const table = compile(TABLES['a mixture']!(1000))
  const subjects = misses()
  time(table, subjects)
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 1_000_000; i++) table.judge(subjects[i & 63]!)
  const grown = process.memoryUsage().heapUsed - before
  console.log(`heap after a million decisions: ${(grown / 1_000_000).toFixed(1)} bytes each`)
}

main()
