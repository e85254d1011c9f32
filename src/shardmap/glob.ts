// SPDX-License-Identifier: MIT
// Globs over tensor names: `*` is any run, `?` one character. At most glob × name steps, whatever is written.

const star = 42;
const question = 63;

/** Compares UTF-16 units: a map of 10,000 globs is held against every tensor, and strings of one unit cost more. */
export function matchesGlob(glob: string, name: string): boolean {
  let at = 0;
  let inName = 0;
  let afterStar = -1;
  let retry = 0;
  while (inName < name.length) {
    const unit = glob.charCodeAt(at);
    if (unit === star) {
      afterStar = ++at;
      retry = inName;
    } else if (unit === question) {
      at++;
      inName += characterLength(name, inName);
    } else if (unit === name.charCodeAt(inName)) {
      at++;
      inName++;
    } else if (afterStar >= 0) {
      at = afterStar;
      inName = ++retry;
    } else {
      return false;
    }
  }
  while (glob.charCodeAt(at) === star) at++;
  return at === glob.length;
}

/** A character outside the basic plane is two units of a JavaScript string. */
function characterLength(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}
