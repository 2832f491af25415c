/** Reaching IPv4 through a translator: what is dialled in its place, when it is asked for, and what is refused. */
import { expect, test } from 'vitest'
import { Failure } from '../../core/failure.ts'
import { Destinations } from '../../core/filter/destinations.ts'
import { Dialler, type DialTimings } from '../../core/flow/dial.ts'
import { Resolver } from '../../core/flow/resolver.ts'
import { NAT64_CHECK } from '../../core/limits.ts'
import type { Endpoint, Socket } from '../../core/runtime.ts'
import { Machine, settle } from '../memory/machine.ts'
import { settingsOf } from '../proxy/world.ts'

const FOUR = '192.0.2.33'
const SIX = '2001:db8::1'
const TRANSLATED = '64:ff9b::c000:221'
const OWN = '2001:db8:64::/96'
const OWN_TRANSLATED = '2001:db8:64::c000:221'

type Answer = readonly string[] | Failure

class Lab {
  readonly machine: Machine
  readonly dialler: Dialler
  /** Names -> their addresses, of both families; `null`: no answer until it is given. */
  readonly names = new Map<string, Answer | null>()
  readonly asked: string[] = []
  readonly dialled: string[] = []
  readonly #waiting: (() => void)[] = []

  private constructor(sets: readonly string[], addresses: readonly string[]) {
    this.machine = new Machine({ addresses, elsewhere: [FOUR, SIX, TRANSLATED, OWN_TRANSLATED] })
    const { network } = this.machine
    const connect = network.connect.bind(network)
    network.connect = (to: Endpoint, options) => {
      this.dialled.push(to.address)
      return connect(to, options)
    }
    const settings = settingsOf(...sets)
    const resolver = new Resolver(this.machine, settings.dns)
    resolver.cached = () => null
    resolver.lookup = (name, family) => this.#lookup(name, family)
    const destinations = new Destinations(settings.outgoing, this.machine.addresses())
    this.dialler = new Dialler(this.machine, resolver, destinations, settings.outgoing)
    this.names.set('host.test', [FOUR])
    this.names.set('ipv4only.arpa', [])
  }

  /** With servers at all of these. */
  static async make(sets: readonly string[], addresses: readonly string[], ...servers: string[]): Promise<Lab> {
    const lab = new Lab(sets, addresses)
    for (const address of servers) {
      await lab.machine.listen({ family: address.includes(':') ? 6 : 4, address, port: 80 })
    }
    return lab
  }

  async #lookup(name: string, family: 4 | 6): Promise<readonly string[]> {
    this.asked.push(`${name} ${family}`)
    if (this.names.get(name) === null) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    const answer = this.names.get(name) ?? new Failure('name-not-found', name)
    if (answer instanceof Failure) throw answer
    return answer.filter((address) => address.includes(':') === (family === 6))
  }

  async tell(name: string, answer: Answer): Promise<void> {
    this.names.set(name, answer)
    for (const wake of this.#waiting.splice(0)) wake()
    await settle()
  }

  /** What became of it: the address that answered, a failure, or `open`. */
  async reach(host: string, guarded = true): Promise<string> {
    const timings: DialTimings = { dns: -1, connect: -1 }
    const race = this.dialler.reach({ host, port: 80, guarded, family: 0 }, timings)
    let outcome = 'open'
    race.socket.then(
      (socket: Socket) => outcome = socket.peer.address,
      (error) => outcome = error instanceof Failure ? `${error.code}: ${error.detail}` : String(error),
    )
    await settle()
    await this.machine.clock.advance(0)
    return outcome
  }
}

const PREFIX = 'outgoing.nat64=64:ff9b::/96'
const AUTO = 'outgoing.nat64=auto'

/** Options, this machine's addresses, the host, and the address that is dialled first. */
const DIALLED: readonly [sets: string[], addresses: string[], host: string, first: string][] = [
  [[PREFIX], ['2001:db8::7'], 'host.test', TRANSLATED],
  [[PREFIX], ['2001:db8::7'], FOUR, TRANSLATED],
  [[PREFIX], ['2001:db8::7', '169.254.7.7'], FOUR, TRANSLATED],
  [[PREFIX], ['2001:db8::7', '10.0.0.7'], FOUR, FOUR],
  [[PREFIX], ['2001:db8::7', '10.0.0.7'], 'host.test', FOUR],
  [[PREFIX, 'outgoing.ipv4=false'], ['2001:db8::7', '10.0.0.7'], FOUR, TRANSLATED],
  [[PREFIX, 'outgoing.prefer=ipv4'], ['2001:db8::7'], 'host.test', TRANSLATED],
  [[`outgoing.nat64=${OWN}`], ['2001:db8::7'], 'host.test', OWN_TRANSLATED],
  [[], ['2001:db8::7'], FOUR, FOUR],
]
test.each(DIALLED)('%j on a machine with %j: %s is dialled as %s', async (sets, addresses, host, first) => {
  const lab = await Lab.make(sets, addresses, FOUR, TRANSLATED, OWN_TRANSLATED)
  expect(await lab.reach(host)).toBe(first)
  expect(lab.dialled).toEqual([first])
})

test('IPv6 of its own comes first, and an address that the name server translated too is dialled once', async () => {
  const lab = await Lab.make([PREFIX], [], TRANSLATED)
  lab.names.set('host.test', [SIX, TRANSLATED, FOUR])
  lab.machine.network.road(SIX, 'refused')
  expect(await lab.reach('host.test')).toBe(TRANSLATED)
  lab.machine.network.road(TRANSLATED, 'refused')
  lab.dialled.length = 0
  expect(await lab.reach('host.test')).toMatch(/^connect-refused: /)
  expect(lab.dialled).toEqual([SIX, TRANSLATED])
})

const REFUSED: readonly [sets: string[], host: string, outcome: string][] = [
  [['outgoing.deny=10.0.0.0/8'], '10.0.0.1', 'destination-refused: 10.0.0.1'],
  [['outgoing.deny=10.0.0.0/8'], '64:ff9b::a00:1', 'destination-refused: 64:ff9b::a00:1'],
  [['outgoing.deny=192.0.2.0/24'], FOUR, `destination-refused: ${FOUR}`],
  [['outgoing.deny=64:ff9b::/96'], FOUR, `destination-refused: ${FOUR} is reached as ${TRANSLATED}`],
  [[], '127.0.0.1', 'local-refused: 127.0.0.1'],
  [[], '64:ff9b::7f00:1', 'local-refused: 64:ff9b::7f00:1'],
  [[], '10.0.0.1', 'connect-unreachable: 10.0.0.1 needs IPv4, and is none that NAT64 translates'],
  [[], '169.254.169.254', 'connect-unreachable: 169.254.169.254 needs IPv4, and is none that NAT64 translates'],
]
test.each(REFUSED)('%j: %s is not dialled: %s', async (sets, host, outcome) => {
  const lab = await Lab.make([PREFIX, ...sets], [])
  expect(await lab.reach(host)).toBe(outcome)
  expect(lab.dialled).toEqual([])
})

test("what is this machine's own needs no translator", async () => {
  const lab = await Lab.make([PREFIX], [], '127.0.0.1')
  expect(await lab.reach('127.0.0.1', false)).toBe('127.0.0.1')
  const other = await Lab.make([PREFIX, 'outgoing.ipv4=false'], [])
  expect(await other.reach('127.0.0.1', false)).toMatch(/^connect-unreachable: /)
})

test('auto: the first waits until the name servers have told, the next ask nobody', async () => {
  const lab = await Lab.make([AUTO], [], TRANSLATED, OWN_TRANSLATED)
  lab.names.set('ipv4only.arpa', null)
  expect(await lab.reach(FOUR)).toBe('open')
  expect(lab.asked).toEqual(['ipv4only.arpa 6'])
  expect(lab.dialled).toEqual([])
  await lab.tell('ipv4only.arpa', ['64:ff9b::c000:aa', '192.0.0.170'])
  expect(lab.dialled).toEqual([TRANSLATED])
  expect(await lab.reach(FOUR)).toBe(TRANSLATED)
  expect(lab.asked).toEqual(['ipv4only.arpa 6'])
  // Later they are asked beside, and what is then known counts.
  lab.names.set('ipv4only.arpa', null)
  await lab.machine.clock.advance(NAT64_CHECK)
  expect(await lab.reach(FOUR)).toBe(TRANSLATED)
  await lab.tell('ipv4only.arpa', ['2001:db8:64::c000:ab'])
  expect(await lab.reach(FOUR)).toBe(OWN_TRANSLATED)
  expect(lab.asked).toEqual(['ipv4only.arpa 6', 'ipv4only.arpa 6'])
})

test('auto: nobody could say, and the next one asks again', async () => {
  const lab = await Lab.make([AUTO], [], TRANSLATED)
  lab.names.set('ipv4only.arpa', new Failure('name-timeout', 'silence'))
  expect(await lab.reach(FOUR)).toBe(
    `connect-unreachable: ${FOUR} needs IPv4, and no NAT64 is known: name-timeout: silence`,
  )
  lab.names.set('ipv4only.arpa', ['64:ff9b::c000:aa'])
  expect(await lab.reach(FOUR)).toBe(TRANSLATED)
  // What is known holds while nobody can say.
  lab.names.set('ipv4only.arpa', new Failure('name-timeout', 'silence'))
  await lab.machine.clock.advance(NAT64_CHECK)
  expect(await lab.reach(FOUR)).toBe(TRANSLATED)
})

test('auto: where there is no translator, it is said', async () => {
  const lab = await Lab.make([AUTO], [], SIX)
  expect(await lab.reach(FOUR)).toBe(
    `connect-unreachable: ${FOUR} needs IPv4, and no NAT64 is known: ` +
      'ipv4only.arpa has no IPv6 address that tells of one',
  )
  lab.names.set('host.test', [SIX, FOUR])
  expect(await lab.reach('host.test')).toBe(SIX)
})

test('auto: the prefix is known to the judge before anything is dialled, native IPv4 or not', async () => {
  for (const addresses of [[], ['10.9.9.9']]) {
    const lab = await Lab.make([AUTO, 'outgoing.deny=10.0.0.0/8'], addresses)
    lab.names.set('ipv4only.arpa', ['2001:db8:64::c000:aa'])
    expect(await lab.reach('2001:db8:64::a00:1')).toBe('destination-refused: 2001:db8:64::a00:1')
    expect(lab.dialled).toEqual([])
  }
})

test('a machine that gets IPv4 reaches it by that', async () => {
  const lab = await Lab.make([PREFIX], [], FOUR, TRANSLATED)
  expect(await lab.reach(FOUR)).toBe(TRANSLATED)
  lab.dialler.refresh(['127.0.0.1', '10.0.0.7'])
  expect(await lab.reach(FOUR)).toBe(FOUR)
  lab.dialler.refresh(['127.0.0.1'])
  expect(await lab.reach(FOUR)).toBe(TRANSLATED)
})

test.each<[locals: string, four: readonly string[] | Failure, six: readonly string[], address: string, leads: boolean]>(
  [
    ['2001:db8::7', [FOUR], [], TRANSLATED, true],
    ['2001:db8::7', [FOUR], [], FOUR, false],
    ['2001:db8::7', [FOUR], [], OWN_TRANSLATED, false],
    ['2001:db8::7', ['127.0.0.1'], [], '127.0.0.1', true],
    ['2001:db8::7', [FOUR], [SIX], SIX, true],
    ['2001:db8::7', new Failure('name-failed'), [TRANSLATED], TRANSLATED, true],
    ['2001:db8::7', new Failure('name-failed'), [], TRANSLATED, false],
    ['10.0.0.7', [FOUR], [], FOUR, true],
    ['10.0.0.7', [FOUR], [], TRANSLATED, false],
  ],
)('on a machine with %s, %j and %j lead to %s: %s', async (locals, four, six, address, leads) => {
  const { dialler } = await Lab.make([PREFIX], [locals])
  expect(dialler.leads({ host: 'host.test', 4: four, 6: six }, address)).toBe(leads)
})

test('what was found is translated as what is looked up is', async () => {
  const lab = await Lab.make([PREFIX], ['2001:db8::7'], TRANSLATED)
  const found = await lab.dialler.find('host.test')
  expect(found).toEqual({ host: 'host.test', 4: [FOUR], 6: [] })
  lab.names.set('host.test', [SIX])
  const race = lab.dialler.reach(
    { host: 'host.test', port: 80, guarded: true, family: 0 },
    { dns: -1, connect: -1 },
    null,
    [],
    found,
  )
  expect((await race.socket).peer.address).toBe(TRANSLATED)
  lab.names.set('host.test', new Failure('name-failed', 'so'))
  expect(await lab.dialler.find('host.test')).toMatchObject({ 4: { code: 'name-failed' }, 6: { code: 'name-failed' } })
})
