/** Connections that a proxy in front passes on: whose they are, and what is closed. */
import { expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { type Arrival, Newcomer } from '../../core/proxy/arrival.ts'
import { ListenerContext } from '../../core/proxy/listener.ts'
import type { Endpoint } from '../../core/runtime.ts'
import { settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { settingsOf, World } from './world.ts'

const AT: Endpoint = { family: 4, address: '127.0.0.1', port: 4000 }
const HEADER = 'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n'
const REQUEST = 'GET / HTTP/1.1\r\n'

interface Met {
  readonly world: World
  readonly context: ListenerContext
  readonly sender: Peer
  readonly said: Promise<Arrival | string>
}

async function meet(...sets: string[]): Promise<Met> {
  const world = await World.open()
  const context = new ListenerContext(settingsOf('listener.http.proxy_protocol=require', ...sets).listener[0], false)
  const listener = await world.machine.listen(AT)
  const sender = new Peer(await world.machine.connect(AT).socket)
  const next = await listener.next()
  listener.close()
  if (next.done === true) throw new Error('nobody came')
  return { world, context, sender, said: new Newcomer(world.proxy, context, next.value).introduction() }
}

test.each([1, 2, 5, 1000])(
  'the client is whom the header says, and what follows is its own, in pieces of %d',
  async (size) => {
    const { world, context, sender, said } = await meet()
    world.machine.network.piece = () => size
    await sender.send(HEADER + REQUEST)
    const arrival = await said
    if (typeof arrival === 'string') throw new Error(arrival)
    expect(arrival.peer).toEqual({ family: 4, address: '192.0.2.1', port: 56324 })
    expect(arrival.local).toEqual({ family: 4, address: '198.51.100.2', port: 443 })
    let text = String.fromCharCode(...arrival.rest)
    while (text.length < REQUEST.length) {
      const pulled = await arrival.socket.next()
      if (pulled.done === true) break
      text += String.fromCharCode(...pulled.value)
    }
    expect(text).toBe(REQUEST)
    expect(context.newcomers.size).toBe(0)
    arrival.socket.close()
    await sender.close()
    expect(await world.leftovers()).toEqual([])
  },
)

test('UNKNOWN: the addresses of the connection count', async () => {
  const { sender, said } = await meet()
  await sender.send('PROXY UNKNOWN\r\n')
  const arrival = await said
  expect(arrival).toMatchObject({ peer: { address: '127.0.0.1' }, local: AT })
})

test.each([
  ['what is no header', [REQUEST], /does not begin with a PROXY header/],
  ['a bad header', ['PROXY TCP4 1 2 3 4\r\n'], /none/],
])('%s: closed with a reset, and nothing is answered', async (_, sent, why) => {
  const { world, sender, said } = await meet()
  await sender.send(...sent)
  expect(await said).toMatch(why)
  await settle()
  expect(sender.text).toBe('')
  expect(sender.state).toBe('reset')
  expect(await world.leftovers()).toEqual([])
})

test('who is not in proxy_protocol_from is closed, whatever it says', async () => {
  const { said } = await meet('listener.http.proxy_protocol_from=10.0.0.0/8')
  expect(await said).toBe('127.0.0.1 is not in proxy_protocol_from')
})

test('half a header, and no more: closed when its time is over', async () => {
  const { world, sender, said } = await meet('listener.http.head_timeout=5s')
  await sender.send('PROXY TCP4 ')
  await world.pass(7000)
  expect(await said).toBe('no PROXY header came in time')
  expect(await world.leftovers()).toEqual([])
})

test('half a header, and the end', async () => {
  const { world, sender, said } = await meet()
  await sender.send('PROXY TCP4 ')
  await sender.end()
  expect(await said).toBe('it closed before its PROXY header')
  expect(await world.leftovers()).toEqual([])
})

test('half a header, and a stop of the service', async () => {
  const { world, context, sender, said } = await meet()
  await sender.send('PROXY')
  for (const newcomer of context.newcomers) newcomer.close()
  expect(await said).toMatch(/./)
  expect(await world.leftovers()).toEqual([])
})

const V2 = '\r\n\r\n\0\r\nQUIT\n\x21\x11'
const ADDRESSES = '\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb'
const tlv = (type: number, value: string): string =>
  String.fromCharCode(type, value.length >> 8, value.length & 255) + value
const headerWith = (...tlvs: string[]): Uint8Array => {
  const rest = ADDRESSES + tlvs.join('')
  return toBytes(V2 + String.fromCharCode(rest.length >> 8, rest.length & 255) + rest)
}
/** Of a client whose certificate was (not) found good: its parts. */
const ssl = (good: boolean, ...parts: string[]): string =>
  tlv(0x20, `\x07\0\0\0${good ? '\0' : '\x01'}${parts.join('')}`)
const CN = (name: string): string => tlv(0x22, String.fromCharCode(...new TextEncoder().encode(name)))

async function told(header: Uint8Array, ...sets: string[]): Promise<Arrival> {
  const { sender, said } = await meet(...sets)
  await sender.socket.write(header)
  const arrival = await said
  if (typeof arrival === 'string') throw new Error(arrival)
  return arrival
}

test('what else a header tells', async () => {
  const parts = ssl(true, tlv(0x21, 'TLSv1.3'), tlv(0x23, 'TLS_AES'), CN('joe'))
  expect(await told(headerWith(tlv(2, 'a.b'), tlv(5, 'AC:1'), parts))).toMatchObject({
    uniqueId: 'AC:1',
    tls: { version: 'TLSv1.3', cipher: 'TLS_AES', serverName: 'a.b', clientName: 'joe', verified: true },
    secure: true,
    user: '',
  })
})

test('a name alone does not say that TLS has ended', async () => {
  const tls = { version: '', cipher: '', serverName: 'a.b', clientName: '', verified: false }
  expect(await told(headerWith(tlv(2, 'a.b')))).toMatchObject({ uniqueId: '', tls, secure: false, user: '' })
})

test('a header that tells nothing', async () => {
  expect(await told(headerWith())).toMatchObject({ uniqueId: '', tls: null, secure: false, user: '' })
})

test.each<[string, string, string]>([
  ['whom a good certificate names is the user', ssl(true, CN('joe')), 'joe'],
  ['in any script', ssl(true, CN('J\u00fcrgen M\u00fcller')), 'J\u00fcrgen M\u00fcller'],
  ['not of a certificate that is not good', ssl(false, CN('joe')), ''],
  ['not without a certificate', tlv(0x20, `\x01\0\0\0\0${CN('joe')}`), ''],
  ['not one that names nobody', ssl(true, CN('')), ''],
  ['not one with a line feed', ssl(true, CN('joe\nadmin')), ''],
  ['not one with a NUL', ssl(true, CN('joe\0admin')), ''],
  ['not one that turns text around', ssl(true, CN('joe\u202e')), ''],
  ['not one with bytes that are no UTF-8', ssl(true, tlv(0x22, 'j\xff')), ''],
  ['not one that is too long', ssl(true, CN('j'.repeat(256))), ''],
])('%s', async (_, tls, user) => {
  expect((await told(headerWith(tls), 'listener.http.proxy_protocol_user=cn')).user).toBe(user)
})

test('version 2, and bytes of any value', async () => {
  const { sender, said } = await meet()
  const head = '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb'
  await sender.socket.write(toBytes(`${head}\xff\0`))
  const arrival = await said
  expect(arrival).toMatchObject({ peer: { address: '192.0.2.1', port: 56324 }, rest: Uint8Array.of(0xff, 0) })
})
