/** Programs that have a runtime, each in a process of its own. */
import { execFileSync } from 'node:child_process'
import process from 'node:process'
import type { Child, Runtime } from '../../core/runtime.ts'
import { temporary } from './pairs.ts'

/** Start the program. */
interface Run {
  (...words: string[]): Child
  /** With so many descriptors. */
  limited(files: number): Child
  /** By another program, which starts what follows its own words. */
  by(prefix: readonly string[], ...words: string[]): Child
}

export type WithProgram = (source: string, work: (run: Run) => Promise<void>) => Promise<void>

/** What runs a program that has this `runtime`; bundled, since Node 20 runs no TypeScript. */
export const programs = (runtime: Runtime): WithProgram => async (source, work) => {
  const file = (path: string) => new URL(`../../${path}`, import.meta.url).pathname
  const script = `${temporary()}.mjs`
  const adapter = JSON.stringify(file(`adapters/${runtime.name}/runtime.ts`))
  const engine = runtime.engine === 'portable' ? '' : `await portable.engines.${runtime.engine}()`
  const input = `import { runtime as portable } from ${adapter}\nconst runtime = ${engine || 'portable'}\n${source}`
  const options = ['--bundle', '--platform=node', '--format=esm', '--external:bun:*', `--outfile=${script}`]
  execFileSync(file('node_modules/.bin/esbuild'), [...options, '--log-level=warning'], { input, cwd: file('.') })
  const flags = runtime.name === 'deno' ? ['run', '-A', '--unstable-net'] : []
  const command = [process.execPath, ...flags, script]
  const started: Child[] = []
  const start = (words: readonly string[]): Child => {
    const child = runtime.spawn(words)
    started.push(child)
    return child
  }
  try {
    await work(Object.assign((...words: string[]) => start([...command, ...words]), {
      limited: (files: number) => start(['sh', '-c', `ulimit -n ${files}; exec "$0" "$@"`, ...command]),
      by: (prefix: readonly string[], ...words: string[]) => start([...prefix, ...command, ...words]),
    }))
  } finally {
    // Also those of a check that failed.
    for (const child of started) child.kill('SIGKILL')
    await runtime.files.remove(script)
  }
}

/** Everything a program writes, to its end. */
export async function all(output: Child['output']): Promise<string> {
  const decoder = new TextDecoder()
  let all = ''
  for (let got = await output.next(); !got.done; got = await output.next()) all += decoder.decode(got.value)
  return all
}

/** Its first line, which is JSON. */
export async function answer<T>(output: Child['output']): Promise<T> {
  const decoder = new TextDecoder()
  let text = ''
  while (!text.includes('\n')) {
    const { done, value } = await output.next()
    if (done) throw new Error(`it ended after ${JSON.stringify(text)}`)
    text += decoder.decode(value)
  }
  return JSON.parse(text.slice(0, text.indexOf('\n'))) as T
}
