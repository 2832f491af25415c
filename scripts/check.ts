/**
 * `npm run check`: format, lint, types of each folder with the types it may use, and layers, side by side.
 * One line each when fine; all that was said when not.
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Name -> command. */
const CHECKS: Record<string, readonly string[]> = {
  'format': ['deno', 'fmt', '--check'],
  'lint': ['deno', 'lint', '--quiet'],
  'types of core, with those of no runtime': ['tsc', '-p', 'core'],
  'types of adapters/node and shared': ['tsc', '-p', 'adapters'],
  'types of adapters/bun': ['tsc', '-p', 'adapters/bun'],
  'types of adapters/deno and core, by Deno': ['deno', 'check', '--quiet', 'adapters/main.ts', ...denoFiles()],
  'types of scripts and test': ['tsc', '-p', '.'],
  'layers': ['node', 'scripts/check_layers.ts'],
}

function denoFiles(): string[] {
  return readdirSync(join(root, 'adapters/deno')).filter((name) => name.endsWith('.ts')).map((name) =>
    `adapters/deno/${name}`
  )
}

interface Outcome {
  readonly name: string
  readonly code: number | null
  readonly said: string
}

function run(name: string, [command, ...args]: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const path = join(root, 'node_modules/.bin') + delimiter + process.env.PATH
    const child = spawn(command!, args, { cwd: root, env: { ...process.env, PATH: path, NO_COLOR: '1' } })
    let said = ''
    child.stdout.on('data', (bytes) => said += bytes)
    child.stderr.on('data', (bytes) => said += bytes)
    child.on('error', (error) => resolve({ name, code: 127, said: `${error.message}; has 'npm ci' been run?\n` }))
    child.on('close', (code) => resolve({ name, code, said }))
  })
}

if (!existsSync(join(root, 'node_modules/.bin/deno'))) {
  console.error(`check: the development packages are not installed: run 'npm ci'`)
  process.exit(1)
}

let failed = 0
const running = Object.entries(CHECKS).map(([name, command]) => run(name, command))
for (const outcome of running) {
  const { name, code, said } = await outcome
  if (code === 0) {
    console.log(`ok      ${name}`)
  } else {
    failed++
    console.log(`FAILED  ${name}\n${said.trimEnd()}`)
  }
}
process.exitCode = failed === 0 ? 0 : 1
