// SPDX-License-Identifier: MIT
// Inputs worth keeping: each took a branch, or took one as often, as none before it did.

/** As AFL: how often counts in steps of about twice as often. */
const steps = Uint8Array.from({ length: 256 }, (_, hits) =>
  hits < 4
    ? ([0, 1, 2, 4][hits] ?? 0)
    : hits < 8
      ? 8
      : hits < 16
        ? 16
        : hits < 32
          ? 32
          : hits < 128
            ? 64
            : 128,
);
/** Enough for any parser here; more would only dilute the choice. */
const maxEntries = 8192;

export class Corpus {
  /** @type {Uint8Array[]} */
  entries = [];
  /** Branches taken by any input. */
  branches = 0;
  #counters;
  #seen;

  /** @param {Uint32Array} counters of the instrumented code */
  constructor(counters) {
    this.#counters = counters;
    this.#seen = new Uint8Array(counters.length);
  }

  /** Called after a run: keeps its input if it did something new. @param {Uint8Array} input */
  judge(input) {
    let isNew = false;
    for (let i = 0; i < this.#counters.length; i++) {
      const hits = this.#counters[i] ?? 0;
      if (hits === 0) continue;
      const step = steps[Math.min(hits, 255)] ?? 0;
      const seen = this.#seen[i] ?? 0;
      if (seen & step) continue;
      if (seen === 0) this.branches++;
      this.#seen[i] = seen | step;
      isNew = true;
    }
    this.#counters.fill(0);
    if (isNew && this.entries.length < maxEntries) this.entries.push(input.slice());
    return isNew;
  }

  /** Half of the time the shorter of two, which runs faster. @param {import('./random.mjs').Random} random */
  choose(random) {
    const one = this.#any(random);
    if (random(2)) return one;
    const other = this.#any(random);
    return one.length < other.length ? one : other;
  }

  /** Half of the time one of the latest, which lead where nobody was. @param {import('./random.mjs').Random} random */
  #any(random) {
    const { length } = this.entries;
    const index = random(2) ? random(length) : length - 1 - random(Math.min(length, 32));
    return this.entries[index] ?? new Uint8Array(0);
  }
}
