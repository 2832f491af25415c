/** The facts of one exchange, gathered as it goes, for its line in the access log and for the counters. */

import type { FailureCode } from '../failure.ts'
import { FAILURES } from '../failure.ts'
import type { DecisionKind } from '../filter/decision.ts'
import type { Parent, ParentHierarchy } from '../flow/parent.ts'
import type { Head } from '../http/head.ts'
import type { Endpoint } from '../runtime.ts'
import type { ArrivalTls } from './arrival.ts'
import type { Petition } from './petition.ts'

/** How the origin was reached, in Squid's words. */
export type Hierarchy = 'HIER_NONE' | 'HIER_DIRECT' | ParentHierarchy

/** A step that did not take place has no duration. */
export const NOT_TAKEN = -1

/**
 * One object serves all exchanges of a connection, one after the other: filling it is assigning to its fields. It refers
 * to heads and copies nothing out of them, so it is written to the log before they are given back.
 *
 * Times are milliseconds, with a fraction, NOT_TAKEN where the step did not take place.
 */
export class ExchangeRecord {
  /** When the first byte of the request came, milliseconds since 1970-01-01 UTC. */
  started = 0
  /** The address of the client; empty on a unix-domain socket. */
  client = ''
  /** Where it was going when it was captured; `null`: it was not. */
  destination: Endpoint | null = null
  /** Whether the host it asked for has that address; `null`: that is not known. */
  agrees: boolean | null = null
  /** The name of the listener the client came through. */
  listener = ''
  /** What the proxy in front calls the connection; empty: nothing. */
  uniqueId = ''
  /** TLS on the client's side; `null`: nothing is known of any. */
  tls: ArrivalTls | null = null
  /** What was asked for without a scheme was asked for by https. */
  secure = false
  /** The authenticated user; empty: nobody. */
  user = ''
  /** What names this exchange on its error page and in the JSON log; may be empty. */
  id = ''
  /** The request, as the client sent it; `null` when it never was one. */
  request: Head | null = null
  /** The URL asked of the origin, where it is not what the client sent (it was rewritten); empty otherwise. */
  url = ''
  /** The response of the origin, when one came. */
  response: Head | null = null
  /** The Content-Type of an answer of our own; empty: `response` tells it. */
  type = ''
  /** How an ICAP client was answered, in the words of Squid's icap.log; empty: it was no ICAP. */
  icap: '' | 'ICAP_ECHO' | 'ICAP_MOD' | 'ICAP_SAT' = ''
  /** The status sent to the client; 0: none was. */
  status = 0
  failure: FailureCode | '' = ''
  /** What was done with it. `permit` is what happens when nobody decides. */
  decision: DecisionKind = 'permit'
  /** Who decided so: a classifier of the chain; empty: nobody. */
  by = ''
  /** The rule it was decided by. */
  rule = ''
  /** The list or category it was found in. */
  category = ''
  /** Why it was decided so. */
  reason = ''
  /** Bytes from the client and to the client, heads and the framing of bodies included. */
  bytesIn = 0
  bytesOut = 0
  /** The address dialled for it, whether that went well or not; `null`: none. */
  origin: Endpoint | null = null
  hierarchy: Hierarchy = 'HIER_NONE'
  /** The parent it went through, whose server `origin` is then; empty: none. */
  parent = ''
  /** It was sent over a connection that had served before. */
  reused = false
  /** It became a tunnel: CONNECT was answered 2xx, or an upgrade 101. */
  tunnel = false
  /** Waiting for a place, for the names, for the connection, and from there to the first byte of the response. */
  queue = NOT_TAKEN
  dns = NOT_TAKEN
  connect = NOT_TAKEN
  firstByte = NOT_TAKEN
  /** From `started` to the last byte. */
  total = 0

  /** What the chain of classifiers has made of it. */
  judged({ kind, cause, user, reported }: Pick<Petition, 'kind' | 'cause' | 'user' | 'reported'>): void {
    this.decision = kind
    this.user = user
    this.by = cause?.by ?? ''
    this.rule = cause?.rule ?? ''
    this.category = cause?.category ?? ''
    this.reason = cause?.reason ?? ''
    // Who tries out a rule looks for it here.
    for (const { decision } of reported) {
      this.reason += `${this.reason === '' ? '' : '; '}report only: ${decision.rule} says ${decision.kind}`
    }
  }

  /** This address was dialled for it. */
  reached(origin: Endpoint, via: Parent | null): void {
    this.origin = origin
    this.hierarchy = via === null ? 'HIER_DIRECT' : via.hierarchy
    this.parent = via === null ? '' : via.name
  }

  /** As good as new: what belongs to the connection stays: the client, the listener, its name, its TLS. */
  reset(started: number): void {
    this.started = started
    this.user = ''
    this.id = ''
    this.agrees = null
    this.request = null
    this.url = ''
    this.response = null
    this.icap = ''
    this.type = ''
    this.status = 0
    this.failure = ''
    this.decision = 'permit'
    this.by = ''
    this.rule = ''
    this.category = ''
    this.reason = ''
    this.bytesIn = 0
    this.bytesOut = 0
    this.origin = null
    this.hierarchy = 'HIER_NONE'
    this.parent = ''
    this.reused = false
    this.tunnel = false
    this.queue = NOT_TAKEN
    this.dns = NOT_TAKEN
    this.connect = NOT_TAKEN
    this.firstByte = NOT_TAKEN
    this.total = 0
  }
}

/**
 * Squid's result code (`TCP_MISS`, ...), what its users and their tools count by, as Squid 5.7 gives it:
 *
 * | result | the exchange |
 * | --- | --- |
 * | TCP_MISS | went to the origin, or failed on the way there |
 * | TCP_TUNNEL | became a tunnel |
 * | TCP_DENIED | was refused by policy or by a limit |
 * | TCP_REDIRECT | was answered with a redirection |
 * | ICAP_ECHO, ICAP_MOD, ICAP_SAT | was left as it is, changed, or answered for an ICAP client |
 * | NONE_NONE | was answered by the proxy itself, was no request, or was a CONNECT that came to nothing |
 *
 * `_TIMEDOUT` follows when the client was too slow, `_ABORTED` when it left before the end.
 */
export function resultCode(record: ExchangeRecord): string {
  const { request, failure, decision } = record
  if (record.tunnel) return 'TCP_TUNNEL'
  if (decision === 'redirect') return 'TCP_REDIRECT'
  if (decision === 'deny') return 'TCP_DENIED'
  if (record.icap !== '') return record.icap
  if (request === null || decision === 'respond') return 'NONE_NONE'
  if (failure === '') return record.origin === null ? 'NONE_NONE' : 'TCP_MISS'
  const { who, when } = FAILURES[failure]
  if (who === 'proxy' && !ON_THE_WAY.has(failure)) return POLICY.has(failure) ? 'TCP_DENIED' : 'NONE_NONE'
  if (who === 'client' && when !== 'exchange') return 'NONE_NONE'
  const suffix = failure === 'client-left' || failure === 'stopped' ? 1 : failure === 'body-timeout' ? 2 : 0
  return request.isMethod('CONNECT') ? NONE[suffix] : MISS[suffix]
}

const NONE = ['NONE_NONE', 'NONE_NONE_ABORTED', 'NONE_NONE_TIMEDOUT']
const MISS = ['TCP_MISS', 'TCP_MISS_ABORTED', 'TCP_MISS_TIMEDOUT']

/** Failures of the proxy that say nothing of whether it asked the origin. */
const ON_THE_WAY: ReadonlySet<FailureCode> = new Set<FailureCode>(['loop', 'stopped'])

/** Failures that are refusals. The others of the proxy are its own trouble. */
const POLICY: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'too-many-connections',
  'method-refused',
  'port-refused',
  'destination-refused',
  'local-refused',
  'name-refused',
  'login-needed',
  'no-upstream',
  'denied',
])
