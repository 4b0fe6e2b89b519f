# Apache Kafka, three brokers that are controllers too. The jars come from Maven Central.
# shellcheck shell=bash

KAFKA_VERSION=4.3.1
KAFKA_LOG4J=2.25.3
KAFKA_HOME=$CACHE/kafka-$KAFKA_VERSION
KAFKA_NODES=(1 2 3)
# Any 16 bytes in URL-safe base64; a fixed one lets brokers of one state folder be formatted independently.
KAFKA_CLUSTER=bGVhZGxvZy1jaS1jbHVzdA

kafka_port() { echo $((19091 + $1)); }
kafka_controller_port() { echo $((19191 + $1)); }

kafka_brokers() { echo "127.0.0.1:$(kafka_port 1),127.0.0.1:$(kafka_port 2),127.0.0.1:$(kafka_port 3)"; }
kafka_where() { kafka_brokers; }

kafka_env() {
    echo "export KAFKA_BROKERS='$(kafka_brokers)'"
    # For java -cp "$KAFKA_CLASSPATH" org.apache.kafka.tools.TopicCommand and the like; java itself expands the star.
    echo "export KAFKA_CLASSPATH='$KAFKA_HOME/libs/*'"
}

kafka_install() {
    command -v java >/dev/null || apt_install openjdk-17-jre-headless
    apt_install kcat
    [[ -e $KAFKA_HOME/complete ]] && return 0
    command -v mvn >/dev/null || apt_install maven
    mkdir -p "$KAFKA_HOME"
    kafka_pom >"$KAFKA_HOME/pom.xml"
    rm -rf "$KAFKA_HOME/libs"
    (cd "$KAFKA_HOME" && mvn -B -q dependency:copy-dependencies -DoutputDirectory=libs)
    touch "$KAFKA_HOME/complete"
}

# The log4j binding is not among Kafka's own dependencies: without it a broker that can't start says nothing.
kafka_pom() {
    cat <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>leadlog</groupId><artifactId>kafka-jars</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$KAFKA_VERSION</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$KAFKA_VERSION</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>$KAFKA_LOG4J</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>$KAFKA_LOG4J</version></dependency>
  </dependencies>
</project>
POM
}

# Under 1,000 requests a second a broker with the parallel collector took a fifth less of the processors than another of the same
# cluster with G1: where there are only two, none is free to collect beside the work. As much heap as Kafka's own scripts give.
kafka_start() {
    local node
    [[ -e $KAFKA_HOME/complete ]] || die "kafka is not installed: .ci/services install kafka"
    kafka_configure
    for node in "${KAFKA_NODES[@]}"; do
        is_running "kafka-$node" && continue
        need_port kafka "$(kafka_port "$node")"
        spawn "kafka-$node" java -Xms256m -Xmx1g -XX:+UseParallelGC -Dlog4j2.configurationFile="$STATE/kafka/log4j2.properties" \
            -cp "$KAFKA_HOME/libs/*" kafka.Kafka "$STATE/kafka/$node.properties"
    done
    for node in "${KAFKA_NODES[@]}"; do
        wait_ready "kafka-$node" 90 kafka_complete "$node"
    done
}

# kafka_complete NODE asks one broker whether it sees all three: a broker's port is open before it is of any use.
kafka_complete() { kcat -m 2 -b "127.0.0.1:$(kafka_port "$1")" -L 2>/dev/null | grep -q ' 3 brokers:'; }

kafka_configure() {
    local node voters='' formats=() job
    mkdir -p "$STATE/kafka"
    kafka_log4j >"$STATE/kafka/log4j2.properties"
    for node in "${KAFKA_NODES[@]}"; do
        voters+="${voters:+,}$node@127.0.0.1:$(kafka_controller_port "$node")"
    done
    for node in "${KAFKA_NODES[@]}"; do
        kafka_properties "$node" "$voters" >"$STATE/kafka/$node.properties"
        [[ -e $STATE/kafka/data-$node/meta.properties ]] && continue
        java -cp "$KAFKA_HOME/libs/*" kafka.tools.StorageTool format -t "$KAFKA_CLUSTER" -c "$STATE/kafka/$node.properties" &
        formats+=($!)
    done
    for job in "${formats[@]}"; do wait "$job"; done
}

# Kafka's defaults, but for what three brokers on one machine need, and what makes tests quick: a group that does
# not wait three seconds for more members, and retention that is looked at every few seconds.
kafka_properties() {
    cat <<PROPERTIES
process.roles=broker,controller
node.id=$1
controller.quorum.voters=$2
listeners=PLAINTEXT://127.0.0.1:$(kafka_port "$1"),CONTROLLER://127.0.0.1:$(kafka_controller_port "$1")
advertised.listeners=PLAINTEXT://127.0.0.1:$(kafka_port "$1")
controller.listener.names=CONTROLLER
log.dirs=$STATE/kafka/data-$1
auto.create.topics.enable=false
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
group.initial.rebalance.delay.ms=0
log.retention.check.interval.ms=5000
PROPERTIES
}

kafka_log4j() {
    cat <<'LOG4J'
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c{1})%n
LOG4J
}

kafka_status() {
    local node
    for node in "${KAFKA_NODES[@]}"; do is_running "kafka-$node" || return 1; done
}

kafka_stop() { halt TERM "${KAFKA_NODES[@]/#/kafka-}"; }

# The data goes, so nobody waits for an orderly shutdown (the last two brokers of three have no quorum to ask for one).
kafka_clean() {
    halt KILL "${KAFKA_NODES[@]/#/kafka-}"
    rm -rf "$STATE/kafka"
}
