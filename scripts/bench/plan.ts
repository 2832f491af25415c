/** What the command line asks for, and what is measured then. */
import { parseArgs } from 'node:util'
import type { Effort } from './measure.ts'
import type { Mode, Program } from './program.ts'
import { modesOf, type Workload, WORKLOADS } from './workloads.ts'

export const USAGE = `npm run bench -- [options]
  --only NAMES       of those: bun,node,deno,executable,haproxy,haproxy-splice,nginx,squid,trafficserver,tinyproxy
  --mode MODES       forward,reverse
  --workload NAMES   ${WORKLOADS.map(({ name }) => name).join(',')}
  --workers LIST     how many workers each has (1); the workload "workers" has 2 at least
  --engine LIST      epoll,portable: what ours carry bytes with (as their configuration has it)
  --rounds N         how often each is measured (3)
  --seconds N        how long a measurement takes (2), and --warmup N before it (2)
  --idle N           idle connections (8000)
  --rate N           requests a second of the workload "steady" (4000)
  --json FILE        also write all rounds there
  --svg FILE         also draw them there
  --plot FILE        measure nothing: show the JSON of a run, and draw it (to --svg, or scripts/bench/results.svg)
  --quick            one round of 1 s after 1 s, 2000 idle connections, on one runtime, with few peers
  --list             what is installed, and what would be measured

Without --only and --mode, "get" is measured on all runtimes and in both modes, the rest on the first runtime and in one.`

export interface Subject {
  readonly program: Program
  readonly mode: Mode
  readonly workers: number
}

/** One row of a table to be. */
export interface Step extends Subject {
  readonly workload: Workload
}

export interface Plan {
  readonly steps: readonly Step[]
  readonly rounds: number
  readonly effort: Effort
  readonly json: string | null
  readonly svg: string | null
}

/** What is to be done. */
export type Task =
  | { readonly kind: 'help' }
  | { readonly kind: 'list' | 'measure'; readonly plan: Plan }
  | { readonly kind: 'plot'; readonly json: string; readonly svg: string | null }

export class UsageFailure extends Error {}

const MODES: readonly Mode[] = ['forward', 'reverse']
const ENGINES = ['epoll', 'portable', 'auto'] as const
/** The peers that a quick run has. */
const QUICK_PEERS = ['haproxy', 'haproxy-splice', 'nginx']
/** The one that a quick run has only where those cannot take part. */
const QUICK_FORWARD = 'squid'
/** The executable is Bun's, with the same code in it. */
const SAME_AS_BUN = 'executable'
const MOST_WORKERS = 64

/** `programs` gives those that are installed, ours once with each engine (null: as their configuration has it). */
export function taskOf(
  programs: (engines: readonly (string | null)[]) => readonly Program[],
  words: readonly string[],
): Task {
  const values = valuesOf(words)
  if (values.help) return { kind: 'help' }
  if (values.plot !== undefined) return { kind: 'plot', json: values.plot, svg: values.svg ?? null }
  const { quick } = values
  const installed = programs(values.engine === undefined ? [null] : chosen('--engine', values.engine, ENGINES))
  const only = values.only === undefined ? null : chosen('--only', values.only, installed.map(({ name }) => name))
  const workloads = chosen('--workload', values.workload, WORKLOADS.map(({ name }) => name))
  const steps = WORKLOADS.filter(({ name }) => workloads.includes(name)).flatMap((workload) =>
    subjectsOf(workload, {
      installed: only === null
        ? usual(workload, installed, quick)
        : installed.filter(({ name }) => only.includes(name)),
      modes: values.mode === undefined ? null : chosen('--mode', values.mode, MODES),
      workers: (values.workers ?? '1').split(',').map((word) => count('--workers', word, 1)),
    }).map((subject) => ({ ...subject, workload }))
  )
  const plan: Plan = {
    steps,
    rounds: count('--rounds', values.rounds, quick ? 1 : 3),
    effort: {
      seconds: count('--seconds', values.seconds, quick ? 1 : 2),
      warmup: count('--warmup', values.warmup, quick ? 1 : 2),
      idle: count('--idle', values.idle, quick ? 2000 : 8000),
      rate: count('--rate', values.rate, 4000),
    },
    json: values.json ?? null,
    svg: values.svg ?? null,
  }
  if (steps.length === 0) throw new UsageFailure('nobody who is asked for can do what is asked for')
  if (steps.some(({ workers }) => workers > MOST_WORKERS)) throw new UsageFailure(`--workers: at most ${MOST_WORKERS}`)
  return { kind: values.list ? 'list' : 'measure', plan }
}

function valuesOf(words: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  try {
    return parseArgs({
      args: [...words],
      options: {
        ...{ only: text, mode: text, workload: text, workers: text, engine: text, rounds: text, seconds: text },
        ...{ warmup: text, idle: text, rate: text, json: text, svg: text, plot: text },
        ...{ quick: flag, list: flag, help: { ...flag, short: 'h' } },
      },
    }).values
  } catch (error) {
    throw new UsageFailure(error instanceof Error ? error.message : String(error))
  }
}

/** Those that take part when nobody is named: what says little for its time is left out. */
function usual(workload: Workload, installed: readonly Program[], quick: boolean): Program[] {
  const first = installed.find(({ ours }) => ours)?.name
  return installed.filter(({ name, ours, bodiesOnly }) => {
    if (ours) return name === first || workload.everywhere && !quick && name !== SAME_AS_BUN
    if (bodiesOnly && !workload.bytes) return false
    return !quick || QUICK_PEERS.includes(name) || name === QUICK_FORWARD && (workload.everywhere || workload.tunnels)
  })
}

function subjectsOf(workload: Workload, { installed, modes: asked, workers: numbers }: {
  readonly installed: readonly Program[]
  readonly modes: readonly Mode[] | null
  readonly workers: readonly number[]
}): Subject[] {
  const several = workload.name === 'workers' ? [Math.max(2, ...numbers)] : numbers
  return installed.flatMap((program) => {
    const possible = modesOf(workload, program)
    const modes = asked !== null && !workload.tunnels
      ? possible.filter((mode) => asked.includes(mode))
      : possible.slice(0, workload.everywhere ? possible.length : 1)
    const workers = several.filter((workers) => workers === 1 || program.severalWorkers)
    return modes.flatMap((mode) => workers.map((workers) => ({ program, mode, workers })))
  })
}

/** The words of a list that are known, in our order; all without a list. */
function chosen<Word extends string>(
  option: string,
  text: string | undefined,
  known: readonly Word[],
): readonly Word[] {
  if (text === undefined) return known
  const asked = text.split(',')
  const unknown = asked.find((word) => !known.some((one) => one === word))
  if (unknown !== undefined) {
    throw new UsageFailure(`${option}: ${unknown} is none of ${[...new Set(known)].join(', ')}`)
  }
  return known.filter((word) => asked.includes(word))
}

function count(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageFailure(`${option}: ${text} is not a positive number`)
  return Number(text)
}
