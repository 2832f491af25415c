/** Request bodies on their way to an origin. */
import { expect, test } from 'vitest'
import { Messages } from '../../core/flow/messages.ts'
import { Outbox } from '../../core/flow/outbox.ts'
import { type Awaited, Upload } from '../../core/flow/upload.ts'
import { HttpParser } from '../../core/http/parser.ts'
import type { Endpoint, Socket } from '../../core/runtime.ts'
import { Machine, settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'

class Lab {
  readonly machine = new Machine()
  readonly waits: Awaited[] = []
  client!: Peer
  origin!: Peer
  upload!: Upload
  messages!: Messages
  toOrigin!: Socket
  over = false

  async pair(port: number): Promise<[Socket, Socket]> {
    const at: Endpoint = { family: 4, address: '127.0.0.1', port }
    const listener = await this.machine.listen(at)
    const [far, next] = await Promise.all([this.machine.connect(at).socket, listener.next()])
    return [far, next.value!]
  }

  /** A request whose head has been read, with as much of the body as came with it. */
  async begin(framing: string, body = ''): Promise<this> {
    const [client, near] = await this.pair(1)
    const [toOrigin, origin] = await this.pair(2)
    this.client = new Peer(client)
    this.origin = new Peer(origin)
    this.toOrigin = toOrigin
    this.messages = new Messages(near, new HttpParser('request'), 'client-left')
    await this.client.send(`POST http://a/ HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n${body}`)
    while (this.messages.next().kind !== 'head') await this.messages.refill()
    const outbox = new Outbox(toOrigin, 'origin-left')
    outbox.chunked = framing.includes('chunked')
    outbox.writer.text('HEAD\n')
    this.upload = new Upload(this.messages, outbox, (on) => this.waits.push(on))
    void this.upload.run().then(() => this.over = true)
    await settle()
    return this
  }

  get state(): readonly [over: boolean, done: boolean, failure: string | null] {
    return [this.over, this.upload.done, this.upload.failure?.code ?? null]
  }
}

const LENGTH = 'Content-Length: 10'
const CHUNKED = 'Transfer-Encoding: chunked'

const WHOLE: readonly [name: string, framing: string, now: string, later: string[], arrives: string][] = [
  ['all at once', LENGTH, '0123456789', [], 'HEAD\n0123456789'],
  ['all later', LENGTH, '', ['0123456789'], 'HEAD\n0123456789'],
  ['in parts', LENGTH, '012', ['345', '6789'], 'HEAD\n0123456789'],
  ['of nothing', 'Content-Length: 0', '', [], 'HEAD\n'],
  ['in chunks', CHUNKED, '3\r\nabc\r\n', ['2;x=y\r\nde\r\n', '0\r\n\r\n'], 'HEAD\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'],
  ['with a chunk in parts', CHUNKED, '5\r\nab', ['cde\r\n0\r\n\r\n'], 'HEAD\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n'],
]
test.each(WHOLE)('a body %s', async (_, framing, now, later, arrives) => {
  const lab = await new Lab().begin(framing, now)
  // The head does not wait for the body.
  expect(lab.origin.text).toMatch(/^HEAD\n/)
  for (const text of later) {
    expect(lab.over).toBe(false)
    expect(lab.waits.at(-1)).toBe('client')
    await lab.client.send(text)
  }
  expect(lab.origin.text).toBe(arrives)
  expect(lab.state).toEqual([true, true, null])
  expect(lab.messages.next().kind).toBe('paused')
})

test('what follows the body is left alone', async () => {
  const lab = await new Lab().begin('Content-Length: 2', 'okGET / HTTP/1.1\r\n')
  expect(lab.state).toEqual([true, true, null])
  expect([lab.messages.parser.left, lab.upload.size]).toEqual([16, 2])
})

const BROKEN: readonly [name: string, framing: string, breaks: (lab: Lab) => Promise<void>, failure: string][] = [
  ['ends', LENGTH, (lab) => lab.client.end(), 'client-left'],
  ['is reset', LENGTH, (lab) => lab.client.reset(), 'client-left'],
  ['sends no chunk', CHUNKED, (lab) => lab.client.send('x\r\n'), 'bad-body'],
  ['sends no end of a chunk', CHUNKED, (lab) => lab.client.send('1\r\nabc'), 'bad-body'],
]
test.each(BROKEN)('a client that %s: the origin gets no end', async (_, framing, breaks, failure) => {
  const lab = await new Lab().begin(framing)
  await breaks(lab)
  expect(lab.state).toEqual([true, false, failure])
  expect([lab.origin.state, lab.origin.text.includes('0\r\n\r\n')]).toEqual(['open', false])
})

test('an origin that breaks: the client is read to its end, and the failure remembered', async () => {
  const lab = await new Lab().begin(LENGTH, '012')
  await lab.origin.reset()
  await lab.client.send('345')
  expect(lab.state).toEqual([false, false, 'origin-left'])
  await lab.client.send('6789')
  expect(lab.state).toEqual([true, true, 'origin-left'])
  expect(lab.upload.size).toBe(10)
})

test('an origin that breaks at the very end', async () => {
  const lab = await new Lab().begin(CHUNKED, '2\r\nok\r\n')
  await lab.origin.reset()
  await lab.client.send('0\r\n\r\n')
  expect(lab.state).toEqual([true, true, 'origin-left'])
})

test('an origin that does not read is waited for, and then the client is not read', async () => {
  const lab = new Lab()
  lab.machine.network.capacity = 1000
  await lab.begin('Content-Length: 10000')
  lab.origin.pause()
  const sending = lab.client.send('x'.repeat(10_000))
  await settle(20)
  expect(lab.waits.at(-1)).toBe('origin')
  expect(lab.messages.received).toBeLessThan(5000)
  await lab.origin.resume()
  await sending
  await settle(20)
  expect(lab.state).toEqual([true, true, null])
  expect(lab.origin.text.length).toBe(10_005)
})

test('discarded: the rest is read and goes nowhere', async () => {
  const lab = await new Lab().begin(CHUNKED, '2\r\nok\r\n')
  lab.upload.discard()
  await lab.client.send('3\r\nnot\r\n0\r\n\r\n')
  expect(lab.state).toEqual([true, true, null])
  expect(lab.origin.text).toBe('HEAD\n2\r\nok\r\n')
})

test('discarded while the origin does not read, and then closed', async () => {
  const lab = new Lab()
  lab.machine.network.capacity = 1000
  await lab.begin('Content-Length: 10000')
  lab.origin.pause()
  void lab.client.send('x'.repeat(10_000)).catch(() => {})
  await settle(20)
  lab.upload.discard()
  lab.toOrigin.close()
  await settle(20)
  expect(lab.state).toEqual([true, false, 'origin-left'])
})
