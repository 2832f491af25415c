/** The built-in error pages, in the code so that one executable has them. They load nothing and run nothing. */

export const HTML_PAGE = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{{title}}</title>
<style>
:root { color-scheme: light dark; --page: #f3f4f6; --card: #fff; --text: #1b1f24; --soft: #4d5661; --line: #d5d9df }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171a; --card: #1e2226; --text: #eceff2; --soft: #aab3bd; --line: #3a4148 }
}
* { box-sizing: border-box }
body { margin: 0; padding: 1rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
main { max-width: 40rem; margin: clamp(0rem, 8vw - 1.5rem, 5rem) auto 0; padding: clamp(1.25rem, 5vw, 2.5rem);
  background: var(--card); border: 1px solid var(--line); border-radius: .75rem }
h1 { margin: 0 0 .5rem; font-size: clamp(1.4rem, 5vw, 1.9rem); line-height: 1.2 }
h2 { margin: 1.25rem 0 .125rem; font-size: 1rem }
p { margin: 0 }
dl { margin: 1.5rem 0 0; padding: 1rem 0 0; border-top: 1px solid var(--line) }
dt { color: var(--soft); font-size: .875rem }
dd { margin: 0 0 .75rem; overflow-wrap: anywhere }
code { font: .9375em/1.4 ui-monospace, Consolas, monospace }
footer { margin-top: .5rem; padding-top: 1rem; border-top: 1px solid var(--line);
  color: var(--soft); font-size: .875rem; overflow-wrap: anywhere }
</style>
</head>
<body>
<main>
<h1>{{title}}</h1>
<p>{{reason}}</p>
<h2>What you can do</h2>
<p>{{advice}}</p>
<dl>
{{#url}}<dt>You asked for</dt><dd><code>{{url}}</code></dd>
{{/url}}{{#detail}}<dt>Details</dt><dd>{{detail}}</dd>
{{/detail}}<dt>Error</dt><dd>{{status}} ({{code}})</dd>
</dl>
<footer>{{time}}{{#client}}, you are {{client}}{{/client}}{{#proxy}}, the proxy is {{proxy}}{{/proxy}}{{#id}}<br>
Reference {{id}}{{/id}}</footer>
</main>
</body>
</html>
`

export const TEXT_PAGE = `{{title}}

{{reason}}
{{advice}}
{{#url}}
  You asked for  {{url}}{{/url}}{{#detail}}
  Details        {{detail}}{{/detail}}
  Error          {{status}} ({{code}})
  Time           {{time}}{{#proxy}}
  Proxy          {{proxy}}{{/proxy}}{{#id}}
  Reference      {{id}}{{/id}}
`
