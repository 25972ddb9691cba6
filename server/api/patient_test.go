package api_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Who sends much too much is told so when he has sent it, also if he reads nothing before.
func TestSenderOfTooMuchIsAnswered(t *testing.T) {
	w := newWorld(t)
	c, err := net.Dial("tcp", strings.TrimPrefix(w.http.URL, "http://"))
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(30*time.Second)))
	const size = 24 << 20
	_, err = fmt.Fprintf(c, "POST /v1/login HTTP/1.1\r\nHost: centre\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", size)
	require.NoError(t, err)
	part := []byte(strings.Repeat("x", 1<<20))
	for range size >> 20 {
		_, err = c.Write(part)
		require.NoError(t, err, "it is taken to its end")
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
}
