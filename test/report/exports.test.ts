// SPDX-License-Identifier: MIT
// Exports are read back by those who will read them: a shell, and systemd's and docker's rules for environment files.
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ExportFormat, renderExports } from '../../src/report/exports.js';

/** What execve(2) can pass. */
const value = fc
  .string({ unit: 'binary', maxLength: 40 })
  .filter((text) => text === Buffer.from(text).toString());
const plain = value.map((text) => text.replaceAll('\0', ''));

describe('for a shell', () => {
  it('arrives as it was, whatever it is', () => {
    fc.assert(
      fc.property(fc.array(plain, { minLength: 1, maxLength: 20 }), (values) => {
        const environment = Object.fromEntries(values.map((text, index) => [`V${index}`, text]));
        const words = Object.keys(environment).map((name) => `"$${name}"`);
        const script = `eval "$1"; shift; printf '%s\\0' ${words.join(' ')}`;
        const stdout = execFileSync('sh', ['-c', script, 'sh', renderExports(environment, 'shell')], {
          encoding: 'utf8',
        });
        expect(stdout).toBe(values.map((text) => `${text}\0`).join(''));
      }),
      { numRuns: 50 },
    );
  });

  it('is one line a variable', () => {
    const environment = { GGML_NUMA_SHARD_MAP: "name='a b':0", LD_PRELOAD: '/opt/lib.so' };
    expect(renderExports(environment, 'shell')).toBe(
      "export GGML_NUMA_SHARD_MAP='name='\\''a b'\\'':0'\nexport LD_PRELOAD='/opt/lib.so'\n",
    );
    expect(renderExports({}, 'shell')).toBe('');
  });

  it('refuses what no program can be started with', () => {
    const name = 'GGML_NUMA_SHARD_MAP';
    const longest = 'x'.repeat(131_071 - name.length - 1);
    expect(() => renderExports({ [name]: longest }, 'shell')).not.toThrow();
    expectRefusal(name, `${longest}x`, 'shell', /makes 131072 bytes.*up to 131071/);
    const env = { ...process.env, [name]: longest };
    expect(execFileSync('printenv', [name], { encoding: 'utf8', env }).length).toBe(longest.length + 1);
    expect(() => execFileSync('printenv', [name], { env: { ...env, [name]: `${longest}x` } })).toThrow(
      'E2BIG',
    );
  });
});

describe('as an environment file', () => {
  it('is read alike by systemd and docker, or refused', () => {
    let written = 0;
    fc.assert(
      fc.property(fc.oneof(plain, fc.string({ unit: 'grapheme-ascii' })), (text) => {
        const alike = readAsSystemd(`V=${text}\n`) === text && readAsDocker(`V=${text}\n`) === text;
        if (!alike) return expectRefusal('V', text, 'env', /^V: the value/);
        try {
          const file = renderExports({ V: text }, 'env');
          written++;
          expect([readAsSystemd(file), readAsDocker(file)]).toEqual([text, text]);
        } catch (error) {
          // Harmless to both readers, refused all the same: control characters, other spaces at the ends.
          expect(text).toMatch(/[\p{Cc}]|^\s|\s$/u);
          expect(error).toMatchObject({ code: 'export-impossible' });
        }
      }),
      { numRuns: 2000 },
    );
    expect(written).toBeGreaterThan(200);
  });

  it.each([
    ['a\nb', /line break/],
    ['/opt/a\\b.so', /backslash, which systemd removes/],
    ["'quoted'", /starts with a quote/],
    ['"quoted"', /starts with a quote/],
    [' 0:1', /starts or ends with a space/],
    ['0:1 ', /starts or ends with a space/],
    ['x'.repeat(65_534), /a line of 65536 bytes, docker reads up to 65535/],
  ])('refuses %j', (text, reason) => expectRefusal('V', text, 'env', reason));

  it('has no quotes, no comments', () => {
    const environment = { GGML_NUMA_SHARD_MAP: '*:rows', GGML_NUMA_SHARD_THREADS: '0:4,1:4' };
    expect(renderExports(environment, 'env')).toBe(
      'GGML_NUMA_SHARD_MAP=*:rows\nGGML_NUMA_SHARD_THREADS=0:4,1:4\n',
    );
  });
});

function expectRefusal(name: string, text: string, format: ExportFormat, reason: RegExp): void {
  let refusal: unknown;
  try {
    renderExports({ [name]: text }, format);
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toMatchObject({ code: 'export-impossible', exitCode: 2, hint: expect.any(String) });
  expect(refusal).toMatchObject({ message: expect.stringMatching(reason) });
}

/** The states of systemd's parse_env_file_internal that one `V=…` line can reach; null: not one variable V. */
function readAsSystemd(file: string): string | null {
  let state: 'before' | 'value' | 'escape' | "'" | '"' | 'double-escape' = 'before';
  let read = '';
  let kept = 0;
  for (let at = 2; at < file.length; at++) {
    const c = file[at] as string;
    const ends = c === '\n' || c === '\r';
    const keep = (): void => {
      read += c;
      kept = read.length;
    };
    if (state === 'before' || state === 'value') {
      if (ends) return at === file.length - 1 ? read.slice(0, kept) : null;
      if (state === 'before' && (c === "'" || c === '"')) state = c;
      else if (c === '\\') state = 'escape';
      else if (/[ \t]/.test(c)) read += state === 'value' ? c : '';
      else {
        state = 'value';
        keep();
      }
    } else if (state === 'escape') {
      state = 'value';
      if (!ends) keep();
    } else if (state === 'double-escape') {
      state = '"';
      if (!/["\\`$\n]/.test(c)) read += '\\';
      if (c !== '\n') keep();
    } else if (c === state) state = 'before';
    else if (state === '"' && c === '\\') state = 'double-escape';
    else keep();
  }
  return null;
}

/** Lines of Go's bufio.ScanLines; no quotes, nothing trimmed but the front of the line. */
function readAsDocker(file: string): string | null {
  const lines = file.slice(0, -1).split('\n');
  const [line = ''] = lines;
  return lines.length === 1 ? line.replace(/\r$/, '').slice(2) : null;
}
