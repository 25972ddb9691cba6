package badinput

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// absentRun asks for what is not there, in ids that are none and in ids of nothing. What somebody may not see is answered
// alike, so the person of each call is one who might.
func (w *twins) absentRun(t *testing.T, c *corpus) {
	const class = "REST: what is not there"
	decision := `{"choice":"keep","epoch":1,"read_at":0,"shown":[{"device":"0190163d-8694-739b-aea5-966c26f8ad90","n":1}]}`
	t.Run(class, func(t *testing.T) {
		defer w.on(t)()
		before, head := w.digest(), w.head()
		for _, x := range []struct {
			method, path, who, body string
			key                     messages.Key
		}{
			{"GET", "/v1/accounts/%s", "admin", "", messages.NoAccount},
			{"POST", "/v1/accounts/%s/disable", "admin", "", messages.NoAccount},
			{"POST", "/v1/accounts/%s/password", "admin", `{"password":"long enough a password"}`, messages.NoAccount},
			{"POST", "/v1/assignments/%s/end", "admin", "", messages.NoAssignment},
			{"POST", "/v1/assignments/%s/doors", "admin", `{"doors":[]}`, messages.NoAssignment},
			{"GET", "/v1/devices/%s", "admin", "", messages.NoDevice},
			{"POST", "/v1/devices/%s/revoke", "admin", "", messages.NoDevice},
			{"POST", "/v1/devices/%s/erase", "admin", "", messages.NoDevice},
			{"POST", "/v1/devices/%s/resnapshot", "admin", "", messages.NoDevice},
			{"GET", "/v1/conflicts/%s", "supervisor", "", messages.NoConflict},
			{"POST", "/v1/conflicts/%s/decision", "supervisor", decision, messages.NoConflict},
			{"GET", "/v1/quarantine/%s/1", "supervisor", "", messages.NoQuarantined},
			{"POST", "/v1/quarantine/%s/1/decision", "supervisor", `{"choice":"dismiss","reason":"x"}`, messages.NoQuarantined},
			{"GET", "/v1/quarantine/%s/1/export", "supervisor", "", messages.NoQuarantined},
		} {
			for _, id := range []string{"x", "0190163d-8694-739b-aea5-966c26f8ad90", "%27%20OR%201=1"} {
				name := x.method + " " + fmt.Sprintf(x.path, id)
				t.Run(name, func(t *testing.T) {
					w.rested(t, &call{class: class, name: name, method: x.method, path: fmt.Sprintf(x.path, id), who: x.who, body: x.body, status: http.StatusNotFound, key: x.key})
				})
				c.note(class, "REST", fmt.Sprintf("404 `%s`", x.key))
			}
		}
		require.Equal(t, before, w.digest(), "nothing at the centre has changed")
		require.Equal(t, head, w.head())
	})
}
