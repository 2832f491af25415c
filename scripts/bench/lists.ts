/**
 * `node scripts/bench/lists.ts [--entries 5000000]`: what a list of domains costs: memory, time to load, how long anything else
 * has to wait meanwhile, and look-ups. Also for `deno run -A` and `bun`: each measures the runtime that runs it.
 *
 * Names are made up, as real block lists have them: 17 to 19 characters, two to four labels, most below few top-level domains.
 */
import { rmSync, statSync } from 'node:fs'
import { mkdtempSync, openSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { ListSettings } from '../../core/config/settings.ts'
import type { Subject } from '../../core/filter/subject.ts'
import { Lists, type ListStatistics } from '../../core/flow/lists.ts'
import type { Runtime } from '../../core/runtime.ts'

const SYLLABLES =
  ('ba be bi bo ca ce ch co da de di do en er es ex fa fe fi fo ga ge go ha he ho in is it ka ke ki la le li lo ' +
    'ma me mi mo na ne ni no on or pa pe pi po ra re ri ro sa se sh so st ta te th ti to un va ve vi wa we xx ya yo za zo')
    .split(' ')
const WORDS =
  ('my the free best online shop web media video news games live world tech data cloud click track ads stat cdn ' +
    'porn sex cam girl bet casino poker loan pills travel hotel blog forum pro top star net club market').split(' ')
const ENDINGS =
  'com com com com com com com com net net org org ru de info xyz top co.uk com.br fr pl nl it in cn jp site online'
    .split(' ')
const BELOW = 'www m img cdn ads track stats static click go a1 s3 mail blog'.split(' ')
const HOSTERS = ['blogspot.com', 'tumblr.com', 'wordpress.com', 'github.io', 'appspot.com', 'cloudfront.net']

/** The same names every time: xorshift. */
function random(seed: number): () => number {
  let x = seed | 1
  return () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) / 2 ** 32
  }
}

export function nameOf(number: number): string {
  const next = random(Math.imul(number + 1, 0x9e3779b1))
  next()
  const pick = (from: readonly string[]): string => from[Math.floor(next() * from.length)]
  let label = next() < 0.4 ? pick(WORDS) : ''
  const syllables = 2 + Math.floor(next() * 4)
  for (let i = 0; i < syllables; i++) label += pick(SYLLABLES)
  if (next() < 0.3) label += pick(WORDS)
  if (next() < 0.3) label += Math.floor(next() * 1000)
  const kind = next()
  if (kind < 0.12) return `${label}.${pick(HOSTERS)}`
  return kind < 0.35 ? `${pick(BELOW)}.${label}.${pick(ENDINGS)}` : `${label}.${pick(ENDINGS)}`
}

function writeNames(path: string, entries: number, from: number): void {
  const descriptor = openSync(path, 'w')
  for (let at = 0; at < entries; at += 100_000) {
    let text = ''
    for (let i = at; i < Math.min(at + 100_000, entries); i++) text += `${nameOf(from + i)}\n`
    writeSync(descriptor, text)
  }
}

/** In another process: what making names leaves behind is no matter of the lists. */
function writeAside(path: string, entries: number, from: number): void {
  const runner = 'Deno' in globalThis ? ['run', '-A'] : []
  const self = fileURLToPath(import.meta.url)
  const { status } = spawnSync(process.execPath, [...runner, self, '--write', path, String(entries), String(from)])
  if (status !== 0) throw new Error(`Cannot write ${path}`)
}

function subject(host: string): Subject {
  return {
    listener: 'http',
    client: '',
    user: '',
    local: '',
    localPort: 0,
    method: 'GET',
    scheme: 'http',
    host,
    port: 80,
    url: `http://${host}/`,
    path: '/',
    query: '',
    date: 0,
    zone: 0,
    addresses: null,
    tls: null,
    field: () => null,
    headBytes: () => new Uint8Array(0),
  }
}

async function runtimeHere(): Promise<Runtime> {
  if ('Deno' in globalThis) return (await import('../../adapters/deno/runtime.ts')).runtime
  if ('Bun' in globalThis) return (await import('../../adapters/bun/runtime.ts')).runtime
  return (await import('../../adapters/node/runtime.ts')).runtime
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

interface Watched {
  /** The longest time between two turns of the loop, ms: on the clock, and of our own processors' (others may be busy). */
  readonly stall: number
  readonly work: number
  /** Of our own processors, in all, s. */
  readonly cpu: number
  /** The most memory, bytes. */
  readonly peak: number
}

async function watch(runtime: Runtime, work: () => Promise<void>): Promise<Watched> {
  const worst = { stall: 0, work: 0, cpu: 0, peak: 0 }
  const start = process.cpuUsage()
  let last = runtime.clock.now()
  let cpu = process.cpuUsage()
  const stop = runtime.clock.every(1, () => {
    const now = runtime.clock.now()
    const used = process.cpuUsage()
    worst.stall = Math.max(worst.stall, now - last)
    worst.work = Math.max(worst.work, Math.min(now - last, (used.user + used.system - cpu.user - cpu.system) / 1000))
    worst.peak = Math.max(worst.peak, runtime.memory())
    last = now
    cpu = used
  })
  await work()
  stop()
  const { user, system } = process.cpuUsage(start)
  worst.cpu = (user + system) / 1e6
  return worst
}

const stalls = ({ stall, work }: Watched): string =>
  `longest stall ${work.toFixed(1)} ms (${stall.toFixed(1)} on the clock)`

async function quiet(runtime: Runtime): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => runtime.clock.after(50, resolve))
}

function measure(lists: Lists, hosts: readonly string[]): string {
  const subjects = hosts.map(subject)
  let found = 0
  let best = Infinity
  for (let round = 0; round < 5; round++) {
    const began = process.cpuUsage().user
    for (let i = 0; i < subjects.length; i++) if (lists.find('bench')!.matches(subjects[i]) !== null) found++
    best = Math.min(best, process.cpuUsage().user - began)
  }
  return `${Math.round(best * 1e3 / hosts.length)} ns (${Math.round(found / 5 * 100 / hosts.length)} % found)`
}

async function main(runtime: Runtime): Promise<void> {
  const at = process.argv.indexOf('--entries')
  const entries = at < 0 ? 5_000_000 : Number(process.argv[at + 1])
  const folder = mkdtempSync(join(tmpdir(), 'exaproxy-lists-'))
  const file = join(folder, 'domains')
  try {
    writeAside(file, entries, 0)
    await quiet(runtime)
    const settings: ListSettings = { name: 'bench', file, folder: '', format: 'domains' }
    const lists = new Lists(runtime, [settings], (_, words) => console.log(`  ${words}`))
    console.log(`${runtime.name} ${runtime.version}: ${entries} lines, ${megabytes(statSync(file).size)}`)
    const before = runtime.memory()
    const first = await watch(runtime, () => lists.start())
    await quiet(runtime)
    const { took, memory, entries: count } = lists.statistics[0] as ListStatistics
    console.log(
      `  load       ${(took / 1000).toFixed(1)} s (${first.cpu.toFixed(1)} s of processors), ${
        stalls(first)
      }, ${count} names`,
    )
    console.log(
      `  memory     ${megabytes(memory)} of its own; RSS grew by ${megabytes(runtime.memory() - before)}, at most ${
        megabytes(first.peak - before)
      }`,
    )

    const some = Array.from({ length: 200_000 }, (_, i) => Math.floor(i * entries / 200_000))
    console.log(`  hit        ${measure(lists, some.map(nameOf))}`)
    console.log(`  below      ${measure(lists, some.map((number) => `www.${nameOf(number)}`))}`)
    console.log(`  deep       ${measure(lists, some.map((number) => `a.b.c.d.e.f.g.h.${nameOf(number)}`))}`)
    console.log(`  miss       ${measure(lists, some.map((number) => `x${nameOf(number)}`))}`)
    console.log(`  deep miss  ${measure(lists, some.map((number) => `a.b.c.d.e.f.g.h.x${nameOf(number)}`))}`)

    writeAside(file, entries, entries)
    await quiet(runtime)
    const held = runtime.memory()
    const second = await watch(runtime, () => lists.reload())
    const settled = runtime.memory()
    await quiet(runtime)
    console.log(
      `  swap       ${stalls(second)}; RSS at most ${megabytes(second.peak - held)} more meanwhile, ` +
        `${megabytes(settled - held)} at once after, ${megabytes(runtime.memory() - held)} a second after`,
    )
    lists.close()
    await quiet(runtime)
    console.log(`  closed     RSS ${megabytes(runtime.memory() - before)} over the beginning`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const write = process.argv.indexOf('--write')
if (write >= 0) {
  writeNames(process.argv[write + 1], Number(process.argv[write + 2]), Number(process.argv[write + 3]))
  process.exit(0)
}
const here = await runtimeHere()
const release = here.stay()
await main(here)
release()
