/** IPv4 inside IPv6: the vectors of RFC 6052 section 2.4, and what is no prefix. */
import { expect, test } from 'vitest'
import { formatAddress, formatNetwork, parseAddress, parseNetwork } from '../../core/bytes/address.ts'
import { embed, extract, isPrefix, prefixesOf } from '../../core/bytes/embedding.ts'

const INNER = '192.0.2.33'
const VECTORS: readonly [prefix: string, outer: string][] = [
  ['2001:db8::/32', '2001:db8:c000:221::'],
  ['2001:db8:100::/40', '2001:db8:1c0:2:21::'],
  ['2001:db8:122::/48', '2001:db8:122:c000:2:2100::'],
  ['2001:db8:122:300::/56', '2001:db8:122:3c0:0:221::'],
  ['2001:db8:122:344::/64', '2001:db8:122:344:c0:2:2100:0'],
  ['2001:db8:122:344::/96', '2001:db8:122:344::c000:221'],
  ['64:ff9b::/96', '64:ff9b::c000:221'],
]

test.each(VECTORS)('under %s 192.0.2.33 is %s, and back', (prefix, outer) => {
  const network = parseNetwork(prefix)!
  expect(isPrefix(network)).toBe(true)
  const written = formatAddress(embed(network, parseAddress(INNER)!.bytes))
  expect(parseAddress(written)).toEqual(parseAddress(outer))
  expect(formatAddress(extract(network, parseAddress(outer)!)!)).toBe(INNER)
  expect(prefixesOf(parseAddress(outer)!, parseAddress(INNER)!.bytes).map(formatNetwork)).toEqual([
    formatNetwork(network),
  ])
})

test.each(VECTORS)('every bit of an address comes back from under %s', (prefix) => {
  const network = parseNetwork(prefix)!
  for (let bit = 0; bit < 32; bit++) {
    const inner = new Uint8Array(4)
    inner[bit >> 3] = 0x80 >> (bit & 7)
    const outer = embed(network, inner)
    expect(outer.bytes[8]).toBe(0)
    expect(extract(network, outer)?.bytes).toEqual(inner)
  }
})

test.each([
  ['192.0.2.0/24'],
  ['2001:db8::/33'],
  ['2001:db8::/16'],
  ['2001:db8::/72'],
  ['2001:db8::/128'],
  ['2001:db8:0:0:100::/96'],
])('%s is no prefix', (text) => {
  expect(isPrefix(parseNetwork(text)!)).toBe(false)
})

test('what is not under a prefix holds nothing', () => {
  const prefix = parseNetwork('64:ff9b::/96')!
  for (const text of ['64:ff9b::1:c000:221', '64:ff9b:1::c000:221', '192.0.2.33', '::ffff:192.0.2.33']) {
    expect(extract(prefix, parseAddress(text)!), text).toBeNull()
  }
  expect(prefixesOf(parseAddress(INNER)!, parseAddress(INNER)!.bytes)).toEqual([])
  expect(prefixesOf(parseAddress('fe80::c000:221%eth0')!, parseAddress(INNER)!.bytes)).toEqual([])
})
