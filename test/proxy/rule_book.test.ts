/** Rules as members of a chain: what they are asked again after a rewrite, and when names are looked up for them. */
import { expect, test } from 'vitest'
import { Failure } from '../../core/failure.ts'
import { compileRules } from '../../core/filter/rules.ts'
import { NO_LISTS } from '../../core/filter/lists.ts'
import { Chain } from '../../core/proxy/chain.ts'
import { looksAtDestination, RuleBook } from '../../core/proxy/rule_book.ts'
import { load } from '../../core/config/load.ts'
import type { RuleSettings } from '../../core/config/settings.ts'
import type { Peer } from '../memory/peer.ts'
import { Filters } from '../../core/proxy/filters.ts'
import { get, NOBODY, OK, ORIGIN, World } from './world.ts'

function rulesOf(text: string): readonly RuleSettings[] {
  const { settings, problems } = load({ file: { name: 'f.toml', text }, environment: {}, sets: [] })
  if (settings === null) throw new Error(problems.map(({ words }) => words).join('; '))
  return settings.rule
}

/** A world whose listener asks these rules, and the hosts that were looked up for them. */
async function ruled(text: string, addresses: readonly string[] = []): Promise<[World, string[]]> {
  const world = await World.open()
  const looked: string[] = []
  const book = new RuleBook(compileRules(rulesOf(text), NO_LISTS), (host) => {
    looked.push(host)
    return Promise.resolve({ addresses, found: null })
  })
  world.context.chain = new Chain([{ kind: 'rules', name: 'rules', rules: book }], world.proxy.statistics)
  return [world, looked]
}

const REWRITE = '[[rule]]\nhost = "old.test"\ndo = "rewrite"\nto = "http://origin.test/new"\n'
const OLD = 'GET http://old.test/ HTTP/1.1\r\nHost: old.test\r\n\r\n'

test.each([
  ['a rule about nobody in particular', '[[rule]]\ndo = "deny"\n'],
  ['a rule about the client', '[[rule]]\nclient = "127.0.0.0/8"\ndo = "deny"\n'],
  ['its own rule', ''],
])('where a rule leads, %s has no say', async (_, more) => {
  const [world] = await ruled(REWRITE + more)
  const [, origin] = await world.asked(OLD)
  expect(origin.text).toMatch(/^GET \/new HTTP\/1.1\r\n/)
})

test.each([
  ['host', '[[rule]]\nhost = "origin.test"\ndo = "deny"\n'],
  ['path', '[[rule]]\npath = "/new"\ndo = "deny"\n'],
  ['what it is not', '[[rule]]\nnot = {host = "good.test"}\ndo = "deny"\n'],
])('where a rule leads, one about the destination is asked: its %s', async (_, more) => {
  const [world] = await ruled(REWRITE + more)
  const client = await world.client()
  await client.send(OLD)
  expect(await client.news()).toMatch(/^HTTP\/1.1 403 /)
})

test('a rewrite that leads nowhere else ends the rules: the first that holds decides', async () => {
  const text =
    '[[rule]]\nhost = "origin.test"\ndo = "rewrite"\nset = {X-A = "1"}\n[[rule]]\nhost = "origin.test"\ndo = "deny"\n'
  const [world] = await ruled(text)
  const [, origin] = await world.asked()
  expect(origin.text).toContain('X-A: 1\r\n')
})

test.each([
  ['one of its addresses', ['198.51.100.1', '10.0.0.1'], 403],
  ['none of its addresses', ['198.51.100.1'], 0],
  ['no address', [], 0],
])('a rule about networks has the name looked up: %s', async (_, addresses, status) => {
  const [world, looked] = await ruled('[[rule]]\naddress = "10.0.0.0/8"\ndo = "deny"\n', addresses)
  if (status === 0) {
    const [, origin] = await world.asked()
    expect(origin.text).toMatch(/^GET /)
  } else {
    const client = await world.client()
    await client.send(get())
    expect(await client.news()).toMatch(/^HTTP\/1.1 403 /)
  }
  expect(looked).toEqual(['origin.test'])
})

test('a rule says where connections come from, and they serve nobody else', async () => {
  const [world] = await ruled('[[rule]]\npath = "/bound"\ndo = "permit"\nbind = ["198.51.100.2", "::1"]\n')
  const origins: Peer[] = []
  void world.origins((origin) => origins.push(origin))
  const asks = async (client: Peer, path: string) => {
    await client.send(`GET http://origin.test${path} HTTP/1.1\r\nHost: origin.test\r\n\r\n`)
    for (const origin of origins) {
      if ((await origin.news()) !== '') await origin.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    }
    expect(await client.news()).toMatch(/^HTTP\/1.1 200 /)
    return origins.map(({ socket }) => socket.peer.address)
  }
  const [one, other] = [await world.client(), await world.client()]
  expect(await asks(one, '/bound')).toEqual(['198.51.100.2'])
  expect(await asks(one, '/bound')).toEqual(['198.51.100.2'])
  expect(await asks(other, '/bound')).toEqual(['198.51.100.2', '198.51.100.2'])
  const all = await asks(one, '/free')
  expect(all.length).toBe(3)
  expect(all[2]).not.toBe('198.51.100.2')
  // What came from elsewhere is anybody's but the rule's.
  expect(await asks(other, '/free')).toEqual(all)
  expect((await asks(one, '/bound')).length).toBeLessThanOrEqual(4)
  expect(origins[2].text).not.toContain('/bound')
  await one.close()
  await other.close()
  expect(await world.leftovers()).toEqual([])
})

/** A world that looks names up for these rules, and what each look-up of IPv4 gives in turn, the last one for good. */
async function looking(text: string, ...answers: readonly (readonly string[] | Failure)[]): Promise<World> {
  const world = await World.open()
  let turn = 0
  world.proxy.resolver.cached = () => null
  world.proxy.resolver.lookup = (_, family) => {
    if (family === 6) return Promise.resolve([])
    const answer = answers[Math.min(turn++, answers.length - 1)]
    return answer instanceof Failure ? Promise.reject(answer) : Promise.resolve(answer)
  }
  const filters = await Filters.open(world.proxy, { ...world.settings, rule: rulesOf(text) })
  world.context.chain = filters.chainOf({ ...world.settings.listener[0], filter: ['rules'] })
  return world
}

const PRIVATE = '[[rule]]\naddress = "198.51.100.0/30"\ndo = "deny"\n'

test.each<[string, readonly string[] | Failure, string]>([
  ['nothing', [], 'name-no-address'],
  ['a failure', new Failure('name-failed', 'so'), 'name-failed'],
  ['silence', new Failure('name-timeout', 'so'), 'name-timeout'],
  ['an address that nobody minds', [NOBODY], 'connect-refused'],
])('what was found when it was judged, %s, is not looked up again', async (_, first, failure) => {
  const world = await looking(PRIVATE, first, [ORIGIN.address])
  const client = await world.client()
  await client.send(get())
  expect(await client.news()).toMatch(/^HTTP\/1.1 50[24] /)
  await client.close()
  expect(world.seen).toMatchObject([{ failure }])
  expect(await world.leftovers()).toEqual([])
})

test('a kept connection serves where it leads to what was judged', async () => {
  const world = await looking(
    '[[rule]]\naddress = "203.0.113.0/24"\ndo = "deny"\n',
    [ORIGIN.address],
    [NOBODY, ORIGIN.address],
    [NOBODY],
  )
  const [client, origin] = await world.asked()
  await origin.send(OK)
  await client.news()
  await client.send(get('/again'))
  expect(await origin.news()).toMatch(/\r\nGET \/again /)
  await origin.send(OK)
  await client.news()
  await client.send(get('/elsewhere'))
  expect(await client.news()).toMatch(/^HTTP\/1.1 502 /)
  expect(origin.text).not.toContain('/elsewhere')
  await client.close()
  await origin.close()
  expect(world.seen.map(({ failure, reused }) => [failure, reused])).toEqual([
    ['', false],
    ['', true],
    ['connect-refused', false],
  ])
  expect(await world.leftovers()).toEqual([])
})

test('conditions inside any, all and not count, too', () => {
  expect(looksAtDestination({ any: [{ client: ['a'] }, { all: [{ not: { list: ['x'] } }] }] })).toBe(true)
  expect(looksAtDestination({ any: [{ client: ['a'] }], not: { user: ['b'] } })).toBe(false)
})
