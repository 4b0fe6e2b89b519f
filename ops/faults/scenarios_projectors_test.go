//go:build faults

package faults

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func projectorFaults() []scenario {
	return []scenario{
		{"13 projector killed around its commit", true, killedAroundCommit},
		{"14 rebalance storm", false, rebalanceStorm},
		{"18 poison record", true, poisonRecord},
		{"19 dead-letter topic unavailable", true, noLetters},
		{"20 rewind twice under load", false, rewoundTwice},
		{"22 one hot phone", false, hotPhone},
	}
}

// killedAroundCommit: between the effect and the position, and right after, in each store. Applied once.
func killedAroundCommit(r *run) {
	r.open(setup{})
	places := []string{
		"pgstore commit applied", "mongostore commit applied", "redisstore commit collected",
		"pgstore commit moved", "mongostore commit moved", "redisstore commit moved",
	}
	if testing.Short() {
		places = places[:3]
	}
	for _, place := range places {
		victim := r.startProjectors(failpoints(), place+":5")
		await(r.T, "a projector dies at "+place, func() (bool, string) { return !victim.running(), "it lives" })
		r.bite("died at "+place, victim.killed())
	}
	r.holds()
}

// rebalanceStorm: somebody joins or leaves every 2 s, in order or by kill -9. Applied once, and it goes on.
func rebalanceStorm(r *run) {
	r.open(setup{})
	from, before := time.Now(), r.applied()
	changes := 0
	var guest *process
	for time.Since(from) < 30*time.Second {
		switch {
		case guest == nil:
			guest = r.startProjectors(shipped(), "")
		case changes%4 == 1:
			guest.kill()
			guest = nil
		default:
			guest.signal(syscall.SIGTERM)
			guest = nil
		}
		changes++
		r.lasts(2 * time.Second)
	}
	groups, err := r.cluster.admin.DescribeGroups(r.Context(), "leadlog-leads")
	r.must(err)
	r.bite(fmt.Sprintf("%d changes, the group is %s", changes, groups["leadlog-leads"].State), changes > 10)
	// A partition of a guest that was killed waits for the end of its session, 8 s, before anybody has it: some lag is its price.
	for view, n := range r.applied() {
		acked := count(r.load.since(from), acknowledged)
		r.measure("%s applied %d of %d meanwhile", view, n-before[view], acked)
		r.expect(view+" makes progress meanwhile", int(n-before[view]) > acked/4)
	}
	r.holds()
}

// applied returns how many records each view has passed.
func (r *run) applied() map[string]int64 {
	r.Helper()
	at, err := r.views.positions(r.Context())
	r.must(err)
	sums := make(map[string]int64)
	for view, partitions := range at {
		for _, next := range partitions {
			sums[view] += next
		}
	}
	return sums
}

// plant puts bytes into the log that no edge would have written, and returns where they are.
func (r *run) plant(partition int32, value string) (offset int64) {
	r.Helper()
	record := &kgo.Record{Topic: topic, Partition: partition, Key: []byte(uuid.Must(uuid.NewV7()).String()), Value: []byte(value)}
	r.planted[string(record.Key)] = true
	r.must(r.cluster.client.ProduceSync(r.Context(), record).FirstErr())
	return record.Offset
}

// passed says whether every view has gone past an offset.
func (r *run) passed(partition int32, offset int64) (so bool, but string) {
	at, err := r.views.positions(r.Context())
	for _, view := range []string{"leads", "audit", "dedup"} {
		if at[view][partition] <= offset {
			return false, fmt.Sprintf("%s is at %d of %d, %v", view, at[view][partition], offset, err)
		}
	}
	return true, ""
}

// poisonRecord: one dead letter a projection, and the next record is applied.
func poisonRecord(r *run) {
	r.open(setup{})
	var last int64
	for _, value := range []string{"", "{", `{"phone":5}`, "\xff\xfe", `{"phone":"\u0000"}`} {
		last = r.plant(3, value+" ")
	}
	await(r.T, "the views go past it", func() (bool, string) { return r.passed(3, last) })
	found, err := r.cluster.readLetters(r.Context())
	r.must(err)
	n := 0
	for _, keys := range found {
		n += len(keys)
	}
	r.bite(fmt.Sprintf("%d dead letters of 5 records", n), n == 15)
	r.holds()
}

// noLetters: what can't be parked is never skipped. The partition stops, until a person has mended it.
func noLetters(r *run) {
	r.open(setup{})
	r.letterConfig("max.message.bytes", "10")
	at := r.plant(5, "no event")
	await(r.T, "whoever has the partition stops", func() (bool, string) { return r.saidByProjectors("stopped"), "nobody did" })
	r.lasts(8 * time.Second)
	now, err := r.views.positions(r.Context())
	r.must(err)
	stands := true
	for _, view := range []string{"leads", "audit", "dedup"} {
		next, there := now[view][5]
		stands = stands && there && next <= at // before it, when it came in one batch with others
	}
	r.bite("nothing can be parked, the partition stands at the record", stands)
	r.letterConfig("max.message.bytes", "2097152")
	for i := range r.projs {
		r.projs[i].end(15 * time.Second)
	}
	r.startProjectors(shipped(), "")
	r.startProjectors(shipped(), "")
	await(r.T, "the views go past it", func() (bool, string) { return r.passed(5, at) })
	r.holds()
}

var planLine = regexp.MustCompile(`(?m)^plan: (\S+)$`)

// rewoundTwice: leads and audit are rewound to their start, twice, while phones come in. What was there before is there again, to
// the byte.
func rewoundTwice(r *run) {
	r.open(setup{})
	r.lasts(10 * time.Second)
	upTo, err := r.cluster.ends(r.Context())
	r.must(err)
	r.watch.allow("leads", "audit")
	there := func() (bool, string) {
		at, err := r.views.positions(r.Context())
		for p, end := range upTo {
			if at["leads"][p] < end || at["audit"][p] < end {
				return false, fmt.Sprint(at, err)
			}
		}
		return true, ""
	}
	await(r.T, "the views have what is in the log", there)
	leads, audit := r.hashes(upTo)
	for range 2 {
		for _, view := range []string{"leads", "audit"} {
			plan := planLine.FindStringSubmatch(r.ops("rewind", view, "--to-earliest"))
			if plan == nil {
				r.Fatalf("rewind of %s shows no plan", view)
			}
			r.ops("rewind", "--execute", "--plan", plan[1], "--reason", "fault suite")
		}
		await(r.T, "the views have it again", there)
		leadsNow, auditNow := r.hashes(upTo)
		r.expect("the same hash of leads: "+leads+", "+leadsNow, leads == leadsNow)
		r.expect("the same hash of audit: "+audit+", "+auditNow, audit == auditNow)
	}
	ledger := r.ops("ledger", "-o", "json")
	n := strings.Count(ledger, `"outcome":"done"`)
	r.bite(fmt.Sprintf("%d rewinds in the ledger", n), n >= 4)
	r.measure("hash of leads %s, of audit %s", leads, audit)
	r.holds()
}

// hashes sums up both views below some offsets, all columns but the audit's gen.
func (r *run) hashes(upTo map[int32]int64) (leads, audit string) {
	r.Helper()
	rows, err := r.views.pool.Query(r.Context(), `select log_partition, log_offset, l::text from landing_phone l`)
	r.must(err)
	var lines []string
	var partition int32
	var offset int64
	var text string
	_, err = pgx.ForEachRow(rows, []any{&partition, &offset, &text}, func() error {
		if offset < upTo[partition] {
			lines = append(lines, text)
		}
		return nil
	})
	r.must(err)
	leads = digest(lines)
	lines = nil
	cursor, err := r.views.mongo.Collection("requests").Find(r.Context(), bson.M{}, options.Find().SetProjection(bson.M{"gen": 0}))
	r.must(err)
	for cursor.Next(r.Context()) {
		var d struct {
			Partition int32 `bson:"log_partition"`
			Offset    int64 `bson:"log_offset"`
		}
		r.must(cursor.Decode(&d))
		if d.Offset < upTo[d.Partition] {
			lines = append(lines, cursor.Current.String())
		}
	}
	r.must(cursor.Err())
	return leads, digest(lines)
}

// digest is a hash of lines in whatever order they came.
func digest(lines []string) string {
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return fmt.Sprintf("%s (%d rows)", hex.EncodeToString(sum[:6]), len(lines))
}

// hotPhone: one phone has nine tenths of the traffic. The other partitions do not wait for its partition.
func hotPhone(r *run) {
	r.open(setup{perSec: 400, hot: true})
	r.lasts(5 * time.Second)
	worst := int64(0)
	hot := int32(-1)
	for range 15 {
		r.lasts(time.Second)
		ends, err := r.cluster.ends(r.Context())
		r.must(err)
		for p, end := range ends {
			if hot < 0 || end > ends[hot] {
				hot = p
			}
		}
		at, err := r.views.positions(r.Context())
		r.must(err)
		for _, next := range at {
			for p, end := range ends {
				if p != hot {
					worst = max(worst, end-next[p])
				}
			}
		}
	}
	ends, err := r.cluster.ends(r.Context())
	r.must(err)
	sum := int64(0)
	for _, end := range ends {
		sum += end
	}
	r.bite(fmt.Sprintf("%d of %d records are in partition %d", ends[hot], sum, hot), ends[hot]*10 > sum*8)
	r.measure("the other partitions lag by %d records at most", worst)
	// The others get about 40 a second together: a few seconds' worth of one of them is a lag that is bounded.
	r.expect("the other partitions' lag is bounded", worst < 100)
	r.holds()
}
