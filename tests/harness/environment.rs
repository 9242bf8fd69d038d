//! The demo stands as a browser meets it: shop and collector on origins that know each other, behind slow networks too.

use serde_json::json;
use tests::{
    body::Page,
    environment::{DEMO_SITE, Setup, visitor_id},
    http::Http,
    slow_network::Shape,
};

#[tokio::test]
async fn the_shops_pages_name_the_collector_that_accepts_them() {
    for setup in [Setup::demo(), Setup::demo().slow(Shape::PHONE)] {
        let environment = setup.start().await.unwrap();
        let (shop, collector) = (environment.shop_address(), environment.public());
        let mut page = Page::of_visitor(DEMO_SITE, 1);
        let event = page.event("page_view", json!({}));
        let body = page.envelope(&format!("http://{shop}/"), vec![event]);

        let home = Http::new().get(&format!("http://{shop}/")).await.unwrap();
        let answers = [format!("http://{shop}"), format!("http://localhost:{}", shop.port())].map(|origin| {
            let (environment, body) = (&environment, &body);
            async move { environment.post_with("/v1/events", &[("origin", &origin)], body).await.unwrap() }
        });

        assert!(home.text().contains(&format!("http://{collector}/gloed.js")), "{}", home.text());
        assert!(home.text().contains(&format!("data-site=\"{DEMO_SITE}\"")), "{}", home.text());
        for answer in answers {
            let answer = answer.await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            environment.applied().await.unwrap();
            let id = answer.json().unwrap();
            assert_eq!(environment.visitor(DEMO_SITE, visitor_id(&id).unwrap()).await.unwrap().status, 200);
        }
        assert!(environment.admin_password().unwrap().len() >= 20);
    }
}
