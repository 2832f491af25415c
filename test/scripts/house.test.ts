/** What package.json, deno.json and the top of the tree promise each other. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

interface Manifest {
  readonly version: string
  readonly scripts: Record<string, string>
  readonly dependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
  readonly allowScripts: Record<string, boolean>
}

const manifest = JSON.parse(read('package.json')) as Manifest
const deno = JSON.parse(read('deno.json')) as { tasks: Record<string, string> }
const lock = JSON.parse(read('package-lock.json')) as {
  version: string
  packages: Record<string, { version: string; hasInstallScript?: boolean }>
}

test('npm scripts and deno tasks have the same names and run the same files', () => {
  expect(Object.keys(deno.tasks)).toEqual(Object.keys(manifest.scripts))
  for (const [name, command] of Object.entries(manifest.scripts)) {
    if (!command.startsWith('node ')) continue
    expect(deno.tasks[name]).toBe(command.replace(/^node /, 'node_modules/.bin/deno run -A '))
  }
})

test('every script that is named exists', () => {
  for (const command of Object.values(manifest.scripts)) {
    for (const path of command.match(/scripts\/\S+/g) ?? []) expect(() => read(path), path).not.toThrow()
  }
})

test('every dependency is an exact version, and the lock has it', () => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    expect(version, name).toMatch(/^\d+\.\d+\.\d+$/)
    expect(lock.packages[`node_modules/${name}`]?.version, name).toBe(version)
  }
  expect(lock.version).toBe(manifest.version)
})

test('just the packages with an install script are allowed to run one', () => {
  const needed = Object.entries(lock.packages).filter(([, entry]) => entry.hasInstallScript)
  const names = needed.map(([path]) => path.replace(/^.*node_modules\//, ''))
  expect(new Set(names)).toEqual(new Set(Object.keys(manifest.allowScripts)))
})

test('the top level holds what it is meant to, and no more', () => {
  const known = new Set(
    ('adapters core scripts test node_modules CHANGELOG.md LICENSE README.md deno.json package-lock.json package.json ' +
      'tsconfig.json vitest.config.ts').split(' '),
  )
  expect(readdirSync(root).filter((name) => !/^\.|\.log$/.test(name) && !known.has(name))).toEqual([])
})
