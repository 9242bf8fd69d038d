//! Where the store is, as a person writes it.

use std::fmt;

use redis::{ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

/// The port of an address that names none.
const PORT: u16 = 6379;

/// An address that cannot be used. The address itself is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the address of the store cannot be used: {0}")]
pub struct AddressError(String);

/// The address of one server, or of some nodes of a cluster: `redis://[user[:password]@]host[:port][/database]`, with TLS
/// `rediss://…`; `redis+cluster://[user[:password]@]host[:port],host[:port]`, with TLS `rediss+cluster://…`.
///
/// Shown without user and password.
#[derive(Clone)]
pub struct Address {
    cluster: bool,
    nodes: Vec<ConnectionInfo>,
}

impl Address {
    /// Reads an address; `password` takes the place of one in the address.
    ///
    /// # Errors
    /// One sentence that repeats nothing secret.
    pub fn parse(text: &str, password: Option<&str>) -> Result<Self, AddressError> {
        let fault = |what: &str| AddressError(what.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(|| fault("it has no scheme such as redis://"))?;
        let (single, cluster) = match scheme {
            "redis" | "rediss" => (scheme, false),
            "redis+cluster" => ("redis", true),
            "rediss+cluster" => ("rediss", true),
            _ => {
                return Err(fault("its scheme is not one of redis, rediss (with TLS), redis+cluster, rediss+cluster"));
            }
        };
        let (user, hosts) = rest.rsplit_once('@').map_or(("", rest), |(user, hosts)| (user, hosts));
        let credentials = if user.is_empty() { String::new() } else { format!("{user}@") };
        if cluster && hosts.contains('/') {
            return Err(fault("a cluster has one database only: it must not end in /database"));
        }
        // Only a cluster has several; a comma in a single address is then part of a host that does not exist.
        let hosts: Vec<&str> = if cluster { hosts.split(',').map(str::trim).collect() } else { vec![hosts] };
        let nodes = hosts.into_iter().map(|host| {
            if host.is_empty() {
                return Err(fault("a host is missing"));
            }
            // What a parser says of a text that may hold a password is not repeated.
            let info = format!("{single}://{credentials}{host}")
                .into_connection_info()
                .map_err(|_| fault("it does not read as scheme://[user[:password]@]host[:port][/database]"))?;
            let mut settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
            if let Some(password) = password {
                settings = settings.set_password(password);
            }
            Ok(info.set_redis_settings(settings))
        });
        Ok(Self { cluster, nodes: nodes.collect::<Result<_, _>>()? })
    }

    /// Whether it names a cluster.
    pub const fn is_cluster(&self) -> bool {
        self.cluster
    }

    /// The nodes it names: one, or some of a cluster.
    pub(super) fn nodes(&self) -> &[ConnectionInfo] {
        &self.nodes
    }

    /// Whether connections are encrypted.
    pub(super) fn has_tls(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.addr(), redis::ConnectionAddr::TcpTls { .. }))
    }
}

/// Host and port of a node, for messages and as a name.
pub(super) fn host_and_port(node: &ConnectionInfo) -> (String, u16) {
    match node.addr() {
        redis::ConnectionAddr::Tcp(host, port) | redis::ConnectionAddr::TcpTls { host, port, .. } => {
            (host.clone(), *port)
        }
        other => (other.to_string(), PORT),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.has_tls(), self.cluster) {
            (false, false) => "redis",
            (true, false) => "rediss",
            (false, true) => "redis+cluster",
            (true, true) => "rediss+cluster",
        };
        write!(formatter, "{scheme}://")?;
        for (number, node) in self.nodes.iter().enumerate() {
            let (host, port) = host_and_port(node);
            write!(formatter, "{}{host}:{port}", if number > 0 { "," } else { "" })?;
        }
        match self.nodes.first().map_or(0, |node| node.redis_settings().db()) {
            0 => Ok(()),
            database => write!(formatter, "/{database}"),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_secrets() {
        for (text, shown) in [
            ("redis://127.0.0.1", "redis://127.0.0.1:6379"),
            ("redis://gloed:s%40cret@db.example:7000/3", "redis://db.example:7000/3"),
            ("rediss://db.example:7000", "rediss://db.example:7000"),
            ("redis+cluster://gloed:secret@a:1,b:2, c", "redis+cluster://a:1,b:2,c:6379"),
            ("rediss+cluster://a:1", "rediss+cluster://a:1"),
        ] {
            let address = Address::parse(text, None).unwrap();
            assert_eq!(address.to_string(), shown);
            assert!(!format!("{address:?}").contains("cret"));
        }
    }

    #[test]
    fn users_and_passwords_reach_every_node_and_a_given_password_wins() {
        let address = Address::parse("redis+cluster://gloed:s%40cret@a:1,b:2", None).unwrap();
        for node in address.nodes() {
            let settings = node.redis_settings();
            assert_eq!((settings.username(), settings.password()), (Some("gloed"), Some("s@cret")));
        }
        let address = Address::parse("redis://gloed:secret@a:1", Some("other")).unwrap();
        assert_eq!(address.nodes()[0].redis_settings().password(), Some("other"));
    }

    #[test]
    fn what_cannot_be_used_is_refused_in_a_sentence_without_secrets() {
        for (text, part) in [
            ("gloed:secret@db.example", "no scheme"),
            ("http://gloed:secret@db.example", "is not one of"),
            ("redis+cluster://gloed:secret@a:1/2", "one database only"),
            ("redis+cluster://gloed:secret@a:1,", "a host is missing"),
            ("redis://gloed:secret@", "a host is missing"),
            ("redis://gloed:secret@db.example:port", "does not read as"),
        ] {
            let error = Address::parse(text, None).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("secret") && !error.contains("gloed"), "{error}");
        }
    }
}
