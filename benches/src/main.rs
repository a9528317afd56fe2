//! `wirebell-bench`: measures Wirebell and its peers side by side.

use wirebell_benches::crowd;
use wirebell_benches::failure::Result;
use wirebell_benches::peer::Door;
use wirebell_benches::peers;
use wirebell_benches::publish::Plan;
use wirebell_benches::stage::Stage;
use wirebell_benches::token::Issuer;

fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("crowd") {
        return crowd::serve();
    }
    for peer in peers::ALL {
        println!("{}: {}", peer.name(), peer.version()?);
        let mut stage = Stage::open(*peer, &[200, 800], Issuer::hs256(), 25)?;
        let (arrivals, latency) = stage.crowd.connect(1000, 64, false)?;
        println!("{arrivals:?} {}", latency.micros(0.5));
        for plan in [
            Plan::in_turn(1, Door::Redis, 1000, 20_000),
            Plan::in_turn(2, Door::Redis, 1000, 5_000).at(1000),
            Plan::to_all(3, Door::Redis, 1000, 50),
            Plan::in_turn(4, Door::Http, 1000, 5000),
        ] {
            let phase = stage.run(plan.phase, &[plan], false)?;
            let l = phase.one_latency(0..2);
            println!(
                "{:?} server {:?} redis {:?} crowd {:?} wall {:?} p50 {} p99 {} pub {:?}",
                phase.account,
                phase.server,
                phase.redis,
                phase.clients,
                phase.wall,
                l.micros(0.5),
                l.micros(0.99),
                phase.published
            );
        }
    }
    Ok(())
}
