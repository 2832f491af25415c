/** Back-pressure: a body waits where it is when the other side is slow; one cut short is never taken for a whole one. */

import { Buffer } from 'node:buffer'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import process from 'node:process'
import { expect, test } from 'vitest'
import { Origin } from './origin.ts'
import { curl, lacking } from './peers.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { until, within } from './waiting.ts'
import type { Wire } from './wire.ts'

const MB = 1024 * 1024
const SIZE = 256 * MB
const BLOCK = Buffer.alloc(MB, 'exaproxy')
/** What the kernel's socket buffers may swallow on the way (two connections, 6 + 4 MB each), and the proxy's own. */
const UNDERWAY = 48 * MB
/** How much more memory the program may need with a body waiting in it. Collectors take their time. */
const GROWTH = 80 * MB

const whole = () => {
  const hash = createHash('sha256')
  for (let sent = 0; sent < SIZE; sent += MB) hash.update(BLOCK)
  return hash.digest('hex')
}

async function sendAll(wire: Wire, counted: (total: number) => void): Promise<void> {
  for (let sent = 0; sent < SIZE; sent += MB) {
    await wire.send(BLOCK)
    counted(sent + MB)
  }
}

/** Waits until a count has stopped growing: nothing tells when bytes no longer move. */
async function standing(count: () => number): Promise<void> {
  let last = -1
  let turns = 0
  await until(
    () => {
      turns = count() === last ? turns + 1 : 0
      last = count()
      return turns > 30
    },
    'a standstill',
    20_000,
  )
}

test.each(['length', 'chunks', 'tunnel'])(
  'a slow reader stops the origin, and gets it all in the end (%s)',
  async (way) => {
    let sent = 0
    using origin = await Origin.listen(async (connection) => {
      await connection.through(way === 'tunnel' ? 'go' : '\r\n\r\n')
      if (way === 'length') await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`)
      // Without a length the body ends with its connection, and the proxy makes chunks of it.
      if (way === 'chunks') await connection.send('HTTP/1.1 200 OK\r\n\r\n')
      await sendAll(connection, (total) => sent = total)
      connection.end()
    })
    await using program = await Program.start({ outgoing: { connect_ports: ['1-65535'] } })
    const before = program.memory().now
    using client = await RawClient.connect(program.port())
    client.keep = false
    const target = way === 'tunnel' ? `CONNECT ${origin.authority}` : `GET http://${origin.authority}/`
    await client.send(`${target} HTTP/1.1\r\nHost: ${origin.authority}\r\n\r\n`)
    await client.head('response')
    client.socket.pause()
    if (way === 'tunnel') await client.send('go')
    await standing(() => sent)
    expect(sent).toBeLessThan(UNDERWAY)
    expect(program.memory().peak - before).toBeLessThan(GROWTH)
    client.socket.resume()
    const hash = createHash('sha256')
    if (way !== 'chunks') expect(await client.skip(SIZE, (chunk) => hash.update(chunk))).toBe(SIZE)
    else {
      for (;;) {
        const size = Number.parseInt((await client.through('\r\n'))?.toString() ?? '', 16)
        if (size === 0) break
        await client.skip(size, (chunk) => hash.update(chunk))
        await client.bytes(2)
      }
    }
    expect(hash.digest('hex')).toBe(whole())
    expect(program.memory().peak - before).toBeLessThan(GROWTH)
  },
  90_000,
)

test.each(['length', 'chunks', 'tunnel'])(
  'a slow origin stops the client, and gets it all in the end (%s)',
  async (way) => {
    const hash = createHash('sha256')
    let received = 0
    const take = (chunk: Buffer) => {
      received += chunk.length
      hash.update(chunk)
    }
    let readOn = () => {}
    const told = new Promise<void>((resolve) => readOn = resolve)
    using origin = await Origin.listen(async (connection) => {
      connection.keep = false
      if (way !== 'tunnel') await connection.through('\r\n\r\n')
      connection.socket.pause()
      await told
      connection.socket.resume()
      if (way !== 'chunks') await connection.skip(SIZE, take)
      else {
        for (;;) {
          const size = Number.parseInt((await connection.through('\r\n'))?.toString() ?? '', 16)
          await connection.skip(size, take)
          await connection.bytes(2)
          if (size === 0) break
        }
      }
      await connection.send(way === 'tunnel' ? 'done' : 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone')
    })
    await using program = await Program.start({ outgoing: { connect_ports: ['1-65535'] } })
    const before = program.memory().now
    using client = await RawClient.connect(program.port())
    const framing = way === 'length' ? `Content-Length: ${SIZE}` : 'Transfer-Encoding: chunked'
    const head = way === 'tunnel'
      ? `CONNECT ${origin.authority} HTTP/1.1\r\nHost: ${origin.authority}\r\n\r\n`
      : `POST http://${origin.authority}/ HTTP/1.1\r\nHost: ${origin.authority}\r\n${framing}\r\n\r\n`
    await client.send(head)
    if (way === 'tunnel') await client.head('bodiless')
    let sent = 0
    const upload = async () => {
      if (way !== 'chunks') return await sendAll(client, (total) => sent = total)
      for (; sent < SIZE; sent += MB) {
        await client.send(`${MB.toString(16)}\r\n`)
        await client.send(BLOCK)
        await client.send('\r\n')
      }
      await client.send('0\r\n\r\n')
    }
    const uploaded = upload()
    await standing(() => sent)
    expect(sent).toBeLessThan(UNDERWAY)
    expect(program.memory().peak - before).toBeLessThan(GROWTH)
    readOn()
    await within(uploaded, 'the end of the upload', undefined, 60_000)
    if (way === 'tunnel') expect((await client.bytes(4)).toString()).toBe('done')
    else expect((await client.answer()).body.toString()).toBe('done')
    expect([received, hash.digest('hex')]).toEqual([SIZE, whole()])
    expect(program.memory().peak - before).toBeLessThan(GROWTH)
  },
  90_000,
)

const missing = lacking('curl')

test.skipIf(missing !== '').each(['Content-Length', 'Transfer-Encoding'])(
  `an origin killed amid its body leaves the client an incomplete message (%s)${missing}`,
  async (framing) => {
    const source = `require('http').createServer((_, response) => {
      if ('${framing}' === 'Content-Length') response.setHeader('Content-Length', 1e6)
      response.write('x'.repeat(5000), () => process.stdout.write('half'))
    }).listen(0, '127.0.0.1', function () { process.stdout.write(this.address().port + '\\n') })`
    const origin = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      const heard = (done: (text: string) => boolean) =>
        new Promise<string>((resolve) => {
          let text = ''
          origin.stdout.on('data', (chunk: Buffer) => {
            text += chunk.toString()
            if (done(text)) resolve(text)
          })
        })
      const port = Number(await within(heard((text) => text.includes('\n')), 'the port of the origin'))
      await using program = await Program.start()
      const half = heard((text) => text.includes('half'))
      const asked = curl('-x', `http://127.0.0.1:${program.port()}`, `http://127.0.0.1:${port}/`)
      await within(half, 'half of the body')
      origin.kill('SIGKILL')
      const { code, output } = await asked
      // 18: partial file; 56: the connection was reset.
      expect([18, 56]).toContain(code)
      expect(output.length).toBeLessThanOrEqual(5000)
    } finally {
      origin.kill('SIGKILL')
    }
  },
)
