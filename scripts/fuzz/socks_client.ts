/** The fuzz target of core/socks/client.ts: what servers answer. */

import { toBytes } from '../../core/bytes/ascii.ts'
import { SocksClient, type SocksClientStep } from '../../core/socks/client.ts'
import { socksEstablished, socksRefused } from '../../core/socks/server.ts'
import type { FuzzTarget } from './main.ts'
import { cut, type Random } from './random.ts'

/** Steps a client can take at most: three things it sends, and the end. */
const STEPS = 4

function read(version: 4 | 5, pieces: readonly Uint8Array[]): string {
  const client = new SocksClient(version, 'a.test', 80, { user: 'joe', password: 'pw' })
  const all: SocksClientStep[] = []
  const turn = (): void => {
    for (let step = client.next(); step.kind !== 'more'; step = client.next()) all.push(step)
    if (all.length > STEPS) throw new Error('it does not come to an end')
  }
  turn()
  let fed = 0
  for (const piece of pieces) {
    const lent = piece.slice()
    client.feed(lent)
    fed += lent.length
    lent.fill(0xaa)
    turn()
  }
  const rest = client.rest()
  if (rest.length > fed) throw new Error('more is left than came')
  return JSON.stringify([all, [...rest]])
}

function check(input: Uint8Array, random: Random): void {
  for (const version of [4, 5] as const) {
    const whole = read(version, [input])
    for (const pieces of [cut(random, input), Array.from(input, (byte) => Uint8Array.of(byte))]) {
      if (read(version, pieces) !== whole) throw new Error(`version ${version}: other steps in pieces`)
    }
  }
}

const join = (...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]))

const target: FuzzTarget = {
  invariant: 'a SOCKS client takes the same few steps however the answer is cut, and keeps what follows it',
  seeds: [
    socksEstablished(4),
    socksRefused(4, 'failed'),
    join([5, 0], socksEstablished(5), toBytes('SSH-2.0')),
    join([5, 2, 1, 0], socksEstablished(5)),
    join([5, 2, 1, 1]),
    join([5, 0], socksRefused(5, 'refused')),
    join([5, 0, 5, 0, 0, 3, 4], toBytes('name'), [0, 80, 1, 2, 3]),
    join([5, 0, 5, 0, 0, 4], Array<number>(18).fill(7)),
  ],
  words: [Uint8Array.of(5, 0), Uint8Array.of(5, 2), Uint8Array.of(1, 0), Uint8Array.of(0, 0x5a), Uint8Array.of(0xff)],
  check,
}

export default target
