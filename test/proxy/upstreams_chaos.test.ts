/**
 * Clients and servers of a group that do what they like, at random but the same in every run. Whatever happens: no bug, no
 * answer that is somebody else's, and no server that has an exchange when all are over.
 */
import { expect, test } from 'vitest'
import { settle } from '../memory/machine.ts'
import type { Peer } from '../memory/peer.ts'
import { ask, Site } from './site.ts'

function diceOf(seed: number): (sides: number) => number {
  let state = seed * 2_654_435_761 >>> 0
  return (sides) => {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 >>> 0
    return Math.floor(state / 2 ** 32 * sides)
  }
}

/** Answers what is asked with what it was asked for, late, not at all, or goes. */
async function serve(roll: (sides: number) => number, server: Peer, over: () => boolean): Promise<void> {
  try {
    for (let seen = 0; server.state === 'open' && !over();) {
      await settle(1 + roll(3))
      const paths = [...server.text.matchAll(/^GET (\S+)/gm)].map(([, path]) => path)
      if (seen === paths.length) continue
      if (roll(12) === 0) return server.socket.abort()
      if (roll(12) === 0) return server.socket.close()
      if (roll(15) === 0) return
      const path = paths[seen++]
      const kept = roll(6) === 0 ? 'Connection: close\r\n' : ''
      await server.send(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n${kept}\r\n${path}`)
    }
  } catch {
    // It broke: so be it.
    server.socket.close()
  }
}

const BALANCES = ['round_robin', 'least', 'hash_client', 'hash_url', 'first']
const STICKY = ['off', 'cookie', 'client']

test.each(Array.from({ length: 40 }, (_, seed) => seed + 1))('seed %d', async (seed) => {
  const roll = diceOf(seed)
  const site = await Site.open(
    `balance=${BALANCES[roll(5)]}`,
    `sticky=${STICKY[roll(3)]}`,
    `max_connections=${roll(4)}`,
    `queue=${roll(4)}`,
    'queue_timeout=2s',
  )
  const { world } = site
  let over = false
  void world.origins((server) => void serve(roll, server, () => over))
  void site.seconds((server) => void serve(roll, server, () => over))
  const clients: { peer: Peer; asked: string[] }[] = []
  let number = 0
  for (let step = 0; step < 80; step++) {
    if (clients.length < 5 || roll(5) === 0) clients.push({ peer: await world.client(), asked: [] })
    const { peer, asked } = clients[roll(clients.length)]
    const [first, second] = site.group.servers
    switch (roll(20)) {
      case 0:
        await peer.reset()
        break
      case 1:
        await peer.close()
        break
      case 2:
        await world.pass(roll(4000))
        break
      case 3:
        site.group.judged(roll(2) === 0 ? first : second, roll(3) > 0)
        break
      default: {
        if (peer.state !== 'open') break
        const path = `/${seed}-${++number}.`
        asked.push(path)
        const cookie = roll(3) === 0 ? `Cookie: exaproxy_server=${first.seed.toString(16).padStart(8, '0')}\r\n` : ''
        await peer.send(ask(path, cookie)).catch(() => undefined)
        await settle(roll(6))
      }
    }
  }
  // Time runs out for all that is under way.
  for (let i = 0; i < 8; i++) await world.pass(25_000)
  for (const { peer, asked } of clients) {
    const told = [...peer.text.matchAll(/\r\n\r\n(\/[0-9-]+\.)/g)].map(([, path]) => path)
    expect(asked.filter((path) => told.includes(path))).toEqual(told)
  }
  for (const { peer } of clients) await peer.reset()
  for (let i = 0; i < 3; i++) await world.pass(25_000)
  over = true
  expect(site.counts().map(([active]) => active)).toEqual([0, 0])
  expect(world.proxy.upstreams.snapshot().upstream_waiting).toEqual({ s: 0 })
  expect(await site.leftovers()).toEqual([])
})
