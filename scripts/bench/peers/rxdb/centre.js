// The centre of rxdb-server, in a process of its own: PORT.
import express from 'express';
import { RxServerAdapterExpress } from 'rxdb-server/plugins/adapter-express';
import { createRxServer } from 'rxdb-server/plugins/server';
import { serveCentre } from '../children.js';
import { insert, open } from './database.js';

// The adapter as it comes takes bodies of 100 KB, which is less than a batch of 1,000 records.
const adapter = {
  ...RxServerAdapterExpress,
  create: async () => express().use(express.json({ limit: '50mb' })),
};

const { database, measured } = await open('centre');
const server = await createRxServer({ database, adapter, port: Number(process.argv[2]), hostname: '127.0.0.1' });
server.addReplicationEndpoint({ name: 'measured', collection: measured });
await server.start();

serveCentre({
  ready: () => true,
  count: () => measured.count().exec(),
  fill: (list) => insert(measured, list),
});
