/** What error pages say besides the words of the failure: a title, and what the person can do. */

import type { FailureCode } from '../failure.ts'

export interface PageWords {
  readonly title: string
  readonly advice: string
}

const row = (title: string, advice: string): PageWords => ({ title, advice })

const CLIENT_FAULT = 'Try again. If it goes on, the program you use, or something between it and this proxy, makes ' +
  'requests that are not safe to pass on: tell whoever looks after it.'
const SLOW = 'Check your connection to the network and try again.'
const LATER = 'Wait a moment and try again. If it goes on, tell whoever runs the proxy.'
const RULES = 'If you think that you should have access, ask whoever runs the proxy, and tell them what this page says.'
const NAME = 'Check the spelling of the address. If it is right, the site may have moved or may not exist any more.'
const NAMES = 'Wait a moment and try again. If other sites work, the fault is with the name servers of this site.'
const SITE =
  'Wait a moment and try again. If other sites work, the fault is with this site: only its owners can mend it.'
const RESPONSE = 'Try again. If it goes on, the fault is with the site: only its owners can mend it.'

export const PAGE_WORDS: Readonly<Record<FailureCode, PageWords>> = {
  'bad-request': row('The request was not understood', CLIENT_FAULT),
  'bad-target': row('The address is not valid', 'Check the address for characters that do not belong in it.'),
  'bad-host': row('The request was not understood', CLIENT_FAULT),
  'bad-framing': row('The request was not understood', CLIENT_FAULT),
  'bad-body': row('The request was damaged on its way', CLIENT_FAULT),
  'not-a-proxy-request': row(
    'This is a proxy, not a web site',
    'Enter this address as the proxy in the settings of your browser or system, not as the address of a page.',
  ),
  'wrong-scheme': row('This kind of address is not supported', 'Use an address that begins with http:// or https://.'),
  'head-timeout': row('The request took too long', SLOW),
  'body-timeout': row('The request took too long', SLOW),
  'target-too-long': row('The address is too long', 'Use a shorter address.'),
  'expectation-failed': row('The request was not understood', CLIENT_FAULT),
  'head-too-large': row(
    'The request is too large',
    'Remove the cookies your browser keeps for this site and try again.',
  ),
  'method-unknown': row('The request was not understood', CLIENT_FAULT),
  'coding-unknown': row('The request was not understood', CLIENT_FAULT),
  'version-unknown': row('The request was not understood', CLIENT_FAULT),
  'client-left': row('The request was given up', 'Try again.'),
  'too-many-connections': row('The proxy is busy', LATER),
  'method-refused': row('This is not allowed here', RULES),
  'port-refused': row('This port is not allowed', RULES),
  'destination-refused': row('Access to this address is not allowed', RULES),
  'local-refused': row('Access to this address is not allowed', RULES),
  'name-refused': row('This name is not complete', 'Use the full name of the site, such as www.example.com.'),
  'denied': row('This is not allowed here', RULES),
  'filter-unavailable': row('The filter is busy', LATER),
  'no-upstream': row('There is no such site here', NAME),
  'loop': row('The request goes round in a circle', 'Tell whoever runs the proxy: it has been set to ask itself.'),
  'bug': row('The proxy made a mistake', 'Try again. If it goes on, tell whoever runs the proxy what this page says.'),
  'name-not-found': row('The site was not found', NAME),
  'name-no-address': row('The site has no address', NAME),
  'name-failed': row('The site could not be looked up', NAMES),
  'name-timeout': row('The site could not be looked up', NAMES),
  'connect-refused': row('The site cannot be reached', SITE),
  'connect-unreachable': row('The site cannot be reached', SITE),
  'connect-failed': row('The site cannot be reached', SITE),
  'connect-timeout': row('The site does not answer', SITE),
  'response-timeout': row('The site takes too long', SITE),
  'bad-response': row('The answer of the site was not understood', RESPONSE),
  'response-head-too-large': row('The answer of the site was not understood', RESPONSE),
  'origin-left': row('The site broke off', RESPONSE),
  'origin-idle': row('The site takes too long', SITE),
  'tunnel-idle': row('The connection was not used', 'Try again.'),
}
