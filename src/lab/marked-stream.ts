// SPDX-License-Identifier: MIT
// Finds where a command's output ends in a stream that never ends: the guest's agent writes a marker behind it.

/** Passes on the bytes before a marker as they come, without the marker, wherever chunks happen to be cut. */
export class MarkedStream {
  readonly #marker: Buffer;
  readonly #onData: (data: Buffer) => void;
  #held: Buffer = Buffer.alloc(0);
  #isEnded = false;

  constructor(marker: Buffer, onData: (data: Buffer) => void) {
    this.#marker = marker;
    this.#onData = onData;
  }

  /** True once the marker was seen. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Bytes behind the marker belong to nobody and are dropped. */
  push(chunk: Buffer): void {
    if (this.#isEnded) return;
    const bytes = this.#held.byteLength === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const at = bytes.indexOf(this.#marker);
    this.#isEnded = at >= 0;
    const end = this.#isEnded ? at : bytes.byteLength - this.#partialMarkerByteLength(bytes);
    this.#held = bytes.subarray(end);
    if (end > 0) this.#onData(bytes.subarray(0, end));
  }

  /** How many of the last bytes may be the beginning of a marker. */
  #partialMarkerByteLength(bytes: Buffer): number {
    const most = Math.min(this.#marker.byteLength - 1, bytes.byteLength);
    for (let length = most; length > 0; length--) {
      if (bytes.subarray(bytes.byteLength - length).equals(this.#marker.subarray(0, length))) return length;
    }
    return 0;
  }
}
