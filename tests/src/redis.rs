//! A Redis server, to look into.

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, RedisResult};

/// A connection to one database of a server.
#[derive(Clone)]
pub struct Redis(MultiplexedConnection);

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redis")
    }
}

impl Redis {
    /// Connects to a URL such as `redis://user:password@host:port/database`.
    ///
    /// # Panics
    /// When that is not possible.
    pub async fn at(url: &str) -> Self {
        let connected = async { redis::Client::open(url)?.get_multiplexed_async_connection().await };
        match connected.await {
            Ok(connection) => Self(connection),
            Err(e) => panic!("cannot connect to {url}: {e}"),
        }
    }

    /// Database `number` of the server at `host:port`.
    pub async fn database(address: &str, number: u32) -> Self {
        Self::at(&format!("redis://{address}/{number}")).await
    }

    /// The answer to a command given as words.
    ///
    /// # Panics
    /// When the server refuses it or is away.
    pub async fn ask<T: FromRedisValue>(&mut self, words: &[&str]) -> T {
        self.try_ask(words).await.unwrap_or_else(|e| panic!("{words:?}: {e}"))
    }

    /// [`Redis::ask`] for a server that may refuse or be away.
    ///
    /// # Errors
    /// The server's or the connection's.
    pub async fn try_ask<T: FromRedisValue>(&mut self, words: &[&str]) -> RedisResult<T> {
        let mut command = redis::Cmd::new();
        command.arg(words);
        command.query_async(&mut self.0).await
    }

    /// Sends SETs as one pipeline and waits for the replies.
    ///
    /// # Panics
    /// When the server refuses one.
    pub async fn set_all<K: AsRef<[u8]>, V: AsRef<[u8]>>(&mut self, pairs: &[(K, V)]) {
        let mut pipeline = redis::Pipeline::with_capacity(pairs.len());
        for (key, value) in pairs {
            pipeline.cmd("SET").arg(key.as_ref()).arg(value.as_ref());
        }
        let done: RedisResult<()> = pipeline.exec_async(&mut self.0).await;
        done.unwrap_or_else(|e| panic!("cannot set {} keys: {e}", pairs.len()));
    }
}
