// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { drawComparison } from '../../src/report/comparison-svg.js';
import { found, foundTensor } from './found.js';

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Reads what drawComparison may write: elements, attributes in double quotes, the four entities. Throws otherwise. */
function readXml(xml: string): Element[] {
  const elements: Element[] = [];
  const open: string[] = [];
  let rest = xml.trim();
  while (rest !== '') {
    const text = /^[^<&]*(?:&(?:amp|lt|gt|quot);[^<&]*)*/.exec(rest)?.[0] ?? '';
    if (open.length === 0 && text.trim() !== '') throw new Error(`text outside: ${text}`);
    const last = elements.at(-1);
    if (text.trim() !== '' && last) elements[elements.length - 1] = { ...last, text: plain(text) };
    rest = rest.slice(text.length);
    const tag = /^<(\/?)([a-z]+)((?: [a-zA-Z0-9-]+="[^"<&]*(?:&(?:amp|lt|gt|quot);[^"<&]*)*")*)(\/?)>/.exec(
      rest,
    );
    if (!tag) {
      if (rest === '') break;
      throw new Error(`no element: ${rest.slice(0, 60)}`);
    }
    const [all, closes, name = '', attributes = '', isEmpty] = tag;
    if (closes) {
      if (open.pop() !== name) throw new Error(`</${name}> closes nothing`);
    } else {
      const pairs = [...attributes.matchAll(/ ([^=]+)="([^"]*)"/g)].map(([, key, value = '']) => [
        key,
        plain(value),
      ]);
      if (new Set(pairs.map(([key]) => key)).size < pairs.length)
        throw new Error(`an attribute twice: ${all}`);
      elements.push({ name, attributes: Object.fromEntries(pairs), text: '' });
      if (!isEmpty) open.push(name);
    }
    rest = rest.slice(all.length);
  }
  if (open.length > 0) throw new Error(`open: ${open.join()}`);
  return elements;
}

function plain(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}

const remote = found({ rows: { byteLength: 100, localBytes: 25 }, balance: 1.25 });
const nasty = `a<b>&"c'\u0000\u001b[31m\ud800`;

function draw(
  fields: {
    title?: string;
    name?: string;
    command?: string;
    tensors?: ReturnType<typeof foundTensor>[];
  } = {},
) {
  const { title = 'title', name = 'llama.cpp', command = 'llama-bench -t 4', tensors } = fields;
  const runs = [
    { name, command, seconds: 1, found: tensors ? found({ tensors }) : remote },
    { name: 'numashard', command: 'numashard run', seconds: 1, found: found() },
  ];
  return readXml(drawComparison({ title, subtitle: 'machine', runs }));
}

describe('drawComparison', () => {
  it('is one well-formed SVG in which everything has a place', () => {
    const elements = draw();
    expect(elements[0]).toMatchObject({ name: 'svg', attributes: { xmlns: 'http://www.w3.org/2000/svg' } });
    const width = Number(elements[0]?.attributes['width']);
    const height = Number(elements[0]?.attributes['height']);
    for (const { name, attributes } of elements.slice(2)) {
      for (const [key, value] of Object.entries(attributes)) {
        if (!/^(?:x|y|width|height)\d?$/.test(key)) continue;
        expect(Number(value), `${name} ${key}`).toBeGreaterThanOrEqual(0);
        expect(Number(value), `${name} ${key}`).toBeLessThanOrEqual(/^(?:y|h)/.test(key) ? height : width);
      }
    }
  });

  it('escapes whatever stands in names, and drops what XML cannot hold', () => {
    const shown = `a<b>&"c'\ufffd\ufffd[31m\ufffd`;
    const elements = draw({ title: nasty, name: nasty, command: nasty });
    expect(elements[0]?.attributes['aria-label']).toBe(shown);
    expect(elements.filter(({ text }) => text === shown)).toHaveLength(3);
  });

  it('draws the share of local rows to scale', () => {
    const bars = draw().filter(({ attributes }) => attributes['height'] === '26');
    expect(bars.map(({ attributes }) => Number(attributes['width']))).toEqual([380, 95, 380, 380]);
    const texts = draw().map(({ text }) => text);
    expect(texts).toContain('25.00 %');
    expect(texts).toContain('local · balance 1.25');
  });

  it('never lets a bar of bytes by node overflow', () => {
    const tensors = [foundTensor({ nodes: { 0: 2 ** 19, 8: 2 ** 18, 9: 2 ** 18 } })];
    const parts = draw({ tensors }).filter(
      ({ attributes }) => attributes['height'] === '12' && attributes['x'] !== '28',
    );
    for (const { attributes } of parts) {
      expect(Number(attributes['x']) + Number(attributes['width'])).toBeLessThanOrEqual(960 - 28 + 0.2);
    }
    const legend = draw({ tensors }).map(({ text }) => text);
    expect(legend).toEqual(expect.arrayContaining(['node 0', 'node 8', 'node 9']));
  });

  it('breaks long commands, and words longer than a line', () => {
    const texts = draw({ command: `run ${'x'.repeat(100)} end` }).map(({ text }) => text);
    const lines = texts.filter((text) => /^(?:run|x+|x+ end)$/.test(text));
    expect(lines.join('')).toBe(`run${'x'.repeat(100)} end`);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(40);
  });
});
