import type { ComputedRef, MaybeRefOrGetter, ShallowRef } from 'vue';
import type { Backend, Billing, FeedData, FeedName, HealthReport, LinkStateName, Metrics, PublishedOptions, Snapshot, Status, VeloFlux } from './veloflux.js';

export function provideVeloFlux(client: VeloFlux): void;
export function useVeloFlux(): VeloFlux;

export interface FeedOptions {
  client?: VeloFlux;
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

export interface SocketOptions extends PublishedOptions {
  onMessage?: (message: any) => void;
  onOpen?: (event: Event) => void;
  onClose?: (event: CloseEvent) => void;
  onError?: (error: unknown) => void;
}

export interface Socket {
  /** The last message. */
  data: ShallowRef<any>;
  connectionStatus: ShallowRef<LinkStateName>;
  error: ShallowRef<string | null>;
  sendMessage(message: unknown): boolean;
  disconnect(): void;
  reconnect(): void;
}

export function useWebSocket(url: MaybeRefOrGetter<string | null | undefined>, options?: SocketOptions): Socket;

export type FeedSocketOptions = SocketOptions & { baseUrl?: string };
export function useBackendsWebSocket(options?: FeedSocketOptions): Socket;
export function useMetricsWebSocket(options?: FeedSocketOptions): Socket;
export function useStatusWebSocket(options?: FeedSocketOptions): Socket;
export function useBillingWebSocket(options?: FeedSocketOptions): Socket;
export function useHealthWebSocket(options?: FeedSocketOptions): Socket;
