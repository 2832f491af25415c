/** Proxies that lead to each other, or to themselves: found where HTTP says so, and over when nobody asks any more. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freePort, newFolder } from './peers.ts'
import { PROGRAM, Program } from './program.ts'
import { RawClient } from './raw.ts'
import { until } from './waiting.ts'
import { statusOf } from './wire.ts'

const at = (port: number): string => `127.0.0.1:${port}`

const REQUESTS = [
  'GET http://far.test/ HTTP/1.1\r\nHost: far.test\r\n\r\n',
  'CONNECT far.test:443 HTTP/1.1\r\nHost: far.test:443\r\n\r\n',
]

test('two that are each other’s parent: what is back is refused, be it asked for by GET or by CONNECT', async () => {
  const ports = [await freePort(), await freePort()]
  const start = (own: number, other: number): Promise<Program> =>
    Program.start({
      listener: { http: { address: at(own) } },
      parent: { other: { servers: [at(other)] } },
      outgoing: { parent: 'other' },
    })
  const [one, two] = await Promise.all([start(ports[0], ports[1]), start(ports[1], ports[0])])
  try {
    for (const request of REQUESTS) {
      using client = await RawClient.connect(ports[0])
      expect(statusOf(await client.ask(request))).toBe(508)
    }
    const lines = [...await one.accessLog(4), ...await two.accessLog(2)]
    expect(lines.map(({ status }) => status)).toEqual(Array(6).fill(508))
    expect([one.output.length, two.output.length]).toEqual([4, 2])
  } finally {
    await Promise.all([one, two].map((program) => program[Symbol.asyncDispose]()))
  }
})

/** Enough that it is going round. */
const MANY = 60

/** Without a reset who is asked cannot tell one that left from one that has said all it has to say, and waits. */
const lacking = PROGRAM === 'deno' && process.env.EXAPROXY_TEST_ENGINE === 'portable'
  ? ' (skipped: Deno’s own sockets cannot reset)'
  : ''

test.skipIf(lacking !== '')(
  `its own parent, by a name and SOCKS: it ends when the client leaves${lacking}`,
  async () => {
    const port = await freePort()
    const hosts_file = join(newFolder(), 'hosts')
    writeFileSync(hosts_file, '127.0.0.1 self.test\n')
    await using program = await Program.start({
      listener: { socks: { mode: 'socks', address: at(port) }, http: { address: '127.0.0.1:0' } },
      parent: { self: { type: 'socks5', servers: [`self.test:${port}`] } },
      outgoing: { parent: 'self' },
      dns: { hosts_file },
    })
    const before = program.sockets()
    using client = await RawClient.connect(program.port())
    await client.send('CONNECT far.test:443 HTTP/1.1\r\nHost: far.test:443\r\n\r\n')
    await until(() => program.sockets() > before + MANY, `${MANY} connections`)
    client.reset()
    await program.settled(before)
  },
)
