// Angular: services over the client. They connect in a browser, never on a server that renders, and end with their injector.
//
// `ɵɵdefineInjectable` is what Angular's compiler writes for an injectable, and Angular keeps it stable for packages that were
// compiled long ago. Written by hand, it spares this package a build of its own.
import { InjectionToken, NgZone, PLATFORM_ID, inject, ɵɵdefineInjectable } from '@angular/core';
import { BehaviorSubject, Subject } from 'rxjs';
import { FEEDS, Link, VeloFlux, linkOptions } from './veloflux.js';

/** How the feeds are connected. Without it: those of the server the page came from. */
export const VELOFLUX_OPTIONS = new InjectionToken('veloflux options');

/** Where there is no Angular around: what is made by hand, in a page. */
const ALONE = { connects: true, outside: (act) => act(), inside: (act) => act() };

/** What waits does so outside of Angular's zone, where no timer keeps an app from being stable; what is told is told inside. */
function around() {
  const zone = inject(NgZone);
  return { connects: inject(PLATFORM_ID) === 'browser', outside: (act) => zone.runOutsideAngular(act), inside: (act) => zone.run(act) };
}

/** One connection that comes back by itself. */
export class WebSocketService {
  static ɵprov = ɵɵdefineInjectable({ token: WebSocketService, providedIn: 'root', factory: () => new WebSocketService(around()) });

  #around;
  #link = null;
  #messages = new Subject();
  #status = new BehaviorSubject('Disconnected');

  messages$ = this.#messages.asObservable();
  connectionStatus$ = this.#status.asObservable();

  constructor(around = ALONE) {
    this.#around = around;
  }

  connect(url, options = {}) {
    this.disconnect();
    const { connects, inside, outside } = this.#around;
    if (!connects) return;
    const link = new Link(url, linkOptions(options));
    this.#link = link;
    link.on('link', ({ state }) => inside(() => this.#status.next(state)));
    link.on('message', (message) => inside(() => this.#messages.next(message)));
    outside(() => link.open());
  }

  disconnect() {
    this.#link?.close();
    this.#link?.removeAll();
    this.#link = null;
  }

  /** False: there is no connection, and it was not sent. */
  sendMessage(message) {
    return this.#link?.send(message) ?? false;
  }

  ngOnDestroy() {
    this.disconnect();
    this.#messages.complete();
    this.#status.complete();
  }
}

/** All feeds of a server as observables. */
export class VeloFluxWebSocketService {
  static ɵprov = ɵɵdefineInjectable({
    token: VeloFluxWebSocketService,
    providedIn: 'root',
    factory: () => new VeloFluxWebSocketService(inject(VELOFLUX_OPTIONS, { optional: true }) ?? {}, around()),
  });

  #flux;
  #links = Object.fromEntries(Object.keys(FEEDS).map((feed) => [feed, new BehaviorSubject('Disconnected')]));

  metrics$ = new BehaviorSubject({});
  status$ = new BehaviorSubject({});
  backends$ = new BehaviorSubject([]);
  billing$ = new BehaviorSubject({});
  health$ = new BehaviorSubject({});

  constructor(options = {}, { connects, inside, outside } = ALONE) {
    this.#flux = new VeloFlux(options);
    this.#flux.on('link', ({ feed, state }) => inside(() => this.#links[feed].next(state)));
    for (const feed of Object.keys(FEEDS)) this.#flux.subscribe(feed, (data) => inside(() => this[`${feed}$`].next(data)));
    if (connects) outside(() => this.#flux.connect());
  }

  /** The client below: events, statistics, the age of what is known. */
  get client() {
    return this.#flux;
  }

  /** All about a feed now: its state, whether that is stale, its connection. */
  snapshot(feed) {
    return this.#flux.snapshot(feed);
  }

  getConnectionStatus() {
    return Object.fromEntries(Object.entries(this.#links).map(([feed, subject]) => [feed, subject.asObservable()]));
  }

  forceUpdate(feed) {
    return this.#flux.forceUpdate(feed);
  }

  control(action, parameters) {
    return this.#flux.control(action, parameters);
  }

  ngOnDestroy() {
    this.#flux.close();
    for (const feed of Object.keys(FEEDS)) {
      this[`${feed}$`].complete();
      this.#links[feed].complete();
    }
  }
}
