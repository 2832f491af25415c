import { describe, expect, test } from 'vitest'
import { loadPages } from '../../core/proxy/pages.ts'
import { Proxy } from '../../core/proxy/proxy.ts'
import { Machine, settle } from '../memory/machine.ts'
import { settingsOf } from './world.ts'

class Lab {
  readonly machine: Machine
  readonly proxy: Proxy
  readonly bugs: unknown[] = []
  addresses = ['127.0.0.1', '192.0.2.7', '192.0.2.8']

  private constructor(machine: Machine, proxy: (lab: Lab) => Proxy) {
    this.machine = Object.assign(machine, { addresses: () => this.addresses })
    this.proxy = proxy(this)
  }

  static async make(...sets: string[]): Promise<Lab> {
    const machine = new Machine({ addresses: ['192.0.2.7', '192.0.2.8'], elsewhere: ['198.51.100.1'] })
    const settings = settingsOf(...sets)
    const pages = await loadPages(machine, settings.http)
    return new Lab(machine, (lab) => new Proxy(machine, settings, pages, (error) => lab.bugs.push(error)))
  }

  /** The interfaces have these addresses by the next time they are looked at. */
  async change(...addresses: string[]): Promise<void> {
    this.addresses = addresses
    await this.machine.clock.advance(11_000)
  }

  async connected(host: string, bind: readonly string[] = []) {
    const { origins } = this.proxy
    const origin = origins.find(host, 80, true)
    const race = origins.reach(origin, this.proxy.timings(), null, bind)
    return origins.connection(await race.socket, origin)
  }

  close(): void {
    this.proxy.close()
    expect(this.bugs).toEqual([])
  }
}

test('addresses this machine gets later are its own, too', async () => {
  const lab = await Lab.make()
  const { destinations } = lab.proxy
  expect(destinations.refuses('192.0.2.7', 80)).toBe('local-refused')
  await lab.change('127.0.0.1', '192.0.2.9')
  expect(destinations.refuses('192.0.2.9', 80)).toBe('local-refused')
  expect(destinations.refuses('192.0.2.7', 80)).toBeNull()
  lab.close()
})

describe('connections that wait, when addresses come and go', () => {
  test.each(
    [
      ['nothing', ['127.0.0.1', '192.0.2.7', '192.0.2.8'], true],
      ['another', ['127.0.0.1', '192.0.2.7', '192.0.2.9'], true],
      ['the one they come from', ['127.0.0.1', '192.0.2.8'], false],
      ['the one they lead to', ['127.0.0.1', '192.0.2.7', '192.0.2.8', '198.51.100.1'], false],
    ] as const,
  )('%s', async (_, addresses, stay) => {
    const lab = await Lab.make('outgoing.bind4=192.0.2.7')
    await lab.machine.listen({ family: 4, address: '198.51.100.1', port: 80 })
    const { origins } = lab.proxy
    const [kept, bound, used] = [
      await lab.connected('198.51.100.1'),
      await lab.connected('198.51.100.1', ['192.0.2.7']),
      await lab.connected('198.51.100.1'),
    ]
    origins.give(kept)
    origins.bind(bound)
    await settle()
    await lab.change(...addresses)
    expect([origins.kept, origins.open]).toEqual(stay ? [1, 3] : [0, 1])
    // Of one in use, whoever uses it takes care.
    expect(used.slot).not.toBe(-1)
    expect(origins.unbind(bound)).toBe(stay)
    lab.close()
  })

  test('from an address that was never of an interface, as that of a client', async () => {
    const lab = await Lab.make('outgoing.bind4=127.0.0.9')
    await lab.machine.listen({ family: 4, address: '198.51.100.1', port: 80 })
    lab.proxy.origins.give(await lab.connected('198.51.100.1'))
    await settle()
    await lab.change('127.0.0.1')
    expect(lab.proxy.origins.kept).toBe(1)
    lab.close()
  })

  test('an address that is reached by NAT64 comes to this machine', async () => {
    const lab = await Lab.make()
    const { origins } = lab.proxy
    const translated = '64:ff9b::c000:263'
    await lab.machine.listen({ family: 6, address: '::', port: 80 })
    origins.give(await lab.connected(translated))
    await settle()
    await lab.change(...lab.addresses, '192.0.2.99')
    expect(origins.kept).toBe(0)
    lab.close()
  })
})
