// SPDX-License-Identifier: MIT
// Every way to run: other threads, several models, masks, load modes, children; topic by topic on one machine.
import { afterAll, beforeAll } from 'vitest';
import { nodeLlamaLibraries } from '../../../scripts/node-llama-libraries.mjs';
import type { LabMachine } from '../../../src/lab/lab-machine.js';
import { Figures } from '../main-job/figures.js';
import { bootWithModels } from '../main-job/guest.js';
import { setting } from '../setting.js';
import { installModelHost } from './model-host.js';
import { ownThreads, ownThreadsModels } from './own-threads.js';
import type { Ways } from './ways.js';

const figures = new Figures('ways');
let machine: LabMachine;

beforeAll(async () => {
  machine = await bootWithModels(ownThreadsModels, nodeLlamaLibraries(setting.cacheDirectory));
  await installModelHost(machine);
});

afterAll(async () => {
  figures.save();
  await machine?.stop();
});

const ways: Ways = { machine: () => machine, figures };
ownThreads(ways);
