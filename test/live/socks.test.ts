/** SOCKS with curl and with bytes one by one, and any TCP carried to one server. */

import { once } from 'node:events'
import { createServer as createOrigin, type Server } from 'node:http'
import { type AddressInfo, connect, createServer, type Server as TcpServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { curl, freePort, lacking } from './peers.ts'
import { Program } from './program.ts'

const missing = lacking('curl')

describe('listeners whose clients speak no HTTP', () => {
  let origin: Server
  let echo: TcpServer
  let nobody: number
  let program: Program

  beforeAll(async () => {
    origin = createOrigin((_, response) => response.end('the origin'))
    origin.listen(0, '127.0.0.1')
    // It speaks first, as a mail server does.
    echo = createServer(
      { allowHalfOpen: true },
      (socket) => void socket.on('error', () => undefined).write('220 hello\r\n'),
    )
    echo.on('connection', (socket) => socket.pipe(socket))
    echo.listen(0, '127.0.0.1')
    await Promise.all([once(origin, 'listening'), once(echo, 'listening')])
    nobody = await freePort()
    program = await Program.start({
      listener: {
        socks: { mode: 'socks', address: ['127.0.0.1:0'], filter: ['rules'] },
        mail: { mode: 'passthrough', address: ['127.0.0.1:0'], filter: ['rules'], server: `127.0.0.1:${port(echo)}` },
        slow: { mode: 'socks', address: ['127.0.0.1:0'], head_timeout: '1s' },
        shut: { mode: 'passthrough', address: ['127.0.0.1:0'], filter: ['rules'], server: '127.0.0.1:1' },
      },
      outgoing: { connect_ports: ['1-65535'] },
      rule: [
        { host: ['bad.test'], do: 'deny' },
        { listener: ['shut'], do: 'deny' },
        { host: ['moved.test'], do: 'intercept', to: `127.0.0.1:${port(origin)}` },
        { host: ['elsewhere.test'], do: 'redirect', to: 'http://x.test/' },
      ],
    })
  })

  afterAll(async () => {
    await program?.[Symbol.asyncDispose]()
    origin?.close()
    echo?.close()
  })

  const port = (server: Server | TcpServer): number => (server.address() as AddressInfo).port

  describe.skipIf(missing !== '')(`with curl${missing}`, () => {
    test.each(['socks4', 'socks4a', 'socks5', 'socks5h'])('%s', async (scheme) => {
      const proxy = `${scheme}://127.0.0.1:${program.port('socks')}`
      const { output } = await curl('-x', proxy, `http://127.0.0.1:${port(origin)}/`)
      expect(String(output)).toBe('the origin')
    })

    test.each(['socks4a', 'socks5h'])('%s: a name is filtered, and may lead elsewhere', async (scheme) => {
      const proxy = `${scheme}://127.0.0.1:${program.port('socks')}`
      const { output } = await curl('-x', proxy, `http://moved.test/`)
      expect(String(output)).toBe('the origin')
      const refused = await curl('-x', proxy, `http://bad.test/`)
      expect(refused.code).not.toBe(0)
    })
  })

  /** Send these bytes, so many at a time; give what has come once it is this long, or the connection closed. */
  async function answerTo(
    listener: string,
    sent: readonly number[],
    size: number,
    each = sent.length,
  ): Promise<number[]> {
    const socket = connect(Number(program.port(listener)), '127.0.0.1').setNoDelay(true)
    const answer: number[] = []
    return await new Promise((resolve) => {
      const done = (): void => {
        socket.destroy()
        resolve(answer)
      }
      socket.on('data', (data: Buffer) => {
        answer.push(...data)
        if (answer.length >= size) done()
      }).on('error', done).on('close', done).on('end', done)
      const send = (at: number): void => {
        if (at < sent.length) socket.write(Uint8Array.from(sent.slice(at, at + each)), () => send(at + each))
      }
      send(0)
    })
  }

  const five = (host: string, port: number): number[] => [
    ...[5, 1, 0, 5, 1, 0, 3, host.length],
    ...[...host].map((letter) => letter.charCodeAt(0)),
    ...[port >> 8, port & 0xff],
  ]
  const reply = (code: number): number[] => [5, 0, 5, code, 0, 1, 0, 0, 0, 0, 0, 0]

  test.each<[string, () => number[], number]>([
    ['what a rule denies is "not allowed"', () => five('bad.test', 80), 2],
    ['what a rule sends elsewhere, too: there are no words for it', () => five('elsewhere.test', 80), 2],
    ['a name that does not exist', () => five('nothing.invalid', 80), 4],
    ['a name that is none', () => five('a b\r\nX: y', 80), 4],
    ['nobody listens there', () => five('127.0.0.1', nobody), 5],
    ['BIND', () => [5, 1, 0, 5, 2, 0, 1, 127, 0, 0, 1, 0, 80], 7],
    ['a type of address that is none', () => [5, 1, 0, 5, 1, 0, 9, 0, 0, 0], 8],
  ])('5: %s', async (_, sent, code) => {
    expect(await answerTo('socks', sent(), Infinity)).toEqual(reply(code))
  })

  test('4: a refusal', async () => {
    const sent = [4, 1, 0, 80, 0, 0, 0, 1, 0, ...[...'bad.test'].map((letter) => letter.charCodeAt(0)), 0]
    expect(await answerTo('socks', sent, Infinity)).toEqual([0, 0x5b, 0, 0, 0, 0, 0, 0])
  })

  const letters = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0))
  const REFUSED_4 = [0, 0x5b, 0, 0, 0, 0, 0, 0]

  test.each([
    ['NUL', 'moved.test\0.bad.test'],
    ['a space', 'moved.test bad.test'],
    ['an escape', 'moved%2etest'],
    ['UTF-8', 'm\xc3\xb6ved.test'],
    ['a path', 'moved.test/'],
    ['a user', 'joe@moved.test'],
    ['a port', 'moved.test:80'],
    ['brackets', '[::1]'],
    ['a line end', 'moved.test\n'],
    ['a tab', '\tmoved.test'],
    ['a dot alone', '.'],
    ['a label that is empty', 'moved..test'],
    ['255 bytes without a dot', 'n'.repeat(255)],
  ])('5: a name with %s is none, at once and byte by byte', async (_, name) => {
    expect(await answerTo('socks', five(name, 80), Infinity)).toEqual(reply(4))
    expect(await answerTo('socks', five(name, 80), Infinity, 1)).toEqual(reply(4))
  })

  test.each<[string, number[]]>([
    ['a name of 4a of 256 bytes', [4, 1, 0, 80, 0, 0, 0, 1, 0, ...letters('n'.repeat(256)), 0]],
    ['a name of 4a without an end', [4, 1, 0, 80, 0, 0, 0, 1, 0, ...letters('n'.repeat(4000))]],
    ['a user of 256 bytes', [4, 1, 0, 80, 127, 0, 0, 1, ...letters('u'.repeat(256)), 0]],
    ['a user without an end', [4, 1, 0, 80, 127, 0, 0, 1, ...letters('u'.repeat(4000))]],
    ['a name with a space', [4, 1, 0, 80, 0, 0, 0, 1, 0, ...letters('moved.test bad.test'), 0]],
  ])('4: %s', async (_, sent) => {
    expect(await answerTo('socks', sent, Infinity)).toEqual(REFUSED_4)
  })

  test('what comes byte by byte is understood, and goes through the tunnel', async () => {
    const sent = [...five('127.0.0.1', port(echo)), 0x41, 0x42]
    const answer = await answerTo('socks', sent, 12 + 11 + 2, 1)
    expect(answer.slice(0, 12)).toEqual(reply(0))
    expect(String.fromCharCode(...answer.slice(12)).replace('220 hello\r\n', '')).toBe('AB')
  })

  test('who begins and does not go on is closed when its time is over', async () => {
    expect(await answerTo('slow', [5, 2, 0], Infinity)).toEqual([])
  })

  test('who breaks off, wherever that is, leaves nothing behind', async () => {
    const sent = five('127.0.0.1', port(echo))
    const before = program.sockets()
    for (let size = 1; size <= sent.length; size += 4) {
      const socket = connect(program.port('socks'), '127.0.0.1').on('error', () => undefined)
      await new Promise((resolve) => socket.write(Uint8Array.from(sent.slice(0, size)), resolve))
      socket.resetAndDestroy()
    }
    await program.settled(before)
    expect((await answerTo('socks', five('bad.test', 80), Infinity)).at(3)).toBe(2)
  })

  test('HTTP at a SOCKS listener is closed without a word', async () => {
    expect(await answerTo('socks', [...'GET / HTTP/1.1\r\n\r\n'].map((letter) => letter.charCodeAt(0)), Infinity))
      .toEqual([])
  })

  test('what is sent together with the request goes through the tunnel', async () => {
    const sent = [...five('127.0.0.1', port(echo)), 0x41, 0x42]
    const answer = await answerTo('socks', sent, 12 + 11 + 2)
    expect(answer.slice(0, 12)).toEqual(reply(0))
    expect(String.fromCharCode(...answer.slice(12)).replace('220 hello\r\n', '')).toBe('AB')
  })

  test('passthrough: the server speaks first, and hears what is said', async () => {
    const answer = await answerTo('mail', [0x58], 12)
    expect(String.fromCharCode(...answer).replace('220 hello\r\n', '')).toBe('X')
  })

  test('passthrough: what a rule denies is closed without a word', async () => {
    expect(await answerTo('shut', [0x58], Infinity)).toEqual([])
  })
})
