/** What the program's exit codes mean: those of sysexits.h, which service managers and people know. */

export const EXIT = {
  ok: 0,
  usage: 64,
  no_input: 66,
  unavailable: 69,
  bug: 70,
  output: 74,
  no_permission: 77,
  configuration: 78,
} as const

export type ExitCode = typeof EXIT[keyof typeof EXIT]

export const EXIT_WORDS: ReadonlyArray<readonly [ExitCode, string]> = [
  [EXIT.ok, 'stopped as asked, or nothing to complain of'],
  [EXIT.usage, 'the command line is wrong'],
  [EXIT.no_input, 'the configuration file (or a file it names) is missing'],
  [EXIT.unavailable, 'a port is in use, an address is not of this machine, or the engine asked for does not work'],
  [EXIT.bug, 'a bug: please report what was printed'],
  [EXIT.output, 'standard output cannot be written'],
  [EXIT.no_permission, 'a privilege is missing: a port below 1024, a file of another user'],
  [EXIT.configuration, 'the configuration is wrong'],
]
