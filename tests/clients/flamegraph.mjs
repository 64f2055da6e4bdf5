// Drives a flame graph's page in headless Chromium by clicks and keys, reads back what it shows, and fails if it asks
// anybody for anything or complains. usage: node flamegraph.mjs SCENARIO PAGE [SCREENSHOT_FOLDER]
// MEMWATCH_CLIENTS is a folder with node_modules (playwright-core), CHROMIUM the browser.
import assert from 'node:assert/strict';
import {createRequire} from 'node:module';
import {join, resolve} from 'node:path';
import {pathToFileURL} from 'node:url';

const {chromium} = createRequire(join(resolve(process.env.MEMWATCH_CLIENTS), 'node_modules', 'x.js'))('playwright-core');
const [scenario, file, shots] = process.argv.slice(2);
const FLAGS = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])];

const text = (page, selector) => page.locator(selector).first().innerText();
const facts = page => text(page, '.flame-details').then(shown => shown.replace(/\s+/g, ' '));
const crumbs = async page => (await page.locator('.flame-crumbs > *').allInnerTexts()).join(' > ');
const spoken = page => page.locator('[aria-live]').textContent();
const settled = page => page.waitForFunction(() => !memwatch.gliding && !memwatch.frame && !memwatch.asking);

// The middle of a frame on the screen, found by its function's name.
const spot = (page, name) => page.evaluate(wanted => {
  const {scene, tree, parts} = memwatch;
  const node = tree.words.findIndex(words => words.name === wanted);
  const found = tree.frame.indexOf(node);
  const [left, right] = extent(scene, found);
  const edge = parts.canvas.getBoundingClientRect();
  return [edge.left + (left + right) / 2, edge.top + rowTop(scene, tree.depth[found]) + ROW / 2];
}, name);

const click = async (page, name) => { await page.mouse.click(...await spot(page, name)); await settled(page); };

// The colour near a frame's lower edge, below its letters: red, green, blue.
const pixel = async (page, name) => {
  await settled(page);
  const [x, y] = await spot(page, name);
  return page.evaluate(([left, top]) => {
    const {canvas} = memwatch.parts, edge = canvas.getBoundingClientRect();
    const copy = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    copy.drawImage(canvas, edge.left - left, edge.top - top - ROW / 2 + 4);
    return [...copy.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  }, [x, y]);
};

const scenarios = {
  async mouse(page) {
    assert.equal(await page.title(), 'shop – memwatch');
    assert.match(await text(page, '#about'), /shop\s+tracemalloc.*a sample each 512 KiB.*over 1m 4s.*pid 42/s);
    assert.match(await text(page, '.page-sum'), /4\.00 MiB\s+in 7 allocations/);
    await click(page, 'load');
    assert.equal(await crumbs(page), '(root) > main > load');
    assert.equal(await facts(page), 'load /srv/shop.py:7:5 Total 3.00 MiB 3,145,728 bytes Self 1.00 MiB 1,048,576 bytes ' +
      'Allocations 6 self 1 Share 75 % 75 % of its caller Calls into 1 frame ' +
      'Allocated here 1 × 1,048,576 B Called from main shop.py:3');
    const [left, right] = await page.evaluate(() => extent(memwatch.scene, memwatch.scene.focus));
    assert.deepEqual([left, right], [0, await page.evaluate(() => memwatch.scene.width)]);
    await page.getByRole('navigation').getByRole('button', {name: 'main'}).click();
    assert.equal(await crumbs(page), '(root) > main');
    await page.getByRole('button', {name: 'Reset'}).click();
    await settled(page);
    assert.equal(await crumbs(page), '(root)');
    await page.mouse.move(...await spot(page, 'decode'));
    await page.mouse.down({clickCount: 2});
    await page.mouse.up({clickCount: 2});
    assert.equal(await crumbs(page), '(root)', 'the second half of a double click is no click');
    assert.match(await text(page, '.flame-tip'), /^decode\s+\/usr\/lib\/python3\.12\/json\/decoder\.py:2\s+2\.00 MiB, 50 %$/);
    await page.getByText('Allocations', {exact: true}).first().click();
    await settled(page);
    assert.match(await page.evaluate(() => memwatch.scene.layout.metric), /count/);
    const top = (await spot(page, '(root)'))[1];
    await page.getByRole('button', {name: 'Flip'}).click();
    await settled(page);
    assert.ok((await spot(page, '(root)'))[1] > top + 100);
    assert.ok((await spot(page, 'main'))[1] < (await spot(page, '(root)'))[1]);
  },

  async search(page) {
    await page.keyboard.press('/');
    await page.keyboard.type('LOAD');
    assert.equal(await text(page, 'output'), '1 frame, 3.00 MiB, 75 %');
    const purple = await pixel(page, 'load');
    assert.notDeepEqual(purple, await pixel(page, 'main'));
    await page.keyboard.press('Control+A');
    await page.keyboard.type('/lo.d|decoder\\.py/');
    await settled(page);
    assert.equal(await text(page, 'output'), '2 frames, 3.00 MiB, 75 %');
    assert.deepEqual(await pixel(page, 'decode'), purple);
    await page.keyboard.press('Control+A');
    await page.keyboard.type('/(/');
    await settled(page);
    assert.match(await text(page, 'output'), /regular expression/i);
    assert.equal(await page.locator('.flame-search').getAttribute('aria-invalid'), 'true');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('/(.+)+§/');
    assert.equal(await page.evaluate(() => 2 + 2), 4, 'the page answers while an expression without end is tried');
    await settled(page);
    assert.equal(await text(page, 'output'), 'this regular expression takes too long');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('nowhere');
    assert.equal(await text(page, 'output'), 'no match');
    await page.keyboard.press('Escape');
    assert.equal(await text(page, 'output'), '');
    assert.notDeepEqual(await pixel(page, 'load'), purple);
    await page.keyboard.press('/');
    await page.keyboard.type('e');
    await page.keyboard.press('Enter');
    const first = await spoken(page);
    await page.keyboard.press('n');
    assert.notEqual(await spoken(page), first);
    await page.keyboard.press('N');
    assert.equal(await spoken(page), first);
  },

  async keys(page) {
    for (let tabs = 0; tabs < 20 && !await page.evaluate(() => document.activeElement === memwatch.parts.picture); tabs++) {
      await page.keyboard.press('Tab');
      const seen = await page.evaluate(() => {
        const active = document.activeElement, shown = active.matches('input[type=radio]') ? active.nextSibling : active;
        return active === document.body || getComputedStyle(shown).outlineStyle !== 'none' && shown.getBoundingClientRect().width > 8;
      });
      assert.ok(seen, 'what has the focus is seen to have it');
    }
    await page.keyboard.press('ArrowDown');
    assert.equal(await spoken(page), 'main, /srv/shop.py:3: 4.00 MiB, 100 % of all, calls into 2 frames');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    assert.match(await spoken(page), /^render, .*site-packages\/jinja2\/environment\.py:9: 1\.00 MiB, 25 % of all, calls into nothing$/);
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Enter');
    await settled(page);
    assert.equal(await crumbs(page), '(root) > main > load');
    await page.keyboard.press('ArrowUp');
    assert.match(await spoken(page), /^main/);
    await page.keyboard.press('ArrowDown');
    assert.match(await spoken(page), /^load/);
    await page.keyboard.press('Backspace');
    assert.equal(await crumbs(page), '(root) > main');
    await page.keyboard.press('Escape');
    assert.equal(await crumbs(page), '(root)');
    await page.keyboard.press('b');
    assert.equal(await page.locator('[value=count]').isChecked(), true);
    await page.keyboard.press('?');
    assert.equal(await page.locator('dialog').isVisible(), true);
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('dialog').isVisible(), false);
    await page.keyboard.press('h');
    assert.equal(await page.locator('.flame-picture').isVisible(), false);
  },

  async table(page) {
    await page.getByText('Heaviest', {exact: true}).click();
    const names = () => page.locator('tbody th button').allInnerTexts();
    assert.deepEqual(await names(), ['main', 'load', 'decode', 'render']);
    await page.getByRole('button', {name: 'Self', exact: true}).click();
    assert.deepEqual(await names(), ['decode', 'load', 'render', 'main']);
    await page.getByRole('button', {name: /^Self/}).first().click();
    assert.equal((await names())[0], 'main');
    assert.equal(await page.locator('thead th').first().getAttribute('aria-sort'), 'ascending');
    await page.locator('.flame-search').fill('jinja');
    assert.deepEqual(await names(), ['render']);
    await page.locator('tbody th button').click();
    assert.equal(await page.locator('.flame-picture').isVisible(), true);
    assert.equal(await text(page, 'output'), '1 frame, 1.00 MiB, 25 %');
  },

  // Light and dark by the system and by key; every ink on every colour of a frame has the contrast that WCAG AA asks.
  async theme(page) {
    const light = await pixel(page, 'load');
    const [red, , blue] = light;
    assert.ok(red > blue, 'the application is warm');
    await page.keyboard.press('t');
    const dark = await pixel(page, 'load');
    assert.ok(sum(dark) < sum(light));
    await page.emulateMedia({colorScheme: 'light'});
    await page.emulateMedia({colorScheme: 'dark'});
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    for (const theme of ['dark', 'light']) {
      await page.evaluate(name => { document.documentElement.dataset.theme = name; }, theme);
      for (const {what, ratio} of await page.evaluate(contrasts)) assert.ok(ratio >= 4.5, `${theme}: ${what} has ${ratio.toFixed(2)}`);
    }
  },

  async difference(page) {
    assert.match(await text(page, '.page-sum'), /\+1\.00 MiB\s+in \+1 allocation/);
    const [grown, gone, mixed] = [await pixel(page, 'grows'), await pixel(page, 'shrinks'), await pixel(page, 'main')];
    assert.ok(grown[0] > grown[2] + 60, 'growth is red');
    assert.ok(gone[2] > gone[0] + 60, 'what went is blue');
    assert.ok(mixed[0] - mixed[2] < grown[0] - grown[2], 'what cancels out is paler');
    const width = name => page.evaluate(wanted => {
      const [left, right] = extent(memwatch.scene, memwatch.tree.frame.indexOf(memwatch.tree.words.findIndex(({name}) => name === wanted)));
      return (right - left) / memwatch.scene.width;
    }, name);
    assert.ok(Math.abs(await width('grows') - 2 / 3) < 0.01 && Math.abs(await width('shrinks') - 1 / 3) < 0.01);
    assert.match(await text(page, '.flame-legend'), /growth.*what went/s);
    await click(page, 'shrinks');
    assert.match(await facts(page), /Total −1\.00 MiB −1,048,576 bytes.*Share of all change 33 %.*−1 × 1,048,576 B/);
  },

  async hostile(page) {
    assert.equal(await page.locator('script').count(), 2);
    assert.equal(await page.locator('img').count(), 0);
    assert.equal(await page.evaluate(() => globalThis.broken), undefined);
    for (let step = 0; step < 40; step++) await page.keyboard.press(['ArrowDown', 'Enter', 'ArrowRight', 'b', 'h', 'f', 'n'][step % 7]);
    await page.keyboard.press('Escape');
    await page.locator('.flame-search').fill('script');
    assert.match(await text(page, 'output'), /frames?, /);
    assert.match(await page.locator('.flame-details').innerHTML(), /./);
    assert.equal(await page.locator('.flame-details :is(script, img)').count(), 0);
    assert.match(await page.title(), /<\/script>/);
    const total = await page.evaluate(() => memwatch.tree.data.nodes.total_bytes[0]);
    await page.evaluate(() => memwatch.zoom(0));
    assert.match(await facts(page), new RegExp(BigInt(total).toLocaleString('en-US')));
  },

  async blocks(page) {
    assert.match(await text(page, '.page-sum'), /28\.0 MiB\s+9 counted/);
    assert.doesNotMatch(await text(page, 'body'), /allocation/i);
    await click(page, 'parse');
    assert.match(await facts(page), /^parse no file Total 8\.00 MiB/);
  },

  async empty(page) {
    assert.match(await text(page, '#about'), /nothing was allocated/);
    assert.equal(await page.locator('.flame-picture').isVisible(), false);
  },

  async large(page) {
    const times = await page.evaluate(() => Array.from({length: 30}, () => {
      const began = performance.now();
      memwatch.paint();
      return performance.now() - began;
    }).sort((one, two) => one - two));
    const nodes = await page.evaluate(() => memwatch.tree.count);
    console.log(`${nodes} nodes: painted in ${times[15].toFixed(1)} ms (median of 30), ${times[29].toFixed(1)} ms at most`);
    assert.match(await text(page, '#about'), /of the smallest frames are drawn together/);
  },

  // On a sheet that is narrower than the screen the whole picture is there, and no buttons are.
  async print(page) {
    await page.emulateMedia({media: 'print'});
    await page.locator('.flame-picture').evaluate(picture => { picture.style.flex = '0 0 300px'; });
    assert.equal(await page.locator('.flame-bar').isVisible(), false);
    assert.ok((await page.locator('canvas').boundingBox()).width <= 300);
  },

  // As narrow as a phone: nothing sticks out, the panel goes below the picture.
  async narrow(page) {
    await page.setViewportSize({width: 600, height: 900});
    await settled(page);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    const [picture, details] = [await page.locator('.flame-picture').boundingBox(), await page.locator('.flame-details').boundingBox()];
    assert.ok(details.y >= picture.y + picture.height);
    await click(page, 'load');
    assert.equal(await crumbs(page), '(root) > main > load');
  },
};

const sum = colour => colour.reduce((one, two) => one + two);

// In the page: the contrast of all texts of the picture and of the page with what is behind them.
function contrasts() {
  const palette = readPalette(document.getElementById('graph'));
  const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const shown = colour => { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); return [...context.getImageData(0, 0, 1, 1).data]; };
  const light = colour => shown(colour).slice(0, 3).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((all, part, index) => all + part * [0.2126, 0.7152, 0.0722][index], 0);
  const ratio = (one, two) => {
    const [dark, bright] = [light(one), light(two)].sort((first, second) => first - second);
    return (bright + 0.05) / (dark + 0.05);
  };
  const found = [];
  const check = (what, ink, paper) => found.push({what, ratio: ratio(ink, paper)});
  for (const [kind, [from, to]] of Object.entries(HUES)) {
    for (let hue = from; hue < to; hue += 5) {
      for (const ink of ['ink', 'ink-quiet']) check(`${ink} on kind ${kind}, hue ${hue}`, palette[ink], `oklch(${palette[kind]} ${hue})`);
    }
  }
  for (const paper of ['more', 'less', 'plain']) {
    for (const ink of ['ink', 'ink-quiet']) check(`${ink} on ${paper}`, palette[ink], palette[paper]);
  }
  check('ink on match', palette['ink-match'], palette.match);
  check('ink on faint', palette['ink-faint'], palette.faint);
  const style = getComputedStyle(document.documentElement), read = name => style.getPropertyValue(`--${name}`).trim();
  for (const ink of ['ink', 'quiet', 'accent']) {
    for (const paper of ['paper', 'panel']) check(`${ink} on ${paper}`, read(ink), read(paper));
  }
  for (const ink of ['ink', 'quiet']) check(`${ink} on chosen`, read(ink), read('chosen'));
  return found;
}

const browser = await chromium.launch({executablePath: process.env.CHROMIUM ?? 'chromium', headless: true, args: FLAGS});
try {
  const reducedMotion = scenario === 'mouse' ? 'no-preference' : 'reduce';
  const page = await browser.newPage({viewport: {width: 1200, height: 800}, colorScheme: 'light', reducedMotion});
  const url = pathToFileURL(resolve(file)).href, complaints = [];
  page.on('pageerror', error => complaints.push(`error: ${error.message}`));
  page.on('console', message => complaints.push(`console: ${message.text()}`));
  page.on('dialog', dialog => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', request => { if (![url, 'data:,'].includes(request.url()) && !request.url().startsWith('blob:')) complaints.push(`request: ${request.url()}`); });
  await page.goto(url);
  await settled(page);
  if (!scenarios[scenario]) throw new Error(`no scenario ${scenario}`);
  try {
    await scenarios[scenario](page);
  } finally {
    if (shots) await page.screenshot({path: join(shots, `flamegraph-${scenario}.png`)});
  }
  await settled(page).catch(() => {});
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
