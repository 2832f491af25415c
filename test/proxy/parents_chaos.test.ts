/** Parents that do anything, and clients that leave at any moment: nothing is left behind, and nothing goes directly. */
import { expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import type { Listener } from '../../core/runtime.ts'
import { socksEstablished, socksRefused } from '../../core/socks/server.ts'
import { cut, type Random, randomOf } from '../../scripts/fuzz/random.ts'
import { settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { OK, World } from './world.ts'

const HOST = '198.51.100.2'
const TYPES = ['http', 'socks4a', 'socks5'] as const
const REQUESTS = [
  'GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n\r\n',
  'CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n\r\n',
  'POST http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 4\r\n\r\nbody',
]
const latin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes)
const SAID = [
  'HTTP/1.1 200 Established\r\n\r\n',
  'HTTP/1.1 103 Early\r\n\r\n',
  'HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno',
  'HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n',
  OK,
  '\x05\x00',
  '\x05\xff',
  latin1(socksEstablished(4)),
  latin1(socksEstablished(5)),
  latin1(socksRefused(4, 'failed')),
  latin1(socksRefused(5, 'failed')),
  latin1(socksRefused(5, 'refused')),
  'SSH-2.0',
]

async function say(peer: Peer, text: string, random: Random): Promise<void> {
  for (const piece of cut(random, toBytes(text))) {
    try {
      await peer.send(latin1(piece))
    } catch {
      return
    }
  }
}

/** A parent that says some things, and then closes, resets, or says nothing. */
async function misbehave(peer: Peer, random: Random): Promise<void> {
  for (let i = random.below(4); i > 0; i--) await say(peer, random.pick(SAID), random)
  const end = random.below(4)
  if (end === 0) await peer.close()
  else if (end === 1) await peer.reset()
  else if (end === 2) await peer.end()
}

test.each(TYPES)('type %s', async (type) => {
  const ends = new Set<string>()
  for (let seed = 0; seed < 100; seed++) {
    const random = randomOf(seed)
    const world = await World.open(
      `parent.p.servers=["${HOST}:3128", "${HOST}:3129"]`,
      `parent.p.type=${type}`,
      'outgoing.parent=p',
      `parent.p.balance=${random.below(2) === 0 ? 'least' : 'round_robin'}`,
    )
    const doors: Listener[] = []
    const peers: Peer[] = []
    for (const port of [3128, 3129]) {
      if (random.below(4) === 0) continue
      const door = await world.machine.listen({ family: 4, address: HOST, port })
      doors.push(door)
      void (async () => {
        for await (const socket of door) {
          const peer = new Peer(socket)
          peers.push(peer)
          void misbehave(peer, random)
        }
      })()
    }
    let direct = 0
    void world.origins((origin) => {
      direct++
      peers.push(origin)
    })
    for (let i = 0; i < 3; i++) {
      const client = await world.client()
      peers.push(client)
      for (let j = random.below(3); j >= 0; j--) await say(client, random.pick(REQUESTS), random)
      if (random.below(3) === 0) await client.reset()
      await world.pass(random.below(3) * 3000)
    }
    await world.pass(25_000)
    for (const peer of peers) await peer.close()
    for (const door of doors) door.close()
    await settle()
    for (const { failure } of world.seen) ends.add(failure)
    expect(direct, `seed ${seed}`).toBe(0)
    const { servers } = world.proxy.parents!.wayOf({ petition: null, listener: world.context })!.parent.group
    expect(servers.map(({ active }) => active), `seed ${seed}`).toEqual([0, 0])
    expect(await world.leftovers(), `seed ${seed}`).toEqual([])
  }
  // All that may become of a request has.
  expect([...ends]).toEqual(expect.arrayContaining(['', 'parent-refused', 'connect-refused', 'connect-timeout']))
})
