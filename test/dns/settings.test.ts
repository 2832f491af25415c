import { describe, expect, test } from 'vitest'
import { parseHosts, parseResolvConf, parseServers } from '../../core/dns/settings.ts'
import { formatEndpoint } from '../../core/bytes/address.ts'

const servers = (text: string): string[] => parseResolvConf(text).servers.map(formatEndpoint)

describe('parseResolvConf()', () => {
  test.each([
    ['', ['127.0.0.1:53']],
    ['# nothing\n; nothing\n', ['127.0.0.1:53']],
    ['nameserver 192.0.2.1', ['192.0.2.1:53']],
    ['nameserver 192.0.2.1\r\nnameserver\t2001:DB8::1 \n', ['192.0.2.1:53', '[2001:db8::1]:53']],
    ['  nameserver 192.0.2.1 # the first\nnameserver 192.0.2.2;x\n', ['192.0.2.1:53', '192.0.2.2:53']],
    ['nameserver fe80::1%eth0', ['[fe80::1%eth0]:53']],
    ['nameserver dns.test\nnameserver 1.2.3\nnameserver\nNameserver 1.1.1.1\nnameserver 192.0.2.9', ['192.0.2.9:53']],
    ['#nameserver 192.0.2.1\nnameserver 192.0.2.2', ['192.0.2.2:53']],
    ['options timeout:1\nnameserver 192.0.2.1\nsortlist x', ['192.0.2.1:53']],
    [Array.from({ length: 20 }, (_, i) => `nameserver 10.0.0.${i}\n`).join(''), [
      ...Array.from({ length: 16 }, (_, i) => `10.0.0.${i}:53`),
    ]],
  ])('%j', (text, expected) => expect(servers(text)).toEqual(expected))

  test.each([
    ['', false],
    ['nameserver x\n', false],
    ['nameserver 127.0.0.1\n', true],
  ])('whether a server is named: %j', (text, named) => expect(parseResolvConf(text).named).toBe(named))

  test.each([
    ['', []],
    ['search A.test b.test.\n', ['a.test', 'b.test']],
    ['domain c.test\n', ['c.test']],
    ['search a.test\ndomain c.test\n', ['c.test']],
    ['domain c.test\nsearch a.test b.test\n', ['a.test', 'b.test']],
    ['search a..b .\n', []],
    ['search\n', []],
  ])('the search list of %j', (text, expected) => expect(parseResolvConf(text).search).toEqual(expected))
})

describe('parseHosts()', () => {
  const hosts = (text: string) => Object.fromEntries(parseHosts(text))
  test.each([
    ['', {}],
    ['127.0.0.1 localhost', { localhost: { 4: ['127.0.0.1'], 6: [] } }],
    ['127.0.0.1\tlocalhost\r\n::1 localhost ip6-localhost\n', {
      localhost: { 4: ['127.0.0.1'], 6: ['::1'] },
      'ip6-localhost': { 4: [], 6: ['::1'] },
    }],
    ['# 127.0.0.1 a\n 192.0.2.1 WWW.x.test. # b c\n', { 'www.x.test': { 4: ['192.0.2.1'], 6: [] } }],
    ['192.0.2.1 a\n192.0.2.2 a\n192.0.2.1 a\n', { a: { 4: ['192.0.2.1', '192.0.2.2'], 6: [] } }],
    ['::ffff:192.0.2.1 a', { a: { 4: ['192.0.2.1'], 6: [] } }],
    ['192.0.2.1 bücher.test', { 'xn--bcher-kva.test': { 4: ['192.0.2.1'], 6: [] } }],
    ['192.0.2.256 a\nb 192.0.2.1\n192.0.2.1\n192.0.2.1 a..b c\n', { c: { 4: ['192.0.2.1'], 6: [] } }],
  ])('%j', (text, expected) => expect(hosts(text)).toEqual(expected))

  test('a name like that of a property of objects is a name', () => {
    expect(parseHosts('192.0.2.1 constructor').get('constructor')).toEqual({ 4: ['192.0.2.1'], 6: [] })
    expect(parseHosts('').get('constructor')).toBeUndefined()
  })
})

describe('parseServers()', () => {
  test('addresses with and without a port', () => {
    const texts = ['127.0.0.1:5353', '127.0.0.1', '[::1]:53', '::1', '[::1]']
    expect(parseServers(texts).map(formatEndpoint)).toEqual([
      '127.0.0.1:5353',
      '127.0.0.1:53',
      '[::1]:53',
      '[::1]:53',
      '[::1]:53',
    ])
  })

  test.each(['dns.test', 'dns.test:53', '127.0.0.1:99999', 'unix:/run/dns', ''])('%j is none', (text) => {
    expect(() => parseServers([text])).toThrow(TypeError)
  })
})
