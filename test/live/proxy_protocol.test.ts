/** HAProxy and nginx before and behind, which say who the client is or are told; and what is closed because it does not say. */

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
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
      `listen back\n  mode http\n  option forwardfor\n  bind 127.0.0.1:${port} accept-proxy\n  server one 127.0.0.1:${to}\n` +
        '  http-request set-header X-Told "%[fc_pp_authority] %[fc_pp_unique_id]"\n',
    )
  }

  static start(port: number, to: number, how: string): Promise<HAProxy> {
    return HAProxy.#run(port, `listen front\n  bind 127.0.0.1:${port}\n  server one 127.0.0.1:${to} ${how}\n`)
  }

  /** In front of a site, ending TLS and asking for a certificate that `authority` has signed; it passes on all it knows. */
  static ending(port: number, to: number, certificate: string, authority: string): Promise<HAProxy> {
    const ssl = `ssl crt ${certificate} ca-file ${authority} verify optional crt-ignore-err all ca-ignore-err all`
    const options = 'send-proxy-v2-ssl-cn proxy-v2-options authority,unique-id,ssl-cipher,crc32c'
    return HAProxy.#run(
      port,
      `listen front\n  unique-id-format id-%cp\n  bind 127.0.0.1:${port} ${ssl}\n  server one 127.0.0.1:${to} ${options}\n`,
    )
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

/** Debian has it in a package of its own, libnginx-mod-stream. */
const STREAM = '/usr/lib/nginx/modules/ngx_stream_module.so'

/** A server that takes the client from the header, and says who it is. */
class Nginx extends Peer {
  static async start(port: number): Promise<Nginx> {
    const folder = newFolder()
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) =>
      `${name}_temp_path ${folder}/${name};`
    )
    const said = '$proxy_protocol_addr $proxy_protocol_server_addr $remote_addr'
    return await Nginx.#run(
      folder,
      port,
      `http { access_log off; ${paths.join(' ')}
      server { listen 127.0.0.1:${port} proxy_protocol; location / { return 200 "${said}"; } } }`,
    )
  }

  /** In front, with a header of version 1, the only one it sends. */
  static before(port: number, to: number): Promise<Nginx> {
    return Nginx.#run(
      newFolder(),
      port,
      `stream { server { listen 127.0.0.1:${port}; proxy_pass 127.0.0.1:${to}; proxy_protocol on; } }`,
      `load_module ${STREAM};`,
    )
  }

  static async #run(folder: string, port: number, sections: string, modules = ''): Promise<Nginx> {
    const global = `${modules} daemon off; master_process off; pid ${folder}/pid; events {}`
    writeFileSync(join(folder, 'nginx.conf'), `${global} ${sections}`)
    const nginx = new Nginx(folder, 'nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'])
    await nginx.ready(() => listens(port, '127.0.0.1'), 'nginx')
    return nginx
  }
}

const missingTls = lacking('haproxy', 'curl', 'openssl')

describe.skipIf(missingTls !== '')(`HAProxy that ends TLS${missingTls}`, () => {
  const folder = newFolder()
  const at = (name: string): string => join(folder, name)
  let origin: Server
  let front: HAProxy
  let back: HAProxy
  let program: Program
  let port: number

  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const openssl = (...words: string[]): void => void execFileSync('openssl', words, { stdio: 'ignore' })
  /** A certificate that is its own authority: NAME.pem, with its key behind it. */
  function selfSigned(name: string, subject: string): void {
    openssl(
      'req',
      '-x509',
      ...key,
      '-subj',
      subject,
      '-addext',
      'subjectAltName=DNS:site.test',
      '-keyout',
      at('key'),
      '-out',
      at('crt'),
    )
    execFileSync('sh', ['-c', 'cat "$0/crt" "$0/key" > "$1"', folder, at(`${name}.pem`)])
  }

  beforeAll(async () => {
    selfSigned('server', '/CN=site.test')
    selfSigned('joe', '/CN=joe')
    selfSigned('stranger', '/CN=joe')
    origin = createServer(({ headers }, response) =>
      response.end(`${headers['x-forwarded-proto']} for ${headers['x-forwarded-for']}, told ${headers['x-told']}`)
    )
    origin.listen(0, '127.0.0.1')
    await once(origin, 'listening')
    port = await freePort()
    const behind = await freePort()
    back = await HAProxy.behind(behind, (origin.address() as AddressInfo).port)
    program = await Program.start({
      listener: {
        site: {
          mode: 'reverse',
          address: ['127.0.0.1:0'],
          proxy_protocol: 'require',
          proxy_protocol_user: 'cn',
          filter: ['rules'],
        },
      },
      upstream: { site: { servers: [`127.0.0.1:${behind}`] } },
      outgoing: { proxy_protocol: 'v2' },
      rule: [{ user: ['joe'], scheme: ['https'], port: [port], do: 'permit', final: true }, {
        do: 'deny',
        reason: 'a stranger',
      }],
    })
    front = await HAProxy.ending(port, program.port('site'), at('server.pem'), at('joe.pem'))
  })

  afterAll(async () => {
    front?.[Symbol.dispose]()
    back?.[Symbol.dispose]()
    await program?.[Symbol.asyncDispose]()
    origin?.close()
  })

  const ask = (...words: string[]) =>
    curl(
      '--cacert',
      at('server.pem'),
      '--resolve',
      `site.test:${port}:127.0.0.1`,
      ...words,
      `https://site.test:${port}/`,
    )

  test('who has a good certificate is the user; the origin hears of https, and its proxy of the name and the id', async () => {
    const { output } = await ask('--cert', at('joe.pem'))
    expect(String(output)).toMatch(/^https for 127\.0\.0\.1(, 127\.0\.0\.1)?, told site\.test id-\d+$/)
  })

  test('whose certificate is not good is nobody, and so is who has none', async () => {
    expect(String((await ask('--cert', at('stranger.pem'))).output)).toContain('a stranger')
    expect(String((await ask()).output)).toContain('a stranger')
  })

  test('the log has what HAProxy has said', async () => {
    const lines = await program.accessLog(3)
    const url = `https://site.test:${port}/`
    const tls = { version: 'TLSv1.3', cipher: expect.stringMatching(/^TLS_/), server_name: 'site.test' }
    const unique_id = expect.stringMatching(/^id-\d+$/)
    const certificates = [['joe', true, 'joe'], ['joe', false, null], [null, false, null]] as const
    for (const [i, [client_name, client_verified, user]] of certificates.entries()) {
      expect(lines[i]).toMatchObject({ url, user, unique_id, tls: { ...tls, client_name, client_verified } })
    }
  })
})

const missingNginx = lacking('nginx', 'curl')

describe.each(['v1', 'v2'])('origins that expect the PROXY protocol, %s', (version) => {
  let origin: Server
  let program: Program

  beforeAll(async () => {
    origin = createServer((request, response) => response.end(`for ${request.headers['x-forwarded-for']}`))
    origin.listen(0, '127.0.0.1')
    await once(origin, 'listening')
    program = await Program.start({
      listener: { http: { address: ['127.0.0.1:0'] } },
      outgoing: { proxy_protocol: version, connect_ports: ['1-65535'] },
      http: { forwarded_for: 'delete' },
    })
  })

  afterAll(async () => {
    await program?.[Symbol.asyncDispose]()
    origin?.close()
  })

  const through = (client: string) => ['-x', `http://127.0.0.1:${program.port('http')}`, '--interface', client]

  test.skipIf(missing !== '')(
    `HAProxy learns who the client is, each connection being one client's${missing}`,
    async () => {
      const port = await freePort()
      using _haproxy = await HAProxy.behind(port, (origin.address() as AddressInfo).port)
      const url = `http://127.0.0.1:${port}/`
      for (const client of ['127.0.0.3', '127.0.0.4', '127.0.0.3']) {
        const twice = await curl(...through(client), url, url)
        expect(String(twice.output)).toBe(`for ${client}for ${client}`)
        const tunnelled = await curl(...through(client), '-p', url)
        expect(String(tunnelled.output)).toBe(`for ${client}`)
      }
    },
  )

  test.skipIf(missingNginx !== '')(`nginx learns who the client is${missingNginx}`, async () => {
    const port = await freePort()
    using _nginx = await Nginx.start(port)
    const words = [...through('127.0.0.3'), `http://127.0.0.1:${port}/`]
    expect(String((await curl(...words)).output)).toBe('127.0.0.3 127.0.0.1 127.0.0.1')
    expect(String((await curl('-p', ...words)).output)).toBe('127.0.0.3 127.0.0.1 127.0.0.1')
  })
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

  const missingStream = existsSync(STREAM) ? lacking('nginx', 'curl') : ` (skipped: ${STREAM} not installed)`
  test.skipIf(missingStream !== '')(`nginx says who the client is${missingStream}`, async () => {
    const port = await freePort()
    using _nginx = await Nginx.before(port, program.port('http'))
    const words = ['-x', `http://127.0.0.1:${port}`, '--interface', '127.0.0.3', url()]
    expect(String((await curl(...words)).output)).toBe('for 127.0.0.3')
  })

  /** Send these bytes, so many at a time, and give all that comes back. */
  async function answerTo(text: string, each = text.length): Promise<string> {
    const socket = connect(program.port('http'), '127.0.0.1').setNoDelay(true)
    let answer = ''
    socket.setEncoding('latin1').on('data', (data: string) => answer += data).on('error', () => undefined)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    const send = (at: number): void => {
      if (at < text.length) socket.write(text.slice(at, at + each), 'latin1', () => send(at + each))
    }
    send(0)
    await closed
    return answer
  }

  const V2 = '\r\n\r\n\0\r\nQUIT\n'
  const ADDRESSES = '\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb'

  const get = (client: string): string =>
    `PROXY TCP4 ${client} 198.51.100.2 56324 443\r\nGET ${url()} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`

  test('the client is the one that is told of: to the origin', async () => {
    expect(await answerTo(get('192.0.2.1'))).toMatch(/^HTTP\/1.1 200 [^]*for 192\.0\.2\.1$/)
  })

  test('and to the rules', async () => {
    expect(await answerTo(get('192.0.2.66'))).toMatch(/^HTTP\/1.1 403 [^]*not that one/)
  })

  test('a header that comes byte by byte, and the request after it', async () => {
    expect(await answerTo(get('192.0.2.1'), 1)).toMatch(/^HTTP\/1.1 200 [^]*for 192\.0\.2\.1$/)
    const request = get('').slice(get('').indexOf('GET'))
    expect(await answerTo(`${V2}\x21\x11\0\x0c${ADDRESSES}${request}`, 1)).toMatch(/for 192\.0\.2\.1$/)
  })

  test.each([
    [
      'a second header',
      `PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\nPROXY TCP4 192.0.2.9 198.51.100.2 1 2\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
    ],
    ['a line without an end', `PROXY TCP4 ${'1'.repeat(4000)}`, /^$/],
    ['a version 2 that says it is larger than it may be', `${V2}\x21\x11\xff\xff${ADDRESSES}`, /^$/],
    ['a version 2 with a wrong checksum', `${V2}\x21\x11\0\x13${ADDRESSES}\x03\0\x04\x20\xec\x95\x48`, /^$/],
    ['a version 2 whose parts go past its end', `${V2}\x21\x11\0\x10${ADDRESSES}\x02\0\x09a`, /^$/],
    ['a version 2 that is a version 3', `${V2}\x31\x11\0\x0c${ADDRESSES}`, /^$/],
    ['TLS', '\x16\x03\x01\x02\0\x01\0\x01\xfc', /^$/],
  ])('%s', async (_, sent, answer) => {
    expect(await answerTo(sent)).toMatch(answer)
  })

  test('who breaks off, within the header or after it, leaves nothing behind', async () => {
    const header = get('192.0.2.1').slice(0, get('192.0.2.1').indexOf('GET'))
    const before = program.sockets()
    for (const sent of [header.slice(0, 3), header.slice(0, -1), header, `${header}GET `, `${V2}\x21\x11`]) {
      const socket = connect(program.port('http'), '127.0.0.1').on('error', () => undefined)
      await new Promise((resolve) => socket.write(sent, 'latin1', resolve))
      socket.resetAndDestroy()
    }
    await program.settled(before)
    expect(await answerTo(get('192.0.2.1'))).toMatch(/for 192\.0\.2\.1$/)
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
