/** Connections to origins, kept and given out again. */
import { expect, test } from 'vitest'
import { Destinations } from '../../core/filter/destinations.ts'
import { Deadlines } from '../../core/flow/deadlines.ts'
import { Dialler } from '../../core/flow/dial.ts'
import { type Origin, type OriginConnection, Origins } from '../../core/flow/origins.ts'
import { Resolver } from '../../core/flow/resolver.ts'
import type { Listener } from '../../core/runtime.ts'
import { Machine, settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { settingsOf } from '../proxy/world.ts'

const HOSTS = ['192.0.2.1', '192.0.2.2']

class Lab {
  readonly machine = new Machine({ elsewhere: HOSTS })
  readonly deadlines = new Deadlines(this.machine.clock, 10_000)
  readonly origins: Origins
  readonly #listeners = new Map<string, Listener>()

  constructor(...sets: string[]) {
    const { outgoing, dns } = settingsOf('outgoing.idle_timeout=10s', ...sets)
    const resolver = new Resolver(this.machine, dns)
    const dialler = new Dialler(this.machine, resolver, new Destinations(outgoing, []), outgoing)
    this.origins = new Origins(dialler, this.deadlines, outgoing)
  }

  find(host = HOSTS[0], guarded = true): Origin {
    return this.origins.find(host, 80, guarded)
  }

  async connect(origin = this.find()): Promise<[OriginConnection, Peer]> {
    let listener = this.#listeners.get(origin.host)
    if (listener === undefined) {
      listener = await this.machine.listen({ family: 4, address: origin.host, port: 80 })
      this.#listeners.set(origin.host, listener)
    }
    const race = this.origins.reach(origin, { dns: -1, connect: -1 })
    const [socket, next] = await Promise.all([race.socket, listener.next()])
    return [this.origins.connection(socket, origin), new Peer(next.value!)]
  }

  async kept(origin = this.find()): Promise<[OriginConnection, Peer]> {
    const pair = await this.connect(origin)
    this.origins.give(pair[0])
    await settle()
    return pair
  }

  /** Sockets of ours that are open, and deadlines. */
  get left(): number {
    return this.machine.network.open.filter(({ peer }) => peer.port === 80).length + this.deadlines.size
  }
}

test('the last one given back is the first one taken', async () => {
  const lab = new Lab()
  const [one] = await lab.connect()
  const [two] = await lab.connect()
  lab.origins.give(one)
  lab.origins.give(two)
  expect(lab.origins.kept).toBe(2)
  expect(lab.origins.take(lab.find())).toBe(two)
  expect(lab.origins.take(lab.find())).toBe(one)
  expect(lab.origins.take(lab.find())).toBe(null)
  expect([lab.origins.kept, lab.origins.made, lab.origins.reused, lab.find().active]).toEqual([0, 2, 2, 2])
  lab.origins.discard(one)
  lab.origins.discard(two)
  lab.origins.discard(two)
  expect(lab.left).toBe(0)
})

const OTHERS: readonly [name: string, host: string, port: number, guarded: boolean][] = [
  ['another host', HOSTS[1], 80, true],
  ['another port', HOSTS[0], 81, true],
  ['what the operator chose', HOSTS[0], 80, false],
]
test.each(OTHERS)('a connection is not for %s', async (_, host, port, guarded) => {
  const lab = new Lab()
  await lab.kept()
  expect(lab.origins.take(lab.origins.find(host, port, guarded))).toBe(null)
  expect(lab.origins.kept).toBe(1)
})

const LIMITS: readonly [sets: string[], kept: number][] = [
  [['outgoing.idle_per_origin=2'], 3],
  [['outgoing.idle_total=2'], 2],
  [['outgoing.idle_per_origin=0'], 0],
  [['outgoing.idle_total=0'], 0],
]
test.each(LIMITS)('no more are kept than allowed: %j', async (sets, kept) => {
  const lab = new Lab(...sets)
  const peers: Peer[] = []
  for (const host of [HOSTS[0], HOSTS[0], HOSTS[0], HOSTS[1]]) peers.push((await lab.kept(lab.find(host)))[1])
  expect(lab.origins.kept).toBe(kept)
  expect(peers.filter(({ state }) => state === 'open').length).toBe(kept)
  lab.origins.close()
  expect(lab.left).toBe(0)
})

test('one that nobody wants for too long is closed; the time begins anew with each use', async () => {
  const lab = new Lab()
  const [connection, peer] = await lab.kept()
  await lab.machine.clock.advance(8000)
  expect(lab.origins.take(lab.find())).toBe(connection)
  // In use it has no time limit of its own.
  await lab.machine.clock.advance(50_000)
  lab.origins.give(connection)
  await lab.machine.clock.advance(9900)
  expect(peer.state).toBe('open')
  await lab.machine.clock.advance(1200)
  expect(peer.state).toBe('ended')
  expect([lab.origins.kept, lab.left]).toEqual([0, 0])
})

const STIRS: readonly [name: string, stir: (peer: Peer) => Promise<void>][] = [
  ['is ended', (peer) => peer.end()],
  ['is reset', (peer) => peer.reset()],
  ['sends what nobody asked for', (peer) => peer.send('HTTP/1.1 408 Late\r\n\r\n')],
]
for (const times of [1, 2]) {
  test.each(STIRS)(`one that %s while it is kept for the ${times}. time is dropped`, async (_, stir) => {
    const lab = new Lab()
    const [connection, peer] = await lab.kept()
    if (times === 2) {
      lab.origins.take(lab.find())
      lab.origins.give(connection)
      await settle()
    }
    await stir(peer)
    expect([lab.origins.kept, lab.origins.take(lab.find()), lab.left]).toEqual([0, null, 0])
  })

  test.each(STIRS)(`one that %s while it waits for its client the ${times}. time is dropped`, async (_, stir) => {
    const lab = new Lab()
    const [connection, peer] = await lab.connect()
    lab.origins.bind(connection)
    if (times === 2) {
      expect(lab.origins.unbind(connection)).toBe(true)
      lab.origins.bind(connection)
    }
    await settle()
    await stir(peer)
    expect([lab.origins.unbind(connection), lab.left]).toEqual([false, 0])
  })
}

test('one in use that stirs is the business of its user', async () => {
  const lab = new Lab()
  const [connection, peer] = await lab.kept()
  expect(lab.origins.take(lab.find())).toBe(connection)
  await peer.send('HTTP/1.1 200 OK\r\n')
  expect(lab.left).toBe(2)
  await connection.messages.refill()
  expect(connection.messages.received).toBe(17)
})

test('one that waits for its client is nobody else’s, and no longer than others', async () => {
  const lab = new Lab()
  const [connection] = await lab.connect()
  lab.origins.bind(connection)
  expect(lab.origins.take(lab.find())).toBe(null)
  await lab.machine.clock.advance(12_000)
  expect([lab.origins.unbind(connection), lab.left]).toEqual([false, 0])
})

test('an origin that nothing uses is not remembered', () => {
  const lab = new Lab()
  const origin = lab.find()
  lab.origins.forget(origin)
  expect([origin.listed, lab.find() === origin]).toEqual([false, false])
})

test('an origin that something uses is remembered', async () => {
  const lab = new Lab()
  const [connection] = await lab.connect()
  lab.origins.forget(connection.origin)
  expect(lab.find()).toBe(connection.origin)
  lab.origins.give(connection)
  lab.origins.forget(connection.origin)
  expect(lab.find()).toBe(connection.origin)
  lab.origins.discard(connection)
  expect(lab.find()).not.toBe(connection.origin)
})

test('what was dialled for an origin that is forgotten meanwhile is not kept', async () => {
  const lab = new Lab()
  const origin = lab.find()
  lab.origins.forget(origin)
  const [connection, peer] = await lab.kept(origin)
  expect([lab.origins.kept, connection.kept, peer.state, lab.left]).toEqual([0, false, 'ended', 0])
  expect(lab.find()).not.toBe(origin)
})

test('after close what is given back is closed, and what is in use goes on until then', async () => {
  const lab = new Lab()
  const [, kept] = await lab.kept()
  const [connection, peer] = await lab.connect()
  const [bound, other] = await lab.connect()
  lab.origins.close()
  await settle()
  expect([kept.state, peer.state]).toEqual(['ended', 'open'])
  lab.origins.give(connection)
  lab.origins.bind(bound)
  await settle()
  expect([peer.state, other.state, lab.origins.kept, lab.left]).toEqual(['ended', 'ended', 0, 0])
})

test('let go of without a close: the socket is somebody else’s', async () => {
  const lab = new Lab()
  const [connection, peer] = await lab.connect()
  lab.origins.release(connection)
  lab.origins.release(connection)
  await connection.socket.write(Uint8Array.of(65))
  expect(await peer.news()).toBe('A')
  expect([lab.deadlines.size, connection.origin.active]).toEqual([0, 0])
})
