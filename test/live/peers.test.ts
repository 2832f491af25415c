/** Real clients, real origins and real name servers: what a user does on the first day. */

import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { curl, lacking, Names, Nginx, run } from './peers.ts'
import { Program } from './program.ts'
import type { NameServerName } from './peers.ts'

const PAGE = '<!doctype html><title>site</title><p id="word">Pineapple</p>\n'
const BIG = randomBytes(8 * 1024 * 1024)
/** Half of it is more than what a collector lets lie. */
const UPLOAD_SIZE = 200 * 1024 * 1024

const sum = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

const missing = lacking('nginx', 'openssl', 'curl')

describe.skipIf(missing !== '')(`nginx behind the proxy${missing}`, () => {
  let nginx: Nginx

  beforeAll(async () => {
    nginx = await Nginx.start({ 'index.html': PAGE, 'big.bin': BIG, 'empty.txt': '' })
  })

  afterAll(() => nginx[Symbol.dispose]())

  describe.each(['dnsmasq', 'unbound'] as NameServerName[])('with names from %s', (server) => {
    const absent = lacking(server)
    let names: Names
    let program: Program
    let proxy: string[]

    beforeAll(async () => {
      if (absent !== '') return
      names = await Names.start(server, [
        ['site.test', 'A', '127.0.0.1'],
        ['site.test', 'AAAA', '::1'],
        ['v4.site.test', 'A', '127.0.0.1'],
        ['v6.site.test', 'AAAA', '::1'],
      ])
      program = await Program.start({
        listener: { http: { mode: 'forward', address: ['127.0.0.1:0', '[::1]:0'] } },
        outgoing: { connect_ports: ['1-65535'] },
        dns: { servers: [names.authority], hosts: false },
      })
      proxy = [`http://127.0.0.1:${program.port('http', '127.0.0.1')}`, `http://[::1]:${program.port('http', '::1')}`]
    })

    afterAll(async () => {
      await program?.[Symbol.asyncDispose]()
      names?.[Symbol.dispose]()
    })

    const sites = ['site.test', 'v4.site.test', 'v6.site.test']
    const ways = sites.flatMap((site) => [0, 1].map((family) => [site, family] as const))

    test.skipIf(absent !== '').each(ways)(`http://%s from family %d${absent}`, async (site, family) => {
      const { code, output, errors } = await curl('-x', proxy[family], `http://${site}:${nginx.port}/`)
      expect([code, output.toString(), errors]).toEqual([0, PAGE, ''])
    })

    test.skipIf(absent !== '').each(ways)(`https://%s from family %d${absent}`, async (site, family) => {
      const url = `https://${site}:${nginx.tlsPort}/`
      const { code, output, errors } = await curl('-x', proxy[family], '--cacert', nginx.certificate, url)
      expect([code, output.toString(), errors]).toEqual([0, PAGE, ''])
    })

    test.skipIf(absent !== '')(`a name that does not exist is named on the page${absent}`, async () => {
      const { code, output } = await curl('-x', proxy[0], '-w', '%{http_code}', 'http://no-such-name.test/')
      expect(code).toBe(0)
      expect(output.toString()).toMatch(/no-such-name\.test/)
      expect(output.toString()).toMatch(/502$/)
    })
  })

  describe('curl', () => {
    let program: Program
    let proxy: string[]
    let site: string

    beforeAll(async () => {
      program = await Program.start()
      proxy = ['-x', `http://127.0.0.1:${program.port()}`]
      site = `http://127.0.0.1:${nginx.port}`
    })

    afterAll(() => program[Symbol.asyncDispose]())

    test('a large file, whole', async () => {
      const { code, output } = await curl(...proxy, `${site}/big.bin`)
      expect([code, sum(output)]).toEqual([0, sum(BIG)])
    })

    test.each(['0-0', '100-5099', '-777', '8388600-'])('a range of it: %s', async (range) => {
      const { code, output } = await curl(...proxy, '-r', range, `${site}/big.bin`)
      const direct = await curl('-r', range, `${site}/big.bin`)
      expect([code, output.equals(direct.output)]).toEqual([0, true])
    })

    test('HEAD', async () => {
      const { code, output } = await curl(...proxy, '-I', `${site}/big.bin`)
      expect(code).toBe(0)
      expect(output.toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
      expect(output.toString()).toMatch(/\r\nContent-Length: 8388608\r\n/i)
    })

    test('an empty file, a missing file, a file not modified', async () => {
      const status = async (...words: string[]) =>
        (await curl(...proxy, '-w', '%{http_code}', ...words)).output.toString()
      expect(await status(`${site}/empty.txt`)).toBe('200')
      expect(await status('-o', '/dev/null', `${site}/missing`)).toBe('404')
      const etag = /etag: (\S+)/i.exec((await curl(...proxy, '-I', `${site}/`)).output.toString())?.[1] ?? ''
      expect(await status('-H', `If-None-Match: ${etag}`, `${site}/`)).toBe('304')
    })

    test('--http1.0', async () => {
      const { code, output } = await curl(...proxy, '--http1.0', '-i', `${site}/`)
      expect(code).toBe(0)
      expect(output.toString().endsWith(`\r\n\r\n${PAGE}`)).toBe(true)
      expect(output.toString()).not.toMatch(/transfer-encoding/i)
    })

    test('several requests over one connection', async () => {
      const words = ['-w', '%{num_connects}\n', '-o', '/dev/null', `${site}/`]
      const { output } = await curl(
        ...proxy,
        ...words,
        '-o',
        '/dev/null',
        `${site}/big.bin`,
        '-o',
        '/dev/null',
        `${site}/`,
      )
      expect(output.toString()).toBe('1\n0\n0\n')
    })

    test('the origin sees what was asked, by whom and through whom', async () => {
      const { output } = await curl(...proxy, `${site}/seen`)
      expect(output.toString()).toMatch(
        new RegExp(`^GET 127[.]0[.]0[.]1:${nginx.port} 1[.]1 exaproxy-[0-9a-f]+ 127[.]0[.]0[.]1\n$`),
      )
    })
  })
})

const noCurl = lacking('curl')

describe.skipIf(noCurl !== '')(`uploads by curl${noCurl}`, () => {
  /** Answers an upload with its size and checksum. */
  const origin = createServer((request, response) => {
    const hash = createHash('sha256')
    let size = 0
    request.on('data', (chunk: Uint8Array) => {
      size += chunk.length
      hash.update(chunk)
    })
    request.on('end', () => response.end(`${request.method} ${size} ${hash.digest('hex')}`))
  })
  let program: Program
  let folder: string
  let url: string
  let proxy: string[]

  beforeAll(async () => {
    await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
    program = await Program.start()
    folder = mkdtempSync(join(tmpdir(), 'exaproxy-upload-'))
    url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}/`
    proxy = ['-x', `http://127.0.0.1:${program.port()}`]
  })

  afterAll(async () => {
    await program[Symbol.asyncDispose]()
    origin.closeAllConnections()
    origin.close()
  })

  const ways = [
    ['POST with a length', ['--data-binary']],
    ['POST waiting for 100', ['-H', 'Expect: 100-continue', '--expect100-timeout', '40', '--data-binary']],
    ['POST of chunks', ['-H', 'Transfer-Encoding: chunked', '--data-binary']],
    ['POST with HTTP/1.0', ['--http1.0', '--data-binary']],
  ] as const

  test.each(ways)('%s', async (_title, words) => {
    const file = join(folder, 'file')
    writeFileSync(file, randomBytes(3_000_001))
    const { code, output, errors } = await curl(...proxy, ...words, `@${file}`, url)
    expect([code, output.toString(), errors]).toEqual([0, `POST 3000001 ${sum(readFileSync(file))}`, ''])
  })

  test('PUT of 200 MB arrives whole, and is not kept in memory', async () => {
    const file = join(folder, 'large')
    writeFileSync(file, randomBytes(UPLOAD_SIZE))
    const before = program.memory().now
    const { code, output } = await curl(...proxy, '-T', file, url)
    expect([code, output.toString()]).toEqual([0, `PUT ${UPLOAD_SIZE} ${sum(readFileSync(file))}`])
    expect(program.memory().peak - before).toBeLessThan(UPLOAD_SIZE / 2)
  })
})

const noBrowser = lacking('chromium', 'nginx', 'openssl', 'dnsmasq')

describe.skipIf(noBrowser !== '')(`Chromium${noBrowser}`, () => {
  test.each(['http', 'https'])('shows a page over %s', async (scheme) => {
    using nginx = await Nginx.start({ 'index.html': PAGE })
    using names = await Names.start('dnsmasq', [['site.test', 'A', '127.0.0.1']])
    await using program = await Program.start({
      outgoing: { connect_ports: ['1-65535'] },
      dns: { servers: [names.authority], hosts: false },
    })
    const port = scheme === 'http' ? nginx.port : nginx.tlsPort
    const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
    const { output, errors } = await run('chromium', [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', ...quiet, '--ignore-certificate-errors'],
      `--user-data-dir=${mkdtempSync(join(tmpdir(), 'exaproxy-chromium-'))}`,
      `--proxy-server=http://127.0.0.1:${program.port()}`,
      '--dump-dom',
      `${scheme}://site.test:${port}/`,
    ])
    expect(output.toString(), errors).toMatch(/<p id="word">Pineapple<\/p>/)
  }, 90_000)
})
