// SPDX-License-Identifier: MIT
// Models that only tests need, in the lab's cache: made when first asked for, and anew when what they are made of changes.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { makeOnce } from '../../src/lab/make-once.js';
import { setting } from './setting.js';

/** Path of a file, or of a folder of parts. `content` is everything that decides what `make` writes, as JSON tells it. */
export function cachedModel(
  content: unknown,
  name: string,
  make: (path: string) => Promise<void>,
): Promise<string> {
  const key = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
  return makeOnce(join(setting.cacheDirectory, 'models', key, name), make);
}
