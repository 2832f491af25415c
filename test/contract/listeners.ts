/** The contract of listeners and of connects. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import process from 'node:process'
import { describe, expect } from 'vitest'
import type { Connecting, Endpoint, Listener, Runtime, Socket } from '../../core/runtime.ts'
import {
  accept,
  checker,
  failure,
  type Family,
  fill,
  receive,
  settles,
  type Skips,
  somewhere,
  temporary,
  turns,
  withListener,
} from './pairs.ts'

const MANY = 1000

/** A port that was free a moment ago. */
async function unused(runtime: Runtime, family: Family): Promise<Endpoint> {
  const listener = await runtime.listen(somewhere(family))
  listener.close()
  return listener.at
}

export function listeners(runtime: Runtime, skips: Skips): void {
  describe('a listener', () => {
    const check = checker(skips)

    check('says where it is, on a port of the kernel’s choice', async () => {
      await withListener(runtime, 4, (listener) => {
        expect(listener.at).toEqual({ family: 4, address: '127.0.0.1', port: expect.any(Number) })
        expect(listener.at.port).toBeGreaterThan(0)
        return Promise.resolve()
      })
    })

    check('gives connections in their order, those that came before the pull too', async () => {
      await withListener(runtime, 4, async (listener) => {
        const clients: Socket[] = []
        for (let i = 0; i < 20; i++) clients.push(await runtime.connect(listener.at).socket)
        for (const client of clients) {
          const server = await accept(listener)
          expect(server.peer).toEqual(client.local)
          client.close()
          server.close()
        }
      })
    })

    check('ends a pull when it is closed, and refuses from then on', async () => {
      await withListener(runtime, 4, async (listener) => {
        const pull = listener.next()
        listener.close()
        listener.close()
        expect((await pull).done).toBe(true)
        expect((await listener.next()).done).toBe(true)
        expect(await failure(() => runtime.connect(listener.at).socket)).toBe('refused')
      })
    })

    check('leaves its sockets open when it is closed', async () => {
      await withListener(runtime, 4, async (listener) => {
        const client = await runtime.connect(listener.at).socket
        const server = await accept(listener)
        listener.close()
        await turns({ client, server }, 3)
        client.close()
        server.close()
      })
    })

    check('closes the connections that wait when it is closed', async () => {
      await withListener(runtime, 4, async (listener) => {
        const client = await runtime.connect(listener.at).socket
        const pull = client.next().then(({ done }) => done, () => true)
        listener.close()
        expect(await pull).toBe(true)
      })
    })

    check(`serves ${MANY} connections at once`, async () => {
      await withListener(runtime, 4, async (listener) => {
        const clients = Array.from({ length: MANY }, () => runtime.connect(listener.at).socket)
        const servers: Socket[] = []
        while (servers.length < MANY) servers.push(await accept(listener))
        const echoes = servers.map(async (server) => {
          for await (const chunk of server) await server.write(chunk)
          server.close()
        })
        const counts = await Promise.all(clients.map(async (connecting, i) => {
          const client = await connecting
          await client.write(fill(new Uint8Array(1000 + i), 0))
          client.end()
          return await receive(client)
        }))
        expect(counts).toEqual(counts.map((_, i) => 1000 + i))
        await Promise.all(echoes)
      }, { backlog: MANY })
    })

    check('closes the connections past its backlog', async () => {
      await withListener(runtime, 4, async (listener) => {
        const clients: Socket[] = []
        for (let i = 0; i < 8; i++) clients.push(await runtime.connect(listener.at).socket)
        const ends = clients.slice(5).map((client) => client.next().then(({ done }) => done, () => true))
        expect(await Promise.all(ends)).toEqual([true, true, true])
        for (const client of clients.slice(0, 5)) {
          const server = await accept(listener)
          await turns({ client, server }, 1)
          client.close()
          server.close()
        }
      }, { backlog: 5 })
    })

    check('shares a port with another (reusePort)', async () => {
      const first = await runtime.listen(somewhere(4), { reusePort: true })
      const second = await runtime.listen(first.at, { reusePort: true })
      let seen = 0
      const count = async (listener: Listener) => {
        let mine = 0
        for await (const socket of listener) {
          mine++
          socket.close()
          if (++seen === 64) {
            first.close()
            second.close()
          }
        }
        return mine
      }
      const counts = Promise.all([count(first), count(second)])
      for (let i = 0; i < 64; i++) {
        const client = await runtime.connect(first.at).socket
        await client.next()
        client.close()
      }
      const [one, other] = await counts
      expect(one + other).toBe(64)
      expect(Math.min(one, other)).toBeGreaterThan(0)
    })

    check('is refused a port in use', async () => {
      await withListener(runtime, 4, async (listener) => {
        expect(await failure(() => runtime.listen(listener.at))).toBe('in-use')
      })
    })

    check('is refused a path in use', async () => {
      await withListener(runtime, 'unix', async (listener) => {
        expect(await failure(() => runtime.listen(listener.at))).toBe('in-use')
      })
    })

    check('is refused an address that is not here', async () => {
      expect(await failure(() => runtime.listen({ family: 4, address: '203.0.113.7', port: 0 }))).toBe('not-available')
      expect(await failure(() => runtime.listen({ family: 6, address: '2001:db8::7', port: 0 }))).toBe('not-available')
    })

    check('leaves IPv4 to others on ::', async () => {
      const six = await runtime.listen({ family: 6, address: '::', port: 0 })
      const four = await runtime.listen({ family: 4, address: '127.0.0.1', port: six.at.port })
      const client = await runtime.connect(four.at).socket
      const server = await accept(four)
      expect(server.peer.family).toBe(4)
      for (const each of [client, server, six, four]) each.close()
    })

    check('removes its path when it is closed', async () => {
      const listener = await runtime.listen(somewhere('unix'))
      expect(existsSync(listener.at.address)).toBe(true)
      listener.close()
      const again = await runtime.listen(listener.at)
      again.close()
      expect(existsSync(listener.at.address)).toBe(false)
    })

    check('is refused a path it may not make', async () => {
      const at = { family: 'unix', address: `${temporary()}/missing/socket`, port: 0 } as const
      // libuv says EACCES for ENOENT here, for likeness with Windows.
      expect(await failure(() => runtime.listen(at))).toMatch(/^(missing|denied)$/)
    })
  })

  describe('a connect', () => {
    const check = checker(skips)

    check('is refused where nobody listens', async () => {
      for (const family of [4, 6] as const) {
        const at = await unused(runtime, family)
        expect(await failure(() => runtime.connect(at).socket)).toBe('refused')
      }
    })

    check('misses a path that is not there', async () => {
      expect(await failure(() => runtime.connect(somewhere('unix')).socket)).toBe('missing')
    })

    check('comes from the address it is told', async () => {
      await withListener(runtime, 4, async (listener) => {
        const from = { family: 4, address: '127.0.0.9', port: 0 } as const
        const client = await runtime.connect(listener.at, { from }).socket
        const server = await accept(listener)
        expect(server.peer.address).toBe('127.0.0.9')
        expect(client.local).toEqual(server.peer)
        await turns({ client, server }, 3)
        client.end()
        expect(await receive(server)).toBe(0)
        await server.write(fill(new Uint8Array(9), 0))
        server.close()
        expect(await receive(client)).toBe(9)
        client.close()
      })
    })

    check('may not come from an address that is not here', async () => {
      await withListener(runtime, 4, async (listener) => {
        const from = { family: 4, address: '203.0.113.7', port: 0 } as const
        expect(await failure(() => runtime.connect(listener.at, { from }).socket)).toBe('not-available')
      })
    })

    check('is cancelled at once', async () => {
      await withListener(runtime, 4, async (listener) => {
        const connecting = runtime.connect(listener.at)
        const failed = failure(() => connecting.socket)
        connecting.cancel()
        connecting.cancel()
        expect(await failed).toBe('cancelled')
      })
    })

    check('is closed by a cancel that comes too late', async () => {
      await withListener(runtime, 4, async (listener) => {
        const connecting = runtime.connect(listener.at)
        const client = await connecting.socket
        connecting.cancel()
        expect((await client.next()).done).toBe(true)
        expect(await failure(() => client.write(new Uint8Array(1)))).toBe('closed')
      })
    })

    check('that hangs is cancelled', () =>
      withBlackhole(runtime, async (hanging) => {
        const connecting = hanging()
        expect(await settles(runtime, connecting.socket)).toBe(false)
        const failed = failure(() => connecting.socket)
        connecting.cancel()
        expect(await failed).toBe('cancelled')
      }))

    check(
      'that is cancelled leaves no descriptor behind',
      () =>
        withBlackhole(runtime, async (hanging, descriptors) => {
          const before = descriptors()
          const connects = Array.from({ length: 20 }, hanging)
          for (const connecting of connects) expect(await settles(runtime, connecting.socket)).toBe(false)
          expect(descriptors()).toBeGreaterThanOrEqual(before + 20)
          for (const connecting of connects) {
            const failed = failure(() => connecting.socket)
            connecting.cancel()
            expect(await failed).toBe('cancelled')
          }
          await settles(runtime, new Promise(() => {}))
          expect(descriptors()).toBeLessThan(before + 10)
        }),
    )
  })
}

const DEAF = `
require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
  console.log(String(this.address().port))
})
`

/**
 * A listener whose queue is full: another process, stopped. The kernel drops what comes then, so that a connect hangs. It is
 * Node everywhere: a Deno that is stopped while it writes to its cache keeps the lock of it, and every other Deno waits.
 */
async function withBlackhole(
  runtime: Runtime,
  work: (hanging: () => Connecting, descriptors: () => number) => Promise<void>,
): Promise<void> {
  const script = temporary() + '.cjs'
  await runtime.files.write(script, new TextEncoder().encode(DEAF))
  const child = spawn('node', [script])
  const port = await new Promise<number>((resolve) => child.stdout.once('data', (text) => resolve(Number(text))))
  child.kill('SIGSTOP')
  const at: Endpoint = { family: 4, address: '127.0.0.1', port }
  const fillers: Connecting[] = []
  try {
    // Connects are taken until the queue is full.
    for (;;) {
      const connecting = runtime.connect(at)
      fillers.push(connecting)
      if (!(await settles(runtime, connecting.socket))) break
    }
    await work(() => runtime.connect(at), () => readdirSync('/proc/self/fd').length)
  } finally {
    for (const connecting of fillers) {
      connecting.socket.then((socket) => socket.close(), () => {})
      connecting.cancel()
    }
    // Deno's kill() sends no second signal to a child.
    process.kill(child.pid!, 'SIGKILL')
    await runtime.files.remove(script)
  }
}
