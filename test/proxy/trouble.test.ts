/** What should not happen, and does: bugs, overlapping writes, logins, signals in the middle of everything. */
import { expect, test } from 'vitest'
import type { Client } from '../../core/proxy/client.ts'
import type { Settings } from '../../core/config/settings.ts'
import { AccessLog } from '../../core/proxy/access_log.ts'
import { placesOf } from '../../core/proxy/listening.ts'
import { named } from '../../core/proxy/pseudonym.ts'
import { Server } from '../../core/proxy/server.ts'
import { Machine, settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { get, machineOf, OK, ORIGIN, PROXY, settingsOf, World } from './world.ts'

const chunkedPost = 'POST http://origin.test/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n'

/** Make a method throw what is no failure. */
function breakMethod<T, K extends keyof T>(object: T, name: K, times = 1): void {
  const right = object[name]
  const wrong = function (this: unknown, ...values: unknown[]): unknown {
    if (times-- > 0) throw new TypeError('broken on purpose')
    return (right as (...values: unknown[]) => unknown).apply(this, values)
  }
  object[name] = wrong as T[K]
}

test('a bug before the answer: 500, told, and the next request is served', async () => {
  const world = await World.open()
  breakMethod(world.proxy.origins, 'find')
  const client = await world.client()
  await client.send(get('/1'))
  expect(await client.news()).toMatch(/^HTTP\/1.1 500 /)
  expect(world.bugs).toMatchObject([{ message: 'broken on purpose' }])
  const [origin] = await Promise.all([world.origin(), client.send(get('/2'))])
  await origin.send(OK)
  expect(await client.news()).toMatch(/\r\n\r\nok$/)
  await client.close()
  expect(world.seen.map(({ status, failure }) => [status, failure])).toEqual([[500, 'bug'], [200, '']])
  world.bugs.length = 0
  expect(await world.leftovers()).toEqual([])
})

test('a bug in the middle of an answer: it does not look whole', async () => {
  const world = await World.open()
  const [client, origin] = await world.asked()
  await origin.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n')
  const [inside] = [...world.context.clients] as Client[]
  breakMethod(inside.outbox, 'data')
  await origin.send('2\r\nok\r\n')
  expect(client.state).not.toBe('open')
  expect(client.text).not.toContain('\r\n0\r\n')
  expect(world.seen).toMatchObject([{ status: 200, failure: 'bug' }])
  world.bugs.length = 0
  expect(await world.leftovers()).toEqual([])
})

test('a bug in an upload: 500, and no rejection that nobody handles', async () => {
  const world = await World.open()
  const [client, origin] = await world.asked(chunkedPost)
  const [inside] = [...world.context.clients] as Client[]
  breakMethod(inside.connection!.outbox, 'data')
  await client.send('2\r\nok\r\n')
  expect(await client.news()).toMatch(/^HTTP\/1.1 500 /)
  expect(origin.state).toBe('reset')
  expect(world.bugs.length).toBe(1)
  await client.close()
  expect(world.seen).toMatchObject([{ status: 500, failure: 'bug' }])
  world.bugs.length = 0
  expect(await world.leftovers()).toEqual([])
})

test('a bug while a refusal is written: the connection ends, the process goes on', async () => {
  const world = await World.open()
  breakMethod(world.proxy.pages, 'page', 2)
  const client = await world.client()
  await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  expect(client.state).not.toBe('open')
  expect(world.bugs.length).toBe(1)
  world.bugs.length = 0
  expect(await world.leftovers()).toEqual([])
})

test('a bug in connecting or looking up: 500', async () => {
  const world = await World.open()
  const { machine } = world
  const connect = machine.network.connect.bind(machine.network)
  let broken = 0
  machine.network.connect = (to, options) => {
    if (to.port === 80 && broken++ === 0) throw new TypeError('broken on purpose')
    return connect(to, options)
  }
  const client = await world.client()
  await client.send(get())
  expect(await client.news()).toMatch(/^HTTP\/1.1 500 /)
  breakMethod(world.proxy.destinations, 'refuses')
  await client.send(get())
  expect(await client.news()).toMatch(/^HTTP\/1.1 500 /)
  await client.close()
  expect(world.bugs.length).toBe(2)
  world.bugs.length = 0
  expect(await world.leftovers()).toEqual([])
})

test('100 of our own waits its turn behind what the client has not read', async () => {
  const world = await World.open('http.expect=false')
  world.machine.network.capacity = 400
  const [client, origin] = await world.asked()
  client.pause()
  const sending = origin.send(`HTTP/1.1 200 OK\r\nContent-Length: 600\r\nDate: now\r\n\r\n${'x'.repeat(600)}`)
  await settle()
  await client.send('POST http://origin.test/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n')
  await client.resume()
  client.pause()
  await sending
  await client.resume()
  await client.send('ok')
  await origin.send(OK)
  expect(client.text).toMatch(/x\r?\n?HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK\r\n/)
  await client.close()
  expect(world.seen.map(({ status }) => status)).toEqual([200, 200])
  expect(world.seen[1].bytesOut).toBe(client.text.length - client.text.indexOf('HTTP/1.1 100'))
  expect(await world.leftovers()).toEqual([])
})

test('an answer that comes before 100 of ours was read does not overlap it', async () => {
  const world = await World.open('http.expect=false')
  world.machine.network.capacity = 20
  const client = await world.client()
  client.pause()
  const asking = client.send(
    'POST http://origin.test/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n',
  )
  const origin = await world.origin()
  await asking
  void origin.send('HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n').catch(() => {})
  await settle()
  await client.resume()
  await client.send('ok')
  expect(await client.news()).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 417 No\r\n/)
  await client.close()
  expect(world.seen).toMatchObject([{ status: 417, failure: '' }])
  expect(await world.leftovers()).toEqual([])
})

const UNAUTHORIZED = 'HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM x\r\nContent-Length: 0\r\n\r\n'
const login = get('/', 'Authorization: NTLM abc\r\n')

test('a connection with a login is kept for its client alone', async () => {
  const world = await World.open()
  const [one, origin] = await world.asked(login)
  await origin.send(UNAUTHORIZED)
  await one.news()
  const other = await world.client()
  const [second] = await Promise.all([world.origin(), other.send(get())])
  await second.send(OK)
  expect(await other.news()).toMatch(/ok$/)
  await one.send(login)
  await origin.send(OK)
  expect(await one.news()).toMatch(/ok$/)
  await one.close()
  expect(origin.state).not.toBe('open')
  await other.close()
  expect(await world.leftovers()).toEqual([])
})

test('a connection with a login that is closed, or says what nobody asked for, is not used again', async () => {
  for (const how of ['closes', 'talks']) {
    const world = await World.open()
    const [client, origin] = await world.asked(login)
    await origin.send(UNAUTHORIZED)
    await client.news()
    if (how === 'closes') await origin.close()
    else await origin.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')
    const request = 'POST http://origin.test/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok'
    const [second] = await Promise.all([world.origin(), client.send(request)])
    await second.send(OK)
    expect(await client.news()).toMatch(/\r\n\r\nok$/)
    await client.close()
    expect(await world.leftovers()).toEqual([])
  }
})

test('a connection with a login does not wait longer than others', async () => {
  const world = await World.open('outgoing.idle_timeout=10s')
  const [client, origin] = await world.asked(login)
  await origin.send(UNAUTHORIZED)
  await world.pass(12_000)
  expect(origin.state).not.toBe('open')
  await client.close()
  expect(await world.leftovers()).toEqual([])
})

class Service {
  readonly machine: Machine
  readonly server: Server
  stopped = false
  readonly #accessLog: AccessLog

  private constructor(machine: Machine, settings: Settings, accessLog: AccessLog) {
    this.machine = machine
    this.server = new Server(machine, settings, accessLog)
    this.#accessLog = accessLog
    void this.server.stopped.then(() => this.stopped = true)
  }

  /** The service, and the connections to its origin. */
  static async start(): Promise<[Service, AsyncIterable<Peer>]> {
    const machine = machineOf()
    const settings = named(machine, settingsOf('access_log.destination=/access.log'))
    const service = new Service(machine, settings, await AccessLog.open(machine, settings.access_log))
    await service.server.start(placesOf(settings))
    const listener = await machine.listen(ORIGIN)
    const origins = {
      async *[Symbol.asyncIterator]() {
        for await (const socket of listener) yield new Peer(socket)
      },
    }
    return [service, origins]
  }

  async close(): Promise<void> {
    await this.server.close()
    await this.#accessLog.close()
  }

  async client(...texts: string[]): Promise<Peer> {
    const peer = new Peer(await this.machine.connect(PROXY).socket)
    await peer.send(...texts)
    return peer
  }

  get lines(): string[] {
    return this.machine.files.text('/access.log').split('\n').slice(0, -1)
  }
}

async function busyService(): Promise<{ service: Service; idle: Peer; busy: Peer; origin: Peer }> {
  const [service, opened] = await Service.start()
  const origins = opened[Symbol.asyncIterator]()
  const idle = await service.client()
  const busy = await service.client(get())
  const { value: origin } = await origins.next()
  await settle()
  return { service, idle, busy, origin: origin as Peer }
}

test('a drain: idle connections end, a busy one is finished and says that it closes', async () => {
  const { service, idle, busy, origin } = await busyService()
  expect(service.server.drain(5000)).toBe(1)
  await settle()
  expect([idle.state, busy.state, service.stopped]).toEqual(['ended', 'open', false])
  await expect(service.machine.connect(PROXY).socket).rejects.toThrow('refused')
  await origin.send(OK)
  expect(await busy.news()).toMatch(/\r\nConnection: close\r\n[^]*ok$/)
  await busy.end()
  expect(service.stopped).toBe(true)
  await service.close()
  expect(service.lines).toEqual([expect.stringContaining('TCP_MISS/200')])
  expect(service.machine.clock.pending).toBe(0)
})

test.each([
  { when: 'its time is over', ms: 5000 },
  { when: 'it is told to stop at once', ms: 0 },
])('a drain when $when: what is left is cut, logged, and not asked again', async ({ ms }) => {
  const { service, busy, origin } = await busyService()
  await origin.send(OK)
  await busy.news()
  await busy.send(get('/second'))
  service.server.drain(5000)
  if (ms === 0) service.server.stop()
  await settle()
  if (ms > 0) {
    await service.machine.clock.advance(ms - 1)
    expect(service.stopped).toBe(false)
    await service.machine.clock.advance(1)
  }
  expect(service.stopped).toBe(true)
  await service.close()
  await settle()
  expect([busy.state, origin.state]).toEqual(['reset', 'reset'])
  expect(service.lines).toEqual([
    expect.stringContaining('TCP_MISS/200'),
    expect.stringContaining('TCP_MISS_ABORTED/000'),
  ])
  const left = service.machine.network.open.filter(({ local, peer }) => local.port === 3128 || peer.port === 80)
  expect(left).toEqual([])
  expect(service.machine.clock.pending).toBe(0)
})

test('a drain without a limit waits for as long as it takes', async () => {
  const { service, busy, origin } = await busyService()
  service.server.drain(0)
  await service.machine.clock.advance(60_000)
  expect(service.stopped).toBe(false)
  await origin.send(OK)
  await busy.end()
  expect(service.stopped).toBe(true)
  await service.close()
  expect(service.machine.clock.pending).toBe(0)
})

test('a drain ends connections to origins that nobody uses', async () => {
  const { service, busy, origin } = await busyService()
  await origin.send(OK)
  await busy.close()
  expect(origin.state).toBe('open')
  service.server.drain(5000)
  await settle()
  await service.close()
  await settle()
  expect(origin.state).toBe('ended')
})

test('too many connections: told so, and room again when one ends', async () => {
  const world = await World.open('listener.http.connections=2', 'listener.http.connections_per_client=5')
  const clients = [await world.client(), await world.client(), await world.client()]
  await settle()
  expect(clients[2].text).toMatch(/^HTTP\/1.1 503 [^]*Retry-After: 5\r\n/)
  await clients[2].close()
  await clients[0].close()
  const [next, origin] = await world.asked()
  await origin.send(OK)
  expect(next.text).toMatch(/ok$/)
  await next.close()
  await clients[1].close()
  expect(world.seen).toMatchObject([{ status: 503, failure: 'too-many-connections', result: 'NONE_NONE' }, {
    status: 200,
  }])
  expect(await world.leftovers()).toEqual([])
})
