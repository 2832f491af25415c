/**
 * What can go wrong with an exchange: one table. Replies, log words, metrics and documentation are made from it.
 * Anything else that is thrown is a bug: logged with its stack, answered 500, counted.
 */

/** Who is to blame: the client, the origin (or the way to it), or this proxy (its policy, its limits). */
export type Party = 'client' | 'origin' | 'proxy'

/** When it happened: the phases of an exchange, in order. */
export type Phase = 'admit' | 'request' | 'decide' | 'resolve' | 'connect' | 'exchange'

interface FailureRow {
  readonly who: Party
  readonly when: Phase
  /** The status to answer with while nothing was answered yet; 0: close without an answer. */
  readonly status: number
  /** One sentence for a person. */
  readonly words: string
}

const row = (who: Party, when: Phase, status: number, words: string): FailureRow => ({ who, when, status, words })

export const FAILURES = {
  'bad-request': row('client', 'request', 400, 'The request is not valid HTTP/1.1.'),
  'bad-target': row('client', 'request', 400, 'The request target is not valid.'),
  'bad-host': row('client', 'request', 400, 'The Host field is missing, repeated or not valid.'),
  'bad-framing': row('client', 'request', 400, 'The end of the request body cannot be known for sure.'),
  'bad-body': row('client', 'exchange', 400, 'The request body is not framed as it was announced.'),
  'not-a-proxy-request': row('client', 'request', 400, 'This is a proxy: the request target must be an absolute URI.'),
  'wrong-scheme': row('client', 'request', 400, 'This proxy fetches http:// addresses; others go through CONNECT.'),
  'head-timeout': row('client', 'request', 408, 'The request head did not arrive in time.'),
  'body-timeout': row('client', 'exchange', 408, 'The request body did not arrive in time.'),
  'target-too-long': row('client', 'request', 414, 'The request target is longer than this proxy accepts.'),
  'expectation-failed': row('client', 'request', 417, 'The Expect field asks for something unknown.'),
  'head-too-large': row('client', 'request', 431, 'The request head is larger than this proxy accepts.'),
  'method-unknown': row('client', 'request', 501, 'The method is not one this proxy forwards.'),
  'coding-unknown': row('client', 'request', 501, 'The transfer coding is not one this proxy knows.'),
  'version-unknown': row('client', 'request', 505, 'The HTTP version is not one this proxy speaks.'),
  'client-left': row('client', 'exchange', 0, 'The client left before the end.'),

  'too-many-connections': row('proxy', 'admit', 503, 'There are too many connections; try again later.'),
  'method-refused': row('proxy', 'decide', 405, 'The method is not allowed here.'),
  'port-refused': row('proxy', 'decide', 403, 'CONNECT to this port is not allowed.'),
  'destination-refused': row('proxy', 'decide', 403, 'This destination is not allowed.'),
  'local-refused': row('proxy', 'decide', 403, 'This destination is the proxy machine itself, which is not allowed.'),
  'name-refused': row('proxy', 'decide', 403, 'Names without a dot are not allowed.'),
  'login-needed': row('proxy', 'decide', 407, 'This proxy serves those who log in.'),
  'denied': row('proxy', 'decide', 403, 'The rules of this network do not allow this.'),
  'filter-unavailable': row('proxy', 'decide', 503, 'The filter of this network cannot decide at the moment.'),
  'no-upstream': row('proxy', 'decide', 404, 'No site of that name is served here.'),
  'servers-busy': row('proxy', 'connect', 503, 'The servers of this site have as many requests as they may have.'),
  'source-unavailable': row('proxy', 'connect', 503, 'This proxy has no free address, port or socket to connect from.'),
  'loop': row('proxy', 'decide', 508, 'The request has come through this proxy before.'),
  'bug': row('proxy', 'exchange', 500, 'This proxy made a mistake.'),

  'name-not-found': row('origin', 'resolve', 502, 'The name does not exist.'),
  'name-no-address': row('origin', 'resolve', 502, 'The name has no address.'),
  'name-failed': row('origin', 'resolve', 502, 'The name servers could not answer for this name.'),
  'name-timeout': row('origin', 'resolve', 504, 'The name servers did not answer in time.'),
  'connect-refused': row('origin', 'connect', 502, 'The server refuses connections.'),
  'connect-unreachable': row('origin', 'connect', 502, 'The server cannot be reached.'),
  'connect-failed': row('origin', 'connect', 502, 'The connection to the server could not be made.'),
  'connect-timeout': row('origin', 'connect', 504, 'The server did not accept the connection in time.'),
  'parent-refused': row('origin', 'connect', 502, 'The parent proxy does not connect to this server.'),
  'parent-login': row('origin', 'connect', 502, 'The parent proxy does not accept the login of this proxy.'),
  'servers-down': row('origin', 'connect', 503, 'None of the servers of this site is up.'),
  'response-timeout': row('origin', 'exchange', 504, 'The server did not answer in time.'),
  'bad-response': row('origin', 'exchange', 502, 'The server sent an answer that is not valid HTTP/1.1.'),
  'response-head-too-large': row('origin', 'exchange', 502, 'The head of the server’s answer is too large.'),
  'origin-left': row('origin', 'exchange', 502, 'The server closed the connection before the end of its answer.'),
  'origin-idle': row('origin', 'exchange', 504, 'The server stopped sending.'),
  'tunnel-idle': row('proxy', 'exchange', 0, 'Nothing passed through the tunnel for too long.'),
  'stopped': row('proxy', 'exchange', 0, 'The proxy was stopped before the end.'),
} as const satisfies Record<string, FailureRow>

export type FailureCode = keyof typeof FAILURES

/** A named way for an exchange to go wrong. `detail` says what exactly, for the page and the log; it may be empty. */
export class Failure extends Error {
  readonly code: FailureCode
  readonly detail: string
  /** The status to answer with; see {@link FAILURES}. */
  readonly status: number

  /** `status`: another than that of the table. */
  constructor(code: FailureCode, detail = '', status: number = FAILURES[code].status) {
    super(detail === '' ? code : `${code}: ${detail}`)
    this.name = 'Failure'
    this.code = code
    this.detail = detail
    this.status = status
  }

  get who(): Party {
    return FAILURES[this.code].who
  }

  get when(): Phase {
    return FAILURES[this.code].when
  }

  get words(): string {
    return FAILURES[this.code].words
  }
}
