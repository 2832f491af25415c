/** What no single option of TLS can get wrong. */

import { type Finding, grave, warning } from './finding.ts'
import type { ListenerSettings, Settings } from './settings.ts'

/** What the TLS of a client is not ours to end in: its own, on the way to somebody else. */
const CARRIED: readonly ListenerSettings['mode'][] = ['transparent', 'tls', 'passthrough']

function* checkListener({ name, mode, tls, client_certificates, client_ca }: ListenerSettings): Generator<Finding> {
  const at = `listener.${name}`
  if (tls.length > 0 && CARRIED.includes(mode)) {
    yield grave(`${at}.tls`, `mode "${mode}" carries the TLS of clients as it is; remove tls, or choose another mode`)
  }
  if (client_certificates === 'off') {
    if (client_ca !== '') yield warning(`${at}.client_ca`, 'is of no use while client_certificates is "off"')
    return
  }
  if (tls.length === 0) yield grave(`${at}.client_certificates`, 'needs tls: clients show certificates there alone')
  if (client_ca === '') yield grave(`${at}.client_ca`, 'is missing; it says who may have signed what clients show')
}

export function checkTls({ listener, upstream }: Settings): Finding[] {
  const found = listener.flatMap((one) => [...checkListener(one)])
  for (const { name, tls } of upstream) {
    if (tls === null) continue
    if ((tls.cert === '') !== (tls.key === '')) {
      found.push(grave(`upstream.${name}.tls`, 'cert and key come together; give both or neither'))
    }
    if (!tls.verify && tls.ca !== '') {
      found.push(warning(`upstream.${name}.tls`, 'ca is of no use: with verify = false any certificate is good'))
    }
  }
  return found
}
