// SPDX-License-Identifier: MIT
// Which llama.cpp this version was tested with: a newer one may cut rows in another way, which --verify would find.
import type { ReportWarning } from './preload-report.js';

/** The last that passed test/lab: Debian's packages. */
export const testedWith = { llamaCpp: '0.7.0', build: 11_669, ggml: '0.27.0' } as const;

/** A warning where this version of ggml is newer. */
export function newerThanTested(ggmlVersion: string | null): ReportWarning[] {
  if (ggmlVersion === null || compareVersions(ggmlVersion, testedWith.ggml) <= 0) return [];
  const message = `ggml ${ggmlVersion} is newer than ${testedWith.ggml}, the last that was tested: --verify shows whether all is right`;
  return [{ code: 'ggml-newer', message }];
}

/** By numbers: 0.10.0 comes after 0.9.9; what is no number counts as 0. */
function compareVersions(left: string, right: string): number {
  const [one, other] = [left, right].map((version) =>
    version.split(/[.+~-]/).map((part) => Number.parseInt(part, 10) || 0),
  );
  for (let index = 0; index < 3; index++) {
    const difference = (one?.[index] ?? 0) - (other?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
