import { describe, expect, test } from 'vitest'
import { parseNetwork } from '../../core/bytes/address.ts'
import type { AddressPattern } from '../../core/config/settings.ts'
import { Destinations } from '../../core/filter/destinations.ts'

const LOCALS = ['192.0.2.7', '2001:db8::7', 'fe80::7%eth0', '::ffff:192.0.2.8']

/** `127.0.0.1:*`, `*:80`, `10.0.0.0/8:8000-8999`, `[::1]:443`, as the configuration hands them over. */
function pattern(text: string): AddressPattern {
  const colon = text.lastIndexOf(':')
  const address = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  const ports = text.slice(colon + 1)
  if (ports === '*') return { address, ports: null }
  const [first, last = first] = ports.split('-')
  return { address, ports: { first: Number(first), last: Number(last) } }
}

function destinations(deny: string[] = [], allow: string[] = [], locals: string[] = LOCALS): Destinations {
  return new Destinations({ deny, allow_local: allow.map(pattern) }, locals)
}

describe('this machine', () => {
  test.each([
    ['127.0.0.1'],
    ['127.0.0.0'],
    ['127.255.255.255'],
    ['0.0.0.0'],
    ['0.255.255.255'],
    ['::1'],
    ['::'],
    ['0:0:0:0:0:0:0:1'],
    ['192.0.2.7'],
    ['192.0.2.8'],
    ['2001:db8::7'],
    ['2001:DB8:0::7'],
    ['fe80::7'],
    ['fe80::7%eth0'],
    ['fe80::7%eth1'],
    ['::ffff:127.0.0.1'],
    ['::ffff:7f00:1'],
    ['::ffff:192.0.2.7'],
    ['::127.0.0.1'],
    ['64:ff9b::127.0.0.1'],
    ['64:ff9b::c000:207'],
    ['64:ff9b:1::192.0.2.7'],
    ['2002:7f00:1::'],
    ['2002:c000:207:1:2:3:4:5'],
  ])('%s is refused', (address) => {
    expect(destinations().refuses(address, 80)).toBe('local-refused')
  })

  // A prefix of this network's own, of each kind, is read where RFC 6052 puts the address.
  test.each([
    ['2001:db8::/32', '2001:db8:a00:1::', '2001:db8:b00:1::'],
    ['2001:db8:100::/40', '2001:db8:10a:0:1::', '2001:db8:10b:0:1::'],
    ['2001:db8:122::/48', '2001:db8:122:a00:0:100::', '2001:db8:122:b00:0:100::'],
    ['2001:db8:122:300::/56', '2001:db8:122:30a:0:1::', '2001:db8:122:30b:0:1::'],
    ['2001:db8:122:344::/64', '2001:db8:122:344:a:0:100:0', '2001:db8:122:344:b:0:100:0'],
    ['2001:db8:122:344::/64', '2001:db8:122:344:ff0a:0:100:0', '2001:db8:122:344:ff0b:0:100:0'],
    ['2001:db8:122:344::/96', '2001:db8:122:344::10.0.0.1', '2001:db8:122:344::11.0.0.1'],
    ['64:ff9b::/32', '64:ff9b::10.0.0.1', '65:ff9b::10.0.0.1'],
  ])('under %s %s is 10.0.0.1, and %s is not', (prefix, inside, outside) => {
    const judge = destinations(['10.0.0.0/8'])
    judge.translates([parseNetwork('2001:db8:ffff::/96')!, parseNetwork(prefix)!])
    expect(judge.refuses(inside, 80)).toBe('destination-refused')
    expect(judge.rule(inside)).toBe('10.0.0.0/8')
    expect(judge.meanings(inside)).toEqual(expect.arrayContaining([inside, '10.0.0.1']))
    expect(judge.refuses(outside, 80)).toBeNull()
    judge.translates([])
    if (!prefix.startsWith('64:')) expect(judge.refuses(inside, 80)).toBeNull()
  })

  // The neighbours just outside.
  test.each([
    ['126.255.255.255'],
    ['128.0.0.0'],
    ['1.0.0.0'],
    ['192.0.2.6'],
    ['192.0.2.9'],
    ['2001:db8::6'],
    ['2001:db8::8'],
    ['fe80::8%eth0'],
    ['64:ff9b::128.0.0.0'],
    ['64:ff9b::1:7f00:1'],
    ['64:ff9a::127.0.0.1'],
    ['64:ff9b:2::127.0.0.1'],
    ['2002:8000:1::'],
    ['2001:7f00:1::'],
    ['2003:7f00:1::'],
    ['255.255.255.255'],
  ])('%s is not refused', (address) => {
    expect(destinations().refuses(address, 80)).toBeNull()
  })

  test.each([
    ['127.0.0.1:*', '127.0.0.1', 1, null],
    ['127.0.0.1:*', '127.0.0.1', 65535, null],
    ['127.0.0.1:*', '127.0.0.2', 80, 'local-refused'],
    ['127.0.0.1:*', '::ffff:127.0.0.1', 80, null],
    ['127.0.0.1:*', '64:ff9b::7f00:1', 80, null],
    ['127.0.0.1:*', '::1', 80, 'local-refused'],
    ['127.0.0.0/8:80', '127.9.9.9', 80, null],
    ['127.0.0.0/8:80', '127.9.9.9', 81, 'local-refused'],
    ['127.0.0.0/8:80', '127.9.9.9', 79, 'local-refused'],
    ['*:80', '127.0.0.1', 80, null],
    ['*:80', '::1', 80, null],
    ['*:80', '2001:db8::7', 80, null],
    ['*:80', '127.0.0.1', 8080, 'local-refused'],
    ['192.0.2.0/24:8000-8999', '192.0.2.7', 7999, 'local-refused'],
    ['192.0.2.0/24:8000-8999', '192.0.2.7', 8000, null],
    ['192.0.2.0/24:8000-8999', '192.0.2.7', 8999, null],
    ['192.0.2.0/24:8000-8999', '192.0.2.7', 9000, 'local-refused'],
    ['[::1]:443', '::1', 443, null],
    ['[::1]:443', '::1', 80, 'local-refused'],
    ['[::1]:443', '127.0.0.1', 443, 'local-refused'],
    ['[::]:80', '::', 80, null],
    ['[fe80::]:80', 'fe80::7', 80, 'local-refused'],
    ['fe80::/10:80', 'fe80::7%eth0', 80, null],
  ])('allow_local %s for %s port %i gives %s', (allowed, address, port, expected) => {
    expect(destinations([], [allowed]).refuses(address, port)).toBe(expected)
  })

  test('its addresses may change', () => {
    const some = destinations()
    some.refresh(['198.51.100.1'])
    expect(some.refuses('198.51.100.1', 80)).toBe('local-refused')
    expect(some.refuses('192.0.2.7', 80)).toBeNull()
    expect(some.refuses('127.0.0.1', 80)).toBe('local-refused')
  })
})

describe('networks never dialled', () => {
  const deny = ['10.0.0.0/8', '2001:db8:bad::/48', '203.0.113.5']
  test.each([
    ['10.0.0.0', 'destination-refused'],
    ['10.255.255.255', 'destination-refused'],
    ['9.255.255.255', null],
    ['11.0.0.0', null],
    ['203.0.113.5', 'destination-refused'],
    ['203.0.113.4', null],
    ['2001:db8:bad::', 'destination-refused'],
    ['2001:db8:bad:ffff:ffff:ffff:ffff:ffff', 'destination-refused'],
    ['2001:db8:bae::', null],
    ['::ffff:10.1.2.3', 'destination-refused'],
    ['::10.1.2.3', 'destination-refused'],
    ['64:ff9b::10.1.2.3', 'destination-refused'],
    ['64:ff9b::11.1.2.3', null],
    ['2002:a01:203::1', 'destination-refused'],
    ['2002:b01:203::1', null],
  ])('%s gives %s', (address, expected) => {
    expect(destinations(deny).refuses(address, 80)).toBe(expected)
  })

  test('win over every exception', () => {
    const both = destinations(['127.0.0.0/8'], ['*:*'])
    expect(both.refuses('127.0.0.1', 80)).toBe('destination-refused')
    expect(both.refuses('::1', 80)).toBeNull()
  })

  test('may be of IPv6 addresses that carry an IPv4 one', () => {
    expect(destinations(['64:ff9b::/96']).refuses('64:ff9b::8.8.8.8', 80)).toBe('destination-refused')
    expect(destinations(['::ffff:0:0/96']).refuses('8.8.8.8', 80)).toBe('destination-refused')
  })

  test('are named for the log', () => {
    expect(destinations(deny).rule('64:ff9b::10.1.2.3')).toBe('10.0.0.0/8')
    expect(destinations(deny).rule('11.0.0.1')).toBeNull()
  })
})

test.each(['', 'localhost', '127.1', '2130706433', '0x7f.0.0.1', '[::1]', '127.0.0.1:80'])(
  '%j is no address, so it is refused',
  (text) => expect(destinations([], ['*:*']).refuses(text, 80)).toBe('destination-refused'),
)

test('a network that cannot be read is never ignored', () => {
  expect(() => destinations(['10.0.0.0/33'])).toThrow(TypeError)
  expect(() => destinations([], ['nonsense:80'])).toThrow(TypeError)
})

describe('listeners of this proxy', () => {
  const destinations = new Destinations({ deny: [], allow_local: [{ address: '*', ports: null }] }, ['192.0.2.1'])
  destinations.listensOn('127.0.0.1', 3128)
  destinations.listensOn('0.0.0.0', 3129)
  destinations.listensOn('::1', 3130)

  const table: readonly [string, number, string | null][] = [
    ['127.0.0.1', 3128, 'loop'],
    ['::ffff:127.0.0.1', 3128, 'loop'],
    ['127.0.0.1', 3127, null],
    ['127.0.0.2', 3128, null],
    ['0.0.0.0', 3128, 'loop'],
    ['127.0.0.2', 3129, 'loop'],
    ['192.0.2.1', 3129, 'loop'],
    ['192.0.2.2', 3129, null],
    ['::1', 3130, 'loop'],
    ['127.0.0.1', 3130, null],
    ['64:ff9b::7f00:1', 3128, 'loop'],
  ]
  test.each(table)('%s port %i: %s', (address, port, refusal) => {
    expect(destinations.refuses(address, port)).toBe(refusal)
  })
})
