//! Who an engine has to be, and who we are, where both are said by certificates: for `rediss://`.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use headcount_cluster::RedisOptions;

use crate::args::TrustArgs;
use crate::legible;
use crate::refusal::Refusal;

/// Certificates that were read, as they stand in their files (PEM). Never shown: one of them is a key.
#[derive(Clone, Default)]
pub(super) struct Trust {
    authorities: Option<Vec<u8>>,
    /// Our certificate, and its key.
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Trust {
    /// Reads what was given, for an engine that is spoken to in secret or not.
    pub(super) fn read(given: &TrustArgs, is_secret: bool) -> Result<Self, Refusal> {
        let flags = [
            ("--engine-ca", &given.engine_ca),
            ("--engine-cert", &given.engine_cert),
            ("--engine-key", &given.engine_key),
        ];
        let [authorities, certificate, key] = flags.map(|(flag, path)| {
            let Some(path) = path else { return Ok(None) };
            if !is_secret {
                // Nothing would be checked, and whoever gave it relies on that.
                return Err(Refusal::new(
                    format!("{flag} is given, and the engine's address does not begin with rediss://"),
                    "write rediss:// to speak TLS with it, or leave the flag out",
                ));
            }
            pem(flag, path).map(Some)
        });
        Ok(Self { authorities: authorities?, identity: certificate?.zip(key?) })
    }

    /// The same for whoever connects.
    pub(super) fn tell(self, mut options: RedisOptions) -> RedisOptions {
        if let Some(authorities) = self.authorities {
            options = options.trust(authorities);
        }
        if let Some((certificate, key)) = self.identity {
            options = options.identify(certificate, key);
        }
        options
    }
}

fn pem(flag: &str, path: &Path) -> Result<Vec<u8>, Refusal> {
    let shown = legible::one_line(path.as_os_str().as_bytes());
    let text = fs::read(path).map_err(|error| {
        Refusal::new(
            format!("{flag}: {shown} cannot be read: {error}"),
            "is it there, and may you read it? see ls -l",
        )
    })?;
    if !text.windows(BEGIN.len()).any(|window| window == BEGIN) {
        return Err(Refusal::new(
            format!("{flag}: {shown} is not in the form that is called PEM"),
            "its lines begin with -----BEGIN; openssl x509 -inform der makes such a file of another",
        ));
    }
    Ok(text)
}

const BEGIN: &[u8] = b"-----BEGIN ";
