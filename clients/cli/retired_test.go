package cli_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// A device whose records may not be read any more still says where it stands, and why nothing is to be seen.
func TestStatusOfRetiredDevice(t *testing.T) {
	_, phone, _, household := sealedWorld(t)
	phone.do("set", "household", household, "notes=停电")
	text, err := exec.Command("sqlite3", "-batch", phone.file(), `UPDATE ds_state SET leaving = '{"retire":true}'`).CombinedOutput()
	require.NoError(t, err, string(text))
	said := phone.do("--lang", "en", "status")
	require.Contains(t, said, "3 changesets wait to be sent")
	require.Contains(t, said, "This device has been revoked")
	require.Contains(t, phone.do("--json", "status"), `"code": "revoked"`)
}
