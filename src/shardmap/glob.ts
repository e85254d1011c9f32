// SPDX-License-Identifier: MIT
// Globs over tensor names: `*` is any run, `?` one character. At most glob × name steps, whatever is written.

export function matchesGlob(glob: string, name: string): boolean {
  const pattern = Array.from(glob);
  const text = Array.from(name);
  let at = 0;
  let inText = 0;
  let afterStar = -1;
  let retry = 0;
  while (inText < text.length) {
    if (pattern[at] === '*') {
      afterStar = ++at;
      retry = inText;
    } else if (pattern[at] === '?' || pattern[at] === text[inText]) {
      at++;
      inText++;
    } else if (afterStar >= 0) {
      at = afterStar;
      inText = ++retry;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
