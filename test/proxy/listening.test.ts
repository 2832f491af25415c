/** Sockets that were left to the service, and what is said where listening cannot be. */
import { describe, expect, test } from 'vitest'
import { EXIT } from '../../core/exit_codes.ts'
import { Inherited, listenAt, placesOf } from '../../core/proxy/listening.ts'
import type { Endpoint, Listener, Runtime } from '../../core/runtime.ts'
import { SystemFailure } from '../../core/runtime.ts'
import { Machine } from '../memory/machine.ts'
import { settingsOf } from './world.ts'

const at = (port: number): Endpoint => ({ family: 4, address: '127.0.0.1', port })

/** A machine whose starter left it sockets at these ports. */
async function left(...ports: number[]): Promise<{ machine: Machine; listeners: Listener[] }> {
  const machine = new Machine()
  const listeners = await Promise.all(ports.map((port) => machine.listen(at(port))))
  const inherited: Runtime['inherited'] = (index) => {
    const listener = listeners[index]
    return listener === undefined ? Promise.reject(new SystemFailure('missing', '')) : Promise.resolve(listener)
  }
  return { machine: Object.assign(machine, { inherited }), listeners }
}

describe('Inherited', () => {
  test('each is taken by where it listens, whatever their order, and what is left is let go', async () => {
    const { machine, listeners } = await left(1, 2, 3)
    const inherited = new Inherited(machine)
    expect(await inherited.take('a', at(3), {})).toBe(listeners[2])
    expect(await inherited.take('b', at(1), {})).toBe(listeners[0])
    await expect(inherited.take('c', at(1), {})).rejects.toThrow('ListenStream=127.0.0.1:1 and Transparent=yes')
    expect(inherited.release()).toEqual([at(2)])
    expect(await listeners[1]!.next()).toEqual({ done: true, value: undefined })
  })

  test('none was left', async () => {
    const { machine } = await left()
    const taking = new Inherited(machine).take('listener web', at(1), {})
    await expect(taking).rejects.toMatchObject({ exit: EXIT.unavailable })
  })

  test('a machine that cannot', async () => {
    const taking = new Inherited(new Machine()).take('listener web', at(1), {})
    await expect(taking).rejects.toThrow('listener web cannot take the sockets that were left to it: unsupported')
  })

  test('what was never asked for is left alone', () => expect(new Inherited(new Machine()).release()).toEqual([]))
})

test('placesOf() says which are inherited', () => {
  const settings = settingsOf('listener.http.mode=transparent', 'listener.http.capture=inherited')
  expect(placesOf(settings)).toEqual([{ listener: 'http', at: at(3128), inherited: true }])
  expect(placesOf(settingsOf())).toEqual([{ listener: 'http', at: at(3128) }])
})

test.each(
  [
    ['unsupported', EXIT.unavailable, 'capture = "inherited"'],
    ['denied', EXIT.no_permission, 'CAP_NET_ADMIN'],
    ['in-use', EXIT.unavailable, 'the address is in use'],
  ] as const,
)('what TPROXY brings cannot be taken: %s', async (code, exit, words) => {
  const machine = Object.assign(new Machine(), { listen: () => Promise.reject(new SystemFailure(code, '')) })
  const listening = listenAt(machine, 'listener web', at(1), { transparent: true })
  await expect(listening).rejects.toMatchObject({ exit, message: expect.stringContaining(words) })
})
