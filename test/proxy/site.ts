/** A reverse proxy before two servers, all of it in memory. */
import type { Group } from '../../core/flow/group.ts'
import type { Endpoint, Listener } from '../../core/runtime.ts'
import { settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { ORIGIN, World } from './world.ts'

export const SECOND: Endpoint = { family: 4, address: '198.51.100.2', port: 80 }
export const SERVERS: readonly string[] = [ORIGIN, SECOND].map(({ address, port }) => `${address}:${port}`)
export const ask = (path = '/', fields = ''): string => `GET ${path} HTTP/1.1\r\nHost: site.test\r\n${fields}\r\n`

/** Two servers behind a reverse listener; what is said to the second one is in `second`. */
export class Site {
  readonly world: World
  readonly #second: Listener
  private constructor(world: World, second: Listener) {
    this.world = world
    this.#second = second
  }

  static async open(...sets: string[]): Promise<Site> {
    const world = await World.open(
      'listener.http.mode=reverse',
      `upstream.s.servers=${SERVERS.join(',')}`,
      ...sets.map((set) => `upstream.s.${set}`),
    )
    return new Site(world, await world.machine.listen(SECOND))
  }

  /** All further connections to the second server, until it listens no more. */
  async seconds(each: (server: Peer) => void): Promise<void> {
    for await (const socket of this.#second) each(new Peer(socket))
  }

  async second(): Promise<Peer> {
    const next = await this.#second.next()
    if (next.done === true) throw new Error('the second server listens no more')
    return new Peer(next.value)
  }

  /** Both servers answer all requests with their name; gives the requests of each. */
  answer(): { readonly first: Peer[]; readonly second: Peer[] } {
    const seen: { first: Peer[]; second: Peer[] } = { first: [], second: [] }
    const serve = async (name: 'first' | 'second', peer: Peer): Promise<void> => {
      seen[name].push(peer)
      for (let asked = 0; peer.state === 'open';) {
        await settle(1)
        const count = peer.text.split('\r\n\r\n').length - 1
        for (; asked < count; asked++) {
          await peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`)
        }
      }
    }
    void this.world.origins((peer) => void serve('first', peer))
    void (async () => {
      for await (const socket of this.#second) void serve('second', new Peer(socket))
    })()
    return seen
  }

  closeSecond(): void {
    this.#second.close()
  }

  async leftovers(): Promise<string[]> {
    this.#second.close()
    return await this.world.leftovers()
  }

  get states(): string[] {
    return this.group.servers.map(({ state }) => state)
  }

  get group(): Group {
    return this.world.proxy.upstreams.find('site.test')!.group
  }

  counts(): number[][] {
    return this.group.servers.map(({ active, chosen, failures }) => [active, chosen, failures])
  }
}
