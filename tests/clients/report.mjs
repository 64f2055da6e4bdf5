// Opens a report's page in headless Chromium, reads back what it shows, and fails if it asks anybody for anything or
// complains. usage: node report.mjs SCENARIO PAGE [SCREENSHOT_FOLDER]
// MEMWATCH_CLIENTS is a folder with node_modules (playwright-core), CHROMIUM the browser.
import assert from 'node:assert/strict';
import {createRequire} from 'node:module';
import {join, resolve} from 'node:path';
import {pathToFileURL} from 'node:url';

const {chromium} = createRequire(join(resolve(process.env.MEMWATCH_CLIENTS), 'node_modules', 'x.js'))('playwright-core');
const [scenario, file, shots] = process.argv.slice(2);
const FLAGS = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])];

const shown = (page, selector) => page.locator(selector).first().innerText();
const fits = page => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

// In the page: the contrast of the page's own inks with what they stand on.
const contrasts = page => page.evaluate(() => {
  const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const style = getComputedStyle(document.documentElement);
  const light = name => {
    context.fillStyle = style.getPropertyValue(`--${name}`).trim();
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map(part => part / 255)
      .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
      .reduce((all, part, index) => all + part * [0.2126, 0.7152, 0.0722][index], 0);
  };
  const pairs = [['leak', 'paper'], ['leak', 'panel'], ['leak', 'leak-soft'], ['ink', 'leak-soft'], ['quiet', 'paper']];
  return pairs.map(([ink, paper]) => {
    const [dark, bright] = [light(ink), light(paper)].sort((one, two) => one - two);
    return {what: `${ink} on ${paper}`, ratio: (bright + 0.05) / (dark + 0.05)};
  });
});

const legible = async page => {
  for (const {what, ratio} of await contrasts(page)) assert.ok(ratio >= 4.5, `${what}: ${ratio}`);
};

// Every text inside a drawing lies within it, and the letters of a path within their box.
const drawn = page => page.evaluate(() => [...document.querySelectorAll('.path')].flatMap(svg => {
  const edge = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll('.path-box')].map(box => box.getBoundingClientRect());
  return [...svg.querySelectorAll('text')].filter(text => {
    const {left, right, top, bottom} = text.getBoundingClientRect();
    const box = text.classList.contains('path-object') && boxes.find(one => top >= one.top - 2 && bottom <= one.bottom + 2);
    return right > edge.right + 1 || left < edge.left || box && right > box.right;
  }).map(text => text.textContent);
}));

const scenarios = {
  async wide(page) {
    assert.equal(await page.title(), 'Leak: str held by app.str');
    assert.equal(await page.locator('.curve:visible').count(), 1);
    assert.equal(await shown(page, '.suspect .place b').then(text => text.endsWith('app.py:5')), true);
    assert.match(await shown(page, '.source .here'), /5\s*kept\.append/);
    assert.equal(await page.locator('.path-name.suspect').count(), 4, 'from the second reference on, of two suspects');
    const edge = await page.locator('.curve-wide').boundingBox();
    assert.equal(await page.locator('.curve-wide .curve-point text:visible').count(), 0);
    await page.mouse.move(edge.x + edge.width - 12, edge.y + edge.height / 2);
    const told = page.locator('.curve-wide .curve-point text').filter({visible: true});
    assert.match(await told.innerText().catch(() => told.textContent()), /^25\.6 MiB after 59 s$/);
    assert.equal(await page.evaluate(() => memwatch.tree.data.nodes.total_bytes[0]), 4 * 1048576);
    await page.locator('.flame-picture').click({position: {x: 100, y: 55}});
    assert.match((await page.locator('.flame-crumbs > *').allInnerTexts()).join(' > '), /^\(root\) > main > str$/);
    await page.getByText('Heaviest', {exact: true}).click();
    assert.match(await shown(page, '.flame-table tbody'), /str/);
    await legible(page);
  },

  async dark(page) {
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    await legible(page);
    await page.getByRole('button', {name: 'Theme'}).click();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light');
  },

  async narrow(page) {
    assert.equal(await page.locator('.curve-narrow:visible').count(), 1);
    assert.equal(await page.locator('.curve-wide:visible').count(), 0);
    const [source, path] = [await page.locator('.allocated').first().boundingBox(), await page.locator('.held').first().boundingBox()];
    assert.ok(path.y >= source.y + source.height, 'the path stands below the source');
  },

  async long(page) {
    assert.match(await shown(page, 'h1'), /^a_very_long_name.*\.\.\..* held by app\.a_very/);
  },

  async hostile(page) {
    assert.equal(await page.locator('script').count(), 2);
    assert.equal(await page.locator('img').count(), 0);
    assert.equal(await page.evaluate(() => globalThis.broken), undefined);
    assert.match(await shown(page, 'h1'), /<script>/);
    assert.match(await page.evaluate(() => memwatch.tree.words.map(({name}) => name).join()), /<\/script><script>/);
  },

  async bare(page) {
    assert.deepEqual(await page.locator('h2').allInnerTexts(), ['What it may be', 'What is missing', 'What memwatch cost']);
  },

  async noscript(page) {
    assert.match(await shown(page, 'main'), /cause str/);
    assert.match(await shown(page, 'noscript'), /switched off here/);
    assert.equal(await page.locator('.curve:visible').count(), 1);
  },
};

const browser = await chromium.launch({executablePath: process.env.CHROMIUM ?? 'chromium', headless: true, args: FLAGS});
try {
  const page = await browser.newPage({
    viewport: ['narrow', 'long'].includes(scenario) ? {width: 380, height: 900} : {width: 1200, height: 900},
    colorScheme: scenario === 'dark' ? 'dark' : 'light', reducedMotion: 'reduce', javaScriptEnabled: scenario !== 'noscript',
  });
  const url = pathToFileURL(resolve(file)).href, complaints = [];
  page.on('pageerror', error => complaints.push(`error: ${error.message}`));
  page.on('console', message => complaints.push(`console: ${message.text()}`));
  page.on('dialog', dialog => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', request => { if (![url, 'data:,'].includes(request.url())) complaints.push(`request: ${request.url()}`); });
  await page.goto(url);
  try {
    if (scenario !== 'noscript') {
      assert.ok(await fits(page), 'nothing is wider than the window');
      assert.deepEqual(await drawn(page), []);
    }
    await scenarios[scenario](page);
  } finally {
    if (shots) await page.screenshot({path: join(shots, `report-${scenario}.png`), fullPage: true});
  }
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
