/** The load: wrk for requests and for bytes, sockets of our own for connections that lie idle. */
import { Buffer } from 'node:buffer'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Running, target } from './check.ts'
import { cpuTime, find, othersTime, residentMemory, run } from './machine.ts'
import { LARGE_SIZE, type Origin, SMALL_SIZE } from './origin.ts'

export type Workload = 'get' | 'idle' | 'bulk'

/** What one run of a workload gave; a number that it did not measure is not there. */
export interface Measures {
  requests_per_second?: number
  cpu_microseconds_per_request?: number
  /** How much of its core the proxy used: below 0.9 the load or the origin was the limit. */
  core_share?: number
  p50_milliseconds?: number
  p99_milliseconds?: number
  cpu_milliseconds_per_gigabyte?: number
  megabytes_per_second?: number
  bytes_per_idle_connection?: number
  resident_megabytes_idle?: number
  /** How many cores programs that are not the bench's took meanwhile: a disturbance. */
  others_cores?: number
}

export interface Outcome {
  readonly measures: Measures
  /** Requests it answered, warming up included. */
  readonly requests: number
}

export interface Effort {
  readonly seconds: number
  readonly warmup: number
  readonly idleConnections: number
}

const GET_CONNECTIONS = 64
const BULK_CONNECTIONS = 8
/** No head of an answer is longer, whatever a proxy adds. */
const ANSWER_HEAD_SIZE = 2048
/** A compiler that works by counting calls is warm after so many requests, however slow the machine is today. */
const WARM_REQUESTS = 50_000
const WARM_TURNS = 10
const OPENING_AT_ONCE = 64
/** Connections opened, used and closed before the memory is looked at, so that one-time costs are not counted. */
const IDLE_WARMUP = 500
const SETTLE_MILLISECONDS = 2000
/** Of the idle connections, how many are asked again at the end. */
const ASKED_AGAIN = 100

const script = fileURLToPath(new URL('load.lua', import.meta.url))

export function measure(
  workload: Workload,
  proxy: Running,
  origin: Origin,
  effort: Effort,
  cores: string,
): Promise<Outcome> {
  if (workload === 'idle') return measureIdle(proxy, origin, effort.idleConnections)
  return measureRequests(workload, proxy, origin, effort, cores)
}

interface Summary {
  readonly requests: number
  readonly bytes: number
  /** Microseconds, as are the latencies. */
  readonly duration: number
  readonly p50: number
  readonly p99: number
}

async function measureRequests(
  workload: 'get' | 'bulk',
  proxy: Running,
  origin: Origin,
  effort: Effort,
  cores: string,
): Promise<Outcome> {
  const path = workload === 'get' ? '/small' : '/large'
  let requests = await warmUp(path, proxy, origin, effort.warmup, cores)
  const [before, others, began] = [cpuTime(proxy.pid), othersTime(), performance.now()]
  const summary = await wrk(path, proxy, origin, effort.seconds, cores)
  const cpu = cpuTime(proxy.pid) - before // ns
  const others_cores = Math.max(0, (othersTime() - others) / ((performance.now() - began) * 1e6))
  requests += summary.requests
  const core_share = cpu / (summary.duration * 1000)
  if (workload === 'bulk') {
    const cpu_milliseconds_per_gigabyte = cpu / 1e6 / (summary.bytes / 1e9)
    return {
      requests,
      measures: { cpu_milliseconds_per_gigabyte, megabytes_per_second: summary.bytes / summary.duration, others_cores },
    }
  }
  return {
    requests,
    measures: {
      requests_per_second: summary.requests / (summary.duration / 1e6),
      cpu_microseconds_per_request: cpu / 1000 / summary.requests,
      core_share,
      p50_milliseconds: summary.p50 / 1000,
      p99_milliseconds: summary.p99 / 1000,
      others_cores,
    },
  }
}

/** Loads the proxy for so many seconds, and longer until its compiler has had its time; gives the number of requests. */
export async function warmUp(
  path: '/small' | '/large',
  proxy: Running,
  origin: Origin,
  seconds: number,
  cores: string,
): Promise<number> {
  const enough = path === '/small' ? WARM_REQUESTS : 1
  let requests = 0
  for (let turn = 0; requests < enough && turn < WARM_TURNS; turn++) {
    requests += (await wrk(path, proxy, origin, seconds, cores)).requests
  }
  return requests
}

/** Loads the proxy for so many seconds; rejects unless every answer was good. */
export async function wrk(
  path: '/small' | '/large',
  proxy: Running,
  origin: Origin,
  seconds: number,
  cores: string,
): Promise<Summary> {
  const program = find('wrk')
  if (program === null) throw new Error('wrk is needed for the load: apt-get install wrk')
  const connections = path === '/small' ? GET_CONNECTIONS : BULK_CONNECTIONS
  const size = path === '/small' ? SMALL_SIZE : LARGE_SIZE
  const said = await run([
    ...[program, '--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`],
    ...['--timeout', '10s', '--script', script, `http://127.0.0.1:${proxy.port}/`],
    ...[target(proxy.mode, origin, path), `127.0.0.1:${origin.port}`],
  ], cores)
  const words = /^RESULT (.*)$/m.exec(said)?.[1]
  if (words === undefined) throw new Error(`wrk gave no result: ${said}`)
  const result: Record<string, number> = {}
  for (const word of words.split(' ')) {
    const [name, value] = word.split('=')
    result[name] = Number(value)
  }
  for (const error of ['connect', 'read', 'write', 'status', 'timeout']) {
    // A proxy that closes after each answer without saying so is a read error to wrk: one an answer, no more.
    if (error === 'read' && !proxy.claims.keepsAlive && result[error] <= result['requests'] + connections) continue
    if (result[error] !== 0) throw new Error(`the load saw errors: ${words}`)
  }
  const { requests, bytes, duration, p50, p99 } = result
  if (requests === 0) throw new Error('nothing was answered')
  // wrk does not look at lengths: their sum must fit, with the answers that were on their way at the end.
  if (bytes < requests * size || bytes > (requests + connections) * (size + ANSWER_HEAD_SIZE)) {
    throw new Error(`${bytes} bytes came for ${requests} answers of ${size}`)
  }
  return { requests, bytes, duration, p50, p99 }
}

async function measureIdle(proxy: Running, origin: Origin, count: number): Promise<Outcome> {
  const warm = await openIdle(proxy, origin, IDLE_WARMUP)
  for (const socket of warm) socket.resetAndDestroy()
  await wait(SETTLE_MILLISECONDS)
  const before = residentMemory(proxy.pid)
  const sockets = await openIdle(proxy, origin, count)
  try {
    await wait(SETTLE_MILLISECONDS)
    const resident = residentMemory(proxy.pid)
    const lost = sockets.filter((socket) => socket.readyState !== 'open').length
    if (lost > 0) throw new Error(`${lost} of ${count} idle connections were closed`)
    for (let i = 0; i < ASKED_AGAIN; i++) await useOnce(sockets[Math.floor(i * count / ASKED_AGAIN)], proxy, origin)
    return {
      requests: IDLE_WARMUP + count + ASKED_AGAIN,
      measures: { bytes_per_idle_connection: (resident - before) / count, resident_megabytes_idle: resident / 1e6 },
    }
  } finally {
    // A reset leaves no port in TIME_WAIT: thousands would be missing in the next round.
    for (const socket of sockets) socket.resetAndDestroy()
  }
}

/** Connections that have had one request answered each, and wait for the next. */
async function openIdle(proxy: Running, origin: Origin, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  let left = count
  const open = async () => {
    while (left-- > 0) {
      const socket = connect({ port: proxy.port, host: '127.0.0.1', noDelay: true })
      sockets.push(socket)
      await useOnce(socket, proxy, origin)
    }
  }
  try {
    await Promise.all(Array.from({ length: OPENING_AT_ONCE }, open))
  } catch (error) {
    left = 0
    for (const socket of sockets) socket.destroy()
    throw error
  }
  return sockets
}

/** One request for the small answer on a connection that is open or opening; rejects when the answer is not that. */
function useOnce(socket: Socket, proxy: Running, origin: Origin): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const read = (bytes: Buffer) => {
      answer += bytes.toString('latin1')
      const head = answer.indexOf('\r\n\r\n')
      if (head < 0 || answer.length < head + 4 + SMALL_SIZE) return
      finish(answer.startsWith('HTTP/1.1 200 ') && answer.slice(head + 4) === origin.small ? null : 'a bad answer')
    }
    const end = () => finish('closed before its answer')
    const fail = (error: Error) => finish(error.message)
    const finish = (wrong: string | null) => {
      socket.off('data', read).off('end', end).off('error', fail).on('error', ignore)
      if (wrong === null) resolve()
      else reject(new Error(`idle connection: ${wrong} ${answer.slice(0, 200)}`))
    }
    socket.off('error', ignore).on('data', read).on('end', end).on('error', fail)
    socket.write(`GET ${target(proxy.mode, origin, '/small')} HTTP/1.1\r\nHost: 127.0.0.1:${origin.port}\r\n\r\n`)
  })
}

/** An idle connection that breaks is counted by its state. */
function ignore(): void {}
