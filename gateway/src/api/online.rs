//! `GET /v1/users?online=true`: lists the users who are online, in pages.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use wirebell_protocol::Shard;
use wirebell_protocol::presence::OnlineUser;

use super::query::{self, UsersQuery};
use super::{Context, bus_problem, presence_disabled};
use crate::problem::Problem;

#[derive(Serialize)]
struct Page {
    users: Vec<User>,
    /// The start of the next page; none on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct User {
    id: String,
    since: u64,
    sessions: Vec<Session>,
}

#[derive(Serialize)]
struct Session {
    connection: String,
    node: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    transport: &'static str,
    since: u64,
}

/// Lists online users, shard by shard, ordered by id within a shard. A user who stays online is on
/// exactly one page.
pub(super) async fn list(
    State(context): State<Context>,
    query: Result<Query<UsersQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = query::parse(query)?;
    let (limit, (first, mut after)) = (query.limit()?, query.after()?);
    if !context.presence {
        return Err(presence_disabled());
    }
    let mut page = Page { users: Vec::new(), next: None };
    for shard in Shard::all().skip(usize::from(first)) {
        let remaining = limit - page.users.len();
        let found = context
            .bus
            .online_page(shard, &after, remaining)
            .await
            .map_err(|error| bus_problem(&error, "retry"))?;
        let has_shard_ended = found.len() < remaining;
        page.users.extend(found.into_iter().map(|(id, online)| user(id, online)));
        if !has_shard_ended {
            page.next = page.users.last().map(|last| UsersQuery::page_token(shard.number(), &last.id));
            break;
        }
        after.clear();
    }
    Ok(Json(page).into_response())
}

fn user(id: String, online: OnlineUser) -> User {
    let sessions = online.sessions.into_iter().map(|open| Session {
        connection: open.connection.to_string(),
        node: open.connection.node.to_string(),
        device: open.device,
        transport: open.transport.as_str(),
        since: open.since,
    });
    User { id, since: online.since, sessions: sessions.collect() }
}
