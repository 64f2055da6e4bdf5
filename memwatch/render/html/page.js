// The report's page: light or dark, and the flame graph of the growth where there is one.
"use strict";

followTheme();
const growthData = JSON.parse(document.getElementById("data").textContent);
if (growthData) globalThis.memwatch = flameGraph(document.getElementById("growth"), growthData);
