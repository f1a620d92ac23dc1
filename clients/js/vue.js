// Vue: composables over the client. They connect when their component is mounted, never on a server that renders, and clean
// up with their scope.
import { computed, getCurrentInstance, getCurrentScope, hasInjectionContext, inject, onMounted, onScopeDispose, provide, shallowRef, toValue, watch } from 'vue';
import { Link, NOTHING_YET, linkOptions, pageClient } from './veloflux.js';

const CLIENT = Symbol('veloflux');

/** Gives a client to every component below. Whoever made the client closes it. */
export function provideVeloFlux(client) {
  provide(CLIENT, client);
}

/** The client the composables here use: the nearest that was provided, else the one of the page. */
export function useVeloFlux() {
  return (hasInjectionContext() ? inject(CLIENT, null) : null) ?? pageClient();
}

/** Runs `start` where there is a page, for a component once it is mounted. What it returns ends it, with the scope. */
function living(start) {
  let end;
  let over = false;
  const begin = () => {
    if (!over) end = start();
  };
  if (getCurrentInstance()) onMounted(begin);
  else if (typeof document !== 'undefined') begin();
  if (getCurrentScope()) {
    onScopeDispose(() => {
      over = true;
      end?.();
    });
  }
}

// ---- the state of a feed

/** The live state of a feed, a ref for each part of its snapshot. All that show the same feed share its connection. */
export function useFeed(feed, { client, enabled = true } = {}) {
  const flux = client ?? useVeloFlux();
  // Where a server has rendered, the first rendering here has to be the same: of nothing yet.
  const snapshot = shallowRef(NOTHING_YET);
  living(() => {
    const look = () => {
      snapshot.value = flux.snapshot(feed);
    };
    const unheard = flux.on('change', (changed) => changed === feed && look());
    look();
    let unused = null;
    const unwatched = watch(() => toValue(enabled), (wanted) => {
      unused?.();
      unused = wanted && !flux.closed ? flux.use(feed) : null;
    }, { immediate: true });
    return () => {
      unwatched();
      unused?.();
      unheard();
    };
  });
  const part = (name) => computed(() => snapshot.value[name]);
  return { snapshot, data: part('data'), stale: part('stale'), restored: part('restored'), receivedAt: part('receivedAt'), connectionStatus: part('link'), error: part('error') };
}

export const useBackends = (options) => useFeed('backends', options);
export const useMetrics = (options) => useFeed('metrics', options);
export const useStatus = (options) => useFeed('status', options);
export const useBilling = (options) => useFeed('billing', options);
export const useHealth = (options) => useFeed('health', options);

// ---- a connection of its own

/**
 * One connection of its own: `{data, connectionStatus, error, sendMessage, disconnect, reconnect}`; `data` is the last message.
 * The URL may be a ref or a getter; another value is another connection, and without one nothing is connected.
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
    [data.value, connectionStatus.value, error.value] = [null, address ? 'Connecting' : 'Disconnected', null];
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
    const unwatched = watch(() => toValue(url), open, { immediate: true });
    return () => {
      unwatched();
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

/** The composable for one feed: of `baseUrl`, else of the client's server. */
const feedSocket = (feed) => ({ baseUrl, ...options } = {}) => {
  const base = (baseUrl ?? useVeloFlux().url).replace(/^http/, 'ws').replace(/\/+$/, '');
  return useWebSocket(`${base}/api/ws/${feed}`, options);
};

export const useBackendsWebSocket = feedSocket('backends');
export const useMetricsWebSocket = feedSocket('metrics');
export const useStatusWebSocket = feedSocket('status');
export const useBillingWebSocket = feedSocket('billing');
export const useHealthWebSocket = feedSocket('health');
