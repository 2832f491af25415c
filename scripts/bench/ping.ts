/**
 * What an adapter costs: round trips through `next` and `write`, and the memory of idle connections.
 *
 *     node|deno run -A|bun scripts/bench/ping.ts [seconds] [connections] [idle connections]
 *
 * The echo runs in this process and its clients in another one of the same kind, so that CPU is the echo's alone.
 */
import process from 'node:process'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Runtime, Socket } from '../../core/runtime.ts'

const LOOPBACK = { family: 4, address: '127.0.0.1' } as const
/** A request of a browser, about, and an answer. */
const MESSAGE = new Uint8Array(500)

async function adapter(): Promise<Runtime> {
  if ('Bun' in globalThis) return (await import('../../adapters/bun/runtime.ts')).runtime
  if ('Deno' in globalThis) return (await import('../../adapters/deno/runtime.ts')).runtime
  return (await import('../../adapters/node/runtime.ts')).runtime
}

async function echo(socket: Socket): Promise<void> {
  for await (const chunk of socket) {
    const taken = socket.write(chunk)
    if (taken !== undefined) await taken
  }
  socket.close()
}

async function ping(socket: Socket, until: () => boolean): Promise<number> {
  let count = 0
  while (!until()) {
    const taken = socket.write(MESSAGE)
    if (taken !== undefined) await taken
    for (let got = 0; got < MESSAGE.length;) {
      const { done, value } = await socket.next()
      if (done) return count
      got += value.length
    }
    count++
  }
  socket.close()
  return count
}

async function client(runtime: Runtime, port: number, seconds: number, connections: number): Promise<void> {
  const sockets = await dial(runtime, port, connections)
  const end = runtime.clock.now() + seconds * 1000
  const counts = await Promise.all(sockets.map((socket) => ping(socket, () => runtime.clock.now() > end)))
  console.log(counts.reduce((sum, count) => sum + count, 0))
}

async function dial(runtime: Runtime, port: number, connections: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < connections) {
    const batch = Array.from({ length: 100 }, () => runtime.connect({ ...LOOPBACK, port }).socket)
    sockets.push(...await Promise.all(batch.slice(0, connections - sockets.length)))
  }
  return sockets
}

/** Runs this script as the client; gives what it prints, line by line. */
function start(...words: (string | number)[]) {
  const deno = 'Deno' in globalThis ? ['run', '-A'] : []
  const child = spawn(process.execPath, [...deno, fileURLToPath(import.meta.url), ...words.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  return {
    child,
    line: () => new Promise<string>((resolve) => child.stdout.once('data', (text) => resolve(`${text}`))),
  }
}

const runtime = await adapter()
const [first = '3', second = '64', third = '4000', fourth = '0'] = runtime.arguments
if (first === 'client') {
  await client(runtime, Number(second), Number(third), Number(fourth))
  process.exit(0)
} else if (first === 'idle') {
  await dial(runtime, Number(second), Number(third))
  console.log('ready')
  await new Promise((resolve) => process.stdin.on('end', resolve).resume())
  process.exit(0)
}

const listener = await runtime.listen({ ...LOOPBACK, port: 0 }, { backlog: 4096 })
void (async () => {
  for await (const socket of listener) void echo(socket).catch(() => socket.close())
})()

const { line } = start('client', listener.at.port, first, second)
const before = process.cpuUsage()
const count = Number(await line())
const { user, system } = process.cpuUsage(before)
console.log(
  `${runtime.name} ${runtime.version}: ${Math.round(count / Number(first))} round trips/s, ` +
    `${((user + system) / count).toFixed(1)} µs of CPU each`,
)

const settle = () => {
  const { gc, Bun } = globalThis as { gc?: () => void; Bun?: { gc(now: boolean): void } }
  gc?.()
  Bun?.gc(true)
}
settle()
const empty = runtime.memory()
const idle = start('idle', listener.at.port, third)
await idle.line()
settle()
console.log(`${((runtime.memory() - empty) / Number(third) / 1024).toFixed(2)} KB of each of ${third} idle connections`)
process.exit(0)
