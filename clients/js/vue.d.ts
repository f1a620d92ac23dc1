import type { ComputedRef, MaybeRefOrGetter, ShallowRef } from 'vue';
import type {
  Backend, Billing, FeedData, FeedName, HealthReport, LinkStateName, Message, Metrics, PublishedOptions, Snapshot, Status, VeloFlux,
} from './veloflux.js';

export function provideVeloFlux(client: VeloFlux): void;
export function useVeloFlux(): VeloFlux;

export interface FeedOptions {
  client?: VeloFlux;
  /** False: not connected. */
  enabled?: MaybeRefOrGetter<boolean>;
}

export interface Live<Data> {
  snapshot: ShallowRef<Snapshot<Data>>;
  data: ComputedRef<Data | null>;
  stale: ComputedRef<boolean>;
  restored: ComputedRef<boolean>;
  receivedAt: ComputedRef<number | null>;
  connectionStatus: ComputedRef<LinkStateName>;
  error: ComputedRef<string | null>;
}

export function useFeed<Name extends FeedName>(feed: Name, options?: FeedOptions): Live<FeedData[Name]>;
export function useBackends(options?: FeedOptions): Live<Backend[]>;
export function useMetrics(options?: FeedOptions): Live<Metrics>;
export function useStatus(options?: FeedOptions): Live<Status>;
export function useBilling(options?: FeedOptions): Live<Billing>;
export function useHealth(options?: FeedOptions): Live<HealthReport>;

export interface SocketOptions<Said = any> extends PublishedOptions {
  onMessage?: (message: Said) => void;
  onOpen?: (event: Event) => void;
  onClose?: (event: CloseEvent) => void;
  onError?: (error: unknown) => void;
}

export interface Socket<Said = any> {
  /** The last message. */
  data: ShallowRef<Said | null>;
  connectionStatus: ShallowRef<LinkStateName>;
  error: ShallowRef<string | null>;
  /** False: there is no connection, and it was not sent. */
  sendMessage(message: unknown): boolean;
  disconnect(): void;
  reconnect(): void;
}

export function useWebSocket<Said = any>(url: MaybeRefOrGetter<string | null | undefined>, options?: SocketOptions<Said>): Socket<Said>;

/** The messages of a feed. */
export type Of<Name extends FeedName> = Extract<Message, { type: Name | `${Name}_update` }>;
export type FeedSocketOptions<Name extends FeedName> = SocketOptions<Of<Name>> & { baseUrl?: string };
export function useBackendsWebSocket(options?: FeedSocketOptions<'backends'>): Socket<Of<'backends'>>;
export function useMetricsWebSocket(options?: FeedSocketOptions<'metrics'>): Socket<Of<'metrics'>>;
export function useStatusWebSocket(options?: FeedSocketOptions<'status'>): Socket<Of<'status'>>;
export function useBillingWebSocket(options?: FeedSocketOptions<'billing'>): Socket<Of<'billing'>>;
export function useHealthWebSocket(options?: FeedSocketOptions<'health'>): Socket<Of<'health'>>;
