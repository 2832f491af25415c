/** Every limit and default deadline, each with its reason. Options of the configuration start from these. */

// HTTP

/** A head, start line and fields together. Squid's 64 KB; one less, so that offsets into a head fit 16 bits. */
export const HEAD_SIZE = 65_535
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
/** Interim (1xx) responses before a final one. */
export const INTERIM_COUNT = 32

// Bytes

/** One read, and one pooled buffer to gather small writes in: a copy of it costs less than a system call. */
export const BUFFER_SIZE = 65_536
/** What is gathered into one write: a head and a small body. More would be held for each client that does not read. */
export const GATHER_SIZE = 16_384

// Reaching the origin

/** How long the favoured family may take to resolve once the other has, milliseconds (RFC 8305 section 8). */
export const RESOLUTION_DELAY = 50
/** How long an attempt has before the next address is tried beside it, milliseconds (RFC 8305 section 8). */
export const ATTEMPT_DELAY = 250
/** Addresses of one name tried for one request. */
export const ATTEMPTS = 12

// Logs

/** Lines are handed to the machine when this much waits (or at the sweep). One write that fails loses no more than this. */
export const LOG_PIECE = 65_536
/** Lines that wait while the machine is slow or the disk is full: half a minute at a thousand lines a second. */
export const LOG_BACKLOG = 4_194_304
/** How long a stop waits for a log that does not move, ms: a paused terminal must not keep the process. */
export const LOG_CLOSE_WAIT = 2000
