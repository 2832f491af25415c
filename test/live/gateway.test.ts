/** Between IPv4 and IPv6: clients and servers of one family only, a proxy without IPv4 behind NAT64, and whence it connects. */

import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { describe, expect, test } from 'vitest'
import { Network, networkLacking, type Space } from './network.ts'
import { newFolder } from './peers.ts'
import { PROGRAM, Program } from './program.ts'
import { within } from './waiting.ts'

const missing = networkLacking('nft', 'curl', 'node')
const withoutNames = networkLacking('curl', 'node', 'unbound', 'dnsmasq')

/** Node has no foreign functions, so that its sockets are all there is. */
const EPOLL = process.env.EXAPROXY_TEST_ENGINE !== 'portable' && !PROGRAM.startsWith('node')

/** What came of a request: the status and body of the answer; with `tunnel`, through CONNECT. */
async function get(space: Space, proxy: string, url: string, tunnel = false): Promise<Record<string, unknown>> {
  const words = ['-sS', '--noproxy', '', '--max-time', '5', '-x', proxy, '-w', '\n%{http_code} %{http_connect}']
  const { output, errors } = await space.run('curl', [...words, ...(tunnel ? ['-p'] : []), url])
  const text = String(output)
  const end = text.lastIndexOf('\n')
  const [status, connect] = text.slice(end + 1).split(' ')
  const body = text.startsWith('{') ? JSON.parse(text.slice(0, end)) : {}
  return { status: Number(tunnel && Number(connect) !== 200 ? connect : status), errors: String(errors), ...body }
}

/** A name server in the foreground, which says so on one of its outputs when it serves. */
async function nameServer(space: Space, name: string, words: readonly string[], ready: RegExp): Promise<void> {
  const child = space.spawn(name, words)
  let said = ''
  const serving = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => ready.test(said += String(chunk)) && resolve())
    }
    child.once('close', () => reject(new Error(`${name} ended: ${said}`)))
  })
  await within(serving, `${name} at work`, () => said)
}

describe.skipIf(missing !== '')(`a proxy between networks of one family each${missing}`, () => {
  test('clients of each reach servers of the other, plain and through CONNECT', async () => {
    using network = Network.make()
    const [six, gate, four] = ['six', 'gate', 'four'].map((name) => network.space(name))
    const [there, here] = six.join(gate, { v6: ['2001:db8:6::2/64', '2001:db8:6::1/64'] })
    six.ip('addr', 'add', 'fe80::2/64', 'dev', there, 'nodad')
    gate.ip('addr', 'add', 'fe80::1/64', 'dev', here, 'nodad')
    const [link] = gate.join(four, { v4: ['10.4.0.1/24', '10.4.0.2/24'] })
    gate.ip('addr', 'add', '10.4.0.4/24', 'dev', link)
    await Promise.all([six.echo('::', 80), four.echo('10.4.0.2', 80)])
    await using program = await Program.start({
      listener: {
        http: { address: ['[2001:db8:6::1]:3128', '10.4.0.1:3128', `[fe80::1%${here}]:3128`] },
        ruled: { address: '[2001:db8:6::1]:3129', filter: ['rules'] },
        nowhere: { address: '[2001:db8:6::1]:3130', filter: ['rules'] },
        site: { mode: 'reverse', address: '10.4.0.1:80' },
      },
      rule: [
        { listener: 'ruled', do: 'permit', bind: ['10.4.0.4'] },
        { listener: 'nowhere', do: 'permit', bind: ['127.0.0.1'] },
      ],
      upstream: { link: { servers: [`[fe80::2%${here}]:80`] } },
      // The one in the middle is nobody's, and gives way to the next.
      outgoing: {
        connect_ports: [80],
        bind4: ['10.4.0.1', '10.4.0.3', '10.4.0.4'],
        idle_per_origin: 0,
        keep_alive: '30s',
      },
    }, { within: gate.prefix })
    expect(program.diagnostics).toContain('this machine has no address 10.4.0.3 to come from')
    // Of the runtimes' own sockets, Deno's have no keep-alive towards a link, and neither they nor Bun's tell of one.
    const reachesLinks = EPOLL || PROGRAM !== 'deno'
    for (const tunnel of [false, true]) {
      expect(await get(six, 'http://[2001:db8:6::1]:3128', 'http://10.4.0.2/a', tunnel)).toMatchObject({
        status: 200,
        peer: expect.stringMatching(tunnel ? /^10\.4\.0\.4:\d+$/ : /^10\.4\.0\.1:\d+$/),
        host: '10.4.0.2',
      })
      expect(await get(four, 'http://10.4.0.1:3128', 'http://[2001:db8:6::2]/b', tunnel)).toMatchObject({
        status: 200,
        peer: expect.stringMatching(/^\[2001:db8:6::1\]:\d+$/),
        host: '[2001:db8:6::2]',
      })
    }
    for (let i = 0; i < 2; i++) {
      expect(await get(six, 'http://[2001:db8:6::1]:3129', 'http://10.4.0.2/bound')).toMatchObject({
        peer: expect.stringMatching(/^10\.4\.0\.4:\d+$/),
      })
    }
    // Addresses of one wire: a client's, and where the operator wrote one down. In a URL they are nobody's.
    expect(await get(six, `http://[fe80::1%25${there}]:3128`, 'http://10.4.0.2/c')).toMatchObject({ status: 200 })
    expect(await get(four, '', 'http://10.4.0.1/d')).toMatchObject({ status: reachesLinks ? 200 : 502 })
    const raw =
      `exec 3<>/dev/tcp/10.4.0.1/3128; printf 'GET http://[fe80::2%%25${here}]/ HTTP/1.1\r\nHost: h\r\n\r\n' >&3; head -1 <&3`
    expect(String((await four.run('bash', ['-c', raw])).output)).toBe('HTTP/1.1 400 Bad Request\r\n')
    const wire = `%${here}`
    const said = EPOLL || PROGRAM.startsWith('node') ? wire : ''
    expect((await program.accessLog(8)).map(({ client, origin }) => [client, origin])).toEqual([
      ['2001:db8:6::2', '10.4.0.2'],
      ['10.4.0.2', '2001:db8:6::2'],
      ['2001:db8:6::2', '10.4.0.2'],
      ['10.4.0.2', '2001:db8:6::2'],
      ...Array(2).fill(['2001:db8:6::2', '10.4.0.2']),
      [`fe80::2${said}`, '10.4.0.2'],
      ['10.4.0.2', `fe80::2${wire}`],
    ])
    // From there nothing leads out of this machine, which is not the other's fault.
    expect(await get(six, 'http://[2001:db8:6::1]:3130', 'http://10.4.0.2/lost')).toMatchObject({ status: 503 })
  })

  test('two workers at an address of a link', async () => {
    using network = Network.make()
    const [gate, other] = ['gate', 'other'].map((name) => network.space(name))
    const [here] = gate.join(other, { v6: ['fd06::1/64', 'fd06::2/64'] })
    gate.ip('addr', 'add', 'fe80::1/64', 'dev', here, 'nodad')
    const address = [`[fe80::1%${here}]:3128`, `[fe80::1%${here}]:0`]
    await using program = await Program.start({ listener: { http: { address } }, service: { workers: 2 } }, {
      within: gate.prefix,
    })
    for (const { host, port } of program.listening) {
      expect(host).toBe(`fe80::1%${here}`)
      const words = ['-s', '-o', '/dev/null', '-w', '%{http_code}', `http://[fe80::1%25${here}]:${port}/`]
      expect(String((await gate.run('curl', words)).output)).toBe('400')
    }
  })

  test.each([
    ['IPv6', 1, '127.0.0.1', '::1'],
    ['IPv6', 2, '127.0.0.1', '::1'],
    ['127.0.0.1', 2, '::1', '127.0.0.1'],
  ])('starts without %s, with %d workers, for nobody has asked for it', async (what, workers, host, lacking) => {
    using network = Network.make()
    const alone = network.space('alone')
    if (what === 'IPv6') alone.sysctl('net.ipv6.conf.all.disable_ipv6', 1)
    else alone.ip('addr', 'del', '127.0.0.1/8', 'dev', 'lo')
    await using program = await Program.start(`[service]\nworkers = ${workers}\n[admin]\naddress = "off"\n`, {
      within: alone.prefix,
    })
    expect(program.listening).toEqual([{ listener: 'http', host, port: 3128 }])
    expect(program.diagnostics).toMatch(new RegExp(`not listen on \\[?${lacking}\\]?:3128, a default`))
  })

  test('connections carry their mark, or the engine that cannot says so', async () => {
    using network = Network.make()
    const [gate, server] = ['gate', 'server'].map((name) => network.space(name))
    const [link] = gate.join(server, { v4: ['10.5.0.1/24', '10.5.0.9/24'], v6: ['fd05::1/64', 'fd05::9/64'] })
    const marked = {
      listener: { http: { address: '127.0.0.1:3128' } },
      outgoing: { mark: 7, tos: 184, user_timeout: '20s' },
    }
    if (!EPOLL) {
      await using refused = Program.run(marked, { within: gate.prefix })
      expect(await refused.exited).toMatchObject({ code: 69 })
      expect(refused.diagnostics).toContain('outgoing.mark: the sockets of ')
      return
    }
    await Promise.all([server.echo('10.5.0.9', 80), server.echo('fd05::9', 80)])
    const counted = (dscp: string) => `meta mark 7 ${dscp} dscp ef oifname ${link} counter;`
    gate.nft(`table inet t { chain o { type filter hook output priority 0; ${counted('ip')} ${counted('ip6')} }; }`)
    await using program = await Program.start(marked, { within: gate.prefix })
    for (const host of ['10.5.0.9', '[fd05::9]']) {
      expect(await get(gate, 'http://127.0.0.1:3128', `http://${host}/`)).toMatchObject({ status: 200 })
    }
    await program.stop()
    const counters = String((await gate.run('nft', ['list', 'table', 'inet', 't'])).output)
    const packets = [...counters.matchAll(/counter packets (\d+)/g)].map(([, count]) => Number(count))
    expect(packets.length).toBe(2)
    expect(packets.every((count) => count > 0), counters).toBe(true)
  })
})

describe.skipIf(withoutNames !== '')(`a proxy without IPv4${withoutNames}`, () => {
  test('reaches IPv4 through NAT64, by the prefix that unbound tells of', async () => {
    using network = Network.make()
    const [proxy, world] = ['proxy', 'world'].map((name) => network.space(name))
    const [link, other] = proxy.join(world, { v6: ['2001:db8:1::2/64', '2001:db8:1::1/64'] })
    world.ip('addr', 'add', 'fe80::1/64', 'dev', other, 'nodad')
    proxy.route('2001:db8:1::1')
    // The world as its translator shows it: 192.0.2.1, and 10.0.0.1 which nobody may reach.
    for (const address of ['2001:db8:64:64::c000:201', '2001:db8:64:64::a00:1']) {
      world.ip('-6', 'addr', 'add', `${address}/128`, 'dev', 'lo', 'nodad')
      await world.echo(address, 80)
    }
    const folder = newFolder()
    try {
      const config = join(folder, 'unbound.conf')
      writeFileSync(config, UNBOUND(folder, `fe80::1%${other}`))
      await Promise.all([
        nameServer(world, 'dnsmasq', DNSMASQ, /started/),
        nameServer(world, 'unbound', ['-d', '-p', '-c', config], /start of service/),
      ])
      await using program = await Program.start({
        listener: { http: { address: '[::1]:3128', filter: ['rules'] } },
        rule: [{ address: '198.18.0.0/15', do: 'deny', status: 451 }],
        outgoing: { nat64: 'auto', deny: ['10.0.0.0/8'], connect_ports: [80] },
        dns: { servers: [`[fe80::1%${link}]:53`] },
      }, { within: proxy.prefix })
      const through = 'http://[::1]:3128'
      const reached = { status: 200, local: '[2001:db8:64:64::c000:201]:80' }
      expect(await get(proxy, through, 'http://192.0.2.1/')).toMatchObject({ ...reached, host: '192.0.2.1' })
      expect(await get(proxy, through, 'http://192.0.2.1/', true)).toMatchObject(reached)
      expect(await get(proxy, through, 'http://four.test/')).toMatchObject({ ...reached, host: 'four.test' })
      expect(await get(proxy, through, 'http://four.test/', true)).toMatchObject(reached)
      // However it is written, it is the same host.
      for (const host of ['10.0.0.1', '[2001:db8:64:64::a00:1]', '[2001:db8:64:64::10.0.0.1]', 'private.test']) {
        expect(await get(proxy, through, `http://${host}/`), host).toMatchObject({ status: 403 })
        expect(await get(proxy, through, `http://${host}/`, true), host).toMatchObject({ status: 403 })
      }
      expect(await get(proxy, through, 'http://[2001:db8:64:64::c612:1]/')).toMatchObject({ status: 451 })
      expect((await program.accessLog(4)).map(({ origin }) => origin)).toEqual(
        Array(4).fill('2001:db8:64:64::c000:201'),
      )
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

/** Who knows the names, IPv4 all of them; ipv4only.arpa as the world has it (RFC 7050). */
const DNSMASQ = [
  ...['--keep-in-foreground', '--log-facility=-', '--no-resolv', '--no-hosts', '--conf-file=/dev/null', '--user=root'],
  ...[
    '--port=5353',
    '--listen-address=127.0.0.1',
    '--bind-interfaces',
    '--local=/test/',
    '--local=/arpa/',
    '--pid-file=',
  ],
  ...['--host-record=four.test,192.0.2.1', '--host-record=private.test,10.0.0.1'],
  ...['--host-record=ipv4only.arpa,192.0.0.170', '--host-record=ipv4only.arpa,192.0.0.171'],
]

/** Whom the proxy asks: DNS64 (RFC 6147), with a prefix of its own. */
const UNBOUND = (folder: string, at: string): string =>
  `server:
  interface: ${at}
  access-control: ::/0 allow
  directory: "${folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  verbosity: 1
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "dns64 validator iterator"
  dns64-prefix: 2001:db8:64:64::/96
  local-zone: "test." transparent
  local-zone: "ipv4only.arpa." transparent
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@5353
`
