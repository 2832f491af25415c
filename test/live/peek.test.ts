/** What a TLS client says first inside its tunnel: judged before it reaches the origin, with real clients and a real server. */

import { Buffer } from 'node:buffer'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { INTERNAL_ERROR, OTHER_HELLO, REFUSED_NAME } from '../../core/proxy/peek.ts'
import { CHROMIUM, CURL } from '../tls/captures.ts'
import { extension, hello, message, record, RETRY_RANDOM, serverName, vector } from '../tls/hello.ts'
import { NameServer } from './name_server.ts'
import { Origin, type OriginConnection } from './origin.ts'
import { curl, lacking, newFolder, run } from './peers.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { until } from './waiting.ts'

const missing = lacking('curl', 'openssl')
const LARGE = 4_000_000
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
      const large = 'x'.repeat(LARGE)
      socket.on('data', (asked) => {
        const body = asked.includes('/large') ? large : name
        socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${body}`)
      })
    })
  }

  /** `ecdhCurve`: the groups it takes, and asks for. */
  static async listen(ecdhCurve = 'auto'): Promise<Secure> {
    const folder = newFolder()
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=tls.test', '-addext']
        .concat([`subjectAltName=${NAMES.map((name) => `DNS:${name}`).join(',')}`, '-keyout', key, '-out', cert]),
      { stdio: 'ignore' },
    )
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert), ecdhCurve })
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

/** A point of P-256, as a share of a key: its generator. */
const GENERATOR = Buffer.from(
  '046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296' +
    '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
  'hex',
).toString('latin1')

/** A ClientHello of TLS 1.3 for a name, with this share of a key: without one the server asks again. */
function asking(name: string, key = ''): Uint8Array {
  const shares = key === '' ? '' : `\0\x17${vector(key, 2)}`
  const extensions = [
    serverName(name),
    extension(10, vector('\0\x17', 2)),
    extension(13, vector('\x04\x03\x08\x04\x04\x01', 2)),
    extension(43, vector('\x03\x04', 1)),
    extension(51, vector(shares, 2)),
  ]
  return Buffer.from(record(message({ session: 's'.repeat(32), extensions: extensions.join('') })), 'latin1')
}

describe.skipIf(missing !== '')(`inside a tunnel${missing}`, () => {
  let secure: Secure
  /** Takes one group alone, and asks for it. */
  let choosy: Secure
  let plain: Origin
  let names: NameServer
  let program: Program
  let proxy: string

  beforeAll(async () => {
    secure = await Secure.listen()
    choosy = await Secure.listen('P-256')
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
      'broken.test': { code: 'SERVFAIL' },
    })
    program = await Program.start({
      listener: {
        http: { mode: 'forward', address: '127.0.0.1:0', filter: ['rules'], peek: true },
        tls: { mode: 'tls', address: '127.0.0.1:0', filter: ['rules'] },
        led: { mode: 'tls', address: '127.0.0.1:0', filter: ['rules'] },
      },
      outgoing: { connect_ports: ['1-65535'] },
      dns: { servers: [names.authority], hosts: false },
      rule: [
        { name: 'choosy', listener: 'led', sni: ['any-1.test'], do: 'intercept', to: `127.0.0.1:${choosy.port}` },
        { name: 'games', sni: ['games.test'], do: 'deny', reason: 'games' },
        { name: 'not-tls', host: ['strict-1.test'], tls: false, do: 'deny' },
        { name: 'hidden', host: ['any-2.test'], ech: true, do: 'deny' },
        { name: 'fronted', host: ['any-3.test'], sni_mismatch: true, do: 'close' },
        { name: 'led', sni: ['led.test'], do: 'intercept', to: `127.0.0.1:${secure.port}` },
        { name: 'asked for', host: ['shut.test'], do: 'deny' },
      ],
    }, { addresses: 3 })
    proxy = `http://127.0.0.1:${program.port()}`
  })

  afterAll(async () => {
    await program?.[Symbol.asyncDispose]()
    names?.close()
    plain?.close()
    secure?.close()
    choosy?.close()
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

  /** The line of an exchange in which this stands. */
  async function logged(field: 'rule' | 'reason', value: string): Promise<Record<string, unknown>> {
    let line: Record<string, unknown> | undefined
    await program.until(() => {
      line = program.output.map((text) => JSON.parse(text)).find((one) => one[field] === value)
      return line !== undefined
    }, `a line whose ${field} is ${value}`)
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
    expect(await logged('rule', 'games')).toMatchObject({
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

  test.each([
    ['legacy_version', record(message({ version: 0x0404, extensions: serverName('games.test') }))],
    ['an extension twice', record(message({ extensions: serverName('games.test') + extension(0x1234, '').repeat(2) }))],
    [
      'empty records',
      [...message({ extensions: serverName('games.test') })].map((byte) => record(byte) + record('')).join(''),
    ],
    ['what cannot be judged', record('\0\0\0\0') + record(message({ extensions: serverName('any-1.test') }))],
  ])('an odd hello: %s', async (_, sent) => {
    const [client, origin] = await inside('any-1.test')
    await client.send(Buffer.from(sent, 'latin1'))
    expect([...await client.toEnd()]).toEqual([...REFUSED_NAME])
    await origin.finished()
    expect(origin.received).toBe(0)
    client.close()
  })

  test.each(['/', '/large'])(
    'a server that asks for a second ClientHello, in a tunnel and by mode "tls": %s',
    async (path) => {
      for (
        const through of [['-x', proxy], ['--connect-to', `any-1.test:${choosy.port}:127.0.0.1:${program.port('led')}`]]
      ) {
        const words = ['--tlsv1.3', '--curves', 'X25519:P-256', '--cacert', choosy.certificate, ...through]
        const asked = await curl(...words, `https://any-1.test:${choosy.port}${path}`)
        expect([asked.code, asked.errors, asked.output.length]).toEqual([0, '', path === '/' ? 10 : LARGE])
      }
    },
  )

  test.each(['in a tunnel', 'by mode "tls"'])('a second ClientHello for another name is refused, %s', async (way) => {
    const before = choosy.sockets.length
    let client: RawClient
    if (way === 'in a tunnel') {
      client = await RawClient.connect(program.port())
      await client.ask(
        `CONNECT any-1.test:${choosy.port} HTTP/1.1\r\nHost: any-1.test:${choosy.port}\r\n\r\n`,
        'bodiless',
      )
    } else {
      client = await RawClient.connect(program.port('led'))
    }
    const first = asking('any-1.test')
    await client.send(first)
    const retry = await client.bytes(43)
    expect(retry.subarray(11).toString('latin1')).toBe(RETRY_RANDOM)
    await client.send(asking('games.test', GENERATOR))
    expect([...(await client.toEnd()).subarray(-7)]).toEqual([...OTHER_HELLO])
    expect(choosy.sockets[before].bytesRead).toBe(first.length)
    client.close()
    expect(await logged('reason', 'the second ClientHello is not for the name of the first')).toMatchObject({
      decision: 'deny',
      failure: 'denied',
    })
  })

  test('by mode "tls": a name that does not exist, and one that nobody can look up', async () => {
    for (const [name, alert] of [['missing.test', REFUSED_NAME], ['broken.test', INTERNAL_ERROR]] as const) {
      const client = await RawClient.connect(program.port('tls'))
      await client.send(hello(serverName(name)))
      expect([...await client.toEnd()], name).toEqual([...alert])
      client.close()
    }
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
    expect([...await late.toEnd()]).toEqual([...REFUSED_NAME])
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
