/** The contract of the clock, of files, signals and the process itself. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import process from 'node:process'
import { describe, expect } from 'vitest'
import type { Runtime } from '../../core/runtime.ts'
import { all, answer, programs } from './programs.ts'
import { checker, failure, fill, settles, type Skips, temporary, wrongAt } from './pairs.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

export function host(runtime: Runtime, skips: Skips): void {
  const check = checker(skips)
  const { clock, files } = runtime

  describe('the clock', () => {
    check('goes forward, and knows the date', async () => {
      const before = clock.now()
      const date = clock.date()
      await new Promise<void>((resolve) => void clock.after(5, resolve))
      // A timer may ring a millisecond early: it counts from the start of the turn it was set in.
      expect(clock.now() - before).toBeGreaterThanOrEqual(4)
      expect(clock.date() - date).toBeGreaterThanOrEqual(4)
      expect(Math.abs(clock.date() - Date.now())).toBeLessThan(1000)
    })

    check('knows how far the clock on the wall is ahead, in winter and in summer', () => {
      for (const month of [0, 6]) {
        for (const minute of [0, 29, 59]) {
          const wall = new Date(2026, month, 15, 10, minute)
          expect(clock.zone(wall.getTime())).toBe((Date.UTC(2026, month, 15, 10, minute) - wall.getTime()) / 60_000)
        }
      }
    })

    check('ticks until it is stopped, rings once, and not at all when stopped before', async () => {
      let ticks = 0
      let rings = 0
      const never = clock.after(1, () => rings += 100)
      never()
      clock.after(1, () => rings++)
      await new Promise<void>((resolve) => {
        const stop = clock.every(1, () => {
          if (++ticks < 5) return
          stop()
          stop()
          clock.after(20, resolve)
        })
      })
      expect(ticks).toBe(5)
      expect(rings).toBe(1)
    })
  })

  describe('files', () => {
    const inFolder = async (work: (folder: string) => Promise<void>) => {
      const folder = temporary()
      mkdirSync(folder)
      try {
        await work(folder)
      } finally {
        rmSync(folder, { recursive: true })
      }
    }

    check('are read and written whole', () =>
      inFolder(async (folder) => {
        const path = `${folder}/file`
        await files.write(path, fill(new Uint8Array(1_000_000), 0))
        const first = await files.read(path)
        expect(first.length).toBe(1_000_000)
        expect(wrongAt(first, 0)).toBe(-1)
        chmodSync(path, 0o640)
        await files.write(path, bytes('short'))
        expect(text(await files.read(path))).toBe('short')
        expect(statSync(path).mode & 0o777).toBe(0o640)
        // Nothing is left beside it.
        expect(await files.list(folder)).toEqual(['file'])
        await files.write(path, new Uint8Array(0))
        expect((await files.read(path)).length).toBe(0)
      }))

    check('are read in pieces, each lent until the next is asked for', () =>
      inFolder(async (folder) => {
        const path = `${folder}/file`
        await files.write(path, fill(new Uint8Array(200_000), 0))
        let at = 0
        for await (const piece of files.pieces(path)) {
          expect(piece.length).toBeGreaterThan(0)
          expect(piece.length).toBeLessThanOrEqual(65_536)
          expect(wrongAt(piece, at)).toBe(-1)
          at += piece.length
        }
        expect(at).toBe(200_000)
        for await (const piece of files.pieces(path)) {
          expect(wrongAt(piece, 0)).toBe(-1)
          break
        }
        // Left early, it is closed.
        const open = readdirSync('/proc/self/fd').filter((descriptor) => {
          const link = `/proc/self/fd/${descriptor}`
          return existsSync(link) && readlinkSync(link) === path
        })
        expect(open).toEqual([])
        await files.write(path, new Uint8Array(0))
        for await (const piece of files.pieces(path)) expect(piece).toBe(null)
      }))

    check('are appended to, by several, whatever else is in them', () =>
      inFolder(async (folder) => {
        const path = `${folder}/log`
        const first = await files.append(path)
        const second = await files.append(path)
        await first.write(bytes('one\n'))
        await second.write(bytes('two\n'))
        await first.write(bytes('three\n'))
        await first.close()
        await first.close()
        expect(await failure(() => first.write(bytes('late')))).toBe('closed')
        await second.close()
        const again = await files.append(path)
        await again.write(fill(new Uint8Array(300_000), 0).subarray(0, 200_000))
        await again.close()
        const content = await files.read(path)
        expect(text(content.subarray(0, 14))).toBe('one\ntwo\nthree\n')
        expect(content.length).toBe(200_014)
        expect(wrongAt(content.subarray(14), 0)).toBe(-1)
      }))

    check('that are moved away are still appended to, until opened again', () =>
      inFolder(async (folder) => {
        const log = await files.append(`${folder}/log`)
        await log.write(bytes('old\n'))
        renameSync(`${folder}/log`, `${folder}/log.1`)
        await log.write(bytes('old\n'))
        await log.close()
        const next = await files.append(`${folder}/log`)
        await next.write(bytes('new\n'))
        await next.close()
        expect(text(await files.read(`${folder}/log.1`))).toBe('old\nold\n')
        expect(text(await files.read(`${folder}/log`))).toBe('new\n')
      }))

    check('are listed, looked at and removed', () =>
      inFolder(async (folder) => {
        expect(await files.list(folder)).toEqual([])
        await files.write(`${folder}/b`, bytes('12345'))
        await files.write(`${folder}/a`, bytes(''))
        expect(await files.list(folder)).toEqual(['a', 'b'])
        const status = await files.status(`${folder}/b`)
        expect(status).toMatchObject({ size: 5, folder: false, socket: false, modified: expect.any(Number) })
        // Where modes are known, they are those of chmod(2), without the kind of file.
        chmodSync(`${folder}/b`, 0o640)
        expect([0o640, undefined]).toContain((await files.status(`${folder}/b`))?.mode)
        expect(Math.abs(status!.modified - Date.now())).toBeLessThan(60_000)
        expect((await files.status(folder))?.folder).toBe(true)
        await files.remove(`${folder}/b`)
        expect(existsSync(`${folder}/b`)).toBe(false)
        expect(await files.status(`${folder}/b`)).toBe(null)
      }))

    check('that are temporary go into a folder nobody else may enter, which is removed once it is empty', async () => {
      const folder = await files.temporary()
      expect(statSync(folder).mode & 0o777).toBe(0o700)
      expect(await files.temporary().then((other) => files.remove(other).then(() => other))).not.toBe(folder)
      const listener = await runtime.listen({ family: 'unix', address: `${folder}/socket`, port: 0 })
      expect(await files.status(`${folder}/socket`)).toMatchObject({ socket: true, folder: false })
      expect(await failure(() => files.remove(folder))).toBe('other')
      listener.close()
      while (existsSync(`${folder}/socket`)) await settles(runtime, new Promise(() => {}))
      await files.remove(folder)
      expect(existsSync(folder)).toBe(false)
    })

    check('that are missing, denied or full say so', () =>
      inFolder(async (folder) => {
        const missing = `${folder}/missing`
        expect(await failure(() => files.read(missing))).toBe('missing')
        expect(await failure(async () => void (await files.pieces(missing)[Symbol.asyncIterator]().next()))).toBe(
          'missing',
        )
        expect(await failure(async () => void (await files.pieces(folder)[Symbol.asyncIterator]().next()))).toBe(
          'other',
        )
        expect(await failure(() => files.remove(missing))).toBe('missing')
        expect(await failure(() => files.list(missing))).toBe('missing')
        expect(await failure(() => files.append(`${missing}/file`))).toBe('missing')
        expect(await failure(() => files.write(`${missing}/file`, bytes('')))).toBe('missing')
        expect(await files.status(`${missing}/file`)).toBe(null)
        const full = await files.append('/dev/full')
        expect(await failure(() => full.write(bytes('no room')))).toBe('full')
        await full.close()
      }))

    // The superuser is denied nothing.
    if (process.getuid?.() !== 0) {
      check('that are not ours are denied', async () => {
        expect(await failure(() => files.read('/etc/shadow'))).toBe('denied')
        expect(await failure(() => files.append('/etc/passwd'))).toBe('denied')
        expect(await failure(() => runtime.listen({ family: 4, address: '127.0.0.1', port: 1 }))).toBe('denied')
      })
    }
  })

  const withProgram = programs(runtime)

  describe('signals', () => {
    const names = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTERM', 'SIGINT', 'SIGQUIT'] as const

    check('are heard instead of what they do, by all who listen, until stopped', () =>
      withProgram(
        `
        const say = (text) => runtime.output.write(new TextEncoder().encode(text + '\\n'))
        const [name] = runtime.arguments
        let heard = 0
        const stop = runtime.signal(name, () => { stop(); heard++ })
        const last = runtime.signal(name, () => {
          heard++
          if (heard === 3) last()
          say('heard ' + heard)
        })
        say('ready')
        setInterval(() => {}, 1000)
        `,
        async (run) => {
          await Promise.all(names.map(async (name) => {
            const child = run(name)
            const line = async () => text((await child.output.next()).value ?? new Uint8Array(0))
            expect(await line()).toBe('ready\n')
            child.kill(name)
            expect(await line()).toBe('heard 2\n')
            child.kill(name)
            expect(await line()).toBe('heard 3\n')
            // Nobody listens any more.
            if (name === 'SIGUSR1') child.kill('SIGKILL')
            else child.kill(name)
            const number = constants.signals[name === 'SIGUSR1' ? 'SIGKILL' : name]
            expect(await child.exited).toBe(128 + number)
          }))
        },
      ))
  })

  describe('the process', () => {
    check('knows itself', () => {
      expect(runtime.pid).toBe(process.pid)
      expect(runtime.version).toMatch(/^\d+\.\d+/)
      expect(runtime.host.length).toBeGreaterThan(0)
      expect(runtime.memory()).toBeGreaterThan(10_000_000)
      expect(runtime.environment.PATH).toBe(process.env.PATH)
      expect(runtime.environment.EXAPROXY_NOT_SET).toBe(undefined)
      expect(Array.isArray(runtime.arguments)).toBe(true)
    })

    check('knows what it may use', () => {
      expect(runtime.cores).toBeGreaterThanOrEqual(1)
      expect(Number.isInteger(runtime.cores)).toBe(true)
      expect(runtime.descriptors).toBeGreaterThanOrEqual(64)
    })

    check('stays although nothing is waited for, until it need not', () =>
      withProgram(
        `
        const go = runtime.stay()
        runtime.clock.after(200, async () => {
          await runtime.output.write(new TextEncoder().encode('stayed'))
          go()
        })
        `,
        async (run) => {
          const child = run()
          expect(await all(child.output)).toBe('stayed')
          expect(await child.exited).toBe(0)
        },
      ))

    check('starts itself once more, with its arguments', () =>
      withProgram(
        `
        const say = (text) => runtime.output.write(new TextEncoder().encode(text))
        const { WHO } = runtime.environment
        if (WHO === undefined) {
          const child = runtime.worker({ WHO: 'the worker' })
          for (let got = await child.output.next(); !got.done; got = await child.output.next()) {
            await runtime.output.write(got.value)
          }
          await say(' and ' + await child.exited)
          runtime.exit(0)
        }
        await say(WHO + ' ' + JSON.stringify(runtime.arguments))
        runtime.exit(5)
        `,
        async (run) => {
          const child = run('one two', '--three', '')
          expect(await all(child.output)).toBe('the worker ["one two","--three",""] and 5')
          expect(await child.exited).toBe(0)
        },
      ))

    check('shares a port among its workers', () =>
      withProgram(
        `
        const say = (text) => runtime.output.write(new TextEncoder().encode(text + '\\n'))
        const { PORT, WHO } = runtime.environment
        const at = (port) => ({ family: 4, address: '127.0.0.1', port })
        const pulled = async (child) => new TextDecoder().decode((await child.output.next()).value)
        if (PORT === undefined) {
          const probe = await runtime.listen(at(0))
          const { port } = probe.at
          probe.close()
          const children = ['a', 'b'].map((WHO) => runtime.worker({ PORT: String(port), WHO }))
          for (const child of children) if (await pulled(child) !== 'ready\\n') throw new Error('not ready')
          const seen = { a: 0, b: 0 }
          const ask = async () => {
            const socket = await runtime.connect(at(port)).socket
            seen[new TextDecoder().decode((await socket.next()).value)]++
            socket.close()
          }
          // Many at once, for where the workers take them from one queue, the first takes all that come one by one.
          for (let i = 0; i < 8; i++) await Promise.all(Array.from({ length: 50 }, ask))
          children[0].kill('SIGKILL')
          await children[0].exited
          const both = seen.a > 0 && seen.b > 0 ? 'both' : JSON.stringify(seen)
          const { b } = seen
          await Promise.all(Array.from({ length: 20 }, ask))
          await say(both + ' ' + (seen.b - b))
          children[1].kill('SIGKILL')
          await children[1].exited
          runtime.exit(0)
        }
        const listener = await runtime.listen(at(Number(PORT)), { reusePort: true })
        await say('ready')
        for await (const socket of listener) {
          await socket.write(new TextEncoder().encode(WHO))
          socket.end()
        }
        `,
        async (run) => {
          if (!runtime.sharesPorts) return
          const child = run()
          expect(await all(child.output)).toBe('both 20\n')
          expect(await child.exited).toBe(0)
        },
      ))

    check('knows the addresses of the machine, canonical', () => {
      const all = runtime.addresses()
      expect(all).toContain('127.0.0.1')
      for (const address of all) expect(address).toMatch(/^([0-9.]+|[0-9a-f:.]+)$/)
      expect(new Set(all).size).toBe(all.length)
    })

    check('fills arrays of any size with other bytes each time', () => {
      for (const size of [0, 1, 16, 100_000]) runtime.random(new Uint8Array(size))
      const [one, other] = [new Uint8Array(32), new Uint8Array(32)]
      runtime.random(one.subarray(0, 16))
      expect(one.subarray(0, 16).some((byte) => byte !== 0)).toBe(true)
      expect(one.subarray(16).every((byte) => byte === 0)).toBe(true)
      runtime.random(other)
      expect(other).not.toEqual(one)
    })

    check('writes to its outputs, and exits as told', () =>
      withProgram(
        `
        const text = new TextEncoder().encode('x'.repeat(300000))
        await runtime.output.write(text)
        await runtime.errors.write(text.subarray(0, 200000))
        await runtime.output.write(new TextEncoder().encode(JSON.stringify(runtime.arguments)))
        // Timers alone keep nobody alive.
        runtime.clock.every(1000, () => {})
        runtime.clock.after(100000, () => {})
        if (runtime.arguments[1] === 'exit') runtime.exit(7)
        `,
        async (run) => {
          for (const [word, code] of [['exit', 7], ['stay', 0]] as const) {
            const child = run('one two', word)
            const [output, errors] = await Promise.all([all(child.output), all(child.errors)])
            expect(output.slice(300_000)).toBe(`["one two","${word}"]`)
            expect(errors.length).toBeGreaterThanOrEqual(200_000)
            expect(await child.exited).toBe(code)
          }
        },
      ))

    check('knows its memory and its addresses while it has no descriptor left to ask with', () =>
      withProgram(
        `
        const { at } = await runtime.listen({ family: 4, address: '127.0.0.1', port: 0 })
        const held = []
        const say = (value) => runtime.output.write(new TextEncoder().encode(JSON.stringify(value) + '\\n'))
        const full = async () => {
          for (;;) held.push(await runtime.connect(at).socket)
        }
        await full().catch(() => {})
        await say({ memory: runtime.memory() > 10_000_000, local: runtime.addresses().includes('127.0.0.1') })
        runtime.exit(0)
        `,
        async (run) => {
          const { output } = run.limited(100)
          expect(await answer(output)).toEqual({ memory: true, local: true })
        },
      ))

    check('goes on after it ran out of descriptors', () =>
      withProgram(
        `
        const listener = await runtime.listen({ family: 4, address: '127.0.0.1', port: 0 })
        await runtime.output.write(new TextEncoder().encode(String(listener.at.port)))
        const echo = async (socket) => {
          for await (const chunk of socket) await socket.write(chunk)
          socket.close()
        }
        for await (const socket of listener) echo(socket).catch(() => socket.close())
        `,
        async (run) => {
          const child = run.limited(100)
          const port = Number(text((await child.output.next()).value ?? new Uint8Array(0)))
          const connect = () => runtime.connect({ family: 4, address: '127.0.0.1', port }).socket
          const clients = await Promise.all(Array.from({ length: 150 }, connect))
          // The first are served, whatever became of the last.
          await clients[0].write(new Uint8Array(1))
          expect((await clients[0].next()).value?.length).toBe(1)
          for (const client of clients) client.close()
          const echoed = async (): Promise<boolean> => {
            const client = await connect()
            const sent = await failure(() => client.write(new Uint8Array(1)))
            const got = sent === 'no failure' ? await client.next().catch(() => ({ done: true })) : { done: true }
            client.close()
            return !got.done
          }
          // It may not have noticed yet that they left.
          while (!(await echoed())) await settles(runtime, new Promise(() => {}))
          child.kill('SIGKILL')
        },
      ))
  })
}
