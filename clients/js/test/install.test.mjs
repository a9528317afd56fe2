// The package, packed and installed from a pristine clone.
import { testInstall } from "../../../publisher-sdk/node/test/support/install.mjs";

testInstall({
  folder: "clients/js",
  program: 'import { WirebellError } from "wirebell"; console.log(new WirebellError("closed", "works").message);',
  prints: "works",
  // esbuild works without its script, which only checks its binary.
  scripted: ["esbuild"],
});
