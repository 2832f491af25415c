/** Rules as members of a chain: what they are asked again after a rewrite, and when names are looked up for them. */
import { expect, test } from 'vitest'
import { compileRules } from '../../core/filter/rules.ts'
import { NO_LISTS } from '../../core/filter/lists.ts'
import { Chain } from '../../core/proxy/chain.ts'
import { looksAtDestination, RuleBook } from '../../core/proxy/rule_book.ts'
import { load } from '../../core/config/load.ts'
import type { RuleSettings } from '../../core/config/settings.ts'
import type { Peer } from '../memory/peer.ts'
import { get, World } from './world.ts'

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
    return Promise.resolve(addresses)
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

test('conditions inside any, all and not count, too', () => {
  expect(looksAtDestination({ any: [{ client: ['a'] }, { all: [{ not: { list: ['x'] } }] }] })).toBe(true)
  expect(looksAtDestination({ any: [{ client: ['a'] }], not: { user: ['b'] } })).toBe(false)
})
