/** TLS that ends at the proxy, and TLS that begins there: curl, openssl and nginx on the other sides. */

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { Agent, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Authority, type Certificate } from '../contract/certificates.ts'
import { curl as curlBytes, freePort, lacking, listens, newFolder, Peer, run as runBytes } from './peers.ts'
import { Program } from './program.ts'
import { Wire } from './wire.ts'

/** What it says, as text. */
const said = async (finished: ReturnType<typeof curlBytes>) => {
  const { code, output } = await finished
  return { code, output: output.toString() }
}
const curl = (...words: string[]) => said(curlBytes(...words))
const shell = (line: string) => said(runBytes('sh', ['-c', line]))

const missing = lacking('curl', 'openssl', 'nginx')

/** nginx that speaks TLS and wants to be shown a certificate. */
class SecureNginx extends Peer {
  static async start(port: number, { cert, key }: Certificate, ca: string): Promise<SecureNginx> {
    const folder = newFolder()
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((one) =>
      `${one}_temp_path ${folder}/${one};`
    )
    writeFileSync(join(folder, 'big'), BIG)
    const said = '$ssl_server_name $ssl_client_s_dn $ssl_session_reused $http_x_forwarded_proto'
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off; master_process off; pid ${folder}/pid; events {} http { access_log off; ${paths.join(' ')}
      server { listen 127.0.0.1:${port} ssl; ssl_certificate ${cert}; ssl_certificate_key ${key};
        ssl_verify_client optional; ssl_client_certificate ${ca}; root ${folder}; keepalive_timeout 0;
        location /said { return 200 "${said}\\n"; } } }`,
    )
    const nginx = new SecureNginx(folder, 'nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'])
    await nginx.ready(() => listens(port, '127.0.0.1'), 'nginx')
    return nginx
  }
}

const BIG = 'a line of a large file\n'.repeat(200_000)

describe.skipIf(missing !== '')(`TLS at the edges${missing}`, () => {
  let authority: Authority
  let origin: Server
  let nginx: SecureNginx
  let program: Program
  let site: Certificate
  let alice: Certificate

  beforeAll(async () => {
    authority = new Authority()
    site = authority.issue('localhost', 'DNS:localhost,DNS:a.test')
    const other = authority.issue('b.test', 'DNS:b.test,DNS:*.b.test')
    alice = authority.issue('alice')
    const app = authority.issue('app', 'DNS:app.test')
    origin = createServer(({ headers }, response) => response.end(`${headers['x-forwarded-proto'] ?? 'nothing'}\n`))
    origin.listen(0, '127.0.0.1')
    await once(origin, 'listening')
    const port = await freePort()
    nginx = await SecureNginx.start(port, app, authority.ca)
    const plain = `127.0.0.1:${(origin.address() as AddressInfo).port}`
    const tls = { ca: authority.ca, name: 'app.test', cert: alice.cert, key: alice.key }
    program = await Program.start({
      listener: {
        proxy: { address: '127.0.0.1:0', tls: [{ ...site }, { ...other }] },
        known: {
          address: '127.0.0.1:0',
          tls: { ...site },
          client_certificates: 'require',
          client_ca: authority.ca,
        },
        site: { mode: 'reverse', address: '127.0.0.1:0', tls: { ...site } },
        socks: { mode: 'socks', address: '127.0.0.1:0', tls: { ...site } },
        icap: { mode: 'icap', address: '127.0.0.1:0', tls: { ...site } },
      },
      upstream: {
        plain: { servers: [plain], hosts: ['a.test'] },
        secure: { servers: [`127.0.0.1:${port}`], hosts: ['secure.test'], tls, check: 'http', check_path: '/said' },
        wrong: { servers: [`127.0.0.1:${port}`], hosts: ['wrong.test'], tls: { ca: authority.ca, name: 'no.test' } },
        strange: { servers: [`127.0.0.1:${port}`], hosts: ['strange.test'], tls: true },
      },
      outgoing: { connect_ports: ['1-65535'] },
    }, { addresses: 5 })
  })

  afterAll(async () => {
    nginx?.[Symbol.dispose]()
    await program?.[Symbol.asyncDispose]()
    origin?.close()
    authority?.[Symbol.dispose]()
  })

  const through = (listener: string, ...words: string[]) => {
    const proxy = `https://localhost:${program.port(listener)}`
    return curl('--proxy', proxy, '--proxy-cacert', authority.ca, ...words)
  }
  const ask = (host: string, path: string, ...words: string[]) => {
    const port = program.port('site')
    const where = ['--cacert', authority.ca, '--connect-to', `${host}:${port}:127.0.0.1:${port}`]
    const checks = host === 'a.test' ? [] : ['--insecure']
    return curl(...where, ...checks, ...words, `https://${host}:${port}${path}`)
  }

  test('a secure web proxy, for a page and for a tunnel', async () => {
    const url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}/`
    expect(await through('proxy', url)).toMatchObject({ code: 0, output: 'nothing\n' })
    expect(await through('proxy', '--proxytunnel', url)).toMatchObject({ code: 0, output: 'nothing\n' })
  })

  test.each([
    ['a.test', 'CN = localhost'],
    ['x.b.test', 'CN = b.test'],
  ])('for %s the certificate of %s', async (name, subject) => {
    const at = `127.0.0.1:${program.port('proxy')}`
    const { output } = await shell(`echo | openssl s_client -connect ${at} -servername ${name} 2>&1`)
    expect(output).toContain(`subject=${subject}`)
  })

  test('HTTP/1.1 by ALPN, and sessions that go on', async () => {
    const at = `127.0.0.1:${program.port('site')}`
    const file = join(authority.folder, 'session')
    // A session comes with the first answer, so one is waited for.
    const request = "printf 'GET / HTTP/1.1\\r\\nHost: a.test\\r\\nConnection: close\\r\\n\\r\\n'"
    const client = `openssl s_client -connect ${at} -servername a.test -alpn h2,http/1.1 -ign_eof`
    const first = await shell(`${request} | ${client} -sess_out ${file} 2>&1`)
    expect(first.output).toContain('ALPN protocol: http/1.1')
    const second = await shell(`${request} | ${client} -sess_in ${file} 2>&1`)
    expect(second.output).toMatch(/^Reused, TLSv1\.3/m)
  })

  const inside = async (listener: string): Promise<Wire> => {
    const socket = connect({ port: program.port(listener), host: 'localhost', ca: readFileSync(authority.ca) })
    await once(socket, 'secureConnect')
    return new Wire(socket, listener)
  }

  test('who does not agree is refused, and nobody else hears of it', async () => {
    const client = await inside('site')
    const at = `127.0.0.1:${program.port('site')}`
    for (const offer of ['-alpn h2', '-tls1_1', '-cipher NULL-SHA256@SECLEVEL=0 -tls1_2']) {
      await shell(`echo | openssl s_client -connect ${at} -servername a.test ${offer} 2>&1`)
    }
    await client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n')
    expect((await client.message('response'))?.line).toBe('HTTP/1.1 200 OK')
    client.close()
  })

  test('SOCKS inside TLS', async () => {
    const client = await inside('socks')
    await client.send(Uint8Array.of(5, 1, 0))
    expect([...await client.bytes(2)]).toEqual([5, 0])
    const { port } = origin.address() as AddressInfo
    await client.send(Uint8Array.of(5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255))
    expect((await client.bytes(10))[1]).toBe(0)
    await client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    const answer = await client.message('response')
    expect(answer?.line).toBe('HTTP/1.1 200 OK')
    client.close()
  })

  test('ICAP inside TLS', async () => {
    const client = await inside('icap')
    await client.send('OPTIONS icaps://localhost/reqmod ICAP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    expect((await client.toEnd()).toString()).toMatch(/^ICAP\/1\.0 200 OK\r\n[^]*Methods: REQMOD\r\n/)
  })

  test('who shows a certificate is a user, and who shows none is sent away', async () => {
    const url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}/known`
    const shown = ['--proxy-cert', alice.cert, '--proxy-key', alice.key]
    expect(await through('known', ...shown, url)).toMatchObject({ code: 0 })
    expect((await through('known', url)).code).not.toBe(0)
    await program.until(() => program.output.some((line) => line.includes('/known')), 'the line of alice')
    const line = program.output.find((one) => one.includes('/known'))!
    expect(JSON.parse(line)).toMatchObject({
      user: 'alice',
      tls: { version: 'TLSv1.3', server_name: 'localhost', client_name: 'alice', client_verified: true },
    })
    await program.until(() => /is closed: .*certificate/.test(program.diagnostics), 'why it was closed')
  })

  test('a site: the origin hears that it was https', async () => {
    expect(await ask('a.test', '/')).toMatchObject({ code: 0, output: 'https\n' })
  })

  test('nginx behind TLS: verified, told a name, shown a certificate', async () => {
    expect((await ask('secure.test', '/said')).output).toMatch(/^app\.test CN=alice [.r] https\n$/)
    expect((await ask('secure.test', '/big')).output).toBe(BIG)
  })

  test.each([['wrong.test'], ['strange.test']])('%s: a certificate that will not do is answered 502', async (host) => {
    const { output } = await ask(host, '/said', '--write-out', '%{http_code}', '--header', 'Accept: text/plain')
    expect(output).toMatch(/TLS: .*502$/s)
  })

  test('a renewed certificate is taken at SIGHUP, under traffic, and a broken one is not', async () => {
    const renewed = authority.issue('renewed', 'DNS:localhost,DNS:a.test')
    const before = readFileSync(site.cert)
    const agent = new Agent({ ca: readFileSync(authority.ca), keepAlive: true, maxSockets: 1 })
    const kept = () => asked(agent, program.port('site'))
    const fresh = async () => {
      const one = new Agent({ ca: readFileSync(authority.ca), maxCachedSessions: 0 })
      return (await asked(one, program.port('site'))).subject
    }
    const first = await kept()
    expect(first.subject).toBe('localhost')

    let running = true
    let answered = 0
    const traffic = [1, 2].map(async () => {
      while (running) {
        await asked(new Agent({ ca: readFileSync(authority.ca), maxCachedSessions: 0 }), program.port('site'))
        answered++
      }
    })
    copyFileSync(renewed.cert, site.cert)
    program.signal('SIGHUP')
    await program.until(() => /key is not the key of .*stays/.test(program.diagnostics), 'words about the broken pair')
    expect(await fresh()).toBe('localhost')
    copyFileSync(renewed.key, site.key)
    program.signal('SIGHUP')
    await program.until(() => /listener\.site\.tls: read again/.test(program.diagnostics), 'the certificate read again')
    expect(await fresh()).toBe('renewed')
    const sofar = answered
    await program.until(() => answered > sofar, 'traffic after it')
    running = false
    await Promise.all(traffic)
    // The connection of before is the same one.
    expect(await kept()).toEqual(first)
    agent.destroy()
    expect(before.equals(readFileSync(site.cert))).toBe(false)
  })
})

/** One request for a.test; whose certificate it came with, and from which local port. */
function asked(agent: Agent, port: number): Promise<{ subject: string; from: number }> {
  return new Promise((resolve, reject) => {
    const request = get({ agent, host: '127.0.0.1', servername: 'a.test', port, headers: { Host: 'a.test' } })
    request.once('error', reject).once('response', (response) => {
      const socket = response.socket as import('node:tls').TLSSocket
      const found = { subject: String(socket.getPeerCertificate().subject?.CN), from: socket.localPort! }
      response.resume().once('end', () => resolve(found)).once('error', reject)
    })
  })
}
