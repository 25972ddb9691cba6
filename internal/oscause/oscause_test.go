package oscause

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the system found is said in Chinese however deep it lies; what nobody knows is left to whoever asks.
func TestChinese(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	_, err := os.Open(path)
	for want, err := range map[string]error{
		path + "：没有这个文件或文件夹":                  err,
		"open store: " + path + "：没有这个文件或文件夹": fmt.Errorf("open store: %w", err),
		"端口已被占用":                              &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)},
		"/a → /b：磁盘只读":                        &os.LinkError{Op: "rename", Old: "/a", New: "/b", Err: syscall.EROFS},
	} {
		said, ok := Chinese(err)
		require.True(t, ok)
		require.Equal(t, want, said)
	}
	for _, err := range []error{nil, errors.New("x"), syscall.ENOTTY, &fs.PathError{Op: "open", Path: "/x", Err: errors.New("odd")}} {
		_, ok := Chinese(err)
		require.False(t, ok, "%v", err)
	}
}
