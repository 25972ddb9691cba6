// What Zero needs of the machine: a Node of 22 or newer, and the programs of a PostgreSQL server.
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

// places are the folders where PostgreSQL's programs may be: those of PATH, and where Debian keeps them.
function places() {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  return [...(process.env.PATH ?? '').split(delimiter), ...versions.map((version) => join(debian, version, 'bin'))];
}

// postgresPrograms gives the folder with initdb and postgres, or undefined.
export function postgresPrograms() {
  return places().find((dir) => ['initdb', 'postgres'].every((program) => existsSync(join(dir, program))));
}

// whyZeroCannotRun gives the reason, or undefined where it can.
export function whyZeroCannotRun() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 22) return `it needs Node 22 or newer, and this is ${process.version}`;
  if (!postgresPrograms()) return 'no PostgreSQL server is installed (Debian: postgresql)';
  return undefined;
}
