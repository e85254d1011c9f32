// SPDX-License-Identifier: MIT
// Weights out of quantized blocks, written after dequantize_row_* in ggml-quants.c and apart from what the
// generator assumes about the blocks.

export function dequantize(type: string, bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const half = (offset: number) => fromHalf(view.getUint16(offset, true));
  const byte = (offset: number) => view.getUint8(offset);
  const out: number[] = [];
  switch (type) {
    case 'f32':
      for (let i = 0; i < bytes.length; i += 4) out.push(view.getFloat32(i, true));
      break;
    case 'f16':
      for (let i = 0; i < bytes.length; i += 2) out.push(half(i));
      break;
    case 'q8_0':
      for (let b = 0; b < bytes.length; b += 34) {
        for (let i = 0; i < 32; i++) out.push(half(b) * view.getInt8(b + 2 + i));
      }
      break;
    case 'q4_0':
      for (let b = 0; b < bytes.length; b += 18) {
        for (let i = 0; i < 16; i++) {
          out.push(half(b) * ((byte(b + 2 + i) & 15) - 8), half(b) * ((byte(b + 2 + i) >> 4) - 8));
        }
      }
      break;
    case 'q4_K':
    case 'q5_K':
      kQuants(type, bytes.length, half, byte, out);
      break;
    case 'q6_K':
      for (let b = 0; b < bytes.length; b += 210) {
        for (let i = 0; i < 256; i++) {
          const within = i % 128;
          const lane = within % 32;
          const group = Math.floor(within / 32);
          const ql = byte(b + Math.floor(i / 128) * 64 + lane + (group % 2) * 32);
          const qh = byte(b + 128 + Math.floor(i / 128) * 32 + lane);
          const q = ((group < 2 ? ql & 15 : ql >> 4) | (((qh >> (2 * group)) & 3) << 4)) - 32;
          out.push(half(b + 208) * view.getInt8(b + 192 + Math.floor(i / 16)) * q);
        }
      }
      break;
    default:
      throw new Error(`no dequantization for ${type}`);
  }
  return out;
}

function kQuants(
  type: 'q4_K' | 'q5_K',
  length: number,
  half: (offset: number) => number,
  byte: (offset: number) => number,
  out: number[],
): void {
  const [blockBytes, quants] = type === 'q4_K' ? [144, 16] : [176, 48];
  for (let b = 0; b < length; b += blockBytes) {
    for (let j = 0; j < 8; j++) {
      const s = b + 4;
      const scale = j < 4 ? byte(s + j) & 63 : (byte(s + j + 4) & 15) | ((byte(s + j - 4) >> 6) << 4);
      const min = j < 4 ? byte(s + j + 4) & 63 : (byte(s + j + 4) >> 4) | ((byte(s + j) >> 6) << 4);
      for (let i = 0; i < 32; i++) {
        const packed = byte(b + quants + Math.floor(j / 2) * 32 + i);
        const low = j % 2 === 0 ? packed & 15 : packed >> 4;
        const high = type === 'q5_K' ? ((byte(b + 16 + i) >> j) & 1) * 16 : 0;
        out.push(half(b) * scale * (low + high) - half(b + 2) * min);
      }
    }
  }
}

export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15));
}
