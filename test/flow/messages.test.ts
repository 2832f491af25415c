/** One side of a connection as messages: pulls that are begun early, and pulls handed to somebody else. */
import { expect, test } from 'vitest'
import { latin1 } from '../../core/bytes/ascii.ts'
import { Messages } from '../../core/flow/messages.ts'
import { HttpParser } from '../../core/http/parser.ts'
import type { Endpoint } from '../../core/runtime.ts'
import { Machine, settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'

const AT: Endpoint = { family: 4, address: '127.0.0.1', port: 80 }
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

async function lab(): Promise<{ peer: Peer; messages: Messages; heard: string[]; watch: () => Promise<void> }> {
  const machine = new Machine()
  const listener = await machine.listen(AT)
  const [far, next] = await Promise.all([machine.connect(AT).socket, listener.next()])
  const messages = new Messages(next.value!, new HttpParser('request'), 'client-left')
  const heard: string[] = []
  const watch = async (): Promise<void> => {
    messages.watch(() => heard.push('came'), () => heard.push('broke'))
    await settle()
  }
  return { peer: new Peer(far), messages, heard, watch }
}

test('bytes are events, and counted', async () => {
  const { peer, messages } = await lab()
  expect(messages.next().kind).toBe('need-data')
  await peer.send(GET)
  await messages.refill()
  expect([messages.next().kind, messages.received, messages.ended]).toEqual(['head', GET.length, false])
  expect(messages.next().kind).toBe('end')
  await peer.end()
  await messages.refill()
  expect([messages.ended, messages.received]).toEqual([true, GET.length])
})

const HEARD: readonly [name: string, act: (peer: Peer) => Promise<void>, heard: string][] = [
  ['bytes', (peer) => peer.send(GET), 'came'],
  ['the end', (peer) => peer.end(), 'came'],
  ['a reset', (peer) => peer.reset(), 'broke'],
]
test.each(HEARD)('a watch hears of %s once, and the next pull gets it', async (name, act, expected) => {
  const { peer, messages, heard, watch } = await lab()
  await watch()
  await watch()
  expect([messages.watched, heard]).toEqual([true, []])
  await act(peer)
  expect(heard).toEqual([expected])
  // Nobody asked for it, so it is not counted yet, and the parser knows nothing of it.
  expect([messages.received, messages.ended]).toEqual([0, false])
  if (name === 'a reset') {
    await expect(messages.refill()).rejects.toMatchObject({ code: 'client-left', detail: 'reset' })
  } else await messages.refill()
  expect([messages.watched, messages.ended]).toEqual([false, name === 'the end'])
  if (name === 'bytes') expect(messages.next().kind).toBe('head')
})

test('what a watch got stays good until it is asked for', async () => {
  const { peer, messages, watch } = await lab()
  await watch()
  await peer.send(GET.slice(0, 10))
  await peer.send(GET.slice(10))
  await settle(10)
  await messages.refill()
  expect(messages.next().kind).toBe('need-data')
  await messages.refill()
  expect(messages.next().kind).toBe('head')
})

test('detached: what was not used up, and the pull under way', async () => {
  const { peer, messages, watch, heard } = await lab()
  await peer.send(`${GET}rest`)
  await messages.refill()
  expect(messages.next().kind).toBe('head')
  expect(messages.next().kind).toBe('end')
  const first = messages.detach()
  expect([latin1(first.rest), first.pull]).toEqual(['rest', null])
  await watch()
  const second = messages.detach()
  expect(messages.watched).toBe(false)
  await peer.send('more')
  expect(latin1((await second.pull!).value!)).toBe('more')
  expect(heard).toEqual(['came'])
})

test('detached: a pull that breaks and that nobody looks at is no unhandled rejection', async () => {
  const { peer, messages } = await lab()
  messages.watch(() => {}, () => {})
  const { pull } = messages.detach()
  await peer.reset()
  await settle(10)
  await expect(pull).rejects.toThrow('reset')
})

const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n'

/** What a parser says of a body, and of what follows it. */
function said(messages: Messages): string {
  let text = ''
  for (let event = messages.next(); event.kind !== 'need-data'; event = messages.next()) {
    text += event.kind === 'data' ? latin1(event.chunk, event.from, event.to) : `<${event.kind}>`
    if (event.kind === 'end') messages.parser.restart()
  }
  return text
}

test('what is kept is owned, however it came, and a reset behind it is heard of', async () => {
  const stream = `${POST}abcdef${GET}`
  for (let cut = 1; cut < stream.length - POST.length; cut++) {
    const { peer, messages, heard, watch } = await lab()
    await peer.send(stream.slice(0, POST.length + cut - 1))
    await messages.refill()
    expect(messages.next().kind).toBe('head')
    expect(messages.keep(100)).toBe(true)
    await watch()
    expect(messages.keep(100)).toBe(false)
    await peer.send(stream.slice(POST.length + cut - 1))
    expect(messages.keep(100)).toBe(true)
    await watch()
    await peer.reset()
    expect(heard).toEqual(['came', 'broke'])
    expect(messages.received).toBe(stream.length)
    expect(said(messages)).toBe('abcdef<end><head><end>')
  }
})

test('no more is kept than may be, and what a watch brought stays good', async () => {
  const { peer, messages, watch } = await lab()
  await peer.send(`${POST}abc`)
  await messages.refill()
  expect(messages.next().kind).toBe('head')
  expect(messages.keep(2)).toBe(false)
  expect(messages.keep(5)).toBe(true)
  await watch()
  await peer.send('def')
  expect(messages.keep(5)).toBe(false)
  expect(messages.received).toBe(POST.length + 3)
  expect(said(messages)).toBe('abc')
  await messages.refill()
  expect(said(messages)).toBe('def<end>')
  // The end is nothing to keep.
  await watch()
  await peer.end()
  expect(messages.keep(100)).toBe(false)
  await messages.refill()
  expect([messages.ended, messages.keep(100)]).toEqual([true, false])
})
