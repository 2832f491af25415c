/** The Proxy-Status field (RFC 9209): what went wrong, for programs. */

import type { Failure, FailureCode } from '../failure.ts'

/** The error types of RFC 9209 2.3 that say what our failures say. */
const ERROR_TYPES: Readonly<Record<FailureCode, string>> = {
  'bad-request': 'http_request_error',
  'bad-target': 'http_request_error',
  'bad-host': 'http_request_error',
  'bad-framing': 'http_request_error',
  'bad-body': 'http_request_error',
  'not-a-proxy-request': 'http_request_error',
  'wrong-scheme': 'http_request_error',
  'head-timeout': 'http_request_error',
  'body-timeout': 'http_request_error',
  'target-too-long': 'http_request_error',
  'expectation-failed': 'http_request_error',
  'head-too-large': 'http_request_error',
  'method-unknown': 'http_request_error',
  'coding-unknown': 'http_request_error',
  'version-unknown': 'http_request_error',
  'client-left': 'http_request_error',
  'too-many-connections': 'connection_limit_reached',
  'method-refused': 'http_request_denied',
  'port-refused': 'http_request_denied',
  'destination-refused': 'destination_ip_prohibited',
  'local-refused': 'destination_ip_prohibited',
  'name-refused': 'http_request_denied',
  'login-needed': 'http_request_denied',
  'denied': 'http_request_denied',
  'filter-unavailable': 'proxy_internal_response',
  'no-upstream': 'destination_not_found',
  'servers-busy': 'connection_limit_reached',
  'source-unavailable': 'proxy_internal_error',
  'loop': 'proxy_loop_detected',
  'bug': 'proxy_internal_error',
  'name-not-found': 'dns_error',
  'name-no-address': 'dns_error',
  'name-failed': 'dns_error',
  'name-timeout': 'dns_timeout',
  'connect-refused': 'connection_refused',
  'connect-unreachable': 'destination_ip_unroutable',
  'connect-failed': 'destination_unavailable',
  'connect-timeout': 'connection_timeout',
  'parent-refused': 'destination_unavailable',
  'parent-login': 'proxy_configuration_error',
  'servers-down': 'destination_unavailable',
  'response-timeout': 'http_response_timeout',
  'bad-response': 'http_protocol_error',
  'response-head-too-large': 'http_response_header_section_size',
  'origin-left': 'http_response_incomplete',
  'origin-idle': 'connection_read_timeout',
  'tunnel-idle': 'connection_read_timeout',
  'stopped': 'proxy_internal_error',
}

/** Parameters that RFC 9209 gives some of the types. */
const PARAMETERS: Partial<Record<FailureCode, string>> = {
  'name-not-found': '; rcode="NXDOMAIN"',
  'name-failed': '; rcode="SERVFAIL"',
}

/** Characters of `details`: more than this is of no use to a program, and fields are limited everywhere. */
const DETAILS_SIZE = 200

/** The value of Proxy-Status for an answer of ours. `name` is the pseudonym of this proxy, as in Via. */
export function proxyStatus(failure: Failure, name: string): string {
  const who = /^[A-Za-z*][A-Za-z0-9:/!#$%&'*+.^_`|~-]*$/.test(name) ? name : text(name)
  const details = failure.detail === '' ? failure.code : `${failure.code}: ${failure.detail}`
  const parameters = PARAMETERS[failure.code] ?? ''
  return `${who}; error=${ERROR_TYPES[failure.code]}${parameters}; details=${text(details.slice(0, DETAILS_SIZE))}`
}

/** A String of structured fields (RFC 8941 3.3.3): printable ASCII alone. */
function text(words: string): string {
  return `"${words.replaceAll(/[^ -~]/g, '?').replaceAll(/["\\]/g, '\\$&')}"`
}
