/** The load of requests: wrk, with the requests of load.lua; some answers meanwhile are looked at whole. */
import { fileURLToPath } from 'node:url'
import { hostOf, type Running, target, watch } from './check.ts'
import { find, run } from './machine.ts'
import type { Tally } from './measure.ts'
import type { Origin, Path } from './origin.ts'

export interface Shape {
  readonly path: Path
  /** As load.lua knows them. */
  readonly kind: 'get' | 'post' | 'close' | 'pipelined'
  readonly connections: number
}

/** No head of an answer is longer, whatever a proxy adds. */
const ANSWER_HEAD_SIZE = 2048
/** Answers that may be on their way at the end, of each connection. */
const ON_THEIR_WAY = 16
/** How many answers a second are looked at whole; of the large ones, each is work for the load. */
const WATCHED = { '/small': 10, '/medium': 10, '/large': 1 } as const

const script = fileURLToPath(new URL('load.lua', import.meta.url))

/** Loads the proxy for so many seconds; rejects unless every answer was good. */
export async function wrk(
  shape: Shape,
  proxy: Running,
  origin: Origin,
  seconds: number,
  cores: string,
): Promise<Tally> {
  const program = find('wrk')
  if (program === null) throw new Error('wrk is needed for the load: apt-get install wrk')
  const { path, kind, connections } = shape
  const watching = watch(proxy, origin, path, WATCHED[path])
  let said: string
  try {
    said = await run([
      ...[program, '--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`],
      ...['--timeout', '10s', '--script', script, `http://127.0.0.1:${proxy.port}/`],
      ...[target(proxy.mode, origin, path), hostOf(proxy.mode, origin), kind],
    ], cores)
  } catch (error) {
    await watching.stop().catch(() => {})
    throw error
  }
  const watched = await watching.stop()
  const { requests, bytes, duration, p50, p99, p999 } = read(said, shape, proxy, origin)
  const size = origin.bodies[path].length
  const units = requests + watched
  const tally = { units, logged: units, bytes: bytes + watched * size, duration }
  // wrk fills in the times it thinks it missed, and takes those of several requests at once for long ones.
  return kind === 'pipelined' ? tally : { ...tally, latency: { p50, p99, p999 } }
}

/** What wrk said, where all of it is good. */
function read(said: string, { path, connections }: Shape, proxy: Running, origin: Origin) {
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
  const { requests, bytes, duration, p50, p99, p999 } = result
  if (requests === 0) throw new Error('nothing was answered')
  // wrk does not look at lengths: their sum must fit, with the answers that were on their way at the end.
  const size = origin.bodies[path].length
  if (bytes < requests * size || bytes > (requests + connections * ON_THEIR_WAY) * (size + ANSWER_HEAD_SIZE)) {
    throw new Error(`${bytes} bytes came for ${requests} answers of ${size}`)
  }
  return { requests, bytes, duration, p50, p99, p999 }
}
