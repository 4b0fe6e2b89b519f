package deploy_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"leadlog/events/broker"
)

// brokers returns the services that are brokers.
func brokers(project *types.Project) []types.ServiceConfig {
	var found []types.ServiceConfig
	for _, name := range names(project) {
		if s := project.Services[name]; strings.HasPrefix(s.Image, "apache/kafka:") {
			found = append(found, s)
		}
	}
	return found
}

// listeners reads a listener list: INSIDE://kafka-1:9092,... by name.
func listeners(list string) map[string]string {
	found := make(map[string]string)
	for each := range strings.SplitSeq(list, ",") {
		name, address, _ := strings.Cut(each, "://")
		found[name] = address
	}
	return found
}

func TestBrokersCarryTheContract(t *testing.T) {
	found := brokers(load(t))
	if len(found) != 3 {
		t.Fatalf("%d brokers: the contract asks for three replicas", len(found))
	}
	for _, b := range found {
		settings := env(b)
		for name, want := range map[string]string{
			"KAFKA_AUTO_CREATE_TOPICS_ENABLE":                "false", // such a topic would break the contract
			"KAFKA_UNCLEAN_LEADER_ELECTION_ENABLE":           "false",
			"KAFKA_DEFAULT_REPLICATION_FACTOR":               "3",
			"KAFKA_MIN_INSYNC_REPLICAS":                      "2",
			"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR":         "3", // or the groups stop with one broker
			"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "3",
			"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR":            "2",
			"KAFKA_PROCESS_ROLES":                            "broker,controller",
			"KAFKA_LOG_DIRS":                                 b.Volumes[0].Target, // else the log is lost with the container
		} {
			if settings[name] != want {
				t.Errorf("%s: %s is %q, want %q", b.Name, name, settings[name], want)
			}
		}
		for name := range settings {
			if strings.HasPrefix(name, "KAFKA_LOG_RETENTION") || strings.HasPrefix(name, "KAFKA_LOG_CLEANER") {
				t.Errorf("%s: %s: how long the log is kept is the topics' own business", b.Name, name)
			}
		}
	}
}

func TestBrokersFindEachOther(t *testing.T) {
	project := load(t)
	var voters, inside []string
	clusters := make(map[string]bool)
	for _, b := range brokers(project) {
		settings := env(b)
		id := settings["KAFKA_NODE_ID"]
		own, advertised := listeners(settings["KAFKA_LISTENERS"]), listeners(settings["KAFKA_ADVERTISED_LISTENERS"])
		voters = append(voters, fmt.Sprintf("%s@%s%s", id, b.Name, own[settings["KAFKA_CONTROLLER_LISTENER_NAMES"]]))
		between := settings["KAFKA_INTER_BROKER_LISTENER_NAME"]
		inside = append(inside, advertised[between])
		if advertised[between] != b.Name+own[between] {
			t.Errorf("%s: other services are sent to %q, it listens at %q", b.Name, advertised[between], own[between])
		}
		// From this machine a client comes by a published port, and goes on with the address that is advertised there.
		p := b.Ports[0]
		published := p.HostIP + ":" + p.Published
		if advertised["OUTSIDE"] != published || own["OUTSIDE"] != ":"+strconv.Itoa(int(p.Target)) {
			t.Errorf("%s: published at %s, advertised at %q, listening at %q", b.Name, published, advertised["OUTSIDE"], own["OUTSIDE"])
		}
		clusters[settings["CLUSTER_ID"]] = true
	}
	if len(clusters) != 1 {
		t.Errorf("the brokers are of clusters %v", clusters)
	}
	for _, b := range brokers(project) {
		if got := env(b)["KAFKA_CONTROLLER_QUORUM_VOTERS"]; got != strings.Join(voters, ",") {
			t.Errorf("%s: voters %q, want %q", b.Name, got, voters)
		}
	}
	for _, name := range names(project) {
		if service := project.Services[name]; ours(service) {
			got, err := broker.ParseBrokers(env(service)["KAFKA_BROKERS"])
			if err != nil || !slices.Equal(got, inside) {
				t.Errorf("%s: brokers %q (%v), want %q", name, got, err, inside)
			}
		}
	}
}
