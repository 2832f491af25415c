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
