// SPDX-License-Identifier: MIT
// Values as GGUF writes them, in any version and byte order, and short names for the usual ones.
import { NumashardError } from '../errors.js';
import { type GgufForm, sizeBytesOf, usualForm } from './form.js';
import { type FixedTypeName, fixedTypeBytes, valueTypeNames } from './value-types.js';

type Scalar = number | bigint | boolean;

export type EncodableValue =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: FixedTypeName; readonly value: Scalar }
  | { readonly type: 'array'; readonly elementType: 'string'; readonly value: readonly string[] }
  | { readonly type: 'array'; readonly elementType: FixedTypeName; readonly value: readonly Scalar[] };

export const ggufString = (value: string): EncodableValue => ({ type: 'string', value });
export const ggufU16 = (value: number): EncodableValue => ({ type: 'uint16', value });
export const ggufU32 = (value: number): EncodableValue => ({ type: 'uint32', value });
export const ggufI32 = (value: number): EncodableValue => ({ type: 'int32', value });
export const ggufF32 = (value: number): EncodableValue => ({ type: 'float32', value });
export const ggufBool = (value: boolean): EncodableValue => ({ type: 'bool', value });
export const ggufStrings = (value: readonly string[]): EncodableValue => ({
  type: 'array',
  elementType: 'string',
  value,
});
export const ggufI32s = (value: readonly number[]): EncodableValue => ({
  type: 'array',
  elementType: 'int32',
  value,
});

export function encodeMetadata(key: string, value: EncodableValue, form: GgufForm = usualForm): Buffer {
  const typeId = valueTypeNames.indexOf(value.type);
  return Buffer.concat([encodeString(key, form), encodeU32(typeId, form), encodeValue(value, form)]);
}

export function encodeString(value: string, form: GgufForm = usualForm): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([encodeSize(bytes.byteLength, form), bytes]);
}

/** A count, a length or a dimension. Throws `gguf-limit` for what version 1 has no room for. */
export function encodeSize(value: number, form: GgufForm = usualForm): Buffer {
  if (sizeBytesOf(form.version) === 8) return encodeU64(value, form);
  if (value <= MAX_UINT32) return encodeU32(value, form);
  throw new NumashardError('gguf-limit', `${value} in a GGUF of version 1, limit ${MAX_UINT32}`);
}

const MAX_UINT32 = 2 ** 32 - 1;

export function encodeU32(value: number, form: GgufForm = usualForm): Buffer {
  return encodeFixed('uint32', value, form);
}

export function encodeU64(value: number, form: GgufForm = usualForm): Buffer {
  return encodeFixed('uint64', value, form);
}

function encodeValue(value: EncodableValue, form: GgufForm): Buffer {
  if (value.type === 'string') return encodeString(value.value, form);
  if (value.type !== 'array') return encodeFixed(value.type, value.value, form);
  const elements =
    value.elementType === 'string'
      ? value.value.map((element) => encodeString(element, form))
      : value.value.map((element) => encodeFixed(value.elementType, element, form));
  const elementTypeId = valueTypeNames.indexOf(value.elementType);
  return Buffer.concat([encodeU32(elementTypeId, form), encodeSize(value.value.length, form), ...elements]);
}

function encodeFixed(fixedType: FixedTypeName, value: Scalar, { byteOrder }: GgufForm): Buffer {
  const buffer = Buffer.alloc(fixedTypeBytes[fixedType]);
  const view = new DataView(buffer.buffer, buffer.byteOffset);
  const littleEndian = byteOrder === 'little';
  switch (fixedType) {
    case 'uint8':
    case 'bool':
      view.setUint8(0, Number(value));
      break;
    case 'int8':
      view.setInt8(0, Number(value));
      break;
    case 'uint16':
      view.setUint16(0, Number(value), littleEndian);
      break;
    case 'int16':
      view.setInt16(0, Number(value), littleEndian);
      break;
    case 'uint32':
      view.setUint32(0, Number(value), littleEndian);
      break;
    case 'int32':
      view.setInt32(0, Number(value), littleEndian);
      break;
    case 'float32':
      view.setFloat32(0, Number(value), littleEndian);
      break;
    case 'uint64':
      view.setBigUint64(0, BigInt(value), littleEndian);
      break;
    case 'int64':
      view.setBigInt64(0, BigInt(value), littleEndian);
      break;
    case 'float64':
      view.setFloat64(0, Number(value), littleEndian);
      break;
    default:
      fixedType satisfies never;
  }
  return buffer;
}
