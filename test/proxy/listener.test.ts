/** Who is let in: connections are counted in all and by client address; who is turned away is not counted. */
import { expect, test } from 'vitest'
import { type Connected, ListenerContext } from '../../core/proxy/listener.ts'
import { settingsOf } from './world.ts'

function contextOf(connections: number, perClient: number): ListenerContext {
  const sets = [`listener.http.connections=${connections}`, `listener.http.connections_per_client=${perClient}`]
  return new ListenerContext(settingsOf(...sets).listener[0], false)
}

const from = (address: string) => ({ arrival: { peer: { family: 4, address, port: 1 } } }) as Connected

test.each([
  { limits: [0, 0], from: 'aaab', wrong: ['', '', '', ''] },
  { limits: [2, 0], from: 'aab', wrong: ['', '', '2 in all'] },
  { limits: [0, 2], from: 'aaab', wrong: ['', '', '2 from a', ''] },
  // One client alone cannot use up what there is for all.
  { limits: [3, 1], from: 'aaaaabcd', wrong: ['', '1 from a', '1 from a', '1 from a', '1 from a', '', '', '3 in all'] },
])('limits $limits, clients $from', ({ limits, from: addresses, wrong }) => {
  const context = contextOf(limits[0], limits[1])
  expect([...addresses].map((address) => context.admit(from(address)))).toEqual(wrong)
  expect(context.clients.size).toBe(addresses.length)
})

test('room is made by who was let in, and by nobody else', () => {
  const context = contextOf(2, 1)
  const [first, again, other] = [from('a'), from('a'), from('b')]
  expect([first, again, other].map((client) => context.admit(client))).toEqual(['', '1 from a', ''])
  context.dismiss(again)
  expect(context.admit(again)).toBe('2 in all')
  context.dismiss(again)
  context.dismiss(other)
  expect(context.admit(again)).toBe('1 from a')
  context.dismiss(first)
  context.dismiss(again)
  expect(context.admit(again)).toBe('')
  expect(context.admit(other)).toBe('')
})
