/** The explorer: its panels, in the order of the navigation. */

import { startShell } from "./core/shell.js";
import { beta } from "./panels/beta.js";
import { digit } from "./panels/digit.js";
import { energy } from "./panels/energy.js";
import { heat } from "./panels/heat.js";
import { loop } from "./panels/loop.js";
import { relays } from "./panels/relays.js";

const data = JSON.parse(document.getElementById("data")?.textContent ?? "{}");
const version = document.getElementById("version");
if (version) version.textContent = data.version;

startShell([digit, beta, energy, heat, loop, relays], data);
