/** The load of tunnels: bytes through a few that stay, and many that carry one request each; and messages after an upgrade. */
import { Buffer } from 'node:buffer'
import { setTimeout as wait } from 'node:timers/promises'
import { hostOf, type Running, target } from './check.ts'
import { Latencies } from './latencies.ts'
import { Line } from './line.ts'
import type { Tally } from './measure.ts'
import { type Origin, type Path, TLS_NAME } from './origin.ts'

const BULK_TUNNELS = 8
const CLIENTS = 64
const LOGGED_MILLISECONDS = 200
const MESSAGE = Buffer.from('A message of a chat, or of a game: short, and soon answered. 64.'.padEnd(64))

/** The 10 MB answer again and again through a few tunnels. */
export async function tunnelBulk(proxy: Running, origin: Origin, seconds: number): Promise<Tally> {
  const lines = await Promise.all(Array.from({ length: BULK_TUNNELS }, () => openTunnel(proxy, origin)))
  const tally = await crowd(lines.length, seconds, async (over, index) => {
    while (!over()) await get(lines[index], origin, '/large', false)
  })
  const bytes = lines.reduce((sum, line) => sum + line.received, 0)
  await end(lines)
  return { ...tally, units: lines.length, logged: lines.length, bytes }
}

/** A tunnel, one small answer through it, which the origin ends by closing, and the next. */
export async function tunnelChurn(proxy: Running, origin: Origin, seconds: number): Promise<Tally> {
  const latencies = new Latencies()
  const tally = await crowd(CLIENTS, seconds, async (over) => {
    while (!over()) {
      const began = performance.now()
      const line = await openTunnel(proxy, origin)
      await get(line, origin, '/small', true)
      latencies.add((performance.now() - began) * 1000)
      await line.ended()
      line.close()
    }
  })
  return { ...tally, units: latencies.count, logged: latencies.count, latency: latencies.percentiles() }
}

/** A short message there and back, and the next, on connections that have been upgraded. */
export async function messages(proxy: Running, origin: Origin, seconds: number): Promise<Tally> {
  const latencies = new Latencies()
  const lines = await Promise.all(Array.from({ length: CLIENTS }, () => upgrade(proxy, origin)))
  const tally = await crowd(lines.length, seconds, async (over, index) => {
    const line = lines[index]
    while (!over()) {
      const began = performance.now()
      line.send(MESSAGE)
      await line.echo(MESSAGE)
      latencies.add((performance.now() - began) * 1000)
    }
  })
  await end(lines)
  return { ...tally, units: latencies.count, logged: lines.length, latency: latencies.percentiles() }
}

/** So many clients at once for so many seconds; what each has begun it ends. */
async function crowd(
  size: number,
  seconds: number,
  client: (over: () => boolean, index: number) => Promise<void>,
): Promise<{ bytes: number; duration: number }> {
  const began = performance.now()
  let failed = false
  const over = () => failed || performance.now() - began > seconds * 1000
  await Promise.all(Array.from({ length: size }, async (_, index) => {
    try {
      await client(over, index)
    } catch (error) {
      failed = true
      throw error
    }
  }))
  return { bytes: 0, duration: (performance.now() - began) * 1000 }
}

async function openTunnel(proxy: Running, origin: Origin): Promise<Line> {
  if (proxy.mode === 'tls') return await Line.openSecure(proxy.port, TLS_NAME)
  const line = await Line.open(proxy.port)
  if (proxy.mode === 'tcp') return line
  const host = hostOf('forward', origin)
  line.send(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  await line.answer(200, null)
  return line
}

/** A tunnel is in the log when it has ended, and what the proxy is stopped in is not: it is given its time. */
async function end(lines: readonly Line[]): Promise<void> {
  for (const line of lines) line.close()
  await wait(LOGGED_MILLISECONDS)
}

async function get(line: Line, origin: Origin, path: Path, close: boolean): Promise<void> {
  const last = close ? 'Connection: close\r\n' : ''
  line.send(`GET ${path} HTTP/1.1\r\nHost: ${hostOf('forward', origin)}\r\n${last}\r\n`)
  await line.answer(200, origin.bodies[path])
}

async function upgrade(proxy: Running, origin: Origin): Promise<Line> {
  const line = await Line.open(proxy.port)
  line.send(
    `GET ${target(proxy.mode, origin, '/chat', 'echo')} HTTP/1.1\r\nHost: ${hostOf(proxy.mode, origin, 'echo')}\r\n` +
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  await line.answer(101, null)
  return line
}
