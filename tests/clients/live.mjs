// Uses the page of a running program in headless Chromium by clicks and keys, reads back what it shows, and fails if it
// complains, asks anybody else for anything, or is wider than its window.
// usage: node live.mjs SCENARIO URL [SCREENSHOT_FOLDER]
// MEMWATCH_CLIENTS is a folder with node_modules (playwright-core), CHROMIUM the browser.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {load, options} from './browser.mjs';

const {chromium} = load('playwright-core');
const [scenario, url, shots] = process.argv.slice(2);
const origin = new URL(url).origin;
const LONG = {timeout: 90000};

const shown = (page, selector) => page.locator(selector).first().innerText();
const until = (page, test, argument) => page.waitForFunction(test, argument, LONG);
const opened = page => until(page, () => memwatch.chart?.columns.time.length > 2);
const press = (page, name) => page.getByRole('button', {name, exact: true}).first().click();
const focused = page => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);

const scenarios = {
  // A leak is found: types, who holds them, the report, a difference of two profiles, files.
  async hunt(page) {
    await opened(page);
    assert.equal(new URL(page.url()).hash, '', 'the token does not stay in the address');
    await page.getByLabel('Time between two looks').selectOption('5');
    await press(page, 'Types');
    await page.waitForSelector('#diff table', LONG);
    await page.locator('#diff .live-type', {hasText: 'Order'}).first().click();
    await page.waitForSelector('#holders h3', LONG);
    assert.equal(await shown(page, '#holders h3'), '__main__.Order');
    assert.match(await shown(page, '.live-tree'), /module __main__[^]*SEEN[^]*\[each\]/);
    assert.match(await shown(page, '.live-fields'), /\.lines[^]*list, 20 items/);
    await shoot(page, 'types');
    for (const _ of 'ab') await press(page, 'Profile so far');
    await until(page, () => memwatch.profiles.which.options.length >= 2);
    await page.getByLabel('Compared with').selectOption({index: 1});
    await until(page, () => memwatch.profiles.shown.includes('base'));
    await page.getByLabel('Compared with').selectOption({index: 0});
    await page.waitForSelector('#panel-profiles .flame-picture', LONG);
    await shoot(page, 'flame');
    await press(page, 'Report');
    await page.waitForSelector('#panel-report .suspect', LONG);
    assert.match(await shown(page, '#panel-report .stamp'), /^Now$/i);
    assert.match(await shown(page, '#panel-report h1'), /Order|str|list/);
    await shoot(page, 'report');
    await press(page, 'Collect garbage');
    await until(page, () => /^Collected in/.test(document.getElementById('problem').textContent));
    const [file] = await Promise.all([page.waitForEvent('download', LONG), press(page, 'Heap snapshot')]);
    assert.match(file.suggestedFilename(), /^memwatch-snapshot-\d+-\d+\.heapsnapshot\.gz$/);
    assert.equal(readFileSync(await file.path()).subarray(0, 2).toString('hex'), '1f8b');
    await press(page, 'Forget');
    await until(page, () => memwatch.jobs.done('snapshot').length === 0);
    assert.equal(await page.evaluate(() => memwatch.processes.length), 1);
  },

  // All of it without a mouse.
  async keys(page) {
    await opened(page);
    await page.locator('#chart').focus();
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowLeft');
    assert.match(await shown(page, '#readout'), /base .* MiB +resident .* MiB/);
    await page.locator('#tab-report').focus();
    await page.keyboard.press('ArrowRight');
    assert.equal(await focused(page), 'tab-types');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    assert.equal(await focused(page), 'tab-profiles');
    await page.getByRole('button', {name: 'Profile so far'}).focus();
    await page.keyboard.press('Enter');
    await page.waitForSelector('#panel-profiles .flame-picture', LONG);
    await page.locator('#panel-profiles .flame-picture').focus();
    await page.keyboard.press('ArrowDown');
    assert.notEqual(await page.evaluate(() => memwatch.profiles.view.scene.focus), 0);
    const before = await page.evaluate(() => document.documentElement.dataset.theme);
    await page.locator('#theme').focus();
    await page.keyboard.press('Space');
    assert.notEqual(await page.evaluate(() => document.documentElement.dataset.theme), before);
    await page.locator('#ranges input').first().focus();
    await page.keyboard.press('ArrowLeft');
    assert.equal(await page.evaluate(() => memwatch.chart.range), 0);
  },

  // The token is asked for, a wrong one refused, and the right one kept for the tab.
  async closed(page, token) {
    await page.waitForSelector('#token', LONG);
    assert.equal(await page.locator('#main').isVisible(), false);
    await page.locator('#token').fill('a-wrong-token-of-some-length');
    await page.keyboard.press('Enter');
    await until(page, () => /wrong/.test(document.getElementById('refused').textContent));
    await page.locator('#token').fill(token);
    await press(page, 'Show');
    await opened(page);
    await page.reload();
    await opened(page);
    assert.equal(await page.locator('#token').isVisible(), false);
  },

  // Nearly 20,000 readings, a leak and its report, 10,000 frames.
  async large(page) {
    await opened(page);
    const loaded = await page.evaluate(() => performance.now());
    assert.ok(await page.evaluate(() => memwatch.chart.columns.time.length >= 19900));
    await press(page, 'Show');
    await until(page, () => memwatch.profiles.view?.tree.count >= 10000);
    const size = await page.evaluate(() => performance.getEntriesByType('navigation')[0].decodedBodySize);
    assert.ok(size <= 150000, `${size} bytes`);
    const drawing = await page.evaluate(async () => {
      const data = await api.read('graph', {job: memwatch.profiles.which.value}), begun = performance.now();
      const graph = flameGraph(document.body.appendChild(make('div', {class: 'graph-middle'})), data);
      const took = performance.now() - begun;
      graph.close();
      graph.container.remove();
      return took;
    });
    console.log(JSON.stringify({page_bytes: size, chart_ms: Math.round(loaded), flame_ms: Math.round(drawing)}));
    await page.locator('#events .flame-button').first().click();
    await page.waitForSelector('#panel-report h1', LONG);
    await page.evaluate(() => {
      const {chart} = memwatch, columns = {time: [], base: [], rss: [], full: []};
      for (let second = 1; second <= 86400; second++) {
        for (const name of ['base', 'rss', 'full']) columns[name].push(second);
        columns.time.push(chart.last() + second);
      }
      chart.add({...columns, events: chart.events});
    });
    assert.ok(await page.evaluate(() => memwatch.chart.columns.time.length <= 20000), 'a tab left open for a day');
  },
};

const shoot = async (page, name) => {
  const fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  assert.ok(fits, `${name}: nothing is wider than the window`);
  if (shots) await page.screenshot({path: join(shots, `live-${name}-${page.viewportSize().width}.png`), fullPage: true});
};

const [name, look = 'wide'] = scenario.split('-');
const browser = await chromium.launch(options);
try {
  const page = await browser.newPage({
    viewport: {width: look === 'narrow' ? 400 : 1400, height: 900}, colorScheme: look === 'narrow' ? 'dark' : 'light', reducedMotion: 'reduce',
  });
  const complaints = [], token = new URLSearchParams(new URL(url).hash.slice(1)).get('token');
  const wrong = text => name === 'closed' && text.includes('401');
  page.on('pageerror', error => complaints.push(`error: ${error.message}`));
  page.on('console', message => wrong(message.text()) || complaints.push(`console: ${message.text()}`));
  page.on('request', request => { if (!request.url().startsWith(`${origin}/`) && !/^(blob|data):/.test(request.url())) complaints.push(`request: ${request.url()}`); });
  await page.goto(name === 'closed' ? origin : url);
  await scenarios[name](page, token);
  await shoot(page, name);
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
