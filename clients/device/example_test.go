package device_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/doorstep-sync/doorstep/clients/device"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// A device is made, works offline and reads what it wrote. Talking to the centre takes three more lines, shown in
// ExampleReplica_Sync.
func Example() {
	dir, err := os.MkdirTemp("", "doorstep")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()

	r, err := device.Create(filepath.Join(dir, "replica.db"), device.Options{})
	if err != nil {
		panic(err)
	}
	defer r.Close()
	// Enrol does this with the code that an administrator gives.
	if err := r.Identify(ctx, device.Identity{Device: "00000000-0000-7000-8000-00000000000a", Account: "w01"}); err != nil {
		panic(err)
	}

	var id se.RowID
	receipt, err := r.Write(ctx, func(tx *device.Tx) error {
		id, err = tx.Insert("hazard", map[string]any{"scope": "370115003239001", "kind_code": "fire", "location": "3号楼楼道"})
		return err
	})
	if err != nil {
		panic(err) // a *device.Error: In("zh-CN") says what to do
	}
	mark, err := r.Mark(ctx, "hazard", id)
	if err != nil {
		panic(err)
	}
	row, err := r.Get(ctx, "hazard", id)
	if err != nil {
		panic(err)
	}
	fmt.Println(mark, receipt.N, row.Values["location"])
	// Output: ○ 1 3号楼楼道
}

// How a program talks to the centre. It is compiled, not run: there is no centre here.
func ExampleReplica_Sync() {
	ctx := context.Background()
	r, err := device.Open("replica.db", device.Options{App: "my app 1.0"})
	if err != nil {
		panic(err)
	}
	defer r.Close()
	tokens, err := r.KeyTokens(ctx, nil)
	if err != nil {
		panic(err)
	}
	remote, err := device.WebSocket("https://centre.example", tokens, device.WebSocketOptions{})
	if err != nil {
		panic(err)
	}
	report, err := r.Sync(ctx, remote) // or Run, which stays and sends what is written meanwhile
	if err != nil {
		panic(err)
	}
	fmt.Println(report.Sent, report.Rows)
}
