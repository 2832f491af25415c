/** A program that is compared: what it is, what it claims to do, and how its configuration is filled in. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { WorkloadName } from './workloads.ts'

/** `tcp` passes bytes on to the origin, whatever they say; `tls` where the name in a ClientHello leads. */
export type Mode = 'forward' | 'reverse' | 'tcp' | 'tls'

/** What the check (check.ts) must find true, and what the table must not hide. */
export interface Claims {
  /** Via is added, both ways. */
  readonly via: boolean
  /** X-Forwarded-For is added. */
  readonly forwardedFor: boolean
  /** Connections are kept on both sides. */
  readonly keepsAlive: boolean
}

export interface Program {
  readonly name: string
  readonly ours: boolean
  readonly version: string
  /** For HTTP, the usual one first. */
  readonly modes: readonly Mode[]
  /** The mode in which bytes go through a tunnel, and those in which a protocol may be upgraded. */
  readonly tunnels: Mode | null
  /** It has the modes `tcp` and `tls`. */
  readonly passes: boolean
  readonly upgrades: readonly Mode[]
  readonly claims: Claims
  /** Why it takes no part in a workload that it could take part in. */
  readonly unfit: Readonly<Partial<Record<WorkloadName, string>>>
  /** It can be told to use more than one core. */
  readonly severalWorkers: boolean
  /** It has a compiler that must have seen some load before anything is measured. */
  readonly compiles: boolean
  /** Differs from another program only in how it carries bodies. */
  readonly bodiesOnly: boolean
  /** The templates in peers/ its configuration is made from; the first is the one it is started with. */
  readonly templates: readonly string[]
  /** What those of ours are told to carry bytes with. */
  readonly engine: string | null
  readonly environment?: Readonly<Record<string, string>>
  /** Values only this program's templates ask for. */
  values?(workers: number): Readonly<Record<string, string | number>>
  /** The log is what it prints on standard output. */
  readonly logsToOutput?: boolean
  /** How long after an answer its line may come to the log; it must not be stopped before. */
  readonly logMilliseconds?: number
  /** What part of the lines of its log may be missing. */
  linesLost?(workers: number): number
  command(configuration: string, workers: number): readonly string[]
}

export const HTTP_CLAIMS: Claims = { via: true, forwardedFor: true, keepsAlive: true }

const here = fileURLToPath(new URL('.', import.meta.url))

/** The first number with a dot in what it says of itself. */
export function versionOf(path: string, question: readonly string[]): string {
  try {
    const said = execFileSync('sh', ['-c', '"$0" "$@" 2>&1', path, ...question], { encoding: 'utf8' })
    return /\d+(\.\d+)+/.exec(said)?.[0] ?? 'unknown'
  } catch {
    return 'unknown'
  }
}

/** Fills a template of peers/ in, below `folder`: every `{{name}}` must have its value. Gives the path. */
export function configure(
  template: string,
  values: Readonly<Record<string, string | number>>,
  folder: string,
): string {
  const text = readFileSync(join(here, 'peers', template), 'utf8').replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`${template} asks for ${name}, which nobody gave`)
    return String(value)
  })
  const path = join(folder, template)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

/** nginx started by root hands its workers to an account that may not read our folder. */
export function nginxUser(): string {
  return process.getuid?.() === 0 ? 'user root;' : ''
}
