// The page begins: each part takes its place, then the robot is read and followed.

import * as board from "./board.js";
import * as calls from "./calls.js";
import * as dial from "./dial.js";
import * as keys from "./keys.js";
import * as live from "./live.js";
import * as log from "./log.js";
import * as recordings from "./recordings.js";
import * as router from "./router.js";
import * as rules from "./rules.js";
import * as strip from "./strip.js";
import { Stream } from "./stream.js";
import { everything, follow, keepFresh, knock } from "./sync.js";
import { themeButton } from "./theme.js";
import { tokenButton } from "./token.js";
import * as traces from "./traces.js";

const stream = new Stream("v1/events", {
  onEvent: follow,
  onState: strip.connection,
  onLive: everything, // whatever was missed while away
});

// One request first: a token that is wrong is tried once, not with everything there is to read.
async function entered() {
  await knock();
  everything();
  stream.restart();
}

document.getElementById("tools").append(themeButton(), tokenButton(entered), keys.helpButton());
router.view("board");
strip.mount(stream);
for (const part of [board, rules, dial, live, calls, recordings, traces, log]) part.mount();
keys.listen();
router.begin();
await knock();
everything();
keepFresh();
stream.run();
