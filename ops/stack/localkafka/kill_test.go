package localkafka

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// helperEnv makes this test binary a process that runs a broker in the folder it names, on the port in helperPort,
// until it is killed.
const (
	helperEnv  = "LOCALKAFKA_TEST_HELPER"
	helperPort = "LOCALKAFKA_TEST_PORT"
)

func helper(dir string) {
	port, _ := strconv.Atoi(os.Getenv(helperPort))
	b, err := Start(Config{DataDir: dir, Port: port})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(b.Addr())
	select {}
}

// startHelper returns a broker in a process of its own, and the way to kill it.
func startHelper(t *testing.T, dir string, port int) (addr string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+dir, helperPort+"="+strconv.Itoa(port))
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // "signal: killed"
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "127.0.0.1:") {
		t.Fatalf("the helper says %q: %v", line, err)
	}
	return strings.TrimSpace(line), kill
}

// A producer works on through five kills of the broker. Everything acknowledged is there, once, and the topic is the
// same topic.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	addr, kill := startHelper(t, dir, 0)
	client := dial(t, addr)
	id := makeTopic(t, client)
	const each = 500
	for round := range 5 {
		half := numbered(round*each, each)
		produce(t, client, half[:each/2]...)
		kill()
		acknowledged := make(chan error, 1)
		go func() { // into the dead broker; the client keeps trying
			acknowledged <- client.ProduceSync(t.Context(), half[each/2:]...).FirstErr()
		}()
		_, kill = startHelper(t, dir, portOf(t, addr))
		if err := <-acknowledged; err != nil {
			t.Fatal(err)
		}
	}

	seen := map[string]int{}
	for _, r := range readAll(t, addr) {
		seen[string(r.Key)]++
	}
	for i := range 5 * each {
		if n := seen[strconv.Itoa(i)]; n != 1 {
			t.Errorf("record %d is there %d times", i, n)
		}
	}
	topics, err := kadm.NewClient(client).ListTopics(t.Context(), topic)
	if err != nil || topics[topic].ID != id {
		t.Errorf("topic id = %v, %v, want %v", topics[topic].ID, err, id)
	}
}

// The group that a killed stack left behind must not keep the next one waiting for its session timeout.
func TestGroupAfterKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	addr, kill := startHelper(t, dir, 0)
	makeTopic(t, dial(t, addr))
	member := func(addr string) (*kgo.Client, *owned) {
		mine := &owned{partitions: map[int32]bool{}, changed: make(chan int, 100)}
		return dial(t, addr, kgo.ConsumerGroup("leadlog-leads"), kgo.ConsumeTopics(topic),
			kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.DisableAutoCommit(),
			kgo.OnPartitionsAssigned(mine.add), kgo.OnPartitionsRevoked(mine.remove), kgo.OnPartitionsLost(mine.remove)), mine
	}
	_, mine := member(addr)
	mine.await(t, partitions)
	kill()
	b := launch(t, Config{DataDir: dir, Log: logTo(t)}) // another port: the old member can't come back
	client, mine := member(b.Addr())
	mine.await(t, partitions)
	client.Close()
}
