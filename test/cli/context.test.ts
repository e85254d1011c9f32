// SPDX-License-Identifier: MIT
// Directories and colour as the environment has them.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { surroundings } from '../../src/cli/context.js';

it('follows the XDG variables, and ignores relative paths in them', () => {
  const home = join(homedir(), '.cache', 'numashard');
  expect(surroundings({ XDG_CACHE_HOME: '/c' }, false).cacheDirectory).toBe('/c/numashard');
  expect(surroundings({ XDG_CACHE_HOME: 'c' }, false).cacheDirectory).toBe(home);
  expect(surroundings({}, false).cacheDirectory).toBe(home);
  expect(surroundings({ XDG_RUNTIME_DIR: '/run/user/7' }, false).runtimeDirectory).toBe(
    '/run/user/7/numashard',
  );
  expect(surroundings({}, false).runtimeDirectory).toMatch(/numashard-\d+$/);
});

it('colours a terminal unless NO_COLOR is set to something', () => {
  expect(surroundings({}, true).hasColour).toBe(true);
  expect(surroundings({ NO_COLOR: '' }, true).hasColour).toBe(true);
  expect(surroundings({ NO_COLOR: '1' }, true).hasColour).toBe(false);
  expect(surroundings({ TERM: 'dumb' }, true).hasColour).toBe(false);
  expect(surroundings({}, false).hasColour).toBe(false);
});
