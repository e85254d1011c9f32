// SPDX-License-Identifier: MIT
// Every page, heading and file that the documentation points at exists, and so does every page that code names.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const project = fileURLToPath(new URL('../..', import.meta.url));
/** A page of ggml's own repository. */
const foreignPages: ReadonlySet<string> = new Set(['docs/gguf.md']);
const built: ReadonlySet<string> = new Set(['native/build']);

const pages = [...filesIn('.', false), ...filesIn('docs')].filter((path) => path.endsWith('.md'));
const sources = ['src', 'native', 'lab', 'scripts', 'bin'].flatMap((folder) => filesIn(folder));

describe('the documentation', () => {
  it('has pages, and links between them; code names some', () => {
    expect(pages).toContain('docs/how-it-works.md');
    expect(pages.flatMap((page) => linksOf(read(page))).length).toBeGreaterThan(40);
    expect(sources.flatMap((source) => pagesNamedIn(read(source))).length).toBeGreaterThan(10);
  });

  it.each(pages)('%s links to what exists', (page) => {
    expect(linksOf(read(page)).filter((link) => !resolves(page, link))).toEqual([]);
  });

  it('has every page that a page or the code names', () => {
    const missing = [...pages, ...sources].flatMap((path) =>
      pagesNamedIn(read(path))
        .filter((page) => !foreignPages.has(page) && !existsSync(join(project, page)))
        .map((page) => `${path}: ${page}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('the link check', () => {
  it.each([
    ['docs/lab.md', 'missing.md'],
    ['README.md', 'docs/missing.md'],
    ['docs/lab.md', 'commands.md#no-such-heading'],
    ['docs/lab.md', '#no-such-heading'],
  ])('finds what %s lacks: %s', (page, link) => {
    expect(resolves(page, link)).toBe(false);
  });
});

function pagesNamedIn(text: string): string[] {
  return text.match(/\bdocs\/[\w-]+\.(?:md|svg)\b/g) ?? [];
}

/** Links of one page, without those in code and those to other hosts. */
function linksOf(markdown: string): string[] {
  const prose = withoutCode(markdown).replaceAll(/`[^`\n]*`/g, '');
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

function resolves(page: string, link: string): boolean {
  const [path = '', heading] = link.split('#');
  const target = path === '' ? page : relative(project, join(project, dirname(page), path));
  if (!existsSync(join(project, target))) return false;
  return heading === undefined || headingsOf(read(target)).includes(heading);
}

/** Anchors as code hosts make them: lower case, punctuation dropped, spaces to hyphens. */
function headingsOf(markdown: string): string[] {
  const titles = [...withoutCode(markdown).matchAll(/^#+ (.+)$/gm)].map(([, title]) => title ?? '');
  return titles.map((title) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/^ {4}.*$/gm, '');
}

function filesIn(folder: string, isDeep = true): string[] {
  const names = readdirSync(join(project, folder), { encoding: 'utf8' });
  return names.flatMap((name) => {
    const path = join(folder, name);
    if (built.has(path)) return [];
    if (!statSync(join(project, path)).isDirectory()) return [path];
    return isDeep ? filesIn(path) : [];
  });
}

function read(path: string): string {
  return readFileSync(join(project, path), 'utf8');
}
