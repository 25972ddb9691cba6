package device

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"os"
)

// carver reads records out of the pages of a damaged SQLite file without its catalogue, its tree or its free list: each
// leaf page tells by itself which rows it holds. What was committed to the write-ahead log comes before the file's own
// page. Rows may be stale: whoever takes one has to know by its hash that it is what was written.
type carver struct {
	file *rawFile
	key  *pageOpener         // of an encrypted file
	size int64               // of a page
	n    uint32              // pages in the file
	log  map[uint32][][]byte // committed pages of the write-ahead log, the newest first
}

// carve calls fn with the rows of all leaf pages that can be read, the newest versions of a page first.
func carve(path string, key []byte, fn func(rowid int64, cols []any)) error {
	f, err := openRaw(path)
	if err != nil {
		return err
	}
	defer f.release()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	for _, size := range pageSizes(f) {
		c := carver{file: f, key: newPageOpener(key), size: size, n: uint32(info.Size() / size), log: committed(path+"-wal", size)}
		for no, list := range c.log { // the number of a page rots like everything else: it bounds no loop
			for _, page := range list {
				c.leaf(no, c.text(no, page), fn)
			}
		}
		for no := uint32(1); no <= c.n; no++ {
			c.leaf(no, c.own(no), fn)
		}
	}
	return nil
}

// text opens a page, also one whose tag does not fit: rows are judged by their hashes.
func (c *carver) text(no uint32, page []byte) []byte {
	if c.key == nil || page == nil {
		return page
	}
	text, _ := c.key.open(no, page)
	return text
}

// usable is how many bytes of a page hold rows.
func (c *carver) usable() int64 {
	if c.key == nil {
		return c.size
	}
	return c.size - pageReserved
}

// looksLikeReplica tells whether a file, however damaged, holds what only replicas hold: their mark in the header, or the
// names of their tables.
func looksLikeReplica(path string, key []byte) bool {
	f, err := openRaw(path)
	if err != nil {
		return false
	}
	defer f.release()
	if key != nil {
		info, err := f.Stat()
		return err == nil && newPageOpener(key).fits(f, info.Size()) // nobody else has this key
	}
	head := make([]byte, 1<<20)
	n, _ := f.ReadAt(head, 0)
	head = head[:n]
	return n >= 72 && binary.BigEndian.Uint32(head[68:]) == applicationID || bytes.Contains(head, []byte("ds_outbox")) ||
		bytes.Contains(head, []byte(canonicalHead))
}

// usualPage is the size of pages that SQLite takes by itself.
const usualPage = 4096

// pageSizes are those that the file may have: what its header says, and what SQLite takes by itself.
func pageSizes(f io.ReaderAt) []int64 {
	const usual = int64(usualPage)
	var b [2]byte
	if _, err := f.ReadAt(b[:], 16); err != nil {
		return []int64{usual}
	}
	said := int64(binary.BigEndian.Uint16(b[:]))
	if said == 1 {
		said = 65536
	}
	if said < 512 || said == usual || said&(said-1) != 0 {
		return []int64{usual}
	}
	return []int64{said, usual}
}

// own is the file's own version of a page, nil if it cannot be read.
func (c *carver) own(no uint32) []byte {
	if no == 0 || no > c.n {
		return nil
	}
	page := make([]byte, c.size)
	if _, err := c.file.ReadAt(page, int64(no-1)*c.size); err != nil {
		return nil
	}
	return c.text(no, page)
}

// committed reads the write-ahead log up to its last commit. Frames of an earlier use of the log have another salt. A
// frame that was damaged does not end it here, as it does for SQLite: rows are judged by their hashes.
func committed(path string, size int64) map[uint32][][]byte {
	const head, frame = logHead, logFrame
	b, err := os.ReadFile(path)
	out := map[uint32][][]byte{}
	if err != nil || len(b) < head+frame {
		return out
	}
	salt, first := string(b[16:24]), string(b[head+8:head+16])
	if at := head + 2*frame + int(size); at <= len(b) && string(b[at-frame+8:at-frame+16]) == first {
		salt = first // two frames know better than a header that may be damaged
	}
	var open []uint32 // pages since the last commit
	pages := map[uint32][][]byte{}
	for at := head; at+frame+int(size) <= len(b); at += frame + int(size) {
		if string(b[at+8:at+16]) != salt {
			continue
		}
		no := binary.BigEndian.Uint32(b[at:])
		pages[no] = append([][]byte{b[at+frame : at+frame+int(size)]}, pages[no]...)
		open = append(open, no)
		if binary.BigEndian.Uint32(b[at+4:]) == 0 {
			continue
		}
		for _, no := range open {
			out[no] = pages[no]
		}
		open = nil
	}
	return out
}

// leaf reads the rows of a leaf page of a table.
func (c *carver) leaf(no uint32, page []byte, fn func(int64, []any)) {
	const tableLeaf = 0x0d
	at := 0
	if no == 1 {
		at = 100 // behind the file's header
	}
	if len(page) < at+8 || page[at] != tableLeaf {
		return
	}
	cells := int(binary.BigEndian.Uint16(page[at+3:]))
	for i := range cells {
		p := at + 8 + 2*i
		if p+2 > len(page) {
			return
		}
		if rowid, record := c.cell(page, int(binary.BigEndian.Uint16(page[p:]))); record != nil {
			if cols := columnsIn(record); cols != nil {
				fn(rowid, cols)
			}
		}
	}
}

// cell gives a row's record whole, nil if it cannot be read.
func (c *carver) cell(page []byte, at int) (rowid int64, record []byte) {
	if at >= len(page) {
		return 0, nil
	}
	length, n := sqliteVarint(page[at:])
	rowid, m := sqliteVarint(page[at+n:])
	at += n + m
	const most = 64 << 20
	if n == 0 || m == 0 || length <= 0 || length > most {
		return 0, nil
	}
	usable := c.usable()
	local := length
	if length > usable-35 {
		least := (usable-12)*32/255 - 23
		if local = least + (length-least)%(usable-4); local > usable-35 {
			local = least
		}
	}
	if at+int(local) > len(page) {
		return 0, nil
	}
	record = append(record, page[at:at+int(local)]...)
	if local == length {
		return rowid, record
	}
	if at+int(local)+4 > len(page) {
		return 0, nil
	}
	next := binary.BigEndian.Uint32(page[at+int(local):])
	for int64(len(record)) < length {
		more := c.newest(next)
		if more == nil {
			return 0, nil
		}
		next = binary.BigEndian.Uint32(more)
		record = append(record, more[4:4+min(usable-4, length-int64(len(record)))]...)
	}
	return rowid, record
}

// newest is the page as of the last commit.
func (c *carver) newest(no uint32) []byte {
	if list := c.log[no]; len(list) > 0 {
		return c.text(no, list[0])
	}
	return c.own(no)
}

// sqliteVarint reads a number of SQLite's record format; n is 0 if there is none.
func sqliteVarint(b []byte) (v int64, n int) {
	for n < len(b) && n < 8 {
		v = v<<7 | int64(b[n]&0x7f)
		n++
		if b[n-1] < 0x80 {
			return v, n
		}
	}
	if n == len(b) {
		return 0, 0
	}
	return v<<8 | int64(b[n]), n + 1
}

// columnsIn takes a record apart; nil if it is none. Texts are strings, blobs are bytes.
func columnsIn(record []byte) []any {
	head, at := sqliteVarint(record)
	if at == 0 || head < int64(at) || head > int64(len(record)) {
		return nil
	}
	body := record[head:]
	out := []any{}
	for at < int(head) {
		kind, n := sqliteVarint(record[at:head])
		if n == 0 {
			return nil
		}
		at += n
		v, size := columnOf(kind, body)
		if size < 0 || size > len(body) {
			return nil
		}
		out, body = append(out, v), body[size:]
	}
	return out
}

// columnOf reads one value; size is negative if there is none.
func columnOf(kind int64, b []byte) (v any, size int) {
	sizes := []int{0, 1, 2, 3, 4, 6, 8, 8, 0, 0}
	switch {
	case kind < 0 || kind == 10 || kind == 11:
		return nil, -1
	case kind >= 12:
		size := (kind - 12) / 2
		if size > int64(len(b)) {
			return nil, -1
		}
		if kind%2 == 0 {
			return b[:size:size], int(size)
		}
		return string(b[:size]), int(size)
	case kind == 0:
		return nil, 0
	case kind >= 8:
		return kind - 8, 0
	}
	size = sizes[kind]
	if size > len(b) {
		return nil, -1
	}
	n := int64(int8(b[0]))
	for _, x := range b[1:size] {
		n = n<<8 | int64(x)
	}
	if kind == 7 {
		return math.Float64frombits(uint64(n)), size
	}
	return n, size
}
