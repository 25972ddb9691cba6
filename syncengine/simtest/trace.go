package simtest

// fingerprint tells two runs apart (FNV-1a).
type fingerprint uint64

func newFingerprint() fingerprint { return 14695981039346656037 }

func (f *fingerprint) mix(numbers ...int64) {
	h := uint64(*f)
	for _, x := range numbers {
		for range 8 {
			h = (h ^ uint64(byte(x))) * 1099511628211
			x >>= 8
		}
	}
	*f = fingerprint(h)
}
