import type { FunctionComponent, ReactNode } from 'react';
import type {
  Backend, Billing, FeedData, FeedName, HealthReport, LinkStateName, Message, Metrics, PublishedOptions, Snapshot, Status, VeloFlux,
} from './veloflux.js';

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

export interface SocketOptions<Said = any> extends PublishedOptions {
  onMessage?: (message: Said) => void;
  onOpen?: (event: Event) => void;
  onClose?: (event: CloseEvent) => void;
  onError?: (error: unknown) => void;
}

export interface Socket<Said = any> {
  /** The last message. */
  data: Said | null;
  connectionStatus: LinkStateName;
  error: string | null;
  /** False: there is no connection, and it was not sent. */
  sendMessage(message: unknown): boolean;
  disconnect(): void;
  reconnect(): void;
}

export function useWebSocket<Said = any>(url: string | null | undefined, options?: SocketOptions<Said>): Socket<Said>;

/** The messages of a feed. */
export type Of<Name extends FeedName> = Extract<Message, { type: Name | `${Name}_update` }>;
export type FeedSocketOptions<Name extends FeedName> = SocketOptions<Of<Name>> & { baseUrl?: string };
export function useBackendsWebSocket(options?: FeedSocketOptions<'backends'>): Socket<Of<'backends'>>;
export function useMetricsWebSocket(options?: FeedSocketOptions<'metrics'>): Socket<Of<'metrics'>>;
export function useStatusWebSocket(options?: FeedSocketOptions<'status'>): Socket<Of<'status'>>;
export function useBillingWebSocket(options?: FeedSocketOptions<'billing'>): Socket<Of<'billing'>>;
export function useHealthWebSocket(options?: FeedSocketOptions<'health'>): Socket<Of<'health'>>;
