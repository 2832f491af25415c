/** Listeners whose clients come by TLS: which certificate, who is let in, and files that will not do. */
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { tls } from '../../adapters/shared/tls.ts'
import type { ListenerSettings } from '../../core/config/settings.ts'
import { Diagnostics } from '../../core/proxy/diagnostics.ts'
import { type Arrival, Newcomer } from '../../core/proxy/arrival.ts'
import { ListenerContext } from '../../core/proxy/listener.ts'
import { TlsDoor } from '../../core/proxy/tls_door.ts'
import type { Endpoint, Runtime, Socket } from '../../core/runtime.ts'
import { Authority, type Certificate, read } from '../contract/certificates.ts'
import { Peer } from '../memory/peer.ts'
import { settingsOf, World } from './world.ts'

const AT: Endpoint = { family: 4, address: '127.0.0.1', port: 4000 }
const authority = new Authority()
afterAll(() => authority[Symbol.dispose]())
const a = authority.issue('a', 'DNS:a.test,DNS:*.Wild.test')
const b = authority.issue('b', 'DNS:b.test,DNS:a.wild.test')
const ca = readFileSync(authority.ca)

/** The machine of the world, with the TLS of this runtime and the files of this disk. */
function machine(world: World, files: Record<string, Uint8Array> = {}): Runtime {
  const read = (path: string) => path in files ? Promise.resolve(files[path]) : world.machine.files.read(path)
  return {
    ...world.machine,
    name: 'memory',
    clock: world.machine.clock,
    tls,
    files: Object.assign(Object.create(world.machine.files), { read }),
  }
}

function onDisk(...all: Certificate[]): Record<string, Uint8Array> {
  const paths = [authority.ca, ...all.flatMap(({ cert, key }) => [cert, key])]
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path)]))
}

function listening(over: Partial<ListenerSettings>, ...sets: string[]): ListenerSettings {
  return { ...settingsOf(...sets).listener[0], ...over }
}

async function open(over: Partial<ListenerSettings>, files = onDisk(a, b)): Promise<TlsDoor> {
  return (await TlsDoor.open(machine(await World.open(), files), listening(over)))!
}

test.each([
  ['a.test', 'a.test'],
  ['b.test', 'b.test'],
  ['x.wild.test', 'a.test'],
  ['a.wild.test', 'b.test'],
  ['x.y.wild.test', 'a.test'],
  ['other.test', 'a.test'],
  ['', 'a.test'],
])('for %j the certificate of %s', async (asked, expected) => {
  const door = await open({ tls: [a, b] })
  expect(door.find(asked).names[0]).toBe(expected)
})

test('without tls there is no door', async () => {
  expect(await open({ tls: [] })).toBe(null)
})

describe('files that will not do', () => {
  const nothing = { cert: '/nowhere.pem', key: a.key }
  test.each([
    ['one that is missing', [nothing], {}, /^listener\.http\.tls: \/nowhere\.pem cannot be read \(missing/],
    ['a key of another', [{ cert: a.cert, key: b.key }], {}, /key is not the key of .*cert = .*, key = /],
    ['no PEM', [a], { [a.cert]: new Uint8Array(9) }, /cert has no certificate/],
  ])('%s', async (_, identities, changed, words) => {
    await expect(open({ tls: identities }, { ...onDisk(a, b), ...changed })).rejects.toThrow(words)
  })

  test('those of before stay when new ones are bad, and go when they are good', async () => {
    const files = onDisk(a, b)
    const door = await open({ tls: [a] }, files)
    const before = door.find('')
    files[a.key] = files[b.key]
    await door.reload()
    expect(door.find('')).toBe(before)
    files[a.cert] = files[b.cert]
    await door.reload()
    expect(door.find('').names[0]).toBe('b.test')
  })
})

describe('a certificate that ends is spoken of', () => {
  const days = (count: number) => authority.issue('e', 'DNS:e.test', count)
  test.each([
    ['has ended', days(-1), 'has expired ('],
    ['ends soon', days(10), 'expires in 9 days ('],
    ['is good for long', days(20), ''],
  ])('%s', async (_, certificate, words) => {
    const world = await World.open()
    const of = machine(world, onDisk(certificate))
    const at = { ...of, clock: Object.assign(Object.create(of.clock), { date: () => Date.now() }) }
    const diagnostics = await Diagnostics.open(at, { level: 'warning', destination: 'stderr' })
    await TlsDoor.open(at, listening({ tls: [certificate] }))
    await diagnostics.close()
    const said = world.machine.errors.text
    expect(said).toContain(words)
    if (words === '') expect(said).toBe('')
    else expect(said).toContain(`listener.http.tls: the certificate in ${certificate.cert} `)
  })
})

describe('a certificate that is never shown is spoken of', () => {
  const nameless = authority.issue('a.test')
  test.each([
    ['names of its own', [a, b], ''],
    ['a name beneath the wildcard of an earlier one', [a, authority.issue('c', 'DNS:b.wild.test')], ''],
    ['one, without names', [nameless], ''],
    ['a further one without names', [a, nameless], `${nameless.cert} is never shown: it names no host`],
    ['names of earlier ones', [a, b, a], `${a.cert} is never shown: earlier ones are for all that it names`],
  ])('%s', async (_, certificates, words) => {
    const world = await World.open()
    const at = machine(world, onDisk(...certificates))
    const diagnostics = await Diagnostics.open(at, { level: 'warning', destination: 'stderr' })
    await TlsDoor.open(at, listening({ tls: certificates }))
    await diagnostics.close()
    const said = world.machine.errors.text
    if (words === '') expect(said).toBe('')
    else expect(said).toContain(`listener.http.tls: the certificate in ${words}`)
  })
})

interface Met {
  readonly world: World
  readonly context: ListenerContext
  readonly sender: Socket
  readonly said: Promise<Arrival | string>
}

async function meet(over: Partial<ListenerSettings>, ...sets: string[]): Promise<Met> {
  const world = await World.open()
  const settings = listening(over, ...sets)
  const context = new ListenerContext(settings, false)
  context.door = await TlsDoor.open(machine(world, onDisk(a, b)), settings)
  const listener = await world.machine.listen(AT)
  const sender = await world.machine.connect(AT).socket
  const next = await listener.next()
  listener.close()
  if (next.done === true) throw new Error('nobody came')
  return { world, context, sender, said: new Newcomer(world.proxy, context, next.value).introduction() }
}

const alice = read(authority.issue('alice'))
const clientOf = (identity: typeof alice | null) => tls.client({ ca, verify: true, identity })

test.each([1, 7, 1000])('a handshake in pieces of %d, and what is known after it', async (size) => {
  const { world, context, sender, said } = await meet({ tls: [a, b] })
  world.machine.network.piece = () => size
  const client = await clientOf(null).connect(sender, 'b.test')
  const arrival = await said
  if (typeof arrival === 'string') throw new Error(arrival)
  expect(arrival).toMatchObject({
    secure: true,
    user: '',
    tls: { version: 'TLSv1.3', serverName: 'b.test', clientName: '' },
  })
  expect(arrival.peer).toEqual(sender.local)
  expect(context.newcomers.size).toBe(0)
  await client.write(new Uint8Array([1, 2, 3]))
  expect([...(await arrival.socket.next()).value!]).toEqual([1, 2, 3])
  arrival.socket.close()
  client.close()
})

test('who shows a certificate is whom that says, behind a proxy that tells the address', async () => {
  const over = { tls: [a], client_certificates: 'require', client_ca: authority.ca } as const
  const { sender, said } = await meet(over, 'listener.http.proxy_protocol=require')
  await sender.write(new TextEncoder().encode('PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n'))
  const client = await clientOf(alice).connect(sender, 'a.test')
  const arrival = await said
  if (typeof arrival === 'string') throw new Error(arrival)
  expect(arrival).toMatchObject({ user: 'alice', tls: { clientName: 'alice', verified: true } })
  expect(arrival.peer.address).toBe('192.0.2.1')
  client.close()
  arrival.socket.close()
})

test('who shows none is closed where one must be shown', async () => {
  const { sender, said } = await meet({ tls: [a], client_certificates: 'require', client_ca: authority.ca })
  const asking = clientOf(null).connect(sender, 'a.test').then((socket) => socket.next())
  asking.catch(() => {})
  expect(await said).toMatch(/the client gave no certificate|certificate/)
})

test.each([
  ['what is no TLS', 'GET / HTTP/1.1\r\n\r\n', 'what it says is no TLS'],
  ['a ClientHello that is none', '\x16\x03\x01\x00\x04\x01\x00\x00\x00', 'what it says is no TLS'],
])('%s: closed', async (_, text, why) => {
  const { world, sender, said } = await meet({ tls: [a] })
  await new Peer(sender).send(text)
  expect(await said).toBe(why)
  expect(await world.leftovers()).toEqual([])
})

test('half a ClientHello, and its time is over', async () => {
  const { world, sender, said } = await meet({ tls: [a] }, 'listener.http.head_timeout=5s')
  await new Peer(sender).send('\x16\x03\x01')
  await world.pass(7000)
  expect(await said).toBe('the TLS handshake was not done in time')
  expect(await world.leftovers()).toEqual([])
})

test('half a ClientHello, and the end', async () => {
  const { sender, said } = await meet({ tls: [a] })
  const peer = new Peer(sender)
  await peer.send('\x16\x03\x01')
  await peer.end()
  expect(await said).toBe('it closed before its ClientHello')
})

test('those that shake hands are among the connections there may be', async () => {
  const { context, sender, said } = await meet({ tls: [a], connections: 1 })
  expect(context.crowded).toBe(true)
  sender.close()
  expect(await said).toBe('it closed before its ClientHello')
  expect(context.crowded).toBe(false)
})
