# A real Apache Kafka 4.3.0 (KRaft, one node, loopback only) out of Maven's jars, for the scripts
# beside this folder. It is sourced:
#
#   . "$(dirname "${BASH_SOURCE[0]}")/lib/kafka.sh"
#   start_kafka "$work"          # sets KAFKA (bootstrap address) and KAFKA_JARS (a folder of jars);
#                                # further arguments are lines for server.properties
#   trap 'stop_kafka; rm -rf "$work"' EXIT
#   topic orders --config compression.type=zstd
#
# It needs Java 17 or newer and Maven on the path.

KAFKA_VERSION=4.3.0

start_kafka() {
  local home=$1/kafka
  shift
  mkdir -p "$home"
  KAFKA_JARS=$home/jars
  _kafka_files "$home"
  printf '%s\n' "$@" >>"$home/server.properties"
  (
    cd "$home"
    mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=jars >maven.log
    _kafka java kafka.tools.StorageTool format -c server.properties \
      -t "$(python3 -c 'import uuid,base64;print(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[:22])')" \
      >format.log
  )
  (cd "$home" && exec java -Xms128m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -Dlog4j2.configurationFile=log.xml -cp "$KAFKA_JARS/*" kafka.Kafka server.properties \
    >broker.log 2>&1) &
  KAFKA_PID=$!
  for _ in $(seq 120); do
    if grep -q 'Kafka Server started' "$home/broker.log" 2>/dev/null; then return; fi
    kill -0 "$KAFKA_PID" 2>/dev/null || break
    sleep 0.5
  done
  echo "the broker did not start:" >&2
  tail -20 "$home/broker.log" >&2
  return 1
}

stop_kafka() {
  [ -n "${KAFKA_PID:-}" ] || return 0
  kill "$KAFKA_PID" 2>/dev/null || true
  wait "$KAFKA_PID" 2>/dev/null || true
  KAFKA_PID=
}

# topic NAME [options of kafka-topics]: one partition unless the options say otherwise.
topic() {
  _kafka java org.apache.kafka.tools.TopicCommand --bootstrap-server "$KAFKA" --create \
    --topic "$@" >/dev/null
}

# run_java FILE.java [arguments]: a one-file program against Kafka's own client jars.
run_java() {
  _kafka java "$@"
}

_kafka() {
  local program=$1
  shift
  "$program" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -Dlog4j2.configurationFile="${KAFKA_JARS%/jars}/quiet.xml" -cp "$KAFKA_JARS/*" "$@"
}

_kafka_files() {
  local ports
  read -r -a ports < <(python3 - <<'PY'
import socket

socks = [socket.socket() for _ in range(2)]
for sock in socks:
    sock.bind(("127.0.0.1", 0))
print(*(sock.getsockname()[1] for sock in socks))
PY
  )
  KAFKA=127.0.0.1:${ports[0]}
  cat >"$1/pom.xml" <<XML
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>findings</groupId>
  <artifactId>broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>$KAFKA_VERSION</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-tools</artifactId>
      <version>$KAFKA_VERSION</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>2.24.3</version>
    </dependency>
  </dependencies>
  <build>
    <plugins>
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-dependency-plugin</artifactId>
        <version>3.8.1</version>
      </plugin>
    </plugins>
  </build>
</project>
XML
  _kafka_log INFO >"$1/log.xml"
  _kafka_log ERROR >"$1/quiet.xml"
  cat >"$1/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${ports[1]}
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENT
listeners=CLIENT://127.0.0.1:${ports[0]},CONTROLLER://127.0.0.1:${ports[1]}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
PROPERTIES
}

_kafka_log() {
  cat <<XML
<Configuration status="ERROR">
  <Appenders><Console name="out" target="SYSTEM_OUT"/></Appenders>
  <Loggers><Root level="$1"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
XML
}
