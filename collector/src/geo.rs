//! Country and region of an address, where a database is configured. The address itself goes no further.

use std::net::IpAddr;
use std::path::Path;

use maxminddb::{Reader, geoip2};
use thiserror::Error;

/// Why a database cannot be used.
#[derive(Debug, Error)]
#[error("{path}: {source}")]
pub struct GeoError {
    path: String,
    source: maxminddb::MaxMindDbError,
}

/// Where a visitor is, as coarse as scores need it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// ISO 3166-1, two letters.
    pub country: Option<String>,
    /// ISO 3166-2 without the country.
    pub region: Option<String>,
}

/// A database, or none.
#[derive(Default)]
pub struct Geo(Option<Reader<Vec<u8>>>);

/// The flat form of freely licensed databases: `country_code` at the top.
#[derive(serde::Deserialize)]
struct Flat<'a> {
    country_code: Option<&'a str>,
}

impl Geo {
    /// Opens a database.
    ///
    /// # Errors
    /// When the file is missing or no MaxMind database.
    pub fn open(path: Option<&Path>) -> Result<Self, GeoError> {
        let Some(path) = path else { return Ok(Self(None)) };
        let reader =
            Reader::open_readfile(path).map_err(|source| GeoError { path: path.display().to_string(), source })?;
        Ok(Self(Some(reader)))
    }

    /// The place of an address; empty without a database and for an address it does not hold.
    #[must_use]
    pub fn place(&self, address: IpAddr) -> Place {
        let Some(found) = self.0.as_ref().and_then(|reader| reader.lookup(address).ok()) else {
            return Place::default();
        };
        if let Ok(Some(city)) = found.decode::<geoip2::City<'_>>()
            && let Some(country) = city.country.iso_code
        {
            let region = city.subdivisions.first().and_then(|region| region.iso_code).map(str::to_owned);
            return Place { country: Some(country.to_owned()), region };
        }
        match found.decode::<Flat<'_>>() {
            Ok(Some(flat)) => Place { country: flat.country_code.map(str::to_owned), region: None },
            _ => Place::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_database_there_is_no_place() {
        assert_eq!(Geo::open(None).unwrap().place("8.8.8.8".parse().unwrap()), Place::default());
    }

    #[test]
    fn a_missing_database_is_an_error_that_names_it() {
        let error = Geo::open(Some(Path::new("/nowhere/country.mmdb"))).err().unwrap();
        assert!(error.to_string().contains("/nowhere/country.mmdb"), "{error}");
    }
}
