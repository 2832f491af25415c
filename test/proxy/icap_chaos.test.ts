/** Anything at all on the wire: no bug, nothing left behind, and what is judged does not depend on how it was cut. */
import { expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { type Decision, NO_CHANGES } from '../../core/filter/decision.ts'
import { cut, mutate, randomOf } from '../../scripts/fuzz/random.ts'
import { settle } from '../memory/machine.ts'
import { chunks, GET, icap, IcapWorld, PERMIT, post } from './icap_world.ts'

const CHANGED: Decision = {
  ...{ by: 'guard', rule: 'x', reason: '', category: '', kind: 'rewrite' },
  changes: { ...NO_CHANGES, set: [['X-A', 'b']] },
}

const SEEDS = [
  icap('', { method: 'OPTIONS', encapsulated: 'null-body=0' }),
  icap(GET) + icap(GET, { fields: 'Allow: 204\r\n' }),
  icap(GET, { fields: 'Preview: 0\r\n' }) + icap(post(), { body: chunks('0123456789', 'abcdef') }),
  icap(post(), { fields: 'Preview: 4\r\n', body: chunks('0123') }) + chunks('456789', 'abcdef') + icap(GET),
  icap(post(), { fields: 'Preview: 32\r\n', body: '10\r\n0123456789abcdef\r\n0; ieof\r\n\r\n' }) + icap(GET),
  icap(GET, { method: 'RESPMOD' }) + icap(GET),
].map(toBytes)

const WORDS = [
  'REQMOD',
  'OPTIONS',
  'ICAP/1.0',
  'Encapsulated: ',
  'req-hdr=0',
  'null-body=0',
  'req-body=',
  'Preview: ',
  'Allow: 204\r\n',
  '\r\n\r\n',
  '0\r\n\r\n',
  '0; ieof\r\n\r\n',
  'Content-Length: 4\r\n',
  'Transfer-Encoding: chunked\r\n',
  GET,
].map(toBytes)

async function play(pieces: readonly Uint8Array[]): Promise<{ asked: string[]; left: string[]; said: string }> {
  const world = await IcapWorld.open(({ method }) => method === 'POST' ? CHANGED : PERMIT)
  const client = await world.client()
  for (const piece of pieces) {
    try {
      await client.socket.write(piece)
    } catch {
      // It was closed upon us.
    }
    await settle()
  }
  try {
    await client.end()
  } catch {
    // So it was.
  }
  await settle()
  // Whoever is waited for is waited for no longer than this.
  await world.pass(400_000)
  const said = client.text
  await client.close()
  return { asked: world.asked, left: await world.leftovers(), said }
}

test.each([1, 2, 3, 4])('seed %d', async (start) => {
  for (let seed = start * 10_000; seed < start * 10_000 + 60; seed++) {
    const random = randomOf(seed)
    const input = mutate(random, SEEDS, WORDS)
    const whole = await play([input])
    const pieces = await play(cut(random, input))
    const which = `seed ${seed}`
    expect([which, whole.left, pieces.left]).toEqual([which, [], []])
    expect([which, pieces.asked]).toEqual([which, whole.asked])
    expect(whole.said === '' || whole.said.startsWith('ICAP/1.0 ')).toBe(true)
  }
})
