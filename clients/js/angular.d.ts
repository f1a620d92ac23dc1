import { InjectionToken, type OnDestroy } from '@angular/core';
import { BehaviorSubject, type Observable } from 'rxjs';
import type {
  Backend, Billing, ControlAnswer, ControlParameters, FeedData, FeedName, ForceUpdateAnswer, HealthReport, LinkStateName, Metrics, PublishedOptions, Snapshot, Status,
  VeloFlux, VeloFluxOptions,
} from './veloflux.js';

/** How the feeds are connected. Without it: those of the server the page came from. */
export const VELOFLUX_OPTIONS: InjectionToken<VeloFluxOptions>;

export interface WebSocketMessage {
  type: string;
  data: any;
  id?: string;
}

/** One connection that comes back by itself. */
export class WebSocketService implements OnDestroy {
  readonly messages$: Observable<WebSocketMessage>;
  readonly connectionStatus$: Observable<LinkStateName>;
  connect(url: string, options?: PublishedOptions): void;
  disconnect(): void;
  /** False: there is no connection, and it was not sent. */
  sendMessage(message: unknown): boolean;
  ngOnDestroy(): void;
}

/** All feeds of a server as observables. */
export class VeloFluxWebSocketService implements OnDestroy {
  readonly metrics$: BehaviorSubject<Partial<Metrics>>;
  readonly status$: BehaviorSubject<Partial<Status>>;
  readonly backends$: BehaviorSubject<Backend[]>;
  readonly billing$: BehaviorSubject<Partial<Billing>>;
  readonly health$: BehaviorSubject<Partial<HealthReport>>;
  constructor(options?: VeloFluxOptions);
  /** The client below: events, statistics, the age of what is known. */
  readonly client: VeloFlux;
  snapshot<Name extends FeedName>(feed: Name): Snapshot<FeedData[Name]>;
  getConnectionStatus(): Record<FeedName, Observable<LinkStateName>> & { [feed: string]: Observable<LinkStateName> };
  forceUpdate(feed?: FeedName | 'all'): Promise<ForceUpdateAnswer>;
  control(action: Parameters<VeloFlux['control']>[0], parameters?: ControlParameters): Promise<ControlAnswer>;
  ngOnDestroy(): void;
}
