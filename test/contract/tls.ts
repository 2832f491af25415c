import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { type Runtime, SystemFailure, type TlsClient, type TlsServer, type TlsSocket } from '../../core/runtime.ts'
import { Authority, type Certificate, read } from './certificates.ts'
import { CURL } from '../tls/captures.ts'
import { alpn, bytesOf, message, record } from '../tls/hello.ts'
import { accept, checker, clog, fill, receive, send, type Skips, turns, withListener, withPair } from './pairs.ts'

const LARGE = 10_000_000

interface SecurePair {
  readonly client: TlsSocket
  readonly server: TlsSocket
}

const HALF = 'goes on writing after the other side has ended TLS'
const SESSIONS = 'goes on with a session of before'

/** What node:tls of the other runtimes cannot do, whoever carries the bytes. */
export const TLS_SKIPS: Skips = {
  ...'Bun' in globalThis && { [HALF]: 'Bun answers close_notify with its own, and throws away what is written after' },
  ...'Deno' in globalThis && { [SESSIONS]: 'clients of node:tls in Deno keep no sessions' },
}

/** What a promise rejects with. */
async function failure(work: Promise<unknown>): Promise<SystemFailure> {
  const error = await work.then(() => null, (error: unknown) => error)
  if (error instanceof SystemFailure) return error
  throw new Error(`no SystemFailure but ${error}`)
}

/** TLS over the streams of this machine, whichever engine carries them. */
export function secureStreams(runtime: Runtime, skips: Skips): void {
  const check = checker(skips)
  const { tls } = runtime
  if (tls === undefined) {
    it('has TLS', () => expect(tls).toBeDefined())
    return
  }
  const authority = new Authority()
  const stranger = new Authority('Stranger')
  const ca = readFileSync(authority.ca)
  afterAll(() => {
    for (const one of [authority, stranger]) one[Symbol.dispose]()
  })
  const site = read(authority.issue('a.test', 'DNS:a.test,DNS:*.a.test,IP:127.0.0.1'))
  const plainServer = () => tls.server({ ...site, clientCertificates: 'off', ca: null })
  const plainClient = () => tls.client({ ca, verify: true, identity: null })

  const shake = (
    serving: TlsServer,
    asking: TlsClient,
    name: string,
    work: (pair: SecurePair) => Promise<void> | void,
  ) =>
    withPair(runtime, 4, async ({ client, server }) => {
      const both = [serving.accept(server), asking.connect(client, name)] as const
      for (const one of both) one.catch(() => {})
      const pair = { server: await both[0], client: await both[1] }
      try {
        await work(pair)
      } finally {
        pair.client.close()
        pair.server.close()
      }
    })

  const refuse = async (serving: TlsServer, asking: TlsClient, name: string) => {
    let said: SystemFailure | null = null
    await withPair(runtime, 4, async ({ client, server }) => {
      const accepting = serving.accept(server).catch(() => {})
      said = await failure(asking.connect(client, name))
      await accepting
    })
    return said!
  }

  check('shakes hands, and says what was agreed on', async () => {
    await shake(plainServer(), plainClient(), 'a.test', async ({ client, server }) => {
      expect(client.tls).toMatchObject({ version: 'TLSv1.3', alpn: 'http/1.1', name: 'a.test', resumed: false })
      expect(client.tls.fingerprint).toMatch(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/)
      expect(server.tls).toMatchObject({ version: 'TLSv1.3', alpn: 'http/1.1', name: '', fingerprint: '' })
      expect(server.tls.cipher).toMatch(/^TLS_/)
      await client.write(fill(new Uint8Array(5), 0))
      expect(await receive(server, 5)).toBe(5)
      await server.write(fill(new Uint8Array(7), 0), 6)
      expect(await receive(client, 6)).toBe(6)
    })
  })

  check('says which names a certificate is for', () => {
    expect(plainServer().names).toEqual(['a.test', '*.a.test'])
  })

  check('says until when a certificate is good', () => {
    const days = (plainServer().expires - runtime.clock.date()) / 86_400_000
    expect(days).toBeGreaterThan(29)
    expect(days).toBeLessThan(31)
  })

  check('carries on with the bytes that were read before', async () => {
    await withPair(runtime, 4, async ({ client, server }) => {
      const asking = plainClient().connect(client, 'b.a.test')
      const { value } = await server.next()
      const serving = await plainServer().accept(server, value!)
      const asked = await asking
      await asked.write(fill(new Uint8Array(9), 0))
      expect(await receive(serving, 9)).toBe(9)
      asked.close()
      serving.close()
    })
  })

  check('carries 10 MB both ways at once, and then the ends', async () => {
    await shake(plainServer(), plainClient(), 'a.test', async ({ client, server }) => {
      const sent = Promise.all([send(client, LARGE), send(server, LARGE)])
      expect(await Promise.all([receive(server, LARGE), receive(client, LARGE)])).toEqual([LARGE, LARGE])
      await sent
      client.end()
      expect((await server.next()).done).toBe(true)
      server.end()
      expect((await client.next()).done).toBe(true)
    })
  })

  check('holds back a writer whose reader does not read', async () => {
    await shake(plainServer(), plainClient(), 'a.test', async ({ client, server }) => {
      let written = 0
      const piece = fill(new Uint8Array(100_000), 0)
      const writing = (async () => {
        for (; written < 400; written++) await client.write(piece)
        client.end()
      })()
      // A hundred times there and back the other way: time enough, were nothing to hold it back.
      for (let i = 0; i < 100; i++) {
        await server.write(piece, 1)
        await receive(client, 1)
      }
      expect(written).toBeLessThan(400)
      expect(Number.isFinite(client.standstill?.())).toBe(runtime.engine === 'epoll')
      let read = 0
      for (;;) {
        const { done, value } = await server.next()
        if (done) break
        read += value.length
      }
      expect(read).toBe(400 * piece.length)
      await writing
    })
  })

  if (runtime.engine === 'epoll') {
    check('takes what is relayed from a plain socket', async () => {
      await shake(
        plainServer(),
        plainClient(),
        'a.test',
        ({ client, server }) =>
          withPair(runtime, 4, async ({ client: sender, server: source }) => {
            const sent = send(sender, 1_000_000).then(() => sender.end())
            const relayed = (async () => {
              while (await source.relay!(server, 65_536, () => {}) > 0);
              server.end()
            })()
            expect(await receive(client)).toBe(1_000_000)
            await Promise.all([sent, relayed])
          }),
      )
    })
  }

  check(HALF, async () => {
    await shake(plainServer(), plainClient(), 'a.test', async ({ client, server }) => {
      client.end()
      expect((await server.next()).done).toBe(true)
      await server.write(fill(new Uint8Array(1000), 0))
      server.end()
      expect(await receive(client)).toBe(1000)
    })
  })

  check('tells a reset from an end', async () => {
    await shake(plainServer(), plainClient(), 'a.test', async ({ client, server }) => {
      await server.write(fill(new Uint8Array(10), 0))
      expect(await receive(client, 10)).toBe(10)
      server.abort()
      expect((await failure(client.next())).code).toBe('reset')
      expect((await failure((async () => await client.write(new Uint8Array(1)))())).code).toBe('reset')
    })
  })

  check('takes an end without close_notify for a break', async () => {
    await withPair(runtime, 4, async ({ client, server }) => {
      const both = [plainServer().accept(server), plainClient().connect(client, 'a.test')] as const
      const [serving, asking] = await Promise.all(both)
      await serving.write(fill(new Uint8Array(10), 0))
      expect(await receive(asking, 10)).toBe(10)
      server.end()
      const said = await failure(asking.next())
      expect([said.code, said.detail]).toEqual(['reset', 'it ended without close_notify'])
      asking.close()
      serving.close()
    })
  })

  check('ends a pull and fails a write when it is closed', async () => {
    await shake(plainServer(), plainClient(), 'a.test', async ({ client }) => {
      const pull = client.next()
      client.close()
      client.close()
      expect((await pull).done).toBe(true)
      expect(() => client.write(new Uint8Array(1))).toThrow('closed')
    })
  })

  check('says with close_notify that it is closed (RFC 8446 6.1)', async () => {
    for (const closes of ['client', 'server'] as const) {
      await shake(plainServer(), plainClient(), 'a.test', async (pair) => {
        const other = closes === 'client' ? pair.server : pair.client
        // With something unread, as the session that a server tells of first, the kernel would reset the connection.
        await other.write(fill(new Uint8Array(1), 0))
        await pair[closes].next()
        await pair[closes].write(fill(new Uint8Array(10), 0))
        pair[closes].close()
        expect(await receive(other)).toBe(10)
      })
    }
  })

  check('says nothing of the kind of what it drops, and waits for nobody', async () => {
    await withPair(runtime, 4, async (pair) => {
      const both = [plainServer().accept(pair.server), plainClient().connect(pair.client, 'a.test')] as const
      const [server, client] = await Promise.all(both)
      const { pending } = await clog(runtime, server)
      server.close()
      expect((await failure(pending!)).code).toBe('closed')
      expect((await failure(receive(client))).code).toBe('reset')
      client.close()
    })
  })

  check(SESSIONS, async () => {
    const [serving, asking] = [plainServer(), plainClient()]
    const resumed: boolean[] = []
    for (let i = 0; i < 2; i++) {
      await shake(serving, asking, 'a.test', async ({ client, server }) => {
        // TLS 1.3 tells of sessions after the handshake.
        await server.write(fill(new Uint8Array(1), 0))
        expect(await receive(client, 1)).toBe(1)
        await client.write(fill(new Uint8Array(1), 0))
        expect(await receive(server, 1)).toBe(1)
        resumed.push(client.tls.resumed)
      })
    }
    expect(resumed).toEqual([false, true])
  })

  /** What comes of a visit of OpenSSL's client: whose certificate it is known by, or why it is not let in. */
  const visit = (serving: TlsServer, options: readonly string[]) =>
    new Promise<string>((resolve, reject) => {
      withListener(runtime, 4, async (listener) => {
        const to = ['-connect', `127.0.0.1:${listener.at.port}`, '-servername', 'a.test', '-ign_eof']
        const client = spawn('openssl', ['s_client', ...to, ...options], { stdio: 'ignore' })
        const left = once(client, 'exit')
        const socket = await accept(listener)
        let outcome: string
        try {
          const inside = await serving.accept(socket)
          await inside.write(new Uint8Array(1))
          inside.end()
          outcome = inside.tls.name
          await inside.next()
          inside.close()
        } catch (error) {
          outcome = `${(error as SystemFailure).code}`
        }
        socket.close()
        await left
        resolve(outcome)
      }).catch(reject)
    })

  check('lets nobody in by a session that was begun with others', async () => {
    const strangers = readFileSync(stranger.ca)
    const server = (clientCertificates: 'off' | 'request' | 'require', ca: Uint8Array | null) =>
      tls.server({ ...site, clientCertificates, ca })
    const [open, asks, theirs] = [server('off', null), server('request', ca), server('require', strangers)]
    const own = server('require', ca)
    const [alice, mallory] = [authority.issue('alice'), stranger.issue('mallory')]
    const shown = ({ cert, key }: Certificate) => ['-cert', cert, '-key', key]
    const cases = [
      // Where the session begins, with whose certificate, what comes of it; where it goes on, and what comes of that.
      [own, alice, 'alice', own, 'alice'],
      [own, alice, 'alice', server('require', ca), 'alice'],
      [own, alice, 'alice', theirs, 'tls'],
      [theirs, mallory, 'mallory', own, 'tls'],
      [theirs, mallory, 'mallory', asks, 'tls'],
      [own, mallory, 'tls', own, 'tls'],
      [asks, alice, 'alice', own, 'alice'],
      [open, null, '', own, 'tls'],
      [open, null, '', asks, ''],
      // Whoever is not asked has no name.
      [own, alice, 'alice', open, ''],
      [own, mallory, 'tls', open, ''],
    ] as const
    for (const version of ['-tls1_2', '-tls1_3']) {
      for (const [from, certificate, begun, to, goesOn] of cases) {
        const file = join(authority.folder, 'session.pem')
        rmSync(file, { force: true })
        const options = [version, ...certificate === null ? [] : shown(certificate)]
        expect(await visit(from, [...options, '-sess_out', file])).toBe(begun)
        const known = existsSync(file) ? ['-sess_in', file] : []
        const row = cases.findIndex((one) => one[0] === from && one[3] === to)
        expect([version, row, await visit(to, [...options, ...known])]).toEqual([version, row, goesOn])
      }
    }
  })

  check('wants a certificate for the name it asked for', async () => {
    const said = await refuse(plainServer(), plainClient(), 'b.test')
    expect(said.code).toBe('tls')
    expect(said.detail).toMatch(/altname|NotValidForName|not valid for name/i)
    await shake(plainServer(), plainClient(), '127.0.0.1', async () => {})
    expect((await refuse(plainServer(), plainClient(), '127.0.0.2')).code).toBe('tls')
  })

  check('wants a certificate of those it trusts, in its time', async () => {
    const others = tls.client({ ca: readFileSync(stranger.ca), verify: true, identity: null })
    expect(await refuse(plainServer(), others, 'a.test')).toMatchObject({ code: 'tls' })
    const everybody = tls.client({ ca: null, verify: true, identity: null })
    expect(await refuse(plainServer(), everybody, 'a.test')).toMatchObject({ code: 'tls' })
    const old = tls.server({
      ...read(authority.issue('a.test', 'DNS:a.test', -1)),
      clientCertificates: 'off',
      ca: null,
    })
    const said = await refuse(old, plainClient(), 'a.test')
    expect([said.code, /expired/i.test(said.detail)]).toEqual(['tls', true])
    const anybody = tls.client({ ca: null, verify: false, identity: null })
    await shake(old, anybody, 'other.test', ({ client }) => expect(client.tls.name).toBe('a.test'))
  })

  check('asks clients for certificates', async () => {
    const own = read(authority.issue('alice'))
    const alice = () => tls.client({ ca, verify: true, identity: own })
    const server = (clientCertificates: 'request' | 'require') => tls.server({ ...site, clientCertificates, ca })
    await shake(server('require'), alice(), 'a.test', ({ server }) => {
      expect(server.tls).toMatchObject({ name: 'alice' })
      expect(server.tls.fingerprint).not.toBe('')
    })
    await shake(server('request'), plainClient(), 'a.test', ({ server }) => expect(server.tls.name).toBe(''))
  })

  check('refuses clients without a good certificate', async () => {
    const mallory = tls.client({ ca, verify: true, identity: read(stranger.issue('alice')) })
    const late = tls.client({ ca, verify: true, identity: read(authority.issue('alice', '', -1)) })
    const cases = [
      [mallory, 'request', /^the client's certificate: (?!.*expired)/],
      [mallory, 'require', /^the client's certificate: (?!.*expired)/],
      [late, 'request', /^the client's certificate: .*expired/],
      [plainClient(), 'require', /^the client gave no certificate$/],
    ] as const
    for (const [client, clientCertificates, words] of cases) {
      const serving = tls.server({ ...site, clientCertificates, ca })
      await withPair(runtime, 4, async ({ client: asking, server }) => {
        // In TLS 1.3 the client is done before it is judged: it hears of it when it reads.
        const asked = client.connect(asking, 'a.test').then((socket) => socket.next())
        asked.catch(() => {})
        const said = await failure(serving.accept(server))
        expect([said.code, said.detail]).toEqual(['tls', expect.stringMatching(words)])
        await failure(asked)
      })
    }
  })

  check('outlives every hello', async () => {
    const of = (version: number, extensions: string) => bytesOf(record(message({ version, extensions })))
    const behind = (...bytes: readonly number[]) => Uint8Array.of(...CURL, ...bytes)
    const spoilt = CURL.with(46, 0xff)
    const cases = {
      'of TLS 1.1': of(0x0302, ''),
      'for another protocol': of(0x0303, alpn('h2')),
      'spoilt': spoilt,
      'and garbage behind it': behind(...fill(new Uint8Array(30), 0)),
      'and an alert behind it': behind(0x15, 3, 3, 0, 2, 2, 0x28),
      'and another behind it': behind(...CURL),
      'and its end behind it': CURL,
    }
    for (const [name, bytes] of Object.entries(cases)) {
      for (const read of [true, false]) {
        await withPair(runtime, 4, async ({ client, server }) => {
          await client.write(bytes)
          client.end()
          const first = read ? (await server.next()).value! : undefined
          const { code } = await failure(plainServer().accept(server, first))
          expect(['tls', 'reset'], name).toContain(code)
        })
        await withPair(runtime, 4, (pair) => turns(pair, 5))
      }
    }
    await shake(plainServer(), plainClient(), 'a.test', () => {})
  })

  check('says what a server has against it once the handshake is done', async () => {
    const { cert, key } = authority.issue('a.test', 'DNS:a.test')
    const options = ['-cert', cert, '-key', key, '-Verify', '1', '-verify_return_error', '-CAfile', authority.ca]
    const server = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', '-tls1_3', ...options])
    try {
      const port = await new Promise<number>((resolve) => {
        let said = ''
        server.stdout.on('data', (bytes: Uint8Array) => {
          said += new TextDecoder().decode(bytes)
          const place = /^ACCEPT \S+:([0-9]+)$/m.exec(said)
          if (place !== null) resolve(Number(place[1]))
        })
      })
      const socket = await plainClient().connect(
        await runtime.connect({ family: 4, address: '127.0.0.1', port }).socket,
        'a.test',
      )
      const said = await failure(socket.next())
      expect(said.message).toMatch(/^TLS: [^/\n]*alert[^/\n]*certificate.?required[^/\n]*$/i)
      socket.close()
    } finally {
      server.kill()
    }
  })

  check('says what is wrong with files', () => {
    const other = read(authority.issue('other'))
    const nothing = new Uint8Array(3)
    const wrong = [
      [{ ...site, key: other.key }, 'key is not the key of the first certificate in cert'],
      [{ ...site, cert: nothing }, 'cert has no certificate (-----BEGIN CERTIFICATE-----)'],
      [{ ...site, key: nothing }, 'key has no private key that can be read (PEM, without a passphrase)'],
      [{ ...site, ca: nothing }, 'ca has no certificate (-----BEGIN CERTIFICATE-----)'],
    ] as const
    for (const [options, words] of wrong) {
      expect(() => tls.server({ clientCertificates: 'require', ca: null, ...options })).toThrow(words)
    }
    expect(() => tls.client({ ca: nothing, verify: true, identity: null })).toThrow('ca has no certificate')
  })

  check('rejects what is no TLS, and a peer that leaves', async () => {
    await withPair(runtime, 4, async ({ client, server }) => {
      const accepting = failure(plainServer().accept(server))
      await client.write(new TextEncoder().encode('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'))
      expect((await accepting).code).toBe('tls')
    })
    await withPair(runtime, 4, async ({ client, server }) => {
      const accepting = failure(plainServer().accept(server))
      client.abort()
      expect((await accepting).code).toBe('reset')
    })
    await withPair(runtime, 4, async ({ server }) => {
      const accepting = failure(plainServer().accept(server))
      server.close()
      await accepting
    })
  })
}
