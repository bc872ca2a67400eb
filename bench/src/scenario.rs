//! The scenarios: tables, topic, connectors, and how to see that all rows have arrived.

use crate::bare;
use crate::measure::{self, Measured};
use crate::mqtt::{self, Mqtt};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use turnbuckle_tests::db::Database;
use turnbuckle_tests::kafka::{Kafka, Row};
use turnbuckle_tests::private::Private;
use turnbuckle_tests::redis::Redis;
use turnbuckle_tests::search::Search;
use turnbuckle_tests::services;
use turnbuckle_tests::wait_until;
use turnbuckle_tests::worker::Worker;

/// A way of data to measure.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    way: Way,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    SourcePostgres,
    SourceMariaDb,
    SinkInsert,
    SinkUpsert,
    SinkRedis,
    SinkSearch,
    MqttSource,
    MqttSink,
}

impl Scenario {
    /// Does it read the tables, itself or by the topic that was filled from them?
    pub(crate) fn needs_tables(&self) -> bool {
        !matches!(self.way, Way::MqttSource | Way::MqttSink | Way::SinkRedis)
    }
}

/// All scenarios; the sinks read the topic that the PostgreSQL source filled.
pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "jdbc-source-postgresql",
        way: Way::SourcePostgres,
    },
    Scenario {
        name: "jdbc-source-mariadb",
        way: Way::SourceMariaDb,
    },
    Scenario {
        name: "jdbc-sink-postgresql-insert",
        way: Way::SinkInsert,
    },
    Scenario {
        name: "jdbc-sink-postgresql-upsert",
        way: Way::SinkUpsert,
    },
    Scenario {
        name: "redis-sink",
        way: Way::SinkRedis,
    },
    Scenario {
        name: "elasticsearch-sink-insert",
        way: Way::SinkSearch,
    },
    Scenario {
        name: "mqtt-source",
        way: Way::MqttSource,
    },
    Scenario {
        name: "mqtt-sink",
        way: Way::MqttSink,
    },
];

/// Keys and values for Redis: a key per row, 128 characters of text.
fn redis_pair(number: u64) -> (String, String) {
    (format!("reading-{number}"), format!("{number:0>128}"))
}

/// Databases with the rows.
pub(crate) struct Setup {
    rows: u64,
    postgres: Database,
    mariadb: Database,
    kafka: Kafka,
    mqtt: Mqtt,
    /// A server of its own: the one of the tests keeps its log on disk.
    redis: Private,
    topics: String,
}

const LONGEST: Duration = Duration::from_secs(600);

/// Makes the table `readings` in both databases.
async fn fill_tables(rows: u64, postgres: &Database, mariadb: &Database) {
    postgres
        .execute(
            "CREATE TABLE readings (id bigint primary key, sensor int not null, name text not null, \
             x double precision not null, y double precision not null, z real not null, at timestamp not null, \
             note varchar(128) not null)",
        )
        .await;
    postgres
        .execute(&format!(
            "INSERT INTO readings SELECT i, i % 1000, 'sensor ' || i % 1000, i / 7.0, i * 1.5, i / 3.0, \
             timestamp '2026-01-01' + i * interval '1 millisecond', repeat('n', 128) \
             FROM generate_series(1, {rows}) i"
        ))
        .await;
    mariadb
        .execute(
            "CREATE TABLE readings (id bigint primary key, sensor int not null, name varchar(40) not null, \
             x double not null, y double not null, z float not null, at timestamp(3) not null, \
             note varchar(128) not null)",
        )
        .await;
    mariadb
        .execute(&format!(
            "INSERT INTO readings SELECT seq, seq % 1000, concat('sensor ', seq % 1000), seq / 7.0, seq * 1.5, \
             seq / 3.0, timestamp '2026-01-01 00:00:00' + interval seq * 1000 microsecond, repeat('n', 128) \
             FROM seq_1_to_{rows}"
        ))
        .await;
}

impl Setup {
    pub(crate) async fn new(rows: u64, with_tables: bool) -> Self {
        let (postgres, mariadb) = (Database::postgres().await, Database::mariadb().await);
        if with_tables {
            fill_tables(rows, &postgres, &mariadb).await;
        }
        Setup {
            rows,
            postgres,
            mariadb,
            kafka: Kafka::shared(),
            mqtt: Mqtt::start(rows).await,
            redis: Private::redis(&["appendonly no"]).await,
            topics: turnbuckle_tests::unique("bench"),
        }
    }

    fn postgres_url(&self) -> String {
        format!(
            "postgres://postgres@{}/{}",
            services::shared().postgres(),
            self.postgres.name()
        )
    }

    fn mariadb_url(&self) -> String {
        format!("mysql://u:p@{}/{}", services::shared().mariadb(), self.mariadb.name())
    }

    pub(crate) async fn run_bare(&self, scenario: &Scenario) -> Measured {
        match scenario.way {
            Way::SourcePostgres => {
                measure::own(bare::read_postgres(&self.postgres_url(), "readings"))
                    .await
                    .1
            }
            Way::SourceMariaDb => {
                measure::own(bare::read_mariadb(&self.mariadb_url(), "readings"))
                    .await
                    .1
            }
            Way::SinkSearch => {
                let index = format!("{}-bare", self.topics);
                self.empty_index(&index).await;
                let measured = measure::own(bare::bulk(Search::opensearch().url(), &index, self.rows))
                    .await
                    .1;
                assert_eq!(Search::opensearch().count(&index).await, self.rows);
                measured
            }
            Way::SinkInsert | Way::SinkUpsert => {
                let key = if scenario.way == Way::SinkUpsert {
                    "INCLUDING ALL"
                } else {
                    ""
                };
                self.postgres.execute("DROP TABLE IF EXISTS bare").await;
                self.postgres
                    .execute(&format!("CREATE TABLE bare (LIKE readings {key})"))
                    .await;
                measure::own(bare::copy_postgres(&self.postgres_url(), "readings", "bare"))
                    .await
                    .1
            }
            Way::MqttSource => {
                self.mqtt.fill_session(mqtt::BARE).await;
                measure::own(self.mqtt.drain(mqtt::BARE)).await.1
            }
            Way::MqttSink => measure::own(self.mqtt.publish_bare()).await.1,
            Way::SinkRedis => {
                let mut redis = Redis::database(self.redis.services().redis(), 0).await;
                let measured = measure::own(bare::set_redis(&mut redis, (0..self.rows).map(redis_pair)))
                    .await
                    .1;
                redis.ask::<()>(&["FLUSHALL"]).await;
                measured
            }
        }
    }

    /// Makes an empty index for the rows: unlike by default, it is searched only when asked to.
    async fn empty_index(&self, index: &str) {
        let search = Search::opensearch();
        search.request("DELETE", &format!("/{index}"), None).await;
        let settings = json!({"settings": {"refresh_interval": "-1", "number_of_replicas": 0}});
        search.ok("PUT", &format!("/{index}"), Some(&settings)).await;
    }

    pub(crate) async fn run_worker(&self, scenario: &Scenario) -> Measured {
        if scenario.way == Way::SinkRedis {
            let rows = (0..self.rows)
                .map(redis_pair)
                .map(|(key, value)| Row::keyed(key, value));
            self.kafka.produce(&self.topic(scenario.way), rows).await;
        }
        // The end of an MQTT sink shows in its committed offset.
        let flush = if scenario.way == Way::MqttSink { "100" } else { "5000" };
        let worker = Worker::distributed(&[("offset.flush.interval.ms", flush)]).await;
        match scenario.way {
            Way::SinkSearch => self.empty_index(&self.topic(scenario.way)).await,
            Way::MqttSource => self.mqtt.fill_session(mqtt::WORKER).await,
            Way::MqttSink => self.mqtt.fill_topic(&self.kafka).await,
            _ => {}
        }
        let (cpu, start) = (worker.process.cpu_time(), Instant::now());
        let (name, config) = self.connector(scenario);
        worker.rest.create_json(&json!({"name": name, "config": config})).await;
        self.wait_for_all(scenario, &name).await;
        let wall = start.elapsed();
        let measured = Measured {
            wall,
            cpu: worker.process.cpu_time().saturating_sub(cpu),
            peak_bytes: worker.process.peak_rss(),
        };
        worker.rest.remove(&name).await;
        measured
    }

    /// Topic of a source, which the sinks read.
    fn topic(&self, way: Way) -> String {
        let database = match way {
            Way::SourceMariaDb => "mariadb",
            Way::SinkRedis => "redis",
            Way::MqttSource => "mqtt",
            _ => "postgres",
        };
        format!("{}-{database}-readings", self.topics)
    }

    fn connector(&self, scenario: &Scenario) -> (String, Value) {
        let registry = services::shared().registry();
        let mut config = json!({
            "tasks.max": "1",
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "io.confluent.connect.avro.AvroConverter",
            "value.converter.schema.registry.url": registry,
        });
        let way = scenario.way;
        let own = match way {
            Way::SourcePostgres | Way::SourceMariaDb => {
                let database = if way == Way::SourcePostgres {
                    &self.postgres
                } else {
                    &self.mariadb
                };
                json!({
                    "connector.class": "JdbcSource",
                    "connection.url": database.jdbc_url(),
                    "connection.user": database.user(),
                    "connection.password": database.password(),
                    "mode": "incrementing",
                    "incrementing.column.name": "id",
                    "table.whitelist": "readings",
                    "topic.prefix": self.topic(way).trim_end_matches("readings"),
                    "poll.interval.ms": "100",
                })
            }
            Way::SinkSearch => json!({
                "connector.class": "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector",
                "connection.url": Search::opensearch().url(),
                "topics": self.topic(way),
                "key.ignore": "true",
                "read.timeout.ms": "60000",
            }),
            Way::SinkInsert | Way::SinkUpsert => {
                let upsert = way == Way::SinkUpsert;
                json!({
                    "connector.class": "JdbcSink",
                    "connection.url": self.postgres.jdbc_url(),
                    "connection.user": "postgres",
                    "connection.password": "postgres",
                    "topics": self.topic(way),
                    "table.name.format": target(way),
                    "auto.create": "true",
                    "insert.mode": if upsert { "upsert" } else { "insert" },
                    "pk.mode": if upsert { "record_value" } else { "none" },
                    "pk.fields": if upsert { "id" } else { "" },
                })
            }
            Way::MqttSource => self.mqtt.source(&self.topic(way)),
            Way::MqttSink => self.mqtt.sink(),
            Way::SinkRedis => json!({
                "connector.class": "RedisSink",
                "topics": self.topic(way),
                "redis.hosts": self.redis.services().redis(),
                "redis.database": "0",
                "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            }),
        };
        if let (Some(config), Some(own)) = (config.as_object_mut(), own.as_object()) {
            config.extend(own.clone());
        }
        (format!("{}-{}", self.topics, scenario.name), config)
    }

    async fn wait_for_all(&self, scenario: &Scenario, connector: &str) {
        let way = scenario.way;
        match way {
            Way::MqttSink => self.mqtt.wait_for_sink(&self.kafka, connector, LONGEST).await,
            Way::SourcePostgres | Way::SourceMariaDb | Way::MqttSource => {
                let topic = self.topic(way);
                wait_until("all rows in the topic", LONGEST, async || {
                    self.kafka.end_offsets(&topic).await.values().sum::<i64>() as u64 >= self.rows
                })
                .await;
            }
            Way::SinkSearch => {
                let (search, index) = (Search::opensearch(), self.topic(way));
                // Counting documents would make the server gather them first; it knows how many it has taken.
                let path = format!("/{index}/_stats/indexing");
                wait_until("all documents", LONGEST, async || {
                    let stats = search.ok("GET", &path, None).await;
                    stats["_all"]["total"]["indexing"]["index_total"].as_u64() >= Some(self.rows)
                })
                .await;
                assert_eq!(search.count(&index).await, self.rows);
            }
            Way::SinkInsert | Way::SinkUpsert => {
                // Looking for the last row reads the whole table, so it waits until the table is about as large as it will be.
                let table = target(way);
                let nearly = format!(
                    "SELECT count(*) FROM pg_class WHERE relname = '{table}' \
                     AND pg_relation_size(oid) >= 0.95 * pg_relation_size('readings')"
                );
                let last = format!("SELECT count(*) FROM {table} WHERE id = {}", self.rows);
                for (what, query) in [("most rows in the table", nearly), ("the last row in the table", last)] {
                    wait_until(what, LONGEST, async || {
                        self.postgres
                            .try_rows(&query)
                            .await
                            .is_ok_and(|rows| rows[0][0].as_deref() == Some("1"))
                    })
                    .await;
                }
                assert_eq!(self.postgres.count(target(way)).await, self.rows);
            }
            Way::SinkRedis => {
                let mut redis = Redis::database(self.redis.services().redis(), 0).await;
                let (last, _) = redis_pair(self.rows - 1);
                wait_until("the last key in Redis", LONGEST, async || {
                    redis.try_ask::<bool>(&["EXISTS", &last]).await.unwrap_or(false)
                })
                .await;
            }
        }
    }
}

fn target(way: Way) -> &'static str {
    if way == Way::SinkUpsert {
        "worker_upsert"
    } else {
        "worker_insert"
    }
}
