// SPDX-License-Identifier: MIT
// Every way to run: other threads, several models, masks, load modes, children; topic by topic on one machine.
import { afterAll, beforeAll } from 'vitest';
import { nodeLlamaLibraries } from '../../../scripts/node-llama-libraries.mjs';
import type { LabMachine } from '../../../src/lab/lab-machine.js';
import { Figures } from '../main-job/figures.js';
import { bootWithModels } from '../main-job/guest.js';
import { smallTextModel } from '../main-job/small-text-model.js';
import { setting } from '../setting.js';
import { smallAdapter } from './adapter.js';
import { children } from './children.js';
import { loads, wideModel } from './loads.js';
import { masks } from './masks.js';
import { installModelHost } from './model-host.js';
import { ownThreads, ownThreadsModels } from './own-threads.js';
import { severalModels } from './several-models.js';
import type { Ways } from './ways.js';

const figures = new Figures('ways');
let machine: LabMachine;

beforeAll(async () => {
  const files = [
    ...nodeLlamaLibraries(setting.cacheDirectory),
    await smallTextModel('q8_0'),
    await smallTextModel('q4_K_M'),
    await smallAdapter(),
    await wideModel(),
  ];
  machine = await bootWithModels(ownThreadsModels, files);
  await installModelHost(machine);
});

afterAll(async () => {
  figures.save();
  await machine?.stop();
});

const ways: Ways = { machine: () => machine, figures };
ownThreads(ways);
severalModels(ways);
masks(ways);
loads(ways);
children(ways);
