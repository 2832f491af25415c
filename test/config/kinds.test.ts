import { describe, expect, test } from 'vitest'
import * as kind from '../../core/config/kinds.ts'
import type { Kind } from '../../core/config/kinds.ts'

const KINDS = {
  'time': kind.time(),
  'time or 0': kind.time('never'),
  'time of 9h': kind.time('off', 9 * 3_600_000),
  'size': kind.size(1024, 65_535),
  'size in MB': kind.size(0, 1024 ** 3),
  'count': kind.count(1, 10),
  'flag': kind.flag,
  'choice': kind.choice('auto', 'ipv4'),
  'endpoints': kind.endpoints,
  'endpoints or off': kind.endpointsOrOff,
  'count or auto': kind.countOr('auto', 1, 10),
  'server': kind.server(53),
  'origin': kind.origin,
  'host': kind.host,
  'locals 4': kind.locals(4),
  'locals 6': kind.locals(6),
  'nat64': kind.nat64,
  'network': kind.network,
  'ports': kind.ports,
  'pattern': kind.pattern,
  'method': kind.method,
  'protocol': kind.protocol,
  'pseudonym': kind.pseudonym,
  'path': kind.path(['stdout']),
  'path or nothing': kind.path([], true),
  'list': kind.list(kind.ports, 'a list of ports', '[443]', 1),
} as const

type Name = keyof typeof KINDS

const range = (first: number, last = first) => ({ first, last })

/** Kind, what is written, what the core reads, and (where it is another) how it is written back. */
const GOOD: ReadonlyArray<readonly [Name, unknown, unknown, unknown?]> = [
  ['time', '250ms', 250],
  ['time', '1ms', 1],
  ['time', '5s', 5000],
  ['time', '2m', 120_000],
  ['time', '120s', 120_000, '2m'],
  ['time', '90s', 90_000],
  ['time', '1h', 3_600_000],
  ['time', '1d', 86_400_000],
  ['time', '365d', 31_536_000_000],
  ['time', '1000ms', 1000, '1s'],
  ['time or 0', 0, 0],
  ['time or 0', '0', 0, 0],
  ['time or 0', '0s', 0, 0],
  ['time of 9h', '9h', 32_400_000],
  ['size', 1024, 1024, '1KB'],
  ['size', '1KB', 1024],
  ['size', '1024B', 1024, '1KB'],
  ['size', '64KB', 65_535],
  ['size', 65_535, 65_535, '64KB'],
  ['size', 65_536, 65_535, '64KB'],
  ['size', 1025, 1025],
  ['size in MB', '1MB', 1024 ** 2],
  ['size in MB', '1GB', 1024 ** 3],
  ['size in MB', 0, 0],
  ['count', 1, 1],
  ['count', 10, 10],
  ['flag', true, true],
  ['choice', 'ipv4', 'ipv4'],
  ['endpoints', '127.0.0.1:3128', ['127.0.0.1:3128'], ['127.0.0.1:3128']],
  ['endpoints', ['[::1]:0', 'unix:/run/x y'], ['[::1]:0', 'unix:/run/x y']],
  ['endpoints', ['[0:0::1]:80'], ['[::1]:80'], ['[::1]:80']],
  ['endpoints or off', '127.0.0.1:8080', ['127.0.0.1:8080'], ['127.0.0.1:8080']],
  ['endpoints or off', ['[::1]:0', 'unix:/run/x'], ['[::1]:0', 'unix:/run/x']],
  ['endpoints or off', 'off', []],
  ['endpoints or off', ['off'], [], 'off'],
  ['endpoints or off', '', [], 'off'],
  ['endpoints or off', [], [], 'off'],
  ['count or auto', 'auto', 'auto'],
  ['count or auto', 1, 1],
  ['count or auto', 10, 10],
  ['server', '127.0.0.1', '127.0.0.1:53', '127.0.0.1:53'],
  ['server', '::1', '[::1]:53', '[::1]:53'],
  ['server', '[::1]:5353', '[::1]:5353'],
  ['origin', 'App.Internal:9000', 'app.internal:9000', 'app.internal:9000'],
  ['origin', 'app:1', 'app:1'],
  ['origin', '[0::1]:65535', '[::1]:65535', '[::1]:65535'],
  ['host', 'EXAMPLE.com', 'example.com', 'example.com'],
  ['host', '*.example.com', '*.example.com'],
  ['host', '*', '*'],
  ['host', '127.0.0.1', '127.0.0.1'],
  ['host', 'xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ['origin', '[FE80::1%Eth0]:80', '[fe80::1%Eth0]:80', '[fe80::1%Eth0]:80'],
  ['server', '[fe80::1%Eth0]:53', '[fe80::1%Eth0]:53'],
  ['endpoints', '[fe80::1%eth0]:80', ['[fe80::1%eth0]:80'], ['[fe80::1%eth0]:80']],
  // The number of an interface.
  ['endpoints', '[fe80::1%25]:80', ['[fe80::1%25]:80'], ['[fe80::1%25]:80']],
  ['endpoints', '[fe80::1%251]:80', ['[fe80::1%251]:80'], ['[fe80::1%251]:80']],
  ['locals 4', '', [], []],
  ['locals 4', '192.0.2.1', ['192.0.2.1'], ['192.0.2.1']],
  ['locals 4', ['192.0.2.1', '', '192.0.2.2'], ['192.0.2.1', '192.0.2.2'], ['192.0.2.1', '192.0.2.2']],
  ['locals 6', ['2001:DB8::1', 'fe80::1%eth0'], ['2001:db8::1', 'fe80::1%eth0'], ['2001:db8::1', 'fe80::1%eth0']],
  ['nat64', 'off', 'off'],
  ['nat64', 'auto', 'auto'],
  ['nat64', '64:FF9B:0::/96', '64:ff9b::/96', '64:ff9b::/96'],
  ['nat64', '2001:db8::/32', '2001:db8::/32'],
  ['network', '10.0.0.0/8', '10.0.0.0/8'],
  ['network', '10.1.2.3/8', '10.0.0.0/8', '10.0.0.0/8'],
  ['network', '10.1.2.3', '10.1.2.3/32', '10.1.2.3/32'],
  ['network', 'fd00::/8', 'fd00::/8'],
  ['ports', 443, range(443)],
  ['ports', '443', range(443), 443],
  ['ports', '8000-8999', range(8000, 8999)],
  ['ports', '1-65535', range(1, 65_535)],
  ['ports', '80-80', range(80), 80],
  ['pattern', '127.0.0.1:*', { address: '127.0.0.1/32', ports: null }, '127.0.0.1/32:*'],
  ['pattern', '*:80', { address: '*', ports: range(80) }],
  ['pattern', '*', { address: '*', ports: null }, '*:*'],
  ['pattern', '10.0.0.0/8:8000-8999', { address: '10.0.0.0/8', ports: range(8000, 8999) }],
  ['pattern', '[::1]:443', { address: '::1/128', ports: range(443) }, '[::1/128]:443'],
  ['pattern', '[fd00::/8]:*', { address: 'fd00::/8', ports: null }],
  ['pattern', '[::1]', { address: '::1/128', ports: null }, '[::1/128]:*'],
  ['method', 'M-SEARCH', 'M-SEARCH'],
  ['protocol', 'WebSocket', 'websocket', 'websocket'],
  ['protocol', 'h2c/2.0', 'h2c/2.0'],
  ['pseudonym', '', ''],
  ['pseudonym', 'proxy.example:3128', 'proxy.example:3128'],
  ['path', 'stdout', 'stdout'],
  ['path', '/var/log/é', '/var/log/é'],
  ['path or nothing', '', ''],
  ['list', [443, '1-2'], [range(443), range(1, 2)]],
]

/** Kind, what is written, and words the message must have. */
const BAD: ReadonlyArray<readonly [Name, unknown, string]> = [
  ['time', 5, '5 is not a time; write it as "250ms", "5s"'],
  ['time', '5', '"5" is not a time'],
  ['time', '5 s', '"5 s" is not a time'],
  ['time', '-5s', '"-5s" is not a time'],
  ['time', '1.5s', '"1.5s" is not a time'],
  ['time', '5S', '"5S" is not a time'],
  ['time', '', '"" is not a time'],
  ['time', '0', 'longer than 0'],
  ['time', '0ms', 'longer than 0'],
  ['time', 0, 'longer than 0'],
  ['time', '366d', 'more than a year'],
  ['time of 9h', '32401s', '"32401s" is more than 9h, the longest time the kernel takes'],
  ['time', true, 'true is not a time'],
  ['time', undefined, 'is missing'],
  ['time or 0', 1, '1 is not a time or 0 (never)'],
  ['size', '1023B', 'must be from 1KB to 64KB'],
  ['size', 65_537, 'must be from 1KB to 64KB'],
  ['size', '64kb', '"64kb" is not a size'],
  ['size', -1, '-1 is not a size'],
  ['size', 1024.5, '1024.5 is not a size'],
  ['size', '99999999999999999999', 'is not a size'],
  ['count', 0, '0 is not a whole number from 1 to 10'],
  ['count', 11, '11 is not a whole number from 1 to 10'],
  ['count', 1.5, '1.5 is not a whole number'],
  ['count', 'x', '"x" is not a whole number'],
  ['flag', 'yes', '"yes" is not true or false; write it as true'],
  ['flag', 1, '1 is not true or false'],
  ['choice', 'ipv5', '"ipv5" is not one of "auto", "ipv4"'],
  ['choice', 4, '4 is not one of "auto", "ipv4"'],
  ['endpoints', [], 'is empty; say where to listen'],
  ['endpoints', 3128, '3128 is not an address and a port, or a list'],
  ['endpoints', '3128', 'write "127.0.0.1:3128" for this machine alone'],
  ['endpoints', '*:80', 'write "0.0.0.0:80" and "[::]:80"'],
  ['endpoints', ':80', 'write "0.0.0.0:80" and "[::]:80"'],
  ['endpoints', '127.0.0.1', 'write "127.0.0.1:3128"'],
  ['endpoints', '::1', 'write "[::1]:3128"'],
  ['endpoints', '::1:3129', 'write "[::1]:3129"'],
  ['endpoints', '2001:db8:1:2:3:4:5:6:80', 'write "[2001:db8:1:2:3:4:5:6]:80"'],
  ['endpoints', '2001:db8::f', 'write "[2001:db8::f]:3128"'],
  ['endpoints', '[fe80::1]:80', '"[fe80::1]:80" is on a link, and on which it does not say; write "fe80::1%eth0"'],
  [
    'endpoints',
    '[febf::1%25eth0]:80',
    '"[febf::1%25eth0]:80" has %25, which stands for % in URLs alone; write "[febf::1%eth0]:80"',
  ],
  ['endpoints', 'localhost:80', 'names are not looked up here'],
  ['endpoints', '127.0.0.1:65536', 'is not an address and a port'],
  ['endpoints', ['127.0.0.1:1', 'x'], '"x" is not an address and a port'],
  ['endpoints or off', 'on', '"on" is not an address and a port'],
  ['endpoints or off', ['127.0.0.1:1', 'off'], '"off" is not an address and a port'],
  ['endpoints or off', 8080, '8080 is not an address and a port, a list, or "off"'],
  ['count or auto', 0, '0 is not "auto" or a whole number from 1 to 10'],
  ['count or auto', 11, '11 is not "auto" or a whole number from 1 to 10'],
  ['count or auto', 'many', '"many" is not "auto" or a whole number from 1 to 10'],
  ['server', 'ns.example', 'is not an address and a port'],
  ['server', '127.0.0.1:0', 'is not an address and a port'],
  ['server', 'unix:/x', 'is not an address and a port'],
  ['server', 'fe80::1', 'is on a link'],
  ['server', '[fe80::1]:53', 'is on a link'],
  ['server', 'fe80::1%25eth0', 'has %25'],
  ['origin', '[fe80::1]:80', 'is on a link'],
  ['origin', '[fe80::1%25eth0]:80', 'has %25'],
  ['origin', 'app', 'is not a server and its port'],
  ['origin', 'app:0', 'is not a server and its port'],
  ['origin', 'http://app:80', 'is not a server and its port'],
  ['origin', '256.0.0.1:80', 'is not a server and its port'],
  ['origin', 'bücher.example:80', 'is not a server and its port'],
  ['host', '', 'is not the name of a site'],
  ['host', '*.', 'is not the name of a site'],
  ['host', 'a.*.b', 'is not the name of a site'],
  ['host', '*.127.0.0.1.', 'is not the name of a site'],
  ['host', `${'a'.repeat(64)}.b`, 'is not the name of a site'],
  ['host', 'example.com:80', 'is not the name of a site'],
  ['locals 4', '::1', '"::1" is not an IPv4 address'],
  ['locals 6', ['2001:db8::1', '127.0.0.1'], '"127.0.0.1" is not an IPv6 address'],
  ['locals 6', 'fe80::1', 'is on a link'],
  ['locals 6', ['fe80::1%25eth0'], 'has %25'],
  ['locals 4', '127.0.0.1:0', 'is not an IPv4 address'],
  ['locals 4', 7, '7 is not an IPv4 address, or a list of them'],
  ['nat64', 'on', '"on" is not "off", "auto" or a prefix of 32, 40, 48, 56, 64 or 96 bits'],
  ['nat64', '64:ff9b::', '"64:ff9b::" is not "off"'],
  ['nat64', '64:ff9b::/95', '"64:ff9b::/95" is not "off"'],
  ['nat64', '64:ff9b:0:0:100::/96', 'is not "off"'],
  ['nat64', '10.0.0.0/32', 'is not "off"'],
  ['network', '10.0.0.0/33', 'is not a network'],
  ['network', '10.0.0/8', 'is not a network'],
  ['network', '', 'is not a network'],
  ['ports', 0, '0 is not a port or a range of ports'],
  ['ports', 65_536, '65536 is not a port'],
  ['ports', '9-8', '"9-8" is not a port'],
  ['ports', '80-', '"80-" is not a port'],
  ['ports', '080', '"080" is not a port'],
  ['ports', null, 'null is not a port'],
  ['pattern', '::1', 'write it as "[::1]:*"'],
  ['pattern', '::1:80', 'has no brackets; write it as "[::1]:80", or as "[::1:80]:*"'],
  ['pattern', '::ffff:80', 'has no brackets; write it as "[::ffff]:80", or as "[::ffff:80]:*"'],
  ['pattern', '1:2:3:4:5:6:7:8:80', 'has no brackets; write it as "[1:2:3:4:5:6:7:8]:80"'],
  ['pattern', '[::1', 'is not an address or a network'],
  ['pattern', '[]:80', 'is not an address or a network'],
  ['pattern', '127.0.0.1:', 'is not an address or a network'],
  ['pattern', 'localhost:80', 'is not an address or a network'],
  ['method', 'GE T', 'is not a method'],
  ['method', '', 'is not a method'],
  ['protocol', 'a/b/c', 'is not the name of a protocol'],
  ['pseudonym', 'my proxy', 'is not a name without spaces'],
  ['pseudonym', 'a\r\nb', 'is not a name without spaces'],
  ['path', '', 'is not "stdout", a path'],
  ['path', '/a\0b', 'is not "stdout", a path'],
  ['list', [], 'is empty'],
  ['list', 443, '443 is not a list of ports'],
  ['list', { a: 1 }, 'a table is not a list of ports'],
]

const messages = (type: Kind['type'], value: unknown) =>
  type.safeParse(value).error?.issues.map(({ message }) => message)

describe('a value that is right', () => {
  for (const [name, written, read, back = written] of GOOD) {
    test(`${name}: ${JSON.stringify(written)}`, () => {
      const type: Kind['type'] = KINDS[name].type
      const decoded = type.safeParse(written)
      expect(decoded.error?.issues).toBeUndefined()
      expect(decoded.data).toEqual(read)
      expect(type.encode(decoded.data)).toEqual(back)
      expect(type.parse(back)).toEqual(read)
    })
  }
})

describe('a value that is wrong', () => {
  for (const [name, written, words] of BAD) {
    test(`${name}: ${JSON.stringify(written)}`, () => {
      expect(messages(KINDS[name].type, written)?.join('\n')).toContain(words)
    })
  }
})

test('every kind is tried both ways', () => {
  for (const table of [GOOD, BAD]) {
    const tried = new Set(table.map(([name]) => name))
    // A path may be anything.
    expect(Object.keys(KINDS).filter((name) => !tried.has(name as Name) && name !== 'path or nothing')).toEqual(
      table === GOOD ? [] : ['size in MB'],
    )
  }
})

test('a long value is cut short in the message', () => {
  const [message] = messages(kind.time().type, 'x'.repeat(1000)) ?? []
  expect(message!.length).toBeLessThan(200)
})
