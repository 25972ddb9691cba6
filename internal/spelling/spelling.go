// Package spelling finds the name that a misspelt one was probably meant to be: both programs read names that people type.
package spelling

// Nearest gives the known name that typed is least far from, the first of several. Names that are further off than within
// allows of them do not count; "" if none does.
func Nearest(typed string, known []string, within func(known string) int) string {
	best, least := "", 0
	for _, k := range known {
		if d := Distance(typed, k); d <= within(k) && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

// Distance counts the bytes to change, add or remove to make b of a.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := last
			if a[i] != b[j] {
				next = 1 + min(last, row[j], row[j+1])
			}
			last, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
