/** A proxy between clients and origins, all of it in memory. */
import { load } from '../../core/config/load.ts'
import type { Settings } from '../../core/config/settings.ts'
import type { FailureCode } from '../../core/failure.ts'
import { Tasks } from '../../core/flow/tasks.ts'
import { Client } from '../../core/proxy/client.ts'
import { converse, turnAway } from '../../core/proxy/connection.ts'
import { ListenerContext } from '../../core/proxy/listener.ts'
import { Pages } from '../../core/proxy/pages.ts'
import { Proxy } from '../../core/proxy/proxy.ts'
import { named } from '../../core/proxy/pseudonym.ts'
import { type ExchangeRecord, resultCode } from '../../core/proxy/record.ts'
import type { Endpoint, Listener, Socket } from '../../core/runtime.ts'
import { Machine, settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'

export const PROXY: Endpoint = { family: 4, address: '127.0.0.1', port: 3128 }
/** Where `origin.test` is. */
export const ORIGIN: Endpoint = { family: 4, address: '198.51.100.1', port: 80 }
/** An address nobody listens at. */
export const NOBODY = '198.51.100.9'

const HOSTS = `${ORIGIN.address} origin.test\n198.51.100.2 other.test\n${NOBODY} nobody.test\n`

/** Settings for a machine in memory: names come from its hosts file. */
export function settingsOf(...sets: string[]): Settings {
  const { settings, problems } = load({
    file: null,
    environment: {},
    sets: ['listener.http.address=127.0.0.1:3128', 'http.via=false', 'http.forwarded_for=off', ...sets],
  })
  if (settings === null) throw new Error(problems.map(({ words }) => words).join('; '))
  return settings
}

export function machineOf(): Machine {
  const machine = new Machine({ elsewhere: [ORIGIN.address, '198.51.100.2'] })
  machine.files.put('/etc/hosts', HOSTS)
  machine.files.put('/etc/resolv.conf', 'nameserver 192.0.2.53\n')
  return machine
}

/** What a record said when its exchange was over. */
export interface Seen {
  readonly request: string
  readonly status: number
  readonly failure: FailureCode | ''
  readonly result: string
  readonly reason: string
  readonly id: string
  readonly bytesIn: number
  readonly bytesOut: number
  readonly reused: boolean
  readonly queue: number
  readonly firstByte: number
  readonly dns: number
  readonly connect: number
  readonly total: number
}

export class World {
  readonly machine = machineOf()
  readonly settings: Settings
  readonly proxy: Proxy
  readonly context: ListenerContext
  readonly seen: Seen[] = []
  /** What was thrown and is no failure. */
  readonly bugs: unknown[] = []
  readonly tasks = new Tasks((error) => this.bugs.push(error))
  #listener!: Listener
  #origin!: Listener

  private constructor(sets: readonly string[]) {
    this.settings = named(this.machine, settingsOf(...sets))
    const report = (error: unknown): void => void this.bugs.push(error)
    this.proxy = new Proxy(this.machine, this.settings, new Pages(this.settings.http), report)
    this.context = new ListenerContext(this.settings.listener[0], false)
  }

  static async open(...sets: string[]): Promise<World> {
    const world = new World(sets)
    world.#listener = await world.machine.listen(PROXY)
    world.#origin = await world.machine.listen(ORIGIN)
    world.tasks.run(world.#listener, (socket) => {
      const client = new Client(world.proxy, world.context, socket)
      const full = world.context.admit(client)
      const recorded = (record: ExchangeRecord) => void world.seen.push(seen(record))
      world.tasks.add(full === '' ? converse(client, recorded) : turnAway(client, full, recorded))
    })
    return world
  }

  async client(): Promise<Peer> {
    return new Peer(await this.machine.connect(PROXY).socket)
  }

  /** The next connection to `origin.test`. */
  async origin(reading = true): Promise<Peer> {
    const next = await this.#origin.next()
    if (next.done === true) throw new Error('the origin listens no more')
    return new Peer(next.value, reading)
  }

  /** All further connections to `origin.test`, until the end. */
  async origins(each: (origin: Peer) => void): Promise<void> {
    for await (const socket of this.#origin) each(new Peer(socket))
  }

  /** A client whose request has come to an origin: both of them. */
  async asked(request = 'GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n\r\n'): Promise<[Peer, Peer]> {
    const client = await this.client()
    const [origin] = await Promise.all([this.origin(), client.send(request)])
    await settle()
    return [client, origin]
  }

  pass(ms: number): Promise<void> {
    return this.machine.clock.advance(ms)
  }

  /** What is left when all clients are gone: nothing should be. Ends what listens and what is kept. */
  async leftovers(): Promise<string[]> {
    this.#listener.close()
    this.#origin.close()
    await settle()
    const left: string[] = []
    const say = (what: string, count: number): void => void (count === 0 || left.push(`${count} ${what}`))
    say('coroutines', this.tasks.running)
    say('clients', this.context.clients.size)
    say('deadlines that are not kept connections', this.proxy.deadlines.size - this.proxy.origins.kept)
    this.proxy.close()
    await settle()
    say('deadlines', this.proxy.deadlines.size)
    say('kept connections', this.proxy.origins.kept)
    say('timers', this.machine.clock.pending)
    const ours = (socket: Socket): boolean => socket.local.port === PROXY.port || socket.peer.address === ORIGIN.address
    say('sockets of the proxy', this.machine.network.open.filter(ours).length)
    for (const bug of this.bugs) left.push(`bug: ${bug}`)
    return left
  }
}

function seen(record: ExchangeRecord): Seen {
  const { request, status, failure, reason, id, bytesIn, bytesOut, reused, queue, firstByte, dns, connect, total } =
    record
  return {
    request: request === null ? '' : `${request.method()} ${request.target()}`,
    result: resultCode(record),
    ...{ status, failure, reason, id, bytesIn, bytesOut, reused, queue, firstByte, dns, connect, total },
  }
}

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
export const get = (path = '/', fields = ''): string =>
  `GET http://origin.test${path} HTTP/1.1\r\nHost: origin.test\r\n${fields}\r\n`
