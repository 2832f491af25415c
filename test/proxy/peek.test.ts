/** What is said first inside a tunnel, in memory: judged before any of it goes on. */
import { describe, expect, test } from 'vitest'
import { latin1 } from '../../core/bytes/ascii.ts'
import { load } from '../../core/config/load.ts'
import { NO_LISTS } from '../../core/filter/lists.ts'
import { compileRules } from '../../core/filter/rules.ts'
import { PEEK_SILENCE, PEEK_TIME } from '../../core/limits.ts'
import { Chain, type Member } from '../../core/proxy/chain.ts'
import { OTHER_HELLO, REFUSED_NAME } from '../../core/proxy/peek.ts'
import { RuleBook } from '../../core/proxy/rule_book.ts'
import { cut, randomOf } from '../../scripts/fuzz/random.ts'
import { settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { extension, hello, message, record, RETRY_RANDOM, serverHello, serverName, vector } from '../tls/hello.ts'
import { World } from './world.ts'

const CONNECT = 'CONNECT origin.test:80 HTTP/1.1\r\nHost: origin.test:80\r\n\r\n'
const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n'
const ALERT = latin1(REFUSED_NAME)
const ILLEGAL = latin1(OTHER_HELLO)

const said = (...extensions: readonly string[]): string => latin1(hello(...extensions))
const SAME = said(serverName('origin.test'))
const BLOCKED = said(serverName('Blocked.Test.'))

const RULES = `
[[rule]]
name = "names"
sni = ["blocked.test"]
do = "deny"
reason = "not this one"

[[rule]]
name = "no-tls"
tls = false
port = [80]
header = { X-Strict = "" }
do = "deny"

[[rule]]
name = "hidden"
ech = true
do = "deny"
status = 451

[[rule]]
name = "there"
sni = ["there.test"]
address = ["198.51.100.0/24"]
do = "deny"
status = 452

[[rule]]
name = "led"
sni = ["led.test"]
do = "intercept"
to = "198.51.100.2:80"

[[rule]]
name = "told"
sni = ["told.test"]
do = "respond"
text = "no"

[[rule]]
name = "mismatch"
sni_mismatch = true
do = "close"

[[rule]]
name = "elsewhere"
sni = ["sent.test"]
do = "redirect"
to = "http://block.test/"
`

/** A world that peeks, and asks these rules, after `others`. */
async function peeking(rules = RULES, ...others: readonly Member[]): Promise<World> {
  const world = await World.open('outgoing.connect_ports=[80]', 'listener.http.peek=true')
  const { settings, problems } = load({ file: { name: 'rules.toml', text: rules }, environment: {}, sets: [] })
  if (settings === null) throw new Error(problems.map(({ words }) => words).join('; '))
  const book = new RuleBook(
    compileRules(settings.rule, NO_LISTS),
    () => Promise.resolve({ addresses: [], found: null }),
  )
  const members: Member[] = [{ kind: 'rules', name: 'rules', rules: book }, ...others]
  world.context.chain = new Chain(members, world.proxy.statistics)
  return world
}

/** A client inside its tunnel, and the origin. */
async function inside(world: World, fields = ''): Promise<[Peer, Peer]> {
  const [client, origin] = await world.asked(CONNECT.replace('\r\n\r\n', `\r\n${fields}\r\n`))
  expect(await client.news()).toBe(ESTABLISHED)
  return [client, origin]
}

async function over(world: World, ...peers: readonly Peer[]): Promise<World['seen'][number]> {
  for (const peer of peers) await peer.close()
  expect(await world.leftovers()).toEqual([])
  expect(world.seen).toHaveLength(1)
  return world.seen[0]
}

describe('permitted', () => {
  test('what was looked at goes on as it came, and all that follows', async () => {
    const world = await peeking()
    const [client, origin] = await inside(world)
    await client.send(SAME)
    expect(await origin.news()).toBe(SAME)
    await origin.send('certificates')
    expect(await client.news()).toBe('certificates')
    await client.send('more')
    expect(await origin.news()).toBe('more')
    const { failure, result, bytesIn, bytesOut } = await over(world, client, origin)
    expect({ failure, result }).toEqual({ failure: '', result: 'TCP_TUNNEL' })
    expect(bytesIn).toBe(CONNECT.length + SAME.length + 4)
    expect(bytesOut).toBe(ESTABLISHED.length + 12)
  })

  test('cut in two anywhere, nothing goes on before it is whole', async () => {
    for (let at = 1; at < SAME.length; at++) {
      const world = await peeking()
      const [client, origin] = await inside(world)
      await client.send(SAME.slice(0, at))
      expect(await origin.news(), `${at}`).toBe('')
      await client.send(SAME.slice(at))
      expect(await origin.news(), `${at}`).toBe(SAME)
      await over(world, client, origin)
    }
  })

  test('byte by byte', async () => {
    const world = await peeking()
    const [client, origin] = await inside(world)
    await client.send(...SAME)
    expect(await origin.news()).toBe(SAME)
    expect((await over(world, client, origin)).bytesIn).toBe(CONNECT.length + SAME.length)
  })

  test('together with the head, whole or in part', async () => {
    for (const at of [1, 5, 40, SAME.length]) {
      const world = await peeking()
      const [client, origin] = await world.asked(CONNECT + SAME.slice(0, at))
      expect(await client.news()).toBe(ESTABLISHED)
      await client.send(SAME.slice(at) + 'x')
      expect(await origin.news()).toBe(`${SAME}x`)
      const { bytesIn } = await over(world, client, origin)
      expect(bytesIn).toBe(CONNECT.length + SAME.length + 1)
    }
  })

  test('what is no ClientHello', async () => {
    const world = await peeking()
    const [client, origin] = await inside(world)
    await client.send('SSH-2.0-x\r\n')
    expect(await origin.news()).toBe('SSH-2.0-x\r\n')
    expect((await over(world, client, origin)).failure).toBe('')
  })

  test('a client that ends at once, or in the middle', async () => {
    for (const first of ['', SAME.slice(0, 9)]) {
      const world = await peeking()
      const [client, origin] = await inside(world)
      if (first !== '') await client.send(first)
      await client.end()
      expect(await origin.news()).toBe(first)
      expect(origin.state).toBe('ended')
      await origin.send('bye')
      expect(await client.news()).toBe('bye')
      await over(world, client, origin)
    }
  })

  test('what only reports is told once', async () => {
    const world = await peeking(`
[[rule]]
name = "watched"
host = ["origin.test"]
report_only = true
do = "deny"

[[rule]]
name = "named"
sni = ["origin.test"]
report_only = true
do = "close"
`)
    const [client, origin] = await inside(world)
    await client.send(SAME)
    expect(await origin.news()).toBe(SAME)
    const { reason } = await over(world, client, origin)
    expect(reason).toBe('report only: watched says deny; report only: named says close')
  })

  test('without peek nothing waits', async () => {
    const world = await World.open('outgoing.connect_ports=[80]')
    world.context.chain = (await peeking()).context.chain
    const [client, origin] = await inside(world)
    await client.send(BLOCKED.slice(0, 3))
    expect(await origin.news()).toBe(BLOCKED.slice(0, 3))
    await over(world, client, origin)
  })
})

describe('refused', () => {
  test.each([
    ['deny', BLOCKED, ALERT, 'denied', 'TCP_DENIED', 'not this one'],
    [
      'deny for an encrypted ClientHello',
      said(serverName('origin.test'), extension(0xfe0d, '\0')),
      ALERT,
      'denied',
      'TCP_DENIED',
      '',
    ],
    ['redirect', said(serverName('sent.test')), ALERT, '', 'TCP_REDIRECT', ''],
    ['respond', said(serverName('told.test')), ALERT, '', 'NONE_NONE', ''],
    ['close', said(serverName('other.test')), '', '', 'TCP_MISS', ''],
  ])('%s: the origin gets nothing', async (kind, bytes, answer, failure, result, reason) => {
    // What is sent elsewhere has another name than CONNECT's.
    const world = await peeking(
      kind === 'redirect' ? RULES.replace('sni_mismatch = true', 'sni = ["other.test"]') : RULES,
    )
    const [client, origin] = await inside(world)
    await client.send(bytes.slice(0, 7))
    await client.send(bytes.slice(7))
    expect(await client.news()).toBe(answer)
    expect(client.state).toBe('ended')
    await client.close()
    expect(await origin.news()).toBe('')
    expect(origin.state).toBe('ended')
    const seen = await over(world, origin)
    expect(seen).toMatchObject({ failure, result, reason, status: 200, bytesIn: CONNECT.length + bytes.length })
  })

  test.each([
    ['too large', '\x16\x03\x01\x40\0\x01\x01\0\0' + 'x'.repeat(100)],
    ['malformed', said(extension(0, vector('\0' + vector('blocked.test', 2) + 'x', 2)))],
    ['malformed', said(serverName(''))],
    ['malformed', said(serverName('blocked.test '))],
    ['malformed', said(serverName('a.test', 'blocked.test'))],
    ['malformed', record(message({ session: 's'.repeat(33), extensions: serverName('blocked.test') }))],
    ['malformed', record('\0\0\0\0') + BLOCKED],
    ['malformed', record('') + record('x', 23) + BLOCKED],
  ])('a hello that nobody can judge, at once or after silence: %s', async (why, bytes) => {
    for (const silence of [0, PEEK_SILENCE + 1000]) {
      // Whatever the rules are about.
      const world = await peeking('')
      const [client, origin] = await inside(world)
      await world.pass(silence)
      await client.send(bytes)
      expect(await client.news()).toBe(ALERT)
      expect(client.state).toBe('ended')
      expect(origin.text).toBe('')
      expect(await over(world, client, origin)).toMatchObject({
        failure: 'denied',
        result: 'TCP_DENIED',
        reason: `the ClientHello is ${why}`,
        bytesIn: CONNECT.length + bytes.length,
        bytesOut: ESTABLISHED.length + ALERT.length,
      })
    }
  })

  test.each([
    ['legacy_version', record(message({ version: 0x0404, extensions: serverName('blocked.test') }))],
    ['extensions twice', said(serverName('blocked.test'), extension(0x1234, ''), extension(0x1234, ''))],
    [
      'empty records',
      [...message({ extensions: serverName('blocked.test') })].map((one) => record(one) + record('')).join(''),
    ],
    ['a bad ALPN', said(serverName('blocked.test'), extension(16, '\0\x01'))],
  ])('by the name in an odd hello: %s', async (_, bytes) => {
    const world = await peeking()
    const [client, origin] = await inside(world)
    await client.send(bytes)
    expect(await client.news()).toBe(ALERT)
    expect(origin.text).toBe('')
    expect((await over(world, client, origin)).reason).toBe('not this one')
  })

  test('together with the head', async () => {
    const world = await peeking()
    const [client, origin] = await world.asked(CONNECT + BLOCKED)
    expect(await client.news()).toBe(ESTABLISHED + ALERT)
    expect(origin.text).toBe('')
    const { bytesIn, bytesOut } = await over(world, client, origin)
    expect(bytesIn).toBe(CONNECT.length + BLOCKED.length)
    expect(bytesOut).toBe(ESTABLISHED.length + ALERT.length)
  })

  test('what is no TLS gets no alert', async () => {
    const world = await peeking()
    const [client, origin] = await inside(world, 'X-Strict: 1\r\n')
    await client.send('GET / HTTP/1.1\r\n\r\n')
    expect(await client.news()).toBe('')
    expect(client.state).toBe('ended')
    await client.close()
    expect(origin.text).toBe('')
    expect((await over(world, origin)).failure).toBe('denied')
  })

  test('a hello that nobody can finish is no hello', async () => {
    const world = await peeking()
    const [client, origin] = await inside(world, 'X-Strict: 1\r\n')
    await client.send(SAME.slice(0, 9))
    await client.end()
    expect(client.state).toBe('ended')
    expect(origin.text).toBe('')
    await over(world, client, origin)
  })

  test('by the name inside, although CONNECT named another: all of the chain is asked', async () => {
    const asked: string[] = []
    const guard: Member = {
      kind: 'classifier',
      name: 'guard',
      classifier: {
        name: 'guard',
        judge({ url }) {
          asked.push(url)
          const cause = { by: 'guard', rule: '', reason: 'listed', category: '' }
          if (url.startsWith('listed.')) return { ...cause, kind: 'deny', status: 403, broken: false }
          return { ...cause, kind: 'permit', final: false, reason: '' }
        },
        close() {},
      },
    }
    const world = await peeking('', guard)
    const [client, origin] = await inside(world)
    await client.send(said(serverName('listed.test')))
    expect(await client.news()).toBe(ALERT)
    expect(asked).toEqual(['origin.test:80', 'listed.test:80'])
    expect(origin.text).toBe('')
    expect(await over(world, client, origin)).toMatchObject({ failure: 'denied', reason: 'listed' })
  })
})

test('led elsewhere: the first connection gets nothing, the other one all of it', async () => {
  const world = await peeking()
  const other = await world.machine.listen({ family: 4, address: '198.51.100.2', port: 80 })
  const [client, origin] = await inside(world)
  const bytes = said(serverName('led.test'))
  const next = other.next()
  await client.send(bytes)
  const pulled = await next
  if (pulled.done === true) throw new Error('nobody came')
  const led = new Peer(pulled.value)
  expect(await led.news()).toBe(bytes)
  expect(origin.text).toBe('')
  expect(origin.state).toBe('ended')
  await led.send('hi')
  expect(await client.news()).toBe('hi')
  other.close()
  expect((await over(world, client, led, origin)).failure).toBe('')
})

test('led where nobody is', async () => {
  const world = await peeking(RULES.replace('198.51.100.2', '198.51.100.9'))
  const [client, origin] = await inside(world)
  await client.send(said(serverName('led.test')))
  expect(client.state).toBe('ended')
  expect(origin.text).toBe('')
  expect((await over(world, client, origin)).failure).toBe('connect-refused')
})

test('a rule about addresses is about the one that the tunnel goes to, whatever its names are by then', async () => {
  const world = await peeking()
  const [client, origin] = await inside(world)
  await client.send(said(serverName('there.test')))
  expect(client.state).toBe('ended')
  expect(origin.text).toBe('')
  expect((await over(world, client, origin)).failure).toBe('denied')
})

describe('asked for a second ClientHello', () => {
  const RETRY = record(serverHello(RETRY_RANDOM))
  const AGAIN = said(extension(44, '\0\x01c'), serverName('origin.test'))

  test('for the same name: all goes on, and is looked at no more', async () => {
    for (const piece of [1, 7, 1000]) {
      const world = await peeking()
      const [client, origin] = await inside(world)
      world.machine.network.piece = () => piece
      await client.send(SAME)
      await origin.send(RETRY)
      expect(await client.news(), `${piece}`).toBe(RETRY)
      await client.send(record('\x01', 20) + AGAIN)
      expect(await origin.news()).toBe(SAME + record('\x01', 20) + AGAIN)
      await origin.send('certificates')
      await client.send(BLOCKED)
      await client.end()
      await origin.send('bye')
      expect([await origin.news(), origin.state, await client.news()]).toEqual([BLOCKED, 'ended', 'certificatesbye'])
      const { failure, bytesIn } = await over(world, client, origin)
      expect(failure).toBe('')
      expect(bytesIn).toBe(CONNECT.length + SAME.length + 6 + AGAIN.length + BLOCKED.length)
    }
  })

  test.each([0, PEEK_SILENCE + 1000])('for another, %d ms after the tunnel began: refused', async (silence) => {
    for (const piece of [1, 7, 1000]) {
      const world = await peeking()
      const [client, origin] = await inside(world)
      await world.pass(silence)
      world.machine.network.piece = () => piece
      await client.send(SAME)
      await origin.send(RETRY)
      await client.send(record('\x01', 20))
      await client.send(BLOCKED)
      expect(await client.news(), `${piece}`).toBe(RETRY + ILLEGAL)
      expect([client.state, origin.state]).toEqual(['ended', 'ended'])
      expect(await origin.news()).toBe(SAME + record('\x01', 20))
      expect(await over(world, client, origin)).toMatchObject({
        failure: 'denied',
        result: 'TCP_DENIED',
        reason: 'the second ClientHello is not for the name of the first',
        bytesIn: CONNECT.length + SAME.length + 6 + BLOCKED.length,
        bytesOut: ESTABLISHED.length + RETRY.length + ILLEGAL.length,
      })
    }
  })

  test('said before it is asked for, and together with the first: refused', async () => {
    const world = await peeking()
    const [client, origin] = await inside(world)
    await client.send(SAME + BLOCKED)
    expect(await client.news()).toBe(ILLEGAL)
    expect([client.state, origin.state, origin.text]).toEqual(['ended', 'ended', ''])
    expect((await over(world, client, origin)).failure).toBe('denied')
  })

  test('a server that has ended its side cannot keep it from being refused', async () => {
    const world = await peeking()
    const [client, origin] = await inside(world)
    await client.send(SAME)
    await origin.send(RETRY)
    await origin.end()
    await client.send(BLOCKED)
    expect(await origin.news()).toBe(SAME)
    expect(origin.state).not.toBe('open')
    expect((await over(world, client, origin)).failure).toBe('denied')
  })

  test('half of it, and the end: all of it goes on', async () => {
    const world = await peeking()
    const [client, origin] = await inside(world)
    await client.send(SAME)
    await origin.send(RETRY)
    await client.send(AGAIN.slice(0, 20))
    expect(await origin.news()).toBe(SAME)
    await client.end()
    expect([await origin.news(), origin.state]).toEqual([AGAIN.slice(0, 20), 'ended'])
    await origin.send('bye')
    expect(await client.news()).toBe(`${RETRY}bye`)
    expect((await over(world, client, origin)).failure).toBe('')
  })

  test('half of it does not last longer than a tunnel that is idle', async () => {
    const world = await peeking()
    const [client, origin] = await inside(world)
    await client.send(SAME)
    await origin.send(RETRY)
    await client.send(AGAIN.slice(0, 20))
    await world.pass(world.settings.outgoing.tunnel_timeout + 2000)
    expect(await origin.news()).toBe(SAME)
    expect((await over(world, client, origin)).failure).toBe('tunnel-idle')
  })

  test('a server that takes its time, in pieces, or says something else: nothing waits', async () => {
    for (const said of [RETRY, record('\x02\x28', 21), 'HTTP/1.1 400 Bad Request\r\n\r\n']) {
      const world = await peeking()
      const [client, origin] = await inside(world)
      await client.send(SAME)
      for (const byte of said) {
        await origin.send(byte)
        expect(await client.news()).toBe(byte)
      }
      await origin.end()
      expect(client.state).toBe('ended')
      await client.send('\x15\x03\x03\0\x02\x02\x28')
      expect(await origin.news()).toBe(`${SAME}\x15\x03\x03\0\x02\x02\x28`)
      expect((await over(world, client, origin)).failure).toBe('')
    }
  })

  test('where nobody has looked inside, nothing is looked at', async () => {
    const world = await World.open('outgoing.connect_ports=[80]')
    world.context.chain = (await peeking()).context.chain
    const [client, origin] = await inside(world)
    await client.send(SAME)
    await origin.send(RETRY)
    await client.send(BLOCKED)
    expect(await origin.news()).toBe(SAME + BLOCKED)
    await over(world, client, origin)
  })
})

describe('time', () => {
  test('a client that is silent lets the server speak', async () => {
    const world = await peeking()
    const [client, origin] = await inside(world)
    await origin.send('220 hello\r\n')
    expect(await client.news()).toBe('')
    await world.pass(PEEK_SILENCE + 1000)
    expect(await client.news()).toBe('220 hello\r\n')
    await client.send('EHLO x\r\n')
    expect(await origin.news()).toBe('EHLO x\r\n')
    await client.send('STARTTLS\r\n')
    expect(await origin.news()).toBe('STARTTLS\r\n')
    // Not the first bytes: nobody looks any more.
    await client.send(BLOCKED)
    expect(await origin.news()).toBe(BLOCKED)
    const { failure, bytesIn } = await over(world, client, origin)
    expect(failure).toBe('')
    expect(bytesIn).toBe(CONNECT.length + 8 + 10 + BLOCKED.length)
  })

  test('silent, and then a ClientHello after all: permitted', async () => {
    const world = await peeking()
    const [client, origin] = await inside(world)
    await world.pass(PEEK_SILENCE + 1000)
    await client.send(SAME.slice(0, 8))
    expect(await origin.news()).toBe('')
    await client.send(SAME.slice(8))
    expect(await origin.news()).toBe(SAME)
    await client.send('x')
    expect(await origin.news()).toBe('x')
    const { failure, bytesIn } = await over(world, client, origin)
    expect(failure).toBe('')
    expect(bytesIn).toBe(CONNECT.length + SAME.length + 1)
  })

  test.each([
    ['deny', BLOCKED],
    ['intercept', said(serverName('led.test'))],
  ])('silent, and then a ClientHello after all: %s', async (_, bytes) => {
    const world = await peeking()
    const [client, origin] = await inside(world)
    await world.pass(PEEK_SILENCE + 1000)
    await origin.send('hello?')
    await client.send(bytes)
    expect(await client.news()).toBe(`hello?${ALERT}`)
    expect(client.state).toBe('ended')
    expect(origin.state).toBe('ended')
    expect(origin.text).toBe('')
    expect(await over(world, client, origin)).toMatchObject({
      failure: 'denied',
      result: 'TCP_DENIED',
      bytesIn: CONNECT.length + bytes.length,
      bytesOut: ESTABLISHED.length + 6 + ALERT.length,
    })
  })

  test('silent, and closed by a rule without a word', async () => {
    const world = await peeking()
    const [client, origin] = await inside(world)
    await world.pass(PEEK_SILENCE + 1000)
    await client.send(said(serverName('other.test')))
    expect(await client.news()).toBe('')
    expect([client.state, origin.state, origin.text]).toEqual(['ended', 'ended', ''])
    expect((await over(world, client, origin)).failure).toBe('')
  })

  test('a client that reads nothing is not told, and does not last', async () => {
    const world = await peeking()
    world.machine.network.capacity = 1000
    const [client, origin] = await inside(world)
    await world.pass(PEEK_SILENCE + 1000)
    client.pause()
    const sending = origin.send('x'.repeat(10_000)).catch(() => undefined)
    await client.send(BLOCKED)
    expect(origin.text).toBe('')
    await world.pass(world.settings.outgoing.tunnel_timeout + 2000)
    await sending
    expect((await over(world, client, origin)).failure).toBe('tunnel-idle')
  })

  test('silent, and then gone', async () => {
    for (const how of ['end', 'reset'] as const) {
      const world = await peeking()
      const [client, origin] = await inside(world)
      await world.pass(PEEK_SILENCE + 1000)
      await client[how]()
      expect(origin.state).toBe(how === 'end' ? 'ended' : 'reset')
      await over(world, client, origin)
    }
  })

  test('silence is refused where nothing but TLS may pass', async () => {
    const world = await peeking()
    const [client, origin] = await inside(world, 'X-Strict: 1\r\n')
    await world.pass(PEEK_SILENCE + 1000)
    expect(client.state).toBe('ended')
    expect((await over(world, client, origin)).failure).toBe('denied')
  })

  test('half a ClientHello does not last', async () => {
    const world = await peeking()
    const [client, origin] = await inside(world)
    await client.send(SAME.slice(0, 20))
    await world.pass(PEEK_TIME - 1000)
    await client.send(SAME.slice(20, 21))
    expect(client.state).toBe('open')
    await world.pass(2000)
    expect(client.state).not.toBe('open')
    expect(origin.text).toBe('')
    expect((await over(world, client, origin)).failure).toBe('tunnel-idle')
  })

  test('a client that breaks off', async () => {
    for (const first of ['', SAME.slice(0, 9)]) {
      const world = await peeking()
      const [client, origin] = await inside(world)
      if (first !== '') await client.send(first)
      await client.reset()
      await settle()
      expect(origin.text).toBe('')
      expect((await over(world, origin)).failure).toBe('client-left')
    }
  })
})

test('whatever comes, in whatever pieces and however late: all of it goes on, or nothing', async () => {
  const firsts: readonly (readonly [text: string, passes: boolean])[] = [
    [SAME, true],
    ['SSH-2.0-x\r\n', true],
    ['\x17\x03\x01\0\x01\x02', true],
    ['\x16\x03\x01\0\x01\x02', false],
    [BLOCKED, false],
    [said(serverName('other.test')), false],
    [said(serverName('led.test')).replace('led', 'no-'), false],
  ]
  const seen = { passed: 0, refused: 0 }
  for (let seed = 0; seed < 150; seed++) {
    const random = randomOf(seed)
    const world = await peeking(RULES.replace('sni = ["told.test"]', 'sni = ["no-.test"]'))
    const [first, passes] = random.pick(firsts)
    const whole = first + 'and more of it'.repeat(random.below(3))
    const pieces = cut(random, Uint8Array.from(whole, (character) => character.charCodeAt(0)))
    const together = random.below(3) === 0 ? latin1(pieces.shift()!) : ''
    const [client, origin] = await world.asked(CONNECT + together)
    for (const piece of pieces) {
      // Never so long that half a hello is given up.
      if (random.below(4) === 0) await world.pass(random.below(PEEK_SILENCE))
      if (client.state === 'open') await client.send(latin1(piece)).catch(() => undefined)
    }
    await settle()
    seen[passes ? 'passed' : 'refused']++
    if (passes) expect(origin.text, `${seed}`).toBe(whole)
    else expect([origin.text, client.state === 'open'], `${seed}`).toEqual(['', false])
    await client.close()
    await origin.close()
    expect(await world.leftovers(), `${seed}`).toEqual([])
  }
  expect(Math.min(seen.passed, seen.refused)).toBeGreaterThan(50)
})
