// SPDX-License-Identifier: MIT
// A promise with a limit on how long it may take.

export async function orTimeout<Result>(
  work: Promise<Result>,
  milliseconds: number,
  failure: () => Error,
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(failure()), milliseconds);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
