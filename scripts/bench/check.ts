/** Before anything is measured: does this proxy do what the table says of it? And after: did it log every request? */
import { createReadStream } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { Buffer } from 'node:buffer'
import type { Origin } from './origin.ts'
import type { Claims, Mode } from './programs.ts'

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

const ANSWER_MILLISECONDS = 10_000
const NEWLINE = 10

/** The request target for a path of the origin: absolute towards a forward proxy. */
export function target(mode: Mode, origin: Origin, path: string): string {
  return mode === 'forward' ? `http://127.0.0.1:${origin.port}${path}` : path
}

/** Gives the number of requests it made; throws with the first claim that does not hold. */
export async function check(proxy: Running, origin: Origin): Promise<number> {
  const { claims } = proxy
  const agent = new Agent({ keepAlive: claims.keepsAlive, maxSockets: 1 })
  const get = (path: string) => ask(proxy, origin, path, agent)
  try {
    const small = await get('/small')
    expectBody(small, Buffer.from(origin.small, 'latin1'), 'the small answer')
    expectBody(await get('/large'), origin.large, 'the large answer')
    const first = await get('/check')
    const second = await get('/check')
    expect(first.fields['x-saw-via'] !== undefined, 'the origin saw no Via')
    expect(small.fields.via !== undefined, 'the client saw no Via')
    const forwarded = first.fields['x-saw-forwarded-for'] === '127.0.0.1'
    expect(forwarded === claims.forwardedFor, `X-Forwarded-For is ${forwarded ? '' : 'not '}added`)
    const kept = second.reused && first.fields['x-saw-connection'] === second.fields['x-saw-connection']
    expect(kept === claims.keepsAlive, `connections are ${kept ? '' : 'not '}kept on both sides`)
    return 4
  } finally {
    agent.destroy()
  }
}

function ask(proxy: Running, origin: Origin, path: string, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port: proxy.port,
      path: target(proxy.mode, origin, path),
      headers: { host: `127.0.0.1:${origin.port}` },
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
    asked.end()
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
