/** c-icap as a service: echo (passes everything on), ex206 (partial content) and url_check (refuses what is on a list). */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { freePort, lacking, listens, newFolder, Peer } from './peers.ts'

const MODULES = '/usr/lib/x86_64-linux-gnu/c_icap'

/** For titles of tests, as {@link lacking}. */
export function lackingCIcap(): string {
  const missing = lacking('c-icap', 'setsid', 'curl')
  if (missing !== '' || existsSync(join(MODULES, 'srv_url_check.so'))) return missing
  return ' (skipped: the url_check module of c-icap is not installed)'
}

export class CIcap extends Peer {
  readonly port: number

  private constructor(folder: string, port: number) {
    // A group of its own: it has children, and they outlive it when it is killed alone.
    super(folder, 'setsid', ['-w', 'c-icap', '-N', '-D', '-f', join(folder, 'c-icap.conf')])
    this.port = port
  }

  /** `blocked`: hosts that url_check refuses. */
  static async start(blocked: readonly string[], port = 0): Promise<CIcap> {
    const folder = newFolder()
    const own = port === 0 ? await freePort() : port
    mkdirSync(join(folder, 'run'))
    writeFileSync(join(folder, 'blocked'), blocked.map((host) => `${host}\n`).join(''))
    writeFileSync(
      join(folder, 'c-icap.conf'),
      `PidFile ${folder}/run/pid
CommandsSocket ${folder}/run/ctl
Port 127.0.0.1:${own}
StartServers 1
MaxServers 2
ThreadsPerChild 100
MinSpareThreads 1
MaxSpareThreads 200
KeepAliveTimeout 600
MaxKeepAliveRequests 100
# Any other kind stays in /dev/shm when it is killed, and its starts try so many names only.
InterProcessSharedMemScheme mmap
TmpDir ${folder}/run
ModulesDir ${MODULES}
ServicesDir ${MODULES}
TemplateDir /usr/share/c_icap/templates/
TemplateDefaultLanguage en
LoadMagicFile /etc/c-icap/c-icap.magic
ServerLog ${folder}/server.log
AccessLog ${folder}/access.log
Service echo srv_echo.so
Service ex206 srv_ex206.so
Service url_check srv_url_check.so
url_check.LookupTableDB blocked host hash:${folder}/blocked "blocked"
url_check.Profile default block blocked
url_check.Profile default pass ALL
`,
    )
    // A thread serves one connection, and waits with it while it is kept: there are more than any test makes.
    const peer = new CIcap(folder, own)
    await peer.ready(() => listens(own, '127.0.0.1'), `c-icap on port ${own}`)
    return peer
  }

  url(service: string): string {
    return `icap://127.0.0.1:${this.port}/${service}`
  }

  /** What it says it has done, as lines. */
  get log(): string {
    return readFileSync(join(this.folder, 'access.log'), 'latin1')
  }

  /** All of its processes, at once. */
  kill(): void {
    try {
      const main = Number(readFileSync(join(this.folder, 'run/pid'), 'latin1'))
      process.kill(-main, 'SIGKILL')
    } catch {
      // It is not there any more.
    }
  }

  override [Symbol.dispose](): void {
    this.kill()
    super[Symbol.dispose]()
  }
}
