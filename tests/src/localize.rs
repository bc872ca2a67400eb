//! Makes checked-in configurations local: they name the hosts of a compose network.

use crate::services::{self, Services};

/// A server with the host names and the port that configurations use for it, and the setting with its local address.
struct Host {
    names: &'static [&'static str],
    port: &'static str,
    setting: &'static str,
}

const HOSTS: &[Host] = &[
    Host {
        names: &["broker", "kafka"],
        port: "29092",
        setting: "KAFKA",
    },
    Host {
        names: &["broker", "kafka", "localhost"],
        port: "9092",
        setting: "KAFKA",
    },
    Host {
        names: &["postgres", "postgresql", "localhost"],
        port: "5432",
        setting: "PG",
    },
    Host {
        names: &["mariadb", "mysql", "localhost"],
        port: "3306",
        setting: "MARIADB",
    },
    Host {
        names: &["redis", "localhost"],
        port: "6379",
        setting: "REDIS",
    },
    Host {
        names: &["mosquitto", "mqtt", "localhost"],
        port: "1883",
        setting: "MQTT",
    },
    Host {
        names: &["elasticsearch", "opensearch", "localhost"],
        port: "9200",
        setting: "OPENSEARCH",
    },
];

/// The registry is named by a URL, and the local one answers below a path.
const REGISTRIES: &[&str] = &[
    "http://schema-registry:8081",
    "http://registry:8081",
    "http://localhost:8081",
];

/// Replaces `host:port` of the known servers, the registry's URL and `${KEY}` placeholders of the shared services'
/// settings (`${KAFKA}`, `${PG}`, …). Anything else stays as it is, also `${file:…}` of the config providers.
pub fn localize(text: &str) -> String {
    localize_for(text, services::shared())
}

/// [`localize`] for other servers than the shared ones; what does not run there is not replaced.
pub fn localize_for(text: &str, services: &Services) -> String {
    let mut text = text.to_owned();
    for (key, value) in services.settings() {
        text = text.replace(&format!("${{{key}}}"), value);
    }
    if let Some(url) = services.find("REGISTRY") {
        for name in REGISTRIES {
            text = replace_address(&text, name, url);
        }
    }
    for host in HOSTS {
        let Some(address) = services.find(host.setting) else {
            continue;
        };
        for name in host.names {
            text = replace_address(&text, &format!("{name}:{}", host.port), address);
            // A database URL may leave its usual port out.
            if *name != "localhost" {
                text = text.replace(&format!("//{name}/"), &format!("//{address}/"));
            }
        }
    }
    text
}

/// Replaces an address where it stands alone: not inside a longer host name or port.
fn replace_address(text: &str, address: &str, local: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(address) {
        let (before, found) = rest.split_at(start);
        let after = &found[address.len()..];
        let continues_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let inside = before.ends_with(continues_name) || after.starts_with(|c: char| c.is_ascii_digit());
        result.push_str(before);
        result.push_str(if inside { address } else { local });
        rest = after;
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_only_whole_addresses() {
        let services = Services::parse(
            "KAFKA=127.0.0.1:1\nREGISTRY=http://127.0.0.1:2/apis/ccompat/v7\nPG=127.0.0.1:3\nMARIADB=127.0.0.1:4\n",
        );
        let cases = [
            ("broker:29092", "127.0.0.1:1"),
            ("broker:9092,broker:29092", "127.0.0.1:1,127.0.0.1:1"),
            ("my-broker:9092", "my-broker:9092"),
            ("broker:90921", "broker:90921"),
            (
                r#""http://schema-registry:8081""#,
                r#""http://127.0.0.1:2/apis/ccompat/v7""#,
            ),
            ("jdbc:mysql://mariadb:3306/tfl?a=b", "jdbc:mysql://127.0.0.1:4/tfl?a=b"),
            ("jdbc:postgresql://postgres/db", "jdbc:postgresql://127.0.0.1:3/db"),
            (r#""connection.user": "postgres""#, r#""connection.user": "postgres""#),
            (
                "${KAFKA} ${file:/a:KAFKA} ${OTHER}",
                "127.0.0.1:1 ${file:/a:KAFKA} ${OTHER}",
            ),
            ("redis:6379", "redis:6379"),
        ];
        for (text, expected) in cases {
            assert_eq!(localize_for(text, &services), expected, "{text}");
        }
    }
}
