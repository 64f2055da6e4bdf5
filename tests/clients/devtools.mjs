// Opens a .heapprofile in the Memory panel of the DevTools that Chromium brings with it; prints the grid as JSON rows.
// node devtools.mjs FILE [SCREENSHOT]
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join, resolve} from 'node:path';
import {load, options, serve} from './browser.mjs';

const [file, screenshot] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), 'devtools-'));
const port = await serve((request, response) => response.setHeader('content-type', 'text/html').end('inspected'));
const context = await load('playwright-core').chromium.launchPersistentContext(profile, {
  ...options, viewport: {width: 1400, height: 800}, args: [...options.args, '--remote-debugging-port=0', '--remote-allow-origins=*'],
});
try {
  const page = await open(context);
  const chooser = page.waitForEvent('filechooser');
  await page.evaluate(async () => {
    const {HeapProfilerPanel} = await import('./panels/profiler/profiler.js');
    HeapProfilerPanel.HeapProfilerPanel.instance().showLoadFromFileDialog();
  });
  await (await chooser).setFiles(resolve(file));
  const entry = page.locator('[role=treeitem]').filter({hasText: basename(file).replace(/\.[^.]*$/, '')}).last();
  await entry.waitFor({timeout: 20000});
  await entry.click();
  await page.locator('tr.data-grid-data-grid-node').first().waitFor({timeout: 20000});
  await page.waitForTimeout(500);
  console.log(JSON.stringify(await page.evaluate(readGrid), null, 1));
  if (screenshot) await page.screenshot({path: screenshot});
} finally {
  await context.close();
  rmSync(profile, {recursive: true, force: true, maxRetries: 5});
}

// The front end as a page of its own, at its Memory panel, inspecting the first tab.
async function open(context) {
  const [inspected] = context.pages();
  await inspected.goto(`http://127.0.0.1:${port}/`);
  const session = await context.newCDPSession(inspected);
  const {targetInfo} = await session.send('Target.getTargetInfo');
  const debugging = await debuggingPort();
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${debugging}/devtools/devtools_app.html?ws=127.0.0.1:${debugging}/devtools/page/${targetInfo.targetId}`);
  await page.getByRole('tab', {name: 'Memory'}).waitFor({timeout: 30000});  // its modules fail if asked for any earlier
  await page.waitForFunction(async () => {
    const UI = await import('./ui/legacy/legacy.js');
    await UI.ViewManager.ViewManager.instance().showView('heap-profiler');
    return true;
  });
  await page.waitForTimeout(1500);
  return page;
}

// Chromium writes the port that it chose into its profile.
async function debuggingPort() {
  const {readFileSync} = await import('node:fs');
  for (let tries = 0; tries < 100; tries++) {
    try {
      return readFileSync(join(profile, 'DevToolsActivePort'), 'utf8').split('\n')[0];
    } catch {
      await new Promise(again => setTimeout(again, 100));
    }
  }
  throw new Error('Chromium named no debugging port');
}

// The rows of the grids, which lie in shadow roots.
function readGrid() {
  const rows = [];
  const walk = node => {
    if (node.tagName === 'TR' && node.classList.contains('data-grid-data-grid-node')) {
      rows.push([...node.children].map(cell => cell.innerText.replace(/\s+/g, ' ').trim()).filter(Boolean));
    } else {
      [...(node.shadowRoot?.children ?? []), ...(node.children ?? [])].forEach(walk);
    }
  };
  walk(document.body);
  return rows.filter(row => row.length);
}
