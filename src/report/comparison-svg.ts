// SPDX-License-Identifier: MIT
// The before/after comparison as a picture: one band a run, a bar of what is read locally, and where the
// bytes of each role lie. Plain SVG 1.1, readable on light and dark pages.
import { addNodes, formatShare } from '../verify/totals.js';
import { type ComparedRun, type Comparison, groupByRole, localShare, nodesOf } from './comparison.js';

const width = 960;
const margin = 28;
const headHeight = 96;
const bandHeight = 132;
const legendHeight = 44;
const barLeft = 330;
const barWidth = 380;
const roleLeft = 760;

/** Colour-blind safe (Okabe and Ito), in the order of the nodes; more nodes begin again. */
const nodeColours = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#f0e442', '#999999'];
const localColour = '#009e73';
const remoteColour = '#d9d9d9';
const font = 'font-family="ui-sans-serif, system-ui, Helvetica, Arial, sans-serif"';
const mono = 'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"';

export function drawComparison(comparison: Comparison): string {
  const { title, subtitle, runs } = comparison;
  const nodes = nodesOf(runs);
  const height = headHeight + runs.length * bandHeight + legendHeight;
  const bands = runs.map((run, index) => drawBand(run, nodes, headHeight + index * bandHeight));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeText(title)}">`,
    `<rect width="${width}" height="${height}" rx="10" fill="#ffffff" stroke="#d0d7de"/>`,
    text(margin, 40, title, { size: 20, weight: 600 }),
    text(margin, 62, subtitle, { size: 12, colour: '#57606a' }),
    text(barLeft, 86, 'weight rows on the node of the thread that reads them', {
      size: 11.5,
      colour: '#57606a',
    }),
    text(roleLeft, 86, 'bytes by node', { size: 11.5, colour: '#57606a' }),
    ...bands,
    drawLegend(nodes, height - legendHeight + 8),
    '</svg>',
    '',
  ].join('\n');
}

function drawBand(run: ComparedRun, nodes: readonly string[], top: number): string {
  const { name, command, found } = run;
  const share = localShare(found);
  const local = Math.round(barWidth * share * 10) / 10;
  const label = formatShare(found.rows.localBytes, found.rows.byteLength);
  return [
    `<line x1="${margin}" y1="${top}" x2="${width - margin}" y2="${top}" stroke="#d0d7de"/>`,
    text(margin, top + 32, name, { size: 15, weight: 600 }),
    ...wrap(command, 40).map((line, index) =>
      text(margin, top + 52 + index * 15, line, { size: 11, colour: '#57606a', isCode: true }),
    ),
    `<rect x="${barLeft}" y="${top + 24}" width="${barWidth}" height="26" rx="4" fill="${remoteColour}"/>`,
    local > 0
      ? `<rect x="${barLeft}" y="${top + 24}" width="${local}" height="26" rx="4" fill="${localColour}"/>`
      : '',
    text(barLeft, top + 78, label, { size: 22, weight: 700, colour: share > 0.9 ? localColour : '#b3261e' }),
    text(barLeft + 110, top + 78, `local · balance ${found.balance.toFixed(2)}`, {
      size: 12.5,
      colour: '#57606a',
    }),
    ...drawRoles(run, nodes, top + 22),
  ]
    .filter((line) => line !== '')
    .join('\n');
}

/** One thin bar a role, and one for all, each divided by node. */
function drawRoles({ found }: ComparedRun, nodes: readonly string[], top: number): string[] {
  const groups = [
    { role: 'all', byteLength: found.placedBytes, onNode: addNodes(found.tensors) },
    ...groupByRole(found),
  ].slice(0, 5);
  const roleWidth = width - margin - roleLeft - 46;
  return groups.flatMap(({ role, byteLength, onNode }, index) => {
    const y = top + index * 19;
    let x = roleLeft + 46;
    const parts = nodes.flatMap((node, place) => {
      const part = byteLength > 0 ? ((onNode[node] ?? 0) / byteLength) * roleWidth : 0;
      const colour = nodeColours[place % nodeColours.length];
      const rect = `<rect x="${x.toFixed(1)}" y="${y}" width="${part.toFixed(1)}" height="12" fill="${colour}"/>`;
      x += part;
      return part > 0.05 ? [rect] : [];
    });
    return [text(roleLeft, y + 10, role, { size: 11, colour: '#57606a' }), ...parts];
  });
}

/** What the share means where ggml itself fixes no owner (docs/cuts.md). */
const footnote = 'Where ggml hands chunks to whoever is free (no --numa), rows are counted as if cut evenly.';

function drawLegend(nodes: readonly string[], top: number): string {
  const items = nodes.map((node, index) => {
    const x = margin + index * 84;
    const colour = nodeColours[index % nodeColours.length];
    return `<rect x="${x}" y="${top}" width="12" height="12" fill="${colour}"/>\n${text(x + 18, top + 10.5, `node ${node}`, { size: 12 })}`;
  });
  return [
    `<line x1="${margin}" y1="${top - 10}" x2="${width - margin}" y2="${top - 10}" stroke="#d0d7de"/>`,
    ...items,
    text(width - margin, top + 10.5, footnote, { size: 10.5, colour: '#57606a', isRight: true }),
  ].join('\n');
}

interface TextStyle {
  readonly size: number;
  readonly weight?: number;
  readonly colour?: string;
  readonly isCode?: boolean;
  readonly isRight?: boolean;
}

function text(x: number, y: number, content: string, style: TextStyle): string {
  const { size, weight = 400, colour = '#1f2328', isCode = false, isRight = false } = style;
  const anchor = isRight ? ' text-anchor="end"' : '';
  return `<text x="${x}" y="${y}"${anchor} ${isCode ? mono : font} font-size="${size}" font-weight="${weight}" fill="${colour}">${escapeText(content)}</text>`;
}

function wrap(line: string, length: number): string[] {
  const lines: string[] = [''];
  const words = line.split(' ').flatMap((word) => word.match(new RegExp(`.{1,${length}}`, 'gu')) ?? ['']);
  for (const word of words) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + word.length + 1 > length) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}

/** XML 1.0 has no way to write control characters, and a file name may hold any. */
function escapeText(content: string): string {
  return content
    .replaceAll(/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/gu, '\uFFFD')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
