/** What a client says behind a PROXY header, in whichever pieces both come: nothing of it is lost, in no mode. */
import { describe, expect, test } from 'vitest'
import { latin1 } from '../../core/bytes/ascii.ts'
import { AccessLog } from '../../core/proxy/access_log.ts'
import { named } from '../../core/proxy/pseudonym.ts'
import { Server } from '../../core/proxy/server.ts'
import { type Machine, settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { hello, serverName } from '../tls/hello.ts'
import { get, machineOf, ORIGIN, PROXY, settingsOf } from './world.ts'

const HEADER = 'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n'
/** IPv4 198.51.100.1, port 80. */
const PLACE = '\x01\xc6\x33\x64\x01\x00\x50'
const GREETING = '\x05\x01\x00'
const HELLO = latin1(hello(serverName('origin.test')))

const MODES = {
  forward: { sent: get(), comes: 'GET / HTTP/1.1\r\nHost: origin.test\r\n\r\n', at: 80, sets: [], answer: '' },
  socks: { sent: `${GREETING}\x05\x01\x00${PLACE}data`, comes: 'data', at: 80, sets: [], answer: '\x05\x00\x05\x00' },
  passthrough: { sent: 'data', comes: 'data', at: 80, sets: ['listener.http.server=198.51.100.1:80'], answer: '' },
  tls: { sent: HELLO, comes: HELLO, at: 443, sets: [], answer: '' },
} as const

async function open(...sets: string[]): Promise<{ machine: Machine; server: Server }> {
  const machine = machineOf()
  const always = [
    'access_log.destination=off',
    'listener.http.proxy_protocol=require',
    'outgoing.connect_ports=1-65535',
  ]
  const settings = settingsOf(...always, ...sets)
  const log = await AccessLog.open(machine, settings.access_log)
  const server = new Server(machine, named(machine, settings), log)
  await server.start([{ listener: 'http', at: PROXY }])
  return { machine, server }
}

async function close(machine: Machine, server: Server): Promise<void> {
  const closed = server.close()
  await machine.clock.advance(10_000)
  await closed
}

describe.each(Object.entries(MODES))('%s', (mode, { sent, comes, at, sets, answer }) => {
  const whole = HEADER + sent
  /** Before each byte from the last ones of the header on, and as one piece. */
  const splits = Array.from({ length: Math.min(sent.length, 40) + 3 }, (_, i) => HEADER.length - 2 + i)

  test.each([whole.length, ...splits])('the second piece begins at byte %d', async (split) => {
    const { machine, server } = await open(`listener.http.mode=${mode}`, ...sets)
    const listener = await machine.network.listen({ ...ORIGIN, port: at })
    let origin: Peer | null = null
    void listener.next().then(({ value }) => origin = new Peer(value!))
    const client = new Peer(await machine.connect(PROXY).socket)
    await client.send(whole.slice(0, split))
    if (split < whole.length) await client.send(whole.slice(split))
    await settle()
    expect((origin as Peer | null)?.text).toBe(comes)
    expect(client.text.slice(0, 4)).toBe(answer)
    await client.close()
    await close(machine, server)
  })
})

test('one that says nothing of whom it is for is counted apart from those that are too many', async () => {
  const { machine, server } = await open()
  const client = new Peer(await machine.connect(PROXY).socket)
  await client.send(get())
  expect(client.state).toBe('reset')
  expect(server.snapshot()).toMatchObject({
    connections_failed_total: { http: 1 },
    connections_refused_total: { http: 0 },
    connections_accepted_total: { http: 0 },
  })
  await close(machine, server)
})
