/** A client of the ICAP service is listened to once at a time, whoever listens, and waited for. */
import { expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { IcapPeer } from '../../core/proxy/icap_peer.ts'
import { settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { IcapWorld, SERVICE } from './icap_world.ts'

async function connected(): Promise<[IcapWorld, IcapPeer, Peer]> {
  const world = await IcapWorld.open(null)
  const at = { ...SERVICE, port: 1345 }
  const listener = await world.machine.listen(at)
  const client = new Peer(await world.machine.connect(at).socket)
  const next = await listener.next()
  listener.close()
  if (next.done === true) throw new Error('nobody came')
  const peer = new IcapPeer(world.proxy, world.context, next.value)
  world.context.admit(peer)
  return [world, peer, client]
}

test.each(['decide', 'origin'] as const)(
  'a body is read while the deadline is about "%s": no sweep reads too',
  async (waits) => {
    const [, peer, client] = await connected()
    peer.wait(waits, 0)
    const refilled = peer.refill()
    peer.swept()
    peer.swept()
    await client.send('OPTIONS ')
    await refilled
    expect(peer.next().kind).toBe('need-data')
    const again = peer.refill()
    peer.swept()
    await client.send('icap://a/b ICAP/1.0\r\nHost: a\r\n\r\n')
    await again
    expect(peer.next().kind).toBe('message')
    peer.close()
  },
)

test('while nobody reads, a sweep hears of a client that breaks off, and what it read is not lost', async () => {
  const [, peer, client] = await connected()
  peer.wait('decide', 0)
  peer.swept()
  peer.swept()
  await client.socket.write(toBytes('OPTIONS icap://a/b ICAP/1.0\r\nHost: a\r\n\r\n'))
  await settle()
  await peer.refill()
  expect(peer.next().kind).toBe('message')
  peer.swept()
  await client.reset()
  await settle()
  expect(peer.late).toMatchObject({ code: 'client-left' })
  peer.close()
})

test('one that reads slowly is waited for, as long as it reads', async () => {
  const [world, peer] = await connected()
  let last = world.machine.clock.now()
  peer.socket.standstill = () => world.machine.clock.now() - last
  peer.wait('reader', 20_000)
  for (let i = 0; i < 3; i++) {
    await world.pass(19_000)
    last = world.machine.clock.now()
  }
  await world.pass(19_900)
  expect(peer.late).toBe(null)
  await world.pass(1500)
  expect(peer.late).toMatchObject({ code: 'client-left' })
  peer.close()
})
