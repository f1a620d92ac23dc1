// React: hooks over the client. They connect after the first paint, never on a server that renders, and leave nothing behind.
import { createContext, createElement, useCallback, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { Link, NOTHING_YET, linkOptions, pageClient } from './veloflux.js';

const Client = createContext(null);

/** Gives a client to every hook below. Whoever made the client closes it. */
export function VeloFluxProvider({ client, children }) {
  return createElement(Client.Provider, { value: client }, children);
}

/** The client the hooks here use: the nearest that was provided, else the one of the page. */
export function useVeloFlux() {
  return useContext(Client) ?? pageClient();
}

// ---- the state of a feed

/** The live state of a feed: its snapshot, with `connectionStatus`. All that show the same feed share its connection. */
export function useFeed(feed, { client, enabled = true } = {}) {
  const nearest = useVeloFlux();
  const flux = client ?? nearest;
  useEffect(() => (enabled && !flux.closed ? flux.use(feed) : undefined), [flux, feed, enabled]);
  const subscribe = useCallback((notify) => flux.on('change', (changed) => changed === feed && notify()), [flux, feed]);
  // Where a server has rendered, the first rendering here has to be the same: of nothing yet.
  const snapshot = useSyncExternalStore(subscribe, () => flux.snapshot(feed), () => NOTHING_YET);
  return useMemo(() => ({ ...snapshot, connectionStatus: snapshot.link }), [snapshot]);
}

export const useBackends = (options) => useFeed('backends', options);
export const useMetrics = (options) => useFeed('metrics', options);
export const useStatus = (options) => useFeed('status', options);
export const useBilling = (options) => useFeed('billing', options);
export const useHealth = (options) => useFeed('health', options);

// ---- a connection of its own

const UNHEARD = Object.freeze({ data: null, connectionStatus: 'Connecting', error: null });

/**
 * One connection of its own: `{data, connectionStatus, error, sendMessage, disconnect, reconnect}`; `data` is the last message.
 * `onMessage`, `onOpen`, `onClose`, `onError` and `token` may be new functions at every rendering: the newest is called, and
 * the connection stays. Without a URL nothing is connected.
 */
export function useWebSocket(url, options = {}) {
  const { onMessage, onOpen, onClose, onError, token, environment, ...settings } = options;
  const [view, show] = useState(UNHEARD);
  const link = useRef(null);
  const newest = useRef(options);
  useEffect(() => {
    newest.current = options;
  });
  // Options are written anew at every rendering, too; only other values are other options.
  const written = JSON.stringify(settings);
  useEffect(() => {
    if (!url) {
      show({ ...UNHEARD, connectionStatus: 'Disconnected' });
      return undefined;
    }
    show(UNHEARD);
    const { token: now } = newest.current;
    const current = typeof now === 'function' ? () => newest.current.token() : now;
    const made = new Link(url, { ...linkOptions(newest.current), token: current });
    link.current = made;
    made.on('link', ({ state, reason }) => show((old) => ({ ...old, connectionStatus: state, error: state === 'Connected' ? null : reason ?? old.error })));
    made.on('message', (data) => {
      show((old) => ({ ...old, data }));
      newest.current.onMessage?.(data);
    });
    made.on('open', (event) => newest.current.onOpen?.(event));
    made.on('close', (event) => newest.current.onClose?.(event));
    made.on('error', (event) => newest.current.onError?.(event));
    made.open();
    return () => {
      made.removeAll();
      made.close();
      link.current = null;
    };
  }, [url, written]);
  const said = typeof token === 'function' ? null : token;
  useEffect(() => {
    if (said) link.current?.authenticate(said);
  }, [said]);
  const sendMessage = useCallback((message) => link.current?.send(message) ?? false, []);
  const disconnect = useCallback(() => link.current?.close(), []);
  const reconnect = useCallback(() => link.current?.reconnect(), []);
  return { ...view, sendMessage, disconnect, reconnect };
}

/** The hook for one feed: of `baseUrl`, else of the client's server. */
const feedSocket = (feed) => function useFeedSocket({ baseUrl, ...options } = {}) {
  const { url } = useVeloFlux();
  const base = (baseUrl ?? url).replace(/^http/, 'ws').replace(/\/+$/, '');
  return useWebSocket(`${base}/api/ws/${feed}`, options);
};

export const useBackendsWebSocket = feedSocket('backends');
export const useMetricsWebSocket = feedSocket('metrics');
export const useStatusWebSocket = feedSocket('status');
export const useBillingWebSocket = feedSocket('billing');
export const useHealthWebSocket = feedSocket('health');
