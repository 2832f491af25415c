/** Real programs as peers: nginx, dnsmasq, unbound, curl, Chromium. Where one is missing, its tests say so. */

import { Buffer } from 'node:buffer'
import type { ChildProcess } from 'node:child_process'
import { execFileSync, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Resolver } from 'node:dns/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { until, within } from './waiting.ts'

/** Where a program is; '' when it is not installed. Debian keeps servers in /usr/sbin, out of a user's PATH. */
export function installed(name: string): string {
  for (const folder of [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin']) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      continue
    }
  }
  return ''
}

/** For titles of tests that need programs: '' when all are there, else why the test is skipped. */
export function lacking(...names: string[]): string {
  const missing = names.filter((name) => installed(name) === '')
  return missing.length === 0 ? '' : ` (skipped: ${missing.join(' and ')} not installed)`
}

export interface Finished {
  readonly code: number
  readonly output: Buffer
  readonly errors: string
}

/** Runs a program to its end. */
export async function run(name: string, words: readonly string[], patience = 60_000): Promise<Finished> {
  const child = spawn(installed(name), words, { stdio: ['ignore', 'pipe', 'pipe'] })
  const output: Buffer[] = []
  const errors: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? -1))
  })
  try {
    const code = await within(ended, `the end of ${name}`, () => Buffer.concat(errors).toString(), patience)
    return { code, output: Buffer.concat(output), errors: Buffer.concat(errors).toString() }
  } finally {
    child.kill('SIGKILL')
  }
}

/** curl, silent but for its errors. */
export function curl(...words: string[]): Promise<Finished> {
  return run('curl', ['-sS', '--noproxy', '', '--max-time', '50', ...words])
}

/** Below these are those of services, above them those that Linux gives to whoever asks for any (ip_local_port_range). */
const PORTS = { from: 12_000, count: 20_000 }
let chosen = randomInt(PORTS.count)

/** A port of loopback, of both families, that is free and stays so: nobody is given it who asks for any. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + chosen++ % PORTS.count
    if (await isFree(port, '127.0.0.1') && await isFree(port, '::1')) return port
  }
}

function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false)).listen(port, host, () => server.close(() => resolve(true)))
  })
}

const daemons = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of daemons) child.kill('SIGKILL')
})

/** A server in the foreground with a folder of its own. */
export class Peer {
  readonly folder: string
  readonly child: ChildProcess
  errors = ''

  constructor(folder: string, name: string, words: readonly string[]) {
    this.folder = folder
    this.child = spawn(installed(name), words, { stdio: ['ignore', 'pipe', 'pipe'] })
    daemons.add(this.child)
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => this.errors += chunk.toString())
    }
    this.child.once('close', () => daemons.delete(this.child))
  }

  /** Waits until `ready`, which is asked again and again: a server does not say when it listens. */
  async ready(ready: () => Promise<boolean>, what: string): Promise<void> {
    await until(async () => {
      if (this.child.exitCode !== null) throw new Error(`${what} ended: ${this.errors}`)
      return await ready()
    }, what)
  }

  [Symbol.dispose](): void {
    this.child.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'exaproxy-peer-'))
}

export async function listens(port: number, host: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ port, host }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** nginx with a page, a large file, and a certificate it signed itself. */
export class Nginx extends Peer {
  readonly port: number
  readonly tlsPort: number
  readonly root: string

  private constructor(folder: string, port: number, tlsPort: number) {
    super(folder, 'nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'])
    this.port = port
    this.tlsPort = tlsPort
    this.root = join(folder, 'www')
  }

  static async start(files: Readonly<Record<string, Uint8Array | string>>): Promise<Nginx> {
    const folder = newFolder()
    const [port, tlsPort] = [await freePort(), await freePort()]
    mkdirSync(join(folder, 'www'))
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, 'www', name), content)
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=site.test', '-addext']
        .concat(['subjectAltName=DNS:site.test,DNS:*.site.test,IP:127.0.0.1,IP:::1'])
        .concat(['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')]),
      { stdio: 'ignore' },
    )
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off; master_process off; pid ${folder}/pid;
      events { worker_connections 1024; }
      http {
        access_log off; ${temporary}
        types { text/html html; text/plain txt; application/octet-stream bin; }
        server {
          listen 127.0.0.1:${port}; listen [::1]:${port};
          listen 127.0.0.1:${tlsPort} ssl; listen [::1]:${tlsPort} ssl;
          ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem;
          root ${folder}/www;
          client_max_body_size 0;
          location = /seen { return 200 "$request_method $http_host $http_via $http_x_forwarded_for\\n"; }
        }
      }`,
    )
    const nginx = new Nginx(folder, port, tlsPort)
    await nginx.ready(async () => await listens(port, '127.0.0.1') && await listens(tlsPort, '::1'), 'nginx')
    return nginx
  }

  get certificate(): string {
    return join(this.folder, 'cert.pem')
  }
}

export type NameServerName = 'dnsmasq' | 'unbound'

/** dnsmasq or unbound with a few names: `[name, type, address]`. Everything else does not exist. */
export class Names extends Peer {
  readonly port: number

  private constructor(folder: string, program: NameServerName, words: readonly string[], port: number) {
    super(folder, program, words)
    this.port = port
  }

  static async start(
    program: NameServerName,
    records: readonly (readonly [name: string, type: 'A' | 'AAAA', address: string])[],
  ): Promise<Names> {
    const folder = newFolder()
    const port = await freePort()
    const file = join(folder, 'conf')
    writeFileSync(file, program === 'dnsmasq' ? dnsmasq(port, records) : unbound(port, folder, records))
    const words = program === 'dnsmasq' ? ['--keep-in-foreground', `--conf-file=${file}`] : ['-d', '-p', '-c', file]
    const names = new Names(folder, program, words, port)
    const resolver = new Resolver({ timeout: 200, tries: 1 })
    resolver.setServers([names.authority])
    const [name, type] = records[0]
    await names.ready(() => resolver.resolve(name, type).then(() => true, () => false), program)
    return names
  }

  get authority(): string {
    return `127.0.0.1:${this.port}`
  }
}

type Records = Parameters<typeof Names.start>[1]

function dnsmasq(port: number, records: Records): string {
  const lines = records.map(([name, , address]) => `host-record=${name},${address}`)
  return ['no-resolv', 'no-hosts', 'no-poll', 'bind-interfaces', 'listen-address=127.0.0.1', `port=${port}`]
    .concat(['user=', 'pid-file=', 'local=/test/', ...lines, '']).join('\n')
}

function unbound(port: number, folder: string, records: Records): string {
  const data = records.map(([name, type, address]) => `  local-data: "${name}. 60 IN ${type} ${address}"`)
  return [
    'server:',
    '  interface: 127.0.0.1',
    `  port: ${port}`,
    '  do-daemonize: no',
    '  username: ""',
    '  chroot: ""',
    `  directory: "${folder}"`,
    '  pidfile: ""',
    '  use-syslog: no',
    '  logfile: ""',
    '  module-config: "iterator"',
    '  local-zone: "." static',
    ...data,
    'remote-control:',
    '  control-enable: no',
    '',
  ].join('\n')
}
