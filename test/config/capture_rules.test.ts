/** What is said to the kernel for listeners that capture, and which of them cannot be. */
import { describe, expect, test } from 'vitest'
import { capturedPorts, ipCommands, nftRules } from '../../core/config/capture_rules.ts'
import { load } from '../../core/config/load.ts'
import type { Settings } from '../../core/config/settings.ts'

function loaded(text: string) {
  return load({ file: { name: 'exaproxy.toml', text }, environment: {}, sets: [] })
}

function settingsOf(text: string): Settings {
  const { settings, problems } = loaded(text)
  if (settings === null) throw new Error(problems.map(({ words }) => words).join('; '))
  return settings
}

const listener = (name: string, mode: string, capture: string, more = ''): string =>
  `[listener.${name}]\nmode = "${mode}"\ncapture = "${capture}"\n${more}\n`
const WEB = listener('web', 'transparent', 'tproxy', 'address = ["127.0.0.1:3129", "[::1]:3129"]')
const RED = listener('red', 'tls', 'redirect', 'address = ["0.0.0.0:3130", "[::]:3130"]')

/** The rules alone: without comments, and without what stands in every chain. */
function rulesOf(text: string): string[] {
  return nftRules(settingsOf(text)).split('\n').filter((line) => line.includes('dport')).map((line) => line.slice(4))
}

describe('nftRules()', () => {
  test('all of it, for TPROXY and REDIRECT', () => {
    expect(nftRules(settingsOf(WEB + RED))).toBe(`# exaproxy nft | nft -f -
# This needs routes as well: exaproxy nft --ip | sh
table inet exaproxy
delete table inet exaproxy
table inet exaproxy {
  chain ours {
    # A listener at any address is found for all clients, and whom it is for is said below.
    socket wildcard 1 return
    meta mark set 0x6578 accept
  }
  chain refused {
    # Nothing listens. Without this line, connections go on unfiltered while the proxy is down.
    meta l4proto tcp reject with tcp reset
  }
  chain capture_tproxy {
    type filter hook prerouting priority mangle; policy accept;
    # Connections of ours already, and answers to those made in the name of clients.
    meta l4proto tcp socket transparent 1 jump ours
    fib daddr type local return
    meta mark 0x6578 return
    # listener.web
    meta nfproto ipv4 tcp dport 80 tproxy ip to 127.0.0.1:3129 meta mark set 0x6578 accept
    meta nfproto ipv4 tcp dport 80 goto refused
    meta nfproto ipv6 tcp dport 80 tproxy ip6 to [::1]:3129 meta mark set 0x6578 accept
    meta nfproto ipv6 tcp dport 80 goto refused
  }
  chain capture_redirect {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local return
    meta mark 0x6578 return
    # listener.red
    meta nfproto ipv4 tcp dport 443 redirect to :3130
    meta nfproto ipv6 tcp dport 443 redirect to :3130
  }
}
`)
  })

  test.each([
    [
      'any address of this machine',
      listener('a', 'transparent', 'tproxy', 'address = "0.0.0.0:3129"'),
      [
        'meta nfproto ipv4 tcp dport 80 tproxy ip to :3129 meta mark set 0x6578 accept',
        'meta nfproto ipv4 tcp dport 80 goto refused',
      ],
    ],
    [
      'nothing but what was to be captured is refused',
      listener(
        'a',
        'tls',
        'tproxy',
        'address = "[::1]:3130"\ncapture_interface = "eth0"\ncapture_from = ["2001:db8::/32", "10.0.0.0/8"]',
      ),
      [
        'iifname "eth0" meta nfproto ipv6 ip6 saddr 2001:db8::/32 tcp dport 443 tproxy ip6 to [::1]:3130 meta mark set 0x6578 accept',
        'iifname "eth0" meta nfproto ipv6 ip6 saddr 2001:db8::/32 tcp dport 443 goto refused',
      ],
    ],
    [
      'ports, clients and an interface',
      listener(
        'a',
        'passthrough',
        'redirect',
        'address = ["0.0.0.0:1", "[::]:2"]\ncapture_ports = [25, "1000-2000"]\ncapture_interface = "eth0"\n' +
          'capture_from = ["192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32"]',
      ),
      [
        'iifname "eth0" meta nfproto ipv4 ip saddr { 192.0.2.0/24, 10.0.0.0/8 } tcp dport { 25, 1000-2000 } redirect to :1',
        'iifname "eth0" meta nfproto ipv6 ip6 saddr 2001:db8::/32 tcp dport { 25, 1000-2000 } redirect to :2',
      ],
    ],
    [
      'clients of one family: nothing of the other',
      listener('a', 'tls', 'redirect', 'address = ["0.0.0.0:1", "[::]:2"]\ncapture_from = ["10.0.0.0/8"]'),
      ['meta nfproto ipv4 ip saddr 10.0.0.0/8 tcp dport 443 redirect to :1'],
    ],
    [
      'sockets that others make are brought connections alike',
      listener('a', 'transparent', 'inherited', 'address = "127.0.0.1:3129"'),
      [
        'meta nfproto ipv4 tcp dport 80 tproxy ip to 127.0.0.1:3129 meta mark set 0x6578 accept',
        'meta nfproto ipv4 tcp dport 80 goto refused',
      ],
    ],
    ['others have no part in it', '[listener.http]\n', []],
  ])('%s', (_, text, rules) => expect(rulesOf(text)).toEqual(rules))
})

describe('ipCommands()', () => {
  test('TPROXY needs routes, of both families', () => {
    const commands = ipCommands(settingsOf(WEB))
    expect(commands).toContain('ip -4 rule add fwmark 0x6578 lookup 25976\n')
    expect(commands).toContain('ip -6 route replace local ::/0 dev lo table 25976\n')
  })

  test('REDIRECT does not, but for the answers to the addresses of clients', () => {
    expect(ipCommands(settingsOf(RED))).not.toContain('ip -4')
    const spoofing = settingsOf(`${RED}[outgoing]\nspoof = true\n`)
    expect(ipCommands(spoofing)).toContain('ip -4 rule add')
    expect(nftRules(spoofing)).toContain('socket transparent 1')
    expect(nftRules(spoofing)).not.toContain('refused')
  })
})

test.each([
  ['transparent', '', '80-80'],
  ['tls', '', '443-443'],
  ['tls', 'capture_ports = [853]', '853-853'],
  ['passthrough', '', ''],
])('capturedPorts() of %s', (mode, more, ports) => {
  const [one] = settingsOf(listener('a', mode, 'tproxy', `address = "0.0.0.0:1"\n${more}`)).listener
  expect(capturedPorts(one!).map(({ first, last }) => `${first}-${last}`).join()).toBe(ports)
})

describe('what cannot be', () => {
  test.each([
    ['forward', '', 'is of no use to mode "forward"'],
    ['socks', '', 'is of no use to mode "socks"'],
    ['transparent', 'address = "unix:/run/x"', 'no connections to a unix socket'],
    ['transparent', 'capture_interface = "eth0 accept"', 'the name of a network interface'],
  ])('%s %s', (mode, more, words) => {
    const address = more.includes('address') ? '' : 'address = "127.0.0.1:1"\n'
    const { problems } = loaded(listener('a', mode, 'tproxy', address + more))
    expect(problems.map((problem) => problem.words).join()).toContain(words)
  })

  test.each([
    ['"2001:db8::/32"', '"0.0.0.0:1"', 'IPv6'],
    ['"10.0.0.0/8", "192.0.2.0/24"', '"[::]:1"', 'IPv4'],
  ])('clients %s, who would be brought to %s', (from, address, family) => {
    const { problems } = loaded(listener('a', 'tls', 'tproxy', `address = ${address}\ncapture_from = [${from}]`))
    const words = `has networks of ${family}, and address none of it to bring them to: nobody would be captured`
    expect(problems).toMatchObject([{ option: 'listener.a.capture_from', words }])
  })

  test('the same ports for two listeners, unless of other clients', () => {
    const two = (from: string) =>
      loaded(
        WEB + listener('other', 'passthrough', 'tproxy', `address = "0.0.0.0:9"\ncapture_ports = ["70-90"]\n${from}`),
      )
    expect(two('').problems.map(({ words }) => words)).toEqual(['80 is captured by listener.web already'])
    expect(two('capture_from = ["10.0.0.0/8"]').problems).toEqual([])
  })

  test('passthrough to nowhere', () => {
    const { problems } = loaded('[listener.a]\nmode = "passthrough"\naddress = "127.0.0.1:1"\n')
    expect(problems).toMatchObject([{ words: expect.stringContaining('is missing') }])
  })
})

describe('what is warned of', () => {
  test.each([
    [
      'REDIRECT to a loopback address',
      listener('a', 'tls', 'redirect', 'address = "127.0.0.1:1"'),
      'REDIRECT leads to',
    ],
    [
      'clients of a family that it does not listen in',
      listener('a', 'tls', 'tproxy', 'address = "0.0.0.0:1"\ncapture_from = ["10.0.0.0/8", "2001:db8::/32"]'),
      'has networks of IPv6, and address none of it to bring them to',
    ],
    [
      'no port to be captured',
      listener('a', 'passthrough', 'tproxy', 'address = "0.0.0.0:1"'),
      'is missing, so that exaproxy nft cannot say what is captured; write it as [25]',
    ],
    ['nobody to spoof', '[outgoing]\nspoof = true\n', 'is of no use'],
    ['ports without capture', '[listener.http]\ncapture_ports = [80]\n', 'is "none"'],
    [
      'a server besides',
      listener('a', 'passthrough', 'tproxy', 'address = "127.0.0.1:1"\nserver = "192.0.2.1:25"\ncapture_ports = [25]'),
      'beside server',
    ],
  ])('%s', (_, text, words) => {
    const { warnings, problems } = loaded(text)
    expect(problems).toEqual([])
    expect(warnings.map((one) => one.words).join()).toContain(words)
  })

  test('nothing else', () => expect(loaded(WEB + RED).warnings).toEqual([]))
})
