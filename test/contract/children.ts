/** The contract of child processes. The children are those of every Unix: cat, sh, head, sleep. */
import process from 'node:process'
import { describe, expect } from 'vitest'
import type { Child, Runtime } from '../../core/runtime.ts'
import { checker, clog, failure, fill, receive, send, settles, type Skips } from './pairs.ts'

const MEGABYTES = 4 * 1024 * 1024

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

async function all(from: Child['output']): Promise<string> {
  let whole = ''
  for (let got = await from.next(); !got.done; got = await from.next()) whole += text(got.value)
  return whole
}

export function children(runtime: Runtime, skips: Skips): void {
  describe('a child', () => {
    const check = checker(skips)
    const shell = (script: string, environment?: Record<string, string>) =>
      runtime.spawn(['sh', '-c', script], environment)

    check('echoes, write by write', async () => {
      const cat = runtime.spawn(['cat'])
      expect(cat.pid).toBeGreaterThan(0)
      for (let i = 0; i < 50; i++) {
        await cat.input.write(fill(new Uint8Array(100), i * 100))
        expect(await receive(cat.output, 100, i * 100)).toBe(100)
      }
      cat.input.end()
      expect((await cat.output.next()).done).toBe(true)
      expect(await cat.exited).toBe(0)
    })

    check('is written a part of what it is given', async () => {
      const cat = runtime.spawn(['cat'])
      await cat.input.write(new TextEncoder().encode('as much as is said, and no more'), 18)
      cat.input.end()
      expect(await all(cat.output)).toBe('as much as is said')
    })

    check('carries megabytes in order, both ways at once', async () => {
      const cat = runtime.spawn(['cat'])
      const sending = send(cat.input, MEGABYTES).then(() => cat.input.end())
      expect(await receive(cat.output)).toBe(MEGABYTES)
      await sending
      expect(await cat.exited).toBe(0)
    })

    check('says how it ended', async () => {
      expect(await shell('exit 0').exited).toBe(0)
      expect(await shell('exit 3').exited).toBe(3)
      expect(await shell('kill -TERM $$').exited).toBe(128 + 15)
      expect(await shell('kill -KILL $$').exited).toBe(128 + 9)
    })

    check('is killed', async () => {
      const sleep = runtime.spawn(['sleep', '600'])
      sleep.kill('SIGTERM')
      expect(await sleep.exited).toBe(128 + 15)
      // Too late, and no error.
      sleep.kill('SIGTERM')
      const stubborn = shell('trap "" TERM; echo ready; read never')
      await stubborn.output.next()
      stubborn.kill('SIGTERM')
      expect(await settles(runtime, stubborn.exited)).toBe(false)
      stubborn.kill('SIGKILL')
      expect(await stubborn.exited).toBe(128 + 9)
    })

    check('has errors apart from output', async () => {
      const child = shell('echo out; echo err >&2; echo out again')
      expect(await Promise.all([all(child.output), all(child.errors)])).toEqual(['out\nout again\n', 'err\n'])
    })

    check('gives all it wrote, though it has exited', async () => {
      const child = shell('head -c 60000 /dev/zero')
      expect(await child.exited).toBe(0)
      expect((await all(child.output)).length).toBe(60_000)
    })

    check('waits while its output is not pulled', async () => {
      const child = shell('head -c 30000000 /dev/zero')
      expect(await settles(runtime, child.exited)).toBe(false)
      let count = 0
      for (let got = await child.output.next(); !got.done; got = await child.output.next()) count += got.value.length
      expect(count).toBe(30_000_000)
      expect(await child.exited).toBe(0)
    })

    check('has exited though a grandchild holds its pipes', async () => {
      const child = shell('sleep 600 & echo $!; exit 4')
      const grandchild = Number(text((await child.output.next()).value ?? new Uint8Array(0)))
      expect(await child.exited).toBe(4)
      process.kill(grandchild)
      expect((await child.output.next()).done).toBe(true)
    })

    check('that never reads holds the writer back', async () => {
      const child = runtime.spawn(['sleep', '600'])
      const { pending } = await clog(runtime, child.input)
      const failed = failure(() => pending)
      child.kill('SIGKILL')
      expect(await child.exited).toBe(128 + 9)
      expect(await failed).toBe('reset')
      expect(await failure(() => child.input.write(new Uint8Array(1)))).toBe('reset')
    })

    check('fails a write after an end and after a close', async () => {
      const child = runtime.spawn(['cat'])
      child.input.end()
      expect(await failure(() => child.input.write(new Uint8Array(1)))).toBe('closed')
      child.input.close()
      expect(await failure(() => child.input.write(new Uint8Array(1)))).toBe('closed')
      expect(await child.exited).toBe(0)
    })

    check('whose output is closed is told so', async () => {
      const child = shell('while echo line 2>&-; do :; done; exit 5')
      await child.output.next()
      child.output.close()
      expect((await child.output.next()).done).toBe(true)
      // Bun’s children ignore SIGPIPE, as Bun does.
      expect(await child.exited).toBeOneOf([128 + 13, 5])
    })

    check('gets the environment, and what is added to it', async () => {
      const child = shell('echo "$PATH:$EXAPROXY_ADDED"', { EXAPROXY_ADDED: 'added' })
      expect(await all(child.output)).toBe(`${runtime.environment.PATH}:added\n`)
    })

    check('that cannot be started exits as in a shell', async () => {
      const missing = runtime.spawn(['/nowhere/nothing', 'at all'])
      expect(await all(missing.output)).toBe('')
      expect(await missing.exited).toBe(127)
      const folder = runtime.spawn(['/etc/passwd'])
      expect(await folder.exited).toBe(126)
    })
  })
}
