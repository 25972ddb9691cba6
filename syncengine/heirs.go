package syncengine

import (
	"fmt"
	"slices"
)

// heirs lists the copies of a device whose own past a changeset of it is, and who offered it too: what becomes of it
// concerns them as well, and where a replica was enrolled again nobody else hears of it. n = 0 stands for one that is not
// known.
func (g *ingest) heirs(id WriteID) (out []string, err error) {
	for from := []string{id.Device}; len(from) > 0 && len(out) < maxParents; from = from[1:] {
		list, err := g.tx.Copies(from[0])
		if err != nil {
			return nil, fmt.Errorf("list copies of a device: %w", err)
		}
		for i := range list {
			if c := &list[i]; len(out) < maxParents && id.N <= c.Fork && !slices.Contains(out, c.ID) {
				out, from = append(out, c.ID), append(from, c.ID)
			}
		}
		kin, err := g.tx.Kin(from[0])
		if err != nil {
			return nil, fmt.Errorf("list who shares a device's past: %w", err)
		}
		for _, k := range kin {
			if len(out) < maxParents && id.N <= k.N && k.Device != id.Device && !slices.Contains(out, k.Device) {
				out, from = append(out, k.Device), append(from, k.Device)
			}
		}
	}
	return out, nil
}

// concerned lists the devices of writes, once each, with their heirs.
func (g *ingest) concerned(ids []WriteID) (out []string, err error) {
	for _, id := range ids {
		if id.Device == "" {
			continue
		}
		heirs, err := g.heirs(id)
		if err != nil {
			return nil, err
		}
		for _, device := range append([]string{id.Device}, heirs...) {
			if !slices.Contains(out, device) {
				out = append(out, device)
			}
		}
	}
	return out, nil
}

// knowing lists the devices that know of a conflict, with the heirs of what they wrote in it.
func (g *ingest) knowing(con *Conflict) ([]string, error) {
	var ids []WriteID
	for _, device := range con.Told {
		least := int64(0) // of several writes the one that most of its copies share
		for i := range con.Candidates {
			if c := &con.Candidates[i]; c.Device == device && (least == 0 || c.N < least) {
				least = c.N
			}
		}
		ids = append(ids, WriteID{device, least})
	}
	return g.concerned(ids)
}
