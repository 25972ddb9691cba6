package wire

import (
	"encoding/binary"
	"math/bits"
)

// Numbers in columns: a byte that says how they are written, then each as a signed varint (zigzag). No bytes at all are
// no numbers.
const (
	asTheyAre   = 0 // each as it is
	differences = 1 // each as its difference to the one before, the first one to 0, modulo 2^64
)

// appendNumbers writes numbers in the way that is expected to be the smaller one once it is compressed.
func appendNumbers(b []byte, list []int64) []byte {
	if len(list) == 0 {
		return b
	}
	at := len(b)
	b = append(b, asTheyAre)
	for _, n := range list {
		b = binary.AppendVarint(b, n)
	}
	plain := len(b)
	b = append(b, differences)
	last := int64(0)
	for _, n := range list {
		b = binary.AppendVarint(b, n-last)
		last = n
	}
	if entropy(b[plain:]) < entropy(b[at:plain]) {
		return append(b[:at], b[plain:]...)
	}
	return b[:plain]
}

// entropy estimates what bytes come to once each is written with as many bits as its frequency deserves, in 1/256 bits.
// It is whole numbers throughout, so that every machine decides alike.
func entropy(b []byte) int64 {
	var count [256]int32
	for _, c := range b {
		count[c]++
	}
	all, sum := log2(len(b)), int64(0)
	for _, n := range count {
		if n > 0 {
			sum += int64(n) * (all - log2(int(n)))
		}
	}
	return sum
}

// log2 is 256 times the logarithm of n > 0, straight between powers of two.
func log2(n int) int64 {
	whole := bits.Len(uint(n)) - 1
	return int64(whole)<<8 + int64(n<<8>>whole) - 1<<8
}

// numbers reads what appendNumbers wrote.
type numbers struct {
	b           []byte
	last        int64
	differences bool
	bad         bool // more was asked for than there is, or it is malformed
}

func readNumbers(b []byte) numbers {
	if len(b) == 0 {
		return numbers{}
	}
	return numbers{b: b[1:], differences: b[0] == differences, bad: b[0] > differences || len(b) == 1}
}

// count tells how many numbers there are to read, if all are well formed.
func (r *numbers) count() int {
	n := 0
	for _, c := range r.b {
		if c < 0x80 {
			n++
		}
	}
	return n
}

func (r *numbers) next() int64 {
	var n int64
	if len(r.b) > 0 && r.b[0] < 0x80 {
		u := uint64(r.b[0])
		n, r.b = int64(u>>1)^-int64(u&1), r.b[1:]
	} else {
		v, size := binary.Varint(r.b)
		if size <= 0 {
			r.bad, r.b = true, nil
			return 0
		}
		n, r.b = v, r.b[size:]
	}
	if r.differences {
		n += r.last
		r.last = n
	}
	return n
}

// index reads a number from 0 to below n.
func (r *numbers) index(n int) int {
	v := r.next()
	if v < 0 || v >= int64(n) {
		r.bad = true
		return 0
	}
	return int(v)
}

// over tells that everything was read and well formed.
func (r *numbers) over() bool { return !r.bad && len(r.b) == 0 }
