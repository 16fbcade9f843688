/** The explorer: its panels, in the order of the navigation. */

import { startShell } from "./core/shell.js";
import { beta } from "./panels/beta.js";
import { energy } from "./panels/energy.js";

const data = JSON.parse(document.getElementById("data")?.textContent ?? "{}");
const version = document.getElementById("version");
if (version) version.textContent = data.version;

startShell([beta, energy], data);
