// SPDX-License-Identifier: MIT
// `npm run docs`: writes docs/commands.md; test/cli/commands-page.test.ts fails while it is out of date.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { commandReference } from './command-reference.mjs';
import { report } from './failure.mjs';

await report(async () => {
  build();
  const { buildProgram } = await import(new URL('../dist/cli/program.js', import.meta.url).href);
  const page = new URL('../docs/commands.md', import.meta.url);
  const projectDirectory = fileURLToPath(new URL('..', import.meta.url));
  writeFileSync(page, commandReference(await buildProgram({ projectDirectory })));
});
