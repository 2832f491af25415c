/** Other programs ask our filter over ICAP: Squid about what its clients do, c-icap's client, and this program itself. */

import { createHash, randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { curl, lacking, run } from './peers.ts'
import { Program } from './program.ts'
import { Squid } from './squid.ts'
import type { Table } from './toml.ts'

const sum = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const UPLOAD = randomBytes(10 * 1024 * 1024)
const folder = mkdtempSync(join(tmpdir(), 'exaproxy-icap-'))
const upload = join(folder, 'upload.bin')
writeFileSync(upload, UPLOAD)

/** What an origin says it was asked, as JSON. */
interface Echo {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly size: number
  readonly sum: string
}

let origin: Server
let site: string
let port: number

beforeAll(async () => {
  origin = createServer((request, response) => {
    const hash = createHash('sha256')
    let size = 0
    request.on('data', (chunk: Uint8Array) => {
      size += chunk.length
      hash.update(chunk)
    })
    request.on('end', () => {
      const { method, url, headers } = request
      response.end(JSON.stringify({ method, url, headers, size, sum: hash.digest('hex') }))
    })
  })
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
  port = (origin.address() as AddressInfo).port
  site = `http://127.0.0.1:${port}`
})

afterAll(() => {
  origin.close()
  origin.closeAllConnections()
  rmSync(folder, { recursive: true, force: true })
})

/** The filter of the tests, as an ICAP service; and the rest of a configuration. */
function service(more: Table = {}): Table {
  return {
    listener: { icap: { mode: 'icap', address: '127.0.0.1:0', filter: ['rules'] } },
    rule: [
      { name: 'no', path: ['/denied'], do: 'deny', reason: 'it is on the list' },
      { name: 'away', path: ['/moved'], do: 'redirect', to: 'http://block.test/?u={url}' },
      { name: 'text', path: ['/text'], do: 'respond', text: 'said here\n' },
      { name: 'cut', path: ['/closed'], do: 'close' },
      { name: 'new', path: ['/old'], do: 'rewrite', to: `${site}/new`, set: { 'X-Added': 'yes' }, cookie: { a: '1' } },
      { name: 'other', host: ['moved.test'], do: 'intercept', to: `127.0.0.1:${port}` },
      { name: 'bob', user: ['bob'], path: ['/user'], do: 'deny', reason: 'not for bob' },
      { name: 'client', client: ['127.0.0.7'], do: 'deny', reason: 'not for this address' },
      { name: 'tunnel', method: ['CONNECT'], host: ['denied.test'], do: 'deny', reason: 'no tunnel there' },
    ],
    ...more,
  }
}

describe.each([
  ['with previews', []],
  ['without previews', ['icap_preview_enable off']],
])('Squid, %s', (_, lines) => {
  const missing = lacking('squid', 'curl')
  let program: Program
  let squid: Squid
  let via: string[]

  beforeAll(async () => {
    if (missing !== '') return
    program = await Program.start(service())
    squid = await Squid.start(`icap://127.0.0.1:${program.port('icap')}/reqmod`, ...lines)
    via = ['-x', `http://127.0.0.1:${squid.port}`]
  })

  afterAll(async () => {
    squid?.[Symbol.dispose]()
    await program?.[Symbol.asyncDispose]()
  })

  async function ask(...words: string[]): Promise<string> {
    const { code, output, errors } = await curl(...via, '-i', ...words)
    expect([code, errors]).toEqual([0, ''])
    return output.toString()
  }

  /**
   * Squid 5.7 now and then closes its client's connection without a word (curl: 52) in the middle of an upload that it is
   * still writing to the service: by its own log it is the client's side that ends first. Then it is asked again.
   */
  async function echo(...words: string[]): Promise<Echo> {
    let { code, output, errors } = await curl(...via, ...words)
    for (let tried = 1; code === 52 && tried < 4; tried++) ({ code, output, errors } = await curl(...via, ...words))
    expect([code, errors]).toEqual([0, ''])
    return JSON.parse(output.toString()) as Echo
  }

  test.skipIf(missing !== '')(`what is permitted goes on as it was${missing}`, async () => {
    expect(await echo(`${site}/fine?x=1`, '-H', 'X-Own: 1')).toMatchObject({
      method: 'GET',
      url: '/fine?x=1',
      headers: { 'x-own': '1', host: `127.0.0.1:${port}` },
    })
  })

  test.skipIf(missing !== '')(`denied: our page, with its status${missing}`, async () => {
    const answer = await ask(`${site}/denied`)
    expect(answer).toMatch(/^HTTP\/1.1 403 Forbidden\r\n/)
    expect(answer).toContain('it is on the list')
    expect(await ask(`${site}/denied`, '-H', 'Accept: text/html')).toContain('<!DOCTYPE html>')
  })

  test.skipIf(missing !== '')(`HEAD, denied: no body${missing}`, async () => {
    expect(await ask('-I', `${site}/denied`)).toMatch(/^HTTP\/1.1 403 [^]*\r\n\r\n$/)
  })

  test.skipIf(missing !== '')(`redirected${missing}`, async () => {
    const answer = await ask(`${site}/moved`)
    expect(answer).toMatch(/^HTTP\/1.1 302 /)
    expect(answer).toMatch(/\r\nLocation: http:\/\/block\.test\/\?u=http/i)
  })

  test.skipIf(missing !== '')(`answered${missing}`, async () => {
    expect(await ask(`${site}/text`)).toMatch(/^HTTP\/1.1 200 [^]*\r\n\r\nsaid here\n$/)
  })

  test.skipIf(missing !== '')(`closed: a page, for Squid closes nothing for us${missing}`, async () => {
    expect(await ask(`${site}/closed`)).toMatch(/^HTTP\/1.1 403 /)
  })

  test.skipIf(missing !== '')(`rewritten${missing}`, async () => {
    expect(await echo(`${site}/old/page`)).toMatchObject({ url: '/new', headers: { 'x-added': 'yes', cookie: 'a=1' } })
  })

  test.skipIf(missing !== '')(`intercepted: asked of another host${missing}`, async () => {
    expect(await echo('http://moved.test/path?q')).toMatchObject({ url: '/path?q' })
  })

  test.skipIf(missing !== '').each([0, 1, 4096, 65_536])(`a body of %d bytes, rewritten${missing}`, async (size) => {
    const file = join(folder, `body-${size}`)
    writeFileSync(file, UPLOAD.subarray(0, size))
    const got = await echo('-T', file, `${site}/old`)
    expect(got).toMatchObject({ method: 'PUT', url: '/new', size, sum: sum(UPLOAD.subarray(0, size)) })
  })

  test.skipIf(missing !== '').each(['/fine', '/old'])(`10 MB to %s, whole${missing}`, async (path) => {
    const got = await echo('-T', upload, '-H', 'Expect:', `${site}${path}`)
    expect(got).toMatchObject({ size: UPLOAD.length, sum: sum(UPLOAD) })
  })

  test.skipIf(missing !== '')(`10 MB in chunks, rewritten${missing}`, async () => {
    const got = await echo('-T', upload, '-H', 'Transfer-Encoding: chunked', '-H', 'Expect:', `${site}/old`)
    expect(got).toMatchObject({ size: UPLOAD.length, sum: sum(UPLOAD) })
  })

  test.skipIf(missing !== '')(`10 MB that are denied: the page${missing}`, async () => {
    const { output } = await curl(...via, '-w', '%{http_code}', '-T', upload, `${site}/denied`)
    expect(output.toString()).toMatch(/403$/)
  })

  test.skipIf(missing !== '')(`CONNECT, denied${missing}`, async () => {
    const { code, errors } = await curl(...via, 'https://denied.test/')
    expect(code).not.toBe(0)
    expect(errors).toContain('403')
  })

  test.skipIf(missing !== '')(`CONNECT, permitted: a tunnel${missing}`, async () => {
    const { code, output } = await curl(...via, '-p', `${site}/inside`)
    expect(code).toBe(0)
    expect(JSON.parse(output.toString())).toMatchObject({ url: '/inside' })
  })

  test.skipIf(missing !== '')(
    `what a client of Squid's sends that we would not: a page, and Squid stays${missing}`,
    async () => {
      for (let i = 0; i < 12; i++) {
        const { output } = await curl(...via, '-w', '%{http_code}', '-H', 'Host: a b', `${site}/fine`)
        expect(output.toString()).toMatch(/[245]0[0-9]$/)
      }
      expect(await echo(`${site}/fine`)).toMatchObject({ url: '/fine' })
    },
  )

  test.skipIf(missing !== '')(`the log has the client, not Squid${missing}`, async () => {
    const lines = (await program.accessLog(1)) as { listener: string; client: string }[]
    expect(lines[0]).toMatchObject({ listener: 'icap', client: '127.0.0.1' })
  })
})

const noClient = lacking('c-icap-client')
describe.skipIf(noClient !== '')(`c-icap-client${noClient}`, () => {
  let program: Program

  beforeAll(async () => {
    program = await Program.start(service())
  })

  afterAll(() => program[Symbol.asyncDispose]())

  async function ask(...words: string[]): Promise<string> {
    const { output, errors } = await run('c-icap-client', [
      ...['-i', '127.0.0.1', '-p', String(program.port('icap')), '-s', 'reqmod', '-v'],
      ...words,
    ])
    return output.toString() + errors
  }

  test('OPTIONS', async () => {
    const said = await ask()
    expect(said).toMatch(/Allow 204: Yes/)
    expect(said).toMatch(/Preview: 0/)
    expect(said).toMatch(/Methods: REQMOD/)
  })

  test.each([
    ['permitted', '/fine', /No modification needed/],
    ['denied', '/denied', /HTTP\/1.1 403 Forbidden/],
    ['redirected', '/moved', /HTTP\/1.1 302 Found/],
    ['rewritten', '/old', /GET http:\/\/127\.0\.0\.1:\d+\/new HTTP\/1\.0/],
  ])('%s', async (_, path, said) => {
    expect(await ask('-req', `${site}${path}`)).toMatch(said)
  })

  test.each([
    ['with previews', []],
    ['without 204', ['-no204']],
    ['without previews', ['-nopreview']],
    ['with neither', ['-no204', '-nopreview']],
  ])('a body, %s', async (_, words) => {
    const out = join(folder, 'echoed')
    rmSync(out, { force: true })
    const file = join(folder, 'body')
    writeFileSync(file, UPLOAD.subarray(0, 100_000))
    const said = await ask('-req', `${site}/old`, '-f', file, '-o', out, ...words)
    expect(said).toMatch(/\/new HTTP\/1\.0/)
    const { readFileSync } = await import('node:fs')
    expect(sum(readFileSync(out))).toBe(sum(UPLOAD.subarray(0, 100_000)))
  })

  test.each([
    ['an address', 'X-Client-IP: 127.0.0.7', '/fine', /403 Forbidden/],
    ['a user', 'X-Authenticated-User: bob', '/user', /403 Forbidden/],
    ['a user in Base64', 'X-Authenticated-User: V2luTlQ6Ly9DT1JQL2JvYg==', '/user', /403 Forbidden/],
    ['another user', 'X-Authenticated-User: alice', '/user', /No modification needed/],
  ])('rules see %s', async (_, field, path, said) => {
    expect(await ask('-req', `${site}${path}`, '-x', field)).toMatch(said)
  })
})

describe('this program asks itself', () => {
  let server: Program
  let client: Program
  let via: string[]

  beforeAll(async () => {
    server = await Program.start(service())
    client = await Program.start({
      listener: { http: { mode: 'forward', address: '127.0.0.1:0', filter: ['other'] } },
      outgoing: { connect_ports: ['1-65535'] },
      icap: { other: { url: `icap://127.0.0.1:${server.port('icap')}/reqmod` } },
    })
    via = ['-x', `http://127.0.0.1:${client.port()}`]
  })

  afterAll(async () => {
    await client?.[Symbol.asyncDispose]()
    await server?.[Symbol.asyncDispose]()
  })

  const missing = lacking('curl')

  test.skipIf(missing !== '').each([
    ['permitted', '/fine', /HTTP\/1.1 200 [^]*"url":"\/fine"/],
    ['denied', '/denied', /HTTP\/1.1 403 [^]*it is on the list/],
    ['redirected', '/moved', /HTTP\/1.1 302 [^]*Location: http:\/\/block\.test/],
    ['answered', '/text', /HTTP\/1.1 200 [^]*said here\n$/],
    ['rewritten', '/old', /HTTP\/1.1 200 [^]*"url":"\/new"/],
  ])(`%s${missing}`, async (_, path, said) => {
    const { code, output, errors } = await curl(...via, '-i', `${site}${path}`)
    expect([code, errors]).toEqual([0, ''])
    expect(output.toString()).toMatch(said)
  })

  test.skipIf(missing !== '').each(['/fine', '/old'])(`10 MB to %s, whole${missing}`, async (path) => {
    const { code, output } = await curl(...via, '-T', upload, `${site}${path}`)
    expect(code).toBe(0)
    expect(JSON.parse(output.toString())).toMatchObject({ size: UPLOAD.length, sum: sum(UPLOAD) })
  })

  test.skipIf(missing !== '')(`CONNECT, denied and permitted${missing}`, async () => {
    const { code, errors } = await curl(...via, 'https://denied.test/')
    expect(code).not.toBe(0)
    expect(errors).toContain('403')
    const inside = await curl(...via, '-p', `${site}/inside`)
    expect(JSON.parse(inside.output.toString())).toMatchObject({ url: '/inside' })
  })
})

describe('a service that asks another one', () => {
  const missing = lacking('squid', 'curl')
  let last: Program
  let first: Program
  let squid: Squid
  let via: string[]

  beforeAll(async () => {
    if (missing !== '') return
    last = await Program.start(service())
    first = await Program.start({
      listener: { icap: { mode: 'icap', address: '127.0.0.1:0', filter: ['last'] } },
      icap: { last: { url: `icap://127.0.0.1:${last.port('icap')}/reqmod` } },
    })
    squid = await Squid.start(`icap://127.0.0.1:${first.port('icap')}/reqmod`)
    via = ['-x', `http://127.0.0.1:${squid.port}`]
  })

  afterAll(async () => {
    squid?.[Symbol.dispose]()
    await first?.[Symbol.asyncDispose]()
    await last?.[Symbol.asyncDispose]()
  })

  test.skipIf(missing !== '').each([
    ['permitted', '/fine', /HTTP\/1.1 200 [^]*"url":"\/fine"/],
    ['denied', '/denied', /HTTP\/1.1 403 [^]*it is on the list/],
    ['answered', '/text', /HTTP\/1.1 200 [^]*said here\n$/],
    ['rewritten', '/old', /HTTP\/1.1 200 [^]*"url":"\/new"/],
  ])(`%s${missing}`, async (_, path, said) => {
    const { code, output, errors } = await curl(...via, '-i', `${site}${path}`)
    expect([code, errors]).toEqual([0, ''])
    expect(output.toString()).toMatch(said)
  })

  const bodies = [0, 1, 5000, 300_000, UPLOAD.length].flatMap((size) =>
    ['/fine', '/old'].map((path) => [size, path] as const)
  )
  test.skipIf(missing !== '').each(bodies)(`%d bytes to %s, whole${missing}`, async (size, path) => {
    const file = join(folder, `chained-${size}`)
    writeFileSync(file, UPLOAD.subarray(0, size))
    const { code, output } = await curl(...via, '-T', file, '-H', 'Expect:', `${site}${path}`)
    expect(code).toBe(0)
    expect(JSON.parse(output.toString())).toMatchObject({ size, sum: sum(UPLOAD.subarray(0, size)) })
  })
})

test('what is no ICAP is told so, and the service goes on', async () => {
  await using program = await Program.start(service())
  const say = (text: string) =>
    new Promise<string>((resolve, reject) => {
      let said = ''
      const socket = connect(program.port('icap'), '127.0.0.1', () => socket.write(text))
      socket.on('data', (chunk) => said += chunk.toString('latin1')).on('end', () => resolve(said)).on('error', reject)
    })
  expect(await say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(/^ICAP\/1\.0 400 /)
  expect(await say('REQMOD icap://i/x ICAP/2.0\r\nHost: a\r\n\r\n')).toMatch(/^ICAP\/1\.0 505 /)
  const options = 'OPTIONS icap://i/x ICAP/1.0\r\nHost: i\r\nConnection: close\r\n\r\n'
  expect(await say(options)).toMatch(/^ICAP\/1\.0 200 OK\r\n/)
})
