//! The WebSocket codec: writes a server's frame and reads a client's frames. Includes the gateway's
//! own files, since nothing else needs their names in its public API.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run has to fail")]

#[expect(dead_code, reason = "used by the socket only")]
#[path = "../../gateway/src/transport/websocket/header.rs"]
mod header;
#[expect(dead_code, unreachable_pub, reason = "used by the socket only")]
#[path = "../../gateway/src/transport/websocket/reader.rs"]
mod reader;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use header::Opcode;
use reader::Reader;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Returns a client's masked text frame.
fn masked(length: u16) -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | 0x7e];
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&MASK);
    header::unmask(&vec![b'x'; usize::from(length)], MASK, &mut frame);
    frame
}

fn write(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame written");
    for length in [300, 16_000] {
        let (payload, mut frame) = (vec![b'x'; length], Vec::new());
        group.throughput(Throughput::Bytes(length as u64));
        group.bench_function(format!("{length} bytes"), |bench| {
            bench.iter(|| {
                frame.clear();
                header::write(Opcode::Text, black_box(&payload), &mut frame);
            });
        });
    }
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame read");
    for length in [130, 16_000] {
        let frame = masked(length);
        group.throughput(Throughput::Bytes(u64::from(length)));
        group.bench_function(format!("{length} bytes"), |bench| {
            let mut reader = Reader::new(65_536);
            bench.iter(|| {
                reader.push(black_box(&frame));
                reader.next().unwrap().unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, write, read);
criterion_main!(benches);
