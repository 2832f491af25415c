/**
 * What is counted, as one table: the names of a Snapshot, of /json and (after `exaproxy_`) of /metrics, and the table in
 * README.md are these. Names follow Prometheus: base units, `_total` for what only grows.
 */

/**
 * | kind | what it is | over several workers |
 * | --- | --- | --- |
 * | counter | only grows; outlives the worker that counted it | the sum |
 * | gauge | what is now; goes with its worker | the sum |
 * | peak | what is now, and a sum would mean nothing | the largest |
 * | histogram | durations, see Histogram | the sum, bucket by bucket |
 */
export type MetricKind = 'counter' | 'gauge' | 'peak' | 'histogram'

export interface Metric {
  readonly kind: MetricKind
  /** What the values are kept by, outermost first; none: there is one value. */
  readonly labels: readonly string[]
  /** One sentence for whoever operates the proxy. */
  readonly help: string
}

const metric = (kind: MetricKind, help: string, ...labels: readonly string[]): Metric => ({ kind, labels, help })

export const METRICS = {
  'connections_accepted_total': metric('counter', 'Connections of clients that were accepted.', 'listener'),
  'connections_refused_total': metric('counter', 'Connections turned away, for there were too many.', 'listener'),
  'connections_failed_total': metric(
    'counter',
    'Connections that came to no request: no PROXY header or no TLS handshake, or none that is accepted.',
    'listener',
  ),
  'logins_refused_total': metric(
    'counter',
    'Logins with a wrong name or password, and clients that did not log in where they must.',
    'listener',
  ),
  'connections_open': metric('gauge', 'Connections of clients that are open.', 'listener'),
  'connections_waiting': metric('gauge', 'Connections of clients that are open, by what they wait for.', 'waits'),
  'exchanges_total': metric('counter', 'Exchanges that are over: lines of the access log.', 'listener', 'mode'),
  'requests_total': metric('counter', 'Exchanges by method; "none": it never was a request.', 'method'),
  'responses_total': metric('counter', 'Exchanges by the status sent; "none": none was.', 'status'),
  'decisions_total': metric('counter', 'Exchanges by what was decided about them.', 'decision'),
  'filter_decisions_total': metric(
    'counter',
    'What the classifiers of the chains said, each time one was asked.',
    'classifier',
    'decision',
  ),
  'filter_rules_total': metric('counter', 'Requests that a rule decided about.', 'rule'),
  'filter_report_only_total': metric('counter', 'Requests that a rule with report_only matched.', 'rule'),
  'filter_categories_total': metric('counter', 'Requests decided about for being in a list or category.', 'category'),
  'icap_connections': metric('gauge', 'Connections to an ICAP service, in use and kept.', 'icap'),
  'icap_waiting': metric('gauge', 'Messages that wait for a connection to it.', 'icap'),
  'icap_ill': metric('gauge', 'Addresses of it that are left alone because they did not serve.', 'icap'),
  'icap_asked_total': metric('counter', 'Messages shown to it.', 'icap'),
  'icap_outcomes_total': metric('counter', 'What came of it.', 'icap', 'outcome'),
  'helper_children': metric('gauge', 'Children of a helper that run.', 'helper'),
  'helper_children_busy': metric('gauge', 'Of those, the ones that have a question.', 'helper'),
  'helper_waiting': metric('gauge', 'Questions that wait for a child.', 'helper'),
  'helper_asked': metric('gauge', 'Questions that a child has.', 'helper'),
  'helper_questions_total': metric('counter', 'Questions for a helper.', 'helper'),
  'helper_answers_total': metric('counter', 'Questions that a helper answered.', 'helper'),
  'helper_answer_seconds_total': metric('counter', 'From question to answer, waiting included, in all.', 'helper'),
  'helper_unanswered_total': metric(
    'counter',
    'Questions given the stated answer (on_error), and why.',
    'helper',
    'why',
  ),
  'helper_retries_total': metric('counter', 'Questions asked once more.', 'helper'),
  'helper_starts_total': metric('counter', 'Children started.', 'helper'),
  'helper_ends_total': metric('counter', 'Children that died, and that were killed.', 'helper', 'how'),
  'helper_kept_answers': metric('gauge', 'Answers of an external_acl helper that are kept.', 'helper'),
  'helper_kept_hits_total': metric('counter', 'Questions answered with what was kept.', 'helper'),
  'list_entries': metric('peak', 'Entries of a list.', 'list'),
  'list_memory_bytes': metric('gauge', 'Memory that a list takes, about.', 'list'),
  'list_loads_total': metric('counter', 'Times a list was read, by each worker.', 'list'),
  'list_failures_total': metric('counter', 'Times a list could not be read, and the old one was kept.', 'list'),
  'list_loaded_seconds': metric('peak', 'When a list was read last, in seconds since 1970-01-01 UTC.', 'list'),
  'failures_total': metric('counter', 'Exchanges that went wrong: how, by whose doing, in which phase.', 'failure'),
  'client_received_bytes_total': metric('counter', 'Bytes from clients, heads and tunnels included.', 'listener'),
  'client_sent_bytes_total': metric('counter', 'Bytes to clients, heads and tunnels included.', 'listener'),
  'origin_received_bytes_total': metric('counter', 'Bytes from origins, heads and tunnels included.'),
  'origin_sent_bytes_total': metric('counter', 'Bytes to origins, heads and tunnels included.'),
  'tunnels_total': metric('counter', 'Tunnels that were opened.', 'kind'),
  'tunnels_open': metric('gauge', 'Tunnels that are open.'),
  'exchange_seconds': metric('histogram', 'From the head of a request to the last byte of its answer; no tunnels.'),
  'first_byte_seconds': metric(
    'histogram',
    'From the head of a request to the first byte from its origin; no tunnels.',
  ),
  'dns_seconds': metric('histogram', 'Looking up the name of an origin, for exchanges that needed a connection.'),
  'connect_seconds': metric('histogram', 'Connecting to an origin, for exchanges that needed a connection.'),
  'origin_connections_made_total': metric('counter', 'Connections to origins that were made.'),
  'origin_connections_reused_total': metric('counter', 'Exchanges that took a connection that was kept.'),
  'origin_connections_open': metric('gauge', 'Connections to origins, in use and kept.'),
  'origin_connections_kept': metric('gauge', 'Connections to origins that wait for their next request.'),
  'upstream_server_up': metric('gauge', 'Workers that hold a server of an upstream for well.', 'upstream', 'server'),
  'upstream_server_active': metric('gauge', 'Exchanges that a server has.', 'upstream', 'server'),
  'upstream_server_chosen_total': metric('counter', 'Exchanges that a server was chosen for.', 'upstream', 'server'),
  'upstream_server_failures_total': metric(
    'counter',
    'Times a server could not be reached, left without an answer, or failed a check.',
    'upstream',
    'server',
  ),
  'upstream_waiting': metric('gauge', 'Exchanges that wait until a server of an upstream has room.', 'upstream'),
  'parent_server_up': metric('gauge', 'Workers that hold a server of a parent for well.', 'parent', 'server'),
  'parent_server_active': metric('gauge', 'Exchanges that go through a server of a parent.', 'parent', 'server'),
  'parent_server_chosen_total': metric('counter', 'Exchanges that went to a server of a parent.', 'parent', 'server'),
  'parent_server_failures_total': metric(
    'counter',
    'Times a server of a parent could not be reached, broke off, did not accept the login, or failed a check.',
    'parent',
    'server',
  ),
  'dns_lookups_total': metric('counter', 'Look-ups of names, each of one family of addresses.'),
  'dns_hits_total': metric('counter', 'Look-ups answered by the cache or the hosts file.'),
  'dns_negative_hits_total': metric('counter', 'Of those, the ones whose answer was that there is none.'),
  'dns_stale_total': metric('counter', 'Look-ups answered with what was past its time, for want of a better answer.'),
  'dns_failures_total': metric('counter', 'Questions that came to nothing.'),
  'dns_questions_open': metric('gauge', 'Questions to name servers under way.'),
  'dns_questions_waiting': metric('gauge', 'Questions that wait for their turn.'),
  'dns_cache_entries': metric('gauge', 'Answers in the cache.'),
  'dns_server_queries_total': metric('counter', 'Queries sent to a name server.', 'server'),
  'dns_server_answers_total': metric('counter', 'Answers that came from a name server.', 'server'),
  'dns_server_timeouts_total': metric('counter', 'Queries a name server did not answer in time.', 'server'),
  'dns_server_failures_total': metric('counter', 'Answers of a name server that were of no use.', 'server'),
  'dns_server_down': metric('gauge', 'Workers that pass over a name server, because it was silent.', 'server'),
  'deadlines_missed_total': metric('counter', 'Deadlines of clients, by what was waited for.', 'waits'),
  'bugs_total': metric('counter', 'Mistakes of this program: please report what the log says of them.'),
  'log_lines_lost_total': metric('counter', 'Lines of logs that could not be written.'),
  'loop_delay_seconds': metric('peak', 'The longest a worker was too busy for its timers, in the last minute or two.'),
  'memory_bytes': metric('gauge', 'Resident memory.'),
} as const satisfies Record<string, Metric>

export type MetricName = keyof typeof METRICS
