package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// healthz says that the process answers.
func healthz(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") }

// readyz says that the store answers and the head can be read.
func readyz(view func(func(syncengine.ReadTx) error) error, stopping func() bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if stopping() {
			answer(w, http.StatusServiceUnavailable, "stopping")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		done := make(chan error, 1) // a store that hangs must not hang this
		var waiting atomic.Bool
		go func() {
			done <- view(func(tx syncengine.ReadTx) error {
				restored, err := syncengine.Unconfirmed(tx)
				waiting.Store(restored != nil)
				return err
			})
		}()
		select {
		case err := <-done:
			if err != nil {
				answer(w, http.StatusServiceUnavailable, "the store does not answer; see the log")
				return
			}
			if waiting.Load() { // consoles are served: an administrator has to get in
				answer(w, http.StatusOK, "restored: no device is served before an administrator has confirmed grants and revocations")
				return
			}
			answer(w, http.StatusOK, "ready")
		case <-ctx.Done():
			answer(w, http.StatusServiceUnavailable, "the store does not answer in time")
		}
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"status": text}) //nolint:errcheck // the caller is gone
}
