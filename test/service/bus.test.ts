import { expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import type { Endpoint } from '../../core/runtime.ts'
import { Bus, BusAppender } from '../../core/service/bus.ts'
import type { Message } from '../../core/service/message.ts'
import { Machine, settle } from '../memory/machine.ts'

const AT: Endpoint = { family: 'unix', address: '/bus', port: 0 }

async function pair(machine = new Machine()): Promise<[Bus, Bus]> {
  const listener = await machine.listen(AT)
  const socket = await machine.connect(AT).socket
  const { value } = await listener.next()
  listener.close()
  return [new Bus(socket), new Bus(value!)]
}

/** What comes, copied; `ended` when it has. */
function heard(bus: Bus): { messages: Message[]; ended: boolean; failed: unknown } {
  const found = { messages: [] as Message[], ended: false, failed: null as unknown }
  const hear = async () => {
    for await (const message of bus.messages()) {
      found.messages.push('bytes' in message ? { ...message, bytes: message.bytes.slice() } : message)
    }
  }
  void hear().catch((error) => found.failed = error).finally(() => found.ended = true)
  return found
}

test('messages go both ways, in order, however small the pieces', async () => {
  const machine = new Machine()
  machine.network.piece = () => 1
  const [one, other] = await pair(machine)
  const [here, there] = [heard(one), heard(other)]
  for (let id = 0; id < 20; id++) {
    one.send({ kind: 'ask', id })
    other.send({ kind: 'drain', limit: id })
  }
  await settle(500)
  expect(there.messages).toEqual(Array.from({ length: 20 }, (_, id) => ({ kind: 'ask', id })))
  expect(here.messages).toEqual(Array.from({ length: 20 }, (_, limit) => ({ kind: 'drain', limit })))
})

test('a write settles when it is written, and not before those that came first', async () => {
  const machine = new Machine()
  machine.network.capacity = 100
  const [one, other] = await pair(machine)
  let settled = 0
  const bytes = toBytes('x'.repeat(500))
  void one.write({ kind: 'access', bytes }).then(() => settled++)
  void one.write({ kind: 'access', bytes }).then(() => settled++)
  bytes.fill(0x79)
  await settle()
  expect(settled).toBe(0)
  const there = heard(other)
  await settle(50)
  expect(settled).toBe(2)
  expect(there.messages).toEqual([1, 2].map(() => ({ kind: 'access', bytes: toBytes('x'.repeat(500)) })))
})

test('what was said before the end is heard; then the end; and the other side may go on', async () => {
  const [one, other] = await pair()
  const [here, there] = [heard(one), heard(other)]
  one.send({ kind: 'failed', exit: 1, words: 'x' })
  await one.end()
  await settle()
  expect(there).toMatchObject({ messages: [{ kind: 'failed', exit: 1, words: 'x' }], ended: true, failed: null })
  await expect(one.write({ kind: 'stop' })).rejects.toMatchObject({ code: 'closed' })
  other.send({ kind: 'stop' })
  await settle()
  expect(here).toMatchObject({ messages: [{ kind: 'stop' }], ended: false })
  other.close()
  await settle()
  expect(here.ended).toBe(true)
})

test('when the other side is gone, sending is nothing, writing fails, and what is half a message is none', async () => {
  const machine = new Machine()
  const listener = await machine.listen(AT)
  const socket = await machine.connect(AT).socket
  const one = new Bus((await listener.next()).value!)
  const here = heard(one)
  await socket.write(toBytes('\x00\x00\x00\x05\x07'))
  socket.abort()
  await settle()
  expect(here).toMatchObject({ messages: [], ended: true, failed: null })
  for (let i = 0; i < 3; i++) one.send({ kind: 'stop' })
  await settle()
  await expect(one.write({ kind: 'stop' })).rejects.toMatchObject({ name: 'SystemFailure' })
  await one.end()
})

test('nonsense is a bug', async () => {
  const machine = new Machine()
  const listener = await machine.listen(AT)
  const socket = await machine.connect(AT).socket
  const here = heard(new Bus((await listener.next()).value!))
  await socket.write(toBytes('GET / HTTP/1.1\r\n\r\n'))
  await settle()
  expect(String(here.failed)).toMatch(/a message of 1195725856 bytes came over the bus/)
})

test('the end of a log', async () => {
  const [one, other] = await pair()
  const there = heard(other)
  const appender = new BusAppender(one, 'diagnostics')
  await appender.write(toBytes('a\n'))
  await appender.close()
  await appender.write(toBytes('b\n'))
  await settle()
  expect(there.messages).toEqual([
    { kind: 'diagnostics', bytes: toBytes('a\n') },
    { kind: 'diagnostics', bytes: toBytes('b\n') },
  ])
  one.close()
  await expect(appender.write(toBytes('c\n'))).rejects.toMatchObject({ code: 'closed' })
})
