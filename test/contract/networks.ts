/** The contract of what networks ask for: inherited listeners, and connections that are not like others. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ConnectOptions, Endpoint, Runtime, Socket } from '../../core/runtime.ts'
import { SystemFailure } from '../../core/runtime.ts'
import { lacking } from '../live/peers.ts'
import { accept, checker, failure, type Skips, somewhere, temporary, withListener } from './pairs.ts'
import { answer, programs } from './programs.ts'

const LEAVE = new URL('../live/helpers/leave_sockets.py', import.meta.url).pathname

/** Says what it inherited, then says to each connection where it came to. Its worker does, with `worker` for argument. */
const HEIR = `
const say = (value) => runtime.output.write(new TextEncoder().encode(JSON.stringify(value) + '\\n'))
const { WORKER, LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES, EXAPROXY_INHERITED } = runtime.environment
const [role, count] = runtime.arguments
if (role === 'worker' && WORKER === undefined) {
  const { output, errors, exited } = runtime.worker({ WORKER: 'yes' })
  for (const [from, to] of [[output, runtime.output], [errors, runtime.errors]]) {
    ;(async () => {
      for (let got = await from.next(); !got.done; got = await from.next()) await to.write(got.value)
    })()
  }
  runtime.stay()
} else {
  const listeners = []
  for (let i = 0; i < Number(count); i++) listeners.push(await runtime.inherited(i, {}))
  const past = await runtime.inherited(Number(count)).then(() => 'there', ({ code }) => code)
  const told = [LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES, EXAPROXY_INHERITED].filter((word) => word !== undefined)
  for (const listener of listeners) {
    ;(async () => {
      for await (const socket of listener) {
        await socket.write(new TextEncoder().encode(JSON.stringify({ local: socket.local, peer: socket.peer })))
        socket.end()
      }
    })()
  }
  say({ at: listeners.map(({ at }) => at), past, told })
  runtime.stay()
}
`

interface Heir {
  readonly at: readonly Endpoint[]
  readonly past: string
  readonly told: readonly string[]
}

const python = lacking('python3')

/** How an address ends where Linux lists its sockets: its port. */
export const portAsListed = (port: number) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`

/**
 * The words of the lines of Linux's lists of sockets that are `meant`. The kernel writes a list piece by piece while it changes:
 * a line may be there twice, or missing, and then it is read again.
 */
export function listed(paths: readonly string[], meant: (words: readonly string[]) => boolean): string[][] {
  for (let i = 0; i < 10; i++) {
    const lines = paths.flatMap((path) => readFileSync(path, 'latin1').split('\n'))
    const found = lines.map((line) => line.trim().split(/ +/)).filter(meant)
    if (found.length > 0) return found
  }
  return []
}

/**
 * As Linux tells of a connection over IPv4: when the timer of keep-alive rings, hundredths of a second.
 * Both ends say which: one local port may serve several peers, also those of the tests beside this one.
 */
function keepAliveOf({ local, peer }: Socket): number | null {
  const [ours, theirs] = [portAsListed(local.port), portAsListed(peer.port)]
  const is = ([, from, to]: readonly string[]) => from !== undefined && from.endsWith(ours) && to!.endsWith(theirs)
  const [line] = listed(['/proc/net/tcp'], is)
  const [kind, when] = line![5]!.split(':')
  return kind === '02' ? parseInt(when!, 16) : null
}

export function networks(runtime: Runtime, skips: Skips): void {
  const check = checker(skips)
  const withProgram = programs(runtime)
  const portable = runtime.engine === 'portable'

  describe('what a service inherits', () => {
    describe.skipIf(python !== '')(`from who started it${python}`, () => {
      it.each(['first', 'worker'])('is listened at by the %s process', (role) =>
        withProgram(HEIR, async (run) => {
          const path = temporary()
          const places = ['127.0.0.1:0', '[::1]:0', path]
          const child = run.by(['python3', LEAVE, ...places, '--'], role, String(places.length))
          const { at, past, told } = await answer<Heir>(child.output)
          expect(at.map(({ family, address }) => [family, address])).toEqual([[4, '127.0.0.1'], [6, '::1'], [
            'unix',
            path,
          ]])
          expect([past, told]).toEqual(['missing', []])
          for (const place of at) {
            for (let i = 0; i < 3; i++) {
              const client = await runtime.connect(place).socket
              let text = ''
              for await (const chunk of client) text += new TextDecoder().decode(chunk)
              expect(JSON.parse(text)).toEqual({ local: place, peer: client.local })
              client.close()
            }
          }
          await runtime.files.remove(path)
        }))

      it('is not taken by a process it was not meant for', () =>
        withProgram(HEIR, async (run) => {
          const other = ['sh', '-c', 'LISTEN_PID=1 exec "$0" "$@"']
          const child = run.by(['python3', LEAVE, '127.0.0.1:0', '--', ...other], 'first', '0')
          expect(await answer<Heir>(child.output)).toEqual({ at: [], past: 'missing', told: ['1', '1'] })
        }))
    })

    check('is nothing where nothing was left', async () => {
      expect(await failure(() => runtime.inherited!(0))).toBe('missing')
    })
  })

  describe('a connect with options', () => {
    check(
      'asks its peer whether it is there, after so long a silence',
      () =>
        withListener(runtime, 4, async (listener) => {
          const client = await runtime.connect(listener.at, { keepAlive: 33_000 }).socket
          const plain = await runtime.connect(listener.at).socket
          const server = await accept(listener)
          const probe = keepAliveOf(client)
          expect(probe).toBeGreaterThan(3000)
          expect(probe).toBeLessThanOrEqual(3300)
          expect(keepAliveOf(plain)).toBeNull()
          for (const socket of [client, plain, server]) socket.close()
        }),
    )

    check('that says nothing of them is like one without', () =>
      withListener(runtime, 4, async (listener) => {
        const none = { transparent: false, mark: 0, tos: 0, keepAlive: 0, userTimeout: 0 }
        const client = await runtime.connect(listener.at, none).socket
        expect(keepAliveOf(client)).toBeNull()
        client.close()
      }))

    check('over a path has no use for them', () =>
      withListener(runtime, 'unix', async (listener) => {
        const every = { transparent: true, mark: 1, tos: 8, keepAlive: 1000, userTimeout: 1000 }
        const client = await runtime.connect(listener.at, every).socket
        client.close()
      }))

    // The others can: what they do then is tested where they are.
    if (!portable) return

    it.each<[string, ConnectOptions]>([
      ['transparent', { transparent: true }],
      ['mark', { mark: 1 }],
      ['tos', { tos: 8 }],
      ['userTimeout', { userTimeout: 1000 }],
    ])('says what it cannot do, and who can: %s', (name, options) =>
      withListener(runtime, 4, async (listener) => {
        for (const also of [{}, { from: somewhere(4) }]) {
          const connecting = runtime.connect(listener.at, { ...options, ...also })
          const reason = await connecting.socket.catch((error: unknown) => error)
          expect(reason).toBeInstanceOf(SystemFailure)
          expect(reason).toMatchObject({ code: 'unsupported', detail: `${name} needs service.engine = "epoll"` })
          connecting.cancel()
        }
      }))

    it('no listener is transparent', async () => {
      expect(await failure(() => runtime.listen(somewhere(4), { transparent: true }))).toBe('unsupported')
    })
  })
}
