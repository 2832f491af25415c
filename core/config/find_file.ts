/** Which file the configuration is read from, and its text. */

import { type Runtime, SystemFailure } from '../runtime.ts'

/** The file a person starts with, beside which the program is started, then the machine's. */
export const PLACES: readonly string[] = ['exaproxy.toml', '/etc/exaproxy/exaproxy.toml']

export interface ConfigurationFile {
  readonly name: string
  readonly text: string
}

/** Why a file cannot be read; `denied` is another's file. */
export class FileFailure extends Error {
  readonly denied: boolean

  constructor(words: string, denied = false) {
    super(words)
    this.name = 'FileFailure'
    this.denied = denied
  }
}

function explain(name: string, failure: SystemFailure): FileFailure {
  if (failure.code === 'missing') return new FileFailure(`there is no configuration file ${name}`)
  if (failure.code === 'denied') return new FileFailure(`the configuration file ${name} may not be read`, true)
  return new FileFailure(`the configuration file ${name} cannot be read: ${failure.message}`)
}

/** @throws FileFailure */
export async function readFile(runtime: Runtime, name: string): Promise<ConfigurationFile> {
  let bytes: Uint8Array
  try {
    bytes = await runtime.files.read(name)
  } catch (error) {
    if (error instanceof SystemFailure) throw explain(name, error)
    throw error
  }
  try {
    // A byte order mark is left out by the decoder.
    return { name, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    throw new FileFailure(`the configuration file ${name} is not UTF-8`)
  }
}

/**
 * The file named by --config, or by EXAPROXY_CONFIG, or the first of PLACES that there is; else `null`.
 * @throws FileFailure
 */
export async function findFile(runtime: Runtime, named: string | undefined): Promise<ConfigurationFile | null> {
  const said = named ?? runtime.environment.EXAPROXY_CONFIG ?? ''
  if (said !== '') return await readFile(runtime, said)
  for (const place of PLACES) {
    const status = await runtime.files.status(place).catch((error: unknown) => {
      // A folder we may not look into is not a configuration we were told to use.
      if (error instanceof SystemFailure) return null
      throw error
    })
    if (status !== null && !status.folder) return await readFile(runtime, place)
  }
  return null
}
