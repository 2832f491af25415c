/** What a TLS client says first inside its tunnel: judged before it reaches the origin, with real clients and a real server. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { REFUSED_NAME } from '../../core/proxy/peek.ts'
import { CHROMIUM, CURL } from '../tls/captures.ts'
import { hello, serverName } from '../tls/hello.ts'
import { NameServer } from './name_server.ts'
import { Origin, type OriginConnection } from './origin.ts'
import { curl, lacking, newFolder, run } from './peers.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { until } from './waiting.ts'

const missing = lacking('curl', 'openssl')
const NAMES = ['any-1.test', 'any-3.test', 'games.test', 'led.test']

/** An https server that tells who was asked for, and counts what it got. */
class Secure {
  readonly sockets: Socket[] = []
  readonly certificate: string
  readonly #server: Server

  private constructor(server: Server, certificate: string) {
    this.#server = server
    this.certificate = certificate
    server.on('connection', (socket: Socket) => this.sockets.push(socket))
    server.on('tlsClientError', () => undefined)
    server.on('secureConnection', (socket) => {
      socket.on('error', () => undefined)
      const name = String(socket.servername)
      socket.on('data', () => socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${name}`))
    })
  }

  static async listen(): Promise<Secure> {
    const folder = newFolder()
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=tls.test', '-addext']
        .concat([`subjectAltName=${NAMES.map((name) => `DNS:${name}`).join(',')}`, '-keyout', key, '-out', cert]),
      { stdio: 'ignore' },
    )
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) })
    const secure = new Secure(server, cert)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return secure
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy()
    this.#server.close()
  }
}

describe.skipIf(missing !== '')(`inside a tunnel${missing}`, () => {
  let secure: Secure
  let plain: Origin
  let names: NameServer
  let program: Program
  let proxy: string

  beforeAll(async () => {
    secure = await Secure.listen()
    // Says something first, and repeats what it hears.
    plain = await Origin.listen(async (connection) => {
      await connection.send('220 hello\r\n')
      for (;;) {
        const heard = await connection.bytes(1)
        if (heard.length === 0) return connection.end()
        await connection.send(heard)
      }
    })
    names = await NameServer.listen({
      'any-*.test': { a: ['127.0.0.1'] },
      'strict-1.test': { a: ['127.0.0.1'] },
      'games.test': { a: ['127.0.0.1'] },
    })
    program = await Program.start({
      listener: {
        http: { mode: 'forward', address: '127.0.0.1:0', filter: ['rules'], peek: true },
        tls: { mode: 'tls', address: '127.0.0.1:0', filter: ['rules'] },
      },
      outgoing: { connect_ports: ['1-65535'] },
      dns: { servers: [names.authority], hosts: false },
      rule: [
        { name: 'games', sni: ['games.test'], do: 'deny', reason: 'games' },
        { name: 'not-tls', host: ['strict-1.test'], tls: false, do: 'deny' },
        { name: 'hidden', host: ['any-2.test'], ech: true, do: 'deny' },
        { name: 'fronted', host: ['any-3.test'], sni_mismatch: true, do: 'close' },
        { name: 'led', sni: ['led.test'], do: 'intercept', to: `127.0.0.1:${secure.port}` },
        { name: 'asked for', host: ['shut.test'], do: 'deny' },
      ],
    }, { addresses: 2 })
    proxy = `http://127.0.0.1:${program.port()}`
  })

  afterAll(async () => {
    await program?.[Symbol.asyncDispose]()
    names?.close()
    plain?.close()
    secure?.close()
  })

  /** curl asks `url`, in a tunnel to another host perhaps. */
  const ask = (host: string, through = '') => {
    const words = through === '' ? [] : ['--connect-to', `${host}:${secure.port}:${through}`]
    return curl('-x', proxy, '--cacert', secure.certificate, ...words, `https://${host}:${secure.port}/`)
  }

  /** A client in a tunnel from `host` to the plain origin, and the other end of it. */
  async function inside(host: string): Promise<[RawClient, OriginConnection]> {
    const index = plain.connections.length
    const client = await RawClient.connect(program.port())
    await client.send(`CONNECT ${host}:${plain.port} HTTP/1.1\r\nHost: ${host}:${plain.port}\r\n\r\n`)
    expect((await client.message('bodiless'))?.line).toBe('HTTP/1.1 200 Connection established')
    return [client, await plain.connection(index)]
  }

  /** What the https server got of a client that is refused with an alert, or without a word. */
  async function refused(host: string, through: string): Promise<[errors: string, got: number]> {
    const before = secure.sockets.length
    const { code, errors } = await ask(host, through)
    expect(code).toBe(35)
    await until(() => secure.sockets.length > before, 'a connection to the https server')
    return [errors, secure.sockets[before].bytesRead]
  }

  /** The line of the exchange that a rule decided. */
  async function decided(rule: string): Promise<Record<string, unknown>> {
    let line: Record<string, unknown> | undefined
    await program.until(() => {
      line = program.output.map((text) => JSON.parse(text)).find((one) => one.rule === rule)
      return line !== undefined
    }, `a line of the rule ${rule}`)
    return line!
  }

  test('a name that nobody minds', async () => {
    const { code, output, errors } = await ask('any-1.test')
    expect([code, output.toString(), errors]).toEqual([0, 'any-1.test', ''])
  })

  test('a name that is denied, in a tunnel to another: curl says so, and the origin got nothing', async () => {
    const [errors, got] = await refused('games.test', `any-1.test:${secure.port}`)
    expect(errors).toMatch(/unrecognized name/)
    expect(got).toBe(0)
    expect(await decided('games')).toMatchObject({
      method: 'CONNECT',
      status: 200,
      decision: 'deny',
      classifier: 'rules',
      rule: 'games',
      reason: 'games',
      failure: 'denied',
    })
  })

  test('what is refused by the name in CONNECT is refused by the name inside', async () => {
    const [errors, got] = await refused('shut.test', `any-1.test:${secure.port}`)
    expect(errors).toMatch(/unrecognized name/)
    expect(got).toBe(0)
    const open = await curl('-x', proxy, `https://shut.test:${secure.port}/`)
    expect(open.errors).toMatch(/403/)
  })

  test('another name than CONNECT had', async () => {
    const [, got] = await refused('any-1.test', `any-3.test:${secure.port}`)
    expect(got).toBe(0)
    expect((await ask('any-3.test')).output.toString()).toBe('any-3.test')
  })

  test('led elsewhere by its name: the address is another, the name is not', async () => {
    const index = plain.connections.length
    const client = await curl(
      ...['-x', proxy, '--cacert', secure.certificate, '--connect-to', `led.test:443:any-1.test:${plain.port}`],
      'https://led.test/',
    )
    expect([client.code, client.output.toString(), client.errors]).toEqual([0, 'led.test', ''])
    expect((await plain.connection(index)).received).toBe(0)
  })

  test('byte by byte, each in a packet of its own: passed on as it came', async () => {
    const [client, origin] = await inside('any-1.test')
    client.dribbles = true
    await client.send(CURL)
    expect((await client.bytes(11)).toString()).toBe('220 hello\r\n')
    expect([...await client.bytes(CURL.length)]).toEqual([...CURL])
    expect([...origin.all]).toEqual([...CURL])
    client.close()
  })

  test('byte by byte, and denied', async () => {
    const [client, origin] = await inside('any-1.test')
    client.dribbles = true
    await client.send(hello(serverName('games.test')))
    expect([...await client.toEnd()]).toEqual([...REFUSED_NAME])
    await origin.finished()
    expect(origin.received).toBe(0)
    client.close()
  })

  test('an encrypted ClientHello', async () => {
    const [client, origin] = await inside('any-2.test')
    await client.send(CHROMIUM)
    expect([...await client.toEnd()]).toEqual([...REFUSED_NAME])
    await origin.finished()
    expect(origin.received).toBe(0)
    const [other] = await inside('any-2.test')
    await other.send(CURL)
    expect([...(await other.bytes(11 + CURL.length)).subarray(11)]).toEqual([...CURL])
    client.close()
    other.close()
  })

  test('what is no TLS', async () => {
    const [client] = await inside('any-1.test')
    await client.send('SSH-2.0-x\r\n')
    expect((await client.bytes(22)).toString()).toBe('220 hello\r\nSSH-2.0-x\r\n')
    const [strict, origin] = await inside('strict-1.test')
    await strict.send('SSH-2.0-x\r\n')
    expect((await strict.toEnd()).length).toBe(0)
    await origin.finished()
    expect(origin.received).toBe(0)
    client.close()
    strict.close()
  })

  test('a client that lets the server speak first', async () => {
    const [client] = await inside('any-1.test')
    expect((await client.bytes(11)).toString()).toBe('220 hello\r\n')
    await client.send('EHLO\r\n')
    expect((await client.bytes(6)).toString()).toBe('EHLO\r\n')
    // And then says hello after all.
    const [late, origin] = await inside('any-1.test')
    expect((await late.bytes(11)).toString()).toBe('220 hello\r\n')
    await late.send(hello(serverName('games.test')))
    await late.toEnd()
    await origin.finished()
    expect(origin.received).toBe(0)
    client.close()
    late.close()
  })

  const noBrowser = lacking('chromium')

  test.skipIf(noBrowser !== '').each([
    // The rule is about the name inside: CONNECT itself is permitted.
    ['in a tunnel', () => [`--proxy-server=${proxy}`]],
    ['by mode "tls"', () => ['--no-proxy-server', `--host-resolver-rules=MAP * 127.0.0.1:${program.port('tls')}`]],
  ])(`Chromium says what is wrong, %s${noBrowser}`, async (_, way) => {
    const { errors } = await run('chromium', [
      ...[
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--ignore-certificate-errors',
      ],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      `--user-data-dir=${mkdtempSync(join(tmpdir(), 'exaproxy-chromium-'))}`,
      ...[...way(), '--dump-dom', `https://games.test:${secure.port}/`],
    ])
    expect(errors, [program.diagnostics, ...program.output.slice(-6)].join('\n')).toMatch(
      /ERR_SSL_UNRECOGNIZED_NAME_ALERT/,
    )
  }, 90_000)
})
