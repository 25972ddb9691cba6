package figures

import "slices"

// Goal is one line of the table.
type Goal struct {
	Name   string
	Least  int    // at least so many; for faults, 0 with Most
	None   bool   // not one may be there, and the proof must have noted that
	Told   bool   // a time or a size of this machine: the proof must have noted it, and no number of it fails a run
	Most   int    // at most so many, 0 = Least counts; of what is told: what we aim at, 0 = nothing
	Anchor string // what is known of others, "" for nothing
}

// Names of figures.
const (
	Worlds      = "simulated worlds"
	FileWorlds  = "of them over real files"
	Years       = "years of phones, each with all that a year holds"
	States      = "listed states that worlds reached"
	Replayed    = "worlds that ran twice and were the same"
	Commits     = "commits in simulated worlds"
	Conflicts   = "open conflicts held against what the oracle expects"
	Revocations = "devices revoked in simulated worlds"
	Findings    = "findings in simulated worlds"
	Kills       = "kills (-9) of the centre, a phone, or both"
	OtherKills  = "kills of a backup, or of a phone that is given or loses a grid"
	Places      = "named places of kills"
	AtEachPlace = "kills at the place with the fewest"
	CentreBack  = "ms until a killed centre is ready, p99"
	PhoneBack   = "ms until a killed phone's replica is open, p99"
	Acked       = "changesets acknowledged before a kill"
	Cuts        = "power cuts, with promises of the centre and of a device on the disk"
	CutsSeen    = "settings that lose at a power cut, and were seen to"
	CallsFailed = "calls of the file system that failed, one in each try"
	FaultySteps = "steps whose every call failed"
	Rooms       = "tries on a full disk, each with 4 KiB of room more"
	Damaged     = "damaged replica files"
	BadInputs   = "bad inputs"
	Lost        = "changesets lost, torn or doubled"
	Fuzzed      = "fuzz executions"
	Crashes     = "crashes found by fuzzing"

	Centre1K       = "ms from the kill of a centre to a verdict, 1,000 changes, longest"
	Centre100K     = "ms from the kill of a centre to a verdict, 100,000 changes, longest"
	Centre1M       = "ms from the kill of a centre to a verdict, 1,000,000 changes, longest"
	Phone20K       = "ms from the kill of a device of 20,000 records until it is in step, longest"
	BackupGB       = "s for a GB from a dated backup until the centre serves"
	StreamGB       = "s for a GB from a stream until the centre serves"
	AllBack        = "ms from the start of a restored centre until 20 devices are in step"
	Soaked         = "changesets acknowledged in the soak"
	MoreGoroutines = "goroutines more at the end of the soak"
	MoreFiles      = "open files more at the end of the soak"
	Stayed         = "goroutines or files that stay when all have left"
	MostWAL        = "MiB of write-ahead log in the soak, at most"
	MemorySlope    = "MiB of memory more an hour, by the line through the soak"
	NetFaults      = "faults of a network between running processes"
	HalfOpen       = "half-open links that both ends ended after 43 s of silence"
	Noticed        = "ms until both ends of a half-open link noticed, longest"
	Slow           = "slow connections to a running centre, each ended in time"
	Blocked        = "connections whose every write waits, each ended in time"
	SlowVerdict    = "ms until a verdict beside a thousand slow connections, p99"
	SlowGrowth     = "MiB of memory more for a thousand slow connections"
	Bombs          = "kinds of bombs against a running centre, each within its bounds"
	BombGrowth     = "MiB of memory more for any other bomb, at most"
	LongGrowth     = "MiB of memory more for files and messages of the largest size"
	BombVerdict    = "ms until a verdict beside bombs, longest"
	StreamLost     = "ms of acknowledged work lost with the disk under a stream, longest"
	Planted        = "planted bugs caught, of 5 that rotate"
	Recreated      = "known bugs re-created and caught, of a hundred"
	Minutes        = "minutes of the whole run"
	Mutants        = "mutants found, of a hundred that make a difference"
)

// Goals are what a run of `./scripts/task prove` is to reach.
var Goals = []Goal{
	{Name: Worlds, Least: 500, Anchor: "a public Jepsen suite of a sync service: 5 to 10 clients for minutes"},
	{Name: FileWorlds, Least: 10},
	{Name: Years, Least: 100},
	{Name: States, Least: 300},
	{Name: Replayed, Least: 20, Anchor: "TigerBeetle, FoundationDB: a seed is a world"},
	{Name: Commits, Least: 150_000},
	{Name: Conflicts, Least: 40_000},
	{Name: Revocations, Least: 500},
	{Name: Findings, None: true, Anchor: "the same suite saw stalls"},
	{Name: Kills, Least: 2000, Anchor: "etcd kills at failpoints, by the thousand"},
	{Name: OtherKills, Least: 280},
	{Name: Places, Least: 40},
	{Name: AtEachPlace, Least: 20},
	{Name: CentreBack, Told: true, Most: 1000},
	{Name: PhoneBack, Told: true, Most: 500, Anchor: "bare SQLite opens again in 1 to 2.4 ms"},
	{Name: Acked, Least: 200_000},
	{Name: Cuts, Least: 200, Anchor: "LazyFS: kill, then drop the cache"},
	{Name: CutsSeen, Least: 4},
	{Name: CallsFailed, Least: 60_000, Anchor: "SQLite fails each call once"},
	{Name: FaultySteps, Least: 800},
	{Name: Rooms, Least: 2000},
	{Name: Damaged, Least: 200},
	{Name: BadInputs, Least: 2000},
	{Name: Lost, None: true},
	{Name: Fuzzed, Least: 5_000_000, Anchor: "dbsqlfuzz: 31 M a day on each core"},
	{Name: Crashes, None: true},
	{Name: Centre1K, Told: true, Most: 1000},
	{Name: Centre100K, Told: true, Most: 1000},
	{Name: Phone20K, Told: true, Most: 500},
	{Name: BackupGB, Told: true, Most: 60},
	{Name: StreamGB, Told: true, Most: 60},
	{Name: AllBack, Told: true},
	{Name: NetFaults, Least: 300, Anchor: "a public Jepsen suite: partitions by the minute"},
	{Name: HalfOpen, Least: 3},
	{Name: Noticed, Told: true, Most: 45_000, Anchor: "Linux gives up a silent connection after 15 minutes"},
	{Name: Slow, Least: 1000},
	{Name: SlowVerdict, Told: true, Most: 200},
	{Name: SlowGrowth, Most: 63},
	{Name: Blocked, Least: 60},
	{Name: Bombs, Least: 31},
	{Name: BombGrowth, Most: 63},
	{Name: LongGrowth, Most: 299},
	{Name: BombVerdict, Told: true, Most: 1000},
	{Name: StreamLost, Told: true, Most: 1000, Anchor: "litestream's own setting: a second"},
	{Name: Soaked, Least: 2000},
	{Name: MoreGoroutines, Most: 20},
	{Name: MoreFiles, Most: 20},
	{Name: Stayed, Most: 5},
	{Name: MostWAL, Most: 63, Anchor: "litestream's tests run overnight"},
	{Name: MemorySlope, Told: true},
	{Name: Planted, Least: 5, Anchor: "etcd runs its past bugs again"},
	{Name: Minutes, Told: true, Most: 50},
}

// Long are the goals that a long run has besides, or in place of one of Goals.
var Long = []Goal{
	{Name: Worlds, Least: 20_000},
	{Name: Years, Least: 3000},
	{Name: Replayed, Least: 1000},
	{Name: Kills, Least: 50_000},
	{Name: AtEachPlace, Least: 500},
	{Name: Cuts, Least: 10_000},
	{Name: Damaged, Least: 20_000},
	{Name: Fuzzed, Least: 100_000_000},
	{Name: Minutes, Told: true},
	{Name: Centre1M, Told: true, Most: 1000},
	{Name: Recreated, Least: 95, Anchor: "etcd runs its past bugs again"},
	{Name: Mutants, Least: 90},
}

// OfLong are the goals of a long run.
func OfLong() (list []Goal) {
	list = slices.Clone(Goals)
	for _, g := range Long {
		if at := slices.IndexFunc(list, func(of Goal) bool { return of.Name == g.Name }); at >= 0 {
			g.Anchor = list[at].Anchor
			list[at] = g
		} else {
			list = append(list, g)
		}
	}
	return list
}

func known(name string) bool {
	is := func(g Goal) bool { return g.Name == name }
	return slices.ContainsFunc(Goals, is) || slices.ContainsFunc(Long, is)
}

// Kept tells whether a goal is reached by what was noted.
func (g *Goal) Kept(noted map[string]int) bool {
	n, ok := noted[g.Name]
	if g.Told {
		return ok
	}
	if g.Most > 0 {
		return ok && n <= g.Most
	}
	return ok && (g.None && n == 0 || !g.None && n >= g.Least)
}

// Above tells whether what is told is more than we aim at.
func (g *Goal) Above(noted map[string]int) bool {
	return g.Told && g.Most > 0 && noted[g.Name] > g.Most
}
