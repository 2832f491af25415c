/** The benchmark's own client: whatever comes that should not, it says so. */
import { createServer, type Server, type Socket } from 'node:net'
import { Buffer } from 'node:buffer'
import { afterEach, describe, expect, test } from 'vitest'
import { startEcho } from '../../../scripts/bench/echo.ts'
import { Line } from '../../../scripts/bench/line.ts'

let server: Server | undefined
let lines: Line[] = []

afterEach(() => {
  for (const line of lines) line.close()
  lines = []
  server?.close()
})

/** A line to a server that does this with its connection. */
async function lineTo(serve: (socket: Socket) => void): Promise<Line> {
  const port = await new Promise<number>((resolve) => {
    const listening = createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => {})
      serve(socket)
    })
    server = listening.listen(0, '127.0.0.1', () => {
      const address = listening.address()
      resolve(address !== null && typeof address === 'object' ? address.port : 0)
    })
  })
  return open(port)
}

async function open(port: number): Promise<Line> {
  const line = await Line.open(port)
  lines.push(line)
  return line
}

/** Answers each of `pieces` when asked for more. */
const inPieces = (...pieces: string[]) => (socket: Socket) =>
  void socket.on('data', () => {
    const piece = pieces.shift()
    if (piece === undefined) socket.end()
    else socket.write(piece)
  })

const body = Buffer.from('0123456789')
const good = 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789'

describe('an answer', () => {
  test('in every two pieces', async () => {
    for (let at = 1; at < good.length; at++) {
      const line = await lineTo((socket) =>
        socket.once('data', () => {
          // The second piece goes when the first is known to have been sent, so that both are read by themselves.
          socket.write(good.slice(0, at), () => setImmediate(() => socket.write(good.slice(at))))
        })
      )
      line.send('x')
      await line.answer(200, body)
      expect(line.received, `split at ${at}`).toBe(10)
      server?.close()
    }
  })

  test('and the next on the same line', async () => {
    const line = await lineTo(inPieces(good, good))
    for (let i = 1; i <= 2; i++) {
      line.send('x')
      await line.answer(200, body)
      expect(line.received).toBe(i * 10)
    }
    expect(line.open).toBe(true)
  })

  test('without a body, after which there are only bytes', async () => {
    const line = await lineTo(inPieces('HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\n\r\n', '0123456789'))
    line.send('x')
    await line.answer(101, null)
    line.send('y')
    await line.echo(body)
  })

  test.each([
    ['HTTP/1.1 502 Bad Gateway\r\nContent-Length: 10\r\n\r\n0123456789', 'a bad answer: HTTP/1.1 502'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789a', 'an answer of 11 bytes, not of 10'],
    ['HTTP/1.1 200 OK\r\n\r\n0123456789', 'an answer of undefined bytes'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456788', 'are not the origin'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789a', 'are not the origin'],
    [`HTTP/1.1 200 OK\r\nField: ${'x'.repeat(20_000)}`, 'a head without an end'],
  ])('%s is refused', async (words, said) => {
    const line = await lineTo(inPieces(words))
    line.send('x')
    await expect(line.answer(200, body)).rejects.toThrow(said)
    expect(line.open).toBe(false)
    await expect(line.answer(200, body)).rejects.toThrow(said)
  })

  test.each([['', 'closed before'], [good.slice(0, 20), 'closed before'], [good.slice(0, -1), 'closed before']])(
    'that ends after %j is refused',
    async (words, said) => {
      const line = await lineTo((socket) => socket.once('data', () => socket.end(words)))
      line.send('x')
      await expect(line.answer(200, body)).rejects.toThrow(said)
    },
  )
})

test('bytes nobody asked for are remembered', async () => {
  const line = await lineTo((socket) => socket.write('x'))
  while (line.open) await new Promise(setImmediate)
  await expect(line.answer(200, body)).rejects.toThrow('1 bytes came that were not asked for')
})

test('the other side may close when all is said', async () => {
  const line = await lineTo((socket) => socket.once('data', () => socket.end(good)))
  line.send('x')
  await line.answer(200, body)
  await line.ended()
  expect(line.open).toBe(false)
})

test('the echo says a body, and after an upgrade every byte', async () => {
  const echo = await startEcho()
  try {
    const line = await open(echo.port)
    const head = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n'
    line.send(`${head}012345`)
    line.send('6789')
    await line.answer(200, body)
    line.send('GET /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n')
    await line.answer(101, null)
    for (let i = 0; i < 3; i++) {
      line.send(body)
      await line.echo(body)
    }
  } finally {
    echo.stop()
  }
})
