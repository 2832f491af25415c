/** Options of sockets are tried at start, and what does not work is named. */
import { expect, test } from 'vitest'
import { EXIT } from '../../core/exit_codes.ts'
import { load } from '../../core/config/load.ts'
import { strangers, tryOutgoing } from '../../core/proxy/outgoing_trial.ts'
import { StartFailure } from '../../core/proxy/start_failure.ts'
import { type ConnectOptions, type Endpoint, SystemFailure, type SystemFailureCode } from '../../core/runtime.ts'
import { Machine } from '../memory/machine.ts'
import { settingsOf } from './world.ts'

/** A machine on which connects with any of these fail so; `any`: with all of them and without. */
function machine(
  fails: Partial<Record<keyof ConnectOptions | 'any', SystemFailureCode>>,
): Machine & { places: Endpoint[] } {
  const made = Object.assign(new Machine(), { places: [] as Endpoint[] })
  const { network } = made
  const listen = network.listen.bind(network)
  network.listen = async (at, options) => {
    const listener = await listen(at, options)
    made.places.push(listener.at)
    return listener
  }
  const connect = network.connect.bind(network)
  network.connect = (to, options = {}) => {
    for (const [name, code] of Object.entries(fails)) {
      if (name !== 'any' && !(name in options)) continue
      return { socket: Promise.reject(new SystemFailure(code, 'so')), cancel() {} }
    }
    return connect(to, options)
  }
  return made
}

const ALL = ['outgoing.mark=1', 'outgoing.tos=184', 'outgoing.keep_alive=30s', 'outgoing.user_timeout=20s']

const CASES: readonly [sets: string[], fails: Parameters<typeof machine>[0], exit: number, words: string][] = [
  [[], { mark: 'unsupported', from: 'unsupported' }, 0, ''],
  [ALL, {}, 0, ''],
  [
    ALL,
    { mark: 'denied' },
    EXIT.no_permission,
    'outgoing.mark: permission denied; grant CAP_NET_ADMIN, or leave it out',
  ],
  [
    ALL,
    { tos: 'unsupported' },
    EXIT.unavailable,
    'outgoing.tos: the sockets of memory cannot; set service.engine = "epoll", or leave it out',
  ],
  [
    ['outgoing.user_timeout=1s'],
    { userTimeout: 'unsupported', mark: 'denied' },
    EXIT.unavailable,
    'outgoing.user_timeout: the sockets of memory cannot; set service.engine = "epoll", or leave it out',
  ],
  [
    ALL,
    { userTimeout: 'other' },
    EXIT.unavailable,
    'outgoing.user_timeout: a connection that is told of it fails (other (so)); set another, or leave it out',
  ],
  [
    ALL,
    { any: 'unsupported' },
    EXIT.unavailable,
    'outgoing.mark: the sockets of memory cannot; set service.engine = "epoll", or leave it out',
  ],
  // This machine has something against connections to itself.
  [ALL, { any: 'unreachable' }, 0, ''],
  [ALL, { any: 'denied' }, 0, ''],
]
test.each(CASES)('%j where %j: exit code %d', async (sets, fails, exit, words) => {
  const where = machine(fails)
  const untried: string[] = []
  const told = (words: string) => void untried.push(words)
  const failure = await tryOutgoing(where, settingsOf(...sets).outgoing, told).then(() => null, (error) => error)
  const why = fails.any === undefined || exit > 0 ? [] : [`${fails.any} (so)`]
  expect(untried).toEqual(why.map((words) => `this machine does not connect to itself (${words})`))
  if (exit === 0) expect(failure).toBeNull()
  else expect([failure instanceof StartFailure, failure.exit, failure.message]).toEqual([true, exit, words])
  // Nobody listens there any more.
  expect(where.places.length).toBe(sets.length === 0 ? 0 : 1)
  for (const at of where.places) {
    await expect(where.connect(at).socket).rejects.toMatchObject({ code: fails.any ?? 'refused' })
  }
})

test('addresses to come from that this machine has not', () => {
  const settings = settingsOf('outgoing.bind4=192.0.2.1,192.0.2.2', 'outgoing.bind6=2001:db8::1,fe80::1%eth0')
  const text = '[[rule]]\ndo = "permit"\nbind = ["192.0.2.2", "2001:db8::2"]\n[[rule]]\nname = "cam"\ndo = "permit"\n' +
    'bind = "192.0.2.9"\n'
  const rule = load({ file: { name: 'f.toml', text }, environment: {}, sets: [] }).settings!.rule
  expect(strangers({ ...settings, rule }, ['192.0.2.2', 'fe80::1', '::1'])).toEqual([
    { option: 'outgoing.bind4', address: '192.0.2.1' },
    { option: 'outgoing.bind6', address: '2001:db8::1' },
    { option: 'bind of rule "1"', address: '2001:db8::2' },
    { option: 'bind of rule "cam"', address: '192.0.2.9' },
  ])
  expect(strangers(settingsOf(), [])).toEqual([])
})
