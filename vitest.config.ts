// SPDX-License-Identifier: MIT
// Three projects: "unit" runs anywhere in seconds; "compilers" takes the C header through many of them; "lab" boots
// emulated machines, one file at a time.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/lab/**', 'test/compilers/**'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'compilers',
          include: ['test/compilers/**/*.test.ts'],
          globalSetup: ['test/compilers/set-up.ts'],
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'lab',
          include: ['test/lab/**/*.lab.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
