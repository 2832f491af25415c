/** A group of servers under load: one is killed and brought back, and a request is lost only where it was in flight. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ControlClient, WATCHED } from './control.ts'
import { answering, Origin } from './origin.ts'
import { freePort } from './peers.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { until, within } from './waiting.ts'
import { type Message, statusOf, valueOf, valuesOf } from './wire.ts'

const CLIENTS = 8
/** Enough that each server has had many in each phase. */
const ENOUGH = 300

const SOURCE = `
const [name, port] = process.argv.slice(-2)
require('node:http').createServer((request, response) => response.end(name)).listen(Number(port), '127.0.0.1', () => {
  console.log('listens')
})`

/** A server that is a process of its own. */
class Server {
  readonly name: string
  readonly port: number
  #child: ChildProcess | null = null

  constructor(name: string, port: number) {
    this.name = name
    this.port = port
  }

  async start(): Promise<void> {
    const child = spawn(process.env.EXAPROXY_TEST_NODE ?? 'node', ['-e', SOURCE, '--', this.name, String(this.port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    await within(once(child.stdout!, 'data'), `server ${this.name}`)
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === null) return
    this.#child = null
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await within(ended, `the end of server ${this.name}`)
  }
}

let servers: Server[]

beforeAll(async () => {
  servers = []
  for (const name of ['a', 'b', 'c']) servers.push(new Server(name, await freePort()))
  await Promise.all(servers.map((server) => server.start()))
})

afterAll(async () => {
  await Promise.all(servers.map((server) => server.kill()))
})

const address = ({ port }: Server): string => `127.0.0.1:${port}`
const GET = 'GET / HTTP/1.1\r\nHost: site.test\r\n'

/** Clients that ask one request after the other, each on a connection that it keeps as long as it may. */
class Load {
  sent = 0
  readonly answered = { a: 0, b: 0, c: 0 }
  readonly failed: string[] = []
  #over = false
  readonly #running: Promise<void>[]

  constructor(port: number) {
    this.#running = Array.from({ length: CLIENTS }, () => this.#run(port))
  }

  async stop(): Promise<void> {
    this.#over = true
    await Promise.all(this.#running)
  }

  /** Wait until `who` has answered so many requests more. */
  async more(who: 'a' | 'b' | 'c', count: number): Promise<void> {
    const enough = this.answered[who] + count
    await until(() => this.answered[who] >= enough, `${count} answers more of ${who}`)
  }

  async #run(port: number): Promise<void> {
    while (!this.#over) {
      using client = await RawClient.connect(port)
      for (let open = true; open && !this.#over;) open = await this.#ask(client)
    }
  }

  async #ask(client: RawClient): Promise<boolean> {
    this.sent++
    let answer: Message
    try {
      answer = await client.ask(`${GET}\r\n`)
    } catch (error) {
      this.failed.push(String(error))
      return false
    }
    const name = answer.body.toString()
    if (statusOf(answer) === 200 && (name === 'a' || name === 'b' || name === 'c')) this.answered[name]++
    else this.failed.push(answer.line)
    return valueOf(answer, 'connection') !== 'close'
  }
}

test('a server that is killed and brought back costs no more than what it had in hand', async () => {
  await using program = await Program.start({
    admin: WATCHED,
    listener: { www: { mode: 'reverse', address: '127.0.0.1:0' } },
    upstream: { site: { servers: servers.map(address), check: 'http', check_interval: '500ms' } },
  }, { addresses: 1 })
  const control = await ControlClient.of(program)
  const load = new Load(program.port('www'))
  const [, b] = servers
  try {
    await load.more('b', ENOUGH)
    await b.kill()
    await program.until(() => program.diagnostics.includes(`upstream site: ${address(b)} is down`), 'a server down')
    const before = load.answered.b
    await load.more('a', ENOUGH)
    expect(load.answered.b).toBe(before)
    const metrics = await control.metrics()
    expect(metrics.value('upstream_server_failures_total', { server: address(b) })).toBeGreaterThanOrEqual(3)
    await b.start()
    await program.until(() => program.diagnostics.includes(`upstream site: ${address(b)} is up`), 'a server up')
    await load.more('b', 20)
  } finally {
    await load.stop()
  }
  const { a, b: again, c } = load.answered
  expect(load.sent).toBe(a + again + c + load.failed.length)
  expect(load.failed.length, load.failed.join('; ')).toBeLessThanOrEqual(CLIENTS)
})

test('a cookie brings a client back to its server, and elsewhere only when that is gone', async () => {
  await using program = await Program.start({
    listener: { www: { mode: 'reverse', address: '127.0.0.1:0' } },
    upstream: { site: { servers: servers.map(address), sticky: 'cookie', sticky_cookie: 'where' } },
  })
  const ask = async (cookie: string): Promise<Message> => {
    using client = await RawClient.connect(program.port('www'))
    return await client.ask(`${GET}Cookie: ${cookie}\r\n\r\n`)
  }
  const first = await ask('a=b')
  const [cookie] = valuesOf(first, 'set-cookie')[0].split(';')
  expect(cookie).toMatch(/^where=/)
  const names = new Set<string>()
  for (let i = 0; i < 9; i++) {
    const answer = await ask(`a=b; ${cookie}`)
    expect(valuesOf(answer, 'set-cookie')).toEqual([])
    names.add(answer.body.toString())
  }
  expect([...names]).toEqual([first.body.toString()])
  const server = servers.find(({ name }) => names.has(name))!
  await server.kill()
  const elsewhere = await ask(cookie)
  expect(statusOf(elsewhere)).toBe(200)
  expect(names).not.toContain(elsewhere.body.toString())
  expect(valuesOf(elsewhere, 'set-cookie')[0]).toMatch(/^where=/)
  await server.start()
})

test('who waits for a server has one that is back, and who breaks off waits no more', async () => {
  let release = () => {}
  const released = new Promise<void>((resolve) => release = resolve)
  using full = await Origin.listen(async (connection) => {
    while (await connection.request() !== null) {
      await released
      await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfull')
    }
  })
  const port = await freePort()
  await using program = await Program.start({
    admin: WATCHED,
    listener: { www: { mode: 'reverse', address: '127.0.0.1:0' } },
    upstream: {
      site: {
        servers: [full.authority, `127.0.0.1:${port}`],
        balance: 'first',
        max_connections: 1,
        queue: 4,
        queue_timeout: '30s',
      },
    },
  }, { addresses: 1 })
  const control = await ControlClient.of(program)
  const waiting = async (count: number): Promise<void> => {
    await until(async () => (await control.metrics()).value('upstream_waiting') === count, `${count} waiting`)
  }
  const clients: RawClient[] = []
  const ask = async (...pieces: string[]): Promise<void> => {
    const client = await RawClient.connect(program.port('www'))
    clients.push(client)
    for (const piece of pieces) await client.send(piece)
  }
  try {
    await ask(`${GET}\r\n`)
    await within(full.connection(0), 'a request')
    // Each of them finds nobody at the second one.
    const post = 'POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 6\r\n\r\n'
    await ask(`${post}abcdef`)
    await ask(post, 'abcdef')
    await ask(`${GET}\r\n`)
    await waiting(3)
    const [busy, one, other, staying] = clients
    one.reset()
    other.reset()
    await waiting(1)
    using _back = await Origin.listen(answering('back'), '127.0.0.1', port)
    const answer = await staying.answer()
    expect([statusOf(answer), answer.body.toString()]).toEqual([200, 'back'])
    release()
    expect((await busy.answer()).body.toString()).toBe('full')
    const lines = await program.accessLog(4)
    expect(lines.map(({ failure }) => failure)).toEqual(['client-left', 'client-left', null, null])
    expect(lines.map(({ queue_ms }) => Number(queue_ms) > 0)).toEqual([true, true, true, false])
  } finally {
    for (const client of clients) client.close()
  }
})
