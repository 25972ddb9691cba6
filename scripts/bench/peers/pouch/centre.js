// The centre of express-pouchdb, in a process of its own: FOLDER PORT.
import { once } from 'node:events';
import { join } from 'node:path';
import express from 'express';
import expressPouch from 'express-pouchdb';
import PouchDB from 'pouchdb';
import { serveCentre } from '../children.js';

const [dir, port] = process.argv.slice(2);
const Stored = PouchDB.defaults({ prefix: join(dir, '/') });
const app = express();
app.use('/', expressPouch(Stored, { mode: 'minimumForPouchDB', inMemoryConfig: true, logPath: join(dir, 'log.txt') }));
const server = app.listen(Number(port), '127.0.0.1');
await once(server, 'listening');
const db = new Stored('measured');
await db.info();

serveCentre({
  ready: () => true,
  count: async () => (await db.info()).doc_count,
  fill: async (docs) => {
    for (let at = 0; at < docs.length; at += 1000) await db.bulkDocs(docs.slice(at, at + 1000));
  },
});
