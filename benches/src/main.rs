//! `wirebell-bench`: measures Wirebell and its peers side by side.

use wirebell_benches::failure::Result;
use wirebell_benches::peers;

fn main() -> Result<()> {
    for peer in peers::ALL {
        println!("{}: {}", peer.name(), peer.version()?);
    }
    Ok(())
}
