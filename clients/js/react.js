// React: hooks over the client. They connect after the first paint, never on a server that renders, and leave nothing behind.
import { createContext, createElement, useCallback, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { Link, VeloFlux, linkOptions } from './veloflux.js';

const Client = createContext(null);
const NOTHING = Object.freeze({ data: null, id: null, receivedAt: null, stale: false, restored: false, link: 'Disconnected', error: null });

let shared = null;
/** The client of hooks that were given none: one for the page, of the server the page came from. */
const common = () => {
  if (!shared || shared.closed) shared = new VeloFlux();
  return shared;
};

/** Gives a client to every hook below. Whoever made the client closes it. */
export function VeloFluxProvider({ client, children }) {
  return createElement(Client.Provider, { value: client }, children);
}

/** The client the hooks here use. */
export function useVeloFlux() {
  const provided = useContext(Client);
  return provided ?? common();
}

/** The live state of a feed, with `connectionStatus`, `stale` and the age of what is known. */
export function useFeed(feed, { client, enabled = true } = {}) {
  const nearest = useVeloFlux();
  const flux = client ?? nearest;
  useEffect(() => (enabled && !flux.closed ? flux.use(feed) : undefined), [flux, feed, enabled]);
  const subscribe = useCallback((notify) => flux.on('change', (changed) => changed === feed && notify()), [flux, feed]);
  const snapshot = useSyncExternalStore(subscribe, () => flux.snapshot(feed), () => NOTHING);
  return useMemo(() => ({ ...snapshot, connectionStatus: snapshot.link }), [snapshot]);
}

export const useBackends = (options) => useFeed('backends', options);
export const useMetrics = (options) => useFeed('metrics', options);
export const useStatus = (options) => useFeed('status', options);
export const useBilling = (options) => useFeed('billing', options);
export const useHealth = (options) => useFeed('health', options);

/**
 * One connection of its own: `{data, connectionStatus, error, sendMessage, disconnect, reconnect}`; `data` is the last message.
 * `onMessage`, `onOpen`, `onClose` and `onError` may be new functions at every rendering. Without a URL nothing is connected.
 */
export function useWebSocket(url, options = {}) {
  const { onMessage, onOpen, onClose, onError, token, environment, ...settings } = options;
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const link = useRef(null);
  const [view, setView] = useState({ data: null, connectionStatus: 'Connecting', error: null });
  const key = JSON.stringify(settings);
  const hasToken = token !== undefined && token !== null;
  useEffect(() => {
    if (!url) return undefined;
    const current = (name) => (detail) => latest.current[name]?.(detail);
    const fresh = () => (typeof latest.current.token === 'function' ? latest.current.token() : latest.current.token);
    const made = new Link(url, { ...linkOptions(latest.current), ...(hasToken && { token: fresh }) });
    link.current = made;
    made.on('link', ({ state, reason }) => setView((old) => ({ ...old, connectionStatus: state, error: state === 'Connected' ? null : reason ?? old.error })));
    made.on('message', (data) => {
      setView((old) => ({ ...old, data }));
      current('onMessage')(data);
    });
    made.on('open', current('onOpen'));
    made.on('close', current('onClose'));
    made.on('error', current('onError'));
    made.open();
    return () => {
      made.removeAll();
      made.close();
      link.current = null;
    };
  }, [url, key, hasToken]);
  const sendMessage = useCallback((message) => link.current?.send(message) ?? false, []);
  const disconnect = useCallback(() => link.current?.close(), []);
  const reconnect = useCallback(() => link.current?.reconnect(), []);
  return { ...view, sendMessage, disconnect, reconnect };
}

const socket = (feed) => ({ baseUrl, ...options } = {}) => {
  const origin = typeof location === 'undefined' ? null : location.origin;
  const base = baseUrl ?? origin;
  return useWebSocket(base && `${base.replace(/^http/, 'ws').replace(/\/+$/, '')}/api/ws/${feed}`, options);
};

export const useBackendsWebSocket = socket('backends');
export const useMetricsWebSocket = socket('metrics');
export const useStatusWebSocket = socket('status');
export const useBillingWebSocket = socket('billing');
export const useHealthWebSocket = socket('health');
