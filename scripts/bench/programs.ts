/** The proxies that are compared: how each is found, set up and started, and what it claims to do. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { find, runnable } from './machine.ts'

export type Mode = 'forward' | 'reverse'

/** What the check (check.ts) must find true, and what the table must not hide. */
export interface Claims {
  /** X-Forwarded-For is added. */
  readonly forwardedFor: boolean
  /** Connections are kept on both sides. */
  readonly keepsAlive: boolean
}

export interface Program {
  readonly name: string
  readonly ours: boolean
  readonly version: string
  readonly modes: readonly Mode[]
  readonly claims: Claims
  /** The template in peers/ its configuration is made from. */
  readonly template: string
  readonly environment?: Readonly<Record<string, string>>
  /** The log is what it prints on standard output. */
  readonly logsToOutput?: boolean
  command(configuration: string): readonly string[]
}

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../../', import.meta.url))
const everything: Claims = { forwardedFor: true, keepsAlive: true }

/** Where `npm run package` leaves the executable made with Bun. */
const EXECUTABLES = ['.build/exaproxy-bun', '.build/exaproxy']

/** Those that are installed, ours first. */
export function programs(): Program[] {
  return [...ourPrograms(), ...peers()]
}

function ourPrograms(): Program[] {
  const found: Program[] = []
  const common = { ours: true, modes: ['forward', 'reverse'], claims: everything, template: 'exaproxy.toml' } as const
  for (const runtime of ['node', 'deno', 'bun']) {
    const own = join(root, 'node_modules/.bin', runtime)
    const path = runnable(own) ? own : find(runtime)
    if (path === null || !existsSync(join(root, 'adapters', runtime, 'runtime.ts'))) continue
    found.push({
      ...common,
      name: runtime,
      version: versionOf(path, ['--version']),
      environment: { EXAPROXY_RUNTIME: runtime },
      command: (configuration) => [join(root, 'scripts/exaproxy'), '--config', configuration],
    })
  }
  const executable = EXECUTABLES.map((path) => join(root, path)).find(runnable)
  if (executable !== undefined) {
    found.push({
      ...common,
      name: 'executable',
      version: 'bun build --compile',
      command: (configuration) => [executable, '--config', configuration],
    })
  }
  return found
}

function peers(): Program[] {
  const found: Program[] = []
  const haproxy = find('haproxy')
  if (haproxy !== null) {
    found.push({
      name: 'haproxy',
      ours: false,
      version: versionOf(haproxy, ['-v']),
      modes: ['reverse', 'forward'],
      claims: everything,
      template: 'haproxy.cfg',
      logsToOutput: true,
      command: (configuration) => [haproxy, '-db', '-f', configuration],
    })
  }
  const nginx = find('nginx')
  if (nginx !== null) {
    found.push({
      name: 'nginx',
      ours: false,
      version: versionOf(nginx, ['-v']),
      modes: ['reverse'],
      claims: everything,
      template: 'nginx.conf',
      command: (configuration) => [nginx, '-c', configuration],
    })
  }
  const squid = find('squid')
  if (squid !== null) {
    found.push({
      name: 'squid',
      ours: false,
      version: versionOf(squid, ['-v']),
      modes: ['forward'],
      claims: everything,
      template: 'squid.conf',
      command: (configuration) => [squid, '-N', '-f', configuration],
    })
  }
  const tinyproxy = find('tinyproxy')
  if (tinyproxy !== null) {
    found.push({
      name: 'tinyproxy',
      ours: false,
      version: versionOf(tinyproxy, ['-v']),
      modes: ['forward'],
      claims: { forwardedFor: false, keepsAlive: false },
      template: 'tinyproxy.conf',
      command: (configuration) => [tinyproxy, '-d', '-c', configuration],
    })
  }
  return found
}

/** The first number with a dot in what it says of itself. */
function versionOf(path: string, question: readonly string[]): string {
  try {
    const said = execFileSync('sh', ['-c', '"$0" "$@" 2>&1', path, ...question], { encoding: 'utf8' })
    return /\d+\.\d+[\w.+-]*/.exec(said)?.[0] ?? 'unknown'
  } catch {
    return 'unknown'
  }
}

/** Fills a template of peers/ in: every `{{name}}` must have its value. */
export function configure(
  template: string,
  values: Readonly<Record<string, string | number>>,
  destination: string,
): void {
  const text = readFileSync(join(here, 'peers', template), 'utf8').replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`${template} asks for ${name}, which nobody gave`)
    return String(value)
  })
  writeFileSync(destination, text)
}

/** nginx started by root hands its workers to an account that may not read our folder. */
export function nginxUser(): string {
  return process.getuid?.() === 0 ? 'user root;' : ''
}
