/**
 * scripts/exaproxy in a checkout of its own, below a path with a space in it, beside runtimes that only say how they were called.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const LAUNCHER = join(dirname(fileURLToPath(import.meta.url)), '../../scripts/exaproxy')

let top: string
let checkout: string
let path: string

beforeEach(() => {
  top = mkdtempSync(join(realpathSync(tmpdir()), 'exaproxy launcher '))
  checkout = join(top, 'a checkout')
  path = join(top, 'on the path')
  for (const folder of ['scripts', 'core', 'adapters', 'node_modules/.bin', 'node_modules/@logtape', '.build']) {
    mkdirSync(join(checkout, folder), { recursive: true })
  }
  mkdirSync(path)
  copyFileSync(LAUNCHER, join(checkout, 'scripts/exaproxy'))
  for (const file of ['adapters/main.ts', 'core/x.ts', 'package.json', 'scripts/build.ts']) {
    writeFileSync(join(checkout, file), '')
  }
})

afterEach(() => rmSync(top, { recursive: true }))

/** A runtime that prints its name and each argument in brackets, or does what `body` says. */
function stub(folder: string, name: string, version: string, body = ''): string {
  const file = join(folder, name)
  const said = body || `printf '%s' ${name}; printf ' [%s]' "$@"; echo`
  writeFileSync(file, `#!/bin/sh\nif [ "$*" = --version ]; then echo ${version}; exit; fi\n${said}\n`)
  chmodSync(file, 0o755)
  return file
}

const installed = (name: string, version = 'v24.0.0', body = '') =>
  stub(join(checkout, 'node_modules/.bin'), name, version, body)

interface Called {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function launch(
  args: string[],
  environment: Record<string, string> = {},
  script = join(checkout, 'scripts/exaproxy'),
): Called {
  // Only the system's own tools, of which none is a runtime, and our folder.
  const tools = join(top, 'tools')
  if (!existsSync(tools)) {
    mkdirSync(tools)
    for (const tool of ['sh', 'readlink', 'dirname', 'find', 'head', 'tr', 'cat', 'touch']) {
      const found = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, tool)).find(existsSync)
      symlinkSync(found!, join(tools, tool))
    }
  }
  const { status, stdout, stderr } = spawnSync(script, args, {
    encoding: 'utf8',
    cwd: top,
    env: { PATH: path + delimiter + tools, ...environment },
  })
  return { code: status, out: stdout.trim(), err: stderr.trim() }
}

const main = () => join(checkout, 'adapters/main.ts')

describe('the runtime', () => {
  test('is bun, then node, then deno, when none is asked for', () => {
    stub(path, 'deno', 'deno 2.9.0')
    expect(launch([]).out).toMatch(/^deno \[run\]/)
    stub(path, 'node', 'v24.0.0')
    expect(launch([]).out).toMatch(/^node /)
    stub(path, 'bun', '1.4.0')
    expect(launch([]).out).toMatch(/^bun /)
  })

  test.each(['node', 'deno', 'bun'])('is %s when that is asked for', (name) => {
    for (const other of ['node', 'deno', 'bun']) stub(path, other, 'v24.0.0')
    const { out } = launch(['--set', 'a b', ''], { EXAPROXY_RUNTIME: name })
    expect(out).toMatch(new RegExp(`^${name} `))
    expect(out).toContain(`[${main()}] [--set] [a b] []`)
  })

  test('comes from node_modules before PATH, and from its variable before both', () => {
    stub(path, 'bun', '1.4.0', 'echo on the path')
    expect(launch([]).out).toBe('on the path')
    installed('bun', '1.4.0', 'echo installed')
    expect(launch([]).out).toBe('installed')
    const own = stub(top, 'own bun', '1.4.0', 'echo own')
    expect(launch([], { EXAPROXY_BUN: own }).out).toBe('own')
  })

  test('that is unknown, or not there, is one clear line', () => {
    expect(launch([], { EXAPROXY_RUNTIME: 'python' })).toEqual({
      code: 69,
      out: '',
      err: `exaproxy: EXAPROXY_RUNTIME is 'python', which is none of node, deno and bun`,
    })
    expect(launch([], { EXAPROXY_RUNTIME: 'deno' })).toEqual({
      code: 69,
      out: '',
      err: `exaproxy: deno is not installed: run 'npm ci' in ${checkout}, or name a binary in EXAPROXY_DENO`,
    })
    expect(launch([], { EXAPROXY_RUNTIME: 'node', EXAPROXY_NODE: '/no/such/node' }).code).toBe(69)
    expect(launch([])).toEqual({
      code: 69,
      out: '',
      err: `exaproxy: none of bun, node and deno is installed: run 'npm ci' in ${checkout}`,
    })
  })

  test('without the packages is one clear line', () => {
    stub(path, 'bun', '1.4.0')
    rmSync(join(checkout, 'node_modules/@logtape'), { recursive: true })
    const { code, err } = launch([])
    expect(code).toBe(69)
    expect(err).toBe(`exaproxy: the packages it needs are not installed: run 'npm ci' in ${checkout}`)
  })
})

describe('the script', () => {
  test('finds its checkout through links, and leaves the working directory alone', () => {
    installed('bun', '1.4.0', 'pwd; printf "[%s]" "$@"')
    mkdirSync(join(top, 'links'))
    symlinkSync('../a checkout/scripts/exaproxy', join(top, 'links/relative'))
    symlinkSync(join(top, 'links/relative'), join(top, 'absolute'))
    const { out } = launch(['x'], {}, join(top, 'absolute'))
    expect(out).toContain(`${top}\n`)
    expect(out).toContain(`[${main()}][x]`)
  })

  test('gives the exit code of the program', () => {
    installed('bun', '1.4.0', 'exit 78')
    expect(launch([]).code).toBe(78)
  })

  test('is replaced by the program, so that signals reach it', () => {
    installed('bun', '1.4.0', 'kill -TERM $$; exit 1')
    const { status, signal } = spawnSync(join(checkout, 'scripts/exaproxy'), { env: { PATH: process.env.PATH } })
    expect([status, signal]).toEqual([null, 'SIGTERM'])
  })
})

describe('node', () => {
  const NODE = { EXAPROXY_RUNTIME: 'node' }

  test.each(['v26.1.0', 'v22.18.0', 'v20.20.2'])('%s runs the build', (version) => {
    const named = stub(top, 'the node', version)
    const build = join(checkout, '.build/exaproxy.mjs')
    // The fresh build is younger than everything.
    writeFileSync(build, '')
    const { out } = launch(['x'], { ...NODE, EXAPROXY_NODE: named })
    expect(out).toContain(`[${build}] [x]`)
  })

  test.each(['v26.1.0', 'v23.0.0', 'v22.18.0'])('%s runs the source where nothing can build', (version) => {
    const named = stub(top, 'the node', version)
    const { out } = launch(['x'], { ...NODE, EXAPROXY_NODE: named })
    expect(out).toContain(`[${main()}] [x]`)
  })

  test('builds when the build is missing or older than a source file, and only then', () => {
    const old = stub(top, 'the node', 'v20.20.2')
    const build = join(checkout, '.build/exaproxy.mjs')
    installed('node', 'v24.0.0', `echo building "$@"; touch '${build}'`)
    const run = () => launch([], { ...NODE, EXAPROXY_NODE: old })

    expect(run().err).toBe(`building ${join(checkout, 'scripts/build.ts')}`)
    expect(run().err).toBe('')
    for (const file of ['core/x.ts', 'adapters/main.ts', 'package.json']) {
      const later = new Date(Date.now() + 10_000)
      utimesSync(join(checkout, file), later, later)
      expect(run(), file).toMatchObject({ code: 0, err: `building ${join(checkout, 'scripts/build.ts')}` })
      utimesSync(join(checkout, file), new Date(0), new Date(0))
      expect(run().err, file).toBe('')
    }
  })

  test('that needs a build where nothing can make one, or where it fails, is one clear line', () => {
    const old = stub(top, 'the node', 'v20.20.2')
    const bare = launch([], { ...NODE, EXAPROXY_NODE: old })
    expect(bare.code).toBe(69)
    expect(bare.err).toBe(
      'exaproxy: node 20.20.2 is older than 22.18 and needs a build, which needs the development packages: ' +
        `run 'npm ci' in ${checkout}`,
    )
    installed('node', 'v24.0.0', 'echo no; exit 1')
    expect(launch([], { ...NODE, EXAPROXY_NODE: old })).toEqual({
      code: 69,
      out: '',
      err: 'no\nexaproxy: the build failed',
    })
  })
})
