package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/doorstep-sync/doorstep/clients/device"
)

// 王河 as its published account gives it: 16 buildings, 500-odd households, 1,100-odd people. The people are made by a
// seeded generator; none of them exists, and every note says so.
const (
	community  = "370115003239"
	buildings  = 16
	households = 500
	residents  = 1100
	invented   = "虚构数据，仅供演示"
)

var gridCodes = [2]string{community + "001", community + "002"}

// village is who lives where, with the ids that the rows will have.
type village struct {
	blocks []*block
}

type block struct {
	id    string
	no    int
	grid  int // 0 or 1
	homes []*home
}

type home struct {
	dwelling, household string
	unit, room          string
	phone               string
	people              []person
}

type person struct {
	id, residency string
	name, sex     string
	birth         string
	relation      string
}

// invent makes the village. The same seed gives the same people; ids come from ids.
func invent(seed uint64, ids func() string) *village {
	r := rand.New(rand.NewPCG(seed, 1))
	v := &village{}
	left, done := residents, 0
	for b := range buildings {
		blk := &block{id: ids(), no: b + 1, grid: b * 2 / buildings}
		n := households / buildings
		if b%4 == 0 { // 500 = 16 × 31 + 4: both grids come to 250
			n++
		}
		for i := range n {
			h := &home{dwelling: ids(), household: ids(), unit: fmt.Sprint(i%2 + 1), room: fmt.Sprintf("%d%02d", i/4+1, i/2%2+1)}
			h.phone = fmt.Sprintf("1990000%04d", r.IntN(10000)) // a range that no carrier has given out
			done++
			size := min(1+r.IntN(3), left-(households-done))
			if last := households - done; last == 0 {
				size = left
			}
			size = max(size, 1)
			surname := surnames[r.IntN(len(surnames))]
			for p := range size {
				h.people = append(h.people, somebodyNew(r, ids, surname, p))
			}
			left -= size
			blk.homes = append(blk.homes, h)
		}
		v.blocks = append(v.blocks, blk)
	}
	for left > 0 { // the sizes must come out as published
		blk := v.blocks[r.IntN(buildings)]
		h := blk.homes[r.IntN(len(blk.homes))]
		h.people = append(h.people, somebodyNew(r, ids, surnames[r.IntN(len(surnames))], len(h.people)))
		left--
	}
	return v
}

var (
	surnames = []string{"王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何", "郭", "马", "罗", "崔", "𠮷"}
	given    = []string{"建国", "秀英", "志强", "桂兰", "磊", "敏", "静", "涛", "丽", "超", "洋", "雪", "勇", "艳", "杰", "娟", "梓涵", "浩然", "欣怡", "宇轩"}
)

func somebodyNew(r *rand.Rand, ids func() string, surname string, place int) person {
	p := person{id: ids(), residency: ids(), sex: fmt.Sprint(1 + r.IntN(2)), relation: "0"}
	if place > 0 {
		p.relation = fmt.Sprint(1 + r.IntN(3))
		if r.IntN(3) == 0 {
			surname = surnames[r.IntN(len(surnames))]
		}
	}
	p.name = surname + given[r.IntN(len(given))]
	p.birth = fmt.Sprintf("%d-%02d-%02d", 1935+r.IntN(85), 1+r.IntN(12), 1+r.IntN(28))
	return p
}

// enter writes one grid's part of the register, in one transaction.
func (v *village) enter(tx *device.Tx, grid int) error {
	for _, b := range v.blocks {
		if b.grid != grid {
			continue
		}
		if err := b.enter(tx, gridCodes[grid]); err != nil {
			return fmt.Errorf("enter building %d: %w", b.no, err)
		}
	}
	return nil
}

type values = map[string]any

func (b *block) enter(tx *device.Tx, grid string) error {
	put := func(table string, v values) error {
		v["scope"], v["notes"] = grid, invented
		_, err := tx.Insert(table, v)
		return err
	}
	if err := put("building", values{"id": b.id, "estate": "王河社区", "no": fmt.Sprint(b.no), "floors": 9, "units": 2}); err != nil {
		return err
	}
	for _, h := range b.homes {
		use := "own"
		if len(h.people) == 1 {
			use = "rent"
		}
		if err := put("dwelling", values{"id": h.dwelling, "building_id": b.id, "unit_no": h.unit, "room_no": h.room, "use_code": use}); err != nil {
			return err
		}
		if err := put("household", values{"id": h.household, "dwelling_id": h.dwelling, "head_resident_id": h.people[0].id, "phone": h.phone}); err != nil {
			return err
		}
		for _, p := range h.people {
			if err := put("resident", values{"id": p.id, "household_id": h.household, "name": p.name, "sex": p.sex, "birth_date": p.birth, "status": "active"}); err != nil {
				return err
			}
			if err := put("residency", values{"id": p.residency, "resident_id": p.id, "household_id": h.household, "relation": p.relation, "kind": "permanent"}); err != nil {
				return err
			}
		}
	}
	return nil
}

// counts tells how many homes and people there are.
func (v *village) counts() (homes, people int) {
	for _, b := range v.blocks {
		homes += len(b.homes)
		for _, h := range b.homes {
			people += len(h.people)
		}
	}
	return homes, people
}
