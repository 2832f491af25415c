/** Bytes both ways, and how each way ends. */
import { expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { tunnel, type TunnelTotals } from '../../core/flow/tunnel.ts'
import { RELAY_LEAST, RELAY_SIZE } from '../../core/limits.ts'
import type { Endpoint, Socket } from '../../core/runtime.ts'
import { Machine, settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'

const NOTHING: Uint8Array = new Uint8Array(0)

interface Rests {
  readonly client?: Uint8Array
  readonly origin?: Uint8Array
}

class Lab {
  readonly machine = new Machine()
  readonly totals: TunnelTotals = { up: 0, down: 0, ended: false }
  /** What `progress` was told. */
  readonly progress: boolean[] = []
  client!: Peer
  origin!: Peer
  /** What the tunnel gave in the end; `null` before that. */
  broken: string | null = null
  sockets: Socket[] = []

  async pair(port: number): Promise<[Socket, Socket]> {
    const at: Endpoint = { family: 4, address: '127.0.0.1', port }
    const listener = await this.machine.listen(at)
    const [far, next] = await Promise.all([this.machine.connect(at).socket, listener.next()])
    return [far, next.value!]
  }

  /** `pulled`: pulls of both are under way already. */
  async open(rests: Rests = {}, pulled = false): Promise<this> {
    const [client, near] = await this.pair(1)
    const [origin, far] = await this.pair(2)
    this.client = new Peer(client)
    this.origin = new Peer(origin)
    this.sockets = [near, far]
    const end = (socket: Socket, rest = NOTHING) => ({ socket, rest, pull: pulled ? socket.next() : null })
    void tunnel(end(near, rests.client), end(far, rests.origin), this.totals, (ended) => this.progress.push(ended))
      .then((broken) => this.broken = broken)
    await settle()
    return this
  }

  /** Both sockets are closed. */
  get closed(): boolean {
    return this.machine.network.open.every((socket) => !this.sockets.includes(socket))
  }
}

for (const pulled of [false, true]) {
  test(`bytes both ways, then both ends${pulled ? ', with pulls under way' : ''}`, async () => {
    const lab = await new Lab().open({}, pulled)
    await lab.client.send('one', 'two')
    await lab.origin.send('three')
    await lab.client.send('four')
    expect([lab.origin.text, lab.client.text]).toEqual(['onetwofour', 'three'])
    expect(lab.broken).toBe(null)
    await lab.client.end()
    await lab.origin.end()
    expect([lab.client.state, lab.origin.state, lab.broken, lab.closed]).toEqual(['ended', 'ended', '', true])
    expect(lab.totals).toEqual({ up: 10, down: 5, ended: true })
  })

  const sides = [['client', 'origin'], ['origin', 'client']] as const
  test.each(sides)(`the %s ends, the %s goes on${pulled ? ', with pulls under way' : ''}`, async (one, other) => {
    const lab = await new Lab().open({}, pulled)
    await lab[one].send('last words')
    await lab[one].end()
    expect([lab[other].text, lab[other].state, lab[one].state]).toEqual(['last words', 'ended', 'open'])
    expect(lab.progress.at(-1)).toBe(true)
    await lab[other].send('much ', 'more')
    expect([lab[one].text, lab[one].state, lab.broken]).toEqual(['much more', 'open', null])
    await lab[other].end()
    expect([lab[one].state, lab.broken, lab.closed]).toEqual(['ended', '', true])
  })

  test.each(sides)(
    `a reset of the %s is one for the %s${pulled ? ', with pulls under way' : ''}`,
    async (one, other) => {
      const lab = await new Lab().open({}, pulled)
      await lab[one].send('hello')
      await lab[one].reset()
      expect([lab[other].text, lab[other].state, lab.broken, lab.closed]).toEqual(['hello', 'reset', 'reset', true])
    },
  )

  test.each(sides)(`after the %s ended, it is reset${pulled ? ', with pulls under way' : ''}`, async (one, other) => {
    const lab = await new Lab().open({}, pulled)
    await lab[one].end()
    await lab[one].reset()
    // Nobody reads from it any more: it is noticed at the next write.
    await lab[other].send('hello').catch(() => {})
    await lab[other].send('hello').catch(() => {})
    expect([lab.broken, lab.closed]).toEqual(['reset', true])
    await expect(lab[other].send('hello')).rejects.toThrow('reset')
  })
}

test('what was here already comes first', async () => {
  const lab = await new Lab().open({ client: toBytes('first '), origin: toBytes('before ') })
  await lab.client.send('then')
  await lab.origin.send('after')
  expect([lab.origin.text, lab.client.text]).toEqual(['first then', 'before after'])
  expect(lab.totals).toEqual({ up: 10, down: 12, ended: false })
})

test.each([1, 3, 65_536])('nothing is lost or changed in pieces of %d', async (piece) => {
  const lab = new Lab()
  lab.machine.network.piece = () => piece
  await lab.open()
  const text = Array.from({ length: 300 }, (_, i) => `${i},`).join('')
  await lab.client.send(text)
  await lab.client.end()
  await lab.origin.send(text)
  await lab.origin.end()
  while (lab.broken === null) await settle()
  expect([lab.origin.text === text, lab.client.text === text]).toEqual([true, true])
})

test('a side that does not read holds back the other, and loses nothing', async () => {
  const lab = new Lab()
  lab.machine.network.capacity = 1000
  await lab.open()
  lab.origin.pause()
  let sent = false
  const sending = lab.client.send('x'.repeat(10_000)).then(() => sent = true)
  await settle(20)
  expect(sent).toBe(false)
  expect(lab.totals.up).toBeLessThan(4000)
  // The other way goes on meanwhile.
  await lab.origin.send('hello')
  expect(lab.client.text).toBe('hello')
  await lab.origin.resume()
  await sending
  await settle(20)
  expect(lab.origin.text.length).toBe(10_000)
  expect(lab.totals.up).toBe(10_000)
})

test('a side that does not read, and is gone', async () => {
  const lab = new Lab()
  lab.machine.network.capacity = 1000
  await lab.open()
  lab.origin.pause()
  const sending = lab.client.send('x'.repeat(10_000))
  void sending.catch(() => {})
  await settle(20)
  await lab.origin.reset()
  await expect(sending).rejects.toThrow('reset')
  expect([lab.broken, lab.closed]).toEqual(['reset', true])
})

test('closed from outside: it ends at once', async () => {
  const lab = await new Lab().open()
  for (const socket of lab.sockets) socket.close()
  await settle()
  expect(lab.broken).not.toBe(null)
  expect([lab.client.state, lab.origin.state]).toEqual(['ended', 'ended'])
})

test('a bug in one direction does not hide, and leaves nobody waiting', async () => {
  const lab = new Lab()
  const [client, near] = await lab.pair(1)
  const [, far] = await lab.pair(2)
  const peer = new Peer(client)
  const tunnelling = tunnel(
    { socket: near, rest: NOTHING, pull: null },
    { socket: far, rest: NOTHING, pull: null },
    lab.totals,
    () => {
      throw new TypeError('broken on purpose')
    },
  )
  void tunnelling.catch(() => {})
  await peer.send('x')
  await expect(tunnelling).rejects.toThrow(TypeError)
})

/** A source whose pieces have these sizes, however they are asked for; tells how each was. Where one can move bytes unseen. */
class Source {
  readonly asked: string[] = []
  readonly #sizes: number[]

  constructor(sizes: readonly number[]) {
    this.#sizes = [...sizes]
  }

  readonly socket = {
    next: () => {
      const size = this.#take('read')
      return Promise.resolve(
        size === 0 ? { done: true, value: undefined } : { done: false, value: new Uint8Array(size) },
      )
    },
    relay: () => Promise.resolve(this.#take('unseen')),
    write: () => {},
    end: () => {},
    close: () => {},
    abort: () => {},
  } as unknown as Socket

  #take(how: string): number {
    this.asked.push(how)
    return this.#sizes.shift() ?? 0
  }
}

test.each([
  ['a dialogue is read', [1, RELAY_LEAST, RELAY_SIZE - 1], ['read', 'read', 'read', 'read']],
  [
    'a transfer is not, while its pieces are no smaller than they may be',
    [RELAY_SIZE, RELAY_LEAST, RELAY_LEAST],
    ['read', 'unseen', 'unseen', 'unseen'],
  ],
  [
    'less is a dialogue again, until the next transfer',
    [RELAY_SIZE, RELAY_LEAST - 1, RELAY_LEAST, RELAY_SIZE],
    ['read', 'unseen', 'read', 'read', 'unseen'],
  ],
])('where bytes can be moved unseen: %s', async (_, sizes, asked) => {
  const source = new Source(sizes)
  const other = new Source([])
  const end = ({ socket }: Source) => ({ socket, rest: NOTHING, pull: null })
  const totals = { up: 0, down: 0, ended: false }
  expect(await tunnel(end(source), end(other), totals, () => {})).toBe('')
  expect(source.asked).toEqual(asked)
  expect(totals.up).toBe(sizes.reduce((sum, size) => sum + size, 0))
})

test('where bytes can be moved unseen, that waits for who looks at the first ones', async () => {
  const source = new Source([RELAY_SIZE, RELAY_SIZE, RELAY_SIZE, RELAY_SIZE])
  const other = new Source([])
  const end = ({ socket }: Source) => ({ socket, rest: NOTHING, pull: null })
  const totals = { up: 0, down: 0, ended: false }
  let seen = 0
  const guard = {
    refused: false,
    get done() {
      return seen === 2
    },
    up: (bytes: Uint8Array) => {
      seen++
      return bytes
    },
    down: () => {},
    ended: () => NOTHING,
  }
  await tunnel(end(source), end(other), totals, () => {}, guard)
  expect(source.asked).toEqual(['read', 'read', 'unseen', 'unseen', 'unseen'])
  expect([seen, totals.up]).toEqual([2, 4 * RELAY_SIZE])
})
