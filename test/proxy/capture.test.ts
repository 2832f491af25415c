/** Captured connections, in memory: where they go, what they are judged by, and what is told of them. */
import { afterEach, describe, expect, test } from 'vitest'
import { latin1 } from '../../core/bytes/ascii.ts'
import { load } from '../../core/config/load.ts'
import { AccessLog } from '../../core/proxy/access_log.ts'
import { INTERNAL_ERROR, OTHER_HELLO, REFUSED_NAME } from '../../core/proxy/peek.ts'
import { Server } from '../../core/proxy/server.ts'
import { named } from '../../core/proxy/pseudonym.ts'
import type { Endpoint, Listener, Socket } from '../../core/runtime.ts'
import { Machine, settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { extension, hello, record, RETRY_RANDOM, serverHello, serverName } from '../tls/hello.ts'

const HERE: Endpoint = { family: 4, address: '127.0.0.1', port: 3129 }
const CLIENT: Endpoint = { family: 4, address: '192.0.2.77', port: 0 }
const PLAIN: Endpoint = { family: 4, address: '198.51.100.1', port: 80 }
const ODD: Endpoint = { family: 4, address: '198.51.100.1', port: 8080 }
const SECURE: Endpoint = { family: 4, address: '198.51.100.1', port: 443 }
const OTHER: Endpoint = { family: 4, address: '198.51.100.2', port: 80 }
const SIXTH: Endpoint = { family: 6, address: '2001:db8::1', port: 80 }
const HOSTS = '198.51.100.1 origin.test\n198.51.100.2 other.test\n127.0.0.1 me.test\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Wed, 01 Jan 2025 00:00:01 GMT\r\n\r\nok'

/** A machine whose kernel captures: what is accepted was going to the place that `going` says. */
class Router extends Machine {
  going: Endpoint | null = PLAIN
  /** How the last listener was asked to listen. */
  transparent = false
  readonly #how: 'tproxy' | 'redirect'

  constructor(how: 'tproxy' | 'redirect') {
    super({ elsewhere: [CLIENT, PLAIN, OTHER, SIXTH].map(({ address }) => address) })
    this.#how = how
    this.files.put('/etc/hosts', HOSTS)
    this.files.put('/etc/resolv.conf', 'nameserver 192.0.2.53\n')
  }

  override readonly listen: Machine['listen'] = async (at, options): Promise<Listener> => {
    const listener = await this.network.listen(at, options)
    if (at.port !== HERE.port) return listener
    this.transparent = options?.transparent === true
    const next = listener.next.bind(listener)
    listener.next = async () => {
      const come = await next()
      if (come.done !== true) this.#capture(come.value)
      return come
    }
    return listener
  }

  #capture(socket: Socket): void {
    const { going } = this
    const value = this.#how === 'redirect' ? () => going : going ?? HERE
    Object.defineProperty(socket, this.#how === 'redirect' ? 'original' : 'local', { value })
  }
}

interface Line {
  readonly url: string | null
  readonly failure: string | null
  readonly origin: string | null
  readonly origin_port: number | null
  readonly destination: string | null
  readonly destination_agrees: boolean | null
  readonly decision: string
  readonly bytes_in: number
  readonly bytes_out: number
  readonly client: string
}

class Town {
  readonly machine: Router
  readonly origins = new Map<Endpoint, Listener>()
  readonly server: Server
  readonly log: AccessLog
  readonly #text: () => string

  private constructor(machine: Router, server: Server, log: AccessLog, text: () => string) {
    this.machine = machine
    this.server = server
    this.log = log
    this.#text = text
  }

  static async open(
    mode: string,
    config = '',
    { capture = 'tproxy', sets = [], engine = 'epoll' }: { capture?: string; sets?: string[]; engine?: string } = {},
  ): Promise<Town> {
    const machine = new Router(capture === 'redirect' ? 'redirect' : 'tproxy')
    Object.defineProperty(machine, 'engine', { value: engine })
    const text = `[listener.cap]\nmode = "${mode}"\ncapture = "${capture}"\naddress = "127.0.0.1:3129"\n${config}`
    const { settings, problems } = load({
      file: { name: 'exaproxy.toml', text },
      environment: {},
      sets: ['http.via=false', 'http.forwarded_for=off', 'access_log.format=json', ...sets],
    })
    if (settings === null) throw new Error(problems.map(({ words }) => words).join('; '))
    let written = ''
    const appender = {
      write: (bytes: Uint8Array) => {
        written += latin1(bytes)
        return Promise.resolve()
      },
      close: () => Promise.resolve(),
    }
    const log = await AccessLog.open(machine, { ...settings.access_log }, { appender })
    const server = new Server(machine, named(machine, settings), log)
    const town = new Town(machine, server, log, () => written)
    for (const at of [PLAIN, ODD, SECURE, OTHER, SIXTH]) town.origins.set(at, await machine.network.listen(at))
    await server.start([{ listener: 'cap', at: HERE }])
    towns.push(town)
    return town
  }

  async client(going: Endpoint | null, first = ''): Promise<Peer> {
    this.machine.going = going
    const client = new Peer(await this.machine.connect(HERE, { from: CLIENT }).socket)
    if (first !== '') await client.send(first)
    return client
  }

  async origin(at: Endpoint): Promise<Peer> {
    const next = await this.origins.get(at)!.next()
    if (next.done === true) throw new Error('the origin listens no more')
    return new Peer(next.value)
  }

  async lines(): Promise<Line[]> {
    await settle()
    this.log.flush()
    await settle()
    return this.#text().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Line)
  }
}

const towns: Town[] = []
afterEach(async () => {
  for (const town of towns.splice(0)) {
    let closed = false
    void town.server.close().then(() => closed = true)
    while (!closed) await town.machine.clock.advance(1000)
  }
})

const get = (host: string, version = '1.1'): string =>
  `GET /a?b HTTP/${version}\r\n${host === '' ? '' : `Host: ${host}\r\n`}\r\n`

describe('mode "transparent"', () => {
  test.each(['tproxy', 'redirect'])('%s: where the client was going, by the name it gives', async (capture) => {
    const town = await Town.open('transparent', '', { capture })
    expect(town.machine.transparent).toBe(capture === 'tproxy')
    const client = await town.client(PLAIN, get('origin.test'))
    const origin = await town.origin(PLAIN)
    expect(await origin.news()).toBe(get('origin.test'))
    await origin.send(OK)
    expect(await client.news()).toBe(OK)
    expect(await town.lines()).toMatchObject([{
      url: 'http://origin.test/a?',
      origin: PLAIN.address,
      destination: '198.51.100.1:80',
      destination_agrees: true,
    }])
  })

  test('a name that is elsewhere leads nowhere else, and that is told', async () => {
    const town = await Town.open('transparent')
    const client = await town.client(PLAIN, get('other.test'))
    const origin = await town.origin(PLAIN)
    expect(await origin.news()).toBe(get('other.test'))
    await origin.send(OK)
    await client.news()
    expect(await town.lines()).toMatchObject([{
      url: 'http://other.test/a?',
      origin: PLAIN.address,
      destination_agrees: false,
    }])
  })

  test('nobody waits for a name that is looked up only to be compared, and nothing is said of it', async () => {
    const town = await Town.open('transparent')
    const client = await town.client(PLAIN, get('unheard.test'))
    const origin = await town.origin(PLAIN)
    await origin.send(OK)
    expect(await client.news()).toBe(OK)
    expect(await town.lines()).toMatchObject([{ origin: PLAIN.address, destination_agrees: null }])
  })

  test('another port, which the client need not say', async () => {
    const town = await Town.open('transparent', '[[rule]]\nport = [8080]\nhost = ["no.test"]\ndo = "deny"\n')
    const client = await town.client(ODD, get('origin.test'))
    const origin = await town.origin(ODD)
    for (const host of ['origin.test', 'origin.test:8080', 'origin.test:99']) {
      if (host !== 'origin.test') await client.send(get(host))
      expect(await origin.news()).toBe(get(host))
      await origin.send(OK)
    }
    const refused = await town.client(ODD, get('no.test'))
    expect(await refused.news()).toContain(' 403 ')
  })

  test('HTTP/1.0 without Host goes by the address', async () => {
    const town = await Town.open('transparent', '[[rule]]\nheader = { X = "" }\ndo = "deny"\n')
    for (const [at, host] of [[PLAIN, '198.51.100.1'], [ODD, '198.51.100.1:8080'], [SIXTH, '[2001:db8::1]']] as const) {
      await town.client(at, get('', '1.0'))
      const origin = await town.origin(at)
      expect(await origin.news()).toContain(`GET /a?b HTTP/1.1\r\nHost: ${host}\r\n`)
      await origin.send(OK)
    }
    const urls = ['198.51.100.1', '198.51.100.1:8080', '[2001:db8::1]'].map((host) => ({ url: `http://${host}/a?` }))
    expect(await town.lines()).toMatchObject(urls)
  })

  test('absolute form, and a kept connection to the address whatever the names', async () => {
    const town = await Town.open('transparent')
    const client = await town.client(PLAIN, 'GET http://origin.test/x HTTP/1.1\r\nHost: origin.test\r\n\r\n')
    const origin = await town.origin(PLAIN)
    expect(await origin.news()).toBe('GET /x HTTP/1.1\r\nHost: origin.test\r\n\r\n')
    await origin.send(OK)
    await client.send(get('www.origin.test'))
    expect(await origin.news()).toBe(get('www.origin.test'))
  })

  test('IPv6', async () => {
    const town = await Town.open('transparent')
    await town.client(SIXTH, get('origin.test'))
    expect(await (await town.origin(SIXTH)).news()).toBe(get('origin.test'))
  })

  test.each([
    ['a host', 'host = ["bad.test"]', 'bad.test', 403],
    ['the address it really goes to', 'address = ["198.51.100.1/32"]', 'other.test', 403],
    ['the IPv4 address inside', 'address = ["10.0.0.0/8"]', 'inside.test', 403],
    ['and by no other address', 'address = ["198.51.100.2/32"]', 'other.test', 200],
  ])('judged by %s', async (_, condition, host, status) => {
    const town = await Town.open('transparent', `[[rule]]\n${condition}\ndo = "deny"\n`)
    const at = host === 'inside.test' ? { ...SIXTH, address: '64:ff9b::a00:1' } : PLAIN
    const client = await town.client(at, get(host))
    if (status === 200) await (await town.origin(PLAIN)).send(OK)
    expect(await client.news()).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  })

  test('a decision leads elsewhere', async () => {
    const rules = `[[rule]]\nhost = ["led.test"]\ndo = "intercept"\nto = "198.51.100.2:80"
[[rule]]\nhost = ["moved.test"]\ndo = "rewrite"\nto = "http://other.test/new"
[[rule]]\nhost = ["same.test"]\nto = "http://same.test/new"\ndo = "rewrite"\n`
    const town = await Town.open('transparent', rules)
    await town.client(PLAIN, get('led.test'))
    expect(await (await town.origin(OTHER)).news()).toBe(get('led.test'))
    await town.client(PLAIN, get('moved.test'))
    expect(await (await town.origin(OTHER)).news()).toBe('GET /new HTTP/1.1\r\nHost: other.test\r\n\r\n')
    // Another path is no other place: the name is trusted no more than before.
    await town.client(PLAIN, get('same.test'))
    expect(await (await town.origin(PLAIN)).news()).toBe('GET /new HTTP/1.1\r\nHost: same.test\r\n\r\n')
  })

  test('a parent is asked by the name, and by the port where the client was going', async () => {
    const town = await Town.open('transparent', '[parent.up]\ntype = "http"\nservers = ["198.51.100.2:80"]\n', {
      sets: ['outgoing.parent=up'],
    })
    for (
      const [at, request, asked] of [
        [PLAIN, get('origin.test'), 'http://origin.test/a?b'],
        [ODD, get('origin.test'), 'http://origin.test:8080/a?b'],
        [ODD, get('', '1.0'), 'http://198.51.100.1:8080/a?b'],
      ] as const
    ) {
      const client = await town.client(at, request)
      const parent = await town.origin(OTHER)
      expect(await parent.news()).toContain(`GET ${asked} HTTP/1.1\r\n`)
      await parent.close()
      await client.close()
    }
  })

  test('a header that is changed does not change the way', async () => {
    const town = await Town.open('transparent', '[[rule]]\ndo = "rewrite"\nset = { X-A = "1" }\n')
    await town.client(ODD, get('other.test'))
    expect(await (await town.origin(ODD)).news()).toContain('X-A: 1\r\n')
  })

  test('a client that came directly goes by the name', async () => {
    const town = await Town.open('transparent')
    await town.client(null, get('other.test'))
    const origin = await town.origin(OTHER)
    expect(await origin.news()).toBe(get('other.test'))
    await origin.send(OK)
    const nameless = await town.client(null, get('', '1.0'))
    expect(await nameless.news()).toContain(' 400 ')
    const round = await town.client(null, get('me.test:3129'))
    expect(await round.news()).toContain(' 403 ')
    expect((await town.lines())[0]).toMatchObject({ destination: null, destination_agrees: null })
  })

  test('this machine and this proxy are not reached', async () => {
    const town = await Town.open('transparent')
    const client = await town.client({ family: 4, address: '127.0.0.1', port: 81 }, get('origin.test'))
    expect(await client.news()).toContain(' 403 ')
    expect(await town.lines()).toMatchObject([{ failure: 'local-refused' }])
  })

  test('CONNECT is refused', async () => {
    const town = await Town.open('transparent')
    const client = await town.client(PLAIN, 'CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n\r\n')
    expect(await client.news()).toMatch(/^HTTP\/1.1 405 /)
  })

  test('OPTIONS * is for the server', async () => {
    const town = await Town.open('transparent')
    await town.client(PLAIN, 'OPTIONS * HTTP/1.1\r\nHost: origin.test\r\n\r\n')
    expect(await (await town.origin(PLAIN)).news()).toMatch(/^OPTIONS \* HTTP\/1.1\r\nHost: origin.test\r\n/)
  })
})

const ALERT = latin1(REFUSED_NAME)
const said = (...extensions: readonly string[]): string => latin1(hello(...extensions))

describe('mode "tls"', () => {
  const NAMED = said(serverName('origin.test'))

  test('cut in two anywhere: nothing goes on before it is whole, and then all of it as it came', async () => {
    for (let at = 1; at <= NAMED.length; at += at === 6 ? 40 : 1) {
      const town = await Town.open('tls')
      const client = await town.client(SECURE, NAMED.slice(0, at))
      if (at < NAMED.length) await client.send(NAMED.slice(at))
      const origin = await town.origin(SECURE)
      expect(await origin.news(), `${at}`).toBe(NAMED)
      await origin.send('certificates')
      expect(await client.news()).toBe('certificates')
      await client.send('more')
      expect(await origin.news()).toBe('more')
      await client.close()
      await origin.close()
      expect(await town.lines()).toMatchObject([{
        url: 'origin.test:443',
        origin: SECURE.address,
        destination: '198.51.100.1:443',
        destination_agrees: true,
        failure: null,
        bytes_in: NAMED.length + 4,
        bytes_out: 12,
      }])
    }
  })

  test.each([1, 7, 1000])('behind a PROXY header its destination counts, in pieces of %d', async (size) => {
    const town = await Town.open('tls', 'proxy_protocol = "require"\nproxy_protocol_from = ["192.0.2.0/24"]\n')
    town.machine.network.piece = () => size
    const client = await town.client(OTHER, `PROXY TCP4 203.0.113.5 198.51.100.1 5000 443\r\n${NAMED}`)
    const origin = await town.origin(SECURE)
    expect(await origin.news()).toBe(NAMED)
    await origin.send('bye')
    expect(await client.news()).toBe('bye')
    await client.close()
    await origin.close()
    expect(await town.lines()).toMatchObject([{
      client: '203.0.113.5',
      destination: '198.51.100.1:443',
      bytes_in: NAMED.length,
      bytes_out: 3,
    }])
  })

  test('direct: where the name leads, on port 443', async () => {
    const town = await Town.open('tls')
    await town.client(null, said(serverName('Origin.Test.')))
    expect(await (await town.origin(SECURE)).news()).toBe(said(serverName('Origin.Test.')))
  })

  test.each([
    ['no name', said()],
    ['an address for a name', said(serverName('198.51.100.1'))],
  ])('%s: captured, it goes by the address; direct, nowhere', async (_, bytes) => {
    const town = await Town.open('tls')
    await town.client(ODD, bytes)
    expect(await (await town.origin(ODD)).news()).toBe(bytes)
    const direct = await town.client(null, bytes)
    expect(await direct.news()).toBe(ALERT)
  })

  test.each([
    ['sni', 'sni = ["Bad.test"]', said(serverName('BAD.test.'))],
    ['host', 'host = ["bad.test"]', said(serverName('bad.test'))],
    ['the address, without a name', 'host = ["198.51.100.1"]', said()],
    ['the real address', 'address = ["198.51.100.0/24"]', said(serverName('nowhere.test'))],
    ['an encrypted ClientHello', 'ech = true', said(serverName('a.test'), extension(0xfe0d, '\0'))],
    ['the port', 'port = [443]', said(serverName('a.test'))],
  ])('refused by %s', async (_, condition, bytes) => {
    const town = await Town.open('tls', `[[rule]]\n${condition}\ndo = "deny"\n`)
    const client = await town.client(SECURE, bytes)
    expect(await client.news()).toBe(ALERT)
    await client.end()
    expect(await town.lines()).toMatchObject([{ failure: 'denied', decision: 'deny', origin: null }])
  })

  test('led elsewhere', async () => {
    const town = await Town.open('tls', '[[rule]]\nsni = ["led.test"]\ndo = "intercept"\nto = "198.51.100.2:80"\n')
    await town.client(SECURE, said(serverName('led.test')))
    expect(await (await town.origin(OTHER)).news()).toBe(said(serverName('led.test')))
  })

  test('a server that cannot be reached', async () => {
    const town = await Town.open('tls')
    town.machine.network.road(SECURE.address, 'refused', 443)
    const client = await town.client(SECURE, NAMED)
    expect(await client.news()).toBe(latin1(INTERNAL_ERROR))
  })

  test.each([
    ['HTTP', get('origin.test')],
    ['half a hello', NAMED.slice(0, 40)],
    ['an alert', '\x15\x03\x01\x00\x02\x02\x28'],
  ])('%s is closed and told of', async (_, bytes) => {
    const town = await Town.open('tls')
    const client = await town.client(SECURE, bytes)
    await client.end()
    expect(await client.news()).toBe('')
    expect(client.state).toBe('ended')
    expect(await town.lines()).toMatchObject([{ failure: 'bad-request', origin: null }])
  })

  test('nothing at all is closed without a word', async () => {
    const town = await Town.open('tls')
    const client = await town.client(SECURE)
    await client.end()
    expect(client.state).toBe('ended')
    expect(await town.lines()).toEqual([])
  })

  test('half a hello does not take longer than a head may', async () => {
    const town = await Town.open('tls', 'head_timeout = "5s"\n')
    const client = await town.client(SECURE, NAMED.slice(0, 40))
    await town.machine.clock.advance(6000)
    expect(client.state).toBe('ended')
    await client.close()
    expect(await town.lines()).toMatchObject([{ failure: 'head-timeout' }])
  })

  test.each([
    ['larger than any', '\x16\x03\x01\x40\x00\x01\x7f\xff\xff'],
    ['two names', said(serverName('origin.test', 'a.test'))],
    ['another message before it', record('\0\0\0\0') + NAMED],
  ])('what cannot be judged: %s', async (_, bytes) => {
    const town = await Town.open('tls')
    const client = await town.client(SECURE, bytes)
    expect(await client.news()).toBe(ALERT)
    await client.end()
    expect(await town.lines()).toMatchObject([{ failure: 'denied', origin: null }])
  })

  test('a name that nobody tells of', async () => {
    const town = await Town.open('tls')
    const client = await town.client(null, said(serverName('unheard.test')))
    await town.machine.clock.advance(60_000)
    expect(await client.news()).toBe(latin1(INTERNAL_ERROR))
    await client.end()
    expect(await town.lines()).toMatchObject([{ failure: 'name-failed' }])
  })

  test('a second ClientHello, when the server asks for one: for another name it is refused', async () => {
    const retry = record(serverHello(RETRY_RANDOM))
    for (const [name, goes] of [['origin.test', true], ['other.test', false]] as const) {
      const town = await Town.open('tls', '[[rule]]\nhost = ["bad.test"]\ndo = "deny"\n')
      const client = await town.client(SECURE, NAMED)
      const origin = await town.origin(SECURE)
      await origin.send(retry)
      const second = said(serverName(name))
      await client.send(second.slice(0, 20))
      await client.send(second.slice(20))
      expect(await origin.news()).toBe(NAMED + (goes ? second : ''))
      expect(await client.news()).toBe(retry + (goes ? '' : latin1(OTHER_HELLO)))
      await client.close()
      await origin.close()
      expect(await town.lines()).toMatchObject([{
        failure: goes ? null : 'denied',
        decision: goes ? 'permit' : 'deny',
        bytes_in: NAMED.length + second.length,
      }])
    }
  })

  test('without anybody who judges, nothing is looked at', async () => {
    const town = await Town.open('tls')
    const client = await town.client(SECURE, NAMED)
    const origin = await town.origin(SECURE)
    await origin.send(record(serverHello(RETRY_RANDOM)))
    await client.send(said(serverName('other.test')))
    expect(await origin.news()).toBe(NAMED + said(serverName('other.test')))
  })
})

describe('mode "passthrough"', () => {
  test('without a server: where the client was going', async () => {
    const town = await Town.open('passthrough')
    const client = await town.client(ODD, 'hi')
    const origin = await town.origin(ODD)
    expect(await origin.news()).toBe('hi')
    await origin.send('ho')
    expect(await client.news()).toBe('ho')
  })

  test('filtered by address and port', async () => {
    const town = await Town.open('passthrough', '[[rule]]\naddress = ["198.51.100.0/24"]\nport = [8080]\ndo = "deny"\n')
    const client = await town.client(ODD, 'hi')
    await client.end()
    expect(client.state).not.toBe('open')
    await town.client(PLAIN, 'hi')
    expect(await (await town.origin(PLAIN)).news()).toBe('hi')
    expect((await town.lines())[0]).toMatchObject({ failure: 'denied', origin: null })
  })

  test('a client that came directly goes nowhere', async () => {
    const town = await Town.open('passthrough')
    const client = await town.client(null, 'hi')
    await client.end()
    expect(client.state).not.toBe('open')
    expect(await town.lines()).toMatchObject([{ failure: 'bad-target' }])
  })
})

test('without an engine that knows, REDIRECT goes by the name', async () => {
  const town = await Town.open('transparent', '', { capture: 'redirect', engine: 'portable' })
  town.machine.going = null
  await town.client(null, get('other.test'))
  expect(await (await town.origin(OTHER)).news()).toBe(get('other.test'))
})

describe('where connections come from', () => {
  test('connections come from the client, and serve no other', async () => {
    const town = await Town.open('transparent', '', { sets: ['outgoing.spoof=true'] })
    const first = await town.client(PLAIN, get('origin.test'))
    const one = await town.origin(PLAIN)
    expect(one.socket.peer.address).toBe(CLIENT.address)
    expect(one.socket.peer.port).not.toBe(0)
    await one.send(OK)
    await first.news()
    // It is kept for the client itself.
    await first.send(get('origin.test'))
    expect(await one.news()).toBe(get('origin.test') + get('origin.test'))
    await one.send(OK)
    await town.client(PLAIN, get('origin.test'))
    const two = await town.origin(PLAIN)
    expect(await two.news()).toBe(get('origin.test'))
    // There is no coming from an IPv4 address to an IPv6 one, and from another than the client's it may not come.
    const third = await town.client(SIXTH, get('origin.test'))
    expect(await third.news()).toMatch(/^HTTP\/1.1 502 /)
  })

  test('by a rule: a connection that was kept by others does not serve, and none of another address', async () => {
    const rule = `[[rule]]\nhost = ["bound.test"]\ndo = "permit"\nbind = "${CLIENT.address}"\n`
    const town = await Town.open('transparent', rule)
    const first = await town.client(PLAIN, get('origin.test'))
    const kept = await town.origin(PLAIN)
    await kept.send(OK)
    await first.news()
    await town.client(PLAIN, get('bound.test'))
    const bound = await town.origin(PLAIN)
    expect(bound.socket.peer.address).toBe(CLIENT.address)
    expect(await bound.news()).toBe(get('bound.test'))
    expect(kept.text).toBe(get('origin.test'))
  })

  test('where nobody can, the proxy says so at its start', async () => {
    const starting = Town.open('transparent', '', { sets: ['outgoing.spoof=true'], engine: 'portable' })
    await expect(starting).rejects.toThrow('the epoll engine alone')
  })
})
