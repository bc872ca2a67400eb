//! Parameters of the Java drivers that change nothing here, and small parsers of parameter values.

use crate::url::Driver;

/// Parameters that tune how the Java drivers work inside; the native clients have no such switch, or always do it.
const WITHOUT_EFFECT: &[&str] = &[
    // pgjdbc
    "adaptivefetch",
    "adaptivefetchmaximum",
    "adaptivefetchminimum",
    "allowencodingchanges",
    "assumeminserverversion",
    "autosave",
    "binarytransfer",
    "binarytransferdisable",
    "binarytransferenable",
    "cancelsignaltimeout",
    "cleanupsavepoints",
    "databasemetadatacachefields",
    "databasemetadatacachefieldsmib",
    "defaultrowfetchsize",
    "disablecolumnsanitiser",
    "escapesyntaxcallmode",
    "gssencmode",
    "hostrecheckseconds",
    "loadbalancehosts",
    "loggerfile",
    "loggerlevel",
    "logserverererrordetail",
    "logservererrordetail",
    "logunclosedconnections",
    "maxresultbuffer",
    "prepare_threshold",
    "preparethreshold",
    "preparedstatementcachequeries",
    "preparedstatementcachesizemib",
    "prefer_query_mode",
    "preferquerymode",
    "protocolversion",
    "quotereturningidentifiers",
    "rawtextmode",
    "receivebuffersize",
    "replication",
    "rewritebatchedinserts",
    "sendbuffersize",
    "tcpkeepalive",
    "tcpnodelay",
    "unknownlength",
    "targetservertype",
    // MySQL and MariaDB
    "allowmasterdownconnection",
    "allowmultiqueries",
    "allowpublickeyretrieval",
    "autoreconnect",
    "autoreconnectforpools",
    "cachecallablestmts",
    "cacheprepstmts",
    "cacheresultsetmetadata",
    "cacheserverconfiguration",
    "characterencoding",
    "characterencodingresults",
    "charactersetresults",
    "connectioncollation",
    "connectiontimezone",
    "databaseterm",
    "defaultfetchsize",
    "disablemariadbdriver",
    "dontcheckonduplicatekeyupdateinselect",
    "elideseteautocommits",
    "elidesetautocommits",
    "emulateunsupportedpstmts",
    "enabledsslprotocolsuites",
    "enabledtlsprotocols",
    "enablequerytimeouts",
    "failoverreadonly",
    "forceconnectiontimezonetosession",
    "holdresultsopenoverstatementclose",
    "logger",
    "maintaintimestats",
    "maxreconnects",
    "nullcatalogmeanscurrent",
    "noaccesstoprocedurebodies",
    "nodatetimestringsync",
    "nullnamepatternmatchesall",
    "permitmysqlscheme",
    "pool",
    "prepstmtcachesize",
    "prepstmtcachesqllimit",
    "preserveinstants",
    "profilesql",
    "rewritebatchedstatements",
    "sendfractionalseconds",
    "servertimezone",
    "tcprcvbuf",
    "tcpsndbuf",
    "tlsversions",
    "treatutildateastimestamp",
    "usebatchmultisend",
    "usebulkstmts",
    "usecompression",
    "useconfigs",
    "usecursorfetch",
    "useinformationschema",
    "usejdbccomplianttimezoneshift",
    "uselegacydatetimecode",
    "uselocalsessionstate",
    "uselocaltransactionstate",
    "usemysqlmetadata",
    "useoldaliasmetadatabehavior",
    "usereadaheadinput",
    "useserverprepstmts",
    "usetimezone",
    "useunicode",
    "useusageadvisor",
    // sqlite-jdbc
    "date_string_format",
    "encoding",
    "enable_load_extension",
    "limit_attached",
    "transaction_mode",
];

/// Says once why a parameter is passed over.
pub(super) fn ignore(driver: Driver, lower: &str, name: &str) {
    if WITHOUT_EFFECT.contains(&lower) {
        tracing::info!(
            driver = driver.name(),
            parameter = name,
            "connection parameter has no effect on the native client; ignored"
        );
        return;
    }
    tracing::warn!(
        driver = driver.name(),
        parameter = name,
        "unknown connection parameter; ignored"
    );
}

/// Parameters whose value is never shown.
pub(super) fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.contains("password") || lower.contains("secret") || lower.contains("token")
}

/// `-c name=value -cname=value --name=value`, as PostgreSQL's start-up packet has it.
pub(super) fn startup_options(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let assignment = match word {
            "-c" => words.next(),
            _ => word.strip_prefix("-c").or_else(|| word.strip_prefix("--")),
        };
        if let Some((name, value)) = assignment.and_then(|pair| pair.split_once('=')) {
            found.push((name.to_string(), value.to_string()));
        }
    }
    found
}

/// `a=1,b='x,y'`: comma-separated outside quotes.
pub(super) fn session_variables(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match (c, quote) {
            (',' | ';', None) => {
                found.push(String::new());
                continue;
            }
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
        if let Some(last) = found.last_mut() {
            last.push(c);
        }
    }
    found
        .iter()
        .map(|one| one.trim().to_string())
        .filter(|one| !one.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_apart() {
        let options = startup_options("-c search_path=a -cwork_mem=4MB --jit=off nonsense");
        let options: Vec<(&str, &str)> = options.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(options, [("search_path", "a"), ("work_mem", "4MB"), ("jit", "off")]);
        assert_eq!(session_variables("a=1, b='x,y';c=2"), ["a=1", "b='x,y'", "c=2"]);
    }
}
