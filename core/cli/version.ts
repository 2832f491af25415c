/** The version of package.json: core cannot read it, so a test compares them. */
export const VERSION = '0.1.0'
