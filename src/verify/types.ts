// SPDX-License-Identifier: MIT
// What verify finds, as data; design of the JSON documents `verify`, `place` and run's report.
import type { Role } from '../model/types.js';
import type { NodePages } from '../runtime/page-runs.js';
import type { ReportedThreads, ReportWarning } from '../runtime/preload-report.js';
import type { CutKind } from '../shardmap/types.js';

export type BytesByNode = Readonly<Record<string, number>>;

export interface RowBytes {
  readonly byteLength: number;
  readonly localBytes: number;
}

export interface VerifiedTensor {
  readonly model: number | null;
  readonly name: string;
  readonly role: Role;
  readonly buffer: string;
  readonly cut: CutKind;
  readonly address: number | null;
  readonly byteLength: number;
  /** On another node than the map gives that byte, before any rounding to pages. */
  readonly misplacedBytes: number;
  readonly absentBytes: number;
  readonly unknownBytes: number;
  readonly nodes: BytesByNode;
  /** Bytes of rows with a fixed owner, and those of them on the node where their worker ran; null: no owner. */
  readonly rows: RowBytes | null;
  /** Every page of the tensor in order, as the kernel answered; only where asked for. */
  readonly pages?: readonly NodePages[];
}

export interface VerifiedWorker {
  readonly index: number;
  readonly tid: number;
  /** Where it really ran: the node of the CPU on which it was seen most. */
  readonly node: number | null;
  readonly cpus: readonly number[];
  /** How often it was caught at work; 0: too short a run, `node` is then the last CPU's. */
  readonly seen: number;
  /** What it reads of all tensors with fixed owners, and how much of that is on its node. */
  readonly rows: RowBytes;
}

export interface VerifiedBuffer {
  readonly name: string;
  readonly buffer: string;
  readonly address: number | null;
  readonly byteLength: number;
  readonly inHostMemory: boolean;
  readonly nodes: BytesByNode;
}

export interface Verification {
  readonly pid: number | null;
  readonly models: readonly { readonly id: number; readonly files: readonly string[] }[];
  readonly map: string;
  readonly residency: string;
  readonly method: 'move_pages';
  readonly ggmlVersion: string | null;
  readonly threads: ReportedThreads;
  readonly workers: readonly VerifiedWorker[];
  readonly tensors: readonly VerifiedTensor[];
  readonly other: readonly VerifiedBuffer[];
  readonly placedBytes: number;
  readonly misplacedBytes: number;
  readonly absentBytes: number;
  readonly unknownBytes: number;
  /** The best share that page granularity allows. */
  readonly localShareBound: number;
  /** Over all tensors with fixed owners. */
  readonly rows: RowBytes;
  /** The worst served worker of one tensor, of tensors of 64 KiB or more; `bound` is what pages allow there at least. */
  readonly worstRows:
    | (RowBytes & { readonly tensor: string; readonly worker: number; readonly bound: number })
    | null;
  /** Busiest node's share of the weight bytes × nodes in use; 1 is perfect. */
  readonly balance: number;
  readonly movedPages: number;
  readonly seconds: number;
  readonly warnings: readonly ReportWarning[];
}
