/**
 * The origin: nginx on the cores of the load, with an answer of 1 KB from memory and files of 64 KB and 10 MB; and beside it
 * one of our own for what nginx cannot do, which answers a body with that body, and after an upgrade all bytes with themselves.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import { startEcho } from './echo.ts'
import { fileLimit, find, start } from './machine.ts'
import { freePort, untilListening } from './ports.ts'
import { configure, nginxUser } from './program.ts'

export const SMALL_SIZE = 1024
export const MEDIUM_SIZE = 64 * 1024
export const LARGE_SIZE = 10 * 1024 * 1024

/** What TLS clients call it. */
export const TLS_NAME = 'tls.bench'

export type Path = '/small' | '/medium' | '/large'

export interface Origin {
  readonly port: number
  /** The same over TLS. */
  readonly secure: number
  /** Of the origin that echoes. */
  readonly echo: number
  readonly bodies: Readonly<Record<Path, Uint8Array>>
  stop(): Promise<boolean>
}

export async function startOrigin(folder: string, cores: string): Promise<Origin> {
  const nginx = find('nginx')
  if (nginx === null) throw new Error('nginx is needed as the origin: apt-get install nginx-light')
  const [port, secure] = [await freePort(), await freePort()]
  certify(folder)
  const small = 'The quick brown fox jumps over the lazy dog. '.repeat(24).slice(0, SMALL_SIZE)
  const large = new Uint8Array(LARGE_SIZE)
  for (let i = 0, state = 1; i < large.length; i++) {
    state = Math.imul(state, 1_103_515_245) + 12_345 | 0
    large[i] = state >>> 16
  }
  const medium = large.subarray(0, MEDIUM_SIZE)
  mkdirSync(join(folder, 'site'), { recursive: true })
  writeFileSync(join(folder, 'site/large'), large)
  writeFileSync(join(folder, 'site/medium'), medium)
  const files = fileLimit()
  const values = { folder, port, secure, small, files, descriptors: files - 100, user: nginxUser() }
  const server = start([nginx, '-c', configure('origin.conf', values, folder)], cores)
  await untilListening(server, port)
  const echo = await startEcho()
  return {
    port,
    secure,
    echo: echo.port,
    bodies: { '/small': Buffer.from(small, 'latin1'), '/medium': medium, '/large': large },
    stop: () => {
      echo.stop()
      return server.stop()
    },
  }
}

/** A certificate and its key, for {@link TLS_NAME}. */
function certify(folder: string): void {
  const what = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', `/CN=${TLS_NAME}`]
  const where = ['-keyout', join(folder, 'origin.key'), '-out', join(folder, 'origin.pem')]
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...what, ...where], { stdio: 'pipe' })
}
