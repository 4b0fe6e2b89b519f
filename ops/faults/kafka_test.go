//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
)

// cluster is three brokers that are controllers, too.
type cluster struct {
	dir     string
	brokers [3]*brokerNode
	client  *kgo.Client
	admin   *kadm.Client
}

// brokerNode is one broker. Its process changes with every restart.
type brokerNode struct {
	*process

	id                       int
	dir                      string
	plain, shown, controller string // shown is where the listener is that is advertised at the proxy's address
	proxy                    string
}

// newCluster starts the brokers, and waits until each sees all three.
func newCluster(dir string, proxies []string) (*cluster, error) {
	c := &cluster{dir: dir}
	ports, err := freePorts(9)
	if err != nil {
		return nil, err
	}
	for i := range c.brokers {
		c.brokers[i] = &brokerNode{
			id: i + 1, dir: filepath.Join(dir, fmt.Sprint("broker-", i+1)),
			plain: ports[3*i], shown: ports[3*i+1], controller: ports[3*i+2], proxy: proxies[i],
		}
	}
	if err := c.format(); err != nil {
		return nil, err
	}
	for _, b := range c.brokers {
		if err := b.start(); err != nil {
			return nil, err
		}
	}
	c.client, err = broker.NewClient(broker.Config{Brokers: c.addresses(), ClientID: "leadlog-faults"},
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, err
	}
	c.admin = kadm.NewClient(c.client)
	return c, nil
}

func (c *cluster) addresses() (addresses []string) {
	for _, b := range c.brokers {
		addresses = append(addresses, b.plain)
	}
	return addresses
}

// proxied are the addresses of the same brokers behind the proxies.
func (c *cluster) proxied() (addresses []string) {
	for _, b := range c.brokers {
		addresses = append(addresses, b.proxy)
	}
	return addresses
}

// format writes each broker's settings and its empty log folder.
func (c *cluster) format() error {
	var voters []string
	for _, b := range c.brokers {
		voters = append(voters, fmt.Sprintf("%d@%s", b.id, b.controller))
	}
	jobs := make(chan error)
	for _, b := range c.brokers {
		go func() { jobs <- b.format(strings.Join(voters, ",")) }()
	}
	var all error
	for range c.brokers {
		all = errors.Join(all, <-jobs)
	}
	return all
}

func (b *brokerNode) format(voters string) error {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(b.file("log4j2.properties"), []byte(brokerLog), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(b.file("server.properties"), []byte(b.properties(voters)), 0o600); err != nil {
		return err
	}
	// Any 16 bytes in URL-safe base64.
	out, err := exec.Command("java", "-cp", os.Getenv("KAFKA_CLASSPATH"), "kafka.tools.StorageTool", "format",
		"-t", "bGVhZGxvZy1mYXVsdHMtMQ", "-c", b.file("server.properties")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("format broker %d: %w\n%s", b.id, err, out)
	}
	return nil
}

func (b *brokerNode) file(name string) string { return filepath.Join(b.dir, name) }

// logs is the folder of its partitions.
func (b *brokerNode) logs() string { return b.file("logs") }

// properties are Kafka's defaults, as .ci/parts/kafka.sh has them, and one more listener that clients reach through a proxy.
func (b *brokerNode) properties(voters string) string {
	return fmt.Sprintf(`process.roles=broker,controller
node.id=%d
controller.quorum.voters=%s
listeners=PLAINTEXT://%s,PROXIED://%s,CONTROLLER://%s
advertised.listeners=PLAINTEXT://%s,PROXIED://%s
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=%s
auto.create.topics.enable=false
offsets.topic.replication.factor=3
offsets.topic.num.partitions=6
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
group.initial.rebalance.delay.ms=0
file.delete.delay.ms=1000
`, b.id, voters, b.plain, b.shown, b.controller, b.plain, b.proxy, b.logs())
}

const brokerLog = `rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c{1})%n
`

func (b *brokerNode) start() (err error) {
	b.process, err = spawn(fmt.Sprint("broker ", b.id), b.file("output.log"), nil,
		"java", "-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.configurationFile="+b.file("log4j2.properties"),
		"-cp", os.Getenv("KAFKA_CLASSPATH"), "kafka.Kafka", b.file("server.properties"))
	return err
}

// complete says whether all three brokers are there and every replica of every topic is in sync, and if not, what is missing.
func (c *cluster) complete(ctx context.Context) (so bool, but string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	meta, err := c.admin.Metadata(ctx)
	if err != nil {
		return false, err.Error()
	}
	if len(meta.Brokers) != len(c.brokers) {
		return false, fmt.Sprintf("%d brokers are there", len(meta.Brokers))
	}
	for _, topic := range meta.Topics {
		for _, p := range topic.Partitions {
			if p.Err != nil || p.Leader < 0 || len(p.ISR) < len(p.Replicas) {
				return false, fmt.Sprintf("%s/%d: leader %d, in sync %v of %v", topic.Topic, p.Partition, p.Leader, p.ISR, p.Replicas)
			}
		}
	}
	return true, ""
}

// leaders returns who leads each partition of the topic.
func (c *cluster) leaders(ctx context.Context) (map[int32]int32, error) {
	topics, err := c.admin.ListTopics(ctx, events.Topic)
	if err != nil {
		return nil, err
	}
	leaders := make(map[int32]int32)
	for _, p := range topics[events.Topic].Partitions {
		leaders[p.Partition] = p.Leader
	}
	return leaders, nil
}

// led returns the partitions that a broker leads.
func led(leaders map[int32]int32, id int) (partitions []int32) {
	for p, leader := range leaders {
		if leader == int32(id) {
			partitions = append(partitions, p)
		}
	}
	slices.Sort(partitions)
	return partitions
}

// ends returns the end of each partition of the topic.
func (c *cluster) ends(ctx context.Context) (map[int32]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	listed, err := c.admin.ListEndOffsets(ctx, events.Topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, err
	}
	ends := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends, nil
}
