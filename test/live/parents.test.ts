/** Through parents: ourselves, Squid and tinyproxy, with and without a login; and one that is killed and brought back. */

import { chmodSync, writeFileSync } from 'node:fs'
import { createServer as createOrigin, type Server } from 'node:http'
import { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { curl, freePort, lacking, listens, newFolder, Peer } from './peers.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { until } from './waiting.ts'
import { type Message, statusOf, valueOf } from './wire.ts'

const missing = lacking('curl')
const missingPeers = lacking('squid', 'tinyproxy')

/** A server whose configuration names its port. */
class OtherProxy extends Peer {
  readonly port: number

  private constructor(folder: string, name: string, words: readonly string[], port: number) {
    super(folder, name, words)
    this.port = port
  }

  static async squid(): Promise<OtherProxy> {
    const folder = newFolder()
    // Started by root, Squid becomes another user, who has to get in.
    chmodSync(folder, 0o755)
    const port = await freePort()
    const lines = [
      `http_port 127.0.0.1:${port}`,
      'pid_filename none',
      'cache_log stdio:/dev/stderr',
      'access_log none',
      'netdb_filename none',
      'cache deny all',
      'visible_hostname squid.test',
      'shutdown_lifetime 0 seconds',
      `coredump_dir ${folder}`,
      'dns_nameservers 127.0.0.1',
      'http_access allow all',
    ]
    writeFileSync(join(folder, 'squid.conf'), `${lines.join('\n')}\n`)
    const squid = new OtherProxy(folder, 'squid', ['-N', '-f', join(folder, 'squid.conf')], port)
    await squid.ready(() => listens(port, '127.0.0.1'), 'squid')
    return squid
  }

  static async tinyproxy(): Promise<OtherProxy> {
    const folder = newFolder()
    const port = await freePort()
    const lines = [`Port ${port}`, 'Listen 127.0.0.1', 'BasicAuth joe secret', 'MaxClients 20', 'StartServers 2']
    writeFileSync(join(folder, 'tinyproxy.conf'), `${lines.join('\n')}\n`)
    const tinyproxy = new OtherProxy(folder, 'tinyproxy', ['-d', '-c', join(folder, 'tinyproxy.conf')], port)
    await tinyproxy.ready(() => listens(port, '127.0.0.1'), 'tinyproxy')
    return tinyproxy
  }
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port
const at = (port: number): string => `127.0.0.1:${port}`

/** What a program that is somebody's parent is told. */
const PARENT = { outgoing: { connect_ports: ['1-65535'] }, access_log: { format: 'json', destination: 'stdout' } }

let origin: Server
/** Checks that have come to it. */
let checks = 0
let folder: string
let others: OtherProxy[] = []
let parent: Program
/** Another parent, which is killed. */
let victim: Program
let victimPort: number
/** One that is told of credentials that are not there. */
let misled: Program
let program: Program

const start = (): Promise<Program> =>
  Program.start({ ...PARENT, http: { name: 'victim' }, listener: { http: { address: at(victimPort) } } })

beforeAll(async () => {
  origin = createOrigin((request, response) => {
    if (request.url === '/check') checks++
    response.end(`${request.url} via ${request.headers.via ?? 'nobody'}`)
  })
  origin.listen(0, '127.0.0.1')
  await once(origin, 'listening')
  folder = newFolder()
  const files = [['login', 0o600, 'joe:secret\n'], ['open', 0o644, 'joe:secret'], ['wrong', 0o600, 'joe:no']] as const
  for (const [name, mode, text] of files) {
    writeFileSync(join(folder, name), text)
    chmodSync(join(folder, name), mode)
  }
  misled = Program.run({
    parent: { p: { servers: ['127.0.0.1:1'], credentials_file: join(folder, 'missing') } },
    outgoing: { parent: 'p' },
  })
  others = missingPeers === '' ? await Promise.all([OtherProxy.squid(), OtherProxy.tinyproxy()]) : []
  victimPort = await freePort()
  const users_file = join(folder, 'login')
  ;[parent, victim] = await Promise.all([
    Program.start({
      ...PARENT,
      http: { name: 'parent' },
      listener: {
        http: { address: '127.0.0.1:0', users_file },
        free: { address: '127.0.0.1:0' },
        socks: { mode: 'socks', address: '127.0.0.1:0' },
        locked: { mode: 'socks', address: '127.0.0.1:0', users_file },
      },
    }),
    start(),
  ])
  const http = [at(parent.port('http'))]
  const locked = [at(parent.port('locked'))]
  const socks = [at(parent.port('socks'))]
  const parents = {
    http: { servers: http, credentials_file: join(folder, 'open') },
    wrong: { servers: http, credentials_file: join(folder, 'wrong') },
    socks4a: { type: 'socks4a', servers: socks },
    socks5: { type: 'socks5', servers: socks },
    login: { type: 'socks5', servers: locked, credentials_file: join(folder, 'login') },
    nobody: { servers: [at(await freePort()), at(await freePort())] },
    missing: { servers: [...http, at(parent.port('free'))], balance: 'first' },
    checked: {
      servers: http,
      credentials_file: join(folder, 'open'),
      check: 'http',
      check_url: `http://${at(portOf(origin))}/check`,
    },
    squid: { servers: [at(others[0]?.port ?? 1)] },
    tinyproxy: { servers: [at(others[1]?.port ?? 1)], credentials_file: join(folder, 'login') },
    group: { servers: [at(victimPort), at(parent.port('free'))], check: 'tcp', check_interval: '500ms' },
  }
  const names = Object.keys(parents)
  program = await Program.start({
    ...PARENT,
    http: { name: 'child' },
    listener: Object.fromEntries(names.map((name) => [name, { address: '127.0.0.1:0', filter: ['rules'] }])),
    parent: parents,
    rule: names.map((name) => ({ listener: name, do: 'permit', parent: name })),
  })
})

afterAll(async () => {
  await Promise.all([program, parent, victim, misled].map((one) => one?.[Symbol.asyncDispose]()))
  for (const other of others) other[Symbol.dispose]()
  origin?.close()
})

describe.skipIf(missing !== '')(`with curl${missing}`, () => {
  const ask = (name: string, ...words: string[]) =>
    curl('-x', `http://${at(program.port(name))}`, `http://${at(portOf(origin))}/page`, ...words)

  test.each(['http', 'socks4a', 'socks5', 'login'])('ourselves as %s', async (name) => {
    const plain = await ask(name)
    // Only where the parent is asked in absolute form does it see the request.
    const seen = name === 'http' ? '1.1 child, 1.1 parent' : '1.1 child'
    expect(String(plain.output)).toBe(`/page via ${seen}`)
    const tunnel = await ask(name, '--proxytunnel')
    expect(String(tunnel.output)).toBe('/page via nobody')
  })

  test('wrong credentials: an error, and a log that says so', async () => {
    for (const words of [[], ['--proxytunnel']]) {
      const { output } = await ask('wrong', ...words, '-o', '/dev/null', '-w', '%{http_code} %{http_connect}')
      expect(String(output)).toMatch(/502/)
    }
    expect(program.diagnostics).toContain('does not accept the login of parent.wrong.credentials_file')
    writeFileSync(join(folder, 'wrong'), 'joe:secret')
    program.signal('SIGHUP')
    await until(async () => String((await ask('wrong')).output).startsWith('/page'), 'a login that was read again')
  })

  test('a check goes with the login, too', async () => {
    await until(() => checks > 0, 'a check')
    expect(String((await ask('checked')).output)).toMatch(/^\/page via /)
    expect(program.diagnostics).not.toContain('parent checked: 127')
  })

  test('one that asks for a login, where there is none, is followed by the next, and left alone', async () => {
    for (let i = 0; i < 4; i++) expect(String((await ask('missing')).output)).toMatch(/^\/page via /)
    const server = at(parent.port('http'))
    for (
      const words of [
        `${server} asks for a login; name the file that holds it in parent.missing.credentials_file: it answers 407`,
        `parent missing: ${server} is left alone for a while: it answers 407`,
      ]
    ) expect(program.diagnostics).toContain(words)
  })

  test('a parent that is not there is no reason to go directly', async () => {
    const { output } = await ask('nobody')
    expect(String(output)).toContain('502')
    const find = () =>
      program.output.map((line) => JSON.parse(line) as Record<string, unknown>).find(({ parent }) =>
        parent === 'nobody'
      )
    await program.until(() => find() !== undefined, 'a line in the access log')
    const line = find()
    expect(line).toMatchObject({ failure: 'connect-refused', hierarchy: 'ROUNDROBIN_PARENT', status: 502 })
  })

  test('a file that others may read is told of', () => {
    expect(program.diagnostics).toContain(`${join(folder, 'open')} is open to other users`)
    expect(program.diagnostics).not.toContain(`${join(folder, 'login')} is open`)
  })

  test.skipIf(missingPeers !== '').each(['squid', 'tinyproxy'])(`%s${missingPeers}`, async (name) => {
    const plain = await ask(name)
    expect(String(plain.output)).toMatch(/^\/page via .*child.*(squid|tinyproxy)/)
    const tunnel = await ask(name, '--proxytunnel', '-w', '%{http_connect}')
    // Squid allows CONNECT to a few ports only; with its defaults taken away, to all.
    expect(String(tunnel.output)).toBe('/page via nobody200')
  })
})

test('credentials that cannot be read: the proxy does not start, and says why', async () => {
  const { code } = await misled.exited
  expect(code).not.toBe(0)
  expect(misled.diagnostics).toContain(`parent.p.credentials_file: ${join(folder, 'missing')} cannot be read`)
})

const CLIENTS = 8
/** Enough that each server has had many in each phase. */
const ENOUGH = 100

test('a parent that is killed under load and brought back: lost is what it had in hand at most', async () => {
  const answered = { victim: 0, parent: 0 }
  const failed: string[] = []
  let sent = 0
  let over = false
  const more = async (who: 'victim' | 'parent', count: number): Promise<void> => {
    const enough = answered[who] + count
    await until(() => answered[who] >= enough, `${count} answers more through ${who}`)
  }
  const ask = async (client: RawClient): Promise<boolean> => {
    sent++
    let answer: Message
    try {
      answer = await client.ask(`GET http://${at(portOf(origin))}/ HTTP/1.1\r\nHost: ${at(portOf(origin))}\r\n\r\n`)
    } catch (error) {
      failed.push(String(error))
      return false
    }
    const through = /(victim|parent)$/.exec(answer.body.toString())
    if (statusOf(answer) === 200 && through !== null) answered[through[1] as 'victim' | 'parent']++
    // Without a parent in its Via it would have come directly.
    else failed.push(`${answer.line} ${answer.body}`)
    return valueOf(answer, 'connection') !== 'close'
  }
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!over) {
      using client = await RawClient.connect(program.port('group'))
      for (let open = true; open && !over;) open = await ask(client)
    }
  })
  try {
    await Promise.all([more('victim', ENOUGH), more('parent', ENOUGH)])
    for (const pid of [victim.pid, ...victim.workers]) process.kill(pid, 'SIGKILL')
    await victim.exited
    const before = answered.victim
    await more('parent', ENOUGH)
    expect(answered.victim - before).toBeLessThanOrEqual(CLIENTS)
    victim = await start()
    await more('victim', 1)
  } finally {
    over = true
    await Promise.all(clients)
  }
  expect(sent).toBe(answered.victim + answered.parent + failed.length)
  expect(failed.length, failed.join('; ')).toBeLessThanOrEqual(CLIENTS)
})
