/** What checks by HTTP say of a server. */
import { expect, test } from 'vitest'
import { Checks } from '../../core/flow/checks.ts'
import { Group, Server } from '../../core/flow/group.ts'
import type { Socket } from '../../core/runtime.ts'
import { Machine, settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'

const INTERVAL = 2000
const PLACE = { family: 4, address: '192.0.2.1', port: 80 } as const

/** On some machines who reads from a socket that we have given up sees an end, on others a failure. */
type Abort = 'breaks' | 'ends'

/** What is said of a server that does this with a check. */
async function judged(does: (peer: Peer, machine: Machine) => Promise<void>, abort: Abort): Promise<string> {
  const machine = new Machine({ elsewhere: [PLACE.address] })
  const listener = await machine.listen(PLACE)
  const group = new Group(
    'g',
    [new Server(PLACE.address, PLACE.port)],
    { balance: 'first', fall: 3, rise: 2, slow_start: 0 },
    machine.clock,
  )
  const said: string[] = []
  const connect = async (): Promise<Socket> => {
    const socket = await machine.connect(PLACE).socket
    if (abort === 'ends') socket.abort = () => socket.close()
    return socket
  }
  const checks = new Checks(
    machine,
    { reach: () => ({ socket: connect(), cancel: () => {} }) },
    group,
    { check: 'http', interval: INTERVAL, target: '/', host: '', preface: null, login: null },
    { changed: (_, __, words) => said.push(words), bug: (error) => said.push(`bug: ${error}`) },
  )
  checks.start()
  const pulled = await listener.next()
  if (pulled.done === true) throw new Error('it listens no more')
  await does(new Peer(pulled.value), machine)
  await settle()
  checks.close()
  return said.join()
}

test.each<[string, (peer: Peer, machine: Machine) => Promise<void>, string]>([
  ['says nothing', (_, machine) => machine.clock.advance(INTERVAL), 'no answer in time'],
  [
    'begins an answer',
    async (peer, machine) => {
      await peer.send('HTTP/1.1 200')
      await machine.clock.advance(INTERVAL)
    },
    'no answer in time',
  ],
  [
    'says 103 and no more',
    async (peer, machine) => {
      await peer.send('HTTP/1.1 103 Early Hints\r\n\r\n')
      await machine.clock.advance(INTERVAL)
    },
    'no answer in time',
  ],
  ['closes', (peer) => peer.end(), 'it closed the connection without an answer'],
  ['answers that it cannot', (peer) => peer.send('HTTP/1.1 103 A\r\n\r\nHTTP/1.1 503 No\r\n\r\n'), 'it answers 503'],
  ['is no proxy', (peer) => peer.send('SSH-2.0\r\n'), 'the version is not written HTTP/1.1'],
])('one that %s', async (_, does, words) => {
  for (const abort of ['breaks', 'ends'] as const) expect(await judged(does, abort), abort).toBe(words)
})
