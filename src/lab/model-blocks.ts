// SPDX-License-Identifier: MIT
// Random weights written directly as quantized blocks, without quantizing: random quants under scales that
// give zero mean and a wanted deviation. Source of truth: the block structs of ggml-common.h.
import { NumashardError } from '../errors.js';
import { tensorTypeByName } from '../gguf/tensor-types.js';
import { createRandom, type Random } from './model-random.js';

export type FillBlocks = (buffer: Uint8Array) => void;

/** Fills whole blocks of `type` with weights of mean 0 and the given standard deviation. */
export function randomBlocks(type: string, deviation: number, seed: string): FillBlocks {
  const random = createRandom(seed);
  if (type === 'f32') return (buffer) => fillFloats(buffer, deviation, random);
  if (type === 'f16') return fillHalves(deviation, random);
  const { offset, headers } = blockHeaders(type, deviation, random);
  const { blockBytes } = tensorTypeByName(type);
  return (buffer) => {
    random.fill(buffer);
    if (type === 'q8_0') makeOdd(buffer);
    for (let block = 0; block < buffer.byteLength; block += blockBytes) {
      const header = headers[(buffer[block + offset] ?? 0) % headers.length];
      if (header) buffer.set(header, block + offset);
    }
  };
}

export function fillOnes(buffer: Uint8Array): void {
  new Float32Array(buffer.buffer, buffer.byteOffset, buffer.byteLength >>> 2).fill(1);
}

/** Odd quants only, -127 to 127: ggml never writes -128, and not every kernel's arithmetic allows for it. */
function makeOdd(buffer: Uint8Array): void {
  const words = new Uint32Array(buffer.buffer, buffer.byteOffset, buffer.byteLength >>> 2);
  for (let i = 0; i < words.length; i++) words[i] = (words[i] ?? 0) | 0x01010101;
  for (let i = words.length * 4; i < buffer.byteLength; i++) buffer[i] = (buffer[i] ?? 0) | 1;
}

/** Half the width of a uniform distribution of deviation 1. */
const UNIFORM_REACH = Math.sqrt(3);

function fillFloats(buffer: Uint8Array, deviation: number, random: Random): void {
  const floats = new Float32Array(buffer.buffer, buffer.byteOffset, buffer.byteLength >>> 2);
  for (let i = 0; i < floats.length; i++) floats[i] = uniform(random, deviation);
}

function fillHalves(deviation: number, random: Random): FillBlocks {
  const table = Uint16Array.from({ length: 4096 }, () => toHalf(uniform(random, deviation)));
  return (buffer) => {
    const halves = new Uint16Array(buffer.buffer, buffer.byteOffset, buffer.byteLength >>> 1);
    random.fill(buffer);
    for (let i = 0; i < halves.length; i++) halves[i] = table[(halves[i] ?? 0) & 4095] ?? 0;
  };
}

function uniform(random: Random, deviation: number): number {
  return (random.next() / 2 ** 31 - 1) * UNIFORM_REACH * deviation;
}

/** Scales come from a few ready headers: enough variety for weights that only have to differ. */
const HEADER_VARIANTS = 16;

function blockHeaders(type: string, deviation: number, random: Random) {
  const make = (header: () => Uint8Array) => Array.from({ length: HEADER_VARIANTS }, header);
  switch (type) {
    case 'q8_0':
      return { offset: 0, headers: make(() => halves(deviation / (2 * deviationOf(128)))) };
    case 'q4_0':
      // Quants run from -8 to 7; a random sign of the scale takes their mean of -1/2 out.
      return { offset: 0, headers: make(() => halves(sign(random) * (deviation / deviationOf(16)))) };
    case 'q4_K':
      return { offset: 0, headers: make(() => scalesAndMins(deviation, 16, random)) };
    case 'q5_K':
      return { offset: 0, headers: make(() => scalesAndMins(deviation, 32, random)) };
    case 'q6_K':
      // Header last: after ql[128] and qh[64] come 16 signed scales and d.
      return { offset: 192, headers: make(() => signedScales(deviation, random)) };
    default:
      throw new NumashardError('gguf-tensor-type', `no random blocks for type "${type}"`);
  }
}

/** Standard deviation of integers spread evenly over `count` neighbouring values. */
function deviationOf(count: number): number {
  return Math.sqrt((count * count - 1) / 12);
}

/** Sub-block scales are 8 to 15: their root mean square. */
const SCALE_RMS = Math.sqrt([8, 9, 10, 11, 12, 13, 14, 15].reduce((sum, x) => sum + x * x, 0) / 8);

/** d, dmin, then eight 6-bit scales and mins packed as get_scale_min_k4 in ggml-quants.c unpacks them. */
function scalesAndMins(deviation: number, levels: number, random: Random): Uint8Array {
  const d = deviation / (SCALE_RMS * deviationOf(levels));
  const scales = Array.from({ length: 8 }, () => 8 + (random.next() >>> 29));
  // Weight = d·scale·q − dmin·min: with min = scale, dmin = d·(levels − 1)/2 puts the mean at zero.
  const first = scales.slice(0, 4);
  const packed = scales.slice(4).map((scale) => scale | (scale << 4));
  return Uint8Array.from([...halves(d, (d * (levels - 1)) / 2), ...first, ...first, ...packed]);
}

function signedScales(deviation: number, random: Random): Uint8Array {
  const d = deviation / (SCALE_RMS * deviationOf(64));
  const scales = Array.from({ length: 16 }, () => (sign(random) * (8 + (random.next() >>> 29))) & 0xff);
  return Uint8Array.from([...scales, ...halves(d)]);
}

function sign(random: Random): number {
  return random.next() < 2 ** 31 ? -1 : 1;
}

function halves(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint16Array.from(values, toHalf).buffer);
}

/** IEEE 754 binary16 of a small finite number, rounded to nearest. */
export function toHalf(value: number): number {
  const signBit = value < 0 ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude < 2 ** -14) return signBit | Math.round(magnitude * 2 ** 24);
  const exponent = Math.floor(Math.log2(magnitude));
  // A mantissa that rounds up to 1024 carries into the exponent by itself.
  return signBit + ((exponent + 15) << 10) + Math.round((magnitude / 2 ** exponent - 1) * 1024);
}
