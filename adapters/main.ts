/** The program: the command line of core, on the runtime it was started with. */
import { runtime } from '#runtime'
import { main } from '../core/cli/main.ts'

runtime.exit(await main(runtime))
