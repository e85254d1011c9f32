// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MarkedStream } from '../../src/lab/marked-stream.js';

function read(chunks: readonly Buffer[], marker: Buffer) {
  const received: Buffer[] = [];
  const stream = new MarkedStream(marker, (data) => received.push(data));
  for (const chunk of chunks) stream.push(chunk);
  return { data: Buffer.concat(received), isEnded: stream.isEnded };
}

describe('MarkedStream', () => {
  it('passes on exactly what stands before the marker, however the bytes are cut', () => {
    // Few distinct bytes, so that pieces of the marker turn up in the data.
    const bytes = fc.array(fc.constantFrom(0, 1, 2)).map((values) => Buffer.from(values));
    const marker = Buffer.from([0, 1, 0, 1, 2]);
    fc.assert(
      fc.property(bytes, bytes, fc.array(fc.nat(), { maxLength: 6 }), (before, behind, cuts) => {
        fc.pre(
          before.indexOf(marker) < 0 && Buffer.concat([before, marker]).indexOf(marker) === before.byteLength,
        );
        const whole = Buffer.concat([before, marker, behind]);
        const at = [
          0,
          ...cuts.map((cut) => cut % (whole.byteLength + 1)).sort((a, b) => a - b),
          whole.byteLength,
        ];
        const chunks = at.slice(1).map((end, index) => whole.subarray(at[index], end));
        expect(read(chunks, marker)).toEqual({ data: before, isEnded: true });
      }),
    );
  });

  it('holds back only what may be the beginning of a marker', () => {
    const marker = Buffer.from('\0abc');
    expect(read([Buffer.from('text\0ab')], marker)).toEqual({ data: Buffer.from('text'), isEnded: false });
    expect(read([Buffer.from('text\0ab'), Buffer.from('d')], marker).data.toString()).toBe('text\0abd');
    expect(read([Buffer.from('prompt> ')], marker).data.toString()).toBe('prompt> ');
  });
});
