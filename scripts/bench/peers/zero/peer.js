// zero-cache over a PostgreSQL as the centre, Zero as the devices.
import { join } from 'node:path';
import { finish, freePort, start } from '../children.js';
import { resident } from '../memory.js';
import { Device } from './device.js';
import { startPostgres } from './postgres.js';
import { sql as table } from './schema.js';

export const name = 'zero';
export const listeners = 200;
export const absent = { Conflicts: 'Zero takes no writes for long while it is offline' };

const programs = join(import.meta.dirname, '..', '..', 'node_modules', '.bin');

function environment(bench, database, port, besides) {
  return {
    ...process.env,
    DO_NOT_TRACK: '1',
    NODE_ENV: 'production',
    ZERO_UPSTREAM_DB: database.url,
    ZERO_REPLICA_FILE: join(bench.dir, 'replica.db'),
    ZERO_PORT: String(port),
    ZERO_CHANGE_STREAMER_PORT: String(besides),
    ZERO_NUM_SYNC_WORKERS: '2',
    ZERO_ADMIN_PASSWORD: 'measured',
    ZERO_LOG_LEVEL: 'warn',
    ZERO_ENABLE_TELEMETRY: 'false',
  };
}

async function fill(sql, list) {
  for (let at = 0; at < list.length; at += 1000) await sql`INSERT INTO measured ${sql(list.slice(at, at + 1000))}`;
}

// answering waits until the centre takes connections.
async function answering(url, server) {
  for (;;) {
    if (server.exitCode !== null) throw new Error(`zero-cache ended with status ${server.exitCode}; see the log`);
    const ok = await fetch(url).then(({ ok }) => ok, () => false);
    if (ok) return;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
}

// rowsThere gives a way to wait until the centre's database has what has been written since: one look every few
// milliseconds for all who wait.
function rowsThere(sql) {
  let wanted = 0;
  let looking;
  const look = async () => {
    for (;;) {
      const [{ n }] = await sql`SELECT count(*)::int AS n FROM measured`;
      if (n >= wanted) return;
      await new Promise((resolve) => { setTimeout(resolve, 5); });
    }
  };
  return (n) => {
    wanted += n;
    looking ??= look();
    return looking;
  };
}

export async function open(bench) {
  const database = await startPostgres(bench);
  const { sql } = database;
  await sql.unsafe(table);
  let server;
  let url;
  // The centre starts when it is needed, so that it begins with the records that are there: what it takes to follow
  // PostgreSQL is not what is measured.
  const serving = async () => {
    if (server) return;
    const [port, besides] = [await freePort(), await freePort()];
    const env = environment(bench, database, port, besides);
    const schema = join(import.meta.dirname, 'schema.js');
    // By force: the centre has not been there yet to check them against its tables.
    await finish(start(join(programs, 'zero-deploy-permissions'), ['--force', '--schema-path', schema], { env }), 'zero-deploy-permissions');
    server = start(join(programs, 'zero-cache'), [], { env });
    await answering(`http://127.0.0.1:${port}/keepalive`, server);
    url = `http://127.0.0.1:${await bench.route(port)}`;
  };
  const there = rowsThere(sql);
  const device = async (named) => {
    await serving();
    return new Device(named, url, there);
  };
  return {
    device,
    fill: async (list) => {
      await fill(sql, list);
      await serving();
    },
    count: async () => (await sql`SELECT count(*)::int AS n FROM measured`)[0].n,
    memory: () => resident(server.pid) + resident(database.pid),
    listener: async (i, onRecord) => (await device(`listener-${i}`)).live(onRecord),
    close: () => database.stop(), // what is left of the centre is ended with the run
  };
}
