/** What ipv4only.arpa tells of translators (RFC 7050), and which IPv4 addresses they stand for. */
import { expect, test } from 'vitest'
import { formatNetwork, parseNetwork } from '../../core/bytes/address.ts'
import { discover, synthesise } from '../../core/dns/nat64.ts'

const ANSWERS: readonly [answers: string[], prefixes: string[]][] = [
  [[], []],
  [['64:ff9b::c000:aa'], ['64:ff9b::/96']],
  [['64:ff9b::c000:aa', '64:ff9b::c000:ab'], ['64:ff9b::/96']],
  [['64:ff9b::c000:ab', '2001:db8:1::c000:aa'], ['64:ff9b::/96', '2001:db8:1::/96']],
  [['2001:db8:c000:aa::'], ['2001:db8::/32']],
  [['2001:db8:1c0:0:aa::'], ['2001:db8:100::/40']],
  [['2001:db8:122:c000:0:aa00::'], ['2001:db8:122::/48']],
  [['2001:db8:122:3c0:0:aa::'], ['2001:db8:122:300::/56']],
  [['2001:db8:122:344:c0:0:aa00:0'], ['2001:db8:122:344::/64']],
  // The pattern in the prefix itself is part of the prefix.
  [['2001:db8:c000:aa::c000:ab'], ['2001:db8:c000:aa::/96']],
  // Neither address is in it.
  [['2001:db8::1', '64:ff9b::c000:ac', '64:ff9b::1:c000:aa:0', '192.0.0.170', 'nonsense'], []],
]
test.each(ANSWERS)('%j tells of %j', (answers, prefixes) => {
  expect(discover(answers).map(formatNetwork)).toEqual(prefixes)
})

const STANDINGS: readonly [address: string, wellKnown: boolean, own: boolean][] = [
  ['192.0.2.1', true, true],
  ['8.8.8.8', true, true],
  ['11.0.0.1', true, true],
  ['172.32.0.1', true, true],
  ['10.1.2.3', false, true],
  ['100.64.0.1', false, true],
  ['172.16.0.1', false, true],
  ['192.0.0.170', false, true],
  ['192.168.1.1', false, true],
  ['198.19.0.1', false, true],
  ['127.0.0.1', false, false],
  ['0.0.0.0', false, false],
  ['169.254.169.254', false, false],
  ['224.0.0.1', false, false],
  ['255.255.255.255', false, false],
  ['2001:db8::1', false, false],
]
test.each(STANDINGS)('%s: translated by the prefix of everyone %s, by one of its own %s', (address, wellKnown, own) => {
  expect(synthesise([parseNetwork('64:ff9b::/96')!], address).length).toBe(wellKnown ? 1 : 0)
  expect(synthesise([parseNetwork('2001:db8:1::/96')!], address).length).toBe(own ? 1 : 0)
})

test('one address for each prefix, in their order', () => {
  const prefixes = ['2001:db8:1::/96', '64:ff9b::/96'].map((text) => parseNetwork(text)!)
  expect(synthesise(prefixes, '192.0.2.33')).toEqual(['2001:db8:1::c000:221', '64:ff9b::c000:221'])
})
