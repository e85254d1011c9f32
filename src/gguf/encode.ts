// SPDX-License-Identifier: MIT
// Values as GGUF writes them (version 3, little-endian), and short names for the usual ones.
import { type FixedTypeName, fixedTypeBytes, valueTypeNames } from './value-types.js';

type Scalar = number | bigint | boolean;

export type EncodableValue =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: FixedTypeName; readonly value: Scalar }
  | { readonly type: 'array'; readonly elementType: 'string'; readonly value: readonly string[] }
  | { readonly type: 'array'; readonly elementType: FixedTypeName; readonly value: readonly Scalar[] };

export const ggufString = (value: string): EncodableValue => ({ type: 'string', value });
export const ggufU32 = (value: number): EncodableValue => ({ type: 'uint32', value });
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

export function encodeMetadata(key: string, value: EncodableValue): Buffer {
  return Buffer.concat([
    encodeString(key),
    encodeU32(valueTypeNames.indexOf(value.type)),
    encodeValue(value),
  ]);
}

export function encodeString(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([encodeU64(bytes.byteLength), bytes]);
}

export function encodeU32(value: number): Buffer {
  return encodeFixed('uint32', value);
}

export function encodeU64(value: number): Buffer {
  return encodeFixed('uint64', value);
}

function encodeValue(value: EncodableValue): Buffer {
  if (value.type === 'string') return encodeString(value.value);
  if (value.type !== 'array') return encodeFixed(value.type, value.value);
  const elements =
    value.elementType === 'string'
      ? value.value.map(encodeString)
      : value.value.map((element) => encodeFixed(value.elementType, element));
  const elementTypeId = valueTypeNames.indexOf(value.elementType);
  return Buffer.concat([encodeU32(elementTypeId), encodeU64(value.value.length), ...elements]);
}

function encodeFixed(fixedType: FixedTypeName, value: Scalar): Buffer {
  const buffer = Buffer.alloc(fixedTypeBytes[fixedType]);
  switch (fixedType) {
    case 'uint8':
    case 'bool':
      buffer.writeUInt8(Number(value));
      break;
    case 'int8':
      buffer.writeInt8(Number(value));
      break;
    case 'uint16':
      buffer.writeUInt16LE(Number(value));
      break;
    case 'int16':
      buffer.writeInt16LE(Number(value));
      break;
    case 'uint32':
      buffer.writeUInt32LE(Number(value));
      break;
    case 'int32':
      buffer.writeInt32LE(Number(value));
      break;
    case 'float32':
      buffer.writeFloatLE(Number(value));
      break;
    case 'uint64':
      buffer.writeBigUInt64LE(BigInt(value));
      break;
    case 'int64':
      buffer.writeBigInt64LE(BigInt(value));
      break;
    case 'float64':
      buffer.writeDoubleLE(Number(value));
      break;
    default:
      fixedType satisfies never;
  }
  return buffer;
}
