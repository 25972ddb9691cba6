// The peers that run, in the order of the table. Each is loaded only in the process that runs it.
export const names = ['express-pouchdb', 'zero', 'rxdb', 'tinybase'];

const modules = {
  'express-pouchdb': './pouch/peer.js',
  zero: './zero/peer.js',
  rxdb: './rxdb/peer.js',
  tinybase: './tinybase/peer.js',
};

export const load = (name) => import(modules[name]);
