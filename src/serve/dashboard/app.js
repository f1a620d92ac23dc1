// The dashboard: the client of the feeds, a panel for each, and what moves by time alone. Nothing is shown that no message said.

import { VeloFlux } from '../veloflux.js';
import { Access, TokenDialog } from './access.js';
import { Announcer } from './announcer.js';
import { Billing } from './billing.js';
import { Checks } from './checks.js';
import { face } from './face.js';
import { Fleet } from './fleet.js';
import { Keyboard } from './keyboard.js';
import { Links } from './links.js';
import { Looks } from './looks.js';
import { Memory } from './memory.js';
import { Metrics } from './metrics.js';
import { Orders } from './orders.js';
import { find, findAll, put, schedule, show } from './page.js';
import { Status } from './status.js';
import { t } from './language.js';

const TICK_MS = 1_000;

const url = new URL('.', location.href).href.replace(/\/$/, '');
const memory = new Memory();
const announcer = new Announcer();
const access = new Access(url, accessChanged);
const flux = new VeloFlux({ url, token: access.token, authentication: 'message', storage: memory, storageKey: `veloflux:${location.pathname}` });
const links = new Links(flux, access, announcer);
const status = new Status(flux, announcer);
const metrics = new Metrics(flux, memory, `veloflux:${location.pathname}:history`);
const fleet = new Fleet(flux, announcer);
const checks = new Checks(flux);
const billing = new Billing(flux);
const token = new TokenDialog(access, announcer);
const orders = new Orders(flux, access, announcer);
const looks = new Looks(retell);
const keyboard = new Keyboard({ fleet, metrics, orders, token, links, looks });

/** The token is another, or what it may do. */
function accessChanged(what) {
  if (what === 'token') flux.authenticate(access.token);
  if (what === 'forgotten') {
    // What is still open was opened with the token.
    flux.authenticate(null);
    flux.reconnect();
  }
  const may = access.may === 'operate';
  put(document.documentElement, 'data-may', access.may);
  find('#update').hidden = !may;
  schedule(tools);
  schedule(links.draw);
}

function tools() {
  show(find('#use-token .label'), access.may ? t('tool.signed', { may: t(`token.${access.may}`) }) : t('tool.token'));
}

/** Everything said anew: the language is another. */
function retell() {
  tools();
  fleet.retell();
  for (const panel of [links, status, metrics, checks, billing]) panel.draw();
  look();
}

function look() {
  face(flux.data('status')?.status ?? null, find('#node').textContent || location.host, links.worst());
}

flux.on('link', look);
let reasons = '';
flux.on('status', (data) => {
  look();
  // A pause shows in the reasons: when they change, it is asked which feeds are paused.
  const now = JSON.stringify(data.reasons ?? []);
  if (now !== reasons) access.refresh();
  reasons = now;
});

for (const button of findAll('#use-token, #sign')) button.addEventListener('click', () => token.open());
find('#show-help').addEventListener('click', () => keyboard.help());
setInterval(() => {
  for (const panel of [links, metrics, checks, billing]) panel.tick();
  if (document.visibilityState === 'visible') fleet.tick();
  look();
}, TICK_MS);
flux.connect();
access.refresh();
retell();
fleet.draw();
