/** Servers reached by TLS: what stands before it, what never comes, and what is kept apart. */
import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { tls } from '../../adapters/shared/tls.ts'
import { UpstreamTls } from '../../core/proxy/tls_upstream.ts'
import type { Socket, TlsSocket } from '../../core/runtime.ts'
import { Authority, read } from '../contract/certificates.ts'
import { settle } from '../memory/machine.ts'
import { ORIGIN, World } from './world.ts'

const authority = new Authority()
afterAll(() => authority[Symbol.dispose]())
const ca = readFileSync(authority.ca)
const site = read(authority.issue('app', 'DNS:app.test'))
const serving = () => tls.server({ ...site, clientCertificates: 'off', ca: null })
const ASK = 'GET / HTTP/1.1\r\nHost: site.test\r\n\r\n'
const decoder = new TextDecoder('latin1')

async function securedBy(name: string, ...sets: string[]): Promise<World> {
  return (await securing(name, ...sets)).world
}

async function securing(name: string, ...sets: string[]): Promise<{ world: World; secure: UpstreamTls }> {
  const world = await World.open(
    'listener.http.mode=reverse',
    `upstream.s.servers=${ORIGIN.address}:${ORIGIN.port}`,
    'outgoing.connect_timeout=5s',
    ...sets,
  )
  world.machine.files.put('/ca.pem', decoder.decode(ca))
  const machine = Object.assign(Object.create(world.machine), { tls })
  const secure = new UpstreamTls(machine, 's', { ca: '/ca.pem', verify: true, name, cert: '', key: '' })
  await secure.open()
  world.proxy.upstreams.find('site.test')!.group.servers[0].securing = secure
  return { world, secure }
}

/** What comes until `end` is in it. */
async function heard(socket: Socket, end: string): Promise<string> {
  let text = ''
  while (!text.includes(end)) {
    const pulled = await socket.next()
    if (pulled.done === true) break
    text += decoder.decode(pulled.value)
  }
  return text
}

async function answer(socket: TlsSocket): Promise<string> {
  const asked = await heard(socket, '\r\n\r\n')
  await socket.write(new TextEncoder().encode('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi'))
  return asked
}

test('a request and its answer', async () => {
  const world = await securedBy('app.test')
  const client = await world.client()
  await client.send(ASK)
  const origin = await world.origin(false)
  const inside = await serving().accept(origin.socket)
  expect(await answer(inside)).toMatch(/^GET \/ HTTP\/1\.1\r\n/)
  await expect.poll(() => client.text).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\nhi$/)
  expect(world.bugs).toEqual([])
  inside.close()
  await client.close()
})

test('a header of the PROXY protocol stands before TLS', async () => {
  const world = await securedBy('app.test', 'outgoing.proxy_protocol=v1')
  const client = await world.client()
  await client.send(ASK)
  const origin = await world.origin(false)
  const first = (await origin.socket.next()).value!
  const end = decoder.decode(first).indexOf('\r\n') + 2
  expect(decoder.decode(first.subarray(0, end))).toMatch(/^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ 3128\r\n$/)
  const inside = await serving().accept(origin.socket, first.slice(end))
  expect(await answer(inside)).toMatch(/^GET \/ /)
  await expect.poll(() => client.text).toMatch(/^HTTP\/1\.1 200 /)
  inside.close()
  await client.close()
})

test('a server that never shakes hands is given up in time', async () => {
  const world = await securedBy('app.test')
  const client = await world.client()
  await client.send(ASK)
  await world.origin()
  await world.pass(6000)
  await expect.poll(() => client.text).toMatch(/^HTTP\/1\.1 502 /)
  expect(world.seen[0]).toMatchObject({ failure: 'connect-failed' })
  expect(client.text).toMatch(/TLS: no handshake in time/)
  await client.close()
  await settle()
  expect(await world.leftovers()).toEqual([])
})

test('a client that leaves meanwhile takes the handshake with it', async () => {
  const world = await securedBy('app.test')
  const client = await world.client()
  await client.send(ASK)
  const origin = await world.origin()
  client.socket.abort()
  await world.pass(1500)
  await expect.poll(() => origin.state).toBe('reset')
  await settle()
  expect(await world.leftovers()).toEqual([])
})

test('a certificate for another name', async () => {
  const world = await securedBy('other.test')
  const client = await world.client()
  await client.send(ASK)
  const origin = await world.origin(false)
  const accepting = serving().accept(origin.socket)
  accepting.then((inside) => inside.close(), () => {})
  await expect.poll(() => client.text).toMatch(/^HTTP\/1\.1 502 [^]*TLS: /)
  await client.close()
})

test('checks by HTTP speak TLS, too', async () => {
  const world = await securedBy('app.test', 'upstream.s.check=http', 'upstream.s.check_path=/well')
  world.proxy.upstreams.watch(world.machine, world.proxy.dialler, (error) => world.bugs.push(error))
  const origin = await world.origin(false)
  expect(await answer(await serving().accept(origin.socket))).toMatch(/^GET \/well HTTP\/1\.1\r\n/)
  const [server] = world.proxy.upstreams.find('site.test')!.group.servers
  await expect.poll(() => server.checked).toBe(true)
  expect([server.state, world.bugs]).toEqual(['up', []])
  world.proxy.close()
})

test('files that are read again count for the next exchange, whatever was connected before', async () => {
  const { world, secure } = await securing('app.test')
  const answered = async (inside: TlsSocket, count: number): Promise<void> => {
    await heard(inside, '\r\n\r\n')
    await inside.write(new TextEncoder().encode('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'))
    await expect.poll(() => client.text.split('\r\n\r\nhi').length - 1).toBe(count)
  }
  const shaken = async (): Promise<TlsSocket> => await serving().accept((await world.origin(false)).socket)
  const client = await world.client()
  await client.send(ASK)
  const first = await shaken()
  await answered(first, 1)
  await client.send(ASK)
  await answered(first, 2)
  expect(await secure.reload(world.proxy.origins)).toBe(undefined)
  expect((await first.next()).done).toBe(true)
  await client.send(ASK)
  const second = await shaken()
  // This one is in use when they are read.
  await secure.reload(world.proxy.origins)
  await answered(second, 3)
  expect((await second.next()).done).toBe(true)
  // Those of before stay where new ones are bad, and so do the connections.
  await client.send(ASK)
  const third = await shaken()
  await answered(third, 4)
  world.machine.files.put('/ca.pem', '')
  await secure.reload(world.proxy.origins)
  await client.send(ASK)
  await answered(third, 5)
  third.close()
  await client.close()
  expect(world.bugs).toEqual([])
})

test('connections with and without TLS are kept apart', async () => {
  const { proxy: { origins, upstreams } } = await securedBy('app.test')
  const { securing } = upstreams.find('site.test')!.group.servers[0]
  const plain = origins.find(ORIGIN.address, ORIGIN.port, false)
  const secured = origins.find(ORIGIN.address, ORIGIN.port, false, securing)
  expect(secured).not.toBe(plain)
  expect(origins.find(ORIGIN.address, ORIGIN.port, false, securing)).toBe(secured)
  expect([plain.securing, secured.securing]).toEqual([null, securing])
})
