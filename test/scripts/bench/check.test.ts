/** The benchmark trusts no proxy: each way to be wrong that it claims to notice. */
import { Buffer } from 'node:buffer'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { check, checkLog, hostOf, type Running, target, watch } from '../../../scripts/bench/check.ts'
import type { Origin } from '../../../scripts/bench/origin.ts'
import { HTTP_CLAIMS } from '../../../scripts/bench/program.ts'

const bodies = {
  '/small': Buffer.from('small'),
  '/medium': Buffer.from('medium'),
  '/large': Buffer.alloc(100_000, 'l'),
}
const origin: Origin = { port: 1111, secure: 3333, echo: 2222, bodies, stop: () => Promise.resolve(true) }

/** What is wrong with the proxy, and with the origin it pretends to have behind it. */
interface Fault {
  status?: number
  body?: (path: string) => Uint8Array
  fields?: Record<string, string | undefined>
  /** Closes after each answer. */
  closes?: boolean
}

let server: Server
let fault: Fault = {}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Uint8Array[] = []
  for await (const piece of request) pieces.push(piece)
  const path = (request.url ?? '').replace(/^http:\/\/127\.0\.0\.1:\d+/, '')
  const right = path === '/echo' ? Buffer.concat(pieces) : bodies[path as keyof typeof bodies] ?? Buffer.from('checked')
  const fields: Record<string, string | undefined> = {
    via: '1.1 proxy',
    'x-saw-via': '1.1 proxy',
    'x-saw-forwarded-for': '127.0.0.1',
    'x-saw-connection': '7',
    ...fault.fields,
  }
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) response.setHeader(name, value)
  if (fault.closes) response.setHeader('connection', 'close')
  const body = fault.body?.(path) ?? right
  response.setHeader('content-length', body.length)
  response.statusCode = fault.status ?? 200
  response.end(body)
}

beforeEach(async () => {
  fault = {}
  server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

function proxy(part: Partial<Running> = {}): Running {
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  return { pid: 0, mode: 'reverse', port, log: '', claims: HTTP_CLAIMS, ...part }
}

test.each(
  [
    ['forward', 'origin', 'http://127.0.0.1:1111/a', '127.0.0.1:1111'],
    ['forward', 'echo', 'http://127.0.0.1:2222/a', '127.0.0.1:2222'],
    ['reverse', 'origin', '/a', '127.0.0.1:1111'],
    ['reverse', 'echo', '/a', 'echo.bench'],
    ['tcp', 'origin', '/a', '127.0.0.1:1111'],
  ] as const,
)('%s, %s', (mode, to, path, host) => {
  expect(target(mode, origin, '/a', to)).toBe(path)
  expect(hostOf(mode, origin, to)).toBe(host)
})

describe('before anything is measured', () => {
  test('a proxy that does what it claims passes, in both modes', async () => {
    expect(await check(proxy(), origin)).toBe(6)
    expect(await check(proxy({ mode: 'forward' }), origin)).toBe(6)
  })

  test('a tunnel is one line of a log, and has nothing to add', async () => {
    fault = { fields: { via: undefined, 'x-saw-via': undefined, 'x-saw-forwarded-for': undefined } }
    const claims = { via: false, forwardedFor: false, keepsAlive: true }
    expect(await check(proxy({ mode: 'tcp', claims }), origin)).toBe(1)
  })

  test.each<[what: string, fault: Fault, said: string]>([
    ['a status', { status: 502 }, 'has status 502'],
    ['a short answer', { body: () => bodies['/small'].subarray(1) }, "the small answer is not the origin's (4 bytes)"],
    [
      'one byte',
      { body: (path) => path === '/large' ? Buffer.alloc(100_000, 'm') : bodies[path as '/small'] },
      'the large',
    ],
    ['a body that came back otherwise', { body: (path) => bodies[path as '/small'] ?? Buffer.from('?') }, 'to a POST'],
    ['no Via for the client', { fields: { via: undefined } }, 'the client saw no Via'],
    ['no Via for the origin', { fields: { 'x-saw-via': undefined } }, 'the origin saw no Via'],
    ['no X-Forwarded-For', { fields: { 'x-saw-forwarded-for': undefined } }, 'X-Forwarded-For is not added'],
    ['a connection for each answer', { closes: true }, 'connections are not kept'],
  ])('%s', async (_, wrong, said) => {
    fault = wrong
    await expect(check(proxy(), origin)).rejects.toThrow(said)
  })

  test('a proxy that does more than it claims is no less wrong', async () => {
    const claims = { ...HTTP_CLAIMS, forwardedFor: false }
    await expect(check(proxy({ claims }), origin)).rejects.toThrow('X-Forwarded-For is added')
  })
})

describe('meanwhile', () => {
  test('answers are counted, and looked at', async () => {
    const watching = watch(proxy(), origin, '/small', 1000)
    await served(3)
    expect(await watching.stop()).toBeGreaterThanOrEqual(2)
  })

  test('one that is wrong is remembered until the end', async () => {
    let count = 0
    fault = { body: () => Buffer.from(++count < 3 ? 'small' : 'smalL') }
    const watching = watch(proxy(), origin, '/small', 1000)
    await served(3)
    await expect(watching.stop()).rejects.toThrow("an answer meanwhile (/small) is not the origin's")
  })

  test('at the end nothing is waited for, however long the next one is not due', async () => {
    const watching = watch(proxy(), origin, '/small', 0.001)
    await new Promise<void>((resolve) => server.once('request', (_, response) => response.once('close', resolve)))
    await new Promise(setImmediate)
    expect(await watching.stop()).toBe(1)
  })
})

/** Resolves when so many more requests have come. */
function served(count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count
    server.on('request', () => --left === 0 && resolve())
  })
}

describe('after all', () => {
  let folder: string
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'exaproxy-bench-test-'))))
  afterEach(() => rmSync(folder, { recursive: true }))

  test.each([['', 0], ['one\n', 1], ['one\ntwo\n', 2], ['one\ntwo', 1]])('%j has %d lines', async (words, lines) => {
    const log = join(folder, 'log')
    writeFileSync(log, words)
    await checkLog(log, lines)
    await expect(checkLog(log, lines + 1)).rejects.toThrow(
      `the access log has ${lines} lines for ${lines + 1} requests`,
    )
  })

  test('a log that is not there is not an empty one', async () => {
    await expect(checkLog(join(folder, 'log'), 0)).rejects.toThrow('ENOENT')
  })
})
