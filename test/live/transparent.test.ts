/** Captured connections on a router between a client and a server, by the rules that the program itself prints. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { printNft } from '../../core/cli/nft.ts'
import { load } from '../../core/config/load.ts'
import { Network, networkLacking, type Space } from './network.ts'
import { newFolder } from './peers.ts'
import { PROGRAM, Program } from './program.ts'
import { type Table, toToml } from './toml.ts'
import { until, within } from './waiting.ts'

const missing = networkLacking('nft', 'curl', 'nginx', 'openssl', 'python3')
/** Node has no way to the system calls: there the portable engine carries the bytes. */
const epoll = ['deno', 'bun', 'exe'].includes(PROGRAM) && process.env.EXAPROXY_TEST_ENGINE !== 'portable'

const LEAVE = new URL('./helpers/leave_sockets.py', import.meta.url).pathname
const SERVER = ['10.2.0.2', 'fd02::2'] as const
const ours = (at: string) => at.includes(':') ? 'fd02::1' : '10.2.0.1'
/** Two ports, for Deno takes both families at the first. */
const both = (port: number) => [`0.0.0.0:${port}`, `[::]:${port + 10}`]
const here = (port: number) => [`127.0.0.1:${port}`, `[::1]:${port}`]

const REDIRECTED = {
  red: { mode: 'transparent', capture: 'redirect', capture_ports: [81, 85], address: both(3131) },
  redtls: { mode: 'tls', capture: 'redirect', capture_ports: [444, 446], address: both(3132) },
}
const PROXIED = {
  web: { mode: 'transparent', capture: 'tproxy', address: here(3129), capture_from: ['10.1.0.0/24', 'fd01::/64'] },
  tls: { mode: 'tls', capture: 'tproxy', address: here(3130) },
  raw: { mode: 'passthrough', capture: 'tproxy', capture_ports: ['8000-8001'], address: both(3133) },
}
const RULES = [
  { host: ['bad.test'], do: 'deny', reason: 'by name' },
  { host: ['led.test'], do: 'intercept', to: '10.2.0.2:82' },
]

/** curl says so when a connection is refused. */
const REFUSED = expect.stringMatching(/^7: /)
/** bash(1): for each line of its input asks the server $0 once more, on one connection, and says that it was answered. */
const HOLD = `exec 3<>/dev/tcp/$0/8000
while read -r _; do
  printf 'HEAD / HTTP/1.1\\r\\nHost: site.test\\r\\n\\r\\n' >&3
  line=
  until [ "$line" = $'\\r' ]; do IFS= read -r line <&3 || exit 1; done
  echo answered
done`

function configuration(folder: string, listener: Record<string, object>, spoof = false, workers = 1): Table {
  const hosts = join(folder, 'hosts')
  writeFileSync(hosts, `${SERVER.map((address) => `${address} site.test bad.test\n`).join('')}10.2.0.99 liar.test\n`)
  return { listener, outgoing: { spoof }, dns: { hosts_file: hosts }, rule: RULES, service: { workers } } as Table
}

/** What `exaproxy nft` prints for it. Once it is shown that the program does, what it calls does as well, and sooner. */
async function printed(table: Table, ip: boolean): Promise<string> {
  if (shown.has(ip)) {
    return printNft(load({ file: { name: '', text: toToml(table) }, environment: {}, sets: [] }).settings!, ip)
  }
  shown.add(ip)
  const program = Program.run(table, { arguments: ip ? ['nft', '--ip'] : ['nft'] })
  const { code } = await program.exited
  if (code !== 0) throw new Error(program.diagnostics)
  return `${program.output.join('\n')}\n`
}
const shown = new Set<boolean>()

/** nginx in a namespace; it answers each request with whom it saw. */
async function nginx(space: Space, folder: string): Promise<void> {
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=site.test', '-addext']
      .concat(['subjectAltName=DNS:site.test,DNS:bad.test,DNS:liar.test'])
      .concat(['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')]),
    { stdio: 'ignore' },
  )
  mkdirSync(join(folder, 'www'))
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')
  const listen = [80, 81, 82, 8000].map((port) => `listen ${port}; listen [::]:${port};`)
    .concat([443, 444].map((port) => `listen ${port} ssl; listen [::]:${port} ssl;`)).join(' ')
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${folder}/pid; events { }
    http {
      access_log off; ${temporary}
      server {
        ${listen}
        ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem;
        location / { return 200 "$remote_addr $http_host $server_addr $server_port $ssl_server_name"; }
      }
    }`,
  )
  space.spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'])
  const probe = ['-c', 'exec 3<>/dev/tcp/127.0.0.1/444']
  await until(async () => (await space.run('bash', probe)).code === 0, 'nginx')
}

describe.skipIf(missing !== '')(`captured${missing}`, () => {
  const folder = newFolder()
  let network: Network
  let client: Space
  let router: Space
  let server: Space

  beforeAll(async () => {
    network = Network.make()
    client = network.space('client')
    router = network.space('router')
    server = network.space('server')
    client.join(router, { v4: ['10.1.0.2/24', '10.1.0.1/24'], v6: ['fd01::2/64', 'fd01::1/64'] })
    router.join(server, { v4: ['10.2.0.1/24', '10.2.0.2/24'], v6: ['fd02::1/64', 'fd02::2/64'] })
    router.forward()
    for (const gateway of ['10.1.0.1', 'fd01::1']) client.route(gateway)
    for (const gateway of ['10.2.0.1', 'fd02::1']) server.route(gateway)
    await nginx(server, folder)
  })
  afterAll(() => network.close())

  /** What nginx says it saw, or the exit code of curl and what it says. */
  async function fetch(url: string, at: string, ...words: string[]): Promise<string> {
    const { host } = new URL(url)
    const name = host.replace(/:\d+$/, '')
    const port = new URL(url).port || (url.startsWith('https:') ? '443' : '80')
    const resolve = ['--resolve', `${name}:${port}:${at.includes(':') ? `[${at}]` : at}`]
    const common = ['-sS', '--max-time', '5', '--cacert', join(folder, 'cert.pem'), ...resolve]
    const { code, output, errors } = await client.run('curl', [...common, ...words, url])
    return code === 0 ? String(output) : `${code}: ${errors}`
  }

  async function start(listener: Record<string, object>, spoof = false, before: string[] = []): Promise<Program> {
    // Where it is of interest, two of them share what the kernel brings.
    const table = configuration(folder, listener, spoof, spoof || before.length > 0 ? 2 : 1)
    const [rules, routes] = await Promise.all([printed(table, false), printed(table, true)])
    router.nft(rules)
    const { code, errors } = await router.run('sh', ['-c', routes])
    if (code !== 0) throw new Error(errors)
    return await Program.start(table, { within: [...router.prefix, ...before] })
  }

  test('sockets that were left to it, as systemd does with Transparent=yes', async () => {
    const listener = {
      web: { ...PROXIED.web, capture: 'inherited' },
      tls: { ...PROXIED.tls, capture: 'inherited' },
    }
    const before = ['python3', LEAVE, '--transparent', ...here(3129), ...here(3130), '--']
    await using program = await start(listener, false, before)
    for (const at of SERVER) {
      const own = ours(at)
      expect(await fetch('http://liar.test/', at)).toBe(`${own} liar.test ${at} 80 `)
      expect(await fetch('https://liar.test/', at)).toBe(`${own} liar.test ${at} 443 liar.test`)
    }
    await program.stop()
    expect(await Promise.all(SERVER.map((at) => fetch('http://bad.test/', at)))).toEqual([REFUSED, REFUSED])
  })

  /** Asks nginx again on a connection that goes on: `held` runs HOLD. */
  async function ask(held: ChildProcess): Promise<void> {
    const answered = once(held.stdout!, 'data')
    held.stdin!.write('\n')
    expect(String((await within(answered, 'an answer on a connection that goes on'))[0])).toBe('answered\n')
  }

  if (epoll) {
    test('TPROXY and REDIRECT, both families, HTTP and TLS', async () => {
      await using program = await start({ ...PROXIED, ...REDIRECTED })
      for (const at of SERVER) {
        const own = ours(at)
        const results = await Promise.all([
          fetch('http://site.test/', at),
          fetch('http://site.test:81/', at),
          fetch('https://site.test/', at),
          fetch('https://site.test:444/', at),
          fetch('http://site.test:8000/', at),
          // The client's own names lead nowhere but where it was going.
          fetch('http://liar.test/', at),
          fetch('https://liar.test/', at),
        ])
        expect(results).toEqual([
          `${own} site.test ${at} 80 `,
          `${own} site.test:81 ${at} 81 `,
          `${own} site.test ${at} 443 site.test`,
          `${own} site.test:444 ${at} 444 site.test`,
          `${own} site.test:8000 ${at} 8000 `,
          `${own} liar.test ${at} 80 `,
          `${own} liar.test ${at} 443 liar.test`,
        ])
        expect(await fetch('http://bad.test/', at, '-o', '/dev/null', '-w', '%{http_code}')).toBe('403')
        expect(await fetch('https://bad.test/', at)).toMatch(/^35: .*unrecognized name/s)
        expect(await fetch('http://led.test/', at)).toBe('10.2.0.1 led.test 10.2.0.2 82 ')
      }
      const lines = await program.accessLog(20)
      const fourth = lines.filter(({ destination }) => String(destination).startsWith('10.2.0.2:')).slice(0, 7)
      expect(fourth.map(({ listener, client, destination }) => `${listener} ${client} ${destination}`).sort()).toEqual([
        'raw 10.1.0.2 10.2.0.2:8000',
        'red 10.1.0.2 10.2.0.2:81',
        'redtls 10.1.0.2 10.2.0.2:444',
        'tls 10.1.0.2 10.2.0.2:443',
        'tls 10.1.0.2 10.2.0.2:443',
        'web 10.1.0.2 10.2.0.2:80',
        'web 10.1.0.2 10.2.0.2:80',
      ])
      // Where the lookup took longer than the answer, it is not known.
      const judged = lines.filter(({ destination_agrees, url }) =>
        destination_agrees !== null && /site|liar/.test(String(url))
      )
      expect(judged.filter(({ url, destination_agrees }) => destination_agrees === /liar/.test(String(url)))).toEqual(
        [],
      )
      expect(judged.length).toBeGreaterThan(3)
      // Nothing listens behind it: the client hears of it in its own language.
      expect(await fetch('http://site.test:85/', SERVER[0], '-o', '/dev/null', '-w', '%{http_code}')).toBe('502')
      expect(await fetch('https://site.test:446/', SERVER[0])).toMatch(/^35: .*internal error/s)
    })

    test('origins see the clients themselves', async () => {
      await using _ = await start({ ...PROXIED, ...REDIRECTED }, true)
      for (const at of SERVER) {
        const theirs = at.includes(':') ? 'fd01::2' : '10.1.0.2'
        expect(await fetch('http://site.test/', at)).toBe(`${theirs} site.test ${at} 80 `)
        expect(await fetch('http://site.test:81/', at)).toBe(`${theirs} site.test:81 ${at} 81 `)
        expect(await fetch('https://site.test/', at)).toBe(`${theirs} site.test ${at} 443 site.test`)
      }
    })

    test('nothing goes on that was to be captured, and all else does, whatever listens', async () => {
      // At the captured ports of any address: found by the kernel without being asked for.
      const listener = {
        web: { ...PROXIED.web, address: ['0.0.0.0:80', '[::1]:3129'] },
        raw: { ...PROXIED.raw, address: here(3133) },
        others: { ...PROXIED.web, address: '0.0.0.0:81', capture_ports: [81], capture_from: ['10.9.0.0/16'] },
        sixth: { ...PROXIED.web, address: '[::]:82', capture_ports: [82], capture_from: ['fd09::/64'] },
      }
      await using program = await start(listener, true)
      const status = ['-o', '/dev/null', '-w', '%{http_code}']
      const captured = (...words: string[]) => Promise.all(SERVER.map((at) => fetch('http://bad.test/', at, ...words)))
      expect(await captured(...status)).toEqual(['403', '403'])
      expect(await fetch('http://bad.test:81/', SERVER[0])).toBe('10.1.0.2 bad.test:81 10.2.0.2 81 ')
      expect(await fetch('http://bad.test:82/', SERVER[1])).toBe('fd01::2 bad.test:82 fd02::2 82 ')

      const held = SERVER.map((at) => client.spawn('bash', ['-c', HOLD, at]))
      await Promise.all(held.map(ask))
      program.signal('SIGTERM')
      // What comes while the listeners are being closed may be answered or reset yet.
      await until(async () => !/403|(^|,)5[26]:/.test(String(await captured(...status))), 'closed listeners')
      expect(await captured()).toEqual([REFUSED, REFUSED])
      await Promise.all(held.map(ask))
      for (const { stdin } of held) stdin!.end()
      expect((await within(program.exited, 'the end')).code).toBe(0)
      expect(await captured()).toEqual([REFUSED, REFUSED])

      const rules = (await printed(configuration(folder, listener, true), false)).split('\n')
      router.nft(rules.filter((line) => !line.includes('reject')).join('\n'))
      expect(await captured()).toEqual([`10.1.0.2 bad.test ${SERVER[0]} 80 `, `fd01::2 bad.test ${SERVER[1]} 80 `])
    })
  } else {
    test('without the epoll engine REDIRECT goes by the name, and says so', async () => {
      await using program = await start(REDIRECTED)
      for (const at of SERVER) {
        expect(await fetch('http://site.test:81/', at)).toMatch(/ site.test:81 \S+ 81 $/)
        expect(await fetch('https://bad.test:444/', at)).toMatch(/^35: .*unrecognized name/s)
      }
      expect(program.diagnostics).toMatch(/listener red: .*without the epoll engine/)
    })

    test('without the epoll engine TPROXY and spoofing do not start, and say what to do', async () => {
      const proxied = Program.run(configuration(folder, PROXIED), { within: router.prefix })
      const spoofing = Program.run(configuration(folder, REDIRECTED, true), { within: router.prefix })
      expect((await proxied.exited).code).toBe(69)
      expect(proxied.diagnostics).toContain('capture = "inherited"')
      expect((await spoofing.exited).code).toBe(69)
      expect(spoofing.diagnostics).toContain('outgoing.spoof')
    })
  }
})
