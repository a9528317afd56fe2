// The package, packed and installed from a pristine clone.
import { testInstall } from "./support/install.mjs";

testInstall({
  folder: "publisher-sdk/node",
  program: 'import { compareCursors } from "wirebell-publisher"; console.log(compareCursors("1-0", "2-0"));',
  prints: "-1",
  scripted: [],
});
