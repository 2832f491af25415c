/** Certificates, as they stand in the file: tables in a table. */

import * as z from 'zod'
import { HOST } from './kinds.ts'
import type { Kind } from './kinds.ts'
import type { IdentityFiles, UpstreamTlsSettings } from './settings.ts'

const file = (what: string) => z.string({ error: () => `${what} is the path of a PEM file` }).regex(/^[^\0]*$/)
const there = (what: string) => file(what).min(1, { error: () => `${what} is empty; it is the path of a PEM file` })

const FILES = z.strictObject({ cert: there('cert'), key: there('key') })
const FILES_FORM = 'a table of two files, as { cert = "/etc/exaproxy/site.pem", key = "/etc/exaproxy/site.key" }'

/** One certificate and its key, or several of them. */
export const identities = {
  type: z.codec(
    z.union([FILES, z.array(FILES)], { error: () => `is not ${FILES_FORM}, or a list of such tables` }),
    z.array(FILES),
    {
      decode: (value): IdentityFiles[] => Array.isArray(value) ? value : [value],
      encode: (value) => value,
    },
  ),
  shape: 'table',
  form: `${FILES_FORM}, or a list of such tables`,
} as const satisfies Kind

const UPSTREAM = z.strictObject({
  ca: file('ca').prefault(''),
  verify: z.boolean({ error: () => 'verify is true or false' }).prefault(true),
  name: z.string({ error: () => 'name is the name of a server' }).refine((text) => text === '' || HOST.test(text), {
    error: () => 'name is not the name of a server, as "app.example.com"',
  }).prefault(''),
  cert: file('cert').prefault(''),
  key: file('key').prefault(''),
})

const UPSTREAM_FORM = 'true, false, or a table, as { ca = "/etc/exaproxy/ca.pem", name = "app.internal" }'
const READ = z.object({ ca: z.string(), verify: z.boolean(), name: z.string(), cert: z.string(), key: z.string() })
const DEFAULTS: UpstreamTlsSettings = { ca: '', verify: true, name: '', cert: '', key: '' }

/** TLS to a server; `null`: none. */
export const upstreamTls = {
  type: z.codec(
    z.union([z.boolean(), UPSTREAM], { error: () => `is not ${UPSTREAM_FORM}` }),
    READ.nullable(),
    {
      decode: (value): UpstreamTlsSettings | null => value === true ? DEFAULTS : value === false ? null : value,
      encode: (value) => value === null ? false : same(value) ? true : value,
    },
  ),
  shape: 'table',
  form: UPSTREAM_FORM,
} as const satisfies Kind

function same({ ca, verify, name, cert, key }: UpstreamTlsSettings): boolean {
  return ca === '' && verify && name === '' && cert === '' && key === ''
}
