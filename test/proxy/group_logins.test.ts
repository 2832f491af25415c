/** Logins that belong to a connection (RFC 4559 6), where a group of servers could be asked in turns. */
import { describe, expect, test } from 'vitest'
import { SERVER_RISE } from '../../core/limits.ts'
import type { Endpoint, Listener } from '../../core/runtime.ts'
import { settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { ask, Site } from './site.ts'
import { OK, ORIGIN, World } from './world.ts'

const login = (step: string): string => `Authorization: NTLM ${step}\r\n`
const REFUSED = 'HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: NTLM'

/** As a server of NTLM: the connection is who logs in, in two steps. What is asked goes into `requests`. */
function demand(peer: Peer, requests: string[]): void {
  let state = 0
  let seen = 0
  void (async () => {
    while (peer.state === 'open') {
      await settle(1)
      const heads = peer.text.split('\r\n\r\n').slice(0, -1)
      for (; seen < heads.length; seen++) {
        requests.push(heads[seen])
        const step = /^Authorization: NTLM (\S+)/m.exec(heads[seen])?.[1] ?? ''
        if (state === 2) await peer.send(OK)
        else if (step === 'one') {
          state = 1
          await peer.send(`${REFUSED} challenge\r\n\r\n`)
        } else if (step === 'three' && state === 1) {
          state = 2
          await peer.send(OK)
        } else await peer.send(`${REFUSED}\r\n\r\n`)
      }
    }
  })().catch(() => undefined)
}

const STEPS = ['', login('one'), login('three'), '', '']

async function statuses(world: World, request: (fields: string) => string): Promise<string[]> {
  const client = await world.client()
  const found: string[] = []
  for (const step of STEPS) {
    await client.send(request(step))
    await settle(16)
    found.push((await client.news()).slice(9, 12))
  }
  await client.close()
  return found
}

const BALANCES = ['round_robin', 'least', 'hash_client', 'first']
const IN = ['401', '401', '200', '200', '200']

describe('servers of an upstream', () => {
  async function open(...sets: string[]): Promise<[Site, string[][]]> {
    const site = await Site.open(...sets)
    const requests: string[][] = [[], []]
    void site.world.origins((peer) => demand(peer, requests[0]))
    void site.seconds((peer) => demand(peer, requests[1]))
    return [site, requests]
  }

  test.each(BALANCES)('%s: a client that logs in stays at its server', async (balance) => {
    const [site, requests] = await open(`balance=${balance}`)
    for (let i = 0; i < 3; i++) expect(await statuses(site.world, (fields) => ask('/', fields))).toEqual(IN)
    const counts = requests.map(({ length }) => length)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(15)
    for (const count of counts) expect(count % 5).toBe(0)
    if (balance === 'round_robin') expect(counts.every((count) => count > 0)).toBe(true)
    expect(site.counts()).toEqual(counts.map((count) => [0, count, 0]))
    expect(await site.leftovers()).toEqual([])
  })

  test('a server that is down is left all the same', async () => {
    const [site, requests] = await open('balance=first')
    const client = await site.world.client()
    for (const step of STEPS.slice(0, 3)) await client.send(ask('/', step)).then(() => settle(16))
    const [first, second] = site.group.servers
    site.group.judged(first, false)
    await client.send(ask())
    await settle(16)
    expect(requests.map(({ length }) => length)).toEqual([3, 1])
    for (let i = 0; i < SERVER_RISE; i++) site.group.judged(first, true)
    site.group.judged(second, false)
    await client.send(ask())
    await settle(16)
    expect(requests.map(({ length }) => length)).toEqual([4, 1])
    await client.close()
    expect(await site.leftovers()).toEqual([])
  })

  test('it waits for a place there while another is idle', async () => {
    const site = await Site.open('balance=round_robin', 'max_connections=1', 'queue=2')
    const client = await site.world.client()
    await client.send(ask('/1', login('one')))
    const first = await site.world.origin()
    await first.send(`${REFUSED} challenge\r\n\r\n`)
    // Two others fill both servers.
    const others = [await site.world.client(), await site.world.client()]
    await others[0].send(ask('/2'))
    const second = await site.second()
    await others[1].send(ask('/3'))
    const again = await site.world.origin()
    await client.send(ask('/4', login('three')))
    await second.send(OK)
    await settle(12)
    expect([first.text, second.text].map((text) => text.includes('/4'))).toEqual([false, false])
    expect(site.counts().map(([active]) => active)).toEqual([1, 0])
    await again.send(OK)
    await settle(12)
    expect(first.text).toContain('GET /4')
    await first.send(OK)
    expect(site.counts().map(([active]) => active)).toEqual([0, 0])
    for (const peer of [client, ...others]) await peer.close()
    expect(await site.leftovers()).toEqual([])
  })

  test('what goes on with a PROXY header has no login: its turns go on', async () => {
    const world = await World.open(
      'listener.http.mode=reverse',
      'outgoing.proxy_protocol=v1',
      `upstream.s.servers=["${ORIGIN.address}:80", "198.51.100.2:80"]`,
    )
    const other = await world.machine.listen({ family: 4, address: '198.51.100.2', port: 80 })
    const { servers } = world.proxy.upstreams.find('x')!.group
    const client = await world.client()
    await client.send(ask())
    const first = await world.origin()
    await first.send(OK)
    await client.send(ask())
    const second = new Peer((await other.next()).value!)
    await second.send(OK)
    expect(servers.map(({ chosen }) => chosen)).toEqual([1, 1])
    await client.close()
    other.close()
    expect(await world.leftovers()).toEqual([])
  })
})

describe('servers of a parent', () => {
  const at = (port: number): Endpoint => ({ family: 4, address: '198.51.100.2', port })
  const request = (fields: string): string => `GET http://far.test/ HTTP/1.1\r\nHost: far.test\r\n${fields}\r\n`

  test.each(BALANCES)('%s: a client that logs in through one stays with it', async (balance) => {
    const world = await World.open(
      'outgoing.parent=p',
      'parent.p.servers=["198.51.100.2:8080", "198.51.100.2:8081"]',
      `parent.p.balance=${balance}`,
    )
    const doors: Listener[] = []
    const requests: string[][] = [[], []]
    for (const [i, port] of [8080, 8081].entries()) {
      const door = await world.machine.listen(at(port))
      doors.push(door)
      void (async () => {
        for await (const socket of door) demand(new Peer(socket), requests[i])
      })()
    }
    for (let i = 0; i < 3; i++) expect(await statuses(world, request)).toEqual(IN)
    for (const { length } of requests) expect(length % 5).toBe(0)
    const { servers } = world.proxy.parents!.wayOf({ petition: null, listener: world.context })!.parent.group
    expect(servers.map(({ active }) => active)).toEqual([0, 0])
    expect(servers.map(({ chosen }) => chosen)).toEqual(requests.map(({ length }) => length))
    for (const door of doors) door.close()
    expect(await world.leftovers()).toEqual([])
  })
})
