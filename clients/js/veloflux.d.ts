// Types of the JavaScript client of veloflux. What stands on the wire is held to the server's own types by its tests.

// Only what says so is exported.
export {};

export type FeedName = 'backends' | 'metrics' | 'status' | 'billing' | 'health';
export type Health = 'healthy' | 'degraded' | 'unhealthy' | 'unknown';
export type Admin = 'enabled' | 'draining' | 'maintenance';

/** What an operator has ordered of a backend, and whether it is so. */
export interface Intent {
  admin: Admin | null;
  weight: number | null;
  state: 'applied' | 'pending' | 'failed';
  error: string | null;
  since: string;
  until: string | null;
  reason: string | null;
}

/** One backend of one pool. */
export interface Backend {
  /** `host:port` */
  address: string;
  pool: string;
  weight: number;
  status: Health;
  /** When the status was last confirmed; null before the first check. */
  last_check: string | null;
  /** The status in an operator's words. */
  state: string;
  admin: Admin;
  latency_ms: number | null;
  last_change: string | null;
  /** `check`, or the name of the source that says so. */
  source: string;
  /** Why it is not healthy. */
  detail: string | null;
  /** Whether its source has stopped answering. */
  stale: boolean;
  intent: Intent | null;
}

/** What changed of one backend: merged into the one with the same address. */
export type BackendUpdate = Omit<Backend, 'pool' | 'weight' | 'source'>;

export interface Metrics {
  /** Busy share of all CPUs, 0 to 100. */
  cpu: number;
  /** 0 to 100 */
  memory: number;
  /** Requests completed in the window that ends at `timestamp`. */
  requests: number;
  timestamp: string;
  scope: 'host' | 'cgroup' | null;
  memory_scope: 'host' | 'cgroup' | null;
  requests_total: number | null;
  requests_per_second: number | null;
  requests_source: string | null;
  window_ms: number | null;
  connections: number | null;
}

export interface Status {
  status: Health;
  timestamp: string;
  /** `1h30m` */
  uptime: string;
  version: string;
  cluster_size: number;
  /** Why it is not healthy; empty exactly when it is. */
  reasons: string[];
  uptime_seconds: number | null;
  node: string | null;
}

export interface Billing {
  usage: number;
  cost: number;
  period: string;
  last_updated: string;
  cost_exact: string | null;
  currency: string | null;
  unit: string | null;
  period_start: string | null;
  period_end: string | null;
  partial: boolean;
}

export interface CheckDetail {
  latency_ms: number | null;
  last_check: string | null;
  since: string | null;
  critical: boolean;
  error: string | null;
  kind: string;
}

export interface HealthReport {
  healthy: boolean;
  timestamp: string;
  checks: Record<string, Health>;
  details: Record<string, CheckDetail>;
}

/** The state of each feed. */
export interface FeedData {
  backends: Backend[];
  metrics: Metrics;
  status: Status;
  billing: Billing;
  health: HealthReport;
}

/** A message as it stands on the wire. */
export type Message =
  | { type: 'backends'; data: Backend[]; id?: string }
  | { type: 'backends_update'; data: BackendUpdate; id?: string }
  | { type: 'metrics'; data: Metrics; id?: string }
  | { type: 'status'; data: Status; id?: string }
  | { type: 'billing'; data: Billing; id?: string }
  | { type: 'health'; data: HealthReport; id?: string };

/** Every feed, with the time between two messages of it in milliseconds. */
export const FEEDS: Readonly<Record<FeedName, number>>;

export interface ReconnectionOptions {
  /** How often in a row; `Infinity` for ever. Default 5. */
  maxAttempts?: number;
  /** Milliseconds. Default 1000. */
  baseDelay?: number;
  /** Milliseconds. Default 30000. */
  maxDelay?: number;
  /** Default 2. */
  backoffFactor?: number;
  /** Whether each delay is taken by chance from its upper half. Default true. */
  jitter?: boolean;
}

export class ReconnectionStrategy implements Required<ReconnectionOptions> {
  constructor(options?: ReconnectionOptions);
  readonly maxAttempts: number;
  readonly baseDelay: number;
  readonly maxDelay: number;
  readonly backoffFactor: number;
  readonly jitter: boolean;
  /** The delay before an attempt, in milliseconds; the first attempt is 0. */
  getDelay(attempt: number, random?: () => number): number;
  shouldReconnect(attempt: number): boolean;
}

export interface HealthMonitorOptions {
  /** Milliseconds between pings. Default 30000. */
  interval?: number;
  /** Milliseconds for an answer; any message is one. Default 5000. */
  timeout?: number;
  /** So many in a row end the connection. Default 3. */
  maxMissedPings?: number;
}

export type TokenSource = string | null | undefined | (() => string | null | undefined | Promise<string | null | undefined>);

/** What is used of the world around; what is not given is the platform's. */
export interface Environment {
  WebSocket?: unknown;
  fetch?: unknown;
  setTimeout?: (act: () => void, delay: number) => unknown;
  clearTimeout?: (timer: never) => void;
  /** The wall clock, in milliseconds as of `Date.now()`. */
  now?: () => number;
  /** A clock that nobody sets, in milliseconds. */
  monotonic?: () => number;
  random?: () => number;
  window?: unknown;
  Notification?: unknown;
}

export interface LinkOptions {
  reconnectionStrategy?: ReconnectionOptions | ReconnectionStrategy;
  healthMonitor?: HealthMonitorOptions | false;
  token?: TokenSource;
  /** How the token is shown. Default `subprotocol`. */
  authentication?: 'subprotocol' | 'message' | 'ticket';
  /** Milliseconds. Default 10000. */
  connectTimeout?: number;
  environment?: Environment;
}

export type LinkStateName = 'Connecting' | 'Connected' | `Reconnecting (${number | '∞'}/${number | '∞'})` | 'Disconnected' | 'Failed' | 'Error';

export interface LinkState {
  readonly state: LinkStateName;
  readonly attempt: number;
  readonly of: number;
  /** When it tries again, in milliseconds as of `Date.now()`. */
  readonly retryAt: number | null;
  readonly code: number | null;
  readonly reason: string | null;
  readonly since: number;
}

declare class Emitter<Events> {
  on<Name extends keyof Events>(event: Name, listener: (detail: Events[Name]) => void): () => void;
  off<Name extends keyof Events>(event: Name, listener: (detail: Events[Name]) => void): void;
  emit<Name extends keyof Events>(event: Name, detail: Events[Name]): void;
  readonly listenerCount: number;
  removeAll(): void;
}

export interface LinkEvents {
  link: LinkState;
  message: unknown;
  open: Event;
  close: CloseEvent;
  error: unknown;
  invalid: { problem: string; text: string };
  /** So many pings in a row nobody has answered. */
  missed: number;
  /** Milliseconds: of the round trip, and how far the server's clock is ahead. */
  pong: { took: number; skew: number };
  /** The page was away, or the network has changed. */
  wake: undefined;
}

/** A WebSocket that comes back by itself. */
export class Link extends Emitter<LinkEvents> {
  constructor(url: string | (() => string | Promise<string>), options?: LinkOptions);
  readonly state: LinkState;
  readonly connected: boolean;
  open(): void;
  reconnect(): void;
  close(): void;
  /** False: there is no connection, and it was not sent. */
  send(message: unknown): boolean;
  /** Uses this token from now on: shows it on the connection there is, and tries again what an older one was refused. */
  authenticate(token?: TokenSource): Promise<void>;
  alive(): void;
  monitor(options: HealthMonitorOptions | false): void;
}

export interface Disconnection {
  feed: FeedName;
  code: number | null;
  reason: string | null;
  state: LinkStateName;
}

export interface VeloFluxOptions extends LinkOptions {
  /** Of the server. Default: where the page came from. */
  url?: string;
  /** Default: all. */
  feeds?: FeedName | FeedName[] | 'all';
  /** One socket a feed, or one for all. Default `separate`. */
  transport?: 'separate' | 'multiplexed';
  /** How often listeners of one feed are called; the newest wins. Default: no limit. */
  maxMessagesPerSecond?: number;
  /** Where the last known values are kept, for example `localStorage`. */
  storage?: Pick<Storage, 'getItem' | 'setItem'> | null;
  storageKey?: string;
  alerts?: {
    /** Milliseconds that a connection is away before anybody is told. Default 5000. */
    after?: number;
    onDisconnect?: (told: Disconnection) => void;
    onReconnect?: (told: { feed: FeedName }) => void;
    /** Whether the page's permission for notifications is used. */
    notification?: boolean;
  };
}

export interface Snapshot<Data> {
  readonly data: Data | null;
  readonly id: string | null;
  /** Milliseconds as of `Date.now()`. */
  readonly receivedAt: number | null;
  /** No message for three cadences, or none since it was restored. */
  readonly stale: boolean;
  /** It is from the storage, and nothing newer has come. */
  readonly restored: boolean;
  readonly link: LinkStateName;
  readonly error: string | null;
}

export interface Statistics {
  messages: number;
  /** Never seen, by their ids. */
  missed: number;
  /** Not told to listeners because of `maxMessagesPerSecond`. */
  dropped: number;
  invalid: number;
  losses: number;
  missedPings: number;
  lastMessageAt: number | null;
  /** Milliseconds. */
  roundTrip: number | null;
  /** Over the last minute. */
  messagesPerSecond: number;
}

export interface VeloFluxEvents extends FeedData {
  link: { feed: FeedName } & LinkState;
  message: { feed: FeedName; message: Message };
  gap: { feed: FeedName; missed: number; after: string; before: string };
  resumed: { feed: FeedName; recovered: boolean };
  stale: { feed: FeedName; stale: boolean; age: number | null };
  invalid: { feed: FeedName; problem: string };
  problem: { feed: FeedName | null; code: string; message: string };
  change: FeedName;
}

export interface ControlAnswer {
  control: 'ok';
  /** The feeds that are paused now. */
  paused: FeedName[];
  /** What a reload has changed, in words. */
  changes?: string[];
  /** The backend after an order about it. */
  backend?: Backend;
}

export interface ForceUpdateAnswer {
  force_update: 'triggered';
  /** The feeds that measured afresh and were sent. */
  feeds: FeedName[];
}

export interface ControlParameters {
  type?: FeedName | 'all';
  backend?: string;
  pool?: string;
  source?: string;
  weight?: number;
  /** `30m` */
  for?: string;
  reason?: string;
}

/** The feeds of one server. */
export class VeloFlux extends Emitter<VeloFluxEvents> {
  constructor(options?: VeloFluxOptions);
  readonly feeds: readonly FeedName[];
  readonly url: string;
  readonly closed: boolean;
  snapshot<Name extends FeedName>(feed: Name): Snapshot<FeedData[Name]>;
  data<Name extends FeedName>(feed: Name): FeedData[Name] | null;
  /** Milliseconds. */
  age(feed: FeedName): number | null;
  /** The server's clock, in milliseconds. */
  serverNow(): number;
  statistics(feed: FeedName): Statistics;
  subscribe<Name extends FeedName>(feed: Name, listener: (data: FeedData[Name]) => void): () => void;
  connect(): this;
  use(feed: FeedName): () => void;
  /** Of one feed, or of all. */
  reconnect(feed?: FeedName): void;
  close(): void;
  /** Uses this token from now on; without one, what the option gives now. */
  authenticate(token?: TokenSource): Promise<void>;
  send(feed: FeedName, message: unknown): boolean;
  forceUpdate(feed?: FeedName | 'all'): Promise<ForceUpdateAnswer>;
  control(
    action?: 'check' | 'pause' | 'resume' | 'drain' | 'maintenance' | 'enable' | 'weight' | 'reload',
    parameters?: ControlParameters,
  ): Promise<ControlAnswer>;
}

export class VeloFluxError extends Error {
  constructor(message: string, detail?: { status?: number; code?: string; retryAfter?: string | null });
  /** The HTTP status; 0 without an answer. */
  readonly status: number;
  readonly code: string;
  readonly retryAfter: string | null;
}

/** What is known before anything was said. */
export const NOTHING_YET: Snapshot<never>;
/** The client that all parts of a page share which were given none: of the server the page came from. */
export function pageClient(): VeloFlux;
/** What is wrong with a message of a feed; null if nothing. */
export function problemOf(message: unknown): string | null;
/** The state of a feed after a message. */
export function fold<State>(state: State, message: Message): State;

// ---- the names of the published clients

export interface PublishedOptions extends LinkOptions {
  shouldReconnect?: boolean;
  /** Milliseconds, the same before every attempt. */
  reconnectInterval?: number;
  maxReconnectAttempts?: number;
}

export function linkOptions(options?: PublishedOptions): LinkOptions;

export interface NamedEvent<Detail = any> {
  type: string;
  detail: Detail;
}

export class WebSocketManager {
  connect(name: string, url: string, options?: PublishedOptions): void;
  link(name: string): Link | undefined;
  disconnect(name: string): void;
  disconnectAll(): void;
  send(name: string, message: unknown): boolean;
  on(event: string, listener: (event: NamedEvent) => void): () => void;
  off(event: string, listener: (event: NamedEvent) => void): void;
  emit(event: string, detail?: unknown): void;
}

export class ConnectionHealthMonitor {
  constructor(manager: WebSocketManager, options?: HealthMonitorOptions);
  checkInterval: number;
  maxMissedPings: number;
  startMonitoring(name: string): void;
  stopMonitoring(name: string): void;
  handlePong(name: string): void;
}

export class VeloFluxWebSocketManager {
  constructor(baseUrl?: string, options?: VeloFluxOptions);
  readonly baseUrl: string;
  data: { metrics: Partial<Metrics>; status: Partial<Status>; backends: Backend[]; billing: Partial<Billing>; health: Partial<HealthReport> };
  connectionStatus: Partial<Record<FeedName, LinkStateName>>;
  on(event: FeedName | 'connectionStatus' | (string & {}), listener: (event: NamedEvent) => void): () => void;
  off(event: string, listener: (event: NamedEvent) => void): void;
  emit(event: string, detail?: unknown): void;
  disconnect(): void;
  getData(): VeloFluxWebSocketManager['data'];
  getConnectionStatus(): VeloFluxWebSocketManager['connectionStatus'];
}
