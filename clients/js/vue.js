// Vue: composables over the client. They connect when their component is mounted, and clean up with their scope.
import { computed, getCurrentInstance, getCurrentScope, hasInjectionContext, inject, onMounted, onScopeDispose, provide, shallowRef, toValue, watch } from 'vue';
import { Link, VeloFlux, linkOptions } from './veloflux.js';

const CLIENT = Symbol('veloflux');

let shared = null;
/** The client of composables that were given none: one for the page, of the server the page came from. */
const common = () => {
  if (!shared || shared.closed) shared = new VeloFlux();
  return shared;
};

/** Gives a client to every component below. Whoever made the client closes it. */
export function provideVeloFlux(client) {
  provide(CLIENT, client);
}

/** The client the composables here use. */
export function useVeloFlux() {
  return (hasInjectionContext() ? inject(CLIENT, null) : null) ?? common();
}

/** Runs `start` once there is something to show: never on a server that renders. What it returns ends it. */
function living(start) {
  let end;
  let over = false;
  const begin = () => {
    if (!over) end = start();
  };
  if (getCurrentInstance()) onMounted(begin);
  else begin();
  if (getCurrentScope()) {
    onScopeDispose(() => {
      over = true;
      end?.();
    });
  }
}

/** The live state of a feed: a ref for each part of it. */
export function useFeed(feed, { client } = {}) {
  const flux = client ?? useVeloFlux();
  const snapshot = shallowRef(flux.snapshot(feed));
  living(() => {
    const ends = [flux.on('change', (changed) => {
      if (changed === feed) snapshot.value = flux.snapshot(feed);
    }), flux.closed ? () => {} : flux.use(feed)];
    snapshot.value = flux.snapshot(feed);
    return () => ends.forEach((end) => end());
  });
  const part = (name) => computed(() => snapshot.value[name]);
  return { snapshot, data: part('data'), stale: part('stale'), restored: part('restored'), receivedAt: part('receivedAt'), connectionStatus: part('link'), error: part('error') };
}

export const useBackends = (options) => useFeed('backends', options);
export const useMetrics = (options) => useFeed('metrics', options);
export const useStatus = (options) => useFeed('status', options);
export const useBilling = (options) => useFeed('billing', options);
export const useHealth = (options) => useFeed('health', options);

/**
 * One connection of its own: `{data, connectionStatus, error, sendMessage, disconnect, reconnect}`; `data` is the last message.
 * The URL may be a ref or a getter; without one nothing is connected.
 */
export function useWebSocket(url, options = {}) {
  const { onMessage, onOpen, onClose, onError, ...settings } = options;
  const data = shallowRef(null);
  const connectionStatus = shallowRef('Connecting');
  const error = shallowRef(null);
  let link = null;
  const drop = () => {
    link?.removeAll();
    link?.close();
    link = null;
  };
  const open = (address) => {
    drop();
    if (!address) return;
    link = new Link(address, linkOptions(settings));
    link.on('link', ({ state, reason }) => {
      connectionStatus.value = state;
      error.value = state === 'Connected' ? null : reason ?? error.value;
    });
    link.on('message', (message) => {
      data.value = message;
      onMessage?.(message);
    });
    for (const [event, listener] of Object.entries({ open: onOpen, close: onClose, error: onError })) {
      if (listener) link.on(event, listener);
    }
    link.open();
  };
  living(() => {
    const end = watch(() => toValue(url), open, { immediate: true });
    return () => {
      end();
      drop();
    };
  });
  return {
    data,
    connectionStatus,
    error,
    sendMessage: (message) => link?.send(message) ?? false,
    disconnect: () => link?.close(),
    reconnect: () => link?.reconnect(),
  };
}

const socket = (feed) => ({ baseUrl, ...options } = {}) => useWebSocket(() => {
  const base = baseUrl ?? (typeof location === 'undefined' ? null : location.origin);
  return base && `${base.replace(/^http/, 'ws').replace(/\/+$/, '')}/api/ws/${feed}`;
}, options);

export const useBackendsWebSocket = socket('backends');
export const useMetricsWebSocket = socket('metrics');
export const useStatusWebSocket = socket('status');
export const useBillingWebSocket = socket('billing');
export const useHealthWebSocket = socket('health');
