/** What is said first inside a tunnel, in memory: judged before any of it goes on. */
import { describe, expect, test } from 'vitest'
import { latin1 } from '../../core/bytes/ascii.ts'
import { load } from '../../core/config/load.ts'
import { NO_LISTS } from '../../core/filter/lists.ts'
import { compileRules } from '../../core/filter/rules.ts'
import { PEEK_SILENCE, PEEK_TIME } from '../../core/limits.ts'
import { Chain, type Member } from '../../core/proxy/chain.ts'
import { REFUSED_NAME } from '../../core/proxy/peek.ts'
import { RuleBook } from '../../core/proxy/rule_book.ts'
import { cut, randomOf } from '../../scripts/fuzz/random.ts'
import { settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { extension, hello, serverName } from '../tls/hello.ts'
import { World } from './world.ts'

const CONNECT = 'CONNECT origin.test:80 HTTP/1.1\r\nHost: origin.test:80\r\n\r\n'
const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n'
const ALERT = latin1(REFUSED_NAME)

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

  test('a hello that is too large to judge, at once or after silence', async () => {
    for (const silence of [0, PEEK_SILENCE + 1000]) {
      const world = await peeking()
      const [client, origin] = await inside(world)
      await world.pass(silence)
      await client.send('\x16\x03\x01\x40\0\x01\x01\0\0', 'x'.repeat(100))
      expect(client.state).not.toBe('open')
      expect(origin.text).toBe('')
      expect((await over(world, client, origin)).failure).toBe('denied')
    }
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
    await client.send(bytes)
    expect(client.state).toBe('ended')
    expect(origin.state).toBe('ended')
    expect(origin.text).toBe('')
    expect((await over(world, client, origin)).failure).toBe('denied')
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
    ['\x16\x03\x01\0\x01\x02', true],
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
