//! The line to a server, or to the nodes of a cluster: replaced when it is lost, and when it gives no answers.
//!
//! A connection that was closed is noticed and made again by the client. One whose other end has vanished without a word
//! (a machine without power, a rule in between that drops what it does not know) looks like a slow server for many
//! minutes. So an answer that does not come in time costs the connection: the next step gets a new one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionLike, ConnectionManager, MultiplexedConnection};
use redis::{Client, Cmd, FromRedisValue, RedisError, RedisResult, Value};

use super::options::RedisOptions;

#[derive(Clone)]
pub(super) struct Line(Arc<Ends>);

struct Ends {
    options: RedisOptions,
    client: Client,
    kind: Kind,
    /// Those that nobody waits on just now, by the node they lead to: to make one costs a server more than to ask on it, with TLS
    /// much more, and who waits asks every other second.
    spare: Mutex<HashMap<String, Vec<MultiplexedConnection>>>,
}

/// So many are kept for each node.
const SPARE: usize = 8;

enum Kind {
    /// One server, and how many lines to it there were before.
    One(Mutex<(u64, ConnectionManager)>),
    #[cfg(feature = "redis-cluster")]
    Many(redis::cluster_async::ClusterConnection),
}

impl Line {
    pub(super) fn to_server(options: RedisOptions, client: Client) -> RedisResult<Self> {
        let kind = Kind::One(Mutex::new((0, options.manager(&client)?)));
        Ok(Self(Arc::new(Ends { options, client, kind, spare: Mutex::default() })))
    }

    /// The same for all nodes of the cluster that the server belongs to.
    #[cfg(feature = "redis-cluster")]
    pub(super) async fn to_cluster(&self) -> RedisResult<Self> {
        let Ends { options, client, .. } = &*self.0;
        let kind = Kind::Many(options.cluster(client.get_connection_info().clone()).await?);
        let (options, client) = (options.clone(), client.clone());
        Ok(Self(Arc::new(Ends { options, client, kind, spare: Mutex::default() })))
    }

    /// Whether there is more than one server at the other end.
    pub(super) fn is_to_many(&self) -> bool {
        !matches!(self.0.kind, Kind::One(_))
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let value = match &self.0.kind {
            Kind::One(line) => {
                let (number, mut manager) = line.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let answer = manager.req_packed_command(command).await;
                if answer.as_ref().is_err_and(RedisError::is_timeout) {
                    self.replace(line, number)?;
                }
                answer?
            }
            #[cfg(feature = "redis-cluster")]
            Kind::Many(cluster) => cluster.clone().req_packed_command(command).await?,
        };
        // An error may also come as a value.
        Ok(T::from_redis_value(value.extract_error()?)?)
    }

    /// Asks for several things at once.
    pub(super) async fn ask_all<T: FromRedisValue>(&self, commands: &redis::Pipeline) -> RedisResult<T> {
        match &self.0.kind {
            Kind::One(line) => {
                let (number, mut manager) = line.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let answer = commands.query_async(&mut manager).await;
                if answer.as_ref().is_err_and(RedisError::is_timeout) {
                    self.replace(line, number)?;
                }
                answer
            }
            #[cfg(feature = "redis-cluster")]
            Kind::Many(cluster) => commands.query_async(&mut cluster.clone()).await,
        }
    }

    /// Another line in the place of this one, unless that was done.
    fn replace(&self, line: &Mutex<(u64, ConnectionManager)>, number: u64) -> RedisResult<()> {
        let fresh = self.0.options.manager(&self.0.client)?;
        let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
        if line.0 == number {
            *line = (number + 1, fresh);
        }
        Ok(())
    }

    /// Asks what takes up to so much longer, on a connection of its own: who waits holds up everybody on the same one. In a cluster
    /// the node is asked that has the key.
    pub(super) async fn ask_slowly(&self, command: &Cmd, longer: Duration) -> RedisResult<Value> {
        let answer = self.ask_apart("", || Ok(self.0.client.clone()), command, longer).await;
        let error = match answer {
            Err(error) if self.is_to_many() => error,
            answer => return answer,
        };
        let Some((node, client)) =
            error.redirect_node().and_then(|(node, _)| Some((node.to_owned(), self.elsewhere(node)?)))
        else {
            return Err(error);
        };
        self.ask_apart(&node, || client, command, longer).await
    }

    /// Asks on a connection that nobody else has meanwhile. Who stops waiting takes it along: an answer may still come on it.
    async fn ask_apart(
        &self,
        node: &str,
        client: impl FnOnce() -> RedisResult<Client>,
        command: &Cmd,
        longer: Duration,
    ) -> RedisResult<Value> {
        let Ends { options, .. } = &*self.0;
        let spare = || self.0.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = spare().get_mut(node).and_then(Vec::pop);
        if let Some(mut line) = kept {
            line.set_response_timeout(options.longer(longer));
            let answer = self.ask_on(node, line, command).await;
            match &answer {
                // It was started again since, and all others lead nowhere too.
                Err(error) if error.is_unrecoverable_error() && !error.is_timeout() => {}
                _ => return answer,
            }
            spare().remove(node);
        }
        let line = client()?.get_multiplexed_async_connection_with_config(&options.slower(longer)).await?;
        self.ask_on(node, line, command).await
    }

    async fn ask_on(&self, node: &str, mut line: MultiplexedConnection, command: &Cmd) -> RedisResult<Value> {
        let answer = line.req_packed_command(command).await;
        let answer = answer?;
        // It has answered, and nothing is outstanding on it.
        let mut spare = self.0.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = spare.entry(node.to_owned()).or_default();
        if kept.len() < SPARE {
            kept.push(line);
        }
        drop(spare);
        answer.extract_error()
    }

    /// Another node of the cluster, reached as the first one is.
    fn elsewhere(&self, node: &str) -> Option<RedisResult<Client>> {
        use redis::ConnectionAddr::{Tcp, TcpTls};
        let (host, port) = node.rsplit_once(':')?;
        let (host, port) = (host.to_owned(), port.parse().ok()?);
        let info = self.0.client.get_connection_info();
        let address = match info.addr() {
            TcpTls { insecure, tls_params, .. } => {
                TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
            }
            _ => Tcp(host, port),
        };
        Some(Client::open(info.clone().set_addr(address)))
    }
}
