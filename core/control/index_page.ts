/** The list of pages, for somebody who came by. */

export interface Page {
  readonly path: string
  /** What is there, for the list. HTML. */
  readonly words: string
}

export function indexPage(pages: readonly Page[]): string {
  const items = pages.map(({ path, words }) => `<dt><a href="${path}">${path}</a></dt><dd>${words}</dd>`)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>ExaProxy</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 40rem; padding: 0 1rem }</style>
<h1>ExaProxy</h1>
<dl>
${items.join('\n')}
</dl>
</html>
`
}
