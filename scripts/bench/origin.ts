/** The origin: nginx on the cores of the load, with an answer of 1 KB from memory and one of 10 MB from a file. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileLimit, find, start } from './machine.ts'
import { freePort, untilListening } from './ports.ts'
import { configure, nginxUser } from './programs.ts'

export const SMALL_SIZE = 1024
export const LARGE_SIZE = 10 * 1024 * 1024

export interface Origin {
  readonly port: number
  readonly small: string
  readonly large: Uint8Array
  stop(): Promise<boolean>
}

export async function startOrigin(folder: string, cores: string): Promise<Origin> {
  const nginx = find('nginx')
  if (nginx === null) throw new Error('nginx is needed as the origin: apt-get install nginx-light')
  const port = await freePort()
  const small = 'The quick brown fox jumps over the lazy dog. '.repeat(24).slice(0, SMALL_SIZE)
  const large = new Uint8Array(LARGE_SIZE)
  for (let i = 0, state = 1; i < large.length; i++) {
    state = Math.imul(state, 1_103_515_245) + 12_345 | 0
    large[i] = state >>> 16
  }
  mkdirSync(join(folder, 'site'), { recursive: true })
  writeFileSync(join(folder, 'site/large'), large)
  const configuration = join(folder, 'origin.conf')
  const files = fileLimit()
  configure('origin.conf', { folder, port, small, files, descriptors: files - 100, user: nginxUser() }, configuration)
  const server = start([nginx, '-c', configuration], cores)
  await untilListening(server, port)
  return { port, small, large, stop: () => server.stop() }
}
