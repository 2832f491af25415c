/** Does this proxy do what the table says of it? Asked before anything is measured, and of single answers meanwhile. */
import { createReadStream } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import { Buffer } from 'node:buffer'
import { type Origin, type Path, TLS_NAME } from './origin.ts'
import type { Claims, Mode } from './program.ts'

/** A proxy that runs, as the load sees it. */
export interface Running {
  readonly pid: number
  readonly mode: Mode
  readonly port: number
  readonly log: string
  readonly claims: Claims
}

interface Answer {
  readonly fields: IncomingMessage['headers']
  readonly status: number
  readonly body: Uint8Array
  /** The connection it came on was used before. */
  readonly reused: boolean
}

interface Question {
  readonly to: 'origin' | 'echo'
  readonly path: string
  readonly body?: Uint8Array
}

const ANSWER_MILLISECONDS = 10_000
const NEWLINE = 10
const POST_SIZE = 1024

/** What `target` asks for is served by the origin, or by the one that echoes; the value of Host. */
export function hostOf(mode: Mode, origin: Origin, to: 'origin' | 'echo' = 'origin'): string {
  if (to === 'origin') return `127.0.0.1:${origin.port}`
  return mode === 'reverse' ? 'echo.bench' : `127.0.0.1:${origin.echo}`
}

/** The request target for a path: absolute towards a forward proxy. */
export function target(mode: Mode, origin: Origin, path: string, to: 'origin' | 'echo' = 'origin'): string {
  return mode === 'forward' ? `http://${hostOf(mode, origin, to)}${path}` : path
}

/** Gives the number of requests (of connections, where only bytes are passed) it made; throws with the first false claim. */
export async function check(proxy: Running, origin: Origin): Promise<number> {
  const { claims } = proxy
  const agent = agentOf(proxy)
  const get = (path: string) => ask(proxy, origin, { to: 'origin', path }, agent)
  try {
    const small = await get('/small')
    expectBody(small, origin.bodies['/small'], 'the small answer')
    expectBody(await get('/medium'), origin.bodies['/medium'], 'the answer of 64 KB')
    expectBody(await get('/large'), origin.bodies['/large'], 'the large answer')
    const first = await get('/check')
    const second = await get('/check')
    const via = first.fields['x-saw-via'] !== undefined
    expect(via === claims.via, `the origin saw ${via ? 'a' : 'no'} Via`)
    expect((small.fields.via !== undefined) === claims.via, `the client saw ${claims.via ? 'no' : 'a'} Via`)
    const forwarded = first.fields['x-saw-forwarded-for'] === '127.0.0.1'
    expect(forwarded === claims.forwardedFor, `X-Forwarded-For is ${forwarded ? '' : 'not '}added`)
    const kept = second.reused && first.fields['x-saw-connection'] === second.fields['x-saw-connection']
    expect(kept === claims.keepsAlive, `connections are ${kept ? '' : 'not '}kept on both sides`)
    if (proxy.mode === 'tcp' || proxy.mode === 'tls') return 1
    const body = origin.bodies['/large'].subarray(0, POST_SIZE)
    expectBody(await ask(proxy, origin, { to: 'echo', path: '/echo', body }, agent), body, 'the answer to a POST')
    return 6
  } finally {
    agent.destroy()
  }
}

/**
 * Asks for `path` again and again, `often` a second, until told to stop, and looks at every byte of each answer: wrk only
 * counts them. `stop` gives how many it had; it rejects when one was wrong.
 */
export function watch(proxy: Running, origin: Origin, path: Path, often: number): { stop(): Promise<number> } {
  const agent = agentOf(proxy)
  let going = true
  let wake = () => {}
  const rest = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 1000 / often)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  const work = async () => {
    let answers = 0
    while (going) {
      const answer = await ask(proxy, origin, { to: 'origin', path }, agent)
      expectBody(answer, origin.bodies[path], `an answer meanwhile (${path})`)
      answers++
      if (going) await rest()
    }
    return answers
  }
  const result = work().finally(() => agent.destroy())
  result.catch(() => {}) // seen by stop()
  return {
    stop() {
      going = false
      wake()
      return result
    },
  }
}

function agentOf({ mode, claims }: Running): Agent {
  const options = { keepAlive: claims.keepsAlive, maxSockets: 1 }
  // Who signed the origin's certificate is no matter here.
  return mode === 'tls'
    ? new SecureAgent({ ...options, servername: TLS_NAME, rejectUnauthorized: false })
    : new Agent(options)
}

function ask(proxy: Running, origin: Origin, { to, path, body }: Question, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const host = hostOf(proxy.mode, origin, to)
    const asked = (proxy.mode === 'tls' ? secureRequest : request)({
      host: '127.0.0.1',
      port: proxy.port,
      path: target(proxy.mode, origin, path, to),
      headers: body === undefined ? { host } : { host, 'content-length': body.length },
      method: body === undefined ? 'GET' : 'POST',
      agent,
      timeout: ANSWER_MILLISECONDS,
    }, (response) => {
      const pieces: Uint8Array[] = []
      response.on('data', (piece: Uint8Array) => pieces.push(piece))
      response.once('error', reject)
      response.once('end', () =>
        resolve({
          fields: response.headers,
          status: response.statusCode ?? 0,
          body: Buffer.concat(pieces),
          reused: asked.reusedSocket,
        }))
    })
    asked.once('timeout', () => asked.destroy(new Error(`no answer to ${path}`)))
    asked.once('error', reject)
    asked.end(body)
  })
}

function expectBody(answer: Answer, body: Uint8Array, what: string): void {
  expect(answer.status === 200, `${what} has status ${answer.status}`)
  expect(Buffer.compare(answer.body, body) === 0, `${what} is not the origin's (${answer.body.length} bytes)`)
}

function expect(truth: boolean, otherwise: string): void {
  if (!truth) throw new Error(otherwise)
}

/** Throws when the access log of a proxy that has ended holds fewer lines than it answered requests. */
export async function checkLog(path: string, requests: number): Promise<void> {
  let lines = 0
  for await (const piece of createReadStream(path, { highWaterMark: 1_048_576 })) {
    const bytes: Uint8Array = piece
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines++
  }
  expect(lines >= requests, `the access log has ${lines} lines for ${requests} requests`)
}
