//! A client of the server API, as a service uses it.

use std::net::SocketAddr;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use serde_json::Value;

/// The address of a server API, and an API key.
#[derive(Clone)]
pub struct ServerApi {
    client: Client,
    base: String,
    key: Option<String>,
}

/// A response, read to its end.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
}

impl Response {
    /// Returns the body as JSON; `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Returns the text of a header.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

impl ServerApi {
    /// Returns a client of the server API at this address.
    pub fn new(address: SocketAddr, key: Option<&str>) -> Self {
        let client = Client::builder().no_proxy().build().expect("a client");
        Self { client, base: format!("http://{address}"), key: key.map(ToOwned::to_owned) }
    }

    /// Sends a GET request.
    pub async fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], String::new()).await
    }

    /// Publishes one event, or an array of events.
    pub async fn publish(&self, events: &Value) -> Response {
        let json = [("content-type", "application/json")];
        self.send("POST", "/v1/events", &json, events.to_string()).await
    }

    /// Publishes, and panics unless the response is 202.
    pub async fn publish_accepted(&self, events: &Value) -> Value {
        let answer = self.publish(events).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.json()
    }

    /// Sends any request. The status is 0 if the server cannot be reached.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Response {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.base)).body(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a header's name");
            request = request.header(name, HeaderValue::from_str(value).expect("a header's value"));
        }
        match request.send().await {
            Ok(response) => {
                let (status, headers) = (response.status().as_u16(), response.headers().clone());
                Response { status, headers, text: response.text().await.unwrap_or_default() }
            }
            Err(error) => Response { status: 0, headers: HeaderMap::new(), text: error.to_string() },
        }
    }
}
