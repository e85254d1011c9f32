// SPDX-License-Identifier: MIT
// Plain text tables; byte counts, shares and names from elsewhere as a person reads them.

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/** One line per row under a line of titles; columns are as wide as their widest cell, two spaces apart. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map((column) => column.title), ...rows];
  const widths = columns.map((_, index) => Math.max(...lines.map((cells) => (cells[index] ?? '').length)));
  const renderLine = (cells: readonly string[]): string =>
    columns
      .map(({ align }, index) => {
        const cell = cells[index] ?? '';
        const width = widths[index] ?? 0;
        return align === 'left' ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd();
  return lines.map(renderLine).join('\n');
}

/** Three significant digits with a binary unit: `24.0 GiB`, `113 MiB`, `0 B`; `–` for unknown. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** `1 node`, `4 nodes`. */
export function count(value: number, noun: string): string {
  return `${value} ${noun}${value === 1 ? '' : 's'}`;
}

/** `7.44`, without the unit: of a column of them. */
export function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(2);
}

/** Without the sign; of nothing, none. */
export function percent(part: number, whole: number): string {
  return whole === 0 ? '0.0' : ((100 * part) / whole).toFixed(1);
}

/**
 * Names come from files and maps from anyone: what would move a terminal's cursor or reorder text is shown as an
 * escape, so that one still sees which character it is.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
