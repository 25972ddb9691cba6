// A PostgreSQL of this run's own, in its folder, on a free port of the loopback.
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { finish, freePort, start, stop } from '../children.js';
import { postgresPrograms } from './needs.js';

// What Zero asks for, and the durability that PostgreSQL ships with.
const settings = { wal_level: 'logical', shared_buffers: '512MB', synchronous_commit: 'on', max_connections: '200', listen_addresses: '127.0.0.1' };

// owner gives the user that the server runs as: it refuses to be root.
function owner() {
  if (process.getuid() !== 0) return {};
  const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

export async function startPostgres(bench) {
  const programs = postgresPrograms();
  const user = owner();
  const dir = join(bench.dir, 'postgres');
  chmodSync(bench.dir, 0o711); // its user has to get through
  mkdirSync(dir);
  if (user.uid !== undefined) chownSync(dir, user.uid, user.gid);
  const options = { ...user, cwd: dir, env: { PATH: process.env.PATH, LC_ALL: 'C' } };
  await finish(start(join(programs, 'initdb'), ['-D', dir, '-U', 'measured', '-A', 'trust', '-E', 'UTF8', '--locale=C'], options), 'initdb');
  const port = await freePort();
  const given = Object.entries({ ...settings, port, unix_socket_directories: dir }).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const server = start(join(programs, 'postgres'), ['-D', dir, ...given], options);
  const url = `postgres://measured@127.0.0.1:${port}/postgres`;
  const sql = postgres(url, { max: 2, onnotice: () => {} });
  await answering(sql, server);
  return {
    url,
    sql,
    pid: server.pid,
    stop: async () => {
      await sql.end({ timeout: 1 });
      await stop(server, 'SIGQUIT'); // at once: the folder goes with the run
    },
  };
}

async function answering(sql, server) {
  for (;;) {
    try {
      await sql`SELECT 1`;
      return;
    } catch (error) {
      if (server.exitCode !== null) throw new Error('PostgreSQL ended as it started; see the log', { cause: error });
      await new Promise((resolve) => { setTimeout(resolve, 100); });
    }
  }
}
