import { describe, expect, it } from 'vitest'
import { listeners } from '../contract/listeners.ts'
import { checkSkips, failure, type Skips, withPair } from '../contract/pairs.ts'
import { streams } from '../contract/sockets.ts'
import { Machine, POISON, settle } from './machine.ts'

const at = (address: string, port: number) => ({ family: 4, address, port }) as const

const SKIPS: Skips = {
  'removes its path when it is closed': 'its paths are in no folder',
  'is refused a path it may not make': 'its paths are in no folder',
  'that hangs is cancelled': 'it needs no kernel to make a connect hang, see below',
  'that is cancelled leaves no descriptor behind': 'it has no descriptors',
}

describe('the memory machine', () => {
  const machine = new Machine()
  // Some checks write this much before anyone reads.
  machine.network.capacity = 200_000
  streams(machine, SKIPS)
  listeners(machine, SKIPS)
  checkSkips(SKIPS)
})

describe('the network in memory', () => {
  it('poisons a chunk at the next pull', async () => {
    const machine = new Machine()
    await withPair(machine, 4, async ({ client, server }) => {
      await client.write(Uint8Array.of(1, 2, 3))
      const first = await server.next()
      expect(first.value).toEqual(Uint8Array.of(1, 2, 3))
      void server.next()
      expect(first.value).toEqual(new Uint8Array(3).fill(POISON))
      await Promise.resolve()
    })
  })

  it('gives bytes in pieces as told', async () => {
    const machine = new Machine()
    machine.network.piece = () => 1
    await withPair(machine, 4, async ({ client, server }) => {
      await client.write(Uint8Array.of(1, 2, 3))
      for (const byte of [1, 2, 3]) expect((await server.next()).value).toEqual(Uint8Array.of(byte))
    })
  })

  it('fails connects as told, at once or in time', async () => {
    const { connect, listen, clock, network } = new Machine({ elsewhere: ['198.51.100.1'] })
    const listener = await listen(at('198.51.100.1', 80))
    network.road('198.51.100.2', 'unreachable')
    expect(await failure(() => connect(at('198.51.100.2', 80)).socket)).toBe('unreachable')
    network.road('198.51.100.1', { after: 3000, then: 'timed-out' }, 80)
    const slow = failure(() => connect(at('198.51.100.1', 80)).socket)
    let ended = false
    void slow.then(() => ended = true)
    await clock.advance(2999)
    expect(ended).toBe(false)
    await clock.advance(1)
    expect(await slow).toBe('timed-out')
    network.road('198.51.100.1', { after: 10 }, 80)
    const made = connect(at('198.51.100.1', 80)).socket
    await clock.advance(10)
    expect((await made).peer).toEqual(listener.at)
    network.road('198.51.100.1', 'hangs', 80)
    const hanging = connect(at('198.51.100.1', 80))
    const failed = failure(() => hanging.socket)
    await clock.advance(1e6)
    hanging.cancel()
    expect(await failed).toBe('cancelled')
  })

  it('carries datagrams to services, and drops what others send', async () => {
    const { datagram, network } = new Machine()
    const server = at('192.0.2.53', 53)
    const stop = network.serve(server, (packet, send) => {
      send(Uint8Array.of(0), at('192.0.2.53', 54))
      send(Uint8Array.of(0), at('192.0.2.54', 53))
      send(packet)
    })
    const socket = await datagram(server)
    await socket.write(Uint8Array.of(1, 2))
    expect((await socket.next()).value).toEqual(Uint8Array.of(1, 2))
    stop()
    await socket.write(Uint8Array.of(1, 2))
    expect(await failure(() => socket.next())).toBe('refused')
    const pull = socket.next()
    socket.close()
    expect((await pull).done).toBe(true)
  })
})

describe('the rest of the memory machine', () => {
  it('moves its clock by hand, timer by timer', async () => {
    const { clock } = new Machine()
    const seen: string[] = []
    const stop = clock.every(100, () => seen.push(`tick ${clock.now()}`))
    clock.after(250, () => seen.push(`ring ${clock.now()}`))
    const never = clock.after(1, () => seen.push('never'))
    never()
    const date = clock.date()
    await clock.advance(300)
    expect(seen).toEqual(['tick 1100', 'tick 1200', 'ring 1250', 'tick 1300'])
    expect(clock.date() - date).toBe(300)
    stop()
    expect(clock.pending).toBe(0)
  })

  it('keeps files, and fails as told', async () => {
    const { files } = new Machine()
    files.put('/etc/hosts', '127.0.0.1 localhost')
    expect((await files.read('/etc/hosts')).length).toBe(19)
    const log = await files.append('/var/log/access.log')
    await log.write(new TextEncoder().encode('one\n'))
    files.move('/var/log/access.log', '/var/log/access.log.1')
    await log.write(new TextEncoder().encode('two\n'))
    expect(files.text('/var/log/access.log.1')).toBe('one\ntwo\n')
    expect(await files.list('/var/log')).toEqual(['access.log.1'])
    expect(await files.status('/var/log/access.log')).toBe(null)
    files.failures.set('/var/log/access.log', 'full')
    expect(await failure(() => log.write(new Uint8Array(1)))).toBe('full')
    expect(await failure(() => files.read('/nothing'))).toBe('missing')
  })

  it('runs programs, and kills them', async () => {
    const { spawn, children } = new Machine()
    children.programs.set('upper', async ({ input, write }) => {
      for await (const chunk of input) await write(new TextDecoder().decode(chunk).toUpperCase())
      return 3
    })
    const child = spawn(['upper'])
    await child.input.write(new TextEncoder().encode('hello'))
    expect(new TextDecoder().decode((await child.output.next()).value ?? undefined)).toBe('HELLO')
    child.input.end()
    expect(await child.exited).toBe(3)
    expect((await child.output.next()).done).toBe(true)
    const other = spawn(['upper'])
    other.kill('SIGTERM')
    expect(await other.exited).toBe(143)
    expect(await failure(() => other.input.write(new Uint8Array(1)))).toBe('reset')
    expect(await spawn(['nothing']).exited).toBe(127)
  })

  it('hears signals, and exits by throwing', async () => {
    const machine = new Machine({ addresses: ['192.0.2.1'] })
    let heard = 0
    const stop = machine.signal('SIGTERM', () => heard++)
    expect(machine.raise('SIGTERM')).toBe(true)
    stop()
    expect(machine.raise('SIGTERM')).toBe(false)
    expect(heard).toBe(1)
    expect(() => machine.exit(3)).toThrow('exit 3')
    expect(machine.addresses()).toContain('192.0.2.1')
    await settle()
  })
})
