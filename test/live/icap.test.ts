/** c-icap sees what our clients ask and what they get. */

import { Buffer } from 'node:buffer'
import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CIcap, lackingCIcap } from './c_icap.ts'
import { curl } from './peers.ts'
import { Program } from './program.ts'
import { until } from './waiting.ts'

const missing = lackingCIcap()

const sum = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** What c-icap asks for as a preview. */
const PREVIEW = 1024
const SIZES = [0, 1, PREVIEW - 1, PREVIEW, PREVIEW + 1, 4096, 100_000, 10_000_000]
const BODIES = SIZES.map((size) => randomBytes(size))

/** Says what it got; and gives bodies, with a length or in chunks. */
class Origin {
  readonly server: Server
  /** Requests so far, method and path. */
  readonly asked: string[] = []

  private constructor() {
    this.server = createServer((request, response) => void this.#answer(request, response))
  }

  static async start(): Promise<Origin> {
    const origin = new Origin()
    await new Promise<void>((resolve) => origin.server.listen(0, '127.0.0.1', resolve))
    return origin
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url } = request
    this.asked.push(`${method} ${url}`)
    if (method === 'POST' || method === 'PUT') {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const body = Buffer.concat(chunks)
      response.end(`${body.length} ${sum(body)}`)
      return
    }
    if (url === '/html') {
      const page = `<!doctype html><html><body>${'x'.repeat(5000)}</body></html>`
      response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Length': page.length }).end(page)
      return
    }
    if (url === '/same') {
      response.writeHead(304, { ETag: '"x"' }).end()
      return
    }
    const [, kind, index] = /^\/(length|chunked)\/(\d+)/.exec(url ?? '') ?? []
    const body = BODIES[Number(index)] ?? Buffer.from('page')
    if (kind !== 'chunked') {
      response.setHeader('Content-Length', body.length)
      response.end(body)
      return
    }
    for (let at = 0; at < body.length; at += 30_000) response.write(body.subarray(at, at + 30_000))
    response.end()
  }

  close(): void {
    this.server.closeAllConnections()
    this.server.close()
  }
}

describe.skipIf(missing !== '')(`c-icap${missing}`, () => {
  let service: CIcap
  let origin: Origin
  let site: string
  let blocked: string

  beforeAll(async () => {
    service = await CIcap.start(['localhost', 'blocked.test'])
    origin = await Origin.start()
    site = `http://127.0.0.1:${origin.port}`
    blocked = `http://localhost:${origin.port}`
  })

  afterAll(() => {
    service?.[Symbol.dispose]()
    origin?.close()
  })

  beforeEach(() => {
    origin.asked.length = 0
  })

  const programOf = (
    services: Record<string, { url: string | string[]; method: string; on_error?: string; timeout?: string }>,
  ) =>
    Program.start({
      listener: { http: { mode: 'forward', address: '127.0.0.1:0', filter: Object.keys(services) } },
      icap: services,
      outgoing: { connect_ports: ['1-65535'] },
    })

  describe.each(['echo', 'ex206'])('%s sees requests and responses', (name) => {
    let program: Program
    let proxy: string[]

    beforeAll(async () => {
      program = await programOf({
        before: { url: service.url(name), method: 'reqmod' },
        after: { url: service.url(name), method: 'respmod' },
      })
      proxy = ['-x', `http://127.0.0.1:${program.port()}`]
    })

    afterAll(() => program?.[Symbol.asyncDispose]())

    describe.each(SIZES.map((size, index) => [size, index] as const))('a body of %i bytes', (size, index) => {
      const upload = (): string => {
        const file = join(service.folder, `body.${index}`)
        writeFileSync(file, BODIES[index])
        return file
      }

      // ex206 puts something of its own before what is HTML, and nothing else.
      test.each([[], ['-H', 'Transfer-Encoding: chunked'], ['-H', 'Expect: 100-continue']])(
        'POST %s %s',
        async (...how) => {
          const { code, output, errors } = await curl(...proxy, ...how, '--data-binary', `@${upload()}`, `${site}/post`)
          expect([code, errors, output.toString()]).toEqual([0, '', `${size} ${sum(BODIES[index])}`])
        },
      )

      test.each(['length', 'chunked'])('GET, %s', async (kind) => {
        const { code, output, errors } = await curl(...proxy, `${site}/${kind}/${index}`)
        expect([code, errors, output.length, sum(output)]).toEqual([0, '', size, sum(BODIES[index])])
      })
    })

    test('HEAD', async () => {
      const { code, output } = await curl(...proxy, '-I', `${site}/length/5`)
      expect(code).toBe(0)
      expect(output.toString()).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*Content-Length: 4096\r\n/)
    })

    test('304', async () => {
      const { code, output } = await curl(...proxy, '-i', '-H', 'If-None-Match: "x"', `${site}/same`)
      expect(code).toBe(0)
      expect(output.toString()).toMatch(/^HTTP\/1.1 304 [^]*ETag: "x"\r\n/)
    })

    test('many requests on one connection', async () => {
      const urls = Array.from({ length: 30 }, (_, i) => `${site}/length/${i % 6}`)
      const { code, output } = await curl(...proxy, ...urls)
      expect(code).toBe(0)
      const wanted = Buffer.concat(Array.from({ length: 30 }, (_, i) => BODIES[i % 6]))
      expect(sum(output)).toBe(sum(wanted))
    })

    test('more requests than it takes on one of its connections', async () => {
      const urls = Array.from({ length: 250 }, () => `${site}/length/1`)
      const { code, output, errors } = await curl(...proxy, '--data-binary', '@-', '-X', 'GET', ...urls)
      expect([code, errors, output.length]).toEqual([0, '', 250])
    })

    test('many at once', async () => {
      const all = Array.from(
        { length: 20 },
        () => curl(...proxy, `${site}/length/6`, `${site}/chunked/6`, `${site}/length/2`),
      )
      const wanted = sum(Buffer.concat([BODIES[6], BODIES[6], BODIES[2]]))
      for (const { code, output } of await Promise.all(all)) expect([code, sum(output)]).toEqual([0, wanted])
    })

    test('HTML, to which ex206 puts something of its own', async () => {
      const { code, output } = await curl(...proxy, `${site}/html`)
      expect(code).toBe(0)
      expect(output.toString()).toMatch(/<html>[^]*x{5000}<\/body><\/html>$/)
      if (name === 'ex206') expect(output.length).toBeGreaterThan(5041)
    })

    test('CONNECT goes through', async () => {
      const { code, output } = await curl(...proxy, '-p', `${site}/length/5`)
      expect([code, sum(output)]).toEqual([0, sum(BODIES[5])])
    })

    test('it was asked: both ways', () => {
      expect(service.log).toMatch(new RegExp(`REQMOD .*${name}`))
      expect(service.log).toMatch(new RegExp(`RESPMOD .*${name}`))
    })
  })

  describe('url_check refuses what is on its list', () => {
    let program: Program
    let proxy: string[]

    beforeAll(async () => {
      program = await programOf({ check: { url: service.url('url_check'), method: 'reqmod' } })
      proxy = ['-x', `http://127.0.0.1:${program.port()}`]
    })

    afterAll(() => program?.[Symbol.asyncDispose]())

    test('what is not on it passes', async () => {
      const { code, output } = await curl(...proxy, `${site}/length/5`)
      expect([code, sum(output)]).toEqual([0, sum(BODIES[5])])
    })

    test.each([[], ['-d', 'a=b'], ['-H', 'Expect: 100-continue', '-d', 'a=b']])(
      'what is on it gets its page: %s %s',
      async (...how) => {
        const { code, output } = await curl(...proxy, ...how, '-w', '%{http_code}', `${blocked}/page`)
        expect(code).toBe(0)
        expect(output.toString()).toMatch(/blocked[^]*403$/i)
        expect(origin.asked).toEqual([])
        expect((await program.accessLog(1)).length).toBe(1)
      },
    )

    test('a large upload to it is refused before it is whole', async () => {
      const file = join(service.folder, 'large')
      writeFileSync(file, BODIES[SIZES.length - 1])
      const { output } = await curl(...proxy, '-w', '%{http_code}', '--data-binary', `@${file}`, `${blocked}/post`)
      expect(output.toString()).toMatch(/403$/)
      expect(origin.asked).toEqual([])
    })

    test('CONNECT to it too', async () => {
      const { code, errors } = await curl(...proxy, '-p', `${blocked}/page`)
      expect(code).toBe(56)
      expect(errors).toMatch(/403/)
    })

    test('the next request on the connection is asked about, too', async () => {
      const { output } = await curl(...proxy, '-w', '%{http_code} ', `${site}/x`, `${blocked}/y`, `${site}/z`)
      expect(output.toString()).toMatch(/^page200 [^]*403 page200 $/)
    })
  })

  describe('is killed', () => {
    test.each([['permit', '200'], ['unavailable', '503'], ['deny', '403']])(
      '%s: %s, and all is well when it is back',
      async (policy, status) => {
        let own = await CIcap.start(['localhost'])
        const { port } = own
        await using program = await programOf({
          check: { url: own.url('url_check'), method: 'reqmod', on_error: policy },
        })
        const ask = async (url: string): Promise<string> => {
          const proxy = ['-x', `http://127.0.0.1:${program.port()}`, '-o', '/dev/null', '-w', '%{http_code}']
          return (await curl(...proxy, url)).output.toString()
        }
        try {
          expect(await ask(`${site}/1`)).toBe('200')
          expect(await ask(`${blocked}/2`)).toBe('403')
          own[Symbol.dispose]()
          expect(await ask(`${site}/3`)).toBe(status)
          expect(await ask(`${site}/4`)).toBe(status)
          own = await CIcap.start(['localhost'], port)
          await until(async () => await ask(`${site}/5`) === '200', 'a service that is back is asked')
          await until(async () => await ask(`${blocked}/6`) === '403', 'a service that is back refuses')
        } finally {
          own[Symbol.dispose]()
        }
      },
    )

    test('in the middle of a body: cut off, or told; never half a body that looks whole', async () => {
      const own = await CIcap.start([])
      await using program = await programOf({ after: { url: own.url('echo'), method: 'respmod' } })
      try {
        const proxy = ['-x', `http://127.0.0.1:${program.port()}`]
        const under = curl(...proxy, '-w', '%{http_code}', '--limit-rate', '1M', `${site}/length/${SIZES.length - 1}`)
        await until(() => origin.asked.length > 0, 'a request')
        await until(() => program.sockets() > 3, 'connections to all')
        own.kill()
        const { code, output } = await under
        if (code === 0) expect(output.toString('latin1')).toMatch(/(502|503)$/)
        else expect([18, 52, 56]).toContain(code)
      } finally {
        own[Symbol.dispose]()
      }
    })

    test('the next address takes over', async () => {
      const own = await CIcap.start(['localhost'])
      await using program = await programOf({
        check: { url: [own.url('url_check'), service.url('url_check')], method: 'reqmod' },
      })
      const proxy = ['-x', `http://127.0.0.1:${program.port()}`, '-o', '/dev/null', '-w', '%{http_code}']
      try {
        expect((await curl(...proxy, `${blocked}/1`)).output.toString()).toBe('403')
        own[Symbol.dispose]()
        expect((await curl(...proxy, `${blocked}/2`)).output.toString()).toBe('403')
        expect((await curl(...proxy, `${site}/3`)).output.toString()).toBe('200')
      } finally {
        own[Symbol.dispose]()
      }
    })
  })
})
