//! How a server is reached: settings, the first look at it, and the line itself.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo, RedisResult};

use super::Redis;
use super::refusal::engine;
use crate::store::StoreError;

/// How to reach Redis or Valkey: an address, patience, and whom to trust.
///
/// ```no_run
/// # async fn f(authority: Vec<u8>) -> Result<(), headcount_cluster::StoreError> {
/// use std::time::Duration;
///
/// let engine = headcount_cluster::RedisOptions::new("rediss://worker:secret@engine.example:6380")
///     .answer_within(Duration::from_secs(2))
///     .trust(authority)
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Addresses
///
/// `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, the same with `rediss://` for TLS (feature `tls`), and `redis+unix:///PATH`. Any node of
/// a Redis Cluster will do (feature `redis-cluster`): that it is one is seen, and each group is asked for where it is.
#[derive(Clone)]
pub struct RedisOptions {
    url: String,
    pub(super) answer: Duration,
    pub(super) connect: Duration,
    #[cfg(feature = "tls")]
    authority: Option<Vec<u8>>,
    #[cfg(feature = "tls")]
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl std::fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may have a password in it.
        f.debug_struct("RedisOptions")
            .field("answer", &self.answer)
            .field("connect", &self.connect)
            .finish_non_exhaustive()
    }
}

impl RedisOptions {
    /// A server at this address; five seconds for an answer, and five for a connection.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        let patience = Duration::from_secs(5);
        Self {
            url: url.into(),
            answer: patience,
            connect: patience,
            #[cfg(feature = "tls")]
            authority: None,
            #[cfg(feature = "tls")]
            identity: None,
        }
    }

    /// How long a step may take until it is given up, and whether it was done is not known. Less than a third of a group's lease, or
    /// a server that hangs costs leases.
    #[must_use]
    pub fn answer_within(mut self, time: Duration) -> Self {
        self.answer = time;
        self
    }

    /// How long a connection may take to be made.
    #[must_use]
    pub fn connect_within(mut self, time: Duration) -> Self {
        self.connect = time;
        self
    }

    /// With TLS: trusts servers whose certificate comes from these authorities (PEM), and no others. Without it those that the
    /// machine trusts are.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn trust(mut self, authorities: impl Into<Vec<u8>>) -> Self {
        self.authority = Some(authorities.into());
        self
    }

    /// With TLS: says who we are, by this certificate and its key (PEM).
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn identify(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity = Some((certificate.into(), key.into()));
        self
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// [`StoreError::Engine`] when the server cannot be reached, [`StoreError::Refused`] when it turns us away or the address is none,
    /// and [`StoreError::Evicts`] when it may throw groups away to make room.
    pub async fn connect(self) -> Result<Redis, StoreError> {
        let failed = engine("connect");
        let info = self.url.as_str().into_connection_info().map_err(&failed)?;
        let client = self.client(info).map_err(&failed)?;
        Redis::over(self, client).await
    }

    /// Whoever connects to this address, by these settings.
    pub(super) fn client(&self, info: ConnectionInfo) -> RedisResult<Client> {
        #[cfg(feature = "tls")]
        if matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. }) {
            // The program may have chosen; if it has not, somebody has to.
            if rustls::crypto::CryptoProvider::get_default().is_none() {
                let _ = rustls::crypto::ring::default_provider().install_default();
            }
            if self.authority.is_some() || self.identity.is_some() {
                return Client::build_with_tls(info, self.certificates());
            }
        }
        Client::open(info)
    }

    #[cfg(feature = "tls")]
    fn certificates(&self) -> redis::TlsCertificates {
        let client_tls = self.identity.clone();
        redis::TlsCertificates {
            client_tls: client_tls
                .map(|(client_cert, client_key)| redis::ClientTlsConfig { client_cert, client_key }),
            root_cert: self.authority.clone(),
        }
    }

    /// A connection that comes back by itself when it was lost. It is made when it is first used.
    pub(super) fn manager(&self, client: &Client) -> RedisResult<ConnectionManager> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(self.connect))
            .set_response_timeout(Some(self.answer))
            // Whoever asks knows whether and when to ask again.
            .set_number_of_retries(0);
        ConnectionManager::new_lazy_with_config(client.clone(), config)
    }

    /// For a connection whose answers may take this much longer.
    pub(super) fn slower(&self, by: Duration) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect))
            .set_response_timeout(Some(self.longer(by)))
    }

    /// How long such an answer may take.
    pub(super) fn longer(&self, by: Duration) -> Duration {
        self.answer.saturating_add(by)
    }

    /// A connection to all nodes of a cluster.
    #[cfg(feature = "redis-cluster")]
    pub(super) async fn cluster(
        &self,
        info: ConnectionInfo,
    ) -> RedisResult<redis::cluster_async::ClusterConnection> {
        let builder = redis::cluster::ClusterClient::builder([info])
            .retries(3)
            .connection_timeout(self.connect)
            .response_timeout(self.answer)
            // With those retries; beyond that whoever asks is told.
            .overall_response_timeout(Some(self.answer));
        #[cfg(feature = "tls")]
        let builder = if self.authority.is_some() || self.identity.is_some() {
            builder.certs(self.certificates())
        } else {
            builder
        };
        builder.build()?.get_async_connection().await
    }
}
