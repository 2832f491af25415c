/** What a service is told of who asks. */
import { expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import type { IcapService, Shown } from '../../core/flow/icap_client.ts'
import { readHead } from '../../core/http/change.ts'
import { parseTarget } from '../../core/http/target.ts'
import { fromBase64 } from '../../core/icap/identity.ts'
import { RequestService } from '../../core/proxy/adapt.ts'
import { Petition } from '../../core/proxy/petition.ts'

const WHO = { listener: 'http', client: '192.0.2.1', user: '', local: '', localPort: 0, date: 0, zone: 0 }

test.each(['', 'a', 'bob', 'carl', 'Jörg', 'CORP+x@y'])('the user "%s"', async (user) => {
  let seen: Shown | null = null
  const service = {
    settings: { name: 'av' },
    adaptation: (shown: Shown) => {
      seen = shown
      return { run: () => Promise.resolve({ kind: 'unchanged', body: null }), abandon() {} }
    },
  } as unknown as IcapService
  const { head } = readHead(toBytes('GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n'))
  const petition = new Petition({ ...WHO, user, client: 'fe80::2%eth0' }, head, parseTarget(head))
  expect(await new RequestService(service).adapt(petition)).toMatchObject({ kind: 'permit', by: 'av' })
  const fields = new Map(seen!.fields)
  expect(fields.get('X-Client-IP')).toBe('fe80::2')
  const told = fields.get('X-Authenticated-User')
  expect(told === undefined ? null : fromBase64(told)).toBe(user === '' ? null : `Local://${user}`)
})
