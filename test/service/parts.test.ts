/** The small parts of the service: shares, engines, places, lines. */
import { expect, test } from 'vitest'
import { parseEndpoint } from '../../core/bytes/address.ts'
import { toBytes } from '../../core/bytes/ascii.ts'
import { EXIT } from '../../core/exit_codes.ts'
import { listenAt, placesOf } from '../../core/proxy/listening.ts'
import { named } from '../../core/proxy/pseudonym.ts'
import { type Endpoint, type Runtime, SystemFailure } from '../../core/runtime.ts'
import { Door } from '../../core/service/door.ts'
import { chooseEngine } from '../../core/service/engine.ts'
import { linesOf } from '../../core/service/lines.ts'
import { probe } from '../../core/service/probe.ts'
import { shareOf } from '../../core/service/share.ts'
import { Machine, settle } from '../memory/machine.ts'
import { settingsOf } from '../proxy/world.ts'

const at = (text: string): Endpoint => parseEndpoint(text)!

/** A machine of which some is different. */
const altered = (machine: Machine, over: Partial<Runtime>): Runtime => Object.assign(Object.create(machine), over)

test.each([
  { of: 32_768, count: 1, share: 32_768 },
  { of: 32_768, count: 3, share: 10_923 },
  { of: 2, count: 4, share: 1 },
  { of: 0, count: 4, share: 0 },
])('$of connections for $count workers are $share for each', ({ of, count, share }) => {
  const settings = settingsOf(`listener.http.connections=${of}`)
  for (const id of [1, count]) expect(shareOf(settings, id, count).listener[0].connections).toBe(share)
})

test('connections to unix sockets are the first worker’s alone', () => {
  const settings = settingsOf('listener.http.address=unix:/a,unix:/b', 'listener.http.connections=10')
  expect(shareOf(settings, 1, 2).listener[0].connections).toBe(10)
  const mixed = settingsOf('listener.http.address=unix:/a,127.0.0.1:1', 'listener.http.connections=10')
  expect(shareOf(mixed, 1, 2).listener[0].connections).toBe(5)
})

test('a proxy without a name gets one of its own', () => {
  const machine = new Machine()
  const names = [1, 2].map(() => named(machine, settingsOf()).http.name)
  expect(names[0]).toMatch(/^exaproxy-[0-9a-f]{8}$/)
  expect(names[0]).not.toBe(names[1])
  expect(named(machine, settingsOf('http.name=mine')).http.name).toBe('mine')
})

const epoll = { name: 'memory', engine: 'epoll' } as unknown as Runtime
const ENGINES = {
  works: { epoll: () => Promise.resolve(epoll) },
  fails: { epoll: () => Promise.reject(new SystemFailure('unsupported', 'it is no Linux')) },
  none: {},
}
test.each(
  [
    ['auto', 'works', 'epoll', ''],
    ['auto', 'fails', 'portable', 'it is no Linux'],
    ['auto', 'none', 'portable', 'there is none for memory 0'],
    ['portable', 'works', 'portable', ''],
    ['epoll', 'works', 'epoll', ''],
  ] as const,
)('engine %s where epoll %s: %s', async (wanted, engines, engine, why) => {
  const choice = await chooseEngine(altered(new Machine(), { engines: ENGINES[engines], version: '0' }), wanted)
  expect([choice.runtime.engine, choice.why]).toEqual([engine, why])
})

test.each([['fails', 'it is no Linux'], ['none', 'there is none for memory 0']] as const)(
  'engine epoll where it %s does not start',
  async (engines, why) => {
    const runtime = altered(new Machine(), { engines: ENGINES[engines], version: '0' })
    await expect(chooseEngine(runtime, 'epoll')).rejects.toMatchObject({
      exit: EXIT.unavailable,
      message: `service.engine: "epoll" does not work here: ${why}`,
    })
  },
)

test('an engine that breaks is a bug, whatever was asked for', async () => {
  const broken = { epoll: () => Promise.reject(new TypeError('oops')) }
  await expect(chooseEngine(altered(new Machine(), { engines: broken }), 'auto')).rejects.toThrow('oops')
})

test('the places of a configuration', () => {
  const places = placesOf(settingsOf('listener.http.address=127.0.0.1:1,[::1]:2', 'listener.b.address=unix:/x'))
  expect(places).toEqual([
    { listener: 'http', at: at('127.0.0.1:1') },
    { listener: 'http', at: at('[::1]:2') },
    { listener: 'b', at: at('unix:/x') },
  ])
})

test('places to be shared are tried alone, and ports of the system’s choice are kept', async () => {
  const machine = new Machine()
  const places = placesOf(settingsOf('listener.http.address=127.0.0.1:5,127.0.0.1:0,unix:/x'))
  const probed = await probe(machine, places, true)
  expect(probed.places.map(({ at }) => at.port > 0 || at.family === 'unix')).toEqual([true, true, true])
  const [five, chosen] = probed.places.map(({ at }) => at)
  ;(await machine.listen(five)).close()
  await expect(machine.listen(chosen)).rejects.toMatchObject({ code: 'in-use' })
  ;(await machine.listen(chosen, { reusePort: true })).close()
  probed.release()
  ;(await machine.listen(chosen)).close()
})

test('where only workers share, a port of the system’s choice is let go of', async () => {
  const machine = new Machine()
  const runtime = altered(machine, {
    listen: (at, options) =>
      options?.reusePort ? Promise.reject(new SystemFailure('unsupported', '')) : machine.listen(at, options),
  })
  const probed = await probe(runtime, placesOf(settingsOf('listener.http.address=127.0.0.1:0')), true)
  expect(probed.places[0].at.port).toBeGreaterThan(0)
  ;(await machine.listen(probed.places[0].at)).close()
})

test('a place that is taken is told, and those tried before it are let go of', async () => {
  const machine = new Machine()
  const other = await machine.listen(at('127.0.0.1:6'), { reusePort: true })
  const places = placesOf(settingsOf('listener.http.address=127.0.0.1:0,127.0.0.1:6'))
  await expect(probe(machine, places, true)).rejects.toMatchObject({ exit: EXIT.unavailable })
  other.close()
  const port = 32_768
  ;(await machine.listen(at(`127.0.0.1:${port}`))).close()
})

test('one worker alone tries by itself', async () => {
  const machine = new Machine()
  const other = await machine.listen(at('127.0.0.1:6'))
  const places = placesOf(settingsOf('listener.http.address=127.0.0.1:0,127.0.0.1:6'))
  expect((await probe(machine, places, false)).places).toBe(places)
  other.close()
})

/** A unix socket in the way; `status`: what is there. */
function stale(status: { socket: boolean } | null, connects: () => Promise<never>): [Runtime, string[]] {
  const machine = new Machine()
  const removed: string[] = []
  let there = true
  const runtime = altered(machine, {
    listen: (at) => there ? Promise.reject(new SystemFailure('in-use', 'EADDRINUSE')) : machine.listen(at),
    connect: () => ({ socket: connects(), cancel: () => {} }),
    files: Object.assign(Object.create(machine.files), {
      status: () => {
        if (status === null) there = false
        return Promise.resolve(status === null ? null : { size: 0, modified: 0, folder: false, ...status })
      },
      remove: (path: string) => {
        removed.push(path)
        there = false
        return Promise.resolve()
      },
    }),
  })
  return [runtime, removed]
}

const failing = (code: 'refused' | 'denied') => () => Promise.reject(new SystemFailure(code, ''))

test('a unix socket nobody listens at is removed, and taken', async () => {
  const [runtime, removed] = stale({ socket: true }, failing('refused'))
  const listener = await listenAt(runtime, 'listener http', at('unix:/x'))
  expect(removed).toEqual(['/x'])
  listener.close()
})

test('one that has just gone is taken', async () => {
  const [runtime, removed] = stale(null, failing('refused'))
  ;(await listenAt(runtime, 'listener http', at('unix:/x'))).close()
  expect(removed).toEqual([])
})

test.each(
  [
    ['is no socket', { socket: false }, failing('refused')],
    ['may not be connected to', { socket: true }, failing('denied')],
  ] as const,
)('what %s is left alone', async (_, status, connects) => {
  const [runtime, removed] = stale(status, connects)
  await expect(listenAt(runtime, 'listener http', at('unix:/x'))).rejects.toMatchObject({
    exit: EXIT.unavailable,
    message: 'listener http cannot listen on unix:/x: the path is in use; stop what uses it, or remove it',
  })
  expect(removed).toEqual([])
})

test('one that somebody listens at is left alone', async () => {
  const machine = new Machine()
  const other = await machine.listen(at('unix:/x'))
  const runtime = altered(machine, {
    files: Object.assign(Object.create(machine.files), {
      status: () => Promise.resolve({ size: 0, modified: 0, folder: false, socket: true }),
    }),
  })
  await expect(listenAt(runtime, 'x', at('unix:/x'))).rejects.toMatchObject({ exit: EXIT.unavailable })
  // The one that found out is gone again.
  const { value } = await other.next()
  expect((await value!.next()).done).toBe(true)
  value!.close()
  other.close()
})

test('a door is found by who knows it, and leaves nothing behind', async () => {
  const machine = new Machine()
  const door = await Door.open(machine)
  expect(machine.files.folders.size).toBe(1)
  const welcome = door.welcome()
  const socket = await machine.connect({ family: 'unix', address: door.path, port: 0 }).socket
  const other = await welcome
  await door.close()
  expect(machine.files.folders.size).toBe(0)
  await socket.write(toBytes('x'))
  expect((await other!.next()).value).toEqual(toBytes('x'))
  socket.close()
  other!.close()
  const closed = await Door.open(machine)
  const nobody = closed.welcome()
  await closed.close()
  expect(await nobody).toBeNull()
  await settle()
})

test('a door that cannot be opened leaves nothing behind either', async () => {
  const machine = new Machine()
  const runtime = altered(machine, { listen: () => Promise.reject(new SystemFailure('denied', '')) })
  await expect(Door.open(runtime)).rejects.toMatchObject({ code: 'denied' })
  expect(machine.files.folders.size).toBe(0)
})

async function lines(...pieces: (Uint8Array | SystemFailure)[]): Promise<string[]> {
  const rest = [...pieces]
  const next = (): Promise<IteratorResult<Uint8Array, void>> => {
    const piece = rest.shift()
    if (piece instanceof SystemFailure) return Promise.reject(piece)
    return Promise.resolve(piece === undefined ? { done: true, value: undefined } : { done: false, value: piece })
  }
  const found: string[] = []
  for await (const line of linesOf({ next })) found.push(line)
  return found
}

test('lines, however they come', async () => {
  const whole = new TextEncoder().encode('one\n\ntwo é\nthree')
  for (let cut = 0; cut <= whole.length; cut++) {
    expect(await lines(whole.slice(0, cut), whole.slice(cut))).toEqual(['one', 'two é', 'three'])
  }
  expect(await lines()).toEqual([])
  expect(await lines(toBytes('a\nb'), new SystemFailure('reset', ''))).toEqual(['a', 'b'])
  const long = await lines(new Uint8Array(70_000).fill(0x61), toBytes('b\nc'))
  expect(long.map((line) => line.length)).toEqual([70_000, 1, 1])
})
