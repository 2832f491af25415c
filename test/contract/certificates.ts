/** Certificates made for one run: an authority, and what it and others have signed. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificate {
  /** Paths of PEM files. */
  readonly cert: string
  readonly key: string
}

export class Authority {
  readonly folder: string
  /** Path of its certificate, PEM. */
  readonly ca: string
  readonly #key: string
  #count = 0

  constructor(name = 'Test Authority') {
    const folder = mkdtempSync(join(tmpdir(), 'exaproxy-tls-'))
    this.folder = folder
    const base = join(folder, name.replaceAll(' ', '-'))
    this.ca = `${base}.pem`
    this.#key = `${base}.key`
    run(['req', '-x509', ...NEW_KEY, '-keyout', this.#key, '-out', this.ca, '-days', '30', '-subj', `/CN=${name}`])
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** `names`: of its subjectAltName, as `DNS:a.test,IP:127.0.0.1`. `days` below 0: it has expired. */
  issue(commonName: string, names = '', days = 30): Certificate {
    const base = join(this.folder, `${this.#count++}`)
    const [cert, key, request, extensions] = ['pem', 'key', 'csr', 'ext'].map((end) => `${base}.${end}`)
    run(['req', ...NEW_KEY, '-keyout', key, '-out', request, '-subj', `/CN=${commonName}`])
    writeFileSync(extensions, `basicConstraints=CA:FALSE\n${names === '' ? '' : `subjectAltName=${names}\n`}`)
    const how = ['x509', '-req', '-in', request, '-CA', this.ca, '-CAkey', this.#key, '-set_serial', `${this.#count}`]
    run([...how, '-days', `${days}`, '-extfile', extensions, '-out', cert])
    return { cert, key }
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

function run(parameters: readonly string[]): void {
  execFileSync('openssl', parameters, { stdio: 'pipe' })
}

/** The bytes of both files. */
export function read({ cert, key }: Certificate): { cert: Uint8Array; key: Uint8Array } {
  return { cert: readFileSync(cert), key: readFileSync(key) }
}
