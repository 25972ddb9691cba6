package auth_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/messages"
)

func TestLockout(t *testing.T) {
	c := open(t)
	c.account("wang")
	try := func(password string) error {
		c.Advance(2 * time.Second) // keeps clear of the address limit
		_, _, err := c.Login(ctx, "10.0.0.1", "Wang ", password)
		return err
	}
	for range 4 {
		refused(t, try("wrong"), messages.LoginWrong)
	}
	require.NoError(t, try("correct horse battery"), "four mistakes are forgiven and forgotten")
	for range 5 {
		refused(t, try("wrong"), messages.LoginWrong)
	}
	locked := c.Now()
	refused(t, try("correct horse battery"), messages.LoginWrong)
	c.Advance(locked.Add(59*time.Second).Sub(c.Now()) - 2*time.Second)
	refused(t, try("correct horse battery"), messages.LoginWrong)
	c.Advance(time.Second)
	refused(t, try("wrong"), messages.LoginWrong) // the sixth failure locks for two minutes
	c.Advance(110 * time.Second)
	refused(t, try("correct horse battery"), messages.LoginWrong)
	c.Advance(10 * time.Second)
	require.NoError(t, try("correct horse battery"))
}

// Wrong passwords lock the login for where they came from. Its person goes on signing in from his own place, and from a
// new one as long as nobody floods it; and what is remembered is bounded.
func TestLockoutIsPerAddress(t *testing.T) {
	c := open(t)
	a := c.account("wang")
	try := func(from, password string) error {
		c.Advance(time.Second)
		_, _, err := c.Login(ctx, from, "wang", password)
		return err
	}
	require.NoError(t, try("192.0.2.1", "correct horse battery"))
	for range 30 {
		_ = try("203.0.113.9", "wrong")
	}
	refused(t, try("203.0.113.9", "correct horse battery"), messages.SlowDown)
	require.NoError(t, try("192.0.2.1", "correct horse battery"), "his own place")
	seen, err := c.dir.AccountByLogin(ctx, "wang")
	require.NoError(t, err)
	require.NotZero(t, seen.LockedUntil, "people see that somebody is at it")
	c.restart()
	refused(t, try("203.0.113.9", "correct horse battery"), messages.LoginWrong) // the lock is in the database
	c.Advance(time.Minute)
	require.NoError(t, try("192.0.2.77", "correct horse battery"), "a new place")

	// One who has a network of addresses is one.
	c.Advance(time.Hour)
	for i := range 6 {
		refused(t, try(fmt.Sprintf("2001:db8:1:1::%d", i+1), "wrong"), messages.LoginWrong)
	}
	refused(t, try("2001:db8:1:1:ffff::1", "correct horse battery"), messages.LoginWrong)
	require.NoError(t, try("2001:db8:1:2::1", "correct horse battery"))
	require.NoError(t, try("::ffff:192.0.2.1", "correct horse battery"), "the same place in other words")

	// One who has thousands of places fills nothing up, and forgets no place where the person signed in.
	for i := range 3 * 200 {
		c.Advance(11 * time.Second)
		_, err := c.dir.BeginLogin(ctx, "wang", fmt.Sprintf("10.1.%d.%d", i/200, i%200), func(int) time.Duration { return time.Hour })
		require.NoError(t, err)
	}
	var n int
	require.NoError(t, c.db.Reader().QueryRow(`SELECT count(*) FROM login_place WHERE account = ?`, a.ID).Scan(&n))
	require.LessOrEqual(t, n, 200)
	require.NoError(t, try("192.0.2.1", "correct horse battery"))

	// A new password lifts all locks.
	refused(t, try("10.1.2.199", "correct horse battery"), messages.LoginWrong)
	require.NoError(t, c.SetPassword(ctx, a, "another horse battery"))
	c.Advance(time.Minute)
	require.NoError(t, try("10.1.2.199", "another horse battery"))
}

// From many places at once one login is guessed at slowly, and a login that nobody has looks the same.
func TestGuessingFromManyPlacesIsSlow(t *testing.T) {
	for _, login := range []string{"wang", "nobody"} {
		c := open(t)
		c.account("wang")
		looked := 0
		for i := range 200 {
			_, _, err := c.Login(ctx, fmt.Sprintf("198.51.100.%d", i), login, "wrong")
			if messages.Is(err, messages.LoginWrong) {
				looked++
				continue
			}
			refused(t, err, messages.SlowDown)
		}
		require.Equal(t, 20, looked, login)
	}
}

func TestParallelTriesCannotOutrunTheLock(t *testing.T) {
	c := open(t)
	c.account("wang")
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, _, err := c.Login(ctx, "10.0.0.1", "wang", strings.Repeat("x", i+1))
			if !messages.Is(err, messages.LoginWrong) && !messages.Is(err, messages.SlowDown) {
				t.Errorf("unexpected: %v", err)
			}
		}()
	}
	wg.Wait()
	a, err := c.dir.AccountByLogin(ctx, "wang")
	require.NoError(t, err)
	require.Equal(t, c.Now().Add(time.Minute).UnixMilli(), a.LockedUntil, "exactly five were looked at")
}
