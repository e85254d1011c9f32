// SPDX-License-Identifier: MIT
// "did you mean …?": the nearest word by edit distance (insert, delete, replace, swap of neighbours).

/** The nearest of `words` to what was written, undefined when none is near. */
export function suggest(written: string, words: readonly string[]): string | undefined {
  const lower = written.toLowerCase();
  const longest = Math.max(...words.map((word) => word.length));
  if (lower.length === 0 || lower.length > 2 * longest) return undefined;
  const ranked = words
    .map((word) => ({
      word,
      distance: lower.startsWith(word) || isPrefix(lower, word) ? 1 : distance(lower, word),
    }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.max(1, Math.floor(best.word.length / 2)) ? best.word : undefined;
}

/** Three letters of a word are enough to mean it: `att`, `interl`. */
function isPrefix(written: string, word: string): boolean {
  return written.length >= 3 && word.startsWith(written);
}

function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const at = (di: number, dj: number) => (di === 0 ? row : rows[i - di])?.[j - dj] ?? 0;
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(at(1, 0) + 1, at(0, 1) + 1, at(1, 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, at(2, 2) + 1);
      row.push(cost);
    }
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? 0;
}
