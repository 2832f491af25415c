/** Every limit and default deadline, each with its reason. Options of the configuration start from these. */

// HTTP

/** A head, start line and fields together. Squid's 64 KB; one less, so that offsets into a head fit 16 bits. */
export const HEAD_SIZE = 65_535
/** A user or a name in SOCKS 4 and 4a, which end with a NUL: as long as the lengths of version 5 can say. */
export const SOCKS_TEXT_SIZE = 255
/** A name or a password of a login (RFC 1929 2). */
export const LOGIN_TEXT_SIZE = 255
/** Refused logins that are logged one by one, of each listener, and within which time: an attack must not fill the disk. */
export const LOGIN_COMPLAINTS = 20
export const LOGIN_COMPLAINTS_TIME = 60_000
/** A header of the PROXY protocol, version 2. The largest part of one is a client's certificate, of a few KB. */
export const PROXY_HEADER_SIZE = 16_384
/** A host name in such a header, as we hand it on: no name is longer, and whoever reads it may have room for no more. */
export const PROXY_AUTHORITY_SIZE = 255
/** A request target. RFC 9110 4.1 asks for at least 8000; browsers and Squid go to 8192 and more. */
export const TARGET_SIZE = 32_768
/** Fields of one head. Browsers send 20, Apache accepts 100; the rest is abuse. */
export const FIELD_COUNT = 256
/** A method. The longest registered (UPDATEREDIRECTREF, BASELINE-CONTROL) has 17 letters. */
export const METHOD_SIZE = 32
/** Empty lines before a request line (RFC 9112 2.2 asks for one at least). */
export const LEADING_LINES = 4
/** Chunk extensions of one message, in all: they carry nothing we use, and were an attack (CVE-2023-39326). */
export const CHUNK_EXTENSIONS_SIZE = 4096
/** Trailer fields of one message, in all. */
export const TRAILERS_SIZE = 16_384
/** Options of Connection in one head: each is looked for among all fields. Browsers name two. */
export const CONNECTION_OPTIONS = 32
/** Hexadecimal digits of a chunk size: 2^53 - 1 has 14, and leading zeros should not come without end. */
export const CHUNK_SIZE_DIGITS = 16
/** Interim (1xx) responses before a final one. */
export const INTERIM_COUNT = 32

// Bytes

/** One read, and one pooled buffer to gather small writes in: a copy of it costs less than a system call. */
export const BUFFER_SIZE = 65_536
/** Read from a client that waits for a server, so that its leaving is heard of: what most forms and calls of an API are. */
export const AHEAD_SIZE = 65_536
/** What is gathered into one write: a head and a small body. More would be held for each client that does not read. */
export const GATHER_SIZE = 16_384
/** From this size on it is cheaper to have the machine move bytes from socket to socket than to read and write them. */
export const RELAY_SIZE = 65_536
/** A transfer goes on unseen while pieces are no smaller: a source that encrypts sends many that are. Less is a dialogue. */
export const RELAY_LEAST = 8192
/** Moved before deadlines, counters and the other connections have their turn. */
export const RELAY_PIECE = 4_194_304

// Reaching the origin

/** How long the favoured family may take to resolve once the other has, milliseconds (RFC 8305 section 8). */
export const RESOLUTION_DELAY = 50
/** How long an attempt has before the next address is tried beside it, milliseconds (RFC 8305 section 8). */
export const ATTEMPT_DELAY = 250
/** Addresses of one name tried for one request. */
export const ATTEMPTS = 12
/** The longest outgoing.user_timeout, milliseconds: the kernel takes 2^31 - 1 of them, and what is more is no time to it. */
export const USER_TIMEOUT = 24 * 24 * 3_600_000
/** The longest outgoing.keep_alive, milliseconds: the kernel takes 32767 s (MAX_TCP_KEEPIDLE). */
export const KEEP_ALIVE = 9 * 3_600_000
/** How often the resolver is asked for the prefix of NAT64, milliseconds: it asks the name servers by the time of their answer. */
export const NAT64_CHECK = 10_000
/** How often this machine's own addresses are looked up, milliseconds: interfaces come and go, and asking takes 0.1 ms. */
export const LOCALS_CHECK = 10_000

// Logs

/** Lines are handed to the machine when this much waits (or at the sweep). One write that fails loses no more than this. */
export const LOG_PIECE = 262_144
/** Lines that wait while the machine is slow or the disk is full: half a minute at a thousand lines a second. */
export const LOG_BACKLOG = 4_194_304
/** How long a stop waits for a log that does not move, ms: a paused terminal must not keep the process. */
export const LOG_CLOSE_WAIT = 2000

// DNS

/** A label, bytes (RFC 1035 2.3.4). */
export const DNS_LABEL_SIZE = 63
/** A name on the wire, bytes, with its length bytes and the root (RFC 1035 2.3.4). */
export const DNS_NAME_SIZE = 255
/** The same as text, characters: without the first length byte, and the root's. */
export const DNS_TEXT_SIZE = 253
/** Compression pointers followed for one name: a name has at most 127 labels, so more would be a game. */
export const DNS_POINTERS = 127
/** A message over TCP (RFC 1035 4.2.2: two bytes of length). */
export const DNS_MESSAGE_SIZE = 65_535
/** Records of one message, all sections: 4,000 addresses fill a message; more are names of no use. */
export const DNS_RECORDS = 4096
/** What we say we can take over UDP (RFC 6891; DNS flag day 2020): it passes every path without fragments. */
export const DNS_UDP_SIZE = 1232
/** Aliases followed from one name, in one answer or over several. BIND and unbound stop at 11 to 16. */
export const DNS_ALIASES = 12
/** Addresses kept of one answer: many more than anyone dials, and a cache entry stays small. */
export const DNS_ADDRESSES = 256
/** Name servers of one configuration. glibc takes 3. */
export const DNS_SERVERS = 16
/** How long the first query to a server nobody has measured may take before another is asked beside it, ms. */
export const DNS_PATIENCE = 400
/** The same for a server that is known to be fast, ms: above it, a lost packet is likelier than a slow answer. */
export const DNS_PATIENCE_MIN = 200
/** A silent server is passed over this long, ms, and probed aside then; doubled each time up to the other. */
export const DNS_PENALTY = 1000
export const DNS_PENALTY_MAX = 60_000
/** How long a server that does not know EDNS, or does not keep case, is asked without, ms. */
export const DNS_WORKAROUND = 600_000
/** A failure is remembered this long, ms, doubled each time in a row up to the other (RFC 9520 3.2: 1 s at least). */
export const DNS_FAILURE_TTL = 1000
export const DNS_FAILURE_TTL_MAX = 5000
/** With an old answer at hand, how long the servers have before it is used, ms (RFC 8767 5). */
export const DNS_STALE_WAIT = 1800
/** An old answer that had to be used is fresh again for this long, ms (RFC 8767 4). */
export const DNS_STALE_TTL = 30_000
/** Longest TTL believed, seconds (RFC 8767 4): a week. */
export const DNS_TTL_MAX = 604_800
/** Questions under way at once, each a socket or more; others wait their turn. */
export const DNS_IN_FLIGHT = 512
/** How often, at most, resolv.conf and the hosts file are looked at, ms, when a name is asked for. */
export const DNS_FILES_CHECK = 2000
/** resolv.conf and hosts file, bytes: the largest block lists kept in hosts files have 10 MB. */
export const DNS_FILE_SIZE = 33_554_432
/** How often deadlines of questions are looked at while there are any, ms: a fraction of the shortest patience. */
export const DNS_SWEEP = 25

// ICAP

/** An ICAP head, without what it encapsulates: Squid reads 64 KB; what is known to be in one has less than 4 KB. */
export const ICAP_HEAD_SIZE = 16_384
/** A preview that comes to our own service, which asks for 0 bytes: more than any client shows unasked. */
export const ICAP_PREVIEW_KEPT = 65_536
/** A body that our own service waits for the end of, to tell its length: as large as pages of services are. */
export const ICAP_GATHERED = 65_536
/** How long what our own service says of itself holds, seconds: it changes with the configuration alone. */
export const ICAP_OPTIONS_TTL = 3600
/** The port of a service whose URL names none (RFC 3507 4.2). */
export const ICAP_PORT = 1344
/** The beginning of a body that is kept while a service may say that it stays as it is: a preview, and a read beside it. */
export const ICAP_KEPT_SIZE = 131_072
/** How long a connection to a service is kept, ms: less than the 60 s and more of services, who close without a word. */
export const ICAP_IDLE_TIME = 30_000
/** How long what a service says of itself holds, ms, where it does not say; as Squid. And the bounds of what it says. */
export const ICAP_TTL = 60_000
export const ICAP_TTL_MIN = 1000
export const ICAP_TTL_MAX = 86_400_000
/** Exchanges in a row that go wrong, after which a service is left alone for a while; Squid allows 10. */
export const ICAP_FAILURES = 3
/** How long that is at first, ms, doubled each time up to the other. */
export const ICAP_BACKOFF = 1000
export const ICAP_BACKOFF_MAX = 30_000

// Groups of servers

/** Failures in a row, of requests or of checks, after which a server is left alone: one may be bad luck, and so may two. */
export const SERVER_FALL = 3
/** Checks in a row that must go well before a server that was down is used again: one may find it half started. */
export const SERVER_RISE = 2
/** How long the share of a server that is used again grows, ms: caches fill, and a mistake costs few requests. */
export const SERVER_SLOW_START = 10_000
/** How long a server whose requests failed is left alone at first, ms, doubled each time up to the other. */
export const EJECTION = 1000
export const EJECTION_MAX = 60_000
/** How much longer or shorter than said the time between two checks is, a part of it. */
export const CHECK_JITTER = 0.1

/** How often it is said that a parent does not accept our login, ms: all requests fail by it. */
export const PARENT_COMPLAINTS_TIME = 60_000
/** How often it is said that there is nothing to connect from, ms: all requests may fail by it. */
export const SOURCE_COMPLAINTS_TIME = 60_000

// TLS inside tunnels

/**
 * A ClientHello with its record headers: browsers send 0.2 to 4 KB, and BoringSSL's servers take 16 KB. OpenSSL's take more, so
 * that a larger one is not passed on as what it is not.
 */
export const TLS_HELLO_SIZE = 32_768
/**
 * How long the first byte of a ClientHello is waited for, ms, after which the client is taken for one that lets the server
 * speak first: a client far away over a bad line takes two seconds, and SSH should not have to wait for many. And how long
 * all of it may take.
 */
export const PEEK_SILENCE = 3_000
export const PEEK_TIME = 10_000

// TLS at the edges

/** How long before its end a certificate is warned of, ms: programs that renew do it earlier, people have two weeks. */
export const CERTIFICATE_NOTICE = 1_209_600_000

// Lists

/** A line of a list, bytes: longer than any name or URL; the longest expressions of real lists have 2 KiB. */
export const LIST_LINE_SIZE = 16_384
/** An entry of a list of URLs, and how much of a URL is looked at for it, bytes: the longest of real lists have 600. */
export const LIST_URL_SIZE = 2048
/** How much of a URL regular expressions of lists are tried on, characters: as long as most servers take, 40 µs a 2 KiB. */
export const LIST_EXPRESSION_TEXT = 8192
/** Nodes of a regular expression of a list: one or two a character, and what is repeated so often. */
export const LIST_REGEX_SIZE = 10_000
/** States of an automaton that are kept, a kilobyte each: texts that are not made for it need a few hundred. */
export const AUTOMATON_STATES = 2000
/** Lines of a list that are reported one by one; the others are counted. */
export const LIST_PROBLEMS = 20
/** Categories of a list: their number is one byte of each entry. The largest collections have under a hundred. */
export const LIST_CATEGORIES = 255
/** How deep categories may lie inside each other: real collections have two levels. */
export const LIST_FOLDERS = 4
/** Files of one size and time above this, bytes, are one file under two names (UT1 has links): read once. */
export const LIST_ALIAS_SIZE = 1_048_576
/** How long a list is read before all others have a turn, ms: twice that is hardly felt, and a turn costs a millisecond. */
export const LIST_SLICE = 8
/** How often files of lists are looked at, ms. */
export const LIST_CHECK = 2000
/** A file that changed is left alone until it has been the same for so long, ms: who writes it may not be done. */
export const LIST_SETTLE = 1000

// Helper programs

/** One answer of a helper program. Squid kills at 1 MB, too. */
export const HELPER_ANSWER_SIZE = 1_048_576
/** What the answers of one external_acl that are kept may take in each worker, bytes: some 200,000 of a usual length. */
export const HELPER_CACHE_SIZE = 134_217_728
/** Pages in the folder of a helper, and how deep: a handful, and their pictures. */
export const HELPER_PAGES = 1000
export const HELPER_FOLDERS = 4
/** A line to a Squid helper: Squid's MAX_URL and 1024 more; programs have buffers of that size. A longer one is answered 414. */
export const SQUID_LINE_SIZE = 9216
/** How often a question is asked of children that say they cannot answer it (BH): Squid's number. */
export const HELPER_ASKS = 3
/** How often it is asked of children that die of it, or write nonsense: a second one could be bad luck, a third is not. */
export const HELPER_DEATHS = 2
/** Answers nobody asked for, one after the other, before a child is killed for them: some may be late. */
export const HELPER_STRAYS = 100
/** How long children wait for one another when several are to be started, ms: each start takes a few ms of our own. */
export const HELPER_GROWTH = 10
/** A child that has not answered for so long, ms, is asked last. */
export const HELPER_PATIENCE = 250
/** How often it is looked whether fewer children would do, ms. A start costs more than a child that waits. */
export const HELPER_SHRINK = 10_000
/** A child that lived for less than this, ms, was hardly started: the next one waits a little. */
export const HELPER_YOUNG = 5_000
/** Unless it has answered so many questions: that took our processor as long as its start. Some end by themselves then. */
export const HELPER_WORTH = 100
/** How long that is at first, ms, doubled each time up to the other: a program that cannot run must not keep a core busy. */
export const HELPER_BACKOFF = 100
export const HELPER_BACKOFF_MAX = 10_000
/** How long a child has to end once its input has, ms, and once it has SIGTERM: long enough to write a file. */
export const HELPER_GRACE = 1_000
/** Lines of a child's stderr that are logged within HELPER_COMPLAINTS_TIME, ms, and characters of each. */
export const HELPER_COMPLAINTS = 20
export const HELPER_COMPLAINTS_TIME = 10_000
export const HELPER_COMPLAINT_SIZE = 1000

// Closing

/** How long what a client still sends is thrown away before its connection is closed, milliseconds (RFC 9112 9.6). */
export const LINGER_TIME = 2_000
/** How long a tunnel may be idle once one side has ended, milliseconds: HAProxy's users set their client-fin like this. */
export const HALF_CLOSED_TIME = 60_000

/** How long a stop waits for connections it has just closed, milliseconds: they need no more than a turn of the loop. */
export const CUT_WAIT = 1_000

// Control application

/** Connections at once. Prometheus has one, a browser six; more than a few dozen are a mistake or an attack. */
export const CONTROL_CONNECTIONS = 64
/** Between two requests on a connection, milliseconds: who asks each minute, as Prometheus does by default, keeps it. */
export const CONTROL_IDLE_TIME = 120_000
/** For a head to come, for a body to come, and for an answer to be taken, milliseconds each: all of them are small. */
export const CONTROL_TIME = 10_000
/** A head: browsers send all cookies of a host, whatever the port. */
export const CONTROL_HEAD_SIZE = 16_384
/** A body of a request. */
export const CONTROL_BODY_SIZE = 65_536

// Error pages

/** A template of an error page: a page with pictures inside it is smaller. */
export const PAGE_TEMPLATE_SIZE = 1_048_576
/** Characters of a URL, a host or a detail shown on a page: what a person may read. A longer one is cut. */
export const PAGE_VALUE_SIZE = 500

// Captured connections

/** The mark of packets that TPROXY hands over, and the table of routes for them ("ex"): one number that nothing else has. */
export const CAPTURE_MARK = 0x6578

// Service

/** How often logs are written out when little is logged, milliseconds. */
export const LOG_FLUSH_PERIOD = 1_000
/** Workers. The largest machines have 512 processors. */
export const WORKERS = 512
/** What one message between supervisor and worker may carry, bytes: a piece of log with a line that does not end. */
export const BUS_MESSAGE_SIZE = 16_777_216
/** How often each worker is asked how it does, ms: what a worker counts after that is lost when it dies. */
export const WORKER_PULSE = 1_000
/** Pulses in a row without an answer after which a worker hangs for good: no collection of garbage takes this long. */
export const WORKER_MISSED_PULSES = 10
/** From the start of a worker to its readiness, ms: many start at once, and each reads lists of millions of names first. */
export const WORKER_START_TIME = 300_000
/** A worker that lived for less than this, ms, was hardly started: the next one waits a little. */
export const WORKER_YOUNG = 5_000
/** How long that is at first, ms, doubled each time up to the other: a worker that cannot run must not keep a core busy. */
export const WORKER_BACKOFF = 100
export const WORKER_BACKOFF_MAX = 5_000
/** How long a worker that was told to stop may take beyond its time, ms, before it is killed: logs may take 2 s. */
export const WORKER_STOP_TIME = 5_000
/** How long workers that answer at once are waited for when someone asks for statistics, ms. */
export const STATISTICS_WAIT = 1_000
/** Descriptors of a worker for what is not a connection: logs, pipes, the bus, the runtime's own. */
export const DESCRIPTORS_KEPT = 64
