/** Nothing to connect from: that says nothing of the servers, and the next of them is tried. */
import { expect, test } from 'vitest'
import type { Server } from '../../core/flow/group.ts'
import { Diagnostics } from '../../core/proxy/diagnostics.ts'
import type { SystemFailureCode } from '../../core/runtime.ts'
import type { Peer } from '../memory/peer.ts'
import { ask, SERVERS, Site } from './site.ts'
import { get, ORIGIN, World } from './world.ts'

const SPENT: readonly SystemFailureCode[] = ['not-available', 'in-use', 'exhausted']
const blamed = (servers: readonly Server[]): unknown[] => servers.map(({ state, failures }) => [state, failures])

test.each(SPENT)('%s: 503, said once in a while', async (code) => {
  const world = await World.open('outgoing.bind4=192.0.2.3')
  const { machine } = world
  const diagnostics = await Diagnostics.open(machine, { level: 'warning', destination: 'stderr' })
  const said = (): string[] => machine.errors.text.match(/no free .*/g) ?? []
  machine.network.road(ORIGIN.address, code)
  const client = await world.client()
  const asks = async (): Promise<void> => {
    await client.send(get())
    expect(await client.news()).toMatch(/^HTTP\/1.1 503 /)
  }
  await asks()
  await asks()
  const where = 'origin.test (198.51.100.1) port 80'
  expect(said()).toEqual([`no free address, port or socket to connect from: ${where}: ${code} from 192.0.2.3`])
  await world.pass(61_000)
  await client.close()
  const later = await world.client()
  await later.send(get())
  await later.news()
  await diagnostics.close()
  expect(said().length).toBe(2)
  await later.close()
  expect(world.seen.map(({ failure }) => failure)).toEqual(Array(3).fill('source-unavailable'))
  expect(await world.leftovers()).toEqual([])
})

test.each(SPENT)('%s: the next server of a site is asked, and none is blamed', async (code) => {
  const site = await Site.open('balance=first')
  site.world.machine.network.road(ORIGIN.address, code)
  site.answer()
  for (let i = 0; i < 5; i++) {
    const client = await site.world.client()
    await client.send(ask())
    expect(await client.news()).toMatch(/second$/)
    await client.close()
  }
  expect(blamed(site.group.servers)).toEqual([['up', 0], ['up', 0]])
  expect(await site.leftovers()).toEqual([])
})

test('all of them: that is the failure', async () => {
  const site = await Site.open()
  for (const server of SERVERS) site.world.machine.network.road(server.split(':')[0], 'not-available')
  const client = await site.world.client()
  await client.send(ask())
  expect(await client.news()).toMatch(/^HTTP\/1.1 503 /)
  await client.close()
  expect(site.world.seen).toMatchObject([{ failure: 'source-unavailable' }])
  expect(blamed(site.group.servers)).toEqual([['up', 0], ['up', 0]])
  expect(await site.leftovers()).toEqual([])
})

test('the next server of a parent is asked, and none is blamed', async () => {
  const world = await World.open(
    'parent.p.servers=198.51.100.2:3128,198.51.100.1:80',
    'parent.p.balance=first',
    'outgoing.parent=p',
  )
  world.machine.network.road('198.51.100.2', 'not-available')
  for (let i = 0; i < 5; i++) {
    const [client, parent]: [Peer, Peer] = await world.asked()
    expect(parent.text).toMatch(/^GET http:\/\/origin.test\/ /)
    await parent.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    expect(await client.news()).toMatch(/^HTTP\/1.1 200 /)
    await client.close()
    await parent.close()
  }
  const { group } = world.proxy.parents!.wayOf({ petition: null, listener: world.context })!.parent
  expect(blamed(group.servers)).toEqual([['up', 0], ['up', 0]])
  expect(await world.leftovers()).toEqual([])
})

test('a check finds out nothing by it', async () => {
  const site = await Site.open('check=tcp', 'check_interval=1s')
  const { world } = site
  world.machine.network.road(ORIGIN.address, 'not-available')
  world.proxy.upstreams.watch(world.machine, world.proxy.dialler, (error) => world.bugs.push(error))
  await world.pass(10_000)
  expect(blamed(site.group.servers)).toEqual([['up', 0], ['up', 0]])
  expect(await site.leftovers()).toEqual([])
})
