# Kafka Connect with Debezium's JDBC sink: what benchmarks compare the lead table's catch-up with. Jars from Maven Central.
# shellcheck shell=bash

DEBEZIUM_VERSION=3.5.0.Final
CONNECT_HOME=$CACHE/connect-$KAFKA_VERSION-debezium-$DEBEZIUM_VERSION

# For java -cp "$CONNECT_CLASSPATH" org.apache.kafka.connect.cli.ConnectStandalone, with plugin.path=$CONNECT_PLUGINS.
connect_env() {
    echo "export CONNECT_CLASSPATH='$CONNECT_HOME/libs/*'"
    echo "export CONNECT_PLUGINS='$CONNECT_HOME/plugins'"
}

connect_install() {
    command -v java >/dev/null || apt_install openjdk-17-jre-headless
    [[ -e $CONNECT_HOME/complete ]] && return 0
    command -v mvn >/dev/null || apt_install maven
    rm -rf "$CONNECT_HOME"
    mkdir -p "$CONNECT_HOME"
    connect_pom runtime org.apache.kafka:connect-runtime:"$KAFKA_VERSION" \
        org.apache.logging.log4j:log4j-slf4j-impl:"$KAFKA_LOG4J" \
        org.apache.logging.log4j:log4j-core:"$KAFKA_LOG4J" >"$CONNECT_HOME/runtime.xml"
    connect_pom sink io.debezium:debezium-connector-jdbc:"$DEBEZIUM_VERSION" >"$CONNECT_HOME/sink.xml"
    connect_copy runtime libs
    connect_copy sink plugins/debezium-jdbc
    # What both have, the runtime's counts: two Jacksons or two Kafka clients in one worker don't know each other's classes.
    (cd "$CONNECT_HOME/plugins/debezium-jdbc" &&
        rm -f jackson-annotations-* jackson-core-* jackson-databind-* kafka-clients-* connect-api-* slf4j-api-*)
    touch "$CONNECT_HOME/complete"
}

connect_copy() {
    (cd "$CONNECT_HOME" && mvn -B -q -f "$1.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$2")
}

# connect_pom NAME GROUP:ARTIFACT:VERSION... is a throw-away pom with these dependencies.
connect_pom() {
    local name=$1 group artifact version each
    shift
    echo '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
    echo "<groupId>leadlog</groupId><artifactId>connect-$name</artifactId><version>1</version><packaging>pom</packaging>"
    echo '<dependencies>'
    for each; do
        IFS=: read -r group artifact version <<<"$each"
        echo "<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$version</version></dependency>"
    done
    echo '</dependencies></project>'
}
