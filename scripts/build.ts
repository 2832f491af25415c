/**
 * `npm run build`: the program as one file that Node 20 runs, .build/exaproxy.mjs, with its source map beside it.
 * Built aside and renamed, so that a program started meanwhile never reads half a file.
 */
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, '.build')
const aside = join(folder, `build-${process.pid}`)

mkdirSync(aside, { recursive: true })
try {
  await build({
    absWorkingDir: root,
    entryPoints: ['adapters/main.ts'],
    outfile: join(aside, 'exaproxy.mjs'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    // #runtime: neither `deno` nor `bun` is a condition here, so it is the node adapter.
    conditions: [],
    sourcemap: true,
    legalComments: 'none',
    logLevel: 'warning',
  })
  renameSync(join(aside, 'exaproxy.mjs.map'), join(folder, 'exaproxy.mjs.map'))
  renameSync(join(aside, 'exaproxy.mjs'), join(folder, 'exaproxy.mjs'))
} finally {
  rmSync(aside, { recursive: true, force: true })
}
console.log(`.build/exaproxy.mjs: ${(statSync(join(folder, 'exaproxy.mjs')).size / 1024).toFixed(0)} KB`)
