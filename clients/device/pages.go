package device

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"slices"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/poly1305" //nolint:staticcheck // the format is what it is; the package is frozen, not broken
)

// An encrypted page, as SQLite3MultipleCiphers writes it (cipher chacha20): the text, a nonce and a tag over both. Page 1
// begins with a salt in place of SQLite's mark; the eight bytes behind it are in clear and tell the size of pages.
const (
	pageNonce    = 16
	pageTag      = 16
	pageReserved = pageNonce + pageTag
	pageOneClear = 24
)

// pageOpener opens single pages of an encrypted file, so that a key can be tried without SQLite, and a damaged file be
// read without its tree.
type pageOpener [cipherKey]byte

func newPageOpener(key []byte) *pageOpener {
	if key == nil {
		return nil
	}
	p := pageOpener(key)
	return &p
}

// open gives the text of a page. sound tells whether it is what was written under this key at this place; text that is
// not is given too, for most of it may be readable all the same.
func (k *pageOpener) open(no uint32, page []byte) (text []byte, sound bool) {
	n := len(page) - pageReserved
	if n < pageOneClear {
		return nil, false
	}
	nonce := page[n : n+pageNonce]
	at := binary.LittleEndian.Uint32(nonce[12:]) ^ no
	var once [64]byte
	keyStream(k[:], nonce[:12], at, once[:])
	var tag [pageTag]byte
	poly1305.Sum(&tag, page[:n+pageNonce], (*[32]byte)(once[:32]))
	sound = subtle.ConstantTimeCompare(tag[:], page[n+pageNonce:]) == 1
	text = slices.Clone(page)
	from := 0
	if no == 1 {
		from = pageOneClear
		copy(text, plainHeader)
	}
	keyStream(once[32:], nonce[:12], at+1, text[from:n])
	return text, sound
}

// keyStream lays the key stream over text. Unlike the package's, its counter begins anew after 2^32 blocks.
func keyStream(key, nonce []byte, counter uint32, text []byte) {
	for len(text) > 0 {
		part := text
		if left := (1<<32 - uint64(counter)) * 64; uint64(len(text)) > left {
			part = text[:left]
		}
		c, err := chacha20.NewUnauthenticatedCipher(key, nonce)
		if err != nil {
			panic("bug: " + err.Error())
		}
		c.SetCounter(counter)
		c.XORKeyStream(part, part)
		text, counter = text[len(part):], 0
	}
}

// plainHeader is how every SQLite file begins that is not encrypted.
const plainHeader = "SQLite format 3\x00"

func inClear(head []byte) bool { return bytes.HasPrefix(head, []byte(plainHeader)) }

// headed tells whether a file begins as an encrypted one does: no mark of SQLite's, then sizes that make sense, with room
// for nonce and tag in each page.
func headed(head []byte) bool {
	if len(head) < pageOneClear || inClear(head) {
		return false
	}
	size := int(binary.BigEndian.Uint16(head[16:]))
	return (size == 1 || size >= 512 && size&(size-1) == 0) && head[18] <= 2 && head[19] <= 2 && head[20] == pageReserved &&
		bytes.Equal(head[21:pageOneClear], []byte{64, 32, 32})
}

// triedPages is how many pages a key is tried on, from the first on and spread over the file.
const triedPages = 512

// fits tells whether any page is one of this key: one is proof, and damage elsewhere is damage then.
func (k *pageOpener) fits(f *rawFile, bytes int64) bool {
	for _, size := range pageSizes(f) {
		pages := bytes / size
		step := max(1, pages/triedPages)
		buf := make([]byte, size)
		for no := int64(1); no <= pages; no += step {
			if _, err := f.ReadAt(buf, (no-1)*size); err != nil {
				break
			}
			if _, ok := k.open(uint32(no), buf); ok {
				return true
			}
		}
	}
	return false
}
