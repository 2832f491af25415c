/** Where connections come from: addresses in turns, those without a port left passed over, and what sockets are told. */
import { expect, test } from 'vitest'
import { sourceOf, Sources, toldOptions } from '../../core/flow/sources.ts'
import type { Connecting, ConnectOptions, Endpoint, Runtime } from '../../core/runtime.ts'
import { SystemFailure, type SystemFailureCode } from '../../core/runtime.ts'
import { Machine } from '../memory/machine.ts'

const TO: Endpoint = { family: 4, address: '192.0.2.1', port: 80 }
const POOL = ['192.0.2.11', '192.0.2.12', '192.0.2.13']
const NOTHING = { mark: 0, tos: 0, keep_alive: 0, user_timeout: 0 }

/** A machine whose connects from `spent` addresses fail so. `tried`: the addresses they were to come from. */
function machine(
  spent: ReadonlyMap<string, SystemFailureCode>,
): { runtime: Runtime; tried: string[]; told: unknown[] } {
  const runtime = new Machine({ addresses: POOL, elsewhere: [TO.address] })
  const tried: string[] = []
  const told: unknown[] = []
  const { connect } = runtime
  const instead = (to: Endpoint, options?: ConnectOptions): Connecting => {
    const from = options?.from?.address ?? ''
    tried.push(from)
    told.push(options)
    const code = spent.get(from)
    return code === undefined ? connect(to, options) : {
      socket: Promise.reject(new SystemFailure(code, 'so')),
      cancel() {},
    }
  }
  return { runtime: Object.assign(runtime, { connect: instead }), tried, told }
}

test.each([
  [NOTHING, undefined],
  [{ ...NOTHING, mark: 7 }, { mark: 7 }],
  [{ mark: 1, tos: 184, keep_alive: 1000, user_timeout: 2000 }, {
    mark: 1,
    tos: 184,
    keepAlive: 1000,
    userTimeout: 2000,
  }],
])('%j: sockets are told %j', async (settings, options) => {
  expect(toldOptions(settings)).toEqual(options)
  const { runtime, told } = machine(new Map())
  await runtime.listen(TO)
  ;(await new Sources(settings, [], 4).connect(runtime, TO).socket).close()
  ;(await new Sources(settings, ['192.0.2.11'], 4).connect(runtime, TO).socket).close()
  expect(told).toEqual([options, { ...options, from: { family: 4, address: '192.0.2.11', port: 0 } }])
})

test('addresses take turns', async () => {
  const { runtime, tried } = machine(new Map())
  await runtime.listen(TO)
  const sources = new Sources(NOTHING, POOL, 4)
  for (const address of [...POOL, ...POOL]) {
    const socket = await sources.connect(runtime, TO).socket
    expect(socket.local.address).toBe(address)
    socket.close()
  }
  expect(tried).toEqual([...POOL, ...POOL])
})

const SPENT: readonly [code: SystemFailureCode, spent: string[], tried: string[], outcome: string][] = [
  ['not-available', ['192.0.2.11'], ['192.0.2.11', '192.0.2.12'], '192.0.2.12'],
  ['in-use', ['192.0.2.11', '192.0.2.12'], POOL, '192.0.2.13'],
  ['not-available', POOL, POOL, 'not-available (so)'],
  ['refused', ['192.0.2.11'], ['192.0.2.11'], 'refused (so)'],
  ['unsupported', ['192.0.2.11'], ['192.0.2.11'], 'unsupported (so)'],
]
test.each(SPENT)('%s from %j: %j are tried, and it is %s', async (code, spent, addresses, outcome) => {
  const { runtime, tried } = machine(new Map(spent.map((address) => [address, code])))
  await runtime.listen(TO)
  const sources = new Sources(NOTHING, POOL, 4)
  expect(
    await sources.connect(runtime, TO).socket.then((socket) => socket.local.address, (error) => error.message),
  ).toBe(outcome)
  expect(tried).toEqual(addresses)
})

test.each([
  [[], null],
  [['2001:db8::1'], null],
  [['2001:db8::1', '192.0.2.11'], '192.0.2.11'],
])('of %j, a connection over IPv4 comes from %s', (bind, address) => {
  expect(sourceOf(bind, TO.family)).toEqual(address === null ? null : { family: 4, address, port: 0 })
})

test('one that was given up tries no other', async () => {
  const { runtime, tried } = machine(new Map())
  ;(runtime as Machine).network.road(TO.address, 'hangs')
  const connecting = new Sources(NOTHING, POOL, 4).connect(runtime, TO)
  const outcome = connecting.socket.catch((error) => error)
  connecting.cancel()
  expect(await outcome).toMatchObject({ code: 'cancelled' })
  expect(tried).toEqual(['192.0.2.11'])
})
