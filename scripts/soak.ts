/**
 * The large run, `npm run soak`: bodies of 4 GB both ways with a slow peer, 8,000 idle connections, 100,000 requests.
 * Prints what memory they took of one worker, started by the launcher on the runtime that EXAPROXY_RUNTIME names, and what the
 * supervisor takes beside it; fails where a goal is missed.
 *
 *     npm run soak -- [--size GB] [--idle N] [--requests N]
 */

import { Buffer } from 'node:buffer'
import process from 'node:process'
import { setTimeout as after } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { OriginConnection } from '../test/live/origin.ts'
import { answering, Origin } from '../test/live/origin.ts'
import { memoryOf } from '../test/live/processes.ts'
import { Program } from '../test/live/program.ts'
import { RawClient } from '../test/live/raw.ts'
import type { Wire } from '../test/live/wire.ts'

const RUNTIME = process.env.EXAPROXY_RUNTIME ?? 'bun'
const LAUNCHED = { environment: { EXAPROXY_RUNTIME: RUNTIME } }
const KB = 1024
const MB = 1024 * KB
const GB = 1024 * MB
/** Resident memory of a worker while a body of any size passes. */
const BODY_GOAL = 150 * MB
/** Resident memory of the supervisor, however much passes through its workers. */
const SUPERVISOR_GOAL = 100 * MB
/** Resident memory of one idle connection. */
const IDLE_GOAL = 10 * KB
/** What memory may have grown by after all requests, against after the first tenth of them. */
const LEAK_GOAL = 30 * MB
const BLOCK = Buffer.alloc(MB, 'exaproxy')
/** A slow peer reads so much, then rests for so long (milliseconds). */
const SIP = 64 * MB
const REST = 100

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '4' },
    idle: { type: 'string', default: '8000' },
    requests: { type: 'string', default: '100000' },
  },
})

let missed = 0

function report(what: string, figure: string, good: boolean): void {
  if (!good) missed++
  console.log(`${RUNTIME.padEnd(7)} ${what.padEnd(44)} ${figure.padStart(16)} ${good ? '' : 'MISSED'}`)
}

/** Of the worker, which carries the traffic. */
function memory(program: Program): { now: number; peak: number } {
  const [worker] = program.workers
  return memoryOf(worker)
}

const megabytes = (bytes: number) => `${(bytes / MB).toFixed(1)} MB`

async function sendAll(wire: Wire, size: number): Promise<void> {
  for (let sent = 0; sent < size; sent += BLOCK.length) await wire.send(BLOCK)
}

/** Takes a body in sips. */
async function sip(wire: Wire, size: number): Promise<number> {
  let taken = 0
  while (taken < size) {
    const got = await wire.skip(Math.min(SIP, size - taken))
    if (got === 0) break
    taken += got
    wire.socket.pause()
    await after(REST)
    wire.socket.resume()
  }
  return taken
}

async function download(size: number): Promise<void> {
  using origin = await Origin.listen(async (connection) => {
    if (await connection.request() === null) return
    connection.keep = false
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
    await sendAll(connection, size)
  })
  await using program = await Program.start({}, LAUNCHED)
  using client = await RawClient.connect(program.port())
  client.keep = false
  const started = performance.now()
  await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: ${origin.authority}\r\n\r\n`)
  await client.head('response')
  const taken = await sip(client, size)
  const { peak } = memory(program)
  report(`download of ${size / GB} GB, slow client: peak memory`, megabytes(peak), taken === size && peak < BODY_GOAL)
  report('  CPU time a GB', `${Math.round(program.cpu() / (size / GB))} ms`, true)
  report('  took', `${((performance.now() - started) / 1000).toFixed(1)} s`, true)
}

async function upload(size: number): Promise<void> {
  let taken = 0
  const receive = async (connection: OriginConnection) => {
    connection.keep = false
    await connection.head('request')
    taken = await sip(connection, size)
    await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone')
  }
  using origin = await Origin.listen(receive)
  await using program = await Program.start({}, LAUNCHED)
  using client = await RawClient.connect(program.port())
  const host = origin.authority
  await client.send(`POST http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${size}\r\n\r\n`)
  await sendAll(client, size)
  const answer = await client.answer()
  const { peak } = memory(program)
  const good = taken === size && answer.body.toString() === 'done' && peak < BODY_GOAL
  report(`upload of ${size / GB} GB, slow origin: peak memory`, megabytes(peak), good)
  report('  CPU time a GB', `${Math.round(program.cpu() / (size / GB))} ms`, true)
}

async function idle(count: number): Promise<void> {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start({ access_log: { destination: 'off' } }, LAUNCHED)
  const host = origin.authority
  const request = `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  // One request of each, as browsers have made: and so is all code compiled before the count starts.
  const open = async (many: number) => {
    const clients: RawClient[] = []
    while (clients.length < many) {
      const batch = await Promise.all(
        Array.from({ length: Math.min(100, many - clients.length) }, async () => {
          const client = await RawClient.connect(program.port())
          client.keep = false
          await client.ask(request)
          return client
        }),
      )
      clients.push(...batch)
    }
    return clients
  }
  const warm = await open(500)
  await after(2000)
  const before = memory(program).now
  const clients = await open(count)
  await after(5000)
  const each = (memory(program).now - before) / count
  report(`${count} idle connections: memory each`, `${(each / KB).toFixed(2)} KB`, each < IDLE_GOAL)
  const answer = await clients[count - 1].ask(request)
  report('  the last one still answers', answer.body.toString(), answer.body.toString() === 'ok')
  for (const client of [...warm, ...clients]) client.close()
}

async function requests(count: number): Promise<void> {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start({ access_log: { destination: '/dev/null' } }, LAUNCHED)
  const host = origin.authority
  const kept = `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  const short = `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
  const sockets = program.sockets()
  const some = async (many: number) => {
    const worker = async () => {
      // Nine of ten on a kept connection, one on its own.
      for (let done = 0; done < many / 20; done += 10) {
        using client = await RawClient.connect(program.port())
        for (let n = 0; n < 9; n++) await client.ask(kept)
        await client.ask(short)
      }
    }
    await Promise.all(Array.from({ length: 20 }, worker))
  }
  await some(count / 10)
  await after(2000)
  const before = memory(program).now
  const cpu = program.cpu()
  await some(count * 0.9)
  const spent = (program.cpu() - cpu) * 1000 / (count * 0.9)
  await after(2000)
  const grown = memory(program).now - before
  report(`${count} requests: memory grown by`, megabytes(grown), grown < LEAK_GOAL)
  const { peak } = memoryOf(program.pid)
  report('  the supervisor, at most', megabytes(peak), peak < SUPERVISOR_GOAL)
  report('  CPU time a request', `${spent.toFixed(1)} us`, true)
  origin.close()
  await program.settled(sockets)
  report('  sockets left behind', String(program.sockets() - sockets), program.sockets() <= sockets)
}

const size = Number(values.size) * GB
await download(size)
await upload(size)
await idle(Number(values.idle))
await requests(Number(values.requests))
process.exitCode = missed === 0 ? 0 : 1
