//! `GET /v1/users?online=true`: who is online, page by page.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use wirebell_protocol::Shard;
use wirebell_protocol::presence::Online;

use super::query::{self, UsersQuery};
use super::{Context, failed, without_presence};
use crate::problem::Problem;

#[derive(Serialize)]
struct Page {
    users: Vec<User>,
    /// Where the next page begins; none on the last one.
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

/// Lists who is online, shard by shard, in each by the users' ids: whoever stays online is on one page, and only there.
pub(super) async fn list(
    State(context): State<Context>,
    query: Result<Query<UsersQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = query::parse(query)?;
    let (limit, (first, mut after)) = (query.limit()?, query.after()?);
    if !context.presence {
        return Err(without_presence());
    }
    let mut page = Page { users: Vec::new(), next: None };
    for shard in Shard::all().skip(usize::from(first)) {
        let room = limit - page.users.len();
        let found = context.bus.page(shard, &after, room).await.map_err(|error| failed(&error, "ask again"))?;
        let has_shard_ended = found.len() < room;
        page.users.extend(found.into_iter().map(|(id, online)| user(id, online)));
        if !has_shard_ended {
            page.next = page.users.last().map(|last| UsersQuery::page_token(shard.number(), &last.id));
            break;
        }
        after.clear();
    }
    Ok(Json(page).into_response())
}

fn user(id: String, online: Online) -> User {
    let sessions = online.sessions.into_iter().map(|open| Session {
        connection: open.connection.to_string(),
        node: open.connection.node.to_string(),
        device: open.device,
        transport: open.transport.as_str(),
        since: open.since,
    });
    User { id, since: online.since, sessions: sessions.collect() }
}
