// SPDX-License-Identifier: MIT
// Before the tests with other compilers: downloads are no part of them.
import { prepareSuites } from './debian-compilers.js';

export default async function setUp(): Promise<void> {
  const start = performance.now();
  await prepareSuites();
  const seconds = (performance.now() - start) / 1000;
  if (seconds > 1) console.log(`set-up: compilers of other suites, ${seconds.toFixed(1)} s of downloads`);
}
