/**
 * `npm run package [-- bun|deno]`: the program as one executable, nothing else needed: .build/exaproxy-bun and
 * .build/exaproxy-deno. The pages are part of the source, so there is nothing to embed beside it.
 *
 * `deno compile` puts the program behind a runtime called denort, which it downloads; nothing is downloaded here. Where
 * DENORT_BIN names a denort of the same version (a release asset of Deno: denort-x86_64-unknown-linux-gnu.zip), it is used;
 * where not, that executable is skipped, and this says so.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

interface Package {
  readonly file: string
  readonly command: readonly string[]
  /** Why it cannot be made here; empty when it can. */
  readonly skip: string
}

const PACKAGES: Record<string, Package> = {
  bun: {
    file: '.build/exaproxy-bun',
    command: [
      // The map is embedded, so that a stack in a bug report names our files and lines.
      ...['build', '--compile', '--target=bun', '--sourcemap=inline'],
      // The working directory of a service is no place to take settings from unasked.
      ...['--no-compile-autoload-dotenv', '--no-compile-autoload-bunfig'],
      ...['--outfile', '.build/exaproxy-bun', 'adapters/main.ts'],
    ],
    skip: '',
  },
  deno: {
    file: '.build/exaproxy-deno',
    command: [
      'compile',
      '--quiet',
      '--allow-all',
      '--no-check',
      '--output',
      '.build/exaproxy-deno',
      'adapters/main.ts',
    ],
    skip: process.env.DENORT_BIN ? '' : 'deno compile needs denort: name one of the same version in DENORT_BIN',
  },
}

const wanted = process.argv.slice(2)
for (const name of wanted) {
  if (!(name in PACKAGES)) {
    console.error(`package: ${name} is none of ${Object.keys(PACKAGES).join(', ')}`)
    process.exit(64)
  }
}

mkdirSync(join(root, '.build'), { recursive: true })
for (const [name, { file, command, skip }] of Object.entries(PACKAGES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  if (skip !== '') {
    console.log(`${file}: skipped: ${skip}`)
    continue
  }
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin', name), command, {
    cwd: root,
    encoding: 'utf8',
  })
  if (status !== 0) {
    console.error(`${file}: ${name} ${command.join(' ')} failed\n${stdout}${stderr}`)
    process.exitCode = 1
    continue
  }
  // Bun leaves a copy of the map it has embedded.
  rmSync(join(root, `${file}.map`), { force: true })
  console.log(`${file}: ${Math.round(statSync(join(root, file)).size / 1048576)} MB`)
}
