// Angular: services over the client. They connect in a browser, never on a server that renders, and end with their injector.
//
// Written as Angular's compiler writes an injectable, so that the package needs no build of its own.
import { InjectionToken, inject, ɵɵdefineInjectable } from '@angular/core';
import { BehaviorSubject, Subject } from 'rxjs';
import { FEEDS, Link, VeloFlux, linkOptions } from './veloflux.js';

/** How the feeds are connected. Without it: those of the server the page came from. */
export const VELOFLUX_OPTIONS = new InjectionToken('veloflux options');

const inBrowser = () => typeof document !== 'undefined';

/** One connection that comes back by itself. */
export class WebSocketService {
  static ɵprov = ɵɵdefineInjectable({ token: WebSocketService, providedIn: 'root', factory: () => new WebSocketService() });

  #link = null;
  #messages = new Subject();
  #status = new BehaviorSubject('Disconnected');

  messages$ = this.#messages.asObservable();
  connectionStatus$ = this.#status.asObservable();

  connect(url, options = {}) {
    this.disconnect();
    const link = new Link(url, linkOptions(options));
    this.#link = link;
    link.on('link', ({ state }) => this.#status.next(state));
    link.on('message', (message) => this.#messages.next(message));
    link.open();
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
    factory: () => new VeloFluxWebSocketService(inject(VELOFLUX_OPTIONS, { optional: true }) ?? {}),
  });

  #flux;
  #links;

  metrics$ = new BehaviorSubject({});
  status$ = new BehaviorSubject({});
  backends$ = new BehaviorSubject([]);
  billing$ = new BehaviorSubject({});
  health$ = new BehaviorSubject({});

  constructor(options = {}) {
    this.#flux = new VeloFlux(options);
    this.#links = Object.fromEntries(Object.keys(FEEDS).map((feed) => [feed, new BehaviorSubject('Disconnected')]));
    this.#flux.on('link', ({ feed, state }) => this.#links[feed].next(state));
    for (const feed of Object.keys(FEEDS)) this.#flux.subscribe(feed, (data) => this[`${feed}$`].next(data));
    if (inBrowser()) this.#flux.connect();
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
