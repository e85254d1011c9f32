// SPDX-License-Identifier: MIT
// Finds the Debian mirror in the system's own apt sources, so that the lab uses the host the user chose.
// Source of truth: sources.list(5), both its formats.

export interface AptSourcesFile {
  readonly path: string;
  readonly text: string;
}

interface AptSource {
  readonly uri: string;
  readonly components: readonly string[];
  readonly options: string;
}

/** The URI of the system's Debian archive, without security or third-party archives; undefined if it has none. */
export function debianMirror(files: readonly AptSourcesFile[]): string | undefined {
  const sources = files
    .flatMap(({ path, text }) => (path.endsWith('.sources') ? deb822Sources(text) : oneLineSources(text)))
    .filter(({ uri, components }) => components.includes('main') && !/security|^cdrom:/.test(uri));
  const signedByDebian = sources.find(({ options }) => options.includes('debian-archive-keyring'));
  return (signedByDebian ?? sources.find(({ uri }) => /\/debian\/?$/.test(uri)))?.uri;
}

function deb822Sources(text: string): AptSource[] {
  const withoutComments = text.replace(/^#.*\n?/gm, '');
  return withoutComments.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = new Map<string, string>();
    // A line that starts with a space continues the field above it.
    for (const line of stanza.replace(/\n[ \t]+/g, ' ').split('\n')) {
      const colon = line.indexOf(':');
      if (colon > 0) fields.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    }
    const isOff = /^(no|false|off|0|without|disable)$/i.test(fields.get('enabled') ?? 'yes');
    if (isOff || !words(fields.get('types')).includes('deb')) return [];
    const components = words(fields.get('components'));
    return words(fields.get('uris')).map((uri) => ({
      uri,
      components,
      options: fields.get('signed-by') ?? '',
    }));
  });
}

function oneLineSources(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+\S+\s+([^#]*)/.exec(line);
    if (!match) return [];
    const [, options = '', uri = '', components] = match;
    return [{ uri, components: words(components), options }];
  });
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}
