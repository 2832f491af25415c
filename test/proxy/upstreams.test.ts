import { describe, expect, test } from 'vitest'
import { EJECTION, SERVER_FALL } from '../../core/limits.ts'
import { NOT_TAKEN } from '../../core/proxy/record.ts'
import { Upstreams } from '../../core/proxy/route.ts'
import { Peer } from '../memory/peer.ts'
import { settle } from '../memory/machine.ts'
import { ask, SECOND, SERVERS, Site } from './site.ts'
import { machineOf, OK, settingsOf, World } from './world.ts'

describe('sites', () => {
  const SITES: readonly (readonly [name: string, hosts: string[], servers: string[]])[] = [
    ['a', ['example.com', 'www.example.com'], ['10.0.0.1:8080']],
    ['b', ['*.example.com'], ['10.0.0.2:8080']],
    ['c', ['*.deep.example.com'], ['10.0.0.3:80']],
    ['d', ['*'], ['[2001:db8::1]:80', 'Backend.test:81', '10.0.0.4:82']],
  ]
  const upstreamsOf = (count: number): Upstreams => {
    const sets = SITES.slice(0, count).flatMap(([name, hosts, servers]) => [
      `upstream.${name}.hosts=${hosts.join(',')}`,
      `upstream.${name}.servers=${servers.join(',')}`,
    ])
    return new Upstreams(settingsOf('listener.http.mode=reverse', ...sets).upstream, machineOf())
  }

  test.each([
    ['example.com', '10.0.0.1:8080'],
    ['www.example.com', '10.0.0.1:8080'],
    ['a.example.com', '10.0.0.2:8080'],
    ['a.b.example.com', '10.0.0.2:8080'],
    ['a.deep.example.com', '10.0.0.3:80'],
    ['deep.example.com', '10.0.0.2:8080'],
    ['notexample.com', '[2001:db8::1]:80'],
    ['com', '[2001:db8::1]:80'],
    ['', '[2001:db8::1]:80'],
  ])('%s goes to %s', (host, expected) => {
    expect(upstreamsOf(4).find(host)?.group.choose('')?.key).toBe(expected)
  })

  test('servers take turns', () => {
    const { group } = upstreamsOf(4).find('x.test')!
    const turns = Array.from({ length: 4 }, () => group.choose('')?.host)
    expect(turns).toEqual(['2001:db8::1', 'backend.test', '10.0.0.4', '2001:db8::1'])
  })

  test('without a default an unknown host is nobody’s', () => {
    expect(upstreamsOf(3).find('other.test')).toBe(null)
  })
})

const bodies = (text: string): string[] => text.match(/first|second/g) ?? []

/** An exchange of a client of its own; its whole answer. */
async function exchange(site: Site, path = '/', fields = ''): Promise<string> {
  const client = await site.world.client()
  await client.send(ask(path, `Connection: close\r\n${fields}`))
  await settle(12)
  await client.close()
  return client.text
}

describe('a group', () => {
  test('servers take turns, and who has what is counted', async () => {
    const site = await Site.open()
    site.answer()
    const client = await site.world.client()
    for (let i = 0; i < 4; i++) {
      await client.send(ask(`/${i}`))
      await settle(12)
    }
    expect(bodies(client.text)).toEqual(['first', 'second', 'first', 'second'])
    expect(site.counts()).toEqual([[0, 2, 0], [0, 2, 0]])
    await client.close()
    expect(await site.leftovers()).toEqual([])
  })

  test('a server that cannot be reached is followed by the next, and after three times is left alone', async () => {
    const site = await Site.open()
    site.closeSecond()
    site.answer()
    for (let i = 0; i < 8; i++) expect(bodies(await exchange(site))).toEqual(['first'])
    expect(site.states).toEqual(['up', 'ejected'])
    expect(site.counts()).toEqual([[0, 8, 0], [0, 3, 3]])
    expect(await site.leftovers()).toEqual([])
  })

  test('one that leaves without an answer three times is left alone, too', async () => {
    const site = await Site.open('balance=first')
    for (let i = 0; i < 3; i++) {
      const asked = exchange(site)
      const server = await site.world.origin()
      await server.close()
      expect(await asked).toMatch(/^HTTP\/1.1 502 /)
    }
    expect(site.states).toEqual(['ejected', 'up'])
    expect(site.world.seen.map(({ failure }) => failure)).toEqual(['origin-left', 'origin-left', 'origin-left'])
    expect(await site.leftovers()).toEqual([])
  })

  test('when all cannot be reached, the last failure is told, and each is tried once', async () => {
    const world = await World.open('listener.http.mode=reverse', 'upstream.s.servers=198.51.100.9:80,198.51.100.8:80')
    for (let i = 0; i < 5; i++) {
      const client = await world.client()
      await client.send(ask('/', 'Connection: close\r\n'))
      await world.pass(1000)
      expect(client.text).toMatch(/^HTTP\/1.1 50[24] /)
      await client.close()
    }
    const { servers } = world.proxy.upstreams.find('x')!.group
    expect(servers.map(({ active, failures }) => [active, failures])).toEqual([[0, 5], [0, 5]])
    expect(await world.leftovers()).toEqual([])
  })

  test.each([
    ['hash_client', ['/a', '/b', '/c', '/d', '/e', '/f'], 1],
    ['hash_url', ['/a', '/a', '/a', '/a'], 1],
    ['hash_url', ['/a', '/b', '/c', '/d', '/e', '/f', '/g', '/h'], 2],
  ])('%s: %j go to %i', async (balance, paths, count) => {
    const site = await Site.open(`balance=${balance}`)
    site.answer()
    const found = new Set<string>()
    for (const path of paths) found.add(bodies(await exchange(site, path))[0])
    expect(found.size).toBe(count)
    expect(await site.leftovers()).toEqual([])
  })

  test('sticky = "client" brings a client to one server', async () => {
    const site = await Site.open('sticky=client')
    site.answer()
    const found = new Set<string>()
    for (let i = 0; i < 4; i++) found.add(bodies(await exchange(site))[0])
    expect(found.size).toBe(1)
    expect(await site.leftovers()).toEqual([])
  })
})

const cookieIn = (answer: string): string => /^Set-Cookie: ([^;\r]*)/m.exec(answer)?.[1] ?? ''

describe('a cookie', () => {
  test('is given once, names the server, and does not go on', async () => {
    const site = await Site.open('sticky=cookie', 'sticky_cookie=where')
    const seen = site.answer()
    const answer = await exchange(site, '/', 'Cookie: a=1; b=2\r\n')
    const cookie = cookieIn(answer)
    expect(answer).toContain(`Set-Cookie: ${cookie}; Path=/; HttpOnly; SameSite=Lax\r\n`)
    expect(cookie).toMatch(/^where=[0-9a-f]{8}$/)
    for (let i = 0; i < 3; i++) {
      const again = await exchange(site, '/', `Cookie: a=1; ${cookie}; b=2\r\n`)
      expect([bodies(again), cookieIn(again)]).toEqual([bodies(answer), ''])
    }
    expect(await exchange(site, '/', `Cookie: ${cookie}\r\n`)).toContain(bodies(answer)[0])
    const requests = [...seen.first, ...seen.second].map(({ text }) => text).join('')
    expect(requests).not.toContain('where')
    expect(requests.match(/^Cookie:.*$/gm)).toEqual(Array.from({ length: 4 }, () => 'Cookie: a=1; b=2'))
    expect(await site.leftovers()).toEqual([])
  })

  test('that names nobody counts for nothing, and another is given', async () => {
    const site = await Site.open('sticky=cookie')
    site.answer()
    const answers = [
      await exchange(site, '/', 'Cookie: exaproxy_server=ffffffff\r\n'),
      await exchange(site, '/', 'Cookie: exaproxy_server=\r\n'),
    ]
    expect(answers.map(bodies)).toEqual([['first'], ['second']])
    expect(new Set(answers.map(cookieIn)).size).toBe(2)
    expect(await site.leftovers()).toEqual([])
  })

  test('is followed only while its server is well', async () => {
    const site = await Site.open('sticky=cookie', 'balance=first')
    site.answer()
    const cookie = cookieIn(await exchange(site))
    const [first] = site.group.servers
    site.group.judged(first, false)
    const answer = await exchange(site, '/', `Cookie: ${cookie}\r\n`)
    expect(bodies(answer)).toEqual(['second'])
    expect(cookieIn(answer)).not.toBe(cookie)
    expect(await site.leftovers()).toEqual([])
  })
})

describe('limits', () => {
  test('all servers down is answered 503', async () => {
    const site = await Site.open()
    for (const server of site.group.servers) site.group.judged(server, false)
    const answer = await exchange(site)
    expect(answer).toMatch(/^HTTP\/1.1 503 /)
    expect(answer).toMatch(/^Retry-After: \d+\r$/m)
    expect(site.world.seen[0].failure).toBe('servers-down')
    expect(await site.leftovers()).toEqual([])
  })

  test('without a queue, a request that finds no room is answered 503', async () => {
    const site = await Site.open('max_connections=1')
    const clients = [await site.world.client(), await site.world.client()]
    for (const client of clients) await client.send(ask())
    const servers = [await site.world.origin(), await site.second()]
    const answer = await exchange(site)
    expect(answer).toMatch(/^HTTP\/1.1 503 [^]*Retry-After: /)
    expect(site.world.seen[0].failure).toBe('servers-busy')
    for (const server of servers) await server.send(OK)
    expect(site.counts()).toEqual([[0, 1, 0], [0, 1, 0]])
    for (const client of clients) await client.close()
    expect(await site.leftovers()).toEqual([])
  })

  test('those who wait are served in order, as soon as there is room', async () => {
    const site = await Site.open('max_connections=1', 'queue=2')
    const clients = []
    for (let i = 0; i < 4; i++) {
      clients.push(await site.world.client())
      await clients[i].send(ask(`/${i}`))
    }
    const first = await site.world.origin()
    const second = await site.second()
    expect(site.world.proxy.upstreams.snapshot().upstream_waiting).toEqual({ s: 2 })
    expect(await exchange(site)).toMatch(/^HTTP\/1.1 503 /)
    await second.send(OK)
    await first.send(OK)
    await settle(12)
    expect([second.text, first.text].map((text) => text.match(/GET \S+/g)?.at(-1))).toEqual(['GET /2', 'GET /3'])
    await first.send(OK)
    await second.send(OK)
    await settle(12)
    for (const client of clients) expect(client.text).toMatch(/^HTTP\/1.1 200 /)
    expect(site.counts()).toEqual([[0, 2, 0], [0, 2, 0]])
    for (const client of clients) await client.close()
    expect(await site.leftovers()).toEqual([])
  })

  test('who waits for too long is answered 503, and who leaves makes room in the queue', async () => {
    const site = await Site.open('max_connections=1', 'queue=1', 'queue_timeout=3s', 'balance=first')
    const busy = [await site.world.client(), await site.world.client()]
    for (const client of busy) await client.send(ask())
    const servers = [await site.world.origin(), await site.second()]
    const waiting = await site.world.client()
    await waiting.send(ask())
    await site.world.pass(2900)
    expect(waiting.text).toBe('')
    await site.world.pass(200)
    expect(waiting.text).toMatch(/^HTTP\/1.1 503 /)
    expect(site.world.seen[0].queue).toBe(3000)
    const leaving = await site.world.client()
    await leaving.send(ask())
    // Whether it has left is looked at in each sweep.
    await site.world.pass(1000)
    await leaving.reset()
    await site.world.pass(1000)
    expect(site.world.proxy.upstreams.snapshot().upstream_waiting).toEqual({ s: 0 })
    for (const server of servers) await server.send(OK)
    await settle(12)
    expect(site.counts()).toEqual([[0, 1, 0], [0, 1, 0]])
    for (const client of [...busy, waiting]) await client.close()
    expect(await site.leftovers()).toEqual([])
  })

  const POST = 'POST /post HTTP/1.1\r\nHost: site.test\r\nContent-Length: 6\r\nConnection: close\r\n\r\n'

  test.each([
    [[`${POST}abcdef`]],
    [[POST, 'abcdef']],
    [[`${POST}abc`, 'def']],
    [[POST, 'ab', 'cd', 'ef']],
    [[`${POST}abc`]],
  ])('a client that breaks off leaves the queue, whatever it has sent: %j', async (pieces) => {
    const site = await Site.open('max_connections=1', 'queue=1', 'queue_timeout=1m', 'balance=first')
    site.group.judged(site.group.servers[1], false)
    const [busy, leaving, staying] = [await site.world.client(), await site.world.client(), await site.world.client()]
    await busy.send(ask())
    const server = await site.world.origin()
    for (const piece of pieces) {
      await leaving.send(piece)
      await site.world.pass(1000)
    }
    expect(site.world.proxy.upstreams.snapshot().upstream_waiting).toEqual({ s: 1 })
    await leaving.reset()
    await site.world.pass(1000)
    expect(site.world.proxy.upstreams.snapshot().upstream_waiting).toEqual({ s: 0 })
    expect(site.world.seen[0]).toMatchObject({ failure: 'client-left', request: 'POST /post' })
    // Whoever stays loses nothing by that.
    for (const piece of pieces.length === 1 ? [`${POST}abcdef`] : pieces) {
      await staying.send(piece)
      await site.world.pass(1000)
    }
    // Only its sending has ended: it reads the answer.
    await staying.end()
    await site.world.pass(1000)
    await server.send(OK)
    await settle(12)
    expect(server.text).toMatch(/POST \/post [^]*\r\n\r\nabcdef$/)
    await server.send(OK)
    expect(staying.text).toMatch(/^HTTP\/1.1 200 [^]*ok$/)
    for (const client of [busy, staying]) await client.close()
    expect(await site.leftovers()).toEqual([])
  })

  test('a server that comes back takes as many as it has room for', async () => {
    const site = await Site.open('max_connections=2', 'queue=8', 'balance=first')
    const [, down] = site.group.servers
    site.group.judged(down, false)
    const clients = []
    for (let i = 0; i < 5; i++) {
      clients.push(await site.world.client())
      await clients[i].send(ask(`/${i}`))
    }
    expect(site.counts()).toEqual([[2, 2, 0], [0, 0, 1]])
    site.group.judged(down, true)
    site.group.judged(down, true)
    await settle(12)
    expect(site.counts()).toEqual([[2, 2, 0], [2, 2, 1]])
    expect(site.world.proxy.upstreams.snapshot().upstream_waiting).toEqual({ s: 1 })
    await site.world.pass(1000)
    for (const client of clients) await client.reset()
    await site.world.pass(1000)
    expect(site.counts().map(([active]) => active)).toEqual([0, 0])
    for (const one of [await site.world.origin(), await site.second()]) await one.close()
    expect(await site.leftovers()).toEqual([])
  })

  test('who waits has a server that comes back after a while alone', async () => {
    const site = await Site.open('max_connections=1', 'queue=4', 'balance=first')
    const [, second] = site.group.servers
    const busy = await site.world.client()
    await busy.send(ask('/busy'))
    const first = await site.world.origin()
    for (let i = 0; i < SERVER_FALL; i++) site.group.failed(second)
    const clients = []
    for (let i = 0; i < 3; i++) {
      clients.push(await site.world.client())
      await clients[i].send(ask(`/${i}`, 'Connection: close\r\n'))
    }
    expect(site.world.proxy.upstreams.snapshot().upstream_waiting).toEqual({ s: 3 })
    site.answer()
    await site.world.pass(EJECTION)
    await settle(24)
    for (const client of clients) expect(client.text).toMatch(/^HTTP\/1.1 200 /)
    // How long each has waited is in its record.
    expect(site.world.seen.map(({ queue }) => queue)).toEqual([EJECTION, EJECTION, EJECTION])
    await first.send(OK)
    expect(site.world.seen.at(-1)!.queue).toBe(NOT_TAKEN)
    expect(site.counts()).toEqual([[0, 1, 0], [0, 3, 3]])
    for (const client of [busy, ...clients]) await client.close()
    expect(await site.leftovers()).toEqual([])
  })

  test('who has tried it in vain may try it again when it is back, and waits no longer for that', async () => {
    const site = await Site.open('max_connections=1', 'queue=4', 'balance=first', 'queue_timeout=5s')
    site.closeSecond()
    const busy = await site.world.client()
    await busy.send(ask('/busy'))
    const first = await site.world.origin()
    const clients = []
    for (let i = 0; i < SERVER_FALL; i++) {
      clients.push(await site.world.client())
      await clients[i].send(ask(`/${i}`, 'Connection: close\r\n'))
    }
    expect([site.states, site.counts()[1][2]]).toEqual([['up', 'ejected'], SERVER_FALL])
    // It is not: each that tries it makes that time longer.
    await site.world.pass(EJECTION)
    expect(site.counts()[1][2]).toBe(SERVER_FALL + 1)
    expect(site.world.proxy.upstreams.snapshot().upstream_waiting).toEqual({ s: SERVER_FALL })
    const back = await site.world.machine.listen(SECOND)
    void site.world.tasks.run(back, async (socket) => {
      const peer = new Peer(socket)
      await settle()
      await peer.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
    })
    await site.world.pass(2 * EJECTION)
    await settle(24)
    for (const client of clients) expect(client.text).toMatch(/^HTTP\/1.1 200 /)
    expect(site.world.seen.map(({ queue }) => queue)).toEqual(clients.map(() => 3 * EJECTION))
    await first.send(OK)
    back.close()
    expect(site.counts().map(([active]) => active)).toEqual([0, 0])
    for (const client of [busy, ...clients]) await client.close()
    expect(await site.leftovers()).toEqual([])
  })

  test('all waits of a request together last no longer than queue_timeout', async () => {
    const site = await Site.open('max_connections=1', 'queue=4', 'balance=first', 'queue_timeout=5s')
    site.closeSecond()
    const busy = await site.world.client()
    await busy.send(ask('/busy'))
    await site.world.origin()
    for (let i = 1; i < SERVER_FALL; i++) site.group.failed(site.group.servers[1])
    const client = await site.world.client()
    await client.send(ask())
    await site.world.pass(4999)
    expect(client.text).toBe('')
    expect(site.counts()[1][2]).toBeGreaterThan(SERVER_FALL)
    await site.world.pass(1)
    expect(client.text).toMatch(/^HTTP\/1.1 503 /)
    expect(site.world.seen[0]).toMatchObject({ failure: 'servers-busy', queue: 5000 })
    await busy.reset()
    await site.world.pass(1000)
    await client.close()
    expect(await site.leftovers()).toEqual([])
  })

  /** A client comes back to the first server by its cookie, while that has as many as it may. */
  async function returning() {
    const site = await Site.open('max_connections=1', 'queue=1', 'sticky=cookie', 'balance=first')
    const one = await site.world.client()
    await one.send(ask())
    const first = await site.world.origin()
    await first.send(OK)
    const cookie = cookieIn(await one.news())
    await one.send(ask('/2'))
    await settle(12)
    const other = await site.world.client()
    await other.send(ask('/3', `Cookie: ${cookie}\r\n`))
    expect(site.counts()).toEqual([[1, 2, 0], [0, 0, 0]])
    return { site, first, one, other }
  }

  test('with a cookie, its own server is waited for until it is down', async () => {
    const { site, first, one, other } = await returning()
    site.group.judged(site.group.servers[0], false)
    const second = await site.second()
    await second.send(OK)
    expect(second.text).toContain('GET /3')
    expect(other.text).toMatch(/^HTTP\/1.1 200 /)
    await first.send(OK)
    for (const client of [one, other]) await client.close()
    expect(await site.leftovers()).toEqual([])
  })

  test('with a cookie, its own server is waited for', async () => {
    const { site, first, one, other } = await returning()
    await first.send(OK)
    await settle(12)
    expect(first.text).toContain('GET /3')
    await first.send(OK)
    for (const client of [one, other]) await client.close()
    expect(await site.leftovers()).toEqual([])
  })
})

describe('checks', () => {
  /** Servers that answer with these statuses, and what is checked begins. */
  async function watched(...sets: string[]) {
    const site = await Site.open('check_interval=1s', ...sets)
    const { machine, proxy } = site.world
    const statuses = { first: 200, second: 200 }
    const asked: string[] = []
    const serve = async (name: 'first' | 'second', peer: Peer): Promise<void> => {
      await settle()
      asked.push(peer.text)
      await peer.send(`HTTP/1.1 ${statuses[name]} Whatever\r\nContent-Length: 0\r\n\r\n`).catch(() => undefined)
    }
    void site.world.origins((peer) => void serve('first', peer))
    void (async () => {
      for (;;) await serve('second', await site.second())
    })().catch(() => undefined)
    const bugs: unknown[] = []
    proxy.upstreams.watch(machine, proxy.dialler, (error) => bugs.push(error))
    await settle(12)
    return { site, statuses, asked, bugs }
  }

  test('by HTTP: 2xx and 3xx are well, three others are not, and two bring it back', async () => {
    const { site, statuses, asked, bugs } = await watched('check=http', 'check_path=/health?x=1')
    expect(asked[0]).toBe('GET /health?x=1 HTTP/1.1\r\nHost: 198.51.100.1:80\r\nConnection: close\r\n\r\n')
    expect(site.states).toEqual(['up', 'up'])
    statuses.second = 503
    statuses.first = 301
    const states: string[] = []
    for (let second = 0; second < 6; second++) {
      await site.world.pass(1000)
      states.push(site.states[1])
    }
    expect(states.indexOf('down')).toBeGreaterThanOrEqual(2)
    expect(states.at(-1)).toBe('down')
    expect(site.states[0]).toBe('up')
    expect(site.group.servers[1].failures).toBeGreaterThanOrEqual(3)
    statuses.second = 204
    for (let second = 0; second < 5; second++) await site.world.pass(1000)
    expect(site.states).toEqual(['up', 'slow'])
    expect(bugs).toEqual([])
    expect(await site.leftovers()).toEqual([])
  })

  test('by TCP: the first that is refused is enough, for nothing was known', async () => {
    const site = await Site.open('check=tcp', 'check_interval=1s')
    site.closeSecond()
    const { machine, proxy } = site.world
    proxy.upstreams.watch(machine, proxy.dialler, (error) => site.world.bugs.push(error))
    await settle(12)
    expect(site.states).toEqual(['up', 'down'])
    expect(await site.leftovers()).toEqual([])
  })

  test('one that ends by a bug says nothing of the server', async () => {
    const site = await Site.open('check=tcp', 'check_interval=1s')
    site.closeSecond()
    const { machine, proxy } = site.world
    const { dialler } = proxy
    const bugs: unknown[] = []
    proxy.upstreams.watch(machine, dialler, (error) => bugs.push(error))
    await settle(12)
    expect(site.states).toEqual(['up', 'down'])
    dialler.reach = () => {
      throw new TypeError('broken on purpose')
    }
    for (let second = 0; second < 6; second++) await site.world.pass(1000)
    expect(site.states).toEqual(['up', 'down'])
    expect(bugs.length).toBeGreaterThan(5)
    expect(await site.leftovers()).toEqual([])
  })

  test('one that is silent is down', async () => {
    const site = await Site.open('check=http', 'check_interval=1s')
    const { machine, proxy } = site.world
    proxy.upstreams.watch(machine, proxy.dialler, (error) => site.world.bugs.push(error))
    const silent = await site.world.origin()
    const closing = await site.second()
    await closing.close()
    await settle(12)
    expect(site.states).toEqual(['up', 'down'])
    await site.world.pass(1100)
    expect(site.states).toEqual(['down', 'down'])
    expect(silent.state).not.toBe('open')
    expect(await site.leftovers()).toEqual([])
  })

  test('servers that are given a PROXY header are given one by checks', async () => {
    const world = await World.open(
      'listener.http.mode=reverse',
      'outgoing.proxy_protocol=v1',
      `upstream.s.servers=${SERVERS[0]}`,
      'upstream.s.check=http',
    )
    world.proxy.upstreams.watch(world.machine, world.proxy.dialler, (error) => world.bugs.push(error))
    const origin = await world.origin()
    await settle(12)
    expect(origin.text).toMatch(/^PROXY UNKNOWN\r\nGET \/ HTTP\/1.1\r\n/)
    await origin.close()
    expect(await world.leftovers()).toEqual([])
  })
})
