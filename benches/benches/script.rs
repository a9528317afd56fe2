//! The cost of the publish script on a real Redis, by event class. Each call waits for the reply to
//! the previous one, so the figure is a round trip. `wirebell-bench --only durable` measures the
//! same with many calls in flight.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run has to fail")]

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use criterion::{Criterion, criterion_group, criterion_main};
use wirebell_benches::mark::{Mark, now};
use wirebell_benches::peer::{Ingress, Target};
use wirebell_benches::peers;
use wirebell_benches::publish::{PAYLOAD, execute};
use wirebell_benches::scenario::RedisServer;

fn scripts(criterion: &mut Criterion) {
    let redis = RedisServer::start().unwrap();
    let mut group = criterion.benchmark_group("publish script");
    for name in ["wirebell", "wirebell-volatile"] {
        let peer = peers::by_name(name).unwrap();
        execute(redis.config.redis, &peer.redis_setup()).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", redis.config.redis)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut answers = BufReader::new(stream.try_clone().unwrap());
        let (mut number, mut call, mut answer) = (0, Vec::new(), [0; 256]);
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let mut payload = String::new();
                number += 1;
                Mark { to: Target::One(42), phase: 1, number, at: now() }.payload(PAYLOAD, &mut payload);
                call.clear();
                peer.publish(&redis.config, Ingress::Redis, Target::One(42), number.into(), &payload, &mut call);
                stream.write_all(&call).unwrap();
                // The reply is short and arrives whole.
                let read = answers.read(&mut answer).unwrap();
                assert!(answer[..read].starts_with(b"$"), "Redis: {}", String::from_utf8_lossy(&answer[..read]));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, scripts);
criterion_main!(benches);
