// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { debianMirror } from '../../src/lab/apt-sources.js';

const oneLine = (text: string) => debianMirror([{ path: '/etc/apt/sources.list', text }]);
const deb822 = (text: string) => debianMirror([{ path: '/etc/apt/sources.list.d/debian.sources', text }]);

describe('debianMirror', () => {
  it('finds none where there is none', () => {
    expect(debianMirror([])).toBeUndefined();
    expect(oneLine('')).toBeUndefined();
    expect(oneLine('# deb http://mirror.example/debian bookworm main')).toBeUndefined();
    expect(oneLine('deb-src http://mirror.example/debian bookworm main')).toBeUndefined();
    expect(oneLine('deb cdrom:[Debian 12]/debian bookworm main')).toBeUndefined();
    expect(oneLine('deb http://other.example/apt stable main')).toBeUndefined();
    expect(oneLine('deb http://mirror.example/debian bookworm contrib')).toBeUndefined();
    expect(
      deb822('Types: deb\nURIs: http://mirror.example/debian\nSuites: sid\nComponents: main\nEnabled: no\n'),
    ).toBeUndefined();
    expect(
      deb822('Types: deb-src\nURIs: http://mirror.example/debian\nSuites: sid\nComponents: main\n'),
    ).toBeUndefined();
  });

  it('passes over the security archive', () => {
    const text = [
      'deb http://security.example/debian-security bookworm-security main',
      'deb http://mirror.example/debian/ bookworm main contrib # the one',
    ].join('\n');
    expect(oneLine(text)).toBe('http://mirror.example/debian/');
  });

  it('reads options in brackets', () => {
    expect(oneLine('  deb [arch=amd64 signed-by=/x.gpg]  http://mirror.example/debian bookworm main')).toBe(
      'http://mirror.example/debian',
    );
  });

  it('reads stanzas with comments, continued lines and several values', () => {
    const text = `Types: deb
# a frozen copy
URIs: http://mirror.example/one/debian
  http://mirror.example/two/debian
Suites: bookworm
 bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`;
    expect(deb822(text)).toBe('http://mirror.example/one/debian');
  });

  it('prefers what Debian signs over what is merely called debian', () => {
    const text = `Types: deb
URIs: https://vendor.example/linux/debian
Suites: bookworm
Components: main
Signed-By: /etc/apt/keyrings/vendor.gpg

Types: deb
URIs: https://proxy.example/debian-remote
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;
    expect(deb822(text)).toBe('https://proxy.example/debian-remote');
  });
});
