/** Reaching a host: RFC 8305, with names that answer when the test says so. */
import { expect, test } from 'vitest'
import { Failure } from '../../core/failure.ts'
import { Destinations } from '../../core/filter/destinations.ts'
import { Dialler, type DialTimings } from '../../core/flow/dial.ts'
import type { Found } from '../../core/flow/found.ts'
import type { Race } from '../../core/flow/race.ts'
import { Resolver } from '../../core/flow/resolver.ts'
import { NoSource, UNBOUND } from '../../core/flow/sources.ts'
import { ATTEMPTS } from '../../core/limits.ts'
import type { Endpoint, Socket, SystemFailureCode } from '../../core/runtime.ts'
import { Machine, settle } from '../memory/machine.ts'
import type { Road } from '../memory/network.ts'
import { settingsOf } from '../proxy/world.ts'

const V4 = ['192.0.2.1', '192.0.2.2', '192.0.2.3']
const V6 = ['2001:db8::1', '2001:db8::2', '2001:db8::3']

/** Answers of names: after so many milliseconds, addresses or a failure; `null`: never. */
type Answer = { readonly after: number; readonly give: readonly string[] | Failure } | null

class Lab {
  readonly machine = new Machine({ elsewhere: [...V4, ...V6] })
  /** Addresses in the order they were dialled, and when. */
  readonly dialled: string[] = []
  readonly destination
  readonly timings: DialTimings = { dns: -1, connect: -1 }
  /** What became of the race. */
  socket: Socket | null = null
  failure: unknown = null
  spoof: Endpoint | null = null
  bind: readonly string[] = UNBOUND
  found: Found | null = null
  readonly #sets: string[]
  #race!: Race

  constructor(host = 'host.test', guarded = true, ...sets: string[]) {
    this.destination = { host, port: 80, guarded, family: 0 as 0 | 4 | 6 }
    this.#sets = sets
    const { network, clock } = this.machine
    const start = clock.now()
    const connect = network.connect.bind(network)
    network.connect = (to: Endpoint, options) => {
      this.dialled.push(`${clock.now() - start} ${to.address}${options?.from ? ` from ${options.from.address}` : ''}`)
      return connect(to, options)
    }
  }

  road(address: string, road: Road): this {
    this.machine.network.road(address, road)
    return this
  }

  async listen(...addresses: string[]): Promise<this> {
    for (const address of addresses) {
      await this.machine.listen({ family: address.includes(':') ? 6 : 4, address, port: 80 })
    }
    return this
  }

  /** Begin, with these answers of the names; `cached`: they are known already. */
  async race(six: Answer, four: Answer, cached = false): Promise<this> {
    const { machine } = this
    const settings = settingsOf(...this.#sets)
    const resolver = new Resolver(machine, settings.dns)
    const answers = { 4: four, 6: six }
    resolver.cached = (_, family) => {
      const answer = answers[family]
      return cached && answer !== null && !(answer.give instanceof Failure) ? answer.give : null
    }
    resolver.lookup = (_, family) => {
      const answer = answers[family]
      return new Promise((resolve, reject) => {
        if (answer === null) return
        machine.clock.after(answer.after, () => {
          if (answer.give instanceof Failure) reject(answer.give)
          else resolve(answer.give)
        })
      })
    }
    const destinations = new Destinations(settings.outgoing, machine.addresses())
    const dialler = new Dialler(machine, resolver, destinations, settings.outgoing)
    this.#race = dialler.reach(this.destination, this.timings, this.spoof, this.bind, this.found)
    this.#race.socket.then((socket) => this.socket = socket, (error) => this.failure = error)
    await settle()
    return this
  }

  get tried(): string {
    return this.#race.tried?.address ?? ''
  }

  pass(ms: number): Promise<void> {
    return this.machine.clock.advance(ms)
  }

  async cancel(): Promise<void> {
    this.#race.cancel(new Failure('client-left'))
    await settle()
  }

  get outcome(): string {
    if (this.failure instanceof Failure) return `${this.failure.code}: ${this.failure.detail}`
    return this.failure === null ? this.socket?.peer.address ?? 'open' : String(this.failure)
  }

  /** Sockets of ours that are open but for the one that won, and timers of the race. */
  get leftovers(): number {
    const ours = this.machine.network.open.filter(({ peer }) => peer.port === 80)
    return ours.filter((socket) => socket !== this.socket).length + this.machine.clock.pending
  }
}

const at = (after: number, ...give: string[]): Answer => ({ after, give })
const fails = (after: number, code: 'name-not-found' | 'name-failed' | 'name-timeout' | 'name-refused'): Answer => ({
  after,
  give: new Failure(code, 'so'),
})

const ORDERS: readonly [sets: string[], family: 0 | 4 | 6, first: string][] = [
  [[], 0, V6[0]],
  [[], 4, V4[0]],
  [[], 6, V6[0]],
  [['outgoing.prefer=ipv4'], 0, V4[0]],
  [['outgoing.prefer=ipv4'], 6, V4[0]],
  [['outgoing.prefer=ipv6'], 4, V6[0]],
  [['outgoing.ipv6=false'], 0, V4[0]],
  [['outgoing.ipv6=false', 'outgoing.prefer=ipv6'], 0, V4[0]],
  [['outgoing.ipv4=false', 'outgoing.prefer=ipv4'], 0, V6[0]],
]
for (const cached of [true, false]) {
  test.each(ORDERS)(
    `%j, after %d won: %s is first, names ${cached ? 'known' : 'asked'}`,
    async (sets, family, first) => {
      const lab = await new Lab('host.test', true, ...sets).listen(...V4, ...V6)
      lab.destination.family = family
      await lab.race(at(5, ...V6), at(5, ...V4), cached)
      await lab.pass(5)
      expect(lab.dialled).toEqual([`${cached ? 0 : 5} ${first}`])
      expect(lab.outcome).toBe(first)
      expect(lab.destination.family).toBe(first.includes(':') ? 6 : 4)
      expect(lab.timings.dns).toBe(cached ? 0 : 5)
      expect(lab.leftovers).toBe(0)
    },
  )
}

const COURSES: readonly [name: string, six: Answer, four: Answer, dialled: string[]][] = [
  ['the favoured family is waited for a little', at(40, V6[0]), at(10, V4[0]), [`40 ${V6[0]}`, `290 ${V4[0]}`]],
  ['and no longer', at(100, V6[0]), at(10, V4[0]), [`60 ${V4[0]}`, `310 ${V6[0]}`]],
  ['it comes when all attempts wait already', at(1000, V6[0]), at(10, V4[0]), [`60 ${V4[0]}`, `1000 ${V6[0]}`]],
  ['it never comes', null, at(10, V4[0]), [`60 ${V4[0]}`]],
  ['it has no address: no wait', at(20), at(10, V4[0]), [`20 ${V4[0]}`]],
  ['it fails: no wait', fails(20, 'name-failed'), at(10, V4[0]), [`20 ${V4[0]}`]],
  ['it failed before', fails(5, 'name-failed'), at(10, V4[0]), [`10 ${V4[0]}`]],
  ['the favoured one is first: no wait', at(10, V6[0]), at(20, V4[0]), [`10 ${V6[0]}`, `260 ${V4[0]}`]],
  ['the other never comes', at(10, V6[0]), null, [`10 ${V6[0]}`]],
  [
    'families take turns',
    at(0, ...V6),
    at(0, ...V4),
    [0, 250, 500, 750, 1000, 1250].map((time, i) => `${time} ${(i % 2 === 0 ? V6 : V4)[i >> 1]}`),
  ],
  [
    'one has more than the other',
    at(0, V6[0]),
    at(0, ...V4),
    [`0 ${V6[0]}`, `250 ${V4[0]}`, `500 ${V4[1]}`, `750 ${V4[2]}`],
  ],
]
test.each(COURSES)('where nobody answers: %s', async (_, six, four, dialled) => {
  const lab = new Lab()
  for (const address of [...V4, ...V6]) lab.road(address, 'hangs')
  await lab.race(six, four)
  await lab.pass(5000)
  expect(lab.dialled).toEqual(dialled)
  expect(lab.outcome).toBe('open')
  await lab.pass(10_000)
  expect(lab.outcome).toBe('connect-timeout: host.test port 80: no answer')
  expect(lab.leftovers).toBe(0)
})

test('a failure moves on at once', async () => {
  const lab = await new Lab().road(V6[0], 'unreachable').road(V4[0], { after: 30, then: 'refused' }).listen(V6[1])
  await lab.race(at(1, ...V6), at(0, ...V4))
  await lab.pass(31)
  expect(lab.dialled).toEqual([`1 ${V6[0]}`, `1 ${V4[0]}`, `31 ${V6[1]}`])
  expect(lab.outcome).toBe(V6[1])
  expect(lab.timings).toEqual({ dns: 1, connect: 30 })
  expect(lab.tried).toBe(V6[1])
  expect(lab.leftovers).toBe(0)
})

test('the first to answer wins, whenever it was dialled; the others are closed', async () => {
  const lab = await new Lab().road(V6[0], { after: 600 }).road(V4[0], { after: 300 }).listen(V6[0], V4[0])
  await lab.race(at(0, V6[0]), at(0, V4[0]))
  await lab.pass(549)
  expect(lab.outcome).toBe('open')
  await lab.pass(1)
  expect(lab.outcome).toBe(V4[0])
  expect(lab.destination.family).toBe(4)
  await lab.pass(1000)
  expect(lab.machine.network.open.filter(({ peer }) => peer.port === 80)).toEqual([lab.socket])
  expect(lab.machine.clock.pending).toBe(0)
})

const FAILURES: readonly [code: SystemFailureCode, outcome: string][] = [
  ['refused', 'connect-refused: host.test (192.0.2.1) port 80: refused'],
  ['reset', 'connect-refused: host.test (192.0.2.1) port 80: reset'],
  ['unreachable', 'connect-unreachable: host.test (192.0.2.1) port 80: unreachable'],
  ['timed-out', 'connect-timeout: host.test (192.0.2.1) port 80: timed-out'],
  ['denied', 'connect-failed: host.test (192.0.2.1) port 80: denied'],
  ['exhausted', 'source-unavailable: host.test (192.0.2.1) port 80: exhausted'],
  ['in-use', 'source-unavailable: host.test (192.0.2.1) port 80: in-use'],
  ['not-available', 'source-unavailable: host.test (192.0.2.1) port 80: not-available'],
]
test.each(FAILURES)('all fail with %s', async (code, outcome) => {
  const lab = new Lab().road(V6[0], 'unreachable').road(V4[0], code)
  await lab.race(at(0, V6[0]), at(0, V4[0]))
  await lab.pass(0)
  expect(lab.outcome).toBe(outcome)
  expect(lab.tried).toBe(V4[0])
  expect(lab.leftovers).toBe(0)
})

const NAMES: readonly [six: Answer, four: Answer, outcome: string][] = [
  [at(0), at(0), 'name-no-address: host.test has no address this proxy may use'],
  [fails(0, 'name-timeout'), at(0), 'name-timeout: so'],
  [at(0), fails(0, 'name-failed'), 'name-failed: so'],
  [fails(0, 'name-timeout'), fails(1, 'name-not-found'), 'name-not-found: so'],
  [fails(1, 'name-timeout'), fails(0, 'name-not-found'), 'name-not-found: so'],
  [fails(0, 'name-failed'), fails(0, 'name-timeout'), 'name-failed: so'],
  [fails(0, 'name-refused'), fails(0, 'name-refused'), 'name-refused: so'],
]
test.each(NAMES)('%j and %j', async (six, four, outcome) => {
  const lab = await new Lab().race(six, four)
  await lab.pass(1)
  expect(lab.outcome).toBe(outcome)
  expect(lab.dialled).toEqual([])
  expect(lab.timings.connect).toBe(-1)
  expect(lab.leftovers).toBe(0)
})

test('no more than so many addresses are tried', async () => {
  const many = Array.from({ length: 20 }, (_, i) => `192.0.2.${i + 100}`)
  const lab = new Lab()
  for (const address of many) lab.road(address, 'refused')
  await lab.race(at(0), at(0, ...many))
  await lab.pass(0)
  expect(lab.dialled.length).toBe(ATTEMPTS)
  expect(lab.outcome).toMatch(/^connect-refused: /)
  expect(lab.leftovers).toBe(0)
})

test('addresses that are refused are left out, the others tried', async () => {
  const lab = await new Lab('host.test', true, 'outgoing.deny=["2001:db8::/126", "192.0.2.1/32"]').listen(V4[1])
  await lab.race(at(0, ...V6), at(0, '127.0.0.1', V4[0], V4[1]))
  await lab.pass(0)
  expect(lab.dialled).toEqual([`0 ${V4[1]}`])
  expect(lab.outcome).toBe(V4[1])
})

const REFUSED: readonly [host: string, addresses: string[], outcome: string][] = [
  ['host.test', ['127.0.0.1'], 'local-refused: host.test is 127.0.0.1'],
  ['host.test', ['10.0.0.1'], 'destination-refused: host.test is 10.0.0.1'],
  ['127.0.0.1', [], 'local-refused: 127.0.0.1'],
  ['10.0.0.1', [], 'destination-refused: 10.0.0.1'],
]
test.each(REFUSED)('all of %s %j refused: nothing is dialled', async (host, addresses, outcome) => {
  const lab = await new Lab(host, true, 'outgoing.deny=["10.0.0.0/8"]').race(at(0), at(0, ...addresses))
  await lab.pass(1)
  expect(lab.outcome).toBe(outcome)
  expect(lab.dialled).toEqual([])
  expect(lab.tried).toBe('')
  expect(lab.leftovers).toBe(0)
})

test('what the operator wrote down is not judged', async () => {
  const lab = await new Lab('127.0.0.1', false).listen('127.0.0.1')
  await lab.race(null, null)
  expect(lab.outcome).toBe('127.0.0.1')
})

test('an address needs no name server, but its family', async () => {
  const lab = await new Lab('192.0.2.1', true, 'outgoing.ipv4=false').race(null, null)
  expect(lab.outcome).toBe('connect-unreachable: IPv4 is switched off, and 192.0.2.1 needs it')
  expect(lab.leftovers).toBe(0)
  const other = await new Lab('2001:db8::1').listen(V6[0])
  await other.race(null, null)
  expect([other.outcome, other.timings.dns]).toEqual([V6[0], 0])
})

test('connections come from where they are told to', async () => {
  const lab = new Lab('host.test', true, 'outgoing.bind4=192.0.2.3', 'outgoing.bind6=2001:db8::3')
  await lab.listen(V4[0])
  await lab.race(at(0, V6[0]), at(0, V4[0]))
  await lab.pass(0)
  expect(lab.dialled).toEqual([`0 ${V6[0]} from 2001:db8::3`, `0 ${V4[0]} from 192.0.2.3`])
  expect(lab.socket?.local.address).toBe('192.0.2.3')
})

const SPENT: readonly [sets: string[], bind: string[], from: string][] = [
  [['outgoing.bind4=192.0.2.3'], [], ' from 192.0.2.3'],
  [['outgoing.bind4=192.0.2.3,192.0.2.2'], [], ' from 192.0.2.3, 192.0.2.2'],
  [['outgoing.bind4=192.0.2.3'], ['192.0.2.2', '2001:db8::2'], ' from 192.0.2.2'],
  [['outgoing.bind6=2001:db8::2'], [], ''],
]
test.each(SPENT)('with %j, bind %j: what fails for want of a source says which', async (sets, bind, from) => {
  const lab = new Lab('host.test', true, ...sets).road(V4[0], 'not-available')
  lab.bind = bind
  await lab.race(at(0), at(0, V4[0]))
  await lab.pass(0)
  expect(lab.outcome).toBe(`source-unavailable: host.test (192.0.2.1) port 80: not-available${from}`)
  expect(lab.failure).toBeInstanceOf(NoSource)
  expect(lab.leftovers).toBe(0)
})

const needs = (address: string, of: 4 | 6, from: string): string =>
  `connect-unreachable: host.test (${address}) needs IPv${of}, and is to be reached from ${from}`

const FROM4 = ['192.0.2.3']
const FROM6 = ['2001:db8::3']
const BOUND: readonly [bind: string[], six: string[], four: string[], dialled: string[], outcome: string][] = [
  [FROM4, [V6[0]], [V4[0]], ['0 192.0.2.1 from 192.0.2.3'], V4[0]],
  [FROM6, [V6[0]], [V4[0]], ['0 2001:db8::1 from 2001:db8::3'], V6[0]],
  [[...FROM4, ...FROM6], [V6[0]], [V4[0]], ['0 2001:db8::1 from 2001:db8::3'], V6[0]],
  [FROM4, [V6[0]], [], [], needs(V6[0], 6, 'bind 192.0.2.3')],
  [FROM6, [], [V4[0]], [], needs(V4[0], 4, 'bind 2001:db8::3')],
  [FROM4, [], [], [], 'name-no-address: host.test has no address this proxy may use'],
]
test.each(BOUND)('bind %j of %j and %j', async (bind, six, four, dialled, outcome) => {
  const lab = await new Lab('host.test', true, 'outgoing.bind4=192.0.2.2', 'outgoing.bind6=2001:db8::2')
    .listen(...V4, ...V6)
  lab.bind = bind
  await lab.race(at(0, ...six), at(0, ...four))
  await lab.pass(1000)
  expect([lab.dialled, lab.outcome]).toEqual([dialled, outcome])
  expect(lab.leftovers).toBe(0)
})

test('an address of the other family than bind', async () => {
  const lab = await new Lab(V6[0]).listen(V6[0])
  lab.bind = FROM4
  await lab.race(null, null)
  expect(lab.outcome).toBe(
    'connect-unreachable: 2001:db8::1 needs IPv6, and is to be reached from bind 192.0.2.3',
  )
})

const SPOOFED: readonly [address: string, six: string[], four: string[], dialled: string[], outcome: string][] = [
  ['192.0.2.2', [V6[0]], [V4[0]], ['0 192.0.2.1 from 192.0.2.2'], V4[0]],
  ['2001:db8::2', [V6[0]], [V4[0]], ['0 2001:db8::1 from 2001:db8::2'], V6[0]],
  ['192.0.2.2', [V6[0]], [], [], needs(V6[0], 6, "the client's address 192.0.2.2")],
  ['2001:db8::2', [], [V4[0]], [], needs(V4[0], 4, "the client's address 2001:db8::2")],
]
test.each(SPOOFED)('as %s to %j and %j', async (address, six, four, dialled, outcome) => {
  const lab = await new Lab().listen(...V4, ...V6)
  lab.spoof = { family: address.includes(':') ? 6 : 4, address, port: 0 }
  // Who the client is counts more than what a rule has for everyone.
  lab.bind = [...FROM4, ...FROM6]
  await lab.race(at(0, ...six), at(0, ...four))
  await lab.pass(1000)
  expect([lab.dialled, lab.outcome]).toEqual([dialled, outcome])
})

const NOBODY_SAYS = new Failure('name-failed', 'so')
const JUDGED: readonly [six: string[] | Failure, four: string[] | Failure, dialled: string[], outcome: string][] = [
  [[V6[0]], [V4[0]], ['0 2001:db8::1'], V6[0]],
  [[], [V4[0]], ['0 192.0.2.1'], V4[0]],
  [[V6[1]], [V4[0]], ['0 2001:db8::2', '0 192.0.2.1'], V4[0]],
  [NOBODY_SAYS, [V4[0]], ['0 192.0.2.1'], V4[0]],
  [[], [], [], 'name-no-address: host.test has no address this proxy may use'],
  [NOBODY_SAYS, [], [], 'name-failed: so'],
  [[], NOBODY_SAYS, [], 'name-failed: so'],
  [new Failure('name-timeout', 'late'), NOBODY_SAYS, [], 'name-failed: so'],
]
test.each(JUDGED)('judged as %j and %j, it is nothing else', async (six, four, dialled, outcome) => {
  const lab = await new Lab().listen(V6[0], V4[0])
  lab.found = { host: 'host.test', 6: six, 4: four }
  // The name server has changed its mind.
  await lab.race(at(0, V6[2]), at(0, V4[2]))
  await lab.pass(1000)
  expect([lab.dialled, lab.outcome]).toEqual([dialled, outcome])
  expect(lab.leftovers).toBe(0)
})

const CANCELS: readonly [name: string, ms: number][] = [
  ['while names are asked for', 1],
  ['while the favoured family is waited for', 20],
  ['while connecting', 100],
  ['while connecting twice', 400],
]
test.each(CANCELS)('cancelled %s: nothing is left, and what comes later is closed', async (_, ms) => {
  const lab = await new Lab().road(V4[0], { after: 3000 }).road(V4[1], { after: 3000 }).listen(V4[0], V4[1])
  await lab.race(null, at(10, V4[0], V4[1]))
  await lab.pass(ms)
  await lab.cancel()
  expect(lab.outcome).toBe('client-left: ')
  await lab.pass(60_000)
  expect(lab.outcome).toBe('client-left: ')
  expect(lab.leftovers).toBe(0)
})

test('cancelled after it was won: the socket stays whose it is', async () => {
  const lab = await new Lab().listen(V4[0])
  await lab.race(at(0), at(0, V4[0]))
  await lab.pass(0)
  await lab.cancel()
  expect(lab.outcome).toBe(V4[0])
  await lab.socket?.write(Uint8Array.of(1))
  expect(lab.leftovers).toBe(0)
})

test('a bug in judging or dialling is one of the race, and nothing is left', async () => {
  const lab = new Lab().road(V6[0], 'hangs')
  const connect = lab.machine.network.connect
  lab.machine.network.connect = (to, options) => {
    if (to.family === 4) throw new TypeError('broken on purpose')
    return connect(to, options)
  }
  await lab.race(at(0, V6[0]), at(0, V4[0]))
  await lab.pass(250)
  expect(lab.outcome).toBe('TypeError: broken on purpose')
  expect(lab.leftovers).toBe(0)
})
