/**
 * Networks for a test: namespaces of the kernel with wires (veth) between them, whose programs see one another as machines
 * do. A test's own process stays where it is: what is to be inside a namespace is a child run there.
 *
 * Needs ip(8) and the right to make namespaces (root), and nft(8) for {@link Space.nft}.
 */

import type { ChildProcess } from 'node:child_process'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import process from 'node:process'
import { type Finished, installed, lacking, run } from './peers.ts'
import { within } from './waiting.ts'

/** For titles of tests that need networks: '' when all that they take is there, else why the test is skipped. */
export function networkLacking(...names: string[]): string {
  const missing = lacking('ip', ...names)
  if (missing !== '') return missing
  if (process.getuid?.() !== 0) return ' (skipped: only root may make network namespaces)'
  return possible() ? '' : ' (skipped: no network namespaces can be made here)'
}

let made: boolean | null = null
function possible(): boolean {
  return made ??= spawnSync('unshare', ['--net', 'true'], { stdio: 'ignore' }).status === 0
}

/** The addresses of both ends of a wire, with their prefix lengths (`10.0.0.1/24`): the first is that of the space asked. */
interface Wire {
  readonly v4?: readonly [string, string]
  readonly v6?: readonly [string, string]
}

const open = new Set<Network>()
process.on('exit', () => {
  for (const network of open) network.close()
})

let count = 0

/** Some namespaces of one test. `close` ends the programs in them and removes them. */
export class Network {
  readonly #spaces: Space[] = []

  static make(): Network {
    const network = new Network()
    open.add(network)
    return network
  }

  /** A namespace with its loopback up and IPv6 on. `name` is what the test calls it: others may use the same. */
  space(name: string): Space {
    const space = new Space(`xp${process.pid}-${++count}-${name}`)
    this.#spaces.push(space)
    return space
  }

  close(): void {
    open.delete(this)
    for (const space of this.#spaces.splice(0)) space.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

export class Space {
  /** Of the namespace, as ip(8) knows it. */
  readonly name: string
  /** Words before a command line that make it run here: for `Program.start(..., { within: space.prefix })`. */
  readonly prefix: readonly string[]
  readonly #children = new Set<ChildProcess>()

  constructor(name: string) {
    this.name = name
    this.prefix = [installed('ip'), 'netns', 'exec', name]
    ip('netns', 'add', name)
    this.ip('link', 'set', 'lo', 'up')
  }

  /**
   * A wire to another space. Both ends are up, their addresses usable, when it returns. Gives the names of the interfaces,
   * here and there.
   */
  join(other: Space, { v4, v6 }: Wire): readonly [string, string] {
    // Names of interfaces have 15 characters at most, and are unique in a namespace only: these are everywhere.
    const wire = ++count
    const ends = [`v${process.pid}a${wire}`, `v${process.pid}b${wire}`] as const
    const sides = [this, other] as const
    ip('link', 'add', ends[0], 'netns', this.name, 'type', 'veth', 'peer', 'name', ends[1], 'netns', other.name)
    for (const [side, space] of sides.entries()) {
      const end = ends[side]!
      // There is nobody to contradict: no second's wait for it (RFC 4862 section 5.4), link-local addresses included.
      space.sysctl(`net.ipv6.conf.${end}.accept_dad`, 0)
      if (v6 === undefined) space.sysctl(`net.ipv6.conf.${end}.disable_ipv6`, 1)
      space.ip('link', 'set', end, 'address', hardwareAddress(wire, side), 'up')
      if (v4 !== undefined) space.ip('addr', 'add', v4[side]!, 'dev', end)
      if (v6 === undefined) continue
      space.ip('addr', 'add', v6[side]!, 'dev', end, 'nodad')
      // The first question who has an address is lost on a wire that is new, and asked again after a second.
      const [peer] = v6[1 - side]!.split('/')
      space.ip('neigh', 'add', peer!, 'lladdr', hardwareAddress(wire, 1 - side), 'dev', end, 'nud', 'permanent')
    }
    return ends
  }

  /** The default route, of the family of `gateway`. */
  route(gateway: string): void {
    this.ip('route', 'add', 'default', 'via', gateway)
  }

  /** Packets of others go on from here, in both families. */
  forward(): void {
    this.sysctl('net.ipv4.ip_forward', 1)
    this.sysctl('net.ipv6.conf.all.forwarding', 1)
  }

  /** ip(8) here. The family follows from the addresses, or is among the words (`-6`). @throws what it said */
  ip(...words: string[]): string {
    const sixth = words.some((word) => word.includes(':') && !words.includes('link'))
    return ip('-n', this.name, ...(sixth ? ['-6'] : []), ...words)
  }

  sysctl(name: string, value: number | string): void {
    const path = `/proc/sys/${name.replaceAll('.', '/')}`
    this.#execute('sh', ['-c', 'echo "$0" > "$1"', String(value), path])
  }

  /** Loads rules as nft(8) reads them from its input. @throws what it said */
  nft(text: string): void {
    this.#execute(installed('nft'), ['-f', '-'], text)
  }

  #execute(command: string, words: readonly string[], input = ''): string {
    return executed(this.prefix[0]!, [...this.prefix.slice(1), command, ...words], input)
  }

  /** Runs a program here to its end. */
  async run(command: string, words: readonly string[] = []): Promise<Finished> {
    return await run('ip', [...this.prefix.slice(1), command, ...words])
  }

  /** Starts a program that goes on until it is killed, or the network closed. Its standard input and output are pipes. */
  spawn(command: string, words: readonly string[] = []): ChildProcess {
    // ip becomes the command (exec), so that a signal reaches it.
    const child = spawn(this.prefix[0]!, [...this.prefix.slice(1), command, ...words], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#children.add(child)
    child.once('close', () => this.#children.delete(child))
    return child
  }

  /**
   * An origin here, which answers every connection with whom it saw: `{"peer": "192.0.2.1:1234", "local": "..."}`, as the
   * body of an HTTP response when a request came, else as a line and then what it was sent. IPv6 addresses are in brackets.
   * With `tls`, the paths of a certificate and its key: the same over TLS.
   */
  async echo(address: string, port: number, tls?: { cert: string; key: string }): Promise<ChildProcess> {
    const words = [ECHO, address, String(port), ...(tls === undefined ? [] : [tls.cert, tls.key])]
    // The Node of the tests, whichever runtime runs them.
    const child = this.spawn(installed('node'), words)
    let errors = ''
    child.stderr?.on('data', (chunk) => errors += String(chunk))
    const listening = new Promise<void>((resolve, reject) => {
      child.stdout?.once('data', () => resolve())
      child.once('close', () => reject(new Error(`the origin at ${address} ended: ${errors}`)))
    })
    await within(listening, `an origin at ${address} port ${port}`, () => errors)
    return child
  }

  close(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    this.#children.clear()
    // What else runs here, a program's workers: a namespace lasts as long as they do.
    for (const pid of ip('netns', 'pids', this.name).split('\n')) if (pid !== '') killed(Number(pid))
    ip('netns', 'del', this.name)
  }
}

const ECHO = new URL('./helpers/echo_origin.mjs', import.meta.url).pathname

/** Of an end of a wire: one that is locally administered. */
const hardwareAddress = (wire: number, side: number): string =>
  ['02', ...[wire >> 8, wire & 0xff, side, 0, 0].map((byte) => byte.toString(16).padStart(2, '0'))].join(':')

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

function ip(...words: string[]): string {
  return executed(installed('ip'), words)
}

function executed(command: string, words: readonly string[], input = ''): string {
  try {
    return execFileSync(command, words, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] })
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    throw new Error(`${command} ${words.join(' ')}: ${stderr ?? ''}`, { cause: error })
  }
}
