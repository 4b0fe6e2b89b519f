//go:build faults

package faults

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// run is one scenario being run: a topic and databases of its own on the world's services, and our programs.
type run struct {
	*testing.T
	*world

	name        string
	random      *rand.Rand
	dir         string // what programs said, and the receipts; kept when the scenario fails
	env         []string
	edges       []*edge
	projs       []*process
	load        *load
	views       *views
	watch       *watch
	probe       *probe
	planted     map[string]bool
	bites       []string
	figures     []string // what else was measured
	mended      time.Time
	lagPatience time.Duration // how long heal waits for lag 0; patience unless set
	healed      time.Duration
	verdict     verdict
	judged      bool
}

// edge is an edge and its address.
type edge struct {
	*process

	url string
}

// setup says what a run is made of, beside the usual.
type setup struct {
	edge        build // shipped unless set
	perSec      int   // 100 unless set
	hot         bool  // one phone has nine tenths of all requests
	connections int   // that the client makes to each edge at most; as many as it needs unless set
	proxied     bool  // the edges reach the brokers through the proxies
	postgres    *postgres
	quiet       bool // no projectors, and no load yet
}

// open makes topics and databases, and starts two edges, two sets of projectors, and the load.
func (r *run) open(s setup) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	await(r.T, "the world is whole", func() (bool, string) { return r.whole(ctx) })
	_, err := r.cluster.admin.DeleteTopics(ctx, topic, letters)
	r.must(err)
	r.cluster.client.PurgeTopicsFromClient(topic, letters)
	r.openStores(ctx, s)
	r.ops("init")
	r.openProbe(ctx)
	for range 2 {
		r.startEdge(s)
	}
	random := rand.New(rand.NewPCG(r.random.Uint64(), 0))
	r.load, err = newLoad(filepath.Join(r.dir, "receipts.jsonl"), cmp.Or(s.perSec, 50), random, r.urls)
	r.must(err)
	if s.connections > 0 {
		r.load.keepTo(s.connections)
	}
	if s.hot {
		r.load.hot = "+989120000000"
	}
	for _, e := range r.edges {
		await(r.T, e.name+" is ready", func() (bool, string) { return get(e.url+"/readyz") == http.StatusOK, e.url })
	}
	if s.quiet {
		r.load.began, r.load.stop = time.Now(), func() {}
		close(r.load.done)
		return
	}
	for range 2 {
		r.startProjectors(shipped(), "")
	}
	r.load.start()
	r.awaitCalm()
}

// awaitCalm waits until two seconds have gone by in which everything was acknowledged: brokers that have just started are slow, and
// what they don't answer in time would be taken for the fault's work. On a machine that others use as well that may never be: then the
// line says so.
func (r *run) awaitCalm() {
	r.Helper()
	r.awaitAcks(20)
	but := within(calmWithin, func() (bool, string) {
		until := time.Now().Add(-requestDone)
		acked, others := 0, 0
		for _, each := range r.load.since(until.Add(-2 * time.Second)) {
			switch {
			case each.Began.After(until):
			case each.Outcome == acknowledged:
				acked++
			default:
				others++
			}
		}
		return acked >= r.load.perSecond && others == 0, fmt.Sprintf("%d acknowledged, %d not", acked, others)
	})
	if but != "" {
		r.measure("the machine was never calm before the fault")
	}
}

const calmWithin = 40 * time.Second

// requestDone is how long an edge takes at most to answer.
const requestDone = 2600 * time.Millisecond

// openProbe starts a plain producer beside the edges.
func (r *run) openProbe(ctx context.Context) {
	r.Helper()
	two := "2"
	_, err := r.cluster.admin.CreateTopic(ctx, 6, 3, map[string]*string{"min.insync.replicas": &two}, probeTopic)
	if !errors.Is(err, kerr.TopicAlreadyExists) {
		r.must(err)
	}
	r.probe, err = newProbe(r.cluster.addresses())
	r.must(err)
	r.Cleanup(r.probe.end)
}

// openStores makes databases, and clients of them.
func (r *run) openStores(ctx context.Context, s setup) {
	r.Helper()
	name := r.world.name()
	server := r.postgres
	if s.postgres != nil {
		server = s.postgres
	}
	url, err := server.database(ctx, name)
	r.must(err)
	v := &views{}
	v.pool, err = pgxpool.New(ctx, url)
	r.must(err)
	r.Cleanup(v.pool.Close)
	mongoURL := "mongodb://" + r.mongo.address + "/" + name
	client, err := mongo.Connect(options.Client().ApplyURI(mongoURL).SetTimeout(10 * time.Second))
	r.must(err)
	v.mongo = client.Database(name)
	r.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = v.mongo.Drop(ctx) // FerretDB may be what the scenario broke
		_ = client.Disconnect(ctx)
	})
	v.redis = redis.NewClient(&redis.Options{Addr: r.redis.address, ReadTimeout: 2 * time.Second})
	r.Cleanup(func() { _ = v.redis.Close() })
	r.must(v.redis.FlushAll(ctx).Err())
	r.views = v
	brokers := r.cluster.addresses()
	if s.proxied {
		brokers = r.cluster.proxied()
	}
	r.env = []string{
		"KAFKA_BROKERS=" + strings.Join(r.cluster.addresses(), ","), "DATABASE_URL=" + url, "MONGODB_URI=" + mongoURL,
		"REDIS_URL=redis://" + r.redis.address + "/0", "RATE_LIMIT=0",
		"EDGE_BROKERS=" + strings.Join(brokers, ","),
	}
	r.watch = newWatch(v)
	r.Cleanup(r.watch.end)
}

func (r *run) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// program returns the path of a program of a build.
func (r *run) program(of build, name string) string {
	r.Helper()
	path, err := r.builder.program(of, name)
	r.must(err)
	return path
}

// startEdge starts one more edge, of the build and by the way that the setup says.
func (r *run) startEdge(s setup) *edge {
	r.Helper()
	ports, err := freePorts(2)
	r.must(err)
	of := s.edge
	if of.programs == "" {
		of = shipped()
	}
	name := fmt.Sprint("edge-", len(r.edges)+1)
	var env []string
	for _, each := range r.env {
		if brokers, is := strings.CutPrefix(each, "EDGE_BROKERS="); is {
			env = append(env, "KAFKA_BROKERS="+brokers)
		} else if !strings.HasPrefix(each, "KAFKA_BROKERS=") {
			env = append(env, each)
		}
	}
	p, err := spawn(name, filepath.Join(r.dir, name+".log"), append(env, "LISTEN="+ports[0], "PRIVATE_LISTEN="+ports[1]),
		r.program(of, "ingest"))
	r.must(err)
	e := &edge{p, "http://" + ports[0]}
	r.edges = append(r.edges, e)
	return e
}

// again starts an edge once more, at the same address.
func (r *run) again(e *edge) {
	r.Helper()
	p, err := spawn(e.name, e.log, e.cmd.Env, e.cmd.Path)
	r.must(err)
	e.process = p
}

// startProjectors starts one more set of projectors, or of those that are named, with a failpoint if one is given.
func (r *run) startProjectors(of build, failpoint string, projections ...string) *process {
	r.Helper()
	return r.startProjectorsVia(r.cluster.addresses(), of, failpoint, projections...)
}

// startProjectorsVia starts one that reaches the brokers by these addresses.
func (r *run) startProjectorsVia(brokers []string, of build, failpoint string, projections ...string) *process {
	r.Helper()
	port, err := freePort()
	r.must(err)
	name := fmt.Sprint("projectors-", len(r.projs)+1)
	env := append(append([]string{}, r.env...), "KAFKA_BROKERS="+strings.Join(brokers, ","), "PRIVATE_LISTEN="+port, "LEADLOG_FAILPOINT="+failpoint)
	p, err := spawn(name, filepath.Join(r.dir, name+".log"), env, r.program(of, "projectors"), projections...)
	r.must(err)
	r.projs = append(r.projs, p)
	return p
}

// ops runs an operator's command that has to succeed, and returns what it printed.
func (r *run) ops(args ...string) string {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.program(shipped(), "ops"), args...)
	cmd.Env = append(os.Environ(), r.env...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		r.Fatalf("ops %s: %v\n%s%s", strings.Join(args, " "), err, out, said.String())
	}
	return string(out)
}

func (r *run) urls() (urls []string) {
	for _, e := range r.edges {
		urls = append(urls, e.url)
	}
	return urls
}

// get returns the status of an answer, 0 for none.
func get(url string) int {
	status, _ := fetch(url)
	return status
}

// text returns the body of an answer.
func text(url string) string {
	_, body := fetch(url)
	return body
}

func fetch(url string) (status int, body string) {
	client := http.Client{Timeout: 2 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(all)
}

// awaitAcks waits for acknowledgements of requests that begin from now on.
func (r *run) awaitAcks(n int) {
	r.Helper()
	from := time.Now()
	await(r.T, fmt.Sprint(n, " new acks"), func() (bool, string) {
		got := count(r.load.since(from), acknowledged)
		return got >= n, fmt.Sprint(got, " came")
	})
}

// lasts lets the load go on for a while: the length of a fault.
func (r *run) lasts(d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// bite notes that the fault was seen, or fails: a fault that nobody noticed has proved nothing.
func (r *run) bite(what string, seen bool) {
	r.Helper()
	if !seen {
		r.Errorf("the fault did not bite: %s was never seen", what)
		return
	}
	r.bites = append(r.bites, what)
}

// expect fails when what the table expects of a fault was not so.
func (r *run) expect(what string, so bool) {
	r.Helper()
	if !so {
		r.Errorf("expected: %s", what)
	}
}

// atMost says whether something took no longer than the table says, times what -slack grants to a machine that is busy with others.
func atMost(took, limit time.Duration) bool { return took <= time.Duration(slack()*float64(limit)) }

// takesLeads expects the edges to acknowledge, whatever is broken behind them: no more may fail than of a plain producer's appends
// at the same time, half as many again, and one in a hundred.
func (r *run) takesLeads(from time.Time) {
	r.Helper()
	since := r.load.since(from)
	acked := count(since, acknowledged)
	failed, tries := r.probe.failed(from)
	share := 1.5*float64(failed)/float64(max(tries, 1)) + 0.01
	what := fmt.Sprintf("the edges took %d of %d, a plain producer's appends failed %d of %d times", acked, len(since), failed, tries)
	r.measure("%s", what)
	r.expect("the edges take leads all the same, but "+what, float64(len(since)-acked) <= share*float64(len(since)))
}

func (r *run) measure(format string, args ...any) {
	r.figures = append(r.figures, fmt.Sprintf(format, args...))
}

// heal takes the fault away, waits for five new acks, ends the load, and waits until no view lags.
func (r *run) heal() {
	r.Helper()
	r.mended = time.Now()
	r.must(r.mend(r.Context()))
	for _, e := range r.edges {
		if !e.running() {
			r.again(e)
		}
		e.thaw()
	}
	for _, p := range r.projs {
		p.thaw()
	}
	if r.load.stopped.IsZero() {
		r.awaitAcks(5)
		r.must(r.load.end())
	}
	r.awaitFlushed()
	if !r.anyProjectors() {
		r.startProjectors(shipped(), "")
	}
	r.awaitLag()
	r.healed = time.Since(r.mended)
}

// awaitFlushed waits until no edge has a record left to send: what was answered as unknown may still come into the log.
func (r *run) awaitFlushed() {
	r.Helper()
	for _, e := range r.edges {
		await(r.T, e.name+" has sent all it has", func() (bool, string) {
			n := inFlight(e.process)
			return n == 0, fmt.Sprint(n)
		})
	}
}

// inFlight returns how many records an edge has given to the Kafka client that are not answered yet; -1 when it does not say.
func inFlight(edge *process) int {
	_, after, _ := strings.Cut(text("http://"+privateOf(edge)+"/metrics"), "\nleadlog_edge_inflight_records ")
	line, _, _ := strings.Cut(after, "\n")
	n, err := strconv.Atoi(line)
	if err != nil {
		return -1
	}
	return n
}

// privateOf returns the private address that a program was told to listen on.
func privateOf(p *process) string {
	for _, each := range p.cmd.Env {
		if address, is := strings.CutPrefix(each, "PRIVATE_LISTEN="); is {
			return address
		}
	}
	return ""
}

func (r *run) anyProjectors() bool {
	for _, p := range r.projs {
		if p.running() {
			return true
		}
	}
	return false
}

// awaitLag waits until every view is at the log's end. Whether one is not is for the checker to say.
func (r *run) awaitLag() {
	within(cmp.Or(r.lagPatience, patience), func() (bool, string) {
		ends, err := r.cluster.ends(r.Context())
		if err != nil {
			return false, err.Error()
		}
		at, _ := r.views.positions(r.Context()) // a store that does not answer is behind
		left := at.behind(ends)
		return len(left) == 0, strings.Join(left, ", ")
	})
}

// check reads everything again, and returns what is wrong.
func (r *run) check() verdict {
	r.Helper()
	e, err := r.gather(r.Context())
	r.verdict = e.judge()
	if err != nil {
		r.verdict.add(cantBeChecked, "%v", err)
	}
	r.judged = true
	return r.verdict
}

// close ends our programs, mends the world, and keeps what there is to look at when the scenario failed.
func (r *run) close() {
	if r.load != nil && r.load.stopped.IsZero() {
		if err := r.load.end(); err != nil {
			r.Error(err)
		}
	}
	for _, p := range r.projs {
		p.end(15 * time.Second)
	}
	for _, e := range r.edges {
		e.end(15 * time.Second)
	}
	if err := r.mend(context.Background()); err != nil {
		r.Error(err)
	}
	if r.Failed() {
		r.keepAll()
	}
}

// keepAll says where the evidence is, and writes the verdict with all its ids beside it.
func (r *run) keepAll() {
	to := filepath.Join(r.keepFolder(), strings.ReplaceAll(r.name, " ", "-"))
	var text strings.Builder
	for _, f := range r.verdict {
		fmt.Fprintf(&text, "%s: %s\n", f.kind, f.what)
	}
	_ = os.RemoveAll(to)
	for _, err := range []error{
		os.MkdirAll(filepath.Dir(to), 0o700),
		os.WriteFile(filepath.Join(r.dir, "verdict.txt"), []byte(text.String()), 0o600),
		os.CopyFS(to, os.DirFS(r.dir)),
	} {
		if err != nil {
			r.Errorf("keep the evidence: %v", err)
		}
	}
	for _, b := range r.cluster.brokers {
		if log, err := os.ReadFile(b.log); err == nil {
			_ = os.WriteFile(filepath.Join(to, fmt.Sprintf("broker-%d.log", b.id)), log, 0o600)
		}
	}
	r.Logf("receipts, ids and logs are in %s; to try it again: go test -tags faults -v ./ops/faults -scenario %q -seed %d",
		to, r.name, seed())
}

func (r *run) keepFolder() string {
	if folder := setting("keep"); folder != "" {
		return folder
	}
	return filepath.Join(os.TempDir(), "leadlog-faults-kept")
}

// letterConfig changes a setting of the topic of dead letters.
func (r *run) letterConfig(name, value string) {
	r.Helper()
	answers, err := r.cluster.admin.AlterTopicConfigs(r.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: name, Value: &value}}, letters)
	r.must(err)
	for _, a := range answers {
		r.must(a.Err)
	}
}
