/** An ICAP service in memory, and what its clients send. */
import { load } from '../../core/config/load.ts'
import type { Decision } from '../../core/filter/decision.ts'
import type { Subject } from '../../core/filter/subject.ts'
import { Tasks } from '../../core/flow/tasks.ts'
import { Chain, type Member } from '../../core/proxy/chain.ts'
import { IcapPeer } from '../../core/proxy/icap_peer.ts'
import { serveIcap, turnAwayIcap } from '../../core/proxy/icap_server.ts'
import { IcapTag } from '../../core/proxy/icap_tag.ts'
import { ListenerContext } from '../../core/proxy/listener.ts'
import { Pages } from '../../core/proxy/pages.ts'
import { Proxy } from '../../core/proxy/proxy.ts'
import { named } from '../../core/proxy/pseudonym.ts'
import { type ExchangeRecord, resultCode } from '../../core/proxy/record.ts'
import type { Endpoint, Listener } from '../../core/runtime.ts'
import { settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { machineOf } from './world.ts'

export const SERVICE: Endpoint = { family: 4, address: '127.0.0.1', port: 1344 }

export const PERMIT: Decision = { kind: 'permit', by: 'guard', rule: '', reason: '', category: '', final: false }

export interface IcapSeen {
  readonly request: string
  readonly url: string
  readonly client: string
  readonly user: string
  readonly status: number
  readonly failure: string
  readonly result: string
  readonly decision: string
  readonly reason: string
  readonly bytesIn: number
  readonly bytesOut: number
}

type Judge = (subject: Subject) => Decision | Promise<Decision>

export class IcapWorld {
  readonly machine = machineOf()
  readonly proxy: Proxy
  readonly context: ListenerContext
  /** What the lists are made of. */
  readonly lists = { signature: '' }
  readonly seen: IcapSeen[] = []
  readonly asked: string[] = []
  readonly bugs: unknown[] = []
  readonly tasks = new Tasks((error) => this.bugs.push(error))
  #listener!: Listener

  private constructor(sets: readonly string[]) {
    const { settings, problems } = load({
      file: null,
      environment: {},
      sets: ['listener.icap.address=127.0.0.1:1344', 'listener.icap.mode=icap', ...sets],
    })
    if (settings === null) throw new Error(problems.map(({ words }) => words).join('; '))
    const all = named(this.machine, settings)
    this.proxy = new Proxy(this.machine, all, new Pages(all.http), (error) => void this.bugs.push(error))
    const listener = all.listener.find(({ mode }) => mode === 'icap')!
    this.context = new ListenerContext(listener, false)
    this.context.tag = new IcapTag(all, listener, this.lists)
  }

  /** `judge`: the one classifier of the chain; `null`: there is no chain. */
  static async open(judge: Judge | null, ...sets: string[]): Promise<IcapWorld> {
    const world = new IcapWorld(sets)
    if (judge !== null) world.chain(judge)
    world.#listener = await world.machine.listen(SERVICE)
    world.tasks.run(world.#listener, (socket) => {
      const peer = new IcapPeer(world.proxy, world.context, socket)
      const full = world.context.admit(peer)
      const recorded = (record: ExchangeRecord) => void world.seen.push(seen(record))
      world.tasks.add(full === '' ? serveIcap(peer, recorded) : turnAwayIcap(peer, full, recorded))
    })
    return world
  }

  chain(...judges: (Judge | Member)[]): void {
    const members = judges.map((judge, i): Member =>
      typeof judge !== 'function' ? judge : {
        kind: 'classifier',
        name: `c${i}`,
        classifier: {
          name: `c${i}`,
          judge: (subject) => {
            const { client, user, method, scheme, host, port, path } = subject
            this.asked.push(`${client} ${user || '-'} ${method} ${scheme || '-'} ${host} ${port} ${path}`)
            return judge(subject)
          },
          close() {},
        },
      }
    )
    this.context.chain = new Chain(members, this.proxy.statistics)
  }

  async client(reading = true): Promise<Peer> {
    return new Peer(await this.machine.connect(SERVICE).socket, reading)
  }

  /** All that is answered to these bytes. */
  async answers(...pieces: string[]): Promise<string> {
    const client = await this.client()
    await client.send(...pieces)
    return await client.news()
  }

  pass(ms: number): Promise<void> {
    return this.machine.clock.advance(ms)
  }

  /** What is left when all clients are gone: nothing should be. */
  async leftovers(): Promise<string[]> {
    this.#listener.close()
    await settle()
    const left: string[] = []
    const say = (what: string, count: number): void => void (count === 0 || left.push(`${count} ${what}`))
    say('coroutines', this.tasks.running)
    say('clients', this.context.clients.size)
    say('deadlines', this.proxy.deadlines.size)
    this.proxy.close()
    await settle()
    say('timers', this.machine.clock.pending)
    for (const bug of this.bugs) left.push(`bug: ${bug}`)
    return left
  }
}

function seen(record: ExchangeRecord): IcapSeen {
  const { request, url, client, user, status, failure, decision, reason, bytesIn, bytesOut } = record
  return {
    request: request === null ? '' : `${request.method()} ${request.target()}`,
    result: resultCode(record),
    ...{ url, client, user, status, failure, decision, reason, bytesIn, bytesOut },
  }
}

export const GET = 'GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n\r\n'
export const post = (length = 16) =>
  `POST http://origin.test/form HTTP/1.1\r\nHost: origin.test\r\nContent-Length: ${length}\r\n\r\n`

interface Asking {
  readonly method?: string
  readonly fields?: string
  /** What goes into Encapsulated in the place of what is true. */
  readonly encapsulated?: string
  /** In chunks, with its end; absent: null-body. */
  readonly body?: string
  readonly host?: string
}

/** A request of ICAP around the head of an HTTP request. */
export function icap(
  head: string,
  { method = 'REQMOD', fields = '', body, host = 'Host: i\r\n', ...rest }: Asking = {},
) {
  const parts = rest.encapsulated ?? `req-hdr=0, ${body === undefined ? 'null-body' : 'req-body'}=${head.length}`
  return `${method} icap://i/reqmod ICAP/1.0\r\n${host}${fields}Encapsulated: ${parts}\r\n\r\n${head}${body ?? ''}`
}

export const chunks = (...texts: string[]): string =>
  `${texts.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('')}0\r\n\r\n`
