// SPDX-License-Identifier: MIT
// Where stretches of a process's memory lie. What the process has not touched yet is absent from its page tables, but
// a mapped file's page may be in the cache all the same, and there a thread will read it: so the cache is asked too.
import { type FileMapping, readFileMappings } from '../runtime/file-mappings.js';
import type { PageHelper, Stretch } from '../runtime/page-helper.js';
import { absentPage, type PageRuns } from '../runtime/page-runs.js';

export async function findPages(
  helper: PageHelper,
  pid: number,
  stretches: readonly Stretch[],
  readMappings: (pid: number) => Promise<readonly FileMapping[]> = readFileMappings,
): Promise<PageRuns[]> {
  const found = await helper.query(pid, stretches);
  const untouched = stretches.flatMap((stretch, index) =>
    found[index]?.runs.some(({ node }) => node === absentPage) ? [{ ...stretch, index }] : [],
  );
  if (untouched.length === 0) return found;
  const mappings = await readMappings(pid);
  const inFiles = untouched.flatMap((stretch) => {
    const mapping = mappings.find(
      ({ start, end }) => start <= stretch.start && stretch.start + stretch.byteLength <= end,
    );
    return mapping
      ? [{ ...stretch, start: stretch.start - mapping.start + mapping.fileOffset, path: mapping.path }]
      : [];
  });
  for (const path of new Set(inFiles.map((stretch) => stretch.path))) {
    const inFile = inFiles.filter((stretch) => stretch.path === path);
    // The path may lead nowhere from here, as from outside a container: then absent is all we know.
    const cached = await helper.queryFile(path, inFile).catch(() => []);
    for (const [position, { index }] of inFile.entries()) {
      const other = cached[position];
      const own = found[index];
      if (own && other) found[index] = own.orElse(other);
    }
  }
  return found;
}
