package crowd

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Said are the centre's own metrics by their line's name, labels included.
type Said map[string]float64

// Metrics asks the centre.
func (p *Process) Metrics(ctx context.Context) (Said, error) {
	return MetricsOf(ctx, http.DefaultClient, p.URL)
}

// MetricsOf asks a centre at an address.
func MetricsOf(ctx context.Context, client *http.Client, centre string) (Said, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, centre+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	req.Close = true // no connection of ours stays at the centre
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out := Said{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if x, err := strconv.ParseFloat(value, 64); ok && err == nil && name != "#" {
			out[name] = x
		}
	}
	return out, lines.Err()
}

// Print shows a histogram: how many, their mean, and the bounds that the last hundredth and the longest lie under.
func (s Said) Print(what, name string) {
	count := s[name+"_count"]
	if count == 0 {
		return
	}
	fmt.Printf("%-9s %.0f, mean %.1f ms, p99 under %s, longest under %s\n", what, count, 1000*s[name+"_sum"]/count, s.under(name, 0.99*count), s.under(name, count))
}

// under is the least bound of a bucket with so many in it.
func (s Said) under(name string, count float64) string {
	least, found := 0.0, false
	for line, x := range s {
		bound, ok := strings.CutPrefix(line, name+`_bucket{le="`)
		if b, err := strconv.ParseFloat(strings.TrimSuffix(bound, `"}`), 64); ok && err == nil && x >= count && (!found || b < least) {
			least, found = b, true
		}
	}
	return fmt.Sprintf("%.3g ms", 1000*least)
}
