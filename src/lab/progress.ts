// SPDX-License-Identifier: MIT
// What the lab tells its caller while it works; only cli/ decides how that looks.

export type LabProgress =
  /** Bytes. */
  | { readonly step: 'download'; readonly done: number; readonly total: number }
  | { readonly step: 'build'; readonly what: string }
  | { readonly step: 'boot'; readonly machine: string }
  | { readonly step: 'warning'; readonly message: string; readonly hint: string };

export type OnLabProgress = (progress: LabProgress) => void;
