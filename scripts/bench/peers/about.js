// What is said of each peer beside its figures, without loading it.
export const about = {
  doorstep: {
    packages: [],
    known: 'this project',
    promise: 'SQLite flushes at every commit, at the centre and on the device',
  },
  'express-pouchdb': {
    packages: ['express-pouchdb', 'pouchdb'],
    promise: 'leveldb on both sides, not flushed: survives a killed process, not a power cut',
  },
  zero: {
    packages: ['@rocicorp/zero'],
    promise: 'PostgreSQL flushes at the centre; memory on the device',
  },
  rxdb: {
    packages: ['rxdb-server', 'rxdb'],
    promise: 'memory on both sides: nothing survives its process',
  },
  tinybase: {
    packages: ['tinybase'],
    promise: 'memory on both sides: nothing survives its process; no acknowledgement either',
  },
  couchdb: {
    packages: [],
    known: '3.4.3 with PouchDB 9.0.0, derived',
    promise: 'flushes at the centre; leveldb on the device, not flushed',
  },
  powersync: {
    packages: [],
    known: '1.25.0, derived',
    promise: 'PostgreSQL flushes at the centre; SQLite on the device, by a stand-in of its client',
  },
};
