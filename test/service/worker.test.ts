/** A worker, told by a test what to do. */
import { expect, test } from 'vitest'
import { latin1 } from '../../core/bytes/ascii.ts'
import { EXIT } from '../../core/exit_codes.ts'
import { placesOf } from '../../core/proxy/listening.ts'
import { named } from '../../core/proxy/pseudonym.ts'
import type { Endpoint, Listener } from '../../core/runtime.ts'
import { Bus } from '../../core/service/bus.ts'
import type { Message, Task } from '../../core/service/message.ts'
import { work } from '../../core/service/worker.ts'
import { type Machine, settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { get, machineOf, OK, ORIGIN, PROXY, settingsOf } from '../proxy/world.ts'

const DOOR: Endpoint = { family: 'unix', address: '/bus', port: 0 }

class World {
  readonly machine: Machine
  readonly bus: Bus
  readonly origin: Listener
  readonly heard: Exclude<Message, { bytes: Uint8Array }>[] = []
  readonly lines = { access: '', diagnostics: '' }
  /** Its exit code, once it has ended. */
  code: number | null = null

  private constructor(machine: Machine, bus: Bus, origin: Listener, working: Promise<number>) {
    this.machine = machine
    this.bus = bus
    this.origin = origin
    void working.then((code) => this.code = code)
    void this.#hear()
  }

  static async open(): Promise<World> {
    const machine = machineOf()
    const door = await machine.listen(DOOR)
    const working = work(machine, DOOR.address)
    const { value } = await door.next()
    door.close()
    return new World(machine, new Bus(value!), await machine.listen(ORIGIN), working)
  }

  /** Told to work, and ready. */
  static async working(...sets: string[]): Promise<World> {
    const world = await World.open()
    world.tell({}, ...sets)
    await settle(20)
    return world
  }

  tell(over: Partial<Task>, ...sets: string[]): void {
    const settings = named(this.machine, settingsOf('log.destination=stdout', 'service.drain_timeout=5s', ...sets))
    this.bus.send({
      kind: 'task',
      id: 1,
      settings,
      places: placesOf(settings),
      reserved: [],
      shares: false,
      speaks: true,
      ...over,
    })
  }

  async client(...texts: string[]): Promise<Peer> {
    const peer = new Peer(await this.machine.connect(PROXY).socket)
    await peer.send(...texts)
    return peer
  }

  /** A client whose request has come to the origin: both of them. */
  async asked(): Promise<[Peer, Peer]> {
    const client = await this.client(get())
    const { value } = await this.origin.next()
    await settle()
    return [client, new Peer(value!)]
  }

  /** The supervisor lets go of its side. */
  async finished(): Promise<number | null> {
    await settle(20)
    return this.code
  }

  async #hear(): Promise<void> {
    for await (const message of this.bus.messages()) {
      if ('bytes' in message) this.lines[message.kind] += latin1(message.bytes, 0, message.bytes.length)
      else this.heard.push(message)
    }
    this.bus.close()
  }
}

test('it says who it is, is told what to do, and is ready', async () => {
  const world = await World.open()
  await settle()
  expect(world.heard).toEqual([{ kind: 'hello', runtime: expect.stringMatching(/^memory /) }])
  world.tell({})
  await settle(20)
  expect(world.heard[1]).toEqual({
    kind: 'ready',
    engine: 'portable',
    places: [{ listener: 'http', at: PROXY }],
    snapshot: expect.objectContaining({ bugs_total: 0 }),
  })
  const [client, origin] = await world.asked()
  await origin.send(OK)
  expect(await client.news()).toMatch(/ok$/)
  await client.close()
  await world.machine.clock.advance(1000)
  expect(world.lines.access).toMatch(/TCP_MISS\/200 .* GET http:\/\/origin\.test/)
  world.bus.send({ kind: 'ask', id: 7 })
  await settle()
  expect(world.heard.at(-1)).toMatchObject({ kind: 'answer', id: 7, snapshot: { requests_total: { GET: 1 } } })
  world.bus.send({ kind: 'stop' })
  expect(await world.finished()).toBe(EXIT.ok)
  // It writes nothing itself.
  expect([world.machine.output.text, world.machine.errors.text]).toEqual(['', ''])
})

test('asked before it works, it answers all the same', async () => {
  const world = await World.open()
  world.bus.send({ kind: 'ask', id: 1 })
  await settle()
  expect(world.heard.at(-1)).toEqual({ kind: 'answer', id: 1, snapshot: {} })
  world.bus.send({ kind: 'drain', limit: 0 })
  expect(await world.finished()).toBe(EXIT.ok)
})

test('what it should say for all is said by the one that speaks', async () => {
  for (const speaks of [true, false]) {
    const world = await World.open()
    world.machine.files.put('/pages/error.html', '{{nonsense}}')
    world.tell({ speaks }, 'http.pages=/pages')
    await settle(20)
    expect(world.lines.diagnostics.includes('a page is not used')).toBe(speaks)
    expect(
      world.lines.diagnostics.includes('the portable engine carries the bytes, not epoll: there is none for memory'),
    ).toBe(speaks)
    world.bus.send({ kind: 'stop' })
    expect(await world.finished()).toBe(EXIT.ok)
  }
})

test('what keeps it from starting is said with its exit code, and heard before it ends', async () => {
  const world = await World.open()
  const other = await world.machine.listen(PROXY)
  world.tell({})
  expect(await world.finished()).toBe(EXIT.unavailable)
  expect(world.heard.at(-1)).toEqual({
    kind: 'failed',
    exit: EXIT.unavailable,
    words: expect.stringMatching(/^listener http cannot listen on 127\.0\.0\.1:3128: the address is in use; /),
  })
  other.close()
})

test('an engine that does not work, when it was asked for', async () => {
  const world = await World.open()
  world.tell({}, 'service.engine=epoll')
  expect(await world.finished()).toBe(EXIT.unavailable)
  expect(world.heard.at(-1)).toMatchObject({ words: expect.stringContaining('service.engine: "epoll" does not work') })
})

test('a place it shares with others', async () => {
  const world = await World.open()
  const other = await world.machine.listen(PROXY, { reusePort: true })
  world.tell({ shares: true })
  await settle(20)
  expect(world.heard.at(-1)).toMatchObject({ kind: 'ready' })
  other.close()
  world.bus.send({ kind: 'stop' })
  expect(await world.finished()).toBe(EXIT.ok)
})

test('nobody reaches what is reserved', async () => {
  const world = await World.open()
  world.tell({ reserved: [{ family: 4, address: '127.0.0.1', port: 8080 }] }, 'outgoing.allow_local=127.0.0.1:*')
  await settle(20)
  for (const [port, status] of [[8080, 508], [3128, 508], [8082, 502]]) {
    const client = await world.client(`GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
    expect(await client.news()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    await client.close()
  }
  world.bus.send({ kind: 'stop' })
  expect(await world.finished()).toBe(EXIT.ok)
})

test('told to drain, it finishes what is in flight, and its last line is heard', async () => {
  const world = await World.working()
  const [client, origin] = await world.asked()
  world.bus.send({ kind: 'drain', limit: 5000 })
  await settle()
  await expect(world.machine.connect(PROXY).socket).rejects.toThrow('refused')
  expect(world.lines.diagnostics).toContain('worker 1 stops; 1 connections may finish, 5 s at most')
  expect(world.code).toBeNull()
  await origin.send(OK)
  expect(await client.news()).toMatch(/Connection: close\r\n[^]*ok$/)
  await client.end()
  expect(await world.finished()).toBe(EXIT.ok)
  expect(world.lines.access).toMatch(/TCP_MISS\/200/)
  // What it has counted, at last.
  expect(world.heard.map(({ kind }) => kind)).toEqual(['hello', 'ready', 'answer'])
})

test.each(['its time is over', 'it is told to stop'])('what is in flight is cut when %s', async (when) => {
  const world = await World.working()
  const [client] = await world.asked()
  world.bus.send({ kind: 'drain', limit: 5000 })
  await settle()
  if (when === 'it is told to stop') world.bus.send({ kind: 'stop' })
  else await world.machine.clock.advance(5000)
  expect(await world.finished()).toBe(EXIT.ok)
  expect(client.state).not.toBe('open')
  expect(world.lines.access).toMatch(/TCP_MISS_ABORTED\/000/)
})

test('SIGTERM is its own affair: it drains, and says so; a later word of the supervisor changes nothing', async () => {
  const world = await World.working()
  const [client, origin] = await world.asked()
  world.machine.raise('SIGTERM')
  world.machine.raise('SIGTERM')
  await settle()
  expect(world.heard.map(({ kind }) => kind)).toEqual(['hello', 'ready', 'leaving'])
  world.bus.send({ kind: 'drain', limit: 1 })
  await world.machine.clock.advance(100)
  expect(world.code).toBeNull()
  await origin.send(OK)
  await client.end()
  expect(await world.finished()).toBe(EXIT.ok)
})

test.each(['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const)(
  '%s is left to the supervisor',
  async (name) => {
    const world = await World.working()
    expect(world.machine.raise(name)).toBe(true)
    await settle(20)
    expect([world.code, world.heard.length]).toEqual([null, 2])
    world.bus.send({ kind: 'stop' })
    expect(await world.finished()).toBe(EXIT.ok)
  },
)

test('when the supervisor dies, what is in flight is finished within its time', async () => {
  const world = await World.working()
  const [client, origin] = await world.asked()
  world.bus.close()
  await settle(20)
  await expect(world.machine.connect(PROXY).socket).rejects.toThrow('refused')
  await origin.send(OK)
  expect(await client.news()).toMatch(/ok$/)
  await client.end()
  await settle(20)
  await world.machine.clock.advance(5000)
  expect(world.code).toBe(EXIT.ok)
})

test('when the supervisor dies, what hangs is cut', async () => {
  const world = await World.working()
  const [client] = await world.asked()
  world.bus.close()
  await world.machine.clock.advance(10_000)
  expect(world.code).toBe(EXIT.ok)
  expect(client.state).not.toBe('open')
})

test('a supervisor that is not there', async () => {
  expect(await work(machineOf(), '/nowhere')).toBe(EXIT.unavailable)
})

test('a stop in the middle of a start', async () => {
  for (let turns = 0; turns < 12; turns++) {
    const world = await World.open()
    world.tell({})
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    world.bus.send({ kind: 'drain', limit: 1000 })
    expect(await world.finished()).toBe(EXIT.ok)
    await expect(world.machine.connect(PROXY).socket).rejects.toThrow('refused')
  }
})
