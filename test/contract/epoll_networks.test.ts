/** What the epoll engine tells the kernel of sockets, and what netfilter tells it: asked of the kernel itself. */
import process from 'node:process'
import { describe, expect, it } from 'vitest'
import { type ConnectOptions, type Endpoint, type Runtime, SystemFailure } from '../../core/runtime.ts'
import { Network, networkLacking, type Space } from '../live/network.ts'
import type { Libc } from '../../adapters/linux/libc.ts'
import { epoll, libc } from './epoll.ts'
import { listed, portAsListed } from './networks.ts'
import { accept, failure, type Family, settles, withListener, withPair } from './pairs.ts'
import { answer, programs } from './programs.ts'

const why = libc === null ? ' (skipped: this runtime has no FFI)' : ''
const root = process.getuid?.() === 0
const notRoot = root ? '' : ' (skipped: needs CAP_NET_ADMIN)'

const IP = 0
const SOCKET = 1
const TCP = 6
const IPV6 = 41

/** An option of a socket, as the kernel has it. */
function option(socket: unknown, level: number, name: number): number {
  const value = new Uint8Array(new ArrayBuffer(4))
  const length = new Uint8Array(Uint32Array.of(4).buffer)
  const result = libc!.getsockopt((socket as { descriptor: number }).descriptor, level, name, value, length)
  return result === -1 ? -1 : new Int32Array(value.buffer)[0]!
}

const foreign: Readonly<Record<4 | 6, string>> = { 4: '192.0.2.77', 6: '2001:db8::77' }

/** The local addresses, as Linux writes them, of connections that wait for an answer from this port. */
function waitingFor(port: number): Set<string> {
  const theirs = portAsListed(port)
  const waits = ([, , peer, state]: readonly string[]): boolean => state === '02' && peer!.endsWith(theirs)
  return new Set(listed(['/proc/net/tcp', '/proc/net/tcp6'], waits).map(([, local]) => local!.split(':')[0]!))
}

describe.skipIf(libc === null)(`sockets of the epoll engine${why}`, async () => {
  if (libc === null) return it('is not checked', () => {})
  const runtime: Runtime = await epoll(libc)

  it.runIf(root).each<[string, Family, ConnectOptions, [level: number, name: number, value: number][]]>([
    [`mark${notRoot}`, 4, { mark: 0xfffffffe }, [[SOCKET, 36, -2]]],
    ['mark', 6, { mark: 7 }, [[SOCKET, 36, 7]]],
    ['tos', 4, { tos: 0xb8 }, [[IP, 1, 0xb8]]],
    ['tos', 6, { tos: 0xb8 }, [[IPV6, 67, 0xb8]]],
    ['userTimeout', 4, { userTimeout: 12_345 }, [[TCP, 18, 12_345]]],
    ['userTimeout', 6, { userTimeout: 1 }, [[TCP, 18, 1]]],
    ['keepAlive', 4, { keepAlive: 90_000 }, [[SOCKET, 9, 1], [TCP, 4, 90], [TCP, 5, 10], [TCP, 6, 6]]],
    ['a short keepAlive', 6, { keepAlive: 1 }, [[SOCKET, 9, 1], [TCP, 4, 1], [TCP, 5, 1]]],
    ['a very long keepAlive', 4, { keepAlive: 1e9 }, [[SOCKET, 9, 1], [TCP, 4, 32_767]]],
    ['transparent', 4, { transparent: true }, [[IP, 19, 1]]],
    ['transparent', 6, { transparent: true }, [[IPV6, 75, 1]]],
    ['nothing', 4, {}, [[SOCKET, 36, 0], [SOCKET, 9, 0], [IP, 1, 0], [IP, 19, 0], [TCP, 18, 0]]],
  ])(
    'are made with what was asked for: %s, IPv%s',
    (_name, family, options, expected) =>
      withListener(runtime, family, async (listener) => {
        const client = await runtime.connect(listener.at, options).socket
        expect(expected.map(([level, name]) => [level, name, option(client, level, name)])).toEqual(expected)
        client.close()
      }),
  )

  describe.skipIf(!root)(`that are transparent${notRoot}`, () => {
    it.each([4, 6] as const)('listen anywhere, IPv%s', async (family) => {
      const at: Endpoint = { family, address: foreign[family], port: 0 }
      expect(await failure(() => runtime.listen(at))).toBe('not-available')
      const listener = await runtime.listen(at, { transparent: true })
      expect(listener.at).toEqual({ ...at, port: expect.any(Number) })
      listener.close()
    })

    it.each([[4, '4D0200C0'], [6, 'B80D0120000000000000000077000000']] as const)(
      'come from anywhere, IPv%s',
      (family, hex) =>
        withListener(runtime, family, async (listener) => {
          const from: Endpoint = { family, address: foreign[family], port: 0 }
          expect(await failure(() => runtime.connect(listener.at, { from }).socket)).toBe('not-available')
          // Nothing leads back to such an address: the kernel goes on asking.
          const connecting = runtime.connect(listener.at, { from, transparent: true })
          const failed = failure(() => connecting.socket)
          expect(await settles(runtime, connecting.socket)).toBe(false)
          expect(waitingFor(listener.at.port)).toEqual(new Set([hex]))
          connecting.cancel()
          expect(await failed).toBe('cancelled')
        }),
    )

    it('may be so only to who has the right', async () => {
      const real = libc!
      const setsockopt: Libc['setsockopt'] = (descriptor, level, name, bytes, size) =>
        (level === IP && name === 19) || (level === SOCKET && name === 36)
          ? -1
          : real.setsockopt(descriptor, level, name, bytes, size)
      // EPERM.
      const forbidden = await epoll({ ...real, setsockopt, errno: () => 1 })
      await withListener(runtime, 4, async (listener) => {
        for (const [name, options] of [['transparent', { transparent: true }], ['mark', { mark: 1 }]] as const) {
          const reason = await forbidden.connect(listener.at, options).socket.catch((error: unknown) => error)
          expect(reason).toBeInstanceOf(SystemFailure)
          expect(reason).toMatchObject({ code: 'denied', detail: `EPERM: ${name} needs CAP_NET_ADMIN` })
        }
      })
    })
  })

  it.each([4, 6, 'unix'] as const)(
    'went where they were going, when nobody turned them round: %s',
    (family) =>
      withPair(runtime, family, async ({ client, server }) => {
        expect([client.original!(), server.original!()]).toEqual([null, null])
        server.close()
        expect(server.original!()).toBeNull()
        await client.next()
      }),
  )

  it('that were closed while they waited are accepted all the same', () =>
    withListener(runtime, 4, async (listener) => {
      ;(await runtime.connect(listener.at).socket).abort()
      const server = await accept(listener)
      expect(server.original!()).toBeNull()
      server.close()
    }))
})

/** Says to each connection where it came to, and where it was going. */
const TURNED = `
const [address, port, transparent] = runtime.arguments
const at = { family: address.includes(':') ? 6 : 4, address, port: Number(port) }
const listener = await runtime.listen(at, { transparent: transparent === 'tproxy' })
await runtime.output.write(new TextEncoder().encode(JSON.stringify(listener.at) + '\\n'))
for await (const socket of listener) {
  const seen = { local: socket.local, peer: socket.peer, original: socket.original() }
  await socket.write(new TextEncoder().encode(JSON.stringify(seen)))
  socket.end()
}
`

const lacking = why || networkLacking('nft', 'bash')

describe.skipIf(lacking !== '')(`connections that the kernel turns round${lacking}`, () => {
  const ADDRESSES = { 4: ['10.77.0.2', '10.77.0.1'], 6: ['fd77::2', 'fd77::1'] } as const

  const rules: Readonly<Record<'redirect' | 'tproxy', (proxy: Space, port: number) => void>> = {
    redirect: (proxy, port) =>
      proxy.nft(`table inet t {
        chain pre { type nat hook prerouting priority dstnat; tcp dport 80 redirect to :${port}; }
      }`),
    tproxy: (proxy, port) => {
      proxy.nft(`table inet t {
        chain pre {
          type filter hook prerouting priority mangle
          meta l4proto tcp socket transparent 1 meta mark set 1 accept
          meta nfproto ipv4 tcp dport 80 tproxy ip to :${port} meta mark set 1 accept
          meta nfproto ipv6 tcp dport 80 tproxy ip6 to :${port} meta mark set 1 accept
        }
      }`)
      for (const [family, all] of [['-4', '0.0.0.0/0'], ['-6', '::/0']]) {
        proxy.ip(family!, 'rule', 'add', 'fwmark', '1', 'lookup', '100')
        proxy.ip(family!, 'route', 'add', 'local', all!, 'dev', 'lo', 'table', '100')
      }
    },
  }

  it.each([['redirect', 4], ['redirect', 6], ['tproxy', 4], ['tproxy', 6]] as const)(
    'know where they were going: %s, IPv%s',
    async (how, family) => {
      using network = Network.make()
      const [client, proxy] = [network.space('client'), network.space('proxy')]
      client.join(proxy, {
        v4: ADDRESSES[4].map((address) => `${address}/24`) as [string, string],
        v6: ADDRESSES[6].map((address) => `${address}/64`) as [string, string],
      })
      const [here, gateway] = ADDRESSES[family]
      client.route(gateway)
      proxy.forward()
      await programs(await epoll(libc!))(TURNED, async (run) => {
        const child = run.by(proxy.prefix, family === 4 ? '0.0.0.0' : '::', '0', how)
        const { port } = await answer<Endpoint>(child.output)
        rules[how](proxy, port)
        const ask = async (address: string, to: number) => {
          const { output, errors } = await client.run('bash', ['-c', `cat </dev/tcp/${address}/${to}`])
          expect(errors).toBe('')
          return JSON.parse(String(output))
        }
        const peer = { family, address: here, port: expect.any(Number) }
        const meant = { family, address: foreign[family], port: 80 }
        expect(await ask(foreign[family], 80)).toEqual(
          how === 'tproxy'
            ? { local: meant, peer, original: null }
            : { local: { family, address: gateway, port }, peer, original: meant },
        )
        // Netfilter keeps book of this one too.
        expect(await ask(gateway, port)).toEqual({ local: { family, address: gateway, port }, peer, original: null })
      })
    },
  )
})
