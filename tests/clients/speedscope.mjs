// Opens profiles in speedscope; prints for each its title, its Sandwich table (total, self, symbol) and errors, as JSON.
// node speedscope.mjs FOLDER_FOR_SCREENSHOTS FILE...
import {readFileSync} from 'node:fs';
import {basename, extname, join, normalize} from 'node:path';
import {load, modules, options, serve} from './browser.mjs';

const [screenshots, ...files] = process.argv.slice(2);
const release = join(modules, 'speedscope', 'dist', 'release');
const types = {'.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm'};
const port = await serve((request, response) => {
  const path = decodeURIComponent(new URL(request.url, 'http://x').pathname);
  const profile = files.find(file => path === '/profile/' + basename(file));
  const local = profile ?? join(release, normalize(path === '/' ? '/index.html' : path));
  try {
    response.setHeader('content-type', profile ? 'application/octet-stream' : types[extname(local)] ?? 'application/octet-stream');
    response.end(readFileSync(local));
  } catch {
    response.writeHead(404).end();
  }
});
const browser = await load('playwright-core').chromium.launch(options);
const found = {};
for (const file of files) {
  const page = await browser.newPage({viewport: {width: 1200, height: 600}});
  const errors = [];
  page.on('pageerror', error => errors.push(String(error)));
  page.on('dialog', dialog => { errors.push(dialog.message()); dialog.dismiss(); });
  const base = `http://127.0.0.1:${port}/`;
  await page.goto(`${base}#profileURL=${encodeURIComponent(base + 'profile/' + encodeURIComponent(basename(file)))}`);
  try {
    await page.getByText('Sandwich').first().click({timeout: 10000});
    await page.getByText('Symbol Name').first().waitFor({timeout: 5000});
  } catch (error) {
    errors.push(String(error).split('\n')[0]);
  }
  const all = await page.$$eval('tr', trs => trs.map(row => [...row.children].map(cell => cell.innerText.trim())));
  const rows = all.slice(all.findIndex(row => row[0] === 'Total') + 1);
  found[basename(file)] = {title: await page.title(), rows, errors};
  await page.screenshot({path: join(screenshots, basename(file) + '.sandwich.png')});
  await page.getByText('Time Order').first().click().catch(() => {});
  await page.waitForTimeout(300);
  await page.screenshot({path: join(screenshots, basename(file) + '.png')});
  await page.close();
}
await browser.close();
console.log(JSON.stringify(found, null, 1));
