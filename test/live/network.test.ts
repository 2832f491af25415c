/** The harness itself: machines of one family or two, a router between them, and an origin that says whom it saw. */

import { describe, expect, test } from 'vitest'
import { Network, networkLacking } from './network.ts'

const missing = networkLacking('nft', 'curl', 'node')

describe.skipIf(missing !== '')(`networks of namespaces${missing}`, () => {
  test('a client reaches an origin over a router, by both families, and through rules of nftables', async () => {
    using network = Network.make()
    const [client, router, server] = ['client', 'router', 'server'].map((name) => network.space(name))
    client.join(router, { v4: ['10.1.0.2/24', '10.1.0.1/24'], v6: ['fd01::2/64', 'fd01::1/64'] })
    router.join(server, { v4: ['10.2.0.1/24', '10.2.0.2/24'], v6: ['fd02::1/64', 'fd02::2/64'] })
    router.forward()
    for (const gateway of ['10.1.0.1', 'fd01::1']) client.route(gateway)
    for (const gateway of ['10.2.0.1', 'fd02::1']) server.route(gateway)
    await Promise.all([server.echo('10.2.0.2', 80), server.echo('fd02::2', 80)])
    const get = async (url: string) => {
      const { code, output } = await client.run('curl', ['-sS', '--max-time', '5', url])
      return { code, ...JSON.parse(String(output) || '{}') }
    }
    expect(await get('http://10.2.0.2/a')).toMatchObject({ local: '10.2.0.2:80', host: '10.2.0.2', target: '/a' })
    const { peer } = await get('http://[fd02::2]/')
    expect(peer).toMatch(/^\[fd01::2\]:\d+$/)
    router.nft('table inet t { chain f { type filter hook forward priority 0; tcp dport 80 reject with tcp reset; }; }')
    expect(await get('http://10.2.0.2/')).toEqual({ code: 7 })
  })

  test('what is not HTTP gets a line, then itself', async () => {
    using network = Network.make()
    const space = network.space('alone')
    await space.echo('127.0.0.1', 7)
    const talk = 'exec 3<>/dev/tcp/127.0.0.1/7; printf hello >&3; read -r line <&3; echo "$line"; head -c 5 <&3'
    const { output } = await space.run('bash', ['-c', talk])
    expect(String(output)).toMatch(/^\{"peer":"127\.0\.0\.1:\d+","local":"127\.0\.0\.1:7"\}\nhello$/)
  })
})
