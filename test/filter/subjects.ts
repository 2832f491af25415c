/** What is judged, made from a URL, for tests. */
import type { Subject } from '../../core/filter/subject.ts'

/** `http://host/path?query`, or `host:port` for CONNECT. Host and path have to be in normal form. */
export function subjectOf(url: string, more: Partial<Subject> & { readonly referer?: string } = {}): Subject {
  const parts = /^(?:(https?):\/\/)?(\[[^\]]*\]|[^/:?]*)(?::([0-9]+))?(\/[^?]*)?(?:\?(.*))?$/.exec(url)
  if (parts === null) throw new TypeError(`Cannot read ${url}`)
  const [, scheme = '', host, port, path, query = ''] = parts
  return {
    listener: 'http',
    client: '192.0.2.1',
    user: '',
    method: scheme === '' ? 'CONNECT' : 'GET',
    scheme,
    host: host.replace(/^\[|\]$/g, ''),
    port: port === undefined ? (scheme === 'http' ? 80 : 443) : Number(port),
    url,
    path: path ?? (scheme === '' ? '' : '/'),
    query,
    date: 0,
    zone: 0,
    addresses: null,
    tls: null,
    field: (name) => (name === 'referer' ? more.referer ?? null : null),
    ...more,
  }
}
