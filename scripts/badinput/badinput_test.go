package badinput

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
)

var update = flag.Bool("update", false, "write docs/badinput.md anew")

const page = "../../docs/badinput.md"

// Every bad input gets its verdict, the same through a socket as without, in a sentence that names what is wrong and what
// to do; nothing else changes, and what is good goes on.
func TestBadInputs(t *testing.T) {
	s, err := load.Default()
	require.NoError(t, err)
	w := openTwins(t, s)
	c := &corpus{}
	w.changesets(t, c)
	w.framesRun(t, c, w.frames())
	w.handshakes(t, c)
	w.tokensRun(t, c)
	w.restRun(t, c)
	w.absentRun(t, c)
	w.filesRun(t, c)
	w.declarationsRun(t, c)
	total := 0
	for _, x := range c.classes {
		total += x.cases
		require.LessOrEqual(t, x.cases, most, x.name)
	}
	t.Logf("%d cases in %d classes; the longest took %v (%s); the most memory, %d KiB, was taken by %s", total, len(c.classes), w.took, w.name, w.bytes>>10, w.costing)
	require.Less(t, w.bytes, uint64(64<<20), "no input costs the centre more than that")
	if strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return // not all were run
	}
	for _, tab := range s.Tables {
		for _, col := range tab.Columns {
			if col.Name != schema.ColID && !slices.Contains(schema.EnvelopeColumns, col.Name) {
				require.True(t, c.columns[tab.Name+"."+col.Name], "no case is about %s.%s", tab.Name, col.Name)
			}
		}
	}
	require.GreaterOrEqual(t, total, 4000, "2,000 are asked for; fewer than there were means that a generator has run dry")
	require.GreaterOrEqual(t, len(c.classes), 40)
	figures.Of(t, figures.BadInputs, total)
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(c.page()), 0o644))
	}
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, c.page(), string(text), "go test ./scripts/badinput -update writes it anew")
}

// page is the list of classes, for people.
func (c *corpus) page() string {
	var b strings.Builder
	b.WriteString(`# Bad inputs

What a broken or hostile device, person or file may hand to a centre, and what it is answered. TestBadInputs makes the
cases from the built-in declarations, so that every record type and every column is among them, and writes this page. Each
case is judged twice, by the part that decides about it alone and through a real socket, and both have to say the same. Then:
the sentence exists in Chinese and in English, names the field or the record and says what to do; nothing that is not
quarantine has changed at the centre; and what is good after it is taken, on the same connection where only the item was bad.

| what is wrong | handed in as | cases | the answer |
| --- | --- | --- | --- |
`)
	total := 0
	for _, x := range c.classes {
		total += x.cases
		fmt.Fprintf(&b, "| %s | %s | %d | %s |\n", x.name, x.as, x.cases, strings.Join(sorted(x.verdicts), ", "))
	}
	fmt.Fprintf(&b, "\n%d cases in %d classes.\n", total, len(c.classes))
	return b.String()
}
