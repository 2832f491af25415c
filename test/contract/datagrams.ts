/** The contract of datagrams. The peer is node:dgram, which all runtimes have. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, expect } from 'vitest'
import type { Datagram, Endpoint, Runtime } from '../../core/runtime.ts'
import { checker, failure, fill, settles, type Skips, wrongAt } from './pairs.ts'

const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const

async function server(family: 4 | 6): Promise<{ socket: UdpSocket; at: Endpoint }> {
  const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6' })
  socket.bind(0, LOOPBACK[family])
  await once(socket, 'listening')
  return { socket, at: { family, address: LOOPBACK[family], port: socket.address().port } }
}

async function pull(datagram: Datagram): Promise<Uint8Array> {
  const { done, value } = await datagram.next()
  if (done) throw new Error('the datagram socket was closed')
  return value
}

export function datagrams(runtime: Runtime, skips: Skips): void {
  describe.each([4, 6] as const)('a datagram, family %s', (family) => {
    const check = checker(skips)

    const withEcho = async (work: (datagram: Datagram, at: Endpoint, socket: UdpSocket) => Promise<void>) => {
      const { socket, at } = await server(family)
      socket.on('message', (packet, { port, address }) => socket.send(packet, port, address))
      const datagram = await runtime.datagram(at)
      try {
        await work(datagram, at, socket)
      } finally {
        datagram.close()
        socket.close()
      }
    }

    check('comes back from an echo, packet by packet', () =>
      withEcho(async (datagram, at) => {
        expect(datagram.peer).toEqual(at)
        expect(datagram.local.port).toBeGreaterThan(0)
        for (const size of [1, 12, 512, 1232, 1472, 9000, 65_000]) {
          await datagram.write(fill(new Uint8Array(size), size))
          const packet = await pull(datagram)
          expect(packet.length).toBe(size)
          expect(wrongAt(packet, size)).toBe(-1)
        }
      }))

    check('keeps packets that came while nobody pulled', () =>
      withEcho(async (datagram) => {
        for (let size = 1; size <= 10; size++) await datagram.write(new Uint8Array(size))
        await settles(runtime, new Promise(() => {}))
        for (let size = 1; size <= 10; size++) expect((await pull(datagram)).length).toBe(size)
      }))

    check('hears its peer alone', () =>
      withEcho(async (datagram, _at, socket) => {
        const stranger = await server(family)
        const { port, address } = datagram.local
        const to = address === '0.0.0.0' || address === '::' ? LOOPBACK[family] : address
        for (let i = 0; i < 10; i++) await new Promise((resolve) => stranger.socket.send('forged', port, to, resolve))
        // The peer, from another port of the same address, is a stranger as well; the peer itself comes last.
        await new Promise((resolve) => socket.send('genuine', port, to, resolve))
        expect(new TextDecoder().decode(await pull(datagram))).toBe('genuine')
        stranger.socket.close()
      }))

    check('uses another port each time', () =>
      withEcho(async (datagram, at) => {
        const others = await Promise.all(Array.from({ length: 8 }, () => runtime.datagram(at)))
        expect(new Set([datagram, ...others].map(({ local }) => local.port)).size).toBe(9)
        for (const other of others) other.close()
      }))

    check('tells of a port where nobody listens', async () => {
      const { socket, at } = await server(family)
      socket.close()
      const datagram = await runtime.datagram(at)
      // Where the kernel tells the sender instead, the second write fails.
      const failed = failure(async () => {
        await datagram.write(new Uint8Array(1))
        await datagram.next()
      })
      expect(await failed).toBe('refused')
      datagram.close()
    })

    check('ends a pull when it is closed, and fails a write after', () =>
      withEcho(async (datagram) => {
        const next = datagram.next()
        datagram.close()
        datagram.close()
        expect((await next).done).toBe(true)
        expect((await datagram.next()).done).toBe(true)
        expect(await failure(() => datagram.write(new Uint8Array(1)))).toBe('closed')
      }))

    check('comes from the address it is told', () =>
      withEcho(async (_datagram, at) => {
        const address = family === 4 ? '127.0.0.8' : '::1'
        const datagram = await runtime.datagram(at, { family, address, port: 0 })
        expect(datagram.local.address).toBe(address)
        await datagram.write(new Uint8Array(7))
        expect((await pull(datagram)).length).toBe(7)
        datagram.close()
        const elsewhere = family === 4 ? '203.0.113.7' : '2001:db8::7'
        const failed = failure(() => runtime.datagram(at, { family, address: elsewhere, port: 0 }))
        expect(await failed).toBe('not-available')
      }))
  })
}
