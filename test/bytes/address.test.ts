import { describe, expect, test } from 'vitest'
import {
  canonical,
  contains,
  family,
  formatAddress,
  formatEndpoint,
  formatNetwork,
  parseAddress,
  parseEndpoint,
  parseNetwork,
  splitHostPort,
} from '../../core/bytes/address.ts'

const long = '1:2:3:4:5:6:7:8'

describe('parseAddress() and canonical()', () => {
  test.each([
    ['0.0.0.0', '0.0.0.0', 4],
    ['255.255.255.255', '255.255.255.255', 4],
    ['192.0.2.10', '192.0.2.10', 4],
    ['::', '::', 6],
    ['::1', '::1', 6],
    ['1::', '1::', 6],
    [long, long, 6],
    ['0001:0002:0003:0004:0005:0006:0007:0008', long, 6],
    ['2001:DB8::A', '2001:db8::a', 6],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', 6], // the first of two equal runs
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1', 6], // the longer of two
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1', 6], // one group alone is not shortened
    ['2001:db8::0:1:1:1:1:1'.replace('::0:', ':0:'), '2001:db8:0:1:1:1:1:1', 6],
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1', 6],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8', 6],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0', 6],
    ['0:0:0:0:0:0:0:0', '::', 6],
    ['::ffff:192.0.2.1', '192.0.2.1', 4],
    ['::FFFF:c000:201', '192.0.2.1', 4],
    ['0:0:0:0:0:ffff:127.0.0.1', '127.0.0.1', 4],
    ['::fffe:192.0.2.1', '::fffe:c000:201', 6],
    ['::192.0.2.1', '::c000:201', 6],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221', 6],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304', 6],
    ['fe80::1%eth0', 'fe80::1%eth0', 6],
    ['FE80::0001%2', 'fe80::1%2', 6],
    ['fe80::1%br-0.10', 'fe80::1%br-0.10', 6],
  ])('%s is %s', (text, expected, kind) => {
    const address = parseAddress(text)
    expect(address).not.toBeNull()
    expect(formatAddress(address!)).toBe(expected)
    expect(canonical(text)).toBe(expected)
    expect(canonical(expected)).toBe(expected)
    expect(family(text)).toBe(kind)
    expect(address!.bytes.length).toBe(kind === 4 ? 4 : 16)
  })

  test.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '1.2.3.4.',
    '1.2.3.4.5',
    '256.0.0.1',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.04',
    '00.0.0.0',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1.2.3.0x4',
    '0x7f.0.0.1',
    '2130706433',
    '1.2.3.-4',
    '1.2.3.+4',
    '１.2.3.4',
    '1.2.3.4%eth0',
    ':',
    ':::',
    ':1',
    '1:',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8:',
    ':1:2:3:4:5:6:7:8',
    '::1:2:3:4:5:6:7:8',
    '1:2:3:4::5:6:7:8',
    '1::2::3',
    '1:::2',
    '12345::',
    '::g',
    '::00001',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::1:2:3:4:5:6:7:1.2.3.4',
    '::2:3:4:5:6:7:1.2.3.4',
    '1.2.3.4::',
    '::1.2.3',
    '::1.2.3.4.5',
    '::1.2.3.4:5',
    '::ffff:1.2.3.256',
    '::ffff:a.2.3.4',
    '::.2.3.4',
    '[::1]',
    'fe80::1%',
    'fe80::1%a%b',
    'fe80::1%a/b',
    'fe80::1%eth 0',
    'fe80::1%1234567890123456',
    '::ffff:1.2.3.4%eth0',
    '0000:0000:0000:0000:0000:0000:0000:0000000001',
  ])('%j is no address', (text) => {
    expect(parseAddress(text)).toBeNull()
    expect(family(text)).toBeNull()
    expect(canonical(text)).toBe(text)
  })

  test('every run of zero groups is written so that it reads back the same', () => {
    for (let zeros = 0; zeros < 256; zeros++) {
      const bytes = new Uint8Array(16)
      for (let i = 0; i < 8; i++) if ((zeros & (1 << i)) === 0) bytes[i * 2 + 1] = i + 1
      const text = formatAddress({ family: 6, bytes, zone: '' })
      expect([...parseAddress(text)!.bytes]).toEqual([...bytes])
      expect(text).toBe(new URL(`http://[${text}]/`).hostname.slice(1, -1))
    }
  })
})

describe('endpoints', () => {
  test.each([
    ['127.0.0.1:80', { family: 4, address: '127.0.0.1', port: 80 }],
    ['127.0.0.1:0', { family: 4, address: '127.0.0.1', port: 0 }],
    ['127.0.0.1:65535', { family: 4, address: '127.0.0.1', port: 65535 }],
    ['[::1]:80', { family: 6, address: '::1', port: 80 }],
    ['[fe80::1%eth0]:53', { family: 6, address: 'fe80::1%eth0', port: 53 }],
    ['unix:/run/x.sock', { family: 'unix', address: '/run/x.sock', port: 0 }],
  ])('%s is read and written', (text, expected) => {
    expect(parseEndpoint(text)).toEqual(expected)
    expect(formatEndpoint(parseEndpoint(text)!)).toBe(text)
  })

  test('a mapped address is the IPv4 one', () => {
    expect(parseEndpoint('[::ffff:10.0.0.1]:80')).toEqual({ family: 4, address: '10.0.0.1', port: 80 })
  })

  test.each([
    '',
    ':80',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '127.0.0.1:080',
    '127.0.0.1:+80',
    '127.0.0.1:8 0',
    '127.0.0.1:80:',
    '::1:80',
    '[::1]',
    '[::1]80',
    '[::1:80',
    '[127.0.0.1]:80',
    'localhost:80',
    'unix:',
    'unix:x',
    'unix:/a\0b',
  ])('%j is no endpoint', (text) => {
    expect(parseEndpoint(text)).toBeNull()
  })

  test('a port may have a default', () => {
    expect(parseEndpoint('127.0.0.1', 53)?.port).toBe(53)
    expect(parseEndpoint('[::1]', 53)?.port).toBe(53)
    expect(parseEndpoint('127.0.0.1:', 53)).toBeNull()
    expect(splitHostPort('name:80')).toEqual({ host: 'name', port: 80 })
    expect(splitHostPort('[::1]:80')).toEqual({ host: '::1', port: 80 })
    expect(splitHostPort('name')).toBeNull()
    expect(splitHostPort('name', 80)).toEqual({ host: 'name', port: 80 })
  })
})

describe('networks', () => {
  // Each: the network, its first and last address, the neighbours just outside.
  test.each([
    ['10.0.0.0/8', '10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
    ['100.64.0.0/10', '100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
    ['172.16.0.0/12', '172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
    ['192.0.2.128/25', '192.0.2.128', '192.0.2.255', '192.0.2.127', '192.0.3.0'],
    ['192.0.2.1/32', '192.0.2.1', '192.0.2.1', '192.0.2.0', '192.0.2.2'],
    ['192.0.2.0/31', '192.0.2.0', '192.0.2.1', '192.0.1.255', '192.0.2.2'],
    ['fe80::/10', 'fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fe7f:ffff::', 'fec0::'],
    ['2001:db8::/32', '2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', '2001:db7:ffff::', '2001:db9::'],
    ['64:ff9b::/96', '64:ff9b::', '64:ff9b::ffff:ffff', '64:ff9a:ffff::', '64:ff9b::1:0:0'],
    ['::1/128', '::1', '::1', '::', '::2'],
    ['::/127', '::', '::1', 'ffff::', '::2'],
  ])('%s', (text, first, last, before, after) => {
    const network = parseNetwork(text)!
    expect(formatNetwork(network)).toBe(text)
    expect(contains(network, parseAddress(first)!)).toBe(true)
    expect(contains(network, parseAddress(last)!)).toBe(true)
    expect(contains(network, parseAddress(before)!)).toBe(false)
    expect(contains(network, parseAddress(after)!)).toBe(false)
  })

  test('the families do not mix, and everything is everything', () => {
    expect(contains(parseNetwork('0.0.0.0/0')!, parseAddress('255.1.2.3')!)).toBe(true)
    expect(contains(parseNetwork('0.0.0.0/0')!, parseAddress('::1')!)).toBe(false)
    expect(contains(parseNetwork('::/0')!, parseAddress('ffff::')!)).toBe(true)
    expect(contains(parseNetwork('::/0')!, parseAddress('1.2.3.4')!)).toBe(false)
    expect(contains(parseNetwork('fe80::/10')!, parseAddress('fe80::1%eth0')!)).toBe(true)
  })

  test('an address alone, bits past the length, mapped networks', () => {
    expect(formatNetwork(parseNetwork('10.1.2.3')!)).toBe('10.1.2.3/32')
    expect(formatNetwork(parseNetwork('10.1.2.3/8')!)).toBe('10.0.0.0/8')
    expect(formatNetwork(parseNetwork('2001:db8:ffff::/33')!)).toBe('2001:db8:8000::/33')
    expect(formatNetwork(parseNetwork('::ffff:10.0.0.0/104')!)).toBe('10.0.0.0/8')
    expect(formatNetwork(parseNetwork('::ffff:0:0/96')!)).toBe('0.0.0.0/0')
  })

  test.each(['', '/8', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0/8', '::/129', 'fe80::%1/10'])(
    '%j is no network',
    (text) => expect(parseNetwork(text)).toBeNull(),
  )
})
