package syncengine

import "sync"

// DigestMemo remembers digests of scopes, the most recently asked for. It may be used by any number of goroutines; a
// nil one remembers nothing.
type DigestMemo struct {
	mu    sync.Mutex
	most  int
	clock int64
	held  map[string]*memo
}

type memo struct {
	at   Base
	fine fine
	used int64
}

// NewDigestMemo makes one for so many views of scopes; each takes up to some hundred KiB.
func NewDigestMemo(most int) *DigestMemo { return &DigestMemo{most: most, held: map[string]*memo{}} }

func (m *DigestMemo) get(key string) (fine, Base, bool) {
	if m == nil {
		return nil, Base{}, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.held[key]
	if x == nil {
		return nil, Base{}, false
	}
	m.clock++
	x.used = m.clock
	return x.fine, x.at, true
}

func (m *DigestMemo) put(key string, at Base, f fine) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clock++
	m.held[key] = &memo{at, f, m.clock}
	for len(m.held) > m.most {
		oldest := ""
		for k, x := range m.held {
			if oldest == "" || x.used < m.held[oldest].used {
				oldest = k
			}
		}
		delete(m.held, oldest)
	}
}
