// SPDX-License-Identifier: MIT
// The document of `numashard inspect --json`; its fields are a promise to other tools.
import type { Model, ModelTensor } from './types.js';

export interface InspectDocument extends Model {
  readonly schema: 'numashard/inspect/1';
}

export function inspectDocument({
  architecture,
  blockCount,
  byteLength,
  files,
  tensors,
}: Model): InspectDocument {
  return {
    schema: 'numashard/inspect/1',
    architecture,
    blockCount,
    byteLength,
    files: files.map((file) => ({ path: file.path, byteLength: file.byteLength })),
    tensors: tensors.map(tensorFields),
  };
}

/** Named one by one: what a tensor carries inside the program may grow, the document only on purpose. */
function tensorFields(tensor: ModelTensor): ModelTensor {
  const { name, layer, role, type, shape, byteLength, file, fileOffset } = tensor;
  return { name, layer, role, type, shape, byteLength, file, fileOffset };
}
