// SPDX-License-Identifier: MIT
// Random maps, names and tensors: well-formed ones, and ones that went wrong in one place.
import fc from 'fast-check';
import { maxLayer, roles } from '../../src/shardmap/limits.js';
import { printShardMap } from '../../src/shardmap/print.js';
import type { MachineNodes, NodeSet, Rule, Selector, Target } from '../../src/shardmap/types.js';
import type { RangesCase } from './case-lines.js';

const role = fc.constantFrom(...roles);
const layers = fc
  .tuple(fc.oneof(fc.nat(12), fc.nat(maxLayer)), fc.oneof(fc.nat(12), fc.nat(maxLayer)))
  .map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }));
const glob = fc
  .array(fc.constantFrom('*', '?', 'blk.', '3', 'attn', '_q', '.weight', 'ä', '💾', '(', ')', ' x'), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => `n${parts.join('')}.`);

const selector: fc.Arbitrary<Selector> = fc.oneof(
  layers.map((range) => ({ kind: 'layers' as const, ...range })),
  role.map((name) => ({ kind: 'role' as const, role: name })),
  fc.tuple(layers, role).map(([range, name]) => ({ kind: 'layers.role' as const, ...range, role: name })),
  glob.map((text) => ({ kind: 'name' as const, glob: text })),
  fc.constant({ kind: 'any' as const }),
);

function nodeSet(nodes: readonly number[]): fc.Arbitrary<NodeSet> {
  return fc.oneof(fc.constant('all' as const), fc.shuffledSubarray([...nodes], { minLength: 1 }));
}

function target(machine: MachineNodes, rows: NodeSet): fc.Arbitrary<Target> {
  const node = fc.constantFrom(...machine.nodes);
  return fc.oneof(
    node.map((id) => ({ kind: 'node' as const, node: id })),
    nodeSet(machine.nodes).map((nodes) => ({ kind: 'interleave' as const, nodes })),
    fc
      .tuple(
        fc.shuffledSubarray([...machine.nodes], { minLength: 1 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 255 })),
      )
      .map(([ids, weights]) => ({
        kind: 'weighted' as const,
        weights: ids.map((id) => ({ node: id, weight: weights.next().value })),
      })),
    fc.constant({ kind: 'rows' as const, nodes: rows }),
    fc
      .tuple(
        fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 8192 })),
        nodeSet(machine.nodes),
      )
      .map(([slices, nodes]) => ({ kind: 'cyclic' as const, slices, nodes })),
  );
}

/** A map whose `rows` rules agree; text and columns of the rules are not filled in. */
export function shardMap(machine: MachineNodes): fc.Arbitrary<Rule[]> {
  return nodeSet(machine.usableNodes).chain((rows) =>
    fc.array(
      fc
        .tuple(selector, target(machine, rows))
        .map(([s, t]): Rule => ({ selector: s, target: t, text: '', column: 0 })),
      { minLength: 1, maxLength: 6 },
    ),
  );
}

const someMachine = { nodes: [0, 1, 2, 3], usableNodes: [0, 1, 2, 3] };
const scrap = fc.constantFrom(
  ',',
  ':',
  '(',
  ')',
  '-',
  '.',
  '=',
  ' ',
  '\t',
  '*',
  '0',
  '9',
  '256',
  '99999999999',
  'all',
  'node',
  'name=',
  'rows',
  'cyclic',
  'weighted',
  'interleave',
  'attn',
  'observe',
  'é',
  '💾',
);

/** Maps as printed, with up to three places cut out or overwritten. */
export const mapText: fc.Arbitrary<string> = fc
  .tuple(
    shardMap(someMachine).map(printShardMap),
    fc.array(fc.tuple(fc.nat(200), fc.nat(3), fc.oneof(scrap, fc.constant(''))), { maxLength: 3 }),
  )
  .map(([text, edits]) =>
    edits.reduce((edited, [at, length, inserted]) => {
      const characters = Array.from(edited);
      characters.splice(at % (characters.length + 1), length, inserted);
      return characters.join('');
    }, text),
  );

const nameParts = fc.constantFrom(
  'blk.',
  '3.',
  '12.',
  '1234567.',
  'enc.',
  'dec.',
  'attn_',
  'q',
  '_norm',
  'norm',
  'norm2',
  'enorm.',
  'ln',
  '.',
  'ffn_',
  'ffn',
  'gate',
  'gate_inp',
  'up',
  'down',
  '_exps',
  '_shexp',
  '.3',
  'exp_probs_b',
  'ssm_',
  'a',
  'v.',
  'token_embd',
  'output',
  '.weight',
  '.bias',
  '.scale',
  '.lora_a',
  'cache_k_l0',
  'mm.',
  'nextn.',
  'vis_',
  '_',
  'embed_tokens',
  'shared_head_head',
  'time_mix_',
  'channel_mix_',
  'shortconv.',
  'indexer',
  'cross_',
  'rope',
);
const knownNames = fc.constantFrom(
  'token_embd.weight',
  'output.weight',
  'output_norm.weight',
  'position_embd.weight',
  'token_types.weight',
  'per_layer_token_embd.weight',
  'blk.0.ffn_gate.7.weight',
  'blk.1.ffn_gate_tid2eid.weight',
  'rope_freqs.weight',
  'blk.2.nextn.embed_tokens.weight',
  'blk.2.nextn.shared_head_head.weight',
  'blk.2.nextn.hnorm.weight',
  'blk.3.vis_gate.weight',
  'blk.3.ffn_norm_exps.weight',
  'blk.3.attn_k_b.weight',
  'dec.blk.3.cross_attn_q.weight',
);

export const tensorName: fc.Arbitrary<string> = fc.oneof(
  knownNames,
  fc.array(nameParts, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('')),
  fc.array(nameParts, { minLength: 1, maxLength: 4 }).map((parts) => `blk.2.${parts.join('')}.weight`),
);

/** A map over `machine`, one tensor, and shares that its `rows` rules allow. */
export function rangesCase(machine: MachineNodes): fc.Arbitrary<RangesCase> {
  return shardMap(machine).chain((rules) => {
    const rows = rules.find(({ target: { kind } }) => kind === 'rows')?.target;
    const nodes = rows?.kind === 'rows' && rows.nodes !== 'all' ? rows.nodes : machine.usableNodes;
    const weight = fc.integer({ min: 1, max: 40 });
    const shares = fc
      .array(weight, { minLength: nodes.length, maxLength: nodes.length })
      .map((weights) => nodes.map((node, index) => `${node}:${weights[index]}`).join(','));
    return fc.record({
      map: fc.constant(printShardMap(rules)),
      machine: fc.constant('gaps'),
      name: fc.oneof(
        tensorName,
        fc.constant('blk.3.attn_v_b.weight'),
        fc.constant('blk.3.ffn_up_exps.weight'),
      ),
      tied: fc.boolean(),
      rowByteLength: fc.integer({ min: 1, max: 600 }),
      rows: fc.integer({ min: 1, max: 70 }),
      matrices: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 5 })),
      group: fc.constantFrom(1, 4, 8, 16),
      repacked: fc.boolean(),
      shares: fc.oneof(fc.constant(''), shares),
      workers: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 90 })),
      pagePhase: fc.nat(511),
      pageSize: fc.constant(512),
    });
  });
}
