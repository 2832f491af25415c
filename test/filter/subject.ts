/** A request as policy sees it, made of its URL. */
import { parseAddress } from '../../core/bytes/address.ts'
import { policyHost } from '../../core/bytes/host.ts'
import { normalPath } from '../../core/filter/normal.ts'
import type { Subject } from '../../core/filter/subject.ts'

export interface About extends Partial<Omit<Subject, 'field' | 'headBytes'>> {
  readonly fields?: Readonly<Record<string, string>>
}

/** `http://host[:port]/path?query`, or `host:port`, which is a CONNECT. */
export function subjectOf(url: string, { fields = {}, ...about }: About = {}): Subject {
  const match = /^(?:(https?):\/\/)?(\[[^\]]*\]|[^:/?]*)(?::([0-9]+))?([^?]*)(?:\?(.*))?$/s.exec(url)
  if (match === null) throw new TypeError(`Cannot make a request of ${url}`)
  const [, scheme = '', written = '', port, path = '', query = ''] = match
  const host = policyHost(written) ?? written
  return {
    listener: 'http',
    client: '10.1.2.3',
    user: '',
    local: '10.0.0.1',
    localPort: 3128,
    method: scheme === '' ? 'CONNECT' : 'GET',
    scheme,
    host,
    port: port === undefined ? (scheme === 'https' ? 443 : 80) : Number(port),
    url,
    path: scheme === '' ? '' : normalPath(path),
    query,
    // A Wednesday.
    date: Date.UTC(2026, 10, 25, 9, 0),
    zone: 0,
    addresses: parseAddress(host) === null ? null : [host],
    tls: null,
    field: (name) => Object.entries(fields).find(([key]) => key.toLowerCase() === name)?.[1] ?? null,
    headBytes: () => new Uint8Array(0),
    ...about,
  }
}
