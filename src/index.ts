// SPDX-License-Identifier: MIT
// The public library: the pure parts, which run on any system and start nothing.
export { type ErrorCode, type ErrorDetails, type ExitCode, NumashardError } from './errors.js';
export type { GgufForm, GgufVersion } from './gguf/form.js';
export { type ReadGgufOptions, readGguf } from './gguf/read-gguf.js';
export { readGgufParts } from './gguf/read-parts.js';
export type { GgufFile, GgufSkippedArray, GgufTensor, GgufValue } from './gguf/types.js';
export { classifyTensor, type TensorClass } from './model/classify-tensor.js';
export { describeModel } from './model/describe-model.js';
export type { Model, ModelTensor, Role } from './model/types.js';
export { machineNodes } from './plan/machine-nodes.js';
export { planPlacement } from './plan/plan-placement.js';
export type {
  Plan,
  PlanRequest,
  PlanWarning,
  PlanWarningCode,
  StrategyName,
  StrategyPlan,
} from './plan/types.js';
export { parseShardMap } from './shardmap/parse.js';
export { printShardMap } from './shardmap/print.js';
export { type ResolveOptions, resolveShardMap } from './shardmap/resolve.js';
export type {
  MachineNodes,
  MapWarning,
  MapWarningCode,
  Placement,
  PlacementRange,
  Resolution,
  Rule,
  Selector,
  ShardMap,
  Shares,
  Target,
} from './shardmap/types.js';
export { directoryRoot, type FileRoot } from './topology/file-root.js';
export { type ReadTopologyOptions, readTopology } from './topology/read-topology.js';
export type {
  Topology,
  TopologyAccess,
  TopologyCore,
  TopologyNode,
  TopologyWarning,
  TopologyWarningCode,
} from './topology/types.js';
