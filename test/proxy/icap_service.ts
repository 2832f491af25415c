/** A proxy with an ICAP service, all of it in memory: the service is a peer whose words the test says. */
import { Filters } from '../../core/proxy/filters.ts'
import type { Endpoint, Listener } from '../../core/runtime.ts'
import { settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { World } from './world.ts'

export const SERVICE: Endpoint = { family: 4, address: '127.0.0.1', port: 1344 }
/** One more address of the same service. */
export const SPARE: Endpoint = { family: 4, address: '127.0.0.1', port: 1345 }

export interface ServiceSays {
  /** Fields of its answer to OPTIONS beside Methods, each with its line end. */
  options?: string
  method?: 'reqmod' | 'respmod'
}

export class IcapWorld {
  readonly world: World
  readonly filters: Filters
  #service: Listener | null = null
  #spare: Listener | null = null

  private constructor(world: World, filters: Filters) {
    this.world = world
    this.filters = filters
  }

  static async open(method: 'reqmod' | 'respmod', ...sets: string[]): Promise<IcapWorld> {
    const world = await World.open(
      'icap.av.url=["icap://127.0.0.1:1344/av"]',
      `icap.av.method=${method}`,
      'listener.http.filter=["av"]',
      ...sets,
    )
    const filters = await Filters.open(world.proxy, world.settings)
    world.context.chain = filters.chainOf(world.settings.listener[0])
    world.context.respmod = filters.respmodOf(world.settings.listener[0])
    return new IcapWorld(world, filters)
  }

  async listen(): Promise<void> {
    this.#service = await this.world.machine.listen(SERVICE)
  }

  async listenSpare(): Promise<void> {
    this.#spare = await this.world.machine.listen(SPARE)
  }

  /** The service is gone, and refuses. */
  unlisten(): void {
    this.#service?.close()
    this.#service = null
  }

  /** The next connection to the service. */
  async accept(spare = false): Promise<Peer> {
    const next = await (spare ? this.#spare : this.#service)!.next()
    if (next.done === true) throw new Error('the service listens no more')
    return new Peer(next.value)
  }

  /** The next connection, on which OPTIONS has been asked and answered. */
  async introduced(options = '', methods = 'REQMOD, RESPMOD', spare = false): Promise<Peer> {
    const peer = await this.accept(spare)
    await settle()
    const asked = await peer.news()
    if (!asked.startsWith('OPTIONS ')) throw new Error(`not OPTIONS: ${asked}`)
    await peer.send(optionsAnswer(options, methods))
    return peer
  }

  /** What is left when all clients are gone: nothing should be. */
  async leftovers(): Promise<string[]> {
    this.filters.close()
    this.#service?.close()
    this.#spare?.close()
    await settle()
    const left = await this.world.leftovers()
    const open = this.world.machine.network.open.filter(({ peer, local }) =>
      [peer.port, local.port].some((port) => port === SERVICE.port || port === SPARE.port)
    )
    // Those of the test's own side that it has not closed do not count.
    const ours = open.filter(({ peer }) => peer.port === SERVICE.port || peer.port === SPARE.port)
    if (ours.length > 0) left.push(`${ours.length} sockets to services`)
    return left
  }
}

export function optionsAnswer(options = '', methods = 'REQMOD, RESPMOD'): string {
  return `ICAP/1.0 200 OK\r\nMethods: ${methods}\r\nISTag: "t"\r\n${options}Encapsulated: null-body=0\r\n\r\n`
}

/** An answer with what it encapsulates. `body`: in chunks already, or null. */
export function icapAnswer(
  status: number,
  parts: { request?: string; response?: string; body?: string },
  fields = '',
): string {
  const kind = parts.response === undefined ? 'req' : 'res'
  const head = parts.response ?? parts.request ?? ''
  const part = parts.body === undefined ? 'null-body' : `${kind}-body`
  const encapsulated = head === '' ? 'null-body=0' : `${kind}-hdr=0, ${part}=${head.length}`
  return `ICAP/1.0 ${status} X\r\n${fields}Encapsulated: ${encapsulated}\r\n\r\n${head}${parts.body ?? ''}`
}

export const NO_CHANGE = 'ICAP/1.0 204 No Content\r\nEncapsulated: null-body=0\r\n\r\n'
export const GO_ON = 'ICAP/1.0 100 Continue\r\n\r\n'

/** In one chunk, with the last chunk after it. */
export const chunked = (text: string): string => `${chunk(text)}0\r\n\r\n`
export const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`
