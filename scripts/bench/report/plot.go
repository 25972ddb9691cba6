package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Of the drawing, in pixels.
const (
	left, wide, right = 330, 460, 70
	line, top         = 30, 48
)

// draw draws how many times the floor's cost each workload has, with its goal, on a logarithmic scale.
func draw(rows []row) string {
	var bars []row
	most := 16.0
	for _, r := range rows {
		if r.floor != "" && r.times() > 0 {
			bars = append(bars, r)
			most = max(most, cost(&r, r.times()))
		}
	}
	most = math.Exp2(math.Ceil(math.Log2(most)))
	x := func(ratio float64) float64 { return left + wide*math.Log2(max(ratio, 0.5)*2)/math.Log2(most*2) }
	var b strings.Builder
	height := top + line*len(bars) + 20
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", left+wide+right, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", left+wide+right, height)
	b.WriteString(`<text x="8" y="18" font-size="14">Cost of the product, in times of the floor's (less is better); the red mark is the goal</text>` + "\n")
	for at := 0.5; at <= most; at *= 2 {
		fmt.Fprintf(&b, `<line x1="%.0f" y1="%d" x2="%.0f" y2="%d" stroke="#ddd"/><text x="%.0f" y="%d" text-anchor="middle" fill="#777">%gx</text>`+"\n",
			x(at), top-8, x(at), height-16, x(at), height-4, at)
	}
	for i := range bars {
		r, y := &bars[i], top+line*i
		ratio := cost(r, r.times())
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, left-8, y+14, html.EscapeString(r.what))
		fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="18" fill="#4878a8"/>`, x(0.5), y, max(x(ratio)-x(0.5), 1))
		fmt.Fprintf(&b, `<text x="%.1f" y="%d">%sx</text>`, x(ratio)+5, y+14, figure(ratio, ""))
		if g := cost(r, r.most+r.least); g > 0 && !math.IsInf(g, 0) {
			fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#c33" stroke-width="3"/>`, x(g), y-3, x(g), y+21)
		}
		b.WriteString("\n")
	}
	return b.String() + "</svg>\n"
}

// cost turns a ratio of rates, where more is better, into one of costs.
func cost(r *row, ratio float64) float64 {
	if strings.HasSuffix(r.unit, "/s") {
		return 1 / ratio
	}
	return ratio
}
