/** The programs that are compared, as far as they are installed: ours on each runtime, then the others. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { find, runnable } from './machine.ts'
import { peers } from './peers.ts'
import { HTTP_CLAIMS, type Program, versionOf } from './program.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Where `npm run package` leaves the executable made with Bun. */
const EXECUTABLES = ['.build/exaproxy-bun', '.build/exaproxy']

/** Those that are installed, ours first; ours once with each engine, or with the default of the configuration (null). */
export function programs(engines: readonly (string | null)[] = [null]): Program[] {
  return [...engines.flatMap(ourPrograms), ...peers()]
}

function ourPrograms(engine: string | null): Program[] {
  const common: Omit<Program, 'name' | 'version' | 'command'> = {
    ...{ ours: true, modes: ['reverse', 'forward'], tunnels: 'forward', upgrades: ['reverse', 'forward'] },
    passes: true,
    ...{ claims: HTTP_CLAIMS, unfit: {}, severalWorkers: true, compiles: true, bodiesOnly: false },
    ...{ templates: ['exaproxy.toml'], engine },
    values: (workers) => ({ workers, engine: engine === null ? '' : `engine = "${engine}"` }),
  }
  const found: Program[] = []
  for (const runtime of ['bun', 'node', 'deno']) {
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
