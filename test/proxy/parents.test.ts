/** Requests that go through parent proxies, in memory. */
import { describe, expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { load } from '../../core/config/load.ts'
import { NO_LISTS } from '../../core/filter/lists.ts'
import { compileRules } from '../../core/filter/rules.ts'
import type { Server } from '../../core/flow/group.ts'
import { EJECTION } from '../../core/limits.ts'
import { Chain } from '../../core/proxy/chain.ts'
import { parseCredentials } from '../../core/proxy/parents.ts'
import { RuleBook } from '../../core/proxy/rule_book.ts'
import type { Listener } from '../../core/runtime.ts'
import { socksEstablished, socksRefused } from '../../core/socks/server.ts'
import { settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { OK, World } from './world.ts'

const HOST = '198.51.100.2'
const ONE = `parent.p.servers=${HOST}:3128`
const TWO = `parent.p.servers=["${HOST}:3128", "${HOST}:3129"]`
const THROUGH = 'outgoing.parent=p'
const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n'
/** A name that only the parent can look up. */
const GET = 'GET http://far.test/a?b HTTP/1.1\r\nHost: far.test\r\n\r\n'
const CONNECT = 'CONNECT far.test:443 HTTP/1.1\r\nHost: far.test:443\r\n\r\n'

/** A world with parents that listen at these ports. */
async function behind(ports: readonly number[], ...sets: string[]): Promise<[World, ...Door[]]> {
  const world = await World.open(...sets)
  const doors: Door[] = []
  for (const port of ports) doors.push(new Door(await world.machine.listen({ family: 4, address: HOST, port })))
  return [world, ...doors]
}

/** Where a parent listens. */
class Door {
  readonly listener: Listener

  constructor(listener: Listener) {
    this.listener = listener
  }

  async next(): Promise<Peer> {
    const pulled = await this.listener.next()
    if (pulled.done === true) throw new Error('it listens no more')
    return new Peer(pulled.value)
  }
}

function ruled(world: World, text: string): void {
  const { settings, problems } = load({ file: { name: 'rules.toml', text }, environment: {}, sets: [ONE] })
  if (settings === null) throw new Error(problems.map(({ words }) => words).join('; '))
  const rules = new RuleBook(
    compileRules(settings.rule, NO_LISTS),
    () => Promise.resolve({ addresses: [], found: null }),
  )
  world.context.chain = new Chain([{ kind: 'rules', name: 'rules', rules }], world.proxy.statistics)
}

/** The client sends this, and the parent is called. */
async function asked(world: World, door: Door, request: string): Promise<[Peer, Peer]> {
  const client = await world.client()
  const [parent] = await Promise.all([door.next(), client.send(request)])
  await settle()
  return [client, parent]
}

async function finish(world: World, doors: readonly Door[], ...peers: readonly Peer[]): Promise<void> {
  for (const peer of peers) await peer.close()
  for (const { listener } of doors) listener.close()
  expect(await world.leftovers()).toEqual([])
}

const serversOf = ({ proxy, context }: World): readonly Server[] =>
  proxy.parents!.wayOf({ petition: null, listener: context })!.parent.group.servers

const latin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

describe('type http', () => {
  test('a request is asked for in absolute form, and one connection serves many origins and clients', async () => {
    const [world, door] = await behind([3128], ONE, THROUGH)
    const [client, parent] = await asked(world, door, GET)
    expect(await parent.news()).toBe('GET http://far.test/a?b HTTP/1.1\r\nHost: far.test\r\n\r\n')
    await parent.send(OK)
    expect(await client.news()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*ok$/)
    const other = await world.client()
    await other.send('GET http://else.test:81/ HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(await parent.news()).toBe('GET http://else.test:81/ HTTP/1.1\r\nHost: else.test:81\r\n\r\n')
    await parent.send(OK)
    expect(await other.news()).toContain('ok')
    expect(world.seen.map(({ reused }) => reused)).toEqual([false, true])
    await finish(world, [door], client, other, parent)
  })

  test('a tunnel is asked for by CONNECT, and what follows its answer is of the tunnel', async () => {
    const [world, door] = await behind([3128], ONE, THROUGH)
    const [client, parent] = await asked(world, door, CONNECT)
    expect(await parent.news()).toBe('CONNECT far.test:443 HTTP/1.1\r\nHost: far.test:443\r\n\r\n')
    expect(await client.news()).toBe('')
    await parent.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n220 hi')
    expect(await client.news()).toBe(`${ESTABLISHED}220 hi`)
    await client.send('EHLO')
    expect(await parent.news()).toBe('EHLO')
    await finish(world, [door], client, parent)
    expect(world.seen[0].result).toBe('TCP_TUNNEL')
  })

  test('a tunnel goes on with the Via that it came with, ours behind it', async () => {
    const [world, door] = await behind([3128], ONE, THROUGH, 'http.via=true', 'http.name=us')
    const via = 'Via: 1.1 one, 1.1 two\r\nConnection: x\r\nVia: 1.0 three (3)\r\n'
    const [client, parent] = await asked(world, door, CONNECT.replace('\r\n\r\n', `\r\n${via}\r\n`))
    expect(await parent.news()).toBe(
      'CONNECT far.test:443 HTTP/1.1\r\nHost: far.test:443\r\n' +
        'Via: 1.1 one, 1.1 two\r\nVia: 1.0 three (3)\r\nVia: 1.1 us\r\n\r\n',
    )
    await finish(world, [door], client, parent)
  })

  test.each([
    ['http.via=false', 'Via: 1.1 one\r\n'],
    ['http.transparent=true', ''],
  ])('and without ours where that is not to be: %s', async (option, sent) => {
    const [world, door] = await behind([3128], ONE, THROUGH, option)
    const [client, parent] = await asked(world, door, CONNECT.replace('\r\n\r\n', '\r\nVia: 1.1 one\r\n\r\n'))
    expect(await parent.news()).toBe(`CONNECT far.test:443 HTTP/1.1\r\nHost: far.test:443\r\n${sent}\r\n`)
    await finish(world, [door], client, parent)
  })

  test('a loop that a parent has found is one', async () => {
    const [world, door] = await behind([3128], ONE, THROUGH)
    const [client, parent] = await asked(world, door, CONNECT)
    await parent.send('HTTP/1.1 508 Loop Detected\r\nContent-Length: 0\r\n\r\n')
    expect(await client.news()).toMatch(/^HTTP\/1\.1 508 /)
    expect(world.seen).toMatchObject([{
      failure: 'loop',
      reason: `parent p (${HOST}:3128): it answers 508 Loop Detected`,
    }])
    await finish(world, [door], client, parent)
  })

  test('its answer, byte by byte, after an interim one', async () => {
    const [world, door] = await behind([3128], ONE, THROUGH)
    const [client, parent] = await asked(world, door, CONNECT)
    for (const byte of 'HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 Fine\r\nVia: x\r\n\r\nS') {
      await parent.send(byte)
    }
    expect(await client.news()).toBe(`${ESTABLISHED}S`)
    await finish(world, [door], client, parent)
  })

  test('a login goes with each request', async () => {
    const [world, door] = await behind([3128], ONE, THROUGH, 'parent.p.credentials_file=/login')
    world.machine.files.put('/login', 'joe:pässword\n')
    await world.proxy.parents!.open(false)
    const [client, parent] = await asked(
      world,
      door,
      GET.replace('\r\n\r\n', '\r\nProxy-Authorization: Basic eA==\r\n\r\n'),
    )
    // The bytes of the file, UTF-8 here.
    const login = `Proxy-Authorization: Basic ${Buffer.from('joe:pässword').toString('base64')}\r\n`
    expect(await parent.news()).toBe(`GET http://far.test/a?b HTTP/1.1\r\nHost: far.test\r\n${login}\r\n`)
    await parent.send(OK)
    const [second, tunnel] = await asked(world, door, CONNECT)
    expect(await tunnel.news()).toContain(login)
    world.machine.files.put('/login', 'ann:other')
    await world.proxy.parents!.reload()
    await client.send(GET)
    expect(await parent.news()).toContain(`Basic ${btoa('ann:other')}`)
    await finish(world, [door], client, second, parent, tunnel)
  })

  test.each([
    ['CONNECT', CONNECT],
    ['GET', GET],
  ])('a login that is refused is no business of the client: %s', async (_, request) => {
    const [world, door] = await behind([3128], ONE, THROUGH)
    const [client, parent] = await asked(world, door, request)
    await parent.send('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="p"\r\nContent-Length: 0\r\n\r\n')
    const answer = await client.news()
    expect(answer).toMatch(/^HTTP\/1\.1 502 /)
    expect(answer).not.toContain('Proxy-Authenticate')
    expect(world.seen[0].failure).toBe('parent-login')
    expect(world.seen[0].reason).toContain(`parent p (${HOST}:3128): it answers 407`)
    await finish(world, [door], client, parent)
  })

  test.each([
    ['HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno', 'parent-refused'],
    ['HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n', 'parent-refused'],
    ['SSH-2.0-OpenSSH\r\n', 'bad-response'],
    ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 'bad-response'],
  ])('a CONNECT that is refused: %j', async (answer, failure) => {
    const [world, door] = await behind([3128], ONE, THROUGH)
    const [client, parent] = await asked(world, door, CONNECT)
    await parent.send(answer)
    await client.news()
    expect(world.seen).toMatchObject([{ status: 502, failure }])
    await finish(world, [door], client, parent)
  })

  test('what is upgraded goes through as it is', async () => {
    const [world, door] = await behind([3128], ONE, THROUGH)
    const upgrade = 'Upgrade: websocket\r\nConnection: upgrade\r\n'
    const [client, parent] = await asked(world, door, GET.replace('\r\n\r\n', `\r\n${upgrade}\r\n`))
    expect(await parent.news()).toBe(`GET http://far.test/a?b HTTP/1.1\r\nHost: far.test\r\n${upgrade}\r\n`)
    await parent.send(`HTTP/1.1 101 Switching Protocols\r\n${upgrade}\r\nhello`)
    expect(await client.news()).toMatch(/^HTTP\/1\.1 101 [^]*\r\n\r\nhello$/)
    await finish(world, [door], client, parent)
  })
})

describe('SOCKS', () => {
  const NAME = [3, 8, ...toBytes('far.test')]

  test('5: a handshake for each connection, which then carries requests in origin form', async () => {
    const [world, door] = await behind([3128], ONE, 'parent.p.type=socks5', THROUGH)
    const [client, parent] = await asked(world, door, GET)
    expect(await parent.news()).toBe('\x05\x01\x00')
    await parent.send('\x05\x00')
    expect(await parent.news()).toBe(latin1(Uint8Array.of(5, 1, 0, ...NAME, 0, 80)))
    await parent.send(latin1(socksEstablished(5)))
    expect(await parent.news()).toBe('GET /a?b HTTP/1.1\r\nHost: far.test\r\n\r\n')
    await parent.send(OK)
    await client.send(GET)
    expect(await parent.news()).toBe('GET /a?b HTTP/1.1\r\nHost: far.test\r\n\r\n')
    await parent.send(OK)
    // Another origin has a connection of its own.
    const [other, second] = await asked(world, door, 'GET http://else.test/ HTTP/1.1\r\nHost: else.test\r\n\r\n')
    expect(await second.news()).toBe('\x05\x01\x00')
    await finish(world, [door], client, other, parent, second)
    expect(world.seen.map(({ reused }) => reused)).toEqual([false, true, false])
  })

  test('4a: a tunnel, and what follows the answer is of the tunnel', async () => {
    const [world, door] = await behind([3128], ONE, 'parent.p.type=socks4a', THROUGH)
    const [client, parent] = await asked(world, door, CONNECT)
    expect(await parent.news()).toBe('\x04\x01\x01\xbb\x00\x00\x00\x01\x00far.test\x00')
    await parent.send(`${latin1(socksEstablished(4))}220 hi`)
    expect(await client.news()).toBe(`${ESTABLISHED}220 hi`)
    await finish(world, [door], client, parent)
  })

  test('bytes that nobody asked for are no answer', async () => {
    const [world, door] = await behind([3128], ONE, 'parent.p.type=socks4a', THROUGH)
    const [client, parent] = await asked(world, door, GET)
    await parent.send(`${latin1(socksEstablished(4))}${OK}`)
    await client.news()
    expect(world.seen).toMatchObject([{ status: 502, failure: 'bad-response' }])
    await finish(world, [door], client, parent)
  })

  test.each(
    [
      ['refused', 'connect-refused'],
      ['unreachable', 'connect-unreachable'],
      ['not-allowed', 'parent-refused'],
    ] as const,
  )('a refusal is an answer, and no other server is asked: %s', async (why, failure) => {
    const [world, door, spare] = await behind(
      [3128, 3129],
      TWO,
      'parent.p.type=socks5',
      'parent.p.balance=first',
      THROUGH,
    )
    const [client, parent] = await asked(world, door, CONNECT)
    await parent.send('\x05\x00')
    await parent.send(latin1(socksRefused(5, why)))
    await client.news()
    expect(world.seen).toMatchObject([{ status: 502, failure }])
    await finish(world, [door, spare], client, parent)
  })
})

describe('which way', () => {
  test.each([
    ['http://127.0.0.1/', 'local-refused'],
    ['http://[::1]/', 'local-refused'],
    ['http://192.0.2.77/', 'destination-refused'],
  ])('%s is refused here: the parent is not asked', async (url, failure) => {
    const [world, door] = await behind([3128], ONE, THROUGH, 'outgoing.deny=["192.0.2.0/24"]')
    const client = await world.client()
    await client.send(`GET ${url} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n\r\n`)
    await client.news()
    expect(world.seen).toMatchObject([{ status: 403, failure }])
    await finish(world, [door], client)
  })

  test('ports of CONNECT are judged here, too', async () => {
    const [world, door] = await behind([3128], ONE, THROUGH)
    const client = await world.client()
    await client.send('CONNECT far.test:25 HTTP/1.1\r\nHost: far.test:25\r\n\r\n')
    expect(world.seen).toMatchObject([{ status: 403, failure: 'port-refused' }])
    await finish(world, [door], client)
  })

  test('rules: through a parent, or directly, and connections are never mixed', async () => {
    const [world, door] = await behind([3128], ONE, THROUGH)
    ruled(
      world,
      `
[[rule]]
path = "/direct"
do = "permit"
parent = "direct"
`,
    )
    const request = (path: string) => `GET http://origin.test${path} HTTP/1.1\r\nHost: origin.test\r\n\r\n`
    const [client, parent] = await asked(world, door, request('/'))
    expect(await parent.news()).toContain('GET http://origin.test/ HTTP/1.1')
    await parent.send(OK)
    const [origin] = await Promise.all([world.origin(), client.send(request('/direct'))])
    expect(await origin.news()).toContain('GET /direct HTTP/1.1')
    await origin.send(OK)
    await client.send(request('/again'))
    expect(await parent.news()).toContain('GET http://origin.test/again HTTP/1.1')
    await parent.send(OK)
    await client.send(request('/direct'))
    expect(await origin.news()).toContain('GET /direct HTTP/1.1')
    await origin.send(OK)
    await finish(world, [door], client, parent, origin)
    expect(world.seen.map(({ reused }) => reused)).toEqual([false, false, true, true])
  })

  test('a rule alone, and what it rewrites is asked of the parent', async () => {
    const [world, door] = await behind([3128], ONE)
    ruled(
      world,
      `
[[rule]]
host = "far.test"
do = "rewrite"
to = "http://near.test/x"
parent = "p"
`,
    )
    const [client, parent] = await asked(world, door, GET)
    expect(await parent.news()).toBe('GET http://near.test/x HTTP/1.1\r\nHost: near.test\r\n\r\n')
    await parent.send(OK)
    await finish(world, [door], client, parent)
  })

  test('what a rule leads to a server of the operator goes there', async () => {
    const [world, door] = await behind([3128], ONE, THROUGH)
    ruled(world, `[[rule]]\nhost = "far.test"\ndo = "intercept"\nto = "198.51.100.1:80"\n`)
    const client = await world.client()
    const [origin] = await Promise.all([world.origin(), client.send(GET)])
    expect(await origin.news()).toBe('GET /a?b HTTP/1.1\r\nHost: far.test\r\n\r\n')
    await finish(world, [door], client, origin)
  })
})

describe('led elsewhere, and led through', () => {
  test('where a decision leads by what was asked, the parent leads, by CONNECT', async () => {
    const [world, door] = await behind([3128], ONE, THROUGH)
    ruled(world, `[[rule]]\nhost = "far.test"\ndo = "intercept"\nto = "{host}:8080"\n`)
    const [client, parent] = await asked(world, door, GET)
    expect(await parent.news()).toBe('CONNECT far.test:8080 HTTP/1.1\r\nHost: far.test:8080\r\n\r\n')
    await parent.send(ESTABLISHED)
    expect(await parent.news()).toBe('GET /a?b HTTP/1.1\r\nHost: far.test\r\n\r\n')
    await parent.send(OK)
    expect(await client.news()).toContain('ok')
    await finish(world, [door], client, parent)
  })

  test('a rule may do without its parent, too', async () => {
    const [world] = await behind([], ONE)
    ruled(world, `[[rule]]\nhost = "origin.test"\ndo = "permit"\nparent = "p"\nor_direct = true\n`)
    const client = await world.client()
    const [origin] = await Promise.all([world.origin(), client.send(GET.replaceAll('far.test', 'origin.test'))])
    expect(await origin.news()).toContain('GET /a?b HTTP/1.1')
    await finish(world, [], client, origin)
  })

  test('a permit that names a parent changes nothing else, and is asked once', async () => {
    const [world, door] = await behind([3128], ONE)
    ruled(world, `[[rule]]\nname = "led"\nhost = "far.test"\ndo = "permit"\nparent = "p"\n`)
    const [client, parent] = await asked(world, door, GET)
    await parent.send(OK)
    await client.news()
    const [member] = world.context.chain!.members
    expect(member.kind === 'rules' ? [...member.rules.rules.hits] : []).toEqual([1])
    await finish(world, [door], client, parent)
  })

  test('least: who has a request under way is not asked', async () => {
    const [world, first, second] = await behind([3128, 3129], TWO, 'parent.p.balance=least', THROUGH)
    const [client, one] = await asked(world, first, GET)
    const [other, two] = await asked(world, second, CONNECT)
    expect(serversOf(world).map(({ active }) => active)).toEqual([1, 1])
    await one.send(OK)
    await two.send(ESTABLISHED)
    expect(serversOf(world).map(({ active }) => active)).toEqual([0, 1])
    await client.send(GET)
    expect(await one.news()).toContain('GET http://far.test/a?b')
    await finish(world, [first, second], client, other, one, two)
    expect(serversOf(world).map(({ active }) => active)).toEqual([0, 0])
  })

  test('checks by HTTP ask for a page elsewhere', async () => {
    const [world, door] = await behind(
      [3128],
      ONE,
      'parent.p.check=http',
      'parent.p.check_url=http://page.test/x?y',
      THROUGH,
    )
    world.proxy.parents!.watch(world.proxy.dialler, (error) => world.bugs.push(error))
    const check = await door.next()
    expect(await check.news()).toBe('GET http://page.test/x?y HTTP/1.1\r\nHost: page.test\r\nConnection: close\r\n\r\n')
    await check.send('HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n')
    expect(serversOf(world).map(({ state }) => state)).toEqual(['down'])
    const client = await world.client()
    await client.send(GET)
    expect(world.seen).toMatchObject([{ status: 502, failure: 'connect-failed' }])
    expect(world.seen[0].reason).toBe('parent p: none of its servers can be reached')
    await finish(world, [door], client, check)
  })
})

describe('checks by HTTP', () => {
  const CHECK = ['parent.p.check=http', 'parent.p.check_url=http://page.test/', THROUGH] as const

  async function checked(...sets: string[]): Promise<[World, Door, Peer]> {
    const [world, door] = await behind([3128], ONE, ...CHECK, ...sets)
    world.machine.files.put('/login', 'joe:secret')
    await world.proxy.parents!.open(false)
    world.proxy.parents!.watch(world.proxy.dialler, (error) => world.bugs.push(error))
    return [world, door, await door.next()]
  }

  const states = (world: World): string[] => serversOf(world).map(({ state }) => state)

  test('log in as requests do, with what is known of the login by then', async () => {
    const [world, door, check] = await checked('parent.p.credentials_file=/login')
    expect(await check.news()).toContain(`\r\nProxy-Authorization: Basic ${btoa('joe:secret')}\r\n`)
    await check.send(OK)
    world.machine.files.put('/login', 'ann:other')
    await world.proxy.parents!.reload()
    const [next] = await Promise.all([door.next(), world.pass(2200)])
    expect(await next.news()).toContain(`\r\nProxy-Authorization: Basic ${btoa('ann:other')}\r\n`)
    await finish(world, [door], check, next)
  })

  test.each([
    ['HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n', 'up'],
    ['HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 503 No\r\n\r\n', 'down'],
    ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 'down'],
    ['HTTP/1.1 102 Processing\r\n\r\n'.repeat(40), 'down'],
  ])('an interim answer is none: %j', async (answer, state) => {
    const [world, door, check] = await checked()
    for (const byte of answer) if (check.state === 'open') await check.send(byte).catch(() => undefined)
    expect(states(world)).toEqual([state])
    await finish(world, [door], check)
  })
})

describe('servers that fail', () => {
  test('one that cannot be reached is followed by the next', async () => {
    const [world, spare] = await behind([3129], TWO, 'parent.p.balance=first', THROUGH)
    for (const request of [GET, CONNECT]) {
      const [client, parent] = await asked(world, spare, request)
      expect(await parent.news()).toContain('far.test')
      await parent.send(request === GET ? OK : ESTABLISHED)
      expect(await client.news()).toContain('200')
      await client.close()
      await parent.close()
    }
    await finish(world, [spare])
  })

  test('so is one that breaks off before it has connected anything, and one that is silent', async () => {
    const [world, first, spare] = await behind([3128, 3129], TWO, 'parent.p.balance=first', THROUGH)
    const [client, broken] = await asked(world, first, CONNECT)
    const [next] = await Promise.all([spare.next(), broken.close()])
    await next.send(ESTABLISHED)
    expect(await client.news()).toBe(ESTABLISHED)
    const [second, silent] = await asked(world, first, CONNECT)
    const [helper] = await Promise.all([spare.next(), world.pass(5001)])
    expect(silent.state).not.toBe('open')
    await helper.send(ESTABLISHED)
    expect(await second.news()).toBe(ESTABLISHED)
    await finish(world, [first, spare], client, second, next, silent, helper)
  })

  const LOGIN = 'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="p"\r\nContent-Length: 0\r\n\r\n'

  test.each<[string, string, (parent: Peer) => Promise<void>]>([
    ['closes', GET, (parent) => parent.end()],
    ['breaks off', GET, (parent) => parent.reset()],
    ['wants a login', GET, (parent) => parent.send(LOGIN)],
    ['wants a login, for what cannot be asked twice', GET.replace('GET', 'POST'), (parent) => parent.send(LOGIN)],
  ])('one that %s when it is asked for a page is followed by the next, and counted', async (_, request, does) => {
    const [world, first, spare] = await behind([3128, 3129], TWO, 'parent.p.balance=first', THROUGH)
    const [client, broken] = await asked(world, first, request)
    const [next] = await Promise.all([spare.next(), does(broken)])
    expect(await next.news()).toContain('http://far.test/a?b')
    expect(broken.state).not.toBe('open')
    expect(serversOf(world).map(({ failures, row }) => [failures, row])).toEqual([[1, 1], [0, 0]])
    await next.send(OK)
    expect(await client.news()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*ok$/)
    expect(world.seen).toMatchObject([{ status: 200, failure: '', reused: false }])
    await finish(world, [first, spare], client, broken, next)
  })

  test('each is asked once, and then the client is told what the last one did', async () => {
    const [world, first, spare] = await behind([3128, 3129], TWO, THROUGH, 'outgoing.or_direct=true')
    const [client, one] = await asked(world, first, GET.replaceAll('far.test', 'origin.test'))
    const [two] = await Promise.all([spare.next(), one.end()])
    await two.send(LOGIN)
    expect(await client.news()).toMatch(/^HTTP\/1\.1 502 /)
    const reason = `parent p (${HOST}:3129): it answers 407 No`
    expect(world.seen).toMatchObject([{ failure: 'parent-login', reason }])
    expect(serversOf(world).map(({ failures }) => failures)).toEqual([1, 1])
    await finish(world, [first, spare], client, one, two)
  })

  test.each([
    ['POST', GET.replace('GET', 'POST').replace('\r\n\r\n', '\r\nContent-Length: 2\r\n\r\nhi'), 1],
    ['half a head', GET, 0],
  ])('what may have been done, or begun, is not asked again: %s', async (what, request, failures) => {
    const [world, first, spare] = await behind([3128, 3129], TWO, 'parent.p.balance=first', THROUGH)
    const [client, broken] = await asked(world, first, request)
    if (what === 'half a head') await broken.send('HTTP/1.1 200')
    await broken.end()
    expect(await client.news()).toMatch(/^HTTP\/1\.1 502 /)
    expect(world.seen).toMatchObject([{ failure: 'origin-left' }])
    expect(serversOf(world).map((server) => server.failures)).toEqual([failures, 0])
    await finish(world, [first, spare], client, broken)
  })

  test('three pages that a server breaks off: it is left alone; an answer that is one lets it off', async () => {
    const [world, first, spare] = await behind([3128, 3129], TWO, 'parent.p.balance=first', THROUGH)
    const ask = async (fails: boolean): Promise<void> => {
      const [client, parent] = await asked(world, first, GET)
      if (fails) {
        const [next] = await Promise.all([spare.next(), parent.end()])
        await next.send(OK.replace('OK\r\n', 'OK\r\nConnection: close\r\n'))
        await next.close()
      } else await parent.send('HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      await client.news()
      await client.close()
      await parent.close()
    }
    for (const fails of [true, true, false, true, true]) await ask(fails)
    expect(serversOf(world).map(({ failures, state }) => [failures, state])).toEqual([[4, 'up'], [0, 'up']])
    await ask(true)
    expect(serversOf(world).map(({ failures, state }) => [failures, state])).toEqual([[5, 'ejected'], [0, 'up']])
    await finish(world, [first, spare])
  })

  test.each<[string, (parent: Peer, world: World) => Promise<void>, number]>([
    ['502', (parent) => parent.send('HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n'), 0],
    ['504', (parent) => parent.send('HTTP/1.1 504 No\r\nContent-Length: 0\r\n\r\n'), 0],
    ['silence', (_, world) => world.pass(200_000), 0],
    ['an answer that is not well made', (parent) => parent.send('HTTP/1.1 2000 Odd\r\n\r\n'), 0],
    ['another protocol', (parent) => parent.send('SSH-2.0-OpenSSH\r\n'), 1],
  ])('what may be because of the page asked for does not count: %s', async (_, does, failures) => {
    const [world, door] = await behind([3128], ONE, THROUGH)
    const [client, parent] = await asked(world, door, GET)
    await does(parent, world)
    expect(await client.news()).toMatch(/^HTTP\/1\.1 50[24] /)
    expect(serversOf(world).map((server) => server.failures)).toEqual([failures])
    await finish(world, [door], client, parent)
  })

  test('after three failures it is left alone for a while', async () => {
    const [world, spare] = await behind([3129], TWO, 'parent.p.balance=first', THROUGH, 'outgoing.idle_per_origin=0')
    const servers = serversOf(world)
    for (let i = 0; i < 4; i++) {
      const [client, parent] = await asked(world, spare, GET)
      await parent.send(OK)
      await client.close()
      await parent.close()
    }
    expect(servers.map(({ failures, state }) => [failures, state])).toEqual([[3, 'ejected'], [0, 'up']])
    expect(servers.map(({ active }) => active)).toEqual([0, 0])
    await world.pass(EJECTION + 1)
    await finish(world, [spare])
  })

  test('none can be reached: an error, and never a direct connection', async () => {
    const [world] = await behind([], TWO, THROUGH)
    const client = await world.client()
    for (const request of [GET.replaceAll('far.test', 'origin.test'), CONNECT]) await client.send(request)
    await client.news()
    expect(world.seen).toMatchObject([{ status: 502, failure: 'connect-refused' }, { failure: 'connect-refused' }])
    expect(world.seen[0].reason).toContain('parent p (')
    await finish(world, [], client)
  })

  test.each(['http', 'socks5'])('or_direct: a direct one, for type %s', async (type) => {
    const [world] = await behind([], TWO, THROUGH, 'outgoing.or_direct=true', `parent.p.type=${type}`)
    const client = await world.client()
    const request = GET.replaceAll('far.test', 'origin.test')
    const [origin] = await Promise.all([world.origin(), client.send(request)])
    expect(await origin.news()).toBe('GET /a?b HTTP/1.1\r\nHost: origin.test\r\n\r\n')
    await origin.send(OK)
    expect(await client.news()).toContain('ok')
    await finish(world, [], client, origin)
  })

  test.each<[string, (parent: Peer, world: World) => Promise<void>, string, number]>([
    ['refuses', (parent) => parent.send('HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n'), 'parent-refused', 0],
    ['is busy', (parent) => parent.send('HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n'), 'parent-refused', 0],
    ['wants a login', (parent) => parent.send(LOGIN), 'parent-login', 4],
    ['breaks off', (parent) => parent.reset(), 'origin-left', 4],
    ['closes', (parent) => parent.end(), 'origin-left', 4],
    ['closes in the midst of a head', (parent) => parent.send('HTTP/1.1').then(() => parent.end()), 'origin-left', 0],
    ['speaks no HTTP', (parent) => parent.send('SSH-2.0-OpenSSH\r\n'), 'bad-response', 4],
    ['says nothing', (_, world) => world.pass(10_001), 'connect-timeout', 0],
  ])('one that is there and %s is no reason to go directly', async (_, does, failure, failures) => {
    const [world, door] = await behind([3128], ONE, THROUGH, 'outgoing.or_direct=true', 'outgoing.connect_ports=[80]')
    for (let i = 0; i < 4; i++) {
      const [client, parent] = await asked(world, door, 'CONNECT origin.test:80 HTTP/1.1\r\nHost: origin.test\r\n\r\n')
      await does(parent, world)
      await client.news()
      await client.close()
      await parent.close()
    }
    expect(world.seen.map((one) => one.failure)).toEqual(Array(4).fill(failure))
    expect(serversOf(world).map((server) => [server.state, server.failures])).toEqual([['up', failures]])
    await finish(world, [door])
  })

  test('a kept connection that turns out dead: asked again through the next server', async () => {
    const [world, first, spare] = await behind([3128, 3129], TWO, 'parent.p.balance=first', THROUGH)
    const [client, parent] = await asked(world, first, GET)
    await parent.send(OK)
    await client.news()
    first.listener.close()
    await client.send(GET)
    const [next] = await Promise.all([spare.next(), parent.close()])
    await settle()
    expect(await next.news()).toContain('GET http://far.test/a?b')
    await next.send(OK)
    expect(await client.news()).toContain('ok')
    await finish(world, [spare], client, next)
  })

  test('a client that leaves during a handshake', async () => {
    const [world, door] = await behind([3128], ONE, 'parent.p.type=socks5', THROUGH)
    const [client, parent] = await asked(world, door, CONNECT)
    await client.reset()
    // At once: where proxies lead to each other, whoever looks only now and then never sees the end of it.
    await settle()
    expect(parent.state).not.toBe('open')
    expect(world.seen).toMatchObject([{ failure: 'client-left' }])
    await finish(world, [door], parent)
  })

  test('all the time there is goes by', async () => {
    const [world, first, spare] = await behind([3128, 3129], TWO, 'parent.p.type=socks5', THROUGH)
    const client = await world.client()
    await client.send(CONNECT)
    const silent = [await first.next()]
    await world.pass(5001)
    silent.push(await spare.next())
    await world.pass(5001)
    await client.news()
    expect(world.seen).toMatchObject([{ status: 504, failure: 'connect-timeout' }])
    await finish(world, [first, spare], client, ...silent)
  })
})

test.each([
  ['joe:secret', 'joe', 'secret'],
  ['joe:se:cret\r\n', 'joe', 'se:cret'],
  ['joe:secret\n', 'joe', 'secret'],
  ['\xef\xbb\xbfjoe:secret', 'joe', 'secret'],
])('credentials: %j', (text, user, password) => {
  expect(parseCredentials(toBytes(text))).toEqual({ user, password })
})

test.each(['', '\xef\xbb\xbf', 'joe', ':secret', 'joe:', 'a:b\nc:d', `${'a'.repeat(256)}:b`, 'a:b\0'])(
  'no credentials: %j',
  (text) => {
    let message = ''
    try {
      parseCredentials(toBytes(text))
    } catch (error) {
      message = String(error)
    }
    expect(message).not.toBe('')
    if (text.length > 1) expect(message).not.toContain('secret')
  },
)
