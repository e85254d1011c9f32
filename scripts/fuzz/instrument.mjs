// SPDX-License-Identifier: MIT
// A copy of dist/ that counts the branches it takes, in globalThis.fuzzCounters: what coverage-guided fuzzing needs.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'acorn';

/** @typedef {{ type: string, start: number, end: number, [key: string]: unknown }} Node */

/**
 * Returns the number of counters.
 * @param {string} dist
 * @param {string} output replaced
 * @param {readonly string[]} folders of dist/ whose branches count
 */
export function instrumentFolder(dist, output, folders) {
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  cpSync(dist, output, { recursive: true });
  writeFileSync(join(output, 'package.json'), '{"type":"module"}\n');
  let count = 0;
  for (const folder of folders) {
    for (const name of readdirSync(join(output, folder))) {
      if (!name.endsWith('.js')) continue;
      const file = join(output, folder, name);
      const result = instrument(readFileSync(file, 'utf8'), count);
      writeFileSync(file, result.code);
      count = result.count;
    }
  }
  return count;
}

/**
 * @param {string} code a module
 * @param {number} [first] number of its first counter
 */
export function instrument(code, first = 0) {
  /** @type {{ at: number, text: string }[]} */
  const insertions = [];
  let count = first;
  const hit = () => `fuzzCounters[${count++}]++`;
  const insert = (/** @type {number} */ at, /** @type {string} */ text) => insertions.push({ at, text });

  /** @param {Node} node */
  function visit(node) {
    const close = open(node);
    for (const child of childrenOf(node)) visit(child);
    if (node.type === 'IfStatement' && node['alternate'] === null) insert(node.end, `else {${hit()}}`);
    close?.();
  }

  /** Expressions and statements that run only if the one around them decides so. @type {Map<Node, 'expression' | 'statement'>} */
  const branches = new Map();

  /** @param {Node} node */
  function open(node) {
    for (const [child, kind] of branchesOf(node)) branches.set(child, kind);
    const kind = branches.get(node);
    if (kind === 'expression') {
      insert(node.start, `(${hit()}, `);
      return () => insert(node.end, ')');
    }
    if (kind === 'statement' && node.type === 'BlockStatement') insert(node.start + 1, `${hit()};`);
    else if (kind === 'statement') {
      insert(node.start, `{${hit()};`);
      return () => insert(node.end, '}');
    }
    if (node.type === 'SwitchCase') {
      const [statement] = /** @type {Node[]} */ (node['consequent']);
      if (statement) insert(statement.start, `${hit()};`);
    }
    return undefined;
  }

  const tree = parse(code, { ecmaVersion: 'latest', sourceType: 'module' });
  visit(/** @type {Node} */ (/** @type {unknown} */ (tree)));
  insertions.sort((a, b) => a.at - b.at);
  let text = 'const fuzzCounters = globalThis.fuzzCounters;';
  let copied = 0;
  for (const insertion of insertions) {
    text += code.slice(copied, insertion.at) + insertion.text;
    copied = insertion.at;
  }
  return { code: text + code.slice(copied), count };
}

/**
 * @param {Node} node
 * @returns {[Node, 'expression' | 'statement'][]}
 */
function branchesOf(node) {
  const child = (/** @type {string} */ key) => /** @type {Node | null} */ (node[key] ?? null);
  /** @type {(kind: 'expression' | 'statement', ...keys: string[]) => [Node, 'expression' | 'statement'][]} */
  const of = (kind, ...keys) => keys.map(child).flatMap((found) => (found === null ? [] : [[found, kind]]));
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'CatchClause':
      return of('statement', 'body');
    case 'ArrowFunctionExpression':
      return of(child('body')?.type === 'BlockStatement' ? 'statement' : 'expression', 'body');
    case 'IfStatement':
      return of('statement', 'consequent', 'alternate');
    case 'ForStatement':
    case 'ForOfStatement':
    case 'ForInStatement':
    case 'WhileStatement':
    case 'DoWhileStatement':
      return of('statement', 'body');
    case 'ConditionalExpression':
      return of('expression', 'consequent', 'alternate');
    case 'LogicalExpression':
    case 'AssignmentPattern':
      return of('expression', 'right');
    case 'AssignmentExpression':
      return /^(\|\||&&|\?\?)=$/.test(String(node['operator'])) ? of('expression', 'right') : [];
    default:
      return [];
  }
}

/** @param {Node} node @returns {Node[]} */
function childrenOf(node) {
  return Object.values(node)
    .flat()
    .filter((value) => typeof value === 'object' && value !== null && 'type' in value && 'end' in value)
    .map((value) => /** @type {Node} */ (value));
}
