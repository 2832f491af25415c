import { type FailureCode, FAILURES } from '../../failure.ts'
import type { FailureWords, PageLanguage } from '../page_words.ts'

const NOT_UNDERSTOOD = 'The request was not understood'
const TOO_LONG = 'The request took too long'
const NOT_HERE = 'This is not allowed here'
const NO_ACCESS = 'Access to this address is not allowed'
const NOT_LOOKED_UP = 'The site could not be looked up'
const NOT_REACHED = 'The site cannot be reached'
const SITE_SLOW = 'The site takes too long'
const BAD_ANSWER = 'The answer of the site was not understood'

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

/** Title and advice; the reason is that of the table of failures. */
const WORDS: Readonly<Record<FailureCode, readonly [title: string, advice: string]>> = {
  'bad-request': [NOT_UNDERSTOOD, CLIENT_FAULT],
  'bad-target': ['The address is not valid', 'Check the address for characters that do not belong in it.'],
  'bad-host': [NOT_UNDERSTOOD, CLIENT_FAULT],
  'bad-framing': [NOT_UNDERSTOOD, CLIENT_FAULT],
  'bad-body': ['The request was damaged on its way', CLIENT_FAULT],
  'not-a-proxy-request': [
    'This is a proxy, not a web site',
    'Enter this address as the proxy in the settings of your browser or system, not as the address of a page.',
  ],
  'wrong-scheme': ['This kind of address is not supported', 'Use an address that begins with http:// or https://.'],
  'head-timeout': [TOO_LONG, SLOW],
  'body-timeout': [TOO_LONG, SLOW],
  'target-too-long': ['The address is too long', 'Use a shorter address.'],
  'expectation-failed': [NOT_UNDERSTOOD, CLIENT_FAULT],
  'head-too-large': ['The request is too large', 'Remove the cookies your browser keeps for this site and try again.'],
  'method-unknown': [NOT_UNDERSTOOD, CLIENT_FAULT],
  'coding-unknown': [NOT_UNDERSTOOD, CLIENT_FAULT],
  'version-unknown': [NOT_UNDERSTOOD, CLIENT_FAULT],
  'client-left': ['The request was given up', 'Try again.'],
  'too-many-connections': ['The proxy is busy', LATER],
  'method-refused': [NOT_HERE, RULES],
  'port-refused': ['This port is not allowed', RULES],
  'destination-refused': [NO_ACCESS, RULES],
  'local-refused': [NO_ACCESS, RULES],
  'name-refused': ['This name is not complete', 'Use the full name of the site, such as www.example.com.'],
  'login-needed': [NOT_HERE, RULES],
  'denied': [NOT_HERE, RULES],
  'filter-unavailable': ['The filter is not available', LATER],
  'no-upstream': ['There is no such site here', NAME],
  'servers-busy': ['The site is busy', LATER],
  'source-unavailable': ['The proxy cannot connect', LATER],
  'loop': ['The request goes round in a circle', 'Tell whoever runs the proxy: it has been set to ask itself.'],
  'bug': ['The proxy made a mistake', 'Try again. If it goes on, tell whoever runs the proxy what this page says.'],
  'name-not-found': ['The site was not found', NAME],
  'name-no-address': ['The site has no address', NAME],
  'name-failed': [NOT_LOOKED_UP, NAMES],
  'name-timeout': [NOT_LOOKED_UP, NAMES],
  'connect-refused': [NOT_REACHED, SITE],
  'connect-unreachable': [NOT_REACHED, SITE],
  'connect-failed': [NOT_REACHED, SITE],
  'connect-timeout': ['The site does not answer', SITE],
  'parent-refused': [NOT_REACHED, SITE],
  'parent-login': [NOT_REACHED, LATER],
  'servers-down': [NOT_REACHED, SITE],
  'response-timeout': [SITE_SLOW, SITE],
  'bad-response': [BAD_ANSWER, RESPONSE],
  'response-head-too-large': [BAD_ANSWER, RESPONSE],
  'origin-left': ['The site broke off', RESPONSE],
  'origin-idle': [SITE_SLOW, SITE],
  'tunnel-idle': ['The connection was not used', 'Try again.'],
  'stopped': ['The proxy was stopped', 'Try again.'],
}

const CODES = Object.keys(WORDS) as FailureCode[]

export const ENGLISH: PageLanguage = {
  tag: 'en',
  direction: 'ltr',
  colon: ': ',
  trouble: {
    policy: 'Blocked by this network',
    site: 'Problem with the site',
    request: 'Problem with the request',
    proxy: 'Problem with the proxy',
  },
  labels: {
    url: 'You asked for',
    category: 'Category',
    rule: 'Rule',
    by: 'Decided by',
    why: 'Reason',
    detail: 'Details',
    error: 'Error',
    advice: 'What you can do',
    contact: 'Contact',
    time: 'Time',
    client: 'Your address',
    proxy: 'Proxy',
    id: 'Reference',
  },
  failures: Object.fromEntries(CODES.map((code): [FailureCode, FailureWords] => {
    const [title, advice] = WORDS[code]
    return [code, { title, reason: FAILURES[code].words, advice }]
  })) as Record<FailureCode, FailureWords>,
}
