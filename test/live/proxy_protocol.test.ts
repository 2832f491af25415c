/** HAProxy in front, which says who the client is; and what is closed because it does not. */

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { curl, freePort, lacking, listens, newFolder, Peer } from './peers.ts'
import { Program } from './program.ts'

const missing = lacking('haproxy', 'curl')

class HAProxy extends Peer {
  /** In front of an origin, taking the client from the header. */
  static behind(port: number, to: number): Promise<HAProxy> {
    return HAProxy.#run(
      port,
      `listen back\n  mode http\n  option forwardfor\n  bind 127.0.0.1:${port} accept-proxy\n  server one 127.0.0.1:${to}\n`,
    )
  }

  static start(port: number, to: number, how: string): Promise<HAProxy> {
    return HAProxy.#run(port, `listen front\n  bind 127.0.0.1:${port}\n  server one 127.0.0.1:${to} ${how}\n`)
  }

  static async #run(port: number, sections: string): Promise<HAProxy> {
    const folder = newFolder()
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(
      file,
      `defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n${sections}`,
    )
    const haproxy = new HAProxy(folder, 'haproxy', ['-f', file, '-db'])
    await haproxy.ready(() => listens(port, '127.0.0.1'), 'haproxy')
    return haproxy
  }
}

describe.skipIf(missing !== '')(`origins that expect the PROXY protocol${missing}`, () => {
  let origin: Server

  beforeAll(async () => {
    origin = createServer((request, response) => response.end(`for ${request.headers['x-forwarded-for']}`))
    origin.listen(0, '127.0.0.1')
    await once(origin, 'listening')
  })

  afterAll(() => origin.close())

  test.each(['v1', 'v2'])(
    "%s: HAProxy learns who the client is, each connection being one client's",
    async (version) => {
      const port = await freePort()
      using _haproxy = await HAProxy.behind(port, (origin.address() as AddressInfo).port)
      await using program = await Program.start({
        listener: { http: { address: ['127.0.0.1:0'] } },
        outgoing: { proxy_protocol: version, connect_ports: ['1-65535'] },
        http: { forwarded_for: 'delete' },
      })
      const proxy = ['-x', `http://127.0.0.1:${program.port('http')}`]
      const url = `http://127.0.0.1:${port}/`
      for (const client of ['127.0.0.3', '127.0.0.4', '127.0.0.3']) {
        const twice = await curl(...proxy, '--interface', client, url, url)
        expect(String(twice.output)).toBe(`for ${client}for ${client}`)
        const tunnelled = await curl(...proxy, '--interface', client, '-p', url)
        expect(String(tunnelled.output)).toBe(`for ${client}`)
      }
    },
  )
})

describe('a listener that requires the PROXY protocol', () => {
  let origin: Server
  let program: Program
  const url = () => `http://127.0.0.1:${(origin.address() as AddressInfo).port}/`

  beforeAll(async () => {
    origin = createServer((request, response) => response.end(`for ${request.headers['x-forwarded-for']}`))
    origin.listen(0, '127.0.0.1')
    await once(origin, 'listening')
    program = await Program.start({
      listener: { http: { address: ['127.0.0.1:0'], proxy_protocol: 'require', filter: ['rules'] } },
      rule: [{ client: ['192.0.2.66'], do: 'deny', reason: 'not that one' }],
    })
  })

  afterAll(async () => {
    await program?.[Symbol.asyncDispose]()
    origin?.close()
  })

  /** Send these bytes, and give all that comes back. */
  async function answerTo(text: string): Promise<string> {
    const socket = connect(program.port('http'), '127.0.0.1')
    let answer = ''
    socket.setEncoding('latin1').on('data', (data: string) => answer += data).on('error', () => undefined)
    socket.write(text, 'latin1')
    await new Promise((resolve) => socket.once('close', resolve))
    return answer
  }

  const get = (client: string): string =>
    `PROXY TCP4 ${client} 198.51.100.2 56324 443\r\nGET ${url()} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`

  test('the client is the one that is told of: to the origin', async () => {
    expect(await answerTo(get('192.0.2.1'))).toMatch(/^HTTP\/1.1 200 [^]*for 192\.0\.2\.1$/)
  })

  test('and to the rules', async () => {
    expect(await answerTo(get('192.0.2.66'))).toMatch(/^HTTP\/1.1 403 [^]*not that one/)
  })

  test('without a header not a byte is answered', async () => {
    expect(await answerTo(`GET ${url()} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toBe('')
  })

  describe.skipIf(missing !== '')(`behind HAProxy${missing}`, () => {
    test.each(['send-proxy', 'send-proxy-v2', 'send-proxy-v2 proxy-v2-options crc32c,unique-id,authority'])(
      'with %s',
      async (how) => {
        const port = await freePort()
        using _haproxy = await HAProxy.start(port, program.port('http'), how)
        const { output } = await curl('-x', `http://127.0.0.1:${port}`, '--interface', '127.0.0.3', url())
        expect(String(output)).toBe('for 127.0.0.3')
      },
    )
  })
})
