// Package record is the record that the floors are measured on: a visit of twelve columns, about 460 bytes as JSON and 285
// as a message with ids of 16 bytes. Its note is made of stock phrases, so that it compresses about as well as what people
// type, rather too well.
package record

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/google/uuid"
)

// Record is one record, of nothing that the product has. Times are milliseconds since 1970.
type Record struct {
	ID, Home, Worker      uuid.UUID
	Kind, State, Door     string
	Visited, Updated      int64
	Minutes, People, Risk int64
	Note                  string
}

// Columns are the names of its columns, in the order of Values and Scan.
var Columns = []string{"id", "home", "worker", "kind", "state", "door", "visited_at", "updated_at", "minutes", "people", "risk", "note"}

// Table makes a table of records; its key is random, as the ids are.
const Table = `CREATE TABLE measured (id BLOB PRIMARY KEY, home BLOB NOT NULL, worker BLOB NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
	door TEXT NOT NULL, visited_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, minutes INTEGER NOT NULL, people INTEGER NOT NULL,
	risk INTEGER NOT NULL, note TEXT NOT NULL) WITHOUT ROWID`

// Upsert writes a record, whatever was there.
var Upsert = "INSERT OR REPLACE INTO measured (" + strings.Join(Columns, ", ") + ") VALUES (?" + strings.Repeat(", ?", len(Columns)-1) + ")"

// Values are what Upsert takes.
func (r *Record) Values() []any {
	return []any{r.ID[:], r.Home[:], r.Worker[:], r.Kind, r.State, r.Door, r.Visited, r.Updated, r.Minutes, r.People, r.Risk, r.Note}
}

var phrases = strings.Fields(`
	入户走访了解近期情况 老人身体尚可按时服药 提醒用火用电安全 电动车不得进楼入户 家中无人已留联系卡 儿子在外务工春节回来
	低保金已按时到账 申请适老化改造扶手 楼道堆物已劝其清理 燃气软管老化建议更换 邻里噪声矛盾已调解 反诈宣传到位已装软件
	孩子暑期托管有需求 医保缴费已完成 独居老人每周电话问候 租客信息已登记更新 下水道堵塞报物业处理 消防通道畅通
	咨询居住证办理流程 路灯不亮已上报 反映停车位紧张 天然气入户安检约时间 残疾证到期需换证 希望增加晾衣架
	流浪猫投喂引起纠纷 小区电梯异响待检修 高空抛物隐患已提醒 志愿者已结对帮扶 重点人员情绪稳定 建议加装充电桩`)

var kinds = []string{"routine", "followup", "elderly", "safety", "quarrel"}

// Generate makes n records, the same ones for a seed.
func Generate(seed uint64, n int) []Record {
	random := rand.New(rand.NewPCG(seed, 0x7265636f7264))
	id := func() (u uuid.UUID) {
		binary.BigEndian.PutUint64(u[:8], random.Uint64())
		binary.BigEndian.PutUint64(u[8:], random.Uint64())
		u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
		return u
	}
	homes, workers := make([]uuid.UUID, 500), make([]uuid.UUID, 3)
	for i := range homes {
		homes[i] = id()
	}
	for i := range workers {
		workers[i] = id()
	}
	out := make([]Record, n)
	at := int64(1_790_000_000_000)
	for i := range out {
		at += random.Int64N(600_000)
		out[i] = Record{
			ID: id(), Home: homes[random.IntN(len(homes))], Worker: workers[random.IntN(len(workers))],
			Kind: kinds[random.IntN(len(kinds))], State: "done", Door: fmt.Sprintf("%d-%d-%d0%d", 1+random.IntN(9), 1+random.IntN(4), 1+random.IntN(18), 1+random.IntN(4)),
			Visited: at, Updated: at + random.Int64N(3_600_000), Minutes: 5 + random.Int64N(55), People: 1 + random.Int64N(5), Risk: random.Int64N(4),
			Note: note(random),
		}
	}
	return out
}

const (
	surnames = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓韩冯曹"
	given    = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国志文海燕春梅雪婷浩宇欣怡子涵梓轩"
)

// note is sixty characters: phrases, and now and then who it was and when to come again.
func note(random *rand.Rand) string {
	const characters = 60
	from := func(s string) rune {
		all := []rune(s)
		return all[random.IntN(len(all))]
	}
	var b []rune
	for len(b) < characters {
		if random.IntN(3) == 0 {
			b = append(b, from(surnames), from(given), from(given))
		}
		b = append(b, []rune(phrases[random.IntN(len(phrases))])...)
		if random.IntN(3) == 0 {
			b = append(b, []rune(fmt.Sprint(1+random.IntN(12), "月", 1+random.IntN(30), "日再访"))...)
		}
		b = append(b, '，')
	}
	return string(b[:characters])
}
