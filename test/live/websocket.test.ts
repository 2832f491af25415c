/** WebSocket (RFC 6455) through Upgrade and through CONNECT: frames both ways, and an orderly close. */

import { Buffer } from 'node:buffer'
import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { OriginConnection } from './origin.ts'
import { Origin } from './origin.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import type { Wire } from './wire.ts'
import { statusOf, valueOf } from './wire.ts'

const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const OPCODE = { text: 1, binary: 2, close: 8 } as const

const accept = (key: string) => createHash('sha1').update(key + MAGIC).digest('base64')

/** One unfragmented frame; a client's is masked. */
function frame(opcode: number, payload: Uint8Array, masked: boolean): Buffer {
  const length = Buffer.alloc(9)
  length[0] = (masked ? 0x80 : 0) | 127
  length.writeBigUInt64BE(BigInt(payload.length), 1)
  const key = masked ? randomBytes(4) : Buffer.alloc(0)
  const body = Buffer.from(payload)
  if (masked) body.forEach((byte, index) => body[index] = byte ^ key[index % 4])
  return Buffer.concat([Buffer.from([0x80 | opcode]), length, key, body])
}

async function readFrame(wire: Wire): Promise<{ opcode: number; payload: Buffer }> {
  const head = await wire.bytes(10)
  const length = Number(head.readBigUInt64BE(2))
  const key = (head[1] & 0x80) === 0 ? Buffer.alloc(4) : await wire.bytes(4)
  const payload = Buffer.from(await wire.bytes(length))
  payload.forEach((byte, index) => payload[index] = byte ^ key[index % 4])
  return { opcode: head[0] & 0x0f, payload }
}

async function echo(connection: OriginConnection): Promise<void> {
  const request = await connection.request()
  if (request === null) return
  // The first frame goes out with the head of the answer, in one write.
  const answer = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Accept: ${accept(valueOf(request, 'sec-websocket-key'))}\r\n\r\n`
  await connection.send(Buffer.concat([Buffer.from(answer), frame(OPCODE.text, Buffer.from('welcome'), false)]))
  for (;;) {
    const { opcode, payload } = await readFrame(connection)
    await connection.send(frame(opcode, payload, false))
    if (opcode === OPCODE.close) return connection.end()
  }
}

test.each(['Upgrade', 'CONNECT'])('by %s', async (way) => {
  using origin = await Origin.listen(echo)
  await using program = await Program.start({ outgoing: { connect_ports: ['1-65535'] } })
  using client = await RawClient.connect(program.port())
  const host = origin.authority
  if (way === 'CONNECT') {
    const made = await client.ask(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'bodiless')
    expect(statusOf(made)).toBe(200)
  }
  const key = randomBytes(16).toString('base64')
  const target = way === 'CONNECT' ? '/chat' : `http://${host}/chat`
  const answer = await client.ask(
    `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    'bodiless',
  )
  expect([statusOf(answer), valueOf(answer, 'sec-websocket-accept')]).toEqual([101, accept(key)])
  expect((await readFrame(client)).payload.toString()).toBe('welcome')
  for (const size of [0, 1, 125, 70_000, 1_000_000]) {
    const payload = randomBytes(size)
    await client.send(frame(OPCODE.binary, payload, true))
    const back = await readFrame(client)
    expect([back.opcode, back.payload.equals(payload)]).toEqual([OPCODE.binary, true])
  }
  await client.send(frame(OPCODE.close, Buffer.from([0x03, 0xe8]), true))
  expect((await readFrame(client)).opcode).toBe(OPCODE.close)
  client.end()
  expect(await client.finished()).toBe('end')
})
