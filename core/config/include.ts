/** The files that filter.include names: found, read, in order. */

import { type Runtime, SystemFailure } from '../runtime.ts'
import { type ConfigurationFile, FileFailure, readFile } from './find_file.ts'
import { type Configuration, load } from './load.ts'
import { gather, type Problem, type Sources } from './sources.ts'

const OPTION = 'filter.include'

/** The folder of a file, with the slash; empty where it is beside us. */
function folderOf(name: string): string {
  return name.slice(0, name.lastIndexOf('/') + 1)
}

/** Whether a name fits a pattern in which "*" is any characters. A name that begins with a dot has to be meant. */
function fits(name: string, pattern: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false
  const source = pattern.split('*').map((piece) => piece.replace(/[\\^$.|?+()[\]{}]/g, '\\$&')).join('.*')
  return new RegExp(`^${source}$`, 's').test(name)
}

/** @throws FileFailure */
async function namesOf(runtime: Runtime, path: string): Promise<string[]> {
  const folder = folderOf(path)
  const pattern = path.slice(folder.length)
  if (folder.includes('*')) throw new FileFailure(`"*" may stand in the name of a file only, not in ${folder}`)
  if (!pattern.includes('*')) return [path]
  try {
    const names = await runtime.files.list(folder === '' ? '.' : folder === '/' ? folder : folder.slice(0, -1))
    return names.filter((name) => fits(name, pattern)).toSorted().map((name) => folder + name)
  } catch (error) {
    if (!(error instanceof SystemFailure)) throw error
    throw new FileFailure(
      error.code === 'missing'
        ? `there is no folder ${folder}`
        : `the folder ${folder} cannot be read: ${error.message}`,
    )
  }
}

interface Included {
  readonly files: readonly ConfigurationFile[]
  readonly problems: readonly Problem[]
}

/**
 * Read what the configuration includes. Relative names are of the folder of its file, or of where we are started when there
 * is none. What cannot be read is a problem of the option. Never rejects but for a bug.
 */
async function readIncluded(runtime: Runtime, sources: Sources): Promise<Included> {
  // The last is the strongest.
  const given = gather(sources).given.findLast(({ path }) => path.join('.') === OPTION)
  const files: ConfigurationFile[] = []
  const problems: Problem[] = []
  const paths = Array.isArray(given?.value) ? given.value.filter((path) => typeof path === 'string' && path !== '') : []
  for (const path of paths as string[]) {
    const from = path.startsWith('/') ? path : folderOf(sources.file?.name ?? '') + path
    try {
      for (const name of await namesOf(runtime, from)) {
        // Named twice, it would be there twice.
        if (!files.some((file) => file.name === name)) files.push(await readFile(runtime, name))
      }
    } catch (error) {
      if (!(error instanceof FileFailure)) throw error
      problems.push({ where: given?.origin.where ?? '', option: OPTION, words: error.message })
    }
  }
  return { files, problems }
}

/** From sources to settings, with the files they include. */
export async function configure(runtime: Runtime, sources: Sources): Promise<Configuration> {
  const { files, problems } = await readIncluded(runtime, sources)
  const configuration = load({ ...sources, included: files })
  if (problems.length === 0) return configuration
  return { ...configuration, settings: null, problems: [...problems, ...configuration.problems] }
}
