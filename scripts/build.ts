/**
 * `npm run build`: the program as one file that Node 20 runs, .build/exaproxy.mjs, with its source map beside it.
 * Written aside and renamed, so that a program started meanwhile never reads half a file.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: ['adapters/main.ts'],
  outfile: '.build/exaproxy.mjs',
  write: false,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: true,
  legalComments: 'none',
  logLevel: 'warning',
})

mkdirSync(join(root, '.build'), { recursive: true })
// The program last: it is what says whether the build is fresh.
for (const { path, contents } of outputFiles.toSorted((a, b) => b.path.length - a.path.length)) {
  const aside = `${path}.${process.pid}`
  writeFileSync(aside, contents)
  renameSync(aside, path)
  console.log(`${relative(root, path)}: ${Math.round(contents.length / 1024)} KB`)
}
