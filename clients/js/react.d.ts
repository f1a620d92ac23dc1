import type { FunctionComponent, ReactNode } from 'react';
import type { Backend, Billing, FeedData, FeedName, HealthReport, LinkStateName, Metrics, PublishedOptions, Snapshot, Status, VeloFlux } from './veloflux.js';

export const VeloFluxProvider: FunctionComponent<{ client: VeloFlux; children?: ReactNode }>;
export function useVeloFlux(): VeloFlux;

export interface FeedOptions {
  client?: VeloFlux;
  /** False: not connected. */
  enabled?: boolean;
}

export type Live<Data> = Snapshot<Data> & { readonly connectionStatus: LinkStateName };

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
  data: any;
  connectionStatus: LinkStateName;
  error: string | null;
  sendMessage(message: unknown): boolean;
  disconnect(): void;
  reconnect(): void;
}

export function useWebSocket(url: string | null | undefined, options?: SocketOptions): Socket;

export type FeedSocketOptions = SocketOptions & { baseUrl?: string };
export function useBackendsWebSocket(options?: FeedSocketOptions): Socket;
export function useMetricsWebSocket(options?: FeedSocketOptions): Socket;
export function useStatusWebSocket(options?: FeedSocketOptions): Socket;
export function useBillingWebSocket(options?: FeedSocketOptions): Socket;
export function useHealthWebSocket(options?: FeedSocketOptions): Socket;
