//! What one collector did and the others follow: a model that was published, somebody who was erased.
//!
//! The roll says how far each of these is; what they are stands in documents of their own, which are read only when the
//! roll says that there is more.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::{News, erasures, lock};
use crate::app::App;
use crate::models;

/// After something could not be followed, and so often without being told: whoever told may have ended before.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Follows what others tell, until the process ends.
pub(super) async fn follow(app: Arc<App>) {
    let mut wait = AGAIN.1;
    loop {
        // Without news everything is looked at all the same, once in a while.
        let told = timeout(wait, app.fleet.told.notified()).await.is_ok();
        wait = if followed(&app, told).await { AGAIN.1 } else { AGAIN.0 };
    }
}

/// Follows what is told, or looks at everything; whether all of it was taken in.
async fn followed(app: &Arc<App>, told: bool) -> bool {
    let (heard, known) = (lock(&app.fleet.heard).clone(), lock(&app.fleet.known).clone());
    let mut all = true;
    for site in app.sites.iter() {
        let key = site.config.key.as_str();
        let of = |news: &News| news.shelves.get(key).copied().unwrap_or_default();
        if told && of(&heard) <= of(&known) {
            continue;
        }
        if let Err(error) = models::follow(app, site).await {
            tracing::warn!(site = key, %error, "a model that another collector published cannot be followed; trying again");
            all = false;
        }
    }
    if (!told || heard.erasures > known.erasures)
        && let Err(error) = erasures::follow(app).await
    {
        tracing::warn!(%error, "erasures that other collectors carried out cannot be followed; trying again");
        all = false;
    }
    all
}
